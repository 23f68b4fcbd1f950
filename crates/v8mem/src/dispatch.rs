//! The table of functions' code: from V8 13 on a function does not lead to its code, but has a number, and the table's entry of that number does.
//!
//! All isolates share one table, to whose start each isolate points.

use rustc_hash::FxHashSet;

use crate::isolate::Isolate;
use crate::kind::Kind;
use crate::layout::V8Layout;
use crate::maps::Maps;
use crate::memory::Memory;
use crate::pages::{PageTable, Pages};
use crate::version::V8Version;

/// The table takes memory of its own, which begins at a multiple of this: V8 14 does not align it to more.
const ALIGNMENT: u64 = 1 << 12;
/// V8 leaves so many entries at the start empty. Images of processes lack their memory, which nobody wrote.
const EMPTY: u32 = 1 << 12;
/// So many entries are looked at (V8 leaves many behind the first ones empty too), and so many of them must lead to code whose instructions begin
/// where the entry says.
const LOOKED_AT: u32 = 1 << 15;
const ENOUGH: usize = 16;
/// No isolate has more words that look like such an address (a few dozen).
const MOST: usize = 1024;

/// The address of the code in an entry.
fn code_in(layout: &V8Layout, memory: &dyn Memory, entry: u64) -> Option<u64> {
    let word = memory.word(entry.checked_add(layout.at.dispatch_code)?).ok()?;
    Some(word >> layout.at.dispatch_code_shift & !1).filter(|&code| code != 0)
}

/// Returns the address that the table's entry leads to of a function that has this number.
#[must_use]
pub(crate) fn code(pages: &Pages<'_>, layout: &V8Layout, number: u32) -> Option<u64> {
    let (memory, table) = pages.dispatch()?;
    let place = u64::from(number) >> layout.at.dispatch_shift;
    code_in(layout, memory, table.checked_add(place.checked_mul(layout.at.dispatch_entry)?)?)
}

/// Finds the table. O(words of an isolate).
#[must_use]
pub(crate) fn find(memory: &dyn Memory, isolates: &[Isolate], headers: &PageTable, layout: &V8Layout) -> Option<u64> {
    if layout.version < V8Version::new(13, 0) {
        return None;
    }
    let (pages, maps) = (headers.open(memory), Maps::default());
    let leads_to_code = |entry: u64| {
        let code = code_in(layout, memory, entry).filter(|code| code.is_multiple_of(8))?;
        let map = maps.of_word(&pages, layout, pages.word(code)?)?;
        let start = memory.word(entry + layout.at.dispatch_start).ok()?;
        (maps.get(map).kind == Kind::Code && pages.word(code + layout.at.code_start) == Some(start)).then_some(())
    };
    let is_table = |table: &u64| {
        let leads = |nth: &u32| table.checked_add(u64::from(*nth) * layout.at.dispatch_entry).and_then(leads_to_code).is_some();
        !(0..EMPTY).any(|nth| leads(&nth)) && (EMPTY..LOOKED_AT).filter(leads).take(ENOUGH).count() == ENOUGH
    };
    let slots = isolates.iter().flat_map(Isolate::slots).filter_map(|slot| memory.word(slot).ok());
    let may_be = |table: &u64| *table != 0 && table.is_multiple_of(ALIGNMENT) && headers.header(*table).is_none();
    let mut seen = FxHashSet::default();
    // What lies a little below the table has these entries too, behind more that are empty.
    slots.filter(may_be).filter(|&table| seen.insert(table)).take(MOST).filter(is_table).max()
}
