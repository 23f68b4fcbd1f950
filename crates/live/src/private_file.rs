//! Files that hold somebody's memory: readable by their owner only, and never there half-written.
//!
//! The bytes go to a temporary name in the same folder; [`PrivateFile::finish`] renames. Whatever happens before that, the
//! temporary file is removed when the value is dropped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

use crate::{LiveError, Result};

/// A file that is being written. Dropped before [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct PrivateFile {
    /// `None` once it is finished.
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
    bytes: u64,
}

impl PrivateFile {
    /// Starts a file that will replace `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |source| LiveError::Write { path: path.to_owned(), source };
        let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let mut temporary = name.to_owned();
        temporary.push(format!(".{}.partial", process::id()));
        let temporary = path.with_file_name(temporary);
        // Left by a process of the same id that was killed.
        let _ = fs::remove_file(&temporary);
        let file = options().open(&temporary).map_err(failed)?;
        Ok(Self { file: Some(BufWriter::with_capacity(1 << 16, file)), temporary, path: path.to_owned(), bytes: 0 })
    }

    /// Returns how many bytes were written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives the file its name. Returns its size in bytes.
    pub fn finish(mut self) -> Result<u64> {
        self.flush().and_then(|()| fs::rename(&self.temporary, &self.path)).map_err(|source| self.failed(source))?;
        self.file = None;
        Ok(self.bytes)
    }

    /// Says in whose place an error happened.
    pub(crate) fn failed(&self, source: io::Error) -> LiveError {
        LiveError::Write { path: self.path.clone(), source }
    }
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let written = file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Not flushed: what is in the buffer belongs to a file that nobody will see.
            drop(file.into_parts());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[cfg(unix)]
    #[test]
    fn appears_only_when_finished_and_only_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.heapsnapshot");
        fs::write(&path, "older, readable by all").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut file = PrivateFile::create(&path).unwrap();
        file.write_all(b"{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "older, readable by all");
        assert_eq!(file.finish().unwrap(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["1.heapsnapshot"]);
    }

    #[test]
    fn dropped_early_it_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = PrivateFile::create(&dir.path().join("a")).unwrap();
        file.write_all(&[b'x'; 100_000]).unwrap();
        assert_eq!(names(dir.path()).len(), 1);
        drop(file);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/such/a");
        let error = PrivateFile::create(&path).unwrap_err();
        assert!(error.to_string().contains("no/such/a"), "{error}");
    }
}
