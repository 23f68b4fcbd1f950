//! V8's tables of source positions: which place in the source each bytecode came from.
//!
//! Two variable-length numbers an entry, both differences to the entry before: the bytecode's offset, with whether a statement begins there,
//! and the position. Seven bits a byte, the lowest first.

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

/// Where in the sources something came from, as V8 packs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin(i64);

impl Origin {
    /// Takes apart what V8 keeps in a word.
    pub(super) fn of_word(word: u64) -> Self {
        Self(word as i64)
    }

    /// Returns the place in the script, in UTF-16 units. Bit 0 says that the source is another's (asm.js), the next 30 are the position plus one.
    pub(super) fn position(self) -> Option<u32> {
        u32::try_from((self.0 >> 1 & 0x3fff_ffff) - 1).ok().filter(|_| self.0 & 1 == 0)
    }

    /// Returns the number of the call that was replaced by the function it calls, in optimized code: the next 16 bits, plus one.
    pub(super) fn inlined(self) -> Option<usize> {
        usize::try_from((self.0 >> 31 & 0xffff) - 1).ok()
    }
}

/// Returns the place in the source, in UTF-16 units, of a place in bytecode, counted from the tagged pointer to it. `None` where V8 has no
/// table: it leaves that out until somebody needs it, such as a stack trace.
#[must_use]
pub(crate) fn in_source(heap: HeapView<'_, '_>, bytecode: u64, offset: i64) -> Option<u32> {
    let at = &heap.layout.at;
    origin(heap, bytecode, at.bytecode_positions, offset - (at.bytecode_start as i64 - 1))?.position()
}

/// Returns where code came from at an offset, by the table in a field of it.
#[must_use]
pub(super) fn origin(heap: HeapView<'_, '_>, code: u64, field: u64, offset: i64) -> Option<Origin> {
    let table = heap.target(code, field)?;
    let marked = if heap.layout.version.major < 14 { Marked::BySign } else { Marked::ByBits };
    last_before(heap.bytes(table)?, marked, offset)
}

/// Returns what the last entry at or before an offset says.
#[must_use]
fn last_before(table: &[u8], marked: Marked, offset: i64) -> Option<Origin> {
    let mut bytes = table.iter();
    let (mut code, mut source, mut found) = (ENTRY, 0_i64, None);
    while let (Some(forward), Some(moved)) = (number(&mut bytes), number(&mut bytes)) {
        code = code.checked_add(marked.forward(forward))?;
        source = source.checked_add(signed(moved))?;
        if code > offset {
            break;
        }
        found = Some(Origin(source));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(table: &[u8], marked: Marked, offset: i64) -> Option<u32> {
        last_before(table, marked, offset)?.position()
    }

    #[test]
    fn an_origin_says_which_call_was_replaced() {
        let check = |word: u64, expect: (Option<u32>, Option<usize>)| {
            let origin = Origin::of_word(word);
            assert_eq!((origin.position(), origin.inlined()), expect, "{word:#x}");
        };
        check(0, (None, None));
        check(8 << 1, (Some(7), None));
        check(8 << 1 | 3 << 31, (Some(7), Some(2)));
        check(8 << 1 | 1, (None, None));
        check(u64::MAX, (None, Some(0xfffe)));
    }

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
