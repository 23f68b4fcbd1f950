//! Filters of system calls (seccomp): whether a thread may make calls that are about to be made in its name.
//!
//! Every filter is asked about every call, with the arguments that it will have and from where it will be made. Only where each allows all of
//! them, a thread is lent: a filter may end the process for a call. The kernel shows filters of stopped threads, to whoever has
//! CAP_SYS_ADMIN and no filter of its own. Changes nothing.

use std::io;

use super::{bpf, proc, trace};

/// What filters say of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// There are none.
    None,
    /// All are allowed.
    Allows,
    /// One is not: which, and what would come of it.
    Refuses(String),
    /// Nobody can tell: why.
    Unknown(&'static str),
}

impl Filtering {
    /// Returns the stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Allows => "allows",
            Self::Refuses(_) => "refuses",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Returns what speaks against the calls; `None` where nothing does.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        match self {
            Self::None | Self::Allows => None,
            Self::Refuses(why) => Some(format!("a filter on its system calls (seccomp) does not allow {why}")),
            Self::Unknown(why) => Some(format!("a filter decides on its system calls (seccomp), and may end it for a clone: {why}")),
        }
    }
}

/// How system calls of a thread are filtered, by the kernel's numbers.
const NOT: u32 = 0;
const BY_PROGRAMS: u32 = 2;

/// Says why filters could not be read by us, where that is known before a thread is stopped for it.
pub(super) fn unreadable() -> Option<&'static str> {
    let own = proc::status(i32::try_from(std::process::id()).unwrap_or(0)).unwrap_or_default();
    match own {
        proc::Status { seccomp: 1.., .. } => Some("heapwhy has a filter of its own, so that the kernel does not show it that one"),
        proc::Status { may_administer: false, .. } => Some("the kernel shows it to those only who have CAP_SYS_ADMIN"),
        _ => None,
    }
}

/// Says whether calls of a thread are filtered.
pub(super) fn is_filtered(tid: i32) -> bool {
    proc::status(tid).map_or(BY_PROGRAMS, |status| status.seccomp) != NOT
}

/// Asks the filters of a thread that we have stopped.
pub(super) fn ask(tid: i32, calls: &[bpf::Call]) -> Filtering {
    match proc::status(tid).map_or(BY_PROGRAMS, |status| status.seccomp) {
        NOT => return Filtering::None,
        BY_PROGRAMS => {}
        _ => return Filtering::Refuses("anything but reading and writing".to_owned()),
    }
    if let Some(why) = unreadable() {
        return Filtering::Unknown(why);
    }
    match programs(tid) {
        Ok(programs) if programs.is_empty() => Filtering::Unknown("the kernel shows none"),
        Ok(programs) => judged(&programs, calls),
        Err(_) => Filtering::Unknown("the kernel does not show it to heapwhy"),
    }
}

/// Reads all filters of a thread, the newest first.
fn programs(tid: i32) -> io::Result<Vec<Vec<bpf::Instruction>>> {
    /// More than the kernel lets a thread have: 32,768 instructions in all, and four for each filter.
    const MOST: usize = 8192;
    let mut programs = Vec::new();
    while programs.len() < MOST {
        match trace::filter(tid, programs.len()) {
            Ok(program) => programs.push(program),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(programs),
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// What a filter answers, without what it says besides.
const ACTION: u32 = 0xffff_0000;
const ALLOW: u32 = 0x7fff_0000;
/// Allowed too, once the kernel has put it into its log.
const LOG: u32 = 0x7ffc_0000;

fn judged(programs: &[Vec<bpf::Instruction>], calls: &[bpf::Call]) -> Filtering {
    for (program, call) in programs.iter().flat_map(|program| calls.iter().map(move |call| (program, call))) {
        match bpf::run(program, call).map(|answer| answer & ACTION) {
            Some(ALLOW | LOG) => {}
            Some(action) => return Filtering::Refuses(format!("`{}`: {}", name(call.number), outcome(action))),
            None => return Filtering::Unknown("it is written in a way that heapwhy does not know"),
        }
    }
    Filtering::Allows
}

fn outcome(action: u32) -> &'static str {
    match action {
        0x8000_0000 => "it would end the process",
        0 => "it would end the thread",
        0x0003_0000 => "it would get a signal for it (SIGSYS)",
        0x0005_0000 => "it would fail",
        0x7fc0_0000 => "another process would decide on it",
        0x7ff0_0000 => "whoever traces it would decide on it",
        _ => "what would come of it is not known",
    }
}

/// How the kernel calls a system call that a capture makes.
fn name(number: u64) -> &'static str {
    match number {
        15 => "rt_sigreturn",
        28 => "madvise",
        56 => "clone",
        60 => "exit",
        61 => "wait4",
        231 => "exit_group",
        _ => "a call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that answers `answer` to calls of that number, and allows all others.
    fn program(number: u32, answer: u32) -> Vec<bpf::Instruction> {
        let plain = |code, constant| bpf::Instruction { code, if_true: 0, if_false: 0, constant };
        let is_it = bpf::Instruction { code: 0x15, if_true: 0, if_false: 1, constant: number };
        vec![plain(0x20, 0), is_it, plain(0x06, answer), plain(0x06, ALLOW)]
    }

    #[test]
    fn every_filter_is_asked_about_every_call() {
        let call = |number| bpf::Call { number, from: 0, arguments: [0; 6] };
        let calls = [call(28), call(56), call(15)];
        let check = |programs: &[Vec<bpf::Instruction>], expect: Filtering| assert_eq!(judged(programs, &calls), expect, "{programs:?}");
        let refuses = |why: &str| Filtering::Refuses(why.to_owned());
        check(&[program(59, 0x8000_0000)], Filtering::Allows);
        check(&[program(56, LOG)], Filtering::Allows);
        check(&[program(56, 0x8000_0000)], refuses("`clone`: it would end the process"));
        check(&[program(56, 0)], refuses("`clone`: it would end the thread"));
        check(&[program(56, 0x0005_0001)], refuses("`clone`: it would fail"));
        check(&[program(28, 0x0003_0007)], refuses("`madvise`: it would get a signal for it (SIGSYS)"));
        check(&[program(15, 0x7ff0_0000)], refuses("`rt_sigreturn`: whoever traces it would decide on it"));
        check(&[program(15, 0x7fc0_0000)], refuses("`rt_sigreturn`: another process would decide on it"));
        // The newest allows it, an older one does not.
        check(&[program(59, 0), program(56, 0x0005_0001)], refuses("`clone`: it would fail"));
        let strange = vec![bpf::Instruction { code: 0xff, if_true: 0, if_false: 0, constant: 0 }];
        check(&[strange], Filtering::Unknown("it is written in a way that heapwhy does not know"));
    }

    #[test]
    fn what_is_allowed_or_not_there_is_no_objection() {
        let cases = [
            (Filtering::None, None),
            (Filtering::Allows, None),
            (Filtering::Refuses("`clone`: it would fail".to_owned()), Some("does not allow `clone`")),
            (Filtering::Unknown("nobody tells"), Some("nobody tells")),
        ];
        for (filtering, expect) in cases {
            let objection = filtering.objection();
            assert_eq!(objection.is_some(), expect.is_some());
            assert!(expect.is_none_or(|part| objection.as_ref().is_some_and(|text| text.contains(part))), "{objection:?}");
        }
    }
}
