//! The machine code of one file that a process had mapped: names of its functions, and how to leave them (`.eh_frame`).
//!
//! Knows ELF and DWARF's call frame tables, not V8, and not how a whole stack is walked.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use gimli::{BaseAddresses, EhFrame, EhFrameHdr, LittleEndian as Low, UnwindContext, UnwindSection};
use heap::mapped::MappedFile;
use object::LittleEndian;
use object::elf;
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::node_binary::{BinaryError, LoadedAt, loaded};

/// A function of a file, at addresses of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Function {
    start: u64,
    /// Bytes; 0 where the table does not say.
    size: u64,
    /// Which symbol it is, in the one table or the other.
    symbol: usize,
    dynamic: bool,
}

/// A file with machine code, at the place where the process had it.
pub struct CodeImage {
    path: PathBuf,
    bias: u64,
    /// Its loaded parts: bytes of the file, and where the first of them lies in the process.
    parts: Vec<(Range<u64>, u64)>,
    file: MappedFile,
    functions: Vec<Function>,
    tables: Option<Tables>,
}

/// Where the call frame tables lie: bytes of the file, and addresses before the file was moved.
#[derive(Clone, Debug)]
struct Tables {
    header: Range<usize>,
    frames: Range<usize>,
    bases: BaseAddresses,
}

/// How to find one register of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is what it is in the callee.
    Same,
    /// It was saved so many bytes from the frame's address.
    At(i64),
    /// It is so many bytes from the frame's address.
    Is(i64),
    /// There is none: of the return address, this is the outermost frame.
    Nothing,
    /// Only a program of DWARF's would tell.
    Unknown,
}

/// How to leave a function at some instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The frame's address: this register, by DWARF's number, plus so many bytes.
    pub frame: (u16, i64),
    /// Rules for the callee-saved registers, `CALLEE_SAVED` in order, then for the return address.
    pub registers: [Rule; 7],
    /// Whether the kernel made this frame, to run a handler of a signal.
    pub is_signal: bool,
}

/// DWARF's numbers of the registers that a function must give back: rbx, rbp, r12 to r15.
pub const CALLEE_SAVED: [u16; 6] = [3, 6, 12, 13, 14, 15];
/// DWARF's number of the return address.
const RETURN_ADDRESS: u16 = 16;

impl CodeImage {
    /// Opens a file that was mapped with its first byte at `base`. O(symbols).
    ///
    /// # Errors
    /// When the file cannot be read, or is no ELF file of 64 bits.
    pub fn open(path: &Path, base: u64) -> Result<Self, BinaryError> {
        let file = MappedFile::of(&File::open(path)?)?;
        let elf = ElfFile64::<LittleEndian>::parse(&file[..]).map_err(BinaryError::NotProgram)?;
        let bias = LoadedAt::Base(base).bias(&elf);
        let part = |header: &elf::ProgramHeader64<LittleEndian>| {
            let start = header.p_offset(LittleEndian);
            (start..start.saturating_add(header.p_filesz(LittleEndian)), header.p_vaddr(LittleEndian).wrapping_add(bias))
        };
        let parts = loaded(&elf).map(part).collect();
        let functions = functions(&elf, bias);
        let tables = tables(&elf);
        Ok(Self { path: path.to_owned(), bias, parts, functions, tables, file })
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its build id.
    #[must_use]
    pub fn build_id(&self) -> Option<Vec<u8>> {
        let elf = ElfFile64::<LittleEndian>::parse(&self.file[..]).ok()?;
        elf.build_id().ok().flatten().map(<[u8]>::to_vec)
    }

    /// Returns where a byte of the file lies in the process. V8 maps its builtins a second time, near other code: this is the first place.
    #[must_use]
    pub fn addr(&self, offset: u64) -> Option<u64> {
        let (part, start) = self.parts.iter().find(|(part, _)| part.contains(&offset))?;
        Some(start.wrapping_add(offset - part.start))
    }

    /// Returns the function around an address, readable, and how far into it the address is. Where the table does not say how long functions
    /// are, the last one before the address is taken, if it is near.
    #[must_use]
    pub fn function(&self, addr: u64) -> Option<(String, u64)> {
        const NEAR: u64 = 64 << 10;
        // Labels stand inside of functions: the innermost that is long enough counts.
        const LABELS: usize = 16;
        let at = self.functions.partition_point(|function| function.start <= addr);
        let before = self.functions[..at].iter().rev().take(LABELS);
        let around = before.clone().find(|function| addr - function.start < function.size);
        let near = || before.clone().next().filter(|function| function.size == 0 && addr - function.start < NEAR);
        let function = around.or_else(near)?;
        Some((readable(&self.name(function)?), addr - function.start))
    }

    fn name(&self, function: &Function) -> Option<String> {
        let elf = ElfFile64::<LittleEndian>::parse(&self.file[..]).ok()?;
        let index = object::SymbolIndex(function.symbol);
        let symbol = if function.dynamic { elf.dynamic_symbol_table()? } else { elf.symbol_table()? };
        object::ObjectSymbolTable::symbol_by_index(&symbol, index).ok()?.name().ok().map(str::to_owned)
    }

    /// Returns how to leave the function at an instruction; `None` where the file does not say, as of V8's builtins.
    #[must_use]
    pub fn exit(&self, pc: u64) -> Option<Exit> {
        let tables = self.tables.as_ref()?;
        let frames = EhFrame::new(self.file.get(tables.frames.clone())?, Low);
        let header = EhFrameHdr::new(self.file.get(tables.header.clone())?, Low).parse(&tables.bases, 8).ok()?;
        let addr = pc.wrapping_sub(self.bias);
        let found = header.table()?.fde_for_address(&frames, &tables.bases, addr, EhFrame::cie_from_offset).ok()?;
        let mut context = UnwindContext::new();
        let row = found.unwind_info_for_address(&frames, &tables.bases, &mut context, addr).ok()?;
        let gimli::CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
        let rule = |register: u16| rule(row.register(gimli::Register(register)));
        let mut registers = [Rule::Same; 7];
        for (slot, register) in registers.iter_mut().zip(CALLEE_SAVED.into_iter().chain([RETURN_ADDRESS])) {
            *slot = rule(register);
        }
        Some(Exit { frame: (register.0, offset), registers, is_signal: found.is_signal_trampoline() })
    }
}

fn rule(rule: Option<gimli::RegisterRule<usize>>) -> Rule {
    match rule {
        None | Some(gimli::RegisterRule::SameValue) => Rule::Same,
        Some(gimli::RegisterRule::Undefined) => Rule::Nothing,
        Some(gimli::RegisterRule::Offset(offset)) => Rule::At(offset),
        Some(gimli::RegisterRule::ValOffset(offset)) => Rule::Is(offset),
        Some(_) => Rule::Unknown,
    }
}

/// Lists functions of both tables by address. Of several at one address the first of the larger table counts.
fn functions(elf: &ElfFile64<'_, LittleEndian>, bias: u64) -> Vec<Function> {
    let mut found = Vec::new();
    let mut add = |symbol: object::read::elf::ElfSymbol64<'_, '_, LittleEndian>, dynamic: bool| {
        let is_code = matches!(symbol.kind(), SymbolKind::Text) || symbol.name().is_ok_and(|name| name.starts_with("Builtins_"));
        if is_code && !symbol.is_undefined() && symbol.address() != 0 {
            let start = symbol.address().wrapping_add(bias);
            found.push(Function { start, size: symbol.size(), symbol: symbol.index().0, dynamic });
        }
    };
    elf.symbols().for_each(|symbol| add(symbol, false));
    elf.dynamic_symbols().for_each(|symbol| add(symbol, true));
    found.sort_by_key(|function| (function.start, function.dynamic, function.size == 0));
    found.dedup_by_key(|function| function.start);
    found
}

fn tables(elf: &ElfFile64<'_, LittleEndian>) -> Option<Tables> {
    let section = |name: &str| {
        let section = elf.section_by_name(name)?;
        let (start, len) = section.file_range()?;
        let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
        Some((start..start.checked_add(len)?, section.address()))
    };
    let (header, header_at) = section(".eh_frame_hdr")?;
    let (frames, frames_at) = section(".eh_frame")?;
    let text = section(".text").map_or(0, |(_, at)| at);
    let bases = BaseAddresses::default().set_eh_frame_hdr(header_at).set_eh_frame(frames_at).set_text(text);
    Some(Tables { header, frames, bases })
}

/// Returns a symbol as people write it: C++ without its arguments, which take lines.
#[must_use]
pub fn readable(symbol: &str) -> String {
    let options = cpp_demangle::DemangleOptions::new().no_params().no_return_type().hide_expression_literal_types();
    let demangled = cpp_demangle::Symbol::new(symbol.as_bytes()).ok().and_then(|symbol| symbol.demangle_with_options(&options).ok());
    demangled.unwrap_or_else(|| symbol.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_shown_as_people_write_them() {
        let check = |symbol: &str, expect: &str| assert_eq!(readable(symbol), expect);
        check("_ZN4node5AbortEv", "node::Abort");
        check("_ZN4node13SpinEventLoopEPNS_11EnvironmentE", "node::SpinEventLoop");
        check("Builtins_InterpreterEntryTrampoline", "Builtins_InterpreterEntryTrampoline");
        check("uv_run", "uv_run");
        check("_Znot mangled", "_Znot mangled");
    }
}
