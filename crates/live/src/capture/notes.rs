//! The notes of a core file: who the process is, its threads' registers, what the kernel told it at the start, the files that it has mapped.
//!
//! Layouts are those of Linux on x86-64, as the kernel writes them and gdb reads them. Touches no process.

use super::proc::{Mapping, Stat, Status};
use super::trace::Registers;

/// A thread that was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    /// Its number.
    pub(super) tid: i32,
    /// Its general registers.
    pub(super) registers: Registers,
    /// Its floating point registers, as `user_fpregs_struct`; empty where they are not known.
    pub(super) float: Vec<u8>,
    /// Its state of `xsave`.
    pub(super) extended: Vec<u8>,
}

/// What is told of a process besides its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Its number.
    pub(super) pid: i32,
    /// What it is.
    pub(super) status: Status,
    /// Its parent, group and session.
    pub(super) stat: Stat,
    /// Its arguments, a zero byte after each.
    pub(super) arguments: Vec<u8>,
    /// What the kernel told it at the start, as it was told.
    pub(super) auxiliary: Vec<u8>,
    /// Its threads, the first one first.
    pub(super) threads: Vec<Thread>,
}

const PRSTATUS: u32 = 1;
const FPREGSET: u32 = 2;
const PRPSINFO: u32 = 3;
const AUXV: u32 = 6;
const FILE: u32 = 0x4649_4c45;
const XSTATE: u32 = 0x202;
const PAGE: u64 = 4096;

/// Writes all notes.
pub(super) fn notes(facts: &Facts, mappings: &[Mapping]) -> Vec<u8> {
    let mut notes = Vec::new();
    for (nth, thread) in facts.threads.iter().enumerate() {
        note(&mut notes, b"CORE", PRSTATUS, &prstatus(facts, thread));
        if nth == 0 {
            // Where gdb looks for them: behind the first thread's registers.
            note(&mut notes, b"CORE", PRPSINFO, &prpsinfo(facts));
            note(&mut notes, b"CORE", AUXV, &facts.auxiliary);
            note(&mut notes, b"CORE", FILE, &files(mappings));
        }
        for (owner, kind, bytes) in [(&b"CORE"[..], FPREGSET, &thread.float), (b"LINUX", XSTATE, &thread.extended)] {
            if !bytes.is_empty() {
                note(&mut notes, owner, kind, bytes);
            }
        }
    }
    notes
}

/// Adds a note: lengths of name and content, the kind, then both, each padded to four bytes.
fn note(notes: &mut Vec<u8>, owner: &[u8], kind: u32, content: &[u8]) {
    for word in [owner.len() as u32 + 1, content.len() as u32, kind] {
        notes.extend(word.to_le_bytes());
    }
    notes.extend(owner);
    notes.push(0);
    pad(notes);
    notes.extend(content);
    pad(notes);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// `elf_prstatus`: 336 bytes.
fn prstatus(facts: &Facts, thread: &Thread) -> Vec<u8> {
    let mut bytes = vec![0; 32];
    for number in [thread.tid, facts.stat.parent, facts.stat.group, facts.stat.session] {
        bytes.extend(number.to_le_bytes());
    }
    // Times, which nobody reads.
    bytes.resize(112, 0);
    thread.registers.0.iter().for_each(|register| bytes.extend(register.to_le_bytes()));
    bytes.extend(u32::from(!thread.float.is_empty()).to_le_bytes());
    bytes.resize(336, 0);
    bytes
}

/// `elf_prpsinfo`: 136 bytes.
fn prpsinfo(facts: &Facts) -> Vec<u8> {
    let mut bytes = vec![0, facts.stat.state as u32 as u8];
    bytes.resize(16, 0);
    for number in [facts.status.users[0], facts.status.group] {
        bytes.extend(number.to_le_bytes());
    }
    for number in [facts.pid, facts.stat.parent, facts.stat.group, facts.stat.session] {
        bytes.extend(number.to_le_bytes());
    }
    let cut = |text: &[u8], most: usize| text.iter().copied().take(most - 1).collect::<Vec<u8>>();
    bytes.extend(cut(facts.status.name.as_bytes(), 16));
    bytes.resize(56, 0);
    let arguments: Vec<u8> = facts.arguments.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect();
    bytes.extend(cut(arguments.trim_ascii_end(), 80));
    bytes.resize(136, 0);
    bytes
}

/// NT_FILE: a count, the unit of offsets, then triples of words, then paths.
fn files(mappings: &[Mapping]) -> Vec<u8> {
    let files: Vec<&Mapping> = mappings.iter().filter(|mapping| mapping.has_file).collect();
    let mut bytes = Vec::new();
    for word in [files.len() as u64, PAGE] {
        bytes.extend(word.to_le_bytes());
    }
    for file in &files {
        for word in [file.start, file.end, file.offset / PAGE] {
            bytes.extend(word.to_le_bytes());
        }
    }
    for file in &files {
        bytes.extend(file.name.as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_have_the_kernels_layout() {
        let status = Status { name: "node".to_owned(), users: [1000, 1000, 1000], ..Status::default() };
        let registers = Registers(std::array::from_fn(|at| at as u64));
        let thread = Thread { tid: 77, registers, float: vec![0; 512], extended: vec![] };
        let stat = Stat { parent: 1, group: 2, session: 3, state: 'S', started: 0 };
        let facts = Facts { pid: 76, status, stat, arguments: b"node\0app.js\0".to_vec(), auxiliary: vec![9; 16], threads: vec![thread] };
        let status = prstatus(&facts, &facts.threads[0]);
        assert_eq!((status.len(), status[32], status[112 + 8 * 16], status[328]), (336, 77, 16, 1));
        let info = prpsinfo(&facts);
        assert_eq!((info.len(), info[1], info[24], &info[40..44], &info[56..67]), (136, b'S', 76, &b"node"[..], &b"node app.js"[..]));
        let mapping = |start: u64, has_file: bool| Mapping {
            start,
            end: start + 0x1000,
            rights: [true; 3],
            private: true,
            offset: 0x2000,
            has_file,
            name: "/bin/node".to_owned(),
        };
        let files = files(&[mapping(0x4000, true), mapping(0x8000, false)]);
        assert_eq!((files[0], files[32], &files[40..]), (1, 2, &b"/bin/node\0"[..]));
        let all = notes(&facts, &[]);
        assert!(all.len().is_multiple_of(4));
        assert_eq!((all[0], all[4], &all[12..17]), (5, 80, &b"CORE\0"[..]));
    }
}
