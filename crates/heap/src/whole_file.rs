//! Files that appear whole or not at all: filled without a name in the folder where they shall stand, and named when complete.
//!
//! A nameless file is gone however the process ends, by a second Ctrl-C too. Where the file system knows none (NFS, older overlays), the
//! file has a temporary name meanwhile, and only an end without notice leaves it behind. Either way it has mode 0600.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::NamedTempFile;

/// How temporary files are called, where they must have a name.
const PREFIX: &str = ".heapwhy-";

/// A file that is being filled.
#[derive(Debug)]
pub struct WholeFile {
    folder: PathBuf,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Nameless(File),
    Named(NamedTempFile),
}

impl WholeFile {
    /// Starts a file that will replace `goal`.
    ///
    /// # Errors
    /// What the system says of the folder; never the temporary name.
    pub fn beside(goal: &Path) -> io::Result<Self> {
        let folder = goal.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let inner = match nameless(&folder) {
            Some(file) => Inner::Nameless(file?),
            None => Inner::Named(tempfile::Builder::new().prefix(PREFIX).tempfile_in(&folder).map_err(without_name)?),
        };
        Ok(Self { folder, inner })
    }

    /// Returns the file, to be filled.
    pub fn file(&mut self) -> &mut File {
        match &mut self.inner {
            Inner::Nameless(file) => file,
            Inner::Named(file) => file.as_file_mut(),
        }
    }

    /// Puts the file where `goal` is, in the place of what is there.
    ///
    /// # Errors
    /// What the system says. Nothing is left behind then, and an old file stays.
    pub fn name(self, goal: &Path) -> io::Result<()> {
        match self.inner {
            Inner::Nameless(file) => link(&file, goal, &self.folder),
            Inner::Named(file) => file.persist(goal).map(drop).map_err(|error| without_name(error.error)),
        }
    }
}

/// Opens a nameless file; `None` where there is no such thing, or no way to name it later.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Option<io::Result<File>> {
    use rustix::io::Errno;
    if !Path::new("/proc/self/fd").is_dir() {
        return None;
    }
    match rustix::fs::open(folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Some(Ok(File::from(file))),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => None,
        Err(error) => Some(Err(error.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> Option<io::Result<File>> {
    None
}

/// Names a nameless file. A link cannot replace a file, so an old one is replaced by renaming.
fn link(file: &File, goal: &Path, folder: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |to: &Path| rustix::fs::linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(goal) {
        Err(rustix::io::Errno::EXIST) => {}
        other => return Ok(other?),
    }
    let between = tempfile::Builder::new().prefix(PREFIX).make_in(folder, |path| Ok(link(path)?)).map_err(without_name)?;
    between.persist(goal).map_err(|error| without_name(error.error))
}

/// Takes a temporary name, which no user ever named, out of an error: `tempfile` wraps the system's errors, keeping only their kind.
pub(crate) fn without_name(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() { error } else { error.kind().into() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn appears_whole_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let goal = folder.path().join("a");
        for text in ["first", "second"] {
            let mut file = WholeFile::beside(&goal).unwrap();
            file.file().write_all(text.as_bytes()).unwrap();
            file.name(&goal).unwrap();
            assert_eq!((fs::read_to_string(&goal).unwrap().as_str(), names(folder.path())), (text, vec!["a".to_owned()]));
            assert_eq!(fs::metadata(&goal).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn has_no_name_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = WholeFile::beside(&folder.path().join("a")).unwrap();
        file.file().write_all(b"half").unwrap();
        // Where the file system knows no nameless files there is nothing to see here.
        if matches!(file.inner, Inner::Nameless(_)) {
            assert_eq!(names(folder.path()), Vec::<String>::new());
        }
    }

    #[test]
    fn errors_do_not_name_what_nobody_named() {
        let missing = WholeFile::beside(Path::new("/nowhere/at/all/goal")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let made = tempfile::Builder::new().prefix(PREFIX).tempfile_in("/nowhere/at/all").unwrap_err();
        assert!(made.to_string().contains(PREFIX));
        let told = without_name(made);
        assert!(!told.to_string().contains("nowhere") && told.kind() == io::ErrorKind::NotFound, "{told}");
    }
}
