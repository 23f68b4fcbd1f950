//! Where objects are being made: in one area at a time of each space, from its start on. Up to its top there are objects, from there to its limit
//! nothing, but the bytes that were there before may look like objects.
//!
//! V8 keeps start, top and limit side by side: of old objects up to V8 9 in the space's own object, later in the isolate itself; of machine code up to
//! V8 11 in the space's own object, later in one of the heap's main thread, to which the heap points. Areas of other threads are not known, nor
//! is the young generation's looked for.

use crate::isolate::Isolate;
use crate::memory::Memory;
use crate::pages::{PageHeader, PageTable};
use crate::space::Space;

/// How far into V8's object for a space an area is looked for, in bytes.
const SPACE: u64 = 0x300;
/// How far into a heap the pointer to its main thread's object is looked for.
const HEAP: u64 = 0x400;
/// How far into that object an area is looked for.
const THREAD: u64 = 0x600;

/// Notes in the table of pages where objects are being made. O(words of isolates + spaces).
pub(crate) fn note(memory: &dyn Memory, isolates: &[Isolate], pages: &mut PageTable) {
    let mut owners: Vec<u64> = pages.headers().iter().filter(|page| page.heap != 0).map(|page| page.owner).collect();
    owners.sort_unstable();
    owners.dedup();
    let of_spaces: Vec<(u64, u64)> = owners.into_iter().flat_map(|owner| within(memory, pages, owner, SPACE, |_| true)).collect();
    let of_threads: Vec<(u64, u64)> = isolates.iter().flat_map(|isolate| of_heap(memory, pages, isolate.heap)).collect();
    let own = |isolate: &Isolate| within(memory, pages, isolate.addr, isolate.size, |page| page.heap == isolate.heap);
    let of_isolates: Vec<(u64, u64)> = isolates.iter().flat_map(own).collect();
    of_isolates.into_iter().chain(of_threads).chain(of_spaces).for_each(|area| pages.note_open(area));
}

/// Finds the areas of machine code that what a heap points to holds.
fn of_heap(memory: &dyn Memory, pages: &PageTable, heap: u64) -> Vec<(u64, u64)> {
    let slots = (heap..heap.saturating_add(HEAP)).step_by(8);
    let objects = slots.filter_map(|slot| memory.word(slot).ok()).filter(|addr| addr.is_multiple_of(8) && pages.header(*addr).is_none());
    objects.flat_map(|object| within(memory, pages, object, THREAD, |page| page.space.is_code() && page.heap == heap)).collect()
}

/// Finds the areas that an object of C++ holds: three words, each an address of the same page, the second between the others.
fn within(memory: &dyn Memory, pages: &PageTable, object: u64, len: u64, is_wanted: impl Fn(&PageHeader) -> bool) -> Vec<(u64, u64)> {
    let words: Vec<u64> = (object..object.saturating_add(len)).step_by(8).map_while(|addr| memory.word(addr).ok()).collect();
    let area = |three: &[u64]| {
        let &[start, top, limit] = three else { return None };
        let page = pages.header(start).filter(|page| is_wanted(page) && !page.is_large() && page.space != Space::New)?;
        let inside = page.area_start <= start && start <= top && top < limit && limit <= page.area_end;
        (inside && three.iter().all(|addr| addr.is_multiple_of(8))).then_some((top, limit))
    };
    words.windows(3).filter_map(area).collect()
}
