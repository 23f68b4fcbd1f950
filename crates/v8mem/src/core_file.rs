//! A core dump of a Linux x86-64 process as `Memory`: the kernel's, gcore's, or one cut short.
//!
//! Bytes come from the core where it has them. What the kernel left out because a file on disk has it (text and constants) comes from the
//! node binary, once that is given. All else is unknown, and says so. Knows nothing of V8.

mod notes;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use heap::mapped::MappedFile;
use object::LittleEndian;
use object::elf;
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader};

pub use notes::{FileMapping, Notes, Thread};

use crate::memory::{Memory, MemoryRange, Unreadable};
use crate::node_binary::{LoadedAt, NodeBinary};
use crate::version::Versions;

type Header = elf::FileHeader64<LittleEndian>;

/// Why a file is not a core that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// The system does not give the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no ELF file, or its header is damaged.
    #[error("not an ELF file")]
    NotElf,
    /// It is an ELF file, but a program or a library.
    #[error("an ELF file, but not a core dump")]
    NotCore,
    /// A file of 32 bits, or of a machine that writes the high byte first.
    #[error("an ELF file of another kind of machine (32 bits, or the high byte first)")]
    OtherClass,
    /// A core of another kind of machine.
    #[error("a core dump of another kind of machine ({})", machine_name(*machine))]
    OtherMachine {
        /// ELF's number of it.
        machine: u16,
    },
    /// The table of segments is missing.
    #[error("the core ends inside its table of segments")]
    NoSegments,
}

/// A part of the address space, and the bytes of it that the core holds.
#[derive(Clone, Copy, Debug)]
struct Segment {
    range: MemoryRange,
    /// Where its bytes begin in the file.
    offset: u64,
    /// How many bytes the file holds of it.
    held: u64,
    /// How many bytes it was meant to hold.
    written: u64,
}

/// A core dump, opened.
pub struct CoreFile {
    file: MappedFile,
    source: File,
    segments: Vec<Segment>,
    ranges: Vec<MemoryRange>,
    /// Its notes.
    pub notes: Notes,
    /// Whether the notes are damaged.
    pub notes_damaged: bool,
    binary: Option<NodeBinary>,
}

/// A program or library that the process had mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its file, as the process saw it.
    pub path: String,
    /// The address of its first byte.
    pub base: u64,
    /// Its build id, where the core has its first page.
    pub build_id: Option<Vec<u8>>,
}

impl Image {
    /// Says whether a file of that build id is the one that was mapped, as far as the core says.
    pub(crate) fn is(&self, build_id: Option<&[u8]>) -> bool {
        self.build_id.is_none() || self.build_id.as_deref() == build_id
    }
}

/// How much of a core is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Bytes that the core says it holds and does not.
    pub bytes: u64,
    /// The lowest address of them.
    pub first: u64,
}

impl CoreFile {
    /// Opens a core. Reads its headers and notes only.
    ///
    /// # Errors
    /// When it is not a core of Linux on x86-64, or its segments cannot be found.
    pub fn open(path: &Path) -> Result<Self, CoreError> {
        Self::of(File::open(path)?)
    }

    /// As `open`, of a file that is open already.
    ///
    /// # Errors
    /// As `open`.
    pub fn of(source: File) -> Result<Self, CoreError> {
        let file = MappedFile::of(&source)?;
        check_class(&file)?;
        let header = Header::parse(&file[..]).map_err(|_| CoreError::NotElf)?;
        if header.e_machine(LittleEndian) != elf::EM_X86_64 {
            return Err(CoreError::OtherMachine { machine: header.e_machine(LittleEndian).0 });
        }
        if header.e_type(LittleEndian) != elf::ET_CORE {
            return Err(CoreError::NotCore);
        }
        let mut segments = Vec::new();
        let mut notes = Notes::default();
        let mut notes_damaged = false;
        for segment in table(header, &file)? {
            match segment.p_type(LittleEndian) {
                elf::PT_NOTE => match segment.notes(LittleEndian, &file[..]) {
                    Ok(Some(found)) => notes_damaged |= !notes.add(found),
                    _ => notes_damaged = true,
                },
                elf::PT_LOAD => segments.extend(Segment::of(segment, file.len() as u64)),
                _ => {}
            }
        }
        segments.sort_by_key(|segment| segment.range.start);
        segments.dedup_by(|later, earlier| later.range.start < earlier.range.end);
        let ranges = segments.iter().map(|segment| segment.range).collect();
        Ok(Self { file, source, segments, ranges, notes, notes_damaged, binary: None })
    }

    /// Returns the first bytes of a segment between two addresses that are no hole of the file.
    fn data_in(&self, segment: &Segment, addr: u64, end: u64) -> Option<(u64, u64)> {
        let start = addr.max(segment.range.start);
        let stop = end.min(segment.range.start + segment.held);
        if start >= stop {
            return None;
        }
        let from = segment.offset + (start - segment.range.start);
        let data = next_offset(&self.source, from, rustix::fs::SeekFrom::Data(from))?;
        let back = |offset: u64| segment.range.start + offset.saturating_sub(segment.offset).min(segment.held);
        if back(data) >= stop {
            return None;
        }
        let hole = next_offset(&self.source, data, rustix::fs::SeekFrom::Hole(data)).unwrap_or(u64::MAX);
        Some((back(data).max(start), back(hole).min(stop)))
    }

    /// Lets what the core left out be read from the program that the process ran.
    pub fn set_binary(&mut self, binary: NodeBinary) {
        self.binary = Some(binary);
    }

    /// Returns that program.
    #[must_use]
    pub fn binary(&self) -> Option<&NodeBinary> {
        self.binary.as_ref()
    }

    /// Returns the path of the program that the process ran: the file mapped at its entry point, or else the first one.
    #[must_use]
    pub fn program(&self) -> Option<&FileMapping> {
        let entry = self.notes.entry.unwrap_or(0);
        self.notes.file_at(entry).or_else(|| self.notes.files.first())
    }

    /// Returns the build id of the program.
    #[must_use]
    pub fn build_id(&self) -> Option<Vec<u8>> {
        self.images().into_iter().next()?.build_id
    }

    /// Returns where V8 may be: the program first, then libraries called libnode, as Debian's.
    #[must_use]
    pub fn images(&self) -> Vec<Image> {
        let program = self.program().map(|program| program.path.as_str());
        let is_library = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.starts_with("libnode."));
        let mut libraries: Vec<&str> = self.notes.files.iter().map(|file| file.path.as_str()).filter(is_library).collect();
        libraries.dedup();
        program.into_iter().chain(libraries).filter_map(|path| self.image(path)).collect()
    }

    /// Opens the first image that describes V8, is still where the process had it, and is still the same.
    #[must_use]
    pub fn find_binary(&self) -> Option<NodeBinary> {
        self.find_binary_in(|image| vec![PathBuf::from(&image.path)])
    }

    /// As `find_binary`, where each image may be in several places.
    #[must_use]
    pub fn find_binary_in(&self, places: impl Fn(&Image) -> Vec<PathBuf>) -> Option<NodeBinary> {
        let the_same = |image: &Image, place: &Path| {
            let binary = NodeBinary::open(place, LoadedAt::Base(image.base)).ok()?;
            let same = if image.build_id.is_some() { binary.build_id() == image.build_id.as_deref() } else { self.is_v8_of(&binary) };
            same.then_some(binary)
        };
        let opened = |image: Image| places(&image).iter().find_map(|place| the_same(&image, place));
        self.images().into_iter().filter_map(opened).find(NodeBinary::describes_v8)
    }

    /// Says whether a program has the very version of V8 that is in this memory: all that is left to compare where the core has no first
    /// pages of files, and so no build id (bit 4 of `coredump_filter`).
    #[must_use]
    pub fn is_v8_of(&self, binary: &NodeBinary) -> bool {
        Versions::find(self).v8.is_some_and(|version| binary.mentions(&version))
    }

    /// Returns where a file was mapped, if its first page was.
    #[must_use]
    pub fn image(&self, path: &str) -> Option<Image> {
        let first = self.notes.files.iter().find(|file| file.path == path && file.offset == 0)?;
        Some(Image { path: path.to_owned(), base: first.start, build_id: self.build_id_at(first.start) })
    }

    /// Returns by which path a mapped file is found here, and where it was mapped: the program may have been named by the user, and lie elsewhere.
    pub(crate) fn local(&self, path: &str) -> Option<(PathBuf, Image)> {
        let image = self.image(path)?;
        let given = self.binary().filter(|binary| image.build_id.is_some() && binary.build_id() == image.build_id.as_deref());
        Some((given.map_or_else(|| PathBuf::from(path), |binary| binary.path().to_owned()), image))
    }

    /// Reads a build id out of a file's first page: the kernel writes that page into every core, unless it is told not to.
    fn build_id_at(&self, start: u64) -> Option<Vec<u8>> {
        let page = self.file.get(self.in_file(start, PAGE)?..)?.get(..PAGE)?;
        let header = Header::parse(page).ok()?;
        let headers = header.program_headers(LittleEndian, page).ok()?;
        let base = headers.iter().find(|header| header.p_type(LittleEndian) == elf::PT_LOAD)?.p_vaddr(LittleEndian);
        headers.iter().filter(|header| header.p_type(LittleEndian) == elf::PT_NOTE).find_map(|header| {
            let at = usize::try_from(header.p_vaddr(LittleEndian).checked_sub(base)?).ok()?;
            let bytes = page.get(at..at.checked_add(usize::try_from(header.p_filesz(LittleEndian)).ok()?)?)?;
            build_id(bytes)
        })
    }

    /// Returns what the file should hold and does not: it was cut short.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        let cut = |segment: &&Segment| segment.held < segment.written;
        let bytes = self.segments.iter().filter(cut).map(|segment| segment.written - segment.held).sum();
        let first = self.segments.iter().find(cut)?;
        Some(Missing { bytes, first: first.range.start + first.held })
    }

    /// Returns the size of the file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.file.len() as u64
    }

    /// Says whether the file is empty; an open core never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_empty()
    }

    fn segment(&self, addr: u64) -> Option<&Segment> {
        let at = self.segments.partition_point(|segment| segment.range.end <= addr);
        self.segments.get(at).filter(|segment| segment.range.start <= addr)
    }

    /// Returns where in the core's file some bytes lie.
    fn in_file(&self, addr: u64, len: usize) -> Option<usize> {
        let segment = self.segment(addr)?;
        let inside = addr - segment.range.start;
        (inside.checked_add(len as u64)? <= segment.held).then_some((segment.offset + inside) as usize)
    }
}

impl Segment {
    /// Reads a program header. An empty segment, and the kernel's page at the top of the address space, are left out.
    fn of(header: &elf::ProgramHeader64<LittleEndian>, file_len: u64) -> Option<Self> {
        const USER_SPACE: u64 = 1 << 47;
        let (start, size) = (header.p_vaddr(LittleEndian), header.p_memsz(LittleEndian));
        let end = start.checked_add(size).filter(|&end| end > start && end <= USER_SPACE)?;
        let flags = header.p_flags(LittleEndian).0;
        let has = |flag: u32| flags & flag != 0;
        let (offset, written) = (header.p_offset(LittleEndian), header.p_filesz(LittleEndian).min(size));
        Some(Self {
            range: MemoryRange { start, end, readable: has(4), writable: has(2), executable: has(1) },
            offset,
            held: written.min(file_len.saturating_sub(offset)),
            written,
        })
    }
}

impl Memory for CoreFile {
    fn ranges(&self) -> &[MemoryRange] {
        &self.ranges
    }

    fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let len = into.len();
        if let Some(bytes) = self.slice(addr, len) {
            into.copy_from_slice(bytes);
            return Ok(());
        }
        // Across the end of a segment: byte by byte is slow, and rare.
        for (at, byte) in into.iter_mut().enumerate() {
            let here = addr.checked_add(at as u64).ok_or(Unreadable { addr, len })?;
            *byte = self.slice(here, 1).ok_or(Unreadable { addr, len })?[0];
        }
        Ok(())
    }

    fn slice(&self, addr: u64, len: usize) -> Option<&[u8]> {
        match self.in_file(addr, len) {
            Some(at) => self.file.get(at..at.checked_add(len)?),
            None => self.binary.as_ref()?.contents(addr, len),
        }
    }

    fn forget(&self, addr: u64, len: usize) {
        if let Some(at) = self.in_file(addr, len) {
            self.file.forget(at..at + len);
        }
    }

    /// Nothing of the program stays either.
    fn forget_all(&self) {
        self.file.forget(0..self.file.len());
        self.binary.iter().for_each(NodeBinary::forget);
    }

    fn next_data(&self, addr: u64, end: u64) -> Option<(u64, u64)> {
        let first = self.segments.partition_point(|segment| segment.range.end <= addr);
        let segments = self.segments[first..].iter().take_while(|segment| segment.range.start < end);
        segments.filter(|segment| segment.held > 0).find_map(|segment| self.data_in(segment, addr, end))
    }
}

const PAGE: usize = 4096;

/// Refuses other classes of ELF files: byte 4 is 2 for 64 bits, byte 5 is 1 for the low byte first.
fn check_class(file: &[u8]) -> Result<(), CoreError> {
    match file.get(..6) {
        Some([0x7f, b'E', b'L', b'F', 2, 1]) => Ok(()),
        Some([0x7f, b'E', b'L', b'F', ..]) => Err(CoreError::OtherClass),
        _ => Err(CoreError::NotElf),
    }
}

/// Returns the usual name of a kind of machine.
fn machine_name(machine: u16) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_AARCH64 => "ARM64",
        elf::EM_ARM => "ARM",
        elf::EM_386 => "x86, 32 bits",
        elf::EM_RISCV => "RISC-V",
        elf::EM_PPC64 => "POWER",
        elf::EM_S390 => "IBM Z",
        elf::EM_LOONGARCH => "LoongArch",
        _ => return format!("ELF machine {machine}"),
    };
    name.to_owned()
}

/// Returns the table of segments. Where there are 65,535 or more of them, their number stands behind everything else, and is lost when a
/// core is cut: then the table ends where the notes begin, which the kernel writes right behind it.
fn table<'f>(header: &'f Header, file: &'f [u8]) -> Result<&'f [elf::ProgramHeader64<LittleEndian>], CoreError> {
    if let Ok(table) = header.program_headers(LittleEndian, file) {
        return Ok(table);
    }
    let from = header.e_phoff(LittleEndian);
    if header.e_phnum(LittleEndian) != elf::PN_XNUM || header.e_phentsize(LittleEndian) != 56 {
        return Err(CoreError::NoSegments);
    }
    let first: &elf::ProgramHeader64<LittleEndian> = file.read_at(from).map_err(|()| CoreError::NoSegments)?;
    let bytes = first.p_offset(LittleEndian).checked_sub(from).filter(|_| first.p_type(LittleEndian) == elf::PT_NOTE);
    let count = usize::try_from(bytes.ok_or(CoreError::NoSegments)? / 56).map_err(|_| CoreError::NoSegments)?;
    file.read_slice_at(from, count).map_err(|()| CoreError::NoSegments)
}

/// Finds the build id among notes: lengths of name and content, a type, then both, each padded to four bytes.
fn build_id(notes: &[u8]) -> Option<Vec<u8>> {
    const BUILD_ID: u32 = 3;
    let word = |at: usize| Some(u32::from_le_bytes(notes.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let mut at = 0;
    loop {
        let (name, content, kind) = (word(at)? as usize, word(at + 4)? as usize, word(at + 8)?);
        let from = (at + 12).checked_add(name.next_multiple_of(4))?;
        let to = from.checked_add(content)?;
        if kind == BUILD_ID && notes.get(at + 12..at + 15) == Some(b"GNU") {
            return notes.get(from..to).map(<[u8]>::to_vec);
        }
        at = to.checked_next_multiple_of(4)?;
    }
}

/// Asks the file system where data or a hole begins. Where it cannot say, all is data; `None` past the last data.
fn next_offset(file: &File, from: u64, what: rustix::fs::SeekFrom) -> Option<u64> {
    match rustix::fs::seek(file, what) {
        Ok(offset) => Some(offset),
        Err(rustix::io::Errno::NXIO) => None,
        Err(_) => matches!(what, rustix::fs::SeekFrom::Data(_)).then_some(from),
    }
}
