//! Machine code as objects of the heap: how long they are, and which belong together.
//!
//! Up to V8 10 one object describes machine code and holds it. Later the description (code) and the instructions (instruction stream) are two
//! objects that refer to each other, the latter in pages of their own. Builtins' descriptions lead to instructions in the program.

use crate::kind::Kind;
use crate::layout::V8Layout;
use crate::maps::{Map, Maps, strong};
use crate::pages::Pages;
use crate::version::V8Version;

/// From this V8 on instructions themselves say how many bytes they take and where their table of places is; before, what describes them did.
pub(crate) const STREAMS_TELL: V8Version = V8Version::new(11, 8);

/// Returns the size in bytes of an object that holds machine code; `None` for any other, and where it does not say.
#[must_use]
pub(crate) fn size(pages: &Pages<'_>, layout: &V8Layout, maps: &Maps, map: &Map, addr: u64) -> Option<u64> {
    let at = &layout.at;
    let half = |addr: u64, offset: u64| pages.half(addr.checked_add(offset)?).map(u64::from);
    let (header, bytes) = match map.kind {
        Kind::Code if map.size == 0 => (at.code_start, half(addr, at.code_size)? + half(addr, at.code_tables_size)?),
        Kind::InstructionStream if layout.version < STREAMS_TELL => {
            let code = strong(pages.word(addr.checked_add(at.stream_code)?)?)?;
            let map = maps.of_word(pages, layout, pages.word(code)?)?;
            let of_code = |offset| half(code, offset).filter(|_| maps.get(map).kind == Kind::Code);
            (at.stream_start, of_code(at.code_size)? + of_code(at.code_tables_size)?)
        }
        Kind::InstructionStream => (at.stream_start, half(addr, at.stream_size)?),
        _ => return None,
    };
    Some((header + bytes).next_multiple_of(at.code_alignment))
}

/// Says whether objects of a kind hold machine code, and their maps do not say how much.
#[must_use]
pub(crate) fn holds_code(map: &Map) -> bool {
    map.size == 0 && matches!(map.kind, Kind::Code | Kind::InstructionStream)
}
