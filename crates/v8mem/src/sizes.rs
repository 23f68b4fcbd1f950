//! How many bytes an object takes.
//!
//! Most maps say it. For kinds whose objects vary, the length stands in the object, behind a header that a few versions changed.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::layout::V8Layout;
use crate::maps::{Map, length};
use crate::pages::Page;
use crate::text::width;
use crate::version::V8Version;

/// What an object's size rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many bytes.
    Bytes(u64),
    /// Behind a header of one of several lengths: the sizes that it may have.
    OneOf([u64; 4]),
    /// Not known: the next object must be looked for.
    Unknown,
}

const WORD: u64 = 8;

/// In which unit V8 writes the size of free memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreeUnit {
    /// Bytes: Node 16 to 22.
    Bytes,
    /// Words: Node 24 and later. V8's source of 13.6 says bytes; the binary does not agree.
    Words,
}

/// Returns an object's size.
#[must_use]
pub fn size_of(page: &Page<'_>, layout: &V8Layout, unit: FreeUnit, map: &Map, addr: u64) -> Size {
    if map.size != 0 {
        return Size::Bytes(u64::from(map.size));
    }
    let at = &layout.at;
    let length = page.word(addr + WORD).map(length);
    let half =
        |offset: u64| page.bytes(addr + offset, 4).map(|bytes| u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])));
    let array = |header: u64, each: u64| length.map(|length| header + each * length);
    let bytes = match map.kind {
        Kind::String => half(at.string_length).map(|length| at.string_chars + length * width(map.instance_type)),
        Kind::FreeSpace => length.map(|size| if unit == FreeUnit::Words { size * WORD } else { size }),
        Kind::NativeContext => array(16 + WORD, WORD),
        Kind::HeadedArray | Kind::BoilerplateDescription => {
            return length.map_or(Size::Unknown, |length| Size::OneOf([16, 24, 32, 40].map(|header| header + WORD * length)));
        }
        _ if map.kind.is_fixed_array() => array(16, WORD),
        Kind::Context | Kind::ClosureFeedbackCells | Kind::WeakFixedArray | Kind::TransitionArray | Kind::EmbedderData => array(16, WORD),
        Kind::ByteArray => array(at.bytes_start, 1),
        Kind::DoubleArray => array(16, 8),
        Kind::PropertyArray => page.word(addr + WORD).map(|word| 16 + WORD * (word >> 32 & 0x3ff)),
        Kind::WeakArrayList => array(24, WORD),
        Kind::DescriptorArray => {
            page.bytes(addr + WORD, 2).map(|bytes| at.descriptors_start + 24 * u64::from(u16::from_le_bytes([bytes[0], bytes[1]])))
        }
        Kind::BigInt => half(WORD).map(|bits| 16 + WORD * (bits >> 1)),
        Kind::BytecodeArray => array(at.bytecode_start, 1),
        Kind::FeedbackVector => half(WORD).map(|slots| at.feedback_slots + WORD * slots),
        Kind::FeedbackMetadata => half(WORD).map(|slots| 16 + 4 * slots.div_ceil(6) + closure_parameters(layout, half(WORD + 4))),
        // V8 11 has an object of one word, WasmNull, of which later versions make a page.
        Kind::Struct => return Size::OneOf([WORD; 4]),
        Kind::PreparseData => half(WORD).and_then(|data| Some((16 + data).next_multiple_of(8) + 8 * half(WORD + 4)?)),
        _ => None,
    };
    match bytes {
        Some(bytes) if bytes < 1 << 40 => Size::Bytes(bytes.next_multiple_of(WORD)),
        _ => Size::Unknown,
    }
}

/// From V8 13.6 on, feedback metadata also counts the parameters of closures, two bytes each.
fn closure_parameters(layout: &V8Layout, closures: Option<u64>) -> u64 {
    if layout.version < V8Version::new(13, 6) { 0 } else { 2 * closures.unwrap_or(0) }
}
