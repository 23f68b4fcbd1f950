//! The elements of typed arrays, Node's Buffers among them: numbers without tags, in the heap or in memory of C++.

use heap::held::Primitive;

use crate::extents;
use crate::maps::Map;
use crate::memory::Memory;
use crate::version::V8Version;
use crate::view::HeapView;

/// What the elements of a typed array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    F32,
    F64,
}

use Element::{F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};

/// The kinds of elements, in V8's order; clamped bytes are bytes.
const BEFORE_13: [Element; 11] = [U8, I8, U16, I16, U32, I32, F32, F64, U8, U64, I64];
const LATER: [Element; 12] = [U8, I8, U16, I16, U32, I32, U64, I64, U8, F32, F64, F16];

impl Element {
    /// Returns what the elements of a map's objects are: the kinds of arrays over memory that may grow follow those of all others.
    fn of(heap: HeapView<'_, '_>, map: &Map) -> Option<Self> {
        let at = &heap.layout.at;
        let kinds: &[Self] = if heap.layout.version < V8Version::new(13, 0) { &BEFORE_13 } else { &LATER };
        let nth = u64::from(map.elements_kind).checked_sub(at.dictionary_elements + at.typed_kinds)?;
        kinds.get(nth as usize).or_else(|| kinds.get((nth as usize).checked_sub(kinds.len())?)).copied()
    }

    fn width(self) -> usize {
        match self {
            I8 | U8 => 1,
            I16 | U16 | F16 => 2,
            I32 | U32 | F32 => 4,
            I64 | U64 | F64 => 8,
        }
    }

    /// Reads one element: as many bytes as it is wide.
    fn value(self, bytes: &[u8]) -> Primitive {
        let bits = bytes.iter().rev().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        let number = match self {
            I8 => f64::from(bits as i8),
            I16 => f64::from(bits as i16),
            I32 => f64::from(bits as i32),
            U8 | U16 | U32 => bits as f64,
            I64 => return Primitive::BigInt(i128::from(bits as i64)),
            U64 => return Primitive::BigInt(i128::from(bits)),
            F16 => half(bits as u16),
            F32 => f64::from(f32::from_bits(bits as u32)),
            F64 => f64::from_bits(bits),
        };
        Primitive::Number(number)
    }
}

/// Returns the value of a float of two bytes: a sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
    let size = match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Returns the length of a typed array and its first elements, at most so many; fewer where the memory is not there. `None` where it is
/// not known what they are.
pub(crate) fn elements(
    heap: HeapView<'_, '_>,
    memory: &dyn Memory,
    addr: u64,
    map: &Map,
    most: usize,
) -> Option<(u64, Vec<(u64, Primitive)>)> {
    const PIECE: usize = 4096;
    let at = &heap.layout.at;
    let element = Element::of(heap, map)?;
    let width = element.width();
    let length = extents::of_view(heap, addr, map)?.1 / width as u64;
    let start = heap.field(addr, at.typed_external)?.wrapping_add(heap.field(addr, at.typed_base)?);
    let mut left = usize::try_from(length).ok()?.min(most);
    let (mut found, mut bytes) = (Vec::new(), [0; PIECE]);
    while left > 0 {
        let from = start.wrapping_add((found.len() * width) as u64);
        let piece = &mut bytes[..(left * width).min(PIECE)];
        // What lies in a page of the heap may have been moved: pages know it.
        match heap.pages.page(from).and_then(|page| page.bytes(from, piece.len())) {
            Some(there) => piece.copy_from_slice(there),
            None if memory.read(from, piece).is_ok() => {}
            None => break,
        }
        let next = found.len() as u64;
        found.extend((next..).zip(piece.chunks_exact(width).map(|bytes| element.value(bytes))));
        left -= piece.len() / width;
    }
    Some((length, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_their_kind_says() {
        let check = |element: Element, bytes: &[u8], expect: Primitive| assert_eq!(element.value(bytes), expect, "{element:?} {bytes:?}");
        check(I8, &[0xfe], Primitive::Number(-2.0));
        check(U8, &[0xfe], Primitive::Number(254.0));
        check(I16, &[0, 0x80], Primitive::Number(-32768.0));
        check(U32, &[0xff, 0xff, 0xff, 0xff], Primitive::Number(4_294_967_295.0));
        check(I64, &[0xff; 8], Primitive::BigInt(-1));
        check(U64, &[0xff; 8], Primitive::BigInt(u64::MAX.into()));
        check(F32, &1.5_f32.to_le_bytes(), Primitive::Number(1.5));
        check(F64, &(-0.25_f64).to_le_bytes(), Primitive::Number(-0.25));
    }

    #[test]
    fn half_floats_have_their_values() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2_f64.powi(-24)),
            (0xfc00, f64::NEG_INFINITY),
            (0x3555, 0.333_251_953_125),
        ];
        for (bits, expect) in cases {
            assert_eq!(half(bits), expect, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
