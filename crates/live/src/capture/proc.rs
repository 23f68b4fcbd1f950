//! What `/proc` tells of a process: what it is, its threads, its mappings and what the kernel does with them when it clones itself.
//!
//! Only reading; nothing here stops or changes a process. Text comes from the kernel, names in it from strangers.

use std::fs;
use std::io;
use std::path::PathBuf;

/// What a process is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The state of its first thread: a letter.
    pub(crate) state: char,
    /// The thread that traces it; 0 for none.
    pub(crate) tracer: i32,
    /// The user that it runs as: real, effective, saved.
    pub(crate) users: [u32; 3],
    /// Its group.
    pub(crate) group: u32,
    /// How its system calls are filtered: 2 where a program of its own decides.
    pub(crate) seccomp: u32,
    /// Whether the hardware guards its return addresses.
    pub(crate) shadow_stack: bool,
    /// Whether it may trace processes of others (CAP_SYS_PTRACE).
    pub(crate) may_trace: bool,
    /// Whether it may administer the system (CAP_SYS_ADMIN).
    pub(crate) may_administer: bool,
    /// Memory that it occupies, in bytes.
    pub(crate) resident: u64,
    /// Of that, what came from nowhere, what is of files, what is shared.
    pub(crate) kinds: [u64; 3],
    /// Memory that was swapped out, in bytes.
    pub(crate) swapped: u64,
    /// Memory of its page tables, in bytes.
    pub(crate) page_tables: u64,
    /// The signals that it ignores, and those that it catches, a bit each; `None` where the kernel does not tell.
    pub(crate) ignored: Option<u64>,
    /// See `ignored`.
    pub(crate) caught: Option<u64>,
    /// Its number as it sees it itself: in a container it has another.
    pub(crate) own_number: Option<i32>,
    /// Its short name.
    pub(crate) name: String,
}

/// The place of pages of files among `Status::kinds`.
pub(crate) const OF_FILES: usize = 1;

/// What `stat` tells besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Its parent, group and session.
    pub(crate) parent: i32,
    /// Its process group.
    pub(crate) group: i32,
    /// Its session.
    pub(crate) session: i32,
    /// When it was started, in ticks since the system was.
    pub(crate) started: u64,
    /// The state: a letter.
    pub(crate) state: char,
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// First address.
    pub(crate) start: u64,
    /// One past the last address.
    pub(crate) end: u64,
    /// Read, write, execute.
    pub(crate) rights: [bool; 3],
    /// Whether writes stay the process's own.
    pub(crate) private: bool,
    /// Where in the file it begins, in bytes.
    pub(crate) offset: u64,
    /// Whether a file is behind it.
    pub(crate) has_file: bool,
    /// The file's path, or the kernel's word in brackets; empty for neither.
    pub(crate) name: String,
}

impl Mapping {
    /// Says whether it is memory that came from nowhere and is shared with nobody.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.private && !self.has_file && !self.name.starts_with("[v")
    }

    /// Returns its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.start
    }
}

/// Returns the path of something of a process.
pub(crate) fn path(pid: i32, what: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{what}"))
}

/// Reads what a process is.
pub(crate) fn status(pid: i32) -> io::Result<Status> {
    Ok(parse_status(&fs::read_to_string(path(pid, "status"))?))
}

/// Bits of a set of capabilities.
const CAP_SYS_PTRACE: u64 = 1 << 19;
const CAP_SYS_ADMIN: u64 = 1 << 21;

pub(crate) fn parse_status(text: &str) -> Status {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim();
    let number = |name: &str| field(name).split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    let mut users = field("Uid").split_ascii_whitespace().map(|word| word.parse().unwrap_or(u32::MAX));
    let set = |name: &str| u64::from_str_radix(field(name), 16).ok();
    let has = |capability: u64| set("CapEff").is_some_and(|rights| rights & capability != 0);
    let mut user = || users.next().unwrap_or(u32::MAX);
    Status {
        state: field("State").chars().next().unwrap_or('?'),
        tracer: i32::try_from(number("TracerPid")).unwrap_or(0),
        users: [user(), user(), user()],
        group: u32::try_from(number("Gid")).unwrap_or(u32::MAX),
        seccomp: u32::try_from(number("Seccomp")).unwrap_or(2),
        shadow_stack: field("x86_Thread_features").contains("shstk"),
        may_trace: has(CAP_SYS_PTRACE),
        may_administer: has(CAP_SYS_ADMIN),
        resident: kilobytes(field("VmRSS")),
        kinds: ["RssAnon", "RssFile", "RssShmem"].map(|kind| kilobytes(field(kind))),
        swapped: kilobytes(field("VmSwap")),
        page_tables: kilobytes(field("VmPTE")),
        ignored: set("SigIgn"),
        caught: set("SigCgt"),
        own_number: field("NSpid").split_ascii_whitespace().last().and_then(|number| number.parse().ok()),
        name: field("Name").to_owned(),
    }
}

/// Reads `stat` of a process, or of one of its threads (`task/TID/stat`).
pub(crate) fn stat(pid: i32, what: &str) -> io::Result<Stat> {
    parse_stat(&fs::read_to_string(path(pid, what))?).ok_or(io::ErrorKind::InvalidData.into())
}

fn parse_stat(text: &str) -> Option<Stat> {
    // A name may hold anything, brackets too.
    let words: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |at: usize| words.get(at)?.parse().ok();
    Some(Stat {
        state: words.first()?.chars().next()?,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        started: words.get(19)?.parse().ok()?,
    })
}

/// Lists the threads of a process that are alive, the first one first.
pub(crate) fn threads(pid: i32) -> io::Result<Vec<i32>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(path(pid, "task"))? {
        let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if is_alive(pid, tid) {
            threads.push(tid);
        }
    }
    threads.sort_unstable_by_key(|&tid| (tid != pid, tid));
    Ok(threads)
}

/// Says whether a thread is there and has not ended.
pub(crate) fn is_alive(pid: i32, tid: i32) -> bool {
    stat(pid, &format!("task/{tid}/stat")).is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Returns the id of the calling thread.
pub(crate) fn own_thread() -> Option<i32> {
    fs::read_link("/proc/thread-self").ok()?.file_name()?.to_str()?.parse().ok()
}

/// Lists all processes.
pub(crate) fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").map(|entries| entries.flatten().collect()).unwrap_or_else(|_| Vec::new());
    entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Reads the mappings, rising.
pub(crate) fn mappings(pid: i32) -> io::Result<Vec<Mapping>> {
    let text = fs::read(path(pid, "maps"))?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(parse_mapping).collect())
}

/// A mapping, with what the kernel tells of it at length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// The mapping.
    pub(crate) mapping: Mapping,
    /// What the kernel calls its flags: two letters each.
    pub(crate) flags: String,
    /// How much of it is in memory, in bytes.
    pub(crate) resident: u64,
    /// How much of it was swapped out, in bytes.
    pub(crate) swapped: u64,
}

impl Described {
    /// Says whether it has a flag.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.split_ascii_whitespace().any(|one| one == flag)
    }
}

/// Reads the mappings with all that the kernel tells of them: it counts their pages for that.
pub(crate) fn mappings_described(pid: i32) -> io::Result<Vec<Described>> {
    let text = fs::read(path(pid, "smaps"))?;
    let text = String::from_utf8_lossy(&text);
    let mut found: Vec<Described> = Vec::new();
    for line in text.lines() {
        if let Some(mapping) = parse_mapping(line) {
            found.push(Described { mapping, flags: String::new(), resident: 0, swapped: 0 });
        } else if let (Some((name, rest)), Some(last)) = (line.split_once(':'), found.last_mut()) {
            match name {
                "Rss" => last.resident = kilobytes(rest),
                "Swap" => last.swapped = kilobytes(rest),
                "VmFlags" => rest.trim().clone_into(&mut last.flags),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Reads `12 kB` as bytes; what is no number is 0.
fn kilobytes(text: &str) -> u64 {
    text.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
}

fn parse_mapping(line: &str) -> Option<Mapping> {
    let mut rest = line;
    let mut word = || {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after;
        word
    };
    let (start, end) = word().split_once('-')?;
    let rights = word().as_bytes();
    let (offset, _device, inode) = (word(), word(), word());
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let has = |at: usize, letter: u8| rights.get(at) == Some(&letter);
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        rights: [has(0, b'r'), has(1, b'w'), has(2, b'x')],
        private: has(3, b'p'),
        offset: hex(offset)?,
        has_file: inode != "0",
        name: rest.trim_start().to_owned(),
    })
}

/// Returns how much of a process's memory is its own, in bytes: what was copied since it was cloned, or written.
pub(crate) fn own_bytes(pid: i32) -> io::Result<u64> {
    let text = fs::read_to_string(path(pid, "smaps_rollup"))?;
    let of = |name: &str| kilobytes(text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default());
    Ok(of("Private_Dirty:") + of("Private_Clean:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_understood() {
        let line = "7f0b70002000-7f0b70003000 r-xp 0001f000 fe:00 4711                       /opt/my node (x)/node (deleted)";
        let mapping = parse_mapping(line).unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.offset), (0x7f0b_7000_2000, 0x7f0b_7000_3000, 0x1f000));
        assert_eq!((mapping.rights, mapping.private, mapping.has_file), ([true, false, true], true, true));
        assert_eq!(mapping.name, "/opt/my node (x)/node (deleted)");
        let cases = [
            ("100000-101000 rw-p 00000000 00:00 0 ", true),
            ("100000-101000 rw-p 00000000 00:00 0                          [heap]", true),
            ("100000-101000 rw-s 00000000 00:01 12                         /dev/zero (deleted)", false),
            ("100000-101000 r--p 00000000 00:00 0                          [vvar]", false),
        ];
        for (line, expect) in cases {
            assert_eq!(parse_mapping(line).unwrap().is_anonymous(), expect, "{line}");
        }
        assert_eq!(parse_mapping("Rss:     12 kB"), None);
    }

    #[test]
    fn a_status_is_understood() {
        let text = "Name:\tnode\nState:\tS (sleeping)\nTracerPid:\t12\nUid:\t1000\t1001\t1002\t1000\nGid:\t5\t5\t5\t5\nVmRSS:\t    1024 kB\n\
            RssAnon:\t 900 kB\nRssFile:\t 100 kB\nRssShmem:\t 24 kB\nVmPTE:\t 8 kB\nVmSwap:\t 4 kB\nCapEff:\t00000000a80c25fb\nSeccomp:\t2\nx86_Thread_features:\tshstk \nx86_Thread_features_locked:\t\n";
        let status = parse_status(text);
        assert_eq!((status.state, status.tracer, status.users, status.group), ('S', 12, [1000, 1001, 1002], 5));
        assert!(status.may_trace);
        assert_eq!((status.kinds, status.swapped), ([900 << 10, 100 << 10, 24 << 10], 4096));
        assert_eq!((status.seccomp, status.shadow_stack, status.resident, status.page_tables), (2, true, 1 << 20, 8192));
    }

    #[test]
    fn a_stat_is_understood_whatever_the_name() {
        let text = "12 (a) b (c) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 11 0 987654 1 2 3";
        let expect = Stat { parent: 3, group: 4, session: 5, started: 987_654, state: 'S' };
        assert_eq!(parse_stat(text), Some(expect));
        assert_eq!(parse_stat("12 (a"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_process_is_read() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let here = std::ptr::from_ref(&pid).addr() as u64;
        let mappings = mappings(pid).unwrap();
        assert!(mappings.iter().any(|mapping| (mapping.start..mapping.end).contains(&here) && mapping.is_anonymous()));
        let described = mappings_described(pid).unwrap();
        assert!(described.iter().all(|one| ["rd", "mr", "ex"].iter().any(|flag| one.flags.contains(flag))));
        assert!(described.iter().any(|one| (one.mapping.start..one.mapping.end).contains(&here) && one.resident > 0));
        assert!(is_alive(pid, own_thread().unwrap()) && !is_alive(pid, i32::MAX));
        assert_eq!(status(pid).unwrap().own_number, Some(pid));
        assert!(threads(pid).unwrap().contains(&pid) && status(pid).unwrap().resident > 1 << 20 && own_bytes(pid).unwrap() > 0);
    }
}
