//! Machines with a wrong clock or a full disk, for programs that are told of them by `host.c` and know nothing of the test.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// What stands between a program and the C library.
const SOURCE: &str = include_str!("host.c");
/// Where in the file of a machine it stands that its disk is full; before it, how far its clock is ahead.
const DISK: u64 = 8;

/// One machine.
pub(crate) struct Host {
    library: String,
    file: String,
    wrong: File,
}

/// Builds what is loaded before programs; Rust itself needs a C compiler.
pub(crate) fn library(folder: &Path) -> anyhow::Result<PathBuf> {
    let library = folder.join("host.so");
    let mut compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&library)
        .args(["-x", "c", "-", "-ldl"])
        .stdin(Stdio::piped())
        .spawn()
        .context("cc")?;
    if let Some(mut input) = compiler.stdin.take() {
        input.write_all(SOURCE.as_bytes())?;
    }
    ensure!(compiler.wait()?.success(), "cc failed");
    Ok(library)
}

impl Host {
    /// A machine on which everything is right.
    pub(crate) fn new(library: &Path, name: &str) -> anyhow::Result<Self> {
        let path = library.with_file_name(format!("host-{name}"));
        let wrong = File::create(&path)?;
        wrong.write_all_at(&[0; 16], 0)?;
        // PostgreSQL is another user when this is root.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        Ok(Self {
            library: library.display().to_string(),
            file: path.display().to_string(),
            wrong,
        })
    }

    /// Variables of programs that run on it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("TEST_HOST", self.file.clone()),
        ]
    }

    /// Makes its clock jump, to so many seconds before the time that is right.
    pub(crate) fn set_clock(&self, seconds_ahead: i64) -> anyhow::Result<()> {
        Ok(self.wrong.write_all_at(&seconds_ahead.to_ne_bytes(), 0)?)
    }

    /// Fills its disk, or makes room.
    pub(crate) fn set_full(&self, full: bool) -> anyhow::Result<()> {
        Ok(self.wrong.write_all_at(&i64::from(full).to_ne_bytes(), DISK)?)
    }
}
