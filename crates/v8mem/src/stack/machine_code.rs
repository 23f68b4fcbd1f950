//! Machine code that V8 made while the program ran: which code an instruction belongs to, by which of V8's compilers, and, where that was
//! Sparkplug, which bytecode an instruction came from.
//!
//! Sparkplug turns each bytecode into a few instructions, in order, and keeps a table of how many bytes each one took. To go through that
//! table one must know where each bytecode ends, and so how long the bytecodes of this V8 are: its own table says, which only a program with
//! its symbols has. Code of the optimizing compilers says of its instructions where in the source they came from, and of calls that were
//! replaced by the function that they call, which call that was; such calls may be within such functions.

use super::javascript::Tier;
use super::positions::{self, Origin, number};
use crate::core_file::CoreFile;
use crate::kind::Kind;
use crate::maps::pointer;
use crate::memory::Memory;
use crate::version::V8Version;
use crate::view::HeapView;

/// V8's table of the lengths of bytecodes.
const BYTECODE_SIZES: &str = "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE";

/// How long bytecodes are, each with operands of one, two and four times the size.
pub(super) struct BytecodeSizes {
    /// Three rows, one length a bytecode.
    lengths: Vec<u8>,
}

/// The bytecodes that make the operands of the next one wide or extra wide, each also with a breakpoint on it.
const WIDE: [u8; 2] = [0, 2];
const EXTRA_WIDE: [u8; 2] = [1, 3];

impl BytecodeSizes {
    /// Reads V8's table. O(symbols of the program).
    pub(super) fn read(core: &CoreFile) -> Option<Self> {
        /// There are about two hundred bytecodes: a larger table has numbers of four bytes.
        const BYTES: usize = 1500;
        const MOST: usize = 8192;
        let table = core.binary()?.symbols_from(BYTECODE_SIZES).into_iter().find(|symbol| symbol.name == BYTECODE_SIZES)?;
        let mut bytes = vec![0; usize::try_from(table.size).ok().filter(|&size| size <= MOST)?];
        let memory: &dyn Memory = core;
        memory.read(table.addr, &mut bytes).ok()?;
        let lengths = if bytes.len() > BYTES { bytes.chunks_exact(4).map(|number| number[0]).collect() } else { bytes };
        Some(Self { lengths }).filter(|sizes| !sizes.lengths.is_empty() && sizes.lengths.len().is_multiple_of(3))
    }

    /// Returns where the bytecode ends that begins at a place, prefix counted.
    fn end(&self, bytecodes: &[u8], at: usize) -> Option<usize> {
        let first = *bytecodes.get(at)?;
        let (row, prefix) = match first {
            first if WIDE.contains(&first) => (1, 1),
            first if EXTRA_WIDE.contains(&first) => (2, 1),
            _ => (0, 0),
        };
        let bytecode = usize::from(*bytecodes.get(at + prefix)?);
        let row = self.lengths.chunks_exact(self.lengths.len() / 3).nth(row)?;
        let length = usize::from(*row.get(bytecode)?);
        (length > 0).then_some(at + prefix + length)
    }

    /// Returns the bytecode, by its place, of the instruction so many bytes into the code; -1 for what runs before the first.
    fn bytecode_at(&self, bytecodes: &[u8], table: &[u8], instruction: u64) -> Option<i64> {
        let mut steps = table.iter();
        let (mut end, mut bytecode, mut next) = (number(&mut steps)?, -1, 0);
        while end <= instruction {
            end = end.checked_add(number(&mut steps)?)?;
            bytecode = i64::try_from(next).ok()?;
            next = self.end(bytecodes, next)?;
        }
        Some(bytecode)
    }
}

/// Machine code of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MachineCode {
    /// The object that describes it.
    addr: u64,
    /// Where its instructions begin.
    start: u64,
    /// How it came about.
    pub(super) tier: Tier,
}

/// No code is longer: in front of an instruction its object is looked for so far.
const LONGEST: u64 = 1 << 20;

impl MachineCode {
    /// Finds the code around an instruction. O(bytes of the code in front of it).
    pub(super) fn around(heap: HeapView<'_, '_>, pc: u64) -> Option<Self> {
        let page = heap.pages.page(pc).filter(|page| page.executable)?;
        let first = page.area_start.max(pc.saturating_sub(LONGEST));
        let places = (first..=pc & !7).rev().step_by(8).map(|addr| addr & !7);
        places.into_iter().find_map(|addr| Self::of(heap, addr, pc))
    }

    /// Returns what the object at an address describes, if that has an instruction at `pc`.
    fn of(heap: HeapView<'_, '_>, addr: u64, pc: u64) -> Option<Self> {
        let at = &heap.layout.at;
        let kind = heap.maps.of_word(heap.pages, heap.layout, heap.field(addr, 0)?).map(|ix| heap.maps.get(ix).kind)?;
        // Up to V8 10 code describes itself; later another object does, away from the instructions.
        let (code, start) = match kind {
            Kind::Code => (addr, addr + at.code_start),
            Kind::InstructionStream => {
                let code = heap.target(addr, at.stream_code).filter(|&code| heap.kind(code) == Some(Kind::Code))?;
                (code, heap.field(code, at.code_start)?)
            }
            _ => return None,
        };
        let inside = pc.checked_sub(start)? < u64::from(heap.half(code, at.code_size)?);
        inside.then(|| Self { addr: code, start, tier: tier(heap.layout.version, heap.compiler(code)) })
    }

    /// Returns the place among its bytecodes of the instruction at `pc`; only of code by Sparkplug.
    pub(super) fn bytecode(self, heap: HeapView<'_, '_>, sizes: &BytecodeSizes, bytecode: u64, pc: u64) -> Option<i64> {
        let at = &heap.layout.at;
        let table = heap.target(self.addr, at.code_bytecode_table)?;
        let length = usize::try_from(heap.length(bytecode)?).ok()?;
        let bytecodes = heap.pages.page(bytecode)?.bytes(bytecode + at.bytecode_start, length)?;
        sizes.bytecode_at(bytecodes, heap.bytes(table)?, pc.checked_sub(self.start)?).filter(|_| self.tier == Tier::Baseline)
    }

    /// Returns where in the sources the instruction at `pc` came from, the innermost function first: functions that were compiled into this one, each by
    /// what its closures share, and at last the function itself. Only of optimized code; empty where it does not say.
    pub(super) fn origins(self, heap: HeapView<'_, '_>, pc: u64) -> Vec<Place> {
        if matches!(self.tier, Tier::Baseline | Tier::Builtin) {
            return vec![];
        }
        self.chain(heap, pc).unwrap_or_default()
    }

    fn chain(self, heap: HeapView<'_, '_>, pc: u64) -> Option<Vec<Place>> {
        let at = &heap.layout.at;
        let offset = i64::try_from(pc.checked_sub(self.start)?).ok()?;
        let mut origin = positions::origin(heap, self.addr, at.code_bytecode_table, offset)?;
        let data = heap.target(self.addr, at.code_deopt)?;
        let mut places = Vec::new();
        while let Some(call) = origin.inlined() {
            if places.len() == MOST_INLINED {
                return None;
            }
            let call = replaced_call(heap, data, call)?;
            let literals = heap.target(data, at.elements_start + 8 * at.deopt_literals)?;
            let shared = heap.element(literals, call.literal).and_then(pointer);
            let shared = shared.filter(|&shared| heap.kind(shared) == Some(Kind::SharedFunctionInfo))?;
            places.push(Place { shared: Some(shared), position: origin.position()? });
            origin = call.origin;
        }
        places.push(Place { shared: None, position: origin.position()? });
        Some(places)
    }
}

/// Where in the sources an instruction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What closures of the function share that was compiled into another; `None` for the other.
    pub(super) shared: Option<u64>,
    /// The place in the script, in UTF-16 units.
    pub(super) position: u32,
}

/// A call in optimized code that was replaced by the function that it calls.
struct ReplacedCall {
    /// Where it stood.
    origin: Origin,
    /// The place of the function among the code's literals.
    literal: u64,
}

/// No functions are compiled into each other deeper than this.
const MOST_INLINED: usize = 256;

/// Reads one of the calls that deoptimization data lists: where it stood, eight bytes, and the function's place among literals, four.
fn replaced_call(heap: HeapView<'_, '_>, data: u64, nth: usize) -> Option<ReplacedCall> {
    const ENTRY: usize = 16;
    let at = &heap.layout.at;
    let calls = heap.target(data, at.elements_start + 8 * at.deopt_calls)?;
    let entry = heap.bytes(calls)?.chunks_exact(ENTRY).nth(nth)?;
    let (origin, literal) = (entry.first_chunk()?, entry[8..].first_chunk()?);
    Some(ReplacedCall { origin: Origin::of_word(u64::from_le_bytes(*origin)), literal: u64::from(u32::from_le_bytes(*literal)) })
}

/// Returns the tier of a compiler's code: V8 numbers Sparkplug, then Maglev (from V8 10 on), then Turbofan.
fn tier(version: V8Version, compiler: Option<u64>) -> Tier {
    match compiler {
        Some(0) => Tier::Baseline,
        Some(1) if version >= V8Version::new(10, 0) => Tier::Maglev,
        Some(2) => Tier::Turbofan,
        Some(_) => Tier::Optimized,
        None => Tier::Builtin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytecodes of one byte; number 4 has an operand, number 5 two.
    fn sizes() -> BytecodeSizes {
        let row = |operand: u8| [1, 1, 1, 1, 1 + operand, 1 + 2 * operand];
        BytecodeSizes { lengths: [1, 2, 4].into_iter().flat_map(row).collect() }
    }

    #[test]
    fn bytecodes_end_where_the_next_begins() {
        let check = |bytecodes: &[u8], at: usize, expect: Option<usize>| assert_eq!(sizes().end(bytecodes, at), expect, "{bytecodes:?}");
        check(&[4, 9], 0, Some(2));
        check(&[5, 9, 9], 0, Some(3));
        check(&[0, 4, 9, 9], 0, Some(4));
        check(&[1, 5, 9, 9, 9, 9, 9, 9, 9, 9], 0, Some(10));
        check(&[6], 0, None);
        check(&[], 0, None);
    }

    #[test]
    fn an_instruction_belongs_to_the_bytecode_in_whose_bytes_it_lies() {
        // Ten bytes before the first bytecode, then 4, 200 and 6.
        let (bytecodes, table) = ([4, 9, 0, 4, 9, 9, 5, 9, 9], [10, 4, 0xc8, 1, 6]);
        let check = |instruction: u64, expect: Option<i64>| {
            assert_eq!(sizes().bytecode_at(&bytecodes, &table, instruction), expect, "{instruction}");
        };
        check(0, Some(-1));
        check(9, Some(-1));
        check(10, Some(0));
        check(13, Some(0));
        check(14, Some(2));
        check(213, Some(2));
        check(214, Some(6));
        check(219, Some(6));
        check(220, None);
    }
}
