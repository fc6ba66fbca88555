//! The data folder: one suite at a time, found again by whoever asks whether one runs.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::secrets::Secrets;

/// A data folder that this process holds.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Takes the folder, making it when missing.
    ///
    /// # Errors
    /// When it cannot be written, or another suite runs on it: the message says where.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            // Others may pass through it, since PostgreSQL is another user when this one is root, but not look around.
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o711)
                .create(path)
                .with_context(|| format!("cannot make {}", path.display()))?;
        }
        let path = path.canonicalize()?;
        let mut lock = open_lock(&path)?;
        if lock.try_lock().is_err() {
            let mut note = String::new();
            lock.read_to_string(&mut note)?;
            let note = if note.is_empty() {
                "still starting"
            } else {
                note.trim()
            };
            bail!("a suite is already running on {}: {note}", path.display());
        }
        lock.set_len(0)?;
        Ok(Self { path, lock })
    }

    /// Notes for others where the suite listens.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn announce(&mut self, url: &str) -> anyhow::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        writeln!(self.lock, "{url} (process {})", std::process::id())?;
        Ok(self.lock.flush()?)
    }

    /// The folder, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its secrets.
    ///
    /// # Errors
    /// When they cannot be read or made.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        Secrets::open(&self.path.join("secrets"))
    }
}

/// URL of the suite that runs on a folder; `None` when none does, or when it has not come up yet.
#[must_use]
pub fn running(path: &Path) -> Option<String> {
    let mut lock = File::options().read(true).open(path.join("lock")).ok()?;
    if lock.try_lock_shared().is_ok() {
        return None;
    }
    let mut note = String::new();
    lock.read_to_string(&mut note).ok()?;
    note.split_whitespace().next().map(str::to_owned)
}

fn open_lock(path: &Path) -> anyhow::Result<File> {
    let file = path.join("lock");
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_suite_is_told_where_the_first_one_is() {
        let path = std::env::temp_dir().join(format!("qihang-folder-{}", std::process::id()));
        let mut first = DataFolder::take(&path).unwrap();
        assert_eq!(running(&path), None);
        first.announce("http://127.0.0.1:8080").unwrap();
        assert_eq!(running(&path).as_deref(), Some("http://127.0.0.1:8080"));
        let refusal = DataFolder::take(&path).unwrap_err().to_string();
        assert!(refusal.contains("already running"), "{refusal}");
        assert!(refusal.contains("http://127.0.0.1:8080"), "{refusal}");
        drop(first);
        assert_eq!(running(&path), None);
        fs::remove_dir_all(path).unwrap();
    }
}
