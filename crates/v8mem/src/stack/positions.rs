//! V8's tables of source positions: which place in the source each bytecode came from.
//!
//! Two variable-length numbers an entry, both differences to the entry before: the bytecode's offset, with whether a statement begins there,
//! and the position. Seven bits a byte, the lowest first.

use crate::kind::Kind;
use crate::view::HeapView;

/// How an entry says whether a statement begins: nobody here asks, but it is in the way of the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    /// By the sign of the offset's difference: up to V8 13.
    BySign,
    /// By the lowest two bits: V8 14 and later.
    ByBits,
}

/// Reads a number of a table.
pub(super) fn number(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut bits = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.next()?;
        bits |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(bits);
        }
    }
    None
}

/// Takes the sign out of the lowest bit.
fn signed(bits: u64) -> i64 {
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

impl Marked {
    /// Returns the difference of offsets.
    fn forward(self, bits: u64) -> i64 {
        match (self, signed(bits)) {
            (Self::ByBits, _) => (bits >> 2) as i64,
            // A negative number is an expression's: one less than its difference, turned around.
            (Self::BySign, forward) if forward < 0 => -(forward + 1),
            (Self::BySign, forward) => forward,
        }
    }
}

/// The offset of what runs before the first bytecode; tables begin there.
const ENTRY: i64 = -1;

/// Returns the place in the source, in UTF-16 units, of a place in bytecode, counted from the tagged pointer to it. `None` where V8 has no
/// table: it leaves that out until somebody needs it, such as a stack trace.
#[must_use]
pub(crate) fn in_source(heap: HeapView<'_, '_>, bytecode: u64, offset: i64) -> Option<u32> {
    let at = &heap.layout.at;
    let table = heap.target(bytecode, at.bytecode_positions).filter(|&table| heap.kind(table) == Some(Kind::ByteArray))?;
    let length = usize::try_from(heap.length(table)?).ok()?;
    let bytes = heap.pages.page(table)?.bytes(table + 16, length)?;
    let marked = if heap.layout.version.major < 14 { Marked::BySign } else { Marked::ByBits };
    position(bytes, marked, offset - (at.bytecode_start as i64 - 1))
}

/// Returns the place in the source, in UTF-16 units, of the bytecode at an offset: that of the last entry at or before it.
#[must_use]
fn position(table: &[u8], marked: Marked, offset: i64) -> Option<u32> {
    let mut bytes = table.iter();
    let (mut code, mut source, mut found) = (ENTRY, 0_i64, None);
    while let (Some(forward), Some(moved)) = (number(&mut bytes), number(&mut bytes)) {
        code = code.checked_add(marked.forward(forward))?;
        source = source.checked_add(signed(moved))?;
        if code > offset {
            break;
        }
        // Bit 0 says that the source is another's (asm.js), the next 30 are the position plus one.
        found = u32::try_from((source >> 1 & 0x3fff_ffff) - 1).ok().filter(|_| source & 1 == 0);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a table as V8 does: entries of (offset, position, whether a statement begins).
    fn table(marked: Marked, entries: &[(i64, i64, bool)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut number = |mut bits: u64| {
            loop {
                let more = bits > 0x7f;
                bytes.push(bits as u8 & 0x7f | if more { 0x80 } else { 0 });
                bits >>= 7;
                if !more {
                    break;
                }
            }
        };
        let zigzag = |value: i64| ((value << 1) ^ (value >> 63)) as u64;
        let (mut code, mut source) = (ENTRY, 0);
        for &(offset, position, statement) in entries {
            let forward = offset - code;
            number(match marked {
                Marked::BySign => zigzag(if statement { forward } else { -forward - 1 }),
                Marked::ByBits => (forward as u64) << 2 | 2 | u64::from(statement),
            });
            number(zigzag(((position + 1) << 1) - source));
            (code, source) = (offset, (position + 1) << 1);
        }
        bytes
    }

    #[test]
    fn the_last_entry_before_a_bytecode_counts() {
        for marked in [Marked::BySign, Marked::ByBits] {
            let all = table(marked, &[(-1, 890, false), (0, 900, true), (5, 917, false), (40, 30, true), (300, 70_000, false)]);
            let check = |offset: i64, expect: Option<u32>| assert_eq!(position(&all, marked, offset), expect, "{offset}");
            check(-2, None);
            check(-1, Some(890));
            check(0, Some(900));
            check(4, Some(900));
            check(5, Some(917));
            check(41, Some(30));
            check(1 << 20, Some(70_000));
            assert_eq!(position(&[], marked, 5), None);
            assert_eq!(position(&[0x80; 40], marked, 5), None);
            assert_eq!(position(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], marked, 5), None);
        }
    }

    #[test]
    fn a_table_of_node_26_is_read() {
        // `function deepC(z){process.abort()}`: the function at 8544, the statement four units behind it, `abort` eight more.
        let table = [0x02, 0x84, 0x8b, 0x02, 0x07, 0x10, 0x12, 0x20, 0x16, 0x00, 0x17, 0x1c];
        let check = |offset: i64, expect: u32| assert_eq!(position(&table, Marked::ByBits, offset), Some(expect), "{offset}");
        check(-1, 8544);
        check(0, 8548);
        check(9, 8556);
        check(14, 8563);
    }
}
