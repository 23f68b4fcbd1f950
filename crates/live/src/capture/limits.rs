//! How much memory is left: to a process in its control groups, and on the machine.
//!
//! Only reading. What the system does not tell counts as no limit.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Makes a file without a name for an image of so many bytes: in memory where there is room for two of it, else in the folder of
/// temporary files. It is gone when it is closed, or we end.
///
/// # Errors
/// What the system says.
pub fn nameless(bytes: u64) -> io::Result<File> {
    in_memory(bytes).map_or_else(tempfile::tempfile, Ok)
}

/// As `nameless`, in memory only: `None` where there is no room for two images of so many bytes.
#[must_use]
pub fn in_memory(bytes: u64) -> Option<File> {
    if least(left("self"), available()).unwrap_or(0) / 2 <= bytes {
        return None;
    }
    rustix::fs::memfd_create("heapwhy", rustix::fs::MemfdFlags::CLOEXEC).ok().map(File::from)
}

/// Returns how many bytes the machine could give out.
pub(crate) fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// A limit on the memory of a control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How much it may have, in bytes.
    pub limit: u64,
    /// How much of that is left, in bytes, with the pages of files that nobody has used lately: the kernel takes those back first.
    pub left: u64,
}

impl Group {
    /// Returns what it has, in bytes: all of its processes, without pages of files that nobody has used lately.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.limit.saturating_sub(self.left)
    }
}

/// Returns how much more memory there is for a process, in bytes: of its control groups' limits, and on the machine. `None` where nobody tells.
#[must_use]
pub fn room(pid: i32) -> Option<u64> {
    least(left(&pid.to_string()), available())
}

/// Returns the lesser of what a group has left and what there is on the machine.
pub(crate) fn least(group: Option<Group>, available: Option<u64>) -> Option<u64> {
    group.map(|group| group.left).into_iter().chain(available).min()
}

/// Returns the tightest limit on a process's control groups; `None` where there is none.
pub(crate) fn left(pid: &str) -> Option<Group> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let groups = text.lines().filter_map(folder).flat_map(|(folder, root, files)| {
        let folders: Vec<PathBuf> = folder.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned).collect();
        folders.into_iter().filter_map(move |folder| group(&folder, files))
    });
    groups.min_by_key(|group| group.left)
}

/// The files that hold a limit and what is used of it.
type Files = [&'static str; 2];
const FIRST: Files = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
const SECOND: Files = ["memory.max", "memory.current"];

/// Takes a line of `/proc/PID/cgroup`. Returns the group's folder, and that of the hierarchy.
fn folder(line: &str) -> Option<(PathBuf, &'static str, Files)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (root, files) = match controllers {
        "" => ("/sys/fs/cgroup", SECOND),
        _ if controllers.split(',').any(|one| one == "memory") => ("/sys/fs/cgroup/memory", FIRST),
        _ => return None,
    };
    Some((Path::new(root).join(path.trim_start_matches('/')), root, files))
}

fn group(folder: &Path, files: Files) -> Option<Group> {
    /// The first version has a limit always: this one means none.
    const NONE: u64 = 1 << 60;
    let [limit, used] = files.map(|file| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok());
    let limit = limit.filter(|&limit| limit < NONE)?;
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let used = used?.saturating_sub(inactive(&stat));
    Some(Group { limit, left: limit.saturating_sub(used) })
}

/// Takes `memory.stat`. Returns how much of what is used are pages of files that nobody has used lately, of groups below too.
fn inactive(stat: &str) -> u64 {
    let field = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
    // The first version counts a group alone where there is no `total`.
    field("total_inactive_file").or_else(|| field("inactive_file")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_both_versions_are_found() {
        let cases = [
            ("0::/app.slice/a", Some(("/sys/fs/cgroup/app.slice/a", SECOND))),
            ("5:cpu,memory:/docker/1", Some(("/sys/fs/cgroup/memory/docker/1", FIRST))),
            ("5:cpu:/docker/1", None),
            ("nonsense", None),
        ];
        for (line, expect) in cases {
            let found = folder(line).map(|(folder, _, files)| (folder.to_string_lossy().into_owned(), files));
            assert_eq!(found, expect.map(|(folder, files)| (folder.to_owned(), files)), "{line}");
        }
    }

    #[test]
    fn a_limit_leaves_what_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("memory.max", "max\n");
        put("memory.current", "1000\n");
        assert_eq!(group(folder.path(), SECOND), None);
        put("memory.max", "1500\n");
        assert_eq!(group(folder.path(), SECOND), Some(Group { limit: 1500, left: 500 }));
        let cases = [
            ("anon 600\ninactive_file 300\nactive_file 100\n", 800),
            ("inactive_file 100\ntotal_inactive_file 300\n", 800),
            ("inactive_file 5000\n", 1500),
            ("inactive_file many\n", 500),
        ];
        for (stat, left) in cases {
            put("memory.stat", stat);
            assert_eq!(group(folder.path(), SECOND), Some(Group { limit: 1500, left }), "{stat}");
        }
    }

    #[test]
    fn a_nameless_file_can_be_read_back() {
        use std::os::unix::fs::FileExt;
        for bytes in [1 << 20, u64::MAX] {
            let file = nameless(bytes).unwrap();
            file.write_all_at(b"x", 9).unwrap();
            assert_eq!(file.metadata().unwrap().len(), 10);
        }
    }
}
