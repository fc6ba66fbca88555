//! What crosses the borders of services: tests of the whole suite and of the house, and what they stand on.

pub mod contract;

use std::path::{Path, PathBuf};

use qihang_kit::telemetry::Metrics;
use qihang_standalone::{
    demo::Plan,
    postgres::Use,
    secrets::Secrets,
    suite::{self, ADMINISTRATOR, Options, Running},
};

/// 哈尔滨工业大学, the school of every walk.
pub const SCHOOL: &str = "4123010213";

/// A folder that is gone when the value goes.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder with a name that says whose it is. Anybody may pass through it: as root PostgreSQL is another user.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("qihang-{name}-{}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A suite in this process on a folder and a database of its own.
pub struct Standalone {
    /// The suite.
    pub running: Running,
    /// Its secrets.
    pub secrets: Secrets,
    folder: Scratch,
}

impl Standalone {
    /// Starts it with settings on top of the defaults.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(name: &str, metrics: Metrics, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = Scratch::new(name)?;
        let secrets = Secrets::open(&folder.path().join("secrets"))?;
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let options = Options {
            http: Some(([127, 0, 0, 1], 0).into()),
            purpose: Use::Throwaway,
            settings: settings.collect(),
            at_work: true,
        };
        let running = suite::start(folder.path(), &secrets, options, metrics).await?;
        Ok(Self {
            running,
            secrets,
            folder,
        })
    }

    /// Its data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A plan of a walk with so many students.
    #[must_use]
    pub fn plan(&self, run: u32, students: u32) -> Plan {
        plan(&self.secrets, run, students)
    }

    /// Stops it.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// A plan of a walk.
#[must_use]
pub fn plan(secrets: &Secrets, run: u32, students: u32) -> Plan {
    plan_at(secrets, SCHOOL, run, students)
}

/// A plan of a walk at a school.
#[must_use]
pub fn plan_at(secrets: &Secrets, school: &str, run: u32, students: u32) -> Plan {
    Plan {
        login: ADMINISTRATOR.to_owned(),
        password: secrets.bootstrap_password.clone(),
        totp: secrets.bootstrap_totp.clone(),
        run,
        school_code: school.to_owned(),
        students,
    }
}

/// The folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_owned)
}

/// The folder of the programs that were built with this test.
#[must_use]
pub fn programs() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps"));
    folder.map_or_else(PathBuf::new, Path::to_owned)
}
