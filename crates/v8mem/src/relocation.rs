//! Objects whose addresses stand among the instructions of machine code: constants, and code that is called.
//!
//! V8 keeps a table of the places that change when something is moved. It is read backwards: a byte with two bits that say what is there, and six that
//! say how many bytes after the last place; or with the kind of place in its upper six bits, after which the distance follows, and for some kinds
//! more. A table is believed only if it leads to objects alone.

use crate::kind::Kind;
use crate::machine_code::STREAMS_TELL;
use crate::maps::{TAG, strong};
use crate::version::V8Version;
use crate::view::HeapView;

/// An object that instructions refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Embedded {
    /// The word that leads to it.
    pub(crate) word: u64,
    /// Whether it is not kept alive: optimized code is given up when such an object goes.
    pub(crate) weak: bool,
}

/// What is in a place that the table tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A reference.
    Object,
    /// How far it is to the code that is called.
    Code,
}

/// Which kinds of places are followed by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds {
    /// Why code is given up: one byte. Its neighbours, four before and two behind, have four.
    reason: u64,
    /// No place, but a distance too long for one byte.
    jump: u64,
}

/// A table has at most so many bytes for each byte of the code.
const MOST_PER_BYTE: u64 = 8;

/// Returns the objects that the instructions in an object refer to: of machine code alone, others have none. O(its table).
#[inline]
#[must_use]
pub(crate) fn embedded(heap: HeapView<'_, '_>, addr: u64, kind: Kind) -> Vec<Embedded> {
    if !matches!(kind, Kind::Code | Kind::InstructionStream) {
        return vec![];
    }
    read(heap, addr, kind).unwrap_or_default()
}

fn read(heap: HeapView<'_, '_>, addr: u64, kind: Kind) -> Option<Vec<Embedded>> {
    let at = &heap.layout.at;
    let version = heap.layout.version;
    let (code, first, table) = match kind {
        Kind::Code if version < V8Version::new(11, 0) => (addr, at.code_start, heap.target(addr, at.code_relocation)?),
        Kind::InstructionStream => {
            let code = heap.target(addr, at.stream_code)?;
            let in_code = version < STREAMS_TELL;
            let table = if in_code { heap.target(code, at.code_relocation)? } else { heap.target(addr, at.stream_relocation)? };
            (code, at.stream_start, table)
        }
        _ => return None,
    };
    let size = heap.objects.size(heap.objects.at(heap.pages, addr)?);
    let is_optimized = heap.compiler(code).is_some_and(|compiler| compiler > 0);
    let kinds = Kinds { reason: at.relocation_reason, jump: at.relocation_jump };
    let mut found = Vec::new();
    // A few bytes tell of a place; a stranger's table may be longer than all code.
    let bytes = heap.bytes(table).filter(|bytes| bytes.len() as u64 <= MOST_PER_BYTE * size)?;
    for (offset, place) in places(bytes, size, kinds)? {
        let at = first.checked_add(offset).filter(|at| at + 8 <= size)?;
        let word = match place {
            Place::Object => heap.field(addr, at)?,
            Place::Code => {
                let distance = i64::from(heap.half(addr, at)? as i32);
                ((addr + at + 4).wrapping_add_signed(distance)).checked_sub(first)? | TAG
            }
        };
        // What is called may also be a builtin in the program.
        match heap.object(word) {
            Some(_) => found.push(Embedded { word, weak: is_optimized && is_weak(heap, word) }),
            None if place == Place::Code => {}
            None => return None,
        }
    }
    Some(found)
}

/// Says whether optimized code keeps an object alive: not what changes with the program, but what the compiler knows of it.
fn is_weak(heap: HeapView<'_, '_>, word: u64) -> bool {
    let Some(addr) = strong(word) else { return true };
    match heap.kind(addr) {
        Some(Kind::Map) => {
            let described = heap.pages.short(addr + heap.layout.at.map_type);
            described.is_some_and(|number| heap.layout.types.kind(number).is_js_object())
        }
        Some(Kind::PropertyCell | Kind::Context | Kind::NativeContext) => true,
        kind => kind.is_some_and(Kind::is_receiver),
    }
}

/// Returns the places of references and calls, in bytes from the first instruction: each behind the one before, all in `room` bytes. `None` where
/// the table makes no sense.
fn places(table: &[u8], room: u64, kinds: Kinds) -> Option<Vec<(u64, Place)>> {
    const TAGS: u8 = 3;
    let (mut bytes, mut at) = (table.iter().rev(), 0_u64);
    let mut found: Vec<(u64, Place)> = Vec::new();
    while let Some(&byte) = bytes.next() {
        let upper = u64::from(byte >> 2);
        if byte & TAGS < 2 {
            let place = at + upper;
            if place >= room || found.last().is_some_and(|&(last, _)| place <= last) {
                return None;
            }
            found.push((place, if byte & TAGS == 0 { Place::Object } else { Place::Code }));
        }
        match byte & TAGS {
            TAGS if upper == kinds.jump => {
                at += distance(&mut bytes)? << 6;
                continue;
            }
            TAGS => {
                at += u64::from(*bytes.next()?);
                let more = match upper {
                    kind if kind == kinds.reason => 1,
                    kind if (kinds.reason - 4..=kinds.reason + 2).contains(&kind) => 4,
                    _ => 0,
                };
                (0..more).try_for_each(|_| bytes.next().map(|_| ()))?;
                continue;
            }
            _ => {}
        }
        at += upper;
    }
    Some(found)
}

/// Reads a distance: seven bits a byte, the lowest first.
fn distance<'t>(bytes: &mut impl Iterator<Item = &'t u8>) -> Option<u64> {
    let mut distance = 0;
    for shift in (0..28).step_by(7) {
        let byte = *bytes.next()?;
        distance |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(distance);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_the_end() {
        let kinds = Kinds { reason: 19, jump: 22 };
        let check = |bytes: &[u8], expect: Option<&[(u64, Place)]>| {
            let backwards: Vec<u8> = bytes.iter().rev().copied().collect();
            assert_eq!(places(&backwards, 1 << 20, kinds).as_deref(), expect, "{bytes:x?}");
        };
        check(&[], Some(&[]));
        // Seven bytes on a reference, three further a call.
        check(&[7 << 2, 3 << 2 | 1], Some(&[(7, Place::Object), (10, Place::Code)]));
        // A kind without more, one with a byte, one with four, each ten bytes further.
        check(&[14 << 2 | 3, 10, 19 << 2 | 3, 10, 99, 20 << 2 | 3, 10, 1, 2, 3, 4, 0], Some(&[(30, Place::Object)]));
        // Two kinds of distances too long for one byte: 64 times 1, and 64 times 200.
        check(&[22 << 2 | 3, 1, 5 << 2], Some(&[(69, Place::Object)]));
        check(&[22 << 2 | 3, 0xc8, 1, 5 << 2], Some(&[(12_805, Place::Object)]));
        // What nobody calls by a name is passed over.
        check(&[9 << 2 | 2, 4 << 2], Some(&[(13, Place::Object)]));
        // Two at one place, and one behind the end.
        check(&[7 << 2, 1], None);
        check(&[22 << 2 | 3, 0xff, 0xff, 0x7f, 5 << 2], None);
        // Cut off.
        check(&[14 << 2 | 3], None);
        check(&[20 << 2 | 3, 10, 1, 2, 3], None);
        check(&[22 << 2 | 3, 0xff, 0xff, 0xff, 0xff, 1], None);
    }
}
