//! Where objects are being made: in one area at a time of each space, from its start on. Up to its top there are objects, from there to its limit
//! nothing, but the bytes that were there before may look like objects.
//!
//! V8 keeps start, top and limit side by side. Up to V8 9 they are in the space's own object; in V8 10 and 11 those of old objects are in the isolate
//! itself; from V8 12 on all others are in an object of the heap's main thread, to which the heap points, behind a pointer to just there. Areas
//! of other threads are not known, nor is the young generation's looked for.

use crate::isolate::Isolate;
use crate::layout::V8Layout;
use crate::memory::Memory;
use crate::pages::PageTable;
use crate::space::Space;
use crate::version::V8Version;

/// How far into a heap the pointer to its main thread's object is looked for, in bytes.
const HEAP: u64 = 0x400;
/// How far into that object areas are looked for.
const THREAD: u64 = 0x600;

/// Notes in the table of pages where objects are being made. O(words of isolates + spaces).
pub(crate) fn note(memory: &dyn Memory, isolates: &[Isolate], layout: &V8Layout, pages: &mut PageTable) {
    let has_allocators = layout.version >= V8Version::new(12, 0);
    let mut found: Vec<(u64, u64)> = isolates.iter().flat_map(|isolate| in_words(memory, pages, isolate.slots())).collect();
    if has_allocators {
        found.extend(isolates.iter().flat_map(|isolate| of_thread(memory, pages, isolate.heap)));
    } else {
        let mut owners: Vec<u64> = pages.headers().iter().filter(|page| page.heap != 0).map(|page| page.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        let areas = owners.iter().filter_map(|owner| area(pages, three(memory, owner.checked_add(layout.at.space_area)?)?));
        found.extend(areas);
    }
    found.into_iter().for_each(|area| pages.note_open(area));
}

/// Finds areas among words that stand side by side.
fn in_words(memory: &dyn Memory, pages: &PageTable, slots: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let words: Vec<u64> = slots.map(|slot| memory.word(slot).unwrap_or(0)).collect();
    words.windows(3).filter_map(|three| area(pages, three.try_into().ok()?)).collect()
}

/// Finds the areas that what a heap points to holds: each behind its own address.
fn of_thread(memory: &dyn Memory, pages: &PageTable, heap: u64) -> Vec<(u64, u64)> {
    let slots = (heap..heap.saturating_add(HEAP)).step_by(8);
    let objects = slots.filter_map(|slot| memory.word(slot).ok()).filter(|addr| addr.is_multiple_of(8) && pages.header(*addr).is_none());
    let places = objects
        .flat_map(|object| (object..object.saturating_add(THREAD)).step_by(8).map_while(|slot| Some((slot, memory.word(slot).ok()?))));
    let own = places.filter(|&(slot, word)| word == slot.wrapping_add(8));
    own.filter_map(|(_, start)| area(pages, three(memory, start)?)).collect()
}

fn three(memory: &dyn Memory, addr: u64) -> Option<[u64; 3]> {
    let word = |nth: u64| memory.word(addr.checked_add(8 * nth)?).ok();
    Some([word(0)?, word(1)?, word(2)?])
}

/// Says whether three words are an area: addresses of the same page, each behind the one before. Returns its top and limit.
fn area(pages: &PageTable, [start, top, limit]: [u64; 3]) -> Option<(u64, u64)> {
    let page = pages.header(start).filter(|page| !page.is_large() && page.space != Space::New)?;
    let inside = page.area_start <= start && start <= top && top < limit && limit <= page.area_end;
    (inside && [start, top, limit].iter().all(|addr| addr.is_multiple_of(8))).then_some((top, limit))
}
