//! The folder in which `guard` keeps what it has captured: names, a budget, room on the disk.
//!
//! Only files that are called as we call them are ever deleted, the oldest first; whatever else lies there counts for nothing and stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::codes;
use crate::error::{CommandError, shown};
use crate::output;
use crate::render::number;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    budget: u64,
}

/// Our files begin and end so.
const FRONT: &str = "heapwhy-";
const END: &str = ".core";
/// Whatever the budget says, so much of the disk stays free, in bytes.
const SPARE: u64 = 200_000_000;

impl Evidence {
    /// Opens the folder; where there is none, it is made for its owner alone.
    pub(crate) fn open(folder: &Path, budget: u64) -> Result<Self, CommandError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| output::failed(folder, &error))?;
        Ok(Self { folder: folder.to_owned(), budget })
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns how a capture is called.
    pub(crate) fn path(&self, time: SystemTime, pid: i32, cause: &str) -> PathBuf {
        // Two may come within a second.
        let millis = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
        let time = number::utc(time).replace(['-', ':', 'Z'], "");
        self.folder.join(format!("{FRONT}{time}{millis:03}Z-{pid}-{cause}{END}"))
    }

    /// Makes room for so many bytes: deletes the oldest captures until they fit into the budget. Returns what was deleted.
    pub(crate) fn make_room(&self, bytes: u64) -> Result<Vec<PathBuf>, CommandError> {
        let no_room = |what: String| CommandError::new(&codes::NO_ROOM, what);
        if bytes > self.budget {
            let what = format!("a capture takes about {}, and the budget is {}", number::bytes(bytes), number::bytes(self.budget));
            return Err(no_room(what).hint("--budget SIZE"));
        }
        let failed = |error: io::Error| output::failed(&self.folder, &error);
        let mut captures = self.captures().map_err(failed)?;
        let mut deleted = Vec::new();
        while captures.iter().map(|capture| capture.bytes).sum::<u64>().saturating_add(bytes) > self.budget {
            let oldest = captures.remove(0);
            oldest.files.iter().try_for_each(fs::remove_file).map_err(failed)?;
            deleted.extend(oldest.files);
        }
        match free(&self.folder) {
            Some(free) if free < bytes.saturating_add(SPARE) => {
                let what =
                    format!("a capture takes about {}, and {} has {} left", number::bytes(bytes), shown(&self.folder), number::bytes(free));
                Err(no_room(what).hint("--dir DIR on another disk"))
            }
            _ => Ok(deleted),
        }
    }

    /// Lists captures, the oldest first, each with its indexes.
    fn captures(&self) -> io::Result<Vec<Kept>> {
        let mut files: Vec<(PathBuf, u64)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                files.push((entry.path(), occupied(&metadata)));
            }
        }
        files.sort();
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let own = files.iter().filter(|(path, _)| is_own(&name(path)));
        let kept = own.map(|(path, _)| {
            let front = name(path);
            let is_of_it = |other: &str| other == front || other.strip_prefix(front.as_str()).is_some_and(is_index);
            let of_it: Vec<&(PathBuf, u64)> = files.iter().filter(|(other, _)| is_of_it(&name(other))).collect();
            Kept { bytes: of_it.iter().map(|(_, bytes)| bytes).sum(), files: of_it.into_iter().map(|(path, _)| path.clone()).collect() }
        });
        Ok(kept.collect())
    }
}

/// A capture and its indexes.
struct Kept {
    files: Vec<PathBuf>,
    bytes: u64,
}

/// Says whether a file is called as we call captures: `heapwhy-20261130T170509123Z-7073-heap.core`.
fn is_own(name: &str) -> bool {
    let parts: Option<Vec<&str>> = name.strip_prefix(FRONT).and_then(|rest| rest.strip_suffix(END)).map(|rest| rest.split('-').collect());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = |text: &str| {
        let (date, time) = text.split_once('T').unwrap_or_default();
        date.len() == 8 && digits(date) && time.strip_suffix('Z').is_some_and(|time| time.len() == 9 && digits(time))
    };
    parts.is_some_and(|parts| matches!(parts[..], [time, pid, "heap" | "rss" | "slope"] if is_time(time) && digits(pid)))
}

/// Says whether what follows a capture's name makes it one of its indexes.
fn is_index(rest: &str) -> bool {
    rest.starts_with('.') && rest.ends_with(".hwy")
}

/// Returns how much of the disk a file takes: images have holes.
#[cfg(unix)]
pub(crate) fn occupied(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata).saturating_mul(512)
}

#[cfg(not(unix))]
pub(crate) fn occupied(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

/// Returns how many bytes of the disk are free to us.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_go_first_and_never_what_is_not_ours() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("kept");
        let evidence = Evidence::open(&folder, 100_000).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let foreign = ["core.1", "heapwhy-notes.core", "heapwhy-20261130T170509123Z-7073-heap.core.bak", "a.hwy"];
        foreign.iter().for_each(|name| fs::write(folder.join(name), vec![1; 50_000]).unwrap());
        let put = |seconds: u64| {
            let path = evidence.path(UNIX_EPOCH + Duration::from_secs(seconds), 7073, "heap");
            fs::write(&path, vec![1; 40_000]).unwrap();
            path
        };
        let (first, second) = (put(100), put(200));
        let index = PathBuf::from(format!("{}.weak.hwy", first.display()));
        fs::write(&index, b"x").unwrap();
        assert_eq!(evidence.make_room(10).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(evidence.make_room(40_000).unwrap(), [first, index]);
        assert_eq!(evidence.make_room(100_000).unwrap(), [second]);
        assert_eq!(names(&folder).len(), foreign.len());
        assert_eq!(evidence.make_room(100_001).unwrap_err().code.id, codes::NO_ROOM.id);
    }

    #[test]
    fn only_our_names_are_ours() {
        let check = |name: &str, expect: bool| assert_eq!(is_own(name), expect, "{name}");
        check("heapwhy-20261130T170509123Z-7073-heap.core", true);
        check("heapwhy-20261130T170509123Z-7073-slope.core", true);
        check("heapwhy-20261130T170509123Z-7073-mine.core", false);
        check("heapwhy-20261130-7073-heap.core", false);
        check("heapwhy-20261130T170509123Z--heap.core", false);
        check("heapwhy-.core", false);
        check("core.7073", false);
        let evidence = Evidence { folder: PathBuf::new(), budget: 0 };
        let path = evidence.path(UNIX_EPOCH, 1, "rss");
        assert!(is_own(&path.display().to_string()), "{path:?}");
    }

    #[test]
    fn a_disk_that_is_full_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = Evidence::open(folder.path(), u64::MAX).unwrap();
        assert_eq!(evidence.make_room(1 << 60).unwrap_err().code.id, codes::NO_ROOM.id);
    }
}
