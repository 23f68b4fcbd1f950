//! The notes of a core: who the process was, its threads' registers, the files it had mapped, and what the kernel told it at the start.
//!
//! Layouts are those of Linux on x86-64. A note that is too short is left out; the others still count.

use object::LittleEndian;
use object::elf;
use object::read::elf::NoteIterator;

/// A thread, as NT_PRSTATUS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The kernel's id of it.
    pub tid: u32,
    /// The signal that it was handling.
    pub signal: u16,
    /// Its general registers, in the order of `user_regs_struct`.
    pub registers: [u64; 27],
}

/// Places of registers in `user_regs_struct`.
const RBP: usize = 4;
const RIP: usize = 16;
const RSP: usize = 19;

impl Thread {
    /// Returns the instruction pointer.
    #[must_use]
    pub fn rip(&self) -> u64 {
        self.registers[RIP]
    }

    /// Returns the stack pointer.
    #[must_use]
    pub fn rsp(&self) -> u64 {
        self.registers[RSP]
    }

    /// Returns the lowest address of the stack that may be in use: functions that call none use so many bytes below the stack pointer.
    #[must_use]
    pub fn stack_in_use(&self) -> u64 {
        const RED_ZONE: u64 = 128;
        self.rsp().saturating_sub(RED_ZONE)
    }

    /// Returns the frame pointer.
    #[must_use]
    pub fn rbp(&self) -> u64 {
        self.registers[RBP]
    }
}

/// A file that was mapped, as NT_FILE has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMapping {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// The file's path.
    pub path: String,
}

/// All that the notes say.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// The threads; the first is the one that died, or the main thread.
    pub threads: Vec<Thread>,
    /// The mapped files.
    pub files: Vec<FileMapping>,
    /// The process's id.
    pub pid: Option<u32>,
    /// The command line, cut at 80 bytes by the kernel.
    pub arguments: String,
    /// The signal that ended the process, and the address that it speaks of.
    pub signal: Option<(i32, u64)>,
    /// Where the program's entry point came to lie (AT_ENTRY).
    pub entry: Option<u64>,
    /// The size of a page (AT_PAGESZ).
    pub page_size: Option<u64>,
}

const AT_PAGESZ: u64 = 6;
const AT_ENTRY: u64 = 9;

impl Notes {
    /// Returns the file that was mapped around an address.
    #[must_use]
    pub fn file_at(&self, addr: u64) -> Option<&FileMapping> {
        self.files.iter().find(|file| (file.start..file.end).contains(&addr))
    }

    /// Adds what one note segment says. A damaged note ends the segment; what came before it stays. Returns whether all could be read.
    pub(super) fn add(&mut self, mut notes: NoteIterator<'_, elf::FileHeader64<LittleEndian>>) -> bool {
        loop {
            match notes.next() {
                Ok(Some(note)) if note.name() == b"CORE" => self.one(note.n_type(LittleEndian).0, note.desc()),
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    fn one(&mut self, kind: u32, bytes: &[u8]) {
        match kind {
            1 => self.threads.extend(thread(bytes)),
            3 => self.process(bytes),
            6 => self.auxiliary(bytes),
            0x5349_4749 => self.signal = Some((word32(bytes, 0).unwrap_or(0) as i32, word(bytes, 16).unwrap_or(0))),
            0x4649_4c45 => self.files = files(bytes).unwrap_or_default(),
            _ => {}
        }
    }

    /// Reads NT_PRPSINFO.
    fn process(&mut self, bytes: &[u8]) {
        self.pid = word32(bytes, 24);
        let arguments = bytes.get(56..136).unwrap_or_default();
        let end = memchr::memchr(0, arguments).unwrap_or(arguments.len());
        self.arguments = String::from_utf8_lossy(&arguments[..end]).trim_end().to_owned();
    }

    /// Reads NT_AUXV.
    fn auxiliary(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(16) {
            match word(pair, 0) {
                Some(AT_ENTRY) => self.entry = word(pair, 8),
                Some(AT_PAGESZ) => self.page_size = word(pair, 8),
                _ => {}
            }
        }
    }
}

fn thread(bytes: &[u8]) -> Option<Thread> {
    let mut registers = [0; 27];
    for (at, register) in registers.iter_mut().enumerate() {
        *register = word(bytes, 112 + 8 * at)?;
    }
    let signal = bytes.get(12..14)?;
    Some(Thread { tid: word32(bytes, 32)?, signal: u16::from_le_bytes([signal[0], signal[1]]), registers })
}

/// Reads NT_FILE: a count, the unit of offsets, that many triples of words, and as many paths, each ended by a zero byte.
fn files(bytes: &[u8]) -> Option<Vec<FileMapping>> {
    let count = usize::try_from(word(bytes, 0)?).ok()?;
    let unit = word(bytes, 8)?;
    let rows = bytes.get(16..)?;
    let mut paths = rows.get(count.checked_mul(24)?..)?.split(|&byte| byte == 0);
    let row = |row: &[u8]| {
        let path = String::from_utf8_lossy(paths.next()?).into_owned();
        Some(FileMapping { start: word(row, 0)?, end: word(row, 8)?, offset: word(row, 16)?.checked_mul(unit)?, path })
    };
    rows.chunks_exact(24).take(count).map(row).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn word32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
