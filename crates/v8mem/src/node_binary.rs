//! The program that the process ran: its symbols, and the bytes that a core leaves out.
//!
//! V8 describes itself in symbols called `v8dbg_*`, Node in `nodedbg_*`; both are in the dynamic table and survive `strip`. Some live in
//! .bss and get their value when the program starts: those are read from the process's memory, never from here.

use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use heap::mapped::MappedFile;
use object::LittleEndian;
use object::elf;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Object, ObjectSymbol, SymbolKind};
use rustc_hash::FxHashMap;

use crate::version::NodeVersion;

/// Why a program cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// The system does not give the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no ELF program of x86-64, or damaged.
    #[error("not a program for Linux on x86-64: {0}")]
    NotProgram(object::Error),
    /// It is for another kind of machine.
    #[error("a program for another kind of machine (ELF machine {machine})")]
    OtherMachine {
        /// ELF's number of it.
        machine: u16,
    },
}

/// Where a program or library came to lie in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadedAt {
    /// Where its file says, or nobody knows.
    Unmoved,
    /// Its entry point is at that address (AT_ENTRY of a core).
    Entry(u64),
    /// Its first byte is at that address.
    Base(u64),
}

impl LoadedAt {
    /// Returns what must be added to the file's addresses; 0 for the official builds, which are not position-independent.
    pub(crate) fn bias(self, elf: &ElfFile64<'_, LittleEndian>) -> u64 {
        // Addresses in the file begin at its first byte, as a rule at 0 for what is position-independent.
        let first = loaded(elf).next().map_or(0, |header| header.p_vaddr(LittleEndian).wrapping_sub(header.p_offset(LittleEndian)));
        match self {
            _ if elf.elf_header().e_type(LittleEndian) != elf::ET_DYN => 0,
            Self::Unmoved => 0,
            Self::Entry(entry) => entry.wrapping_sub(elf.entry()),
            Self::Base(base) => base.wrapping_sub(first),
        }
    }
}

/// Returns the headers of the parts that are loaded.
pub(crate) fn loaded<'f>(elf: &ElfFile64<'f, LittleEndian>) -> impl Iterator<Item = &'f elf::ProgramHeader64<LittleEndian>> {
    elf.elf_program_headers().iter().filter(|header| header.p_type(LittleEndian) == elf::PT_LOAD)
}

/// A loaded part of the program.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: u64,
    end: u64,
    offset: u64,
    writable: bool,
    executable: bool,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Where it lies in the process.
    pub addr: u64,
    /// How many bytes it takes, 0 where the table does not say.
    pub size: u64,
    /// Its name, as the linker has it.
    pub name: String,
}

/// The program, with its place in the process.
pub struct NodeBinary {
    file: MappedFile,
    path: PathBuf,
    parts: Vec<Part>,
    /// What must be added to the file's addresses; 0 for the official builds, which are not position-independent.
    bias: u64,
    build_id: Option<Vec<u8>>,
    debug: FxHashMap<String, Symbol>,
}

impl NodeBinary {
    /// Opens a program, or the library in which V8 is.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a program of x86-64.
    pub fn open(path: &Path, at: LoadedAt) -> Result<Self, BinaryError> {
        let file = MappedFile::of(&File::open(path)?)?;
        let elf = ElfFile64::<LittleEndian>::parse(&file[..]).map_err(BinaryError::NotProgram)?;
        if elf.elf_header().e_machine(LittleEndian) != elf::EM_X86_64 {
            return Err(BinaryError::OtherMachine { machine: elf.elf_header().e_machine(LittleEndian).0 });
        }
        let bias = at.bias(&elf);
        let parts = loaded(&elf).map(|header| Part::of(header, bias)).collect();
        let build_id = elf.build_id().ok().flatten().map(<[u8]>::to_vec);
        let is_debug =
            |name: &str| name.starts_with("v8dbg_") || name.starts_with("nodedbg_") || name == ROOT_NAMES || BUILTINS.contains(&name);
        let debug = data_symbols(&elf, bias, is_debug).into_iter().map(|symbol| (symbol.name.clone(), symbol)).collect();
        // All symbols were looked at, of which a few are wanted.
        file.forget(0..file.len());
        Ok(Self { parts, bias, build_id, debug, path: path.to_owned(), file })
    }

    /// Says that nothing of the file need stay in memory: it is read again if somebody looks.
    pub fn forget(&self) {
        self.file.forget(0..self.file.len());
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its build id.
    #[must_use]
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id.as_deref()
    }

    /// Says whether a text stands in what the program cannot change: V8's version for one. O(bytes).
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        !text.is_empty() && self.constants().any(|bytes| memchr::memmem::find(bytes, text.as_bytes()).is_some())
    }

    /// Says whether V8 describes itself in it. The small program in front of Debian's `libnode.so` does not.
    #[must_use]
    pub fn describes_v8(&self) -> bool {
        self.debug.keys().any(|name| name.starts_with("v8dbg_"))
    }

    /// Returns the symbols with which V8 and Node describe themselves.
    pub fn debug_symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.debug.values()
    }

    /// Returns one of them by its whole name.
    #[must_use]
    pub fn symbol(&self, name: &str) -> Option<&Symbol> {
        self.debug.get(name)
    }

    /// Returns the data symbols whose names begin so, of both tables. O(symbols): nothing of it is kept.
    #[must_use]
    pub fn symbols_from(&self, prefix: &str) -> Vec<Symbol> {
        let elf = ElfFile64::<LittleEndian>::parse(&self.file[..]).ok();
        elf.map(|elf| data_symbols(&elf, self.bias, |name| name.starts_with(prefix))).unwrap_or_default()
    }

    /// Returns the value of a debug symbol as the file has it; `None` when it lies in .bss.
    #[must_use]
    pub fn initial_value(&self, symbol: &Symbol) -> Option<i32> {
        self.initial(symbol.addr, 4).map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Returns bytes that the program cannot have changed.
    pub(crate) fn contents(&self, addr: u64, len: usize) -> Option<&[u8]> {
        self.part(addr).filter(|part| !part.writable)?;
        self.initial(addr, len)
    }

    /// Returns V8's version, as it stands in what the program cannot change. O(bytes).
    #[must_use]
    pub fn v8_version(&self) -> Option<String> {
        self.constants().find_map(crate::version::v8_in)
    }

    /// Returns which Node.js it is, as it stands in what the program cannot change; `None` where nothing says so, or several things do. O(bytes).
    #[must_use]
    pub fn node_version(&self) -> Option<NodeVersion> {
        crate::version::node_in(self.constants())
    }

    /// Returns what the program cannot change. Where texts lie comes first: from Node 20 on machine code has parts of its own, which are
    /// large, and whose pages a search would only bring into memory.
    fn constants(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut parts: Vec<&Part> = self.parts.iter().filter(|part| !part.writable).collect();
        parts.sort_by_key(|part| (part.executable, Reverse(part.end - part.start)));
        parts.into_iter().filter_map(|part| self.initial(part.start, usize::try_from(part.end - part.start).ok()?))
    }

    fn part(&self, addr: u64) -> Option<&Part> {
        self.parts.iter().find(|part| (part.start..part.end).contains(&addr))
    }

    fn initial(&self, addr: u64, len: usize) -> Option<&[u8]> {
        let part = self.part(addr)?;
        if addr.checked_add(len as u64)? > part.end {
            return None;
        }
        let at = usize::try_from(part.offset + (addr - part.start)).ok()?;
        self.file.get(at..at.checked_add(len)?)
    }
}

impl Part {
    fn of(header: &elf::ProgramHeader64<LittleEndian>, bias: u64) -> Self {
        let start = header.p_vaddr(LittleEndian).wrapping_add(bias);
        Self {
            start,
            end: start.saturating_add(header.p_filesz(LittleEndian)),
            offset: header.p_offset(LittleEndian),
            writable: header.p_flags(LittleEndian).0 & elf::PF_W.0 != 0,
            executable: header.p_flags(LittleEndian).0 & elf::PF_X.0 != 0,
        }
    }
}

/// Reads both symbol tables: a stripped program has only the dynamic one, which holds less.
fn data_symbols(elf: &ElfFile64<'_, LittleEndian>, bias: u64, is_wanted: impl Fn(&str) -> bool) -> Vec<Symbol> {
    let all = elf.dynamic_symbols().chain(elf.symbols());
    let defined = all.filter(|symbol| !symbol.is_undefined() && symbol.kind() == SymbolKind::Data);
    let wanted = defined.filter_map(|symbol| {
        let name = symbol.name().ok().filter(|name| is_wanted(name))?;
        Some(Symbol { addr: symbol.address().wrapping_add(bias), size: symbol.size(), name: name.to_owned() })
    });
    wanted.collect()
}

/// V8's table of the names of roots.
pub(crate) const ROOT_NAMES: &str = "_ZN2v88internal10RootsTable11root_names_E";
/// V8's table of its builtins, by the names that compilers gave it.
pub(crate) const BUILTINS: [&str; 2] =
    ["_ZN2v88internal12_GLOBAL__N_1L16builtin_metadataE", "_ZN2v88internal12_GLOBAL__N_116builtin_metadataE"];
