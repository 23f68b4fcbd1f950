//! Areas in which objects are being made: V8 takes a stretch of free memory and fills it from one end. Behind the last object lies what
//! was there before, which looks like objects and is none.
//!
//! Such an area is three addresses side by side: where it starts, where the next object goes, where it ends. The main ones stand in the isolate
//! (V8 11 and later) or in the objects of its spaces; from V8 12 on others, and those of a collection's threads, in objects of their own, behind a
//! pointer to just there. A thread that compiles has, up to V8 11, an object of C++ for its area of machine code, behind its own and the isolate's. Each is believed when objects lie side by side from its start to where the next one goes, and something begins where
//! it ends.

use std::ops::Range;

use rustc_hash::FxHashSet;

use super::{PageHeader, Pages};
use crate::isolate::Isolate;
use crate::layout::V8Layout;
use crate::maps::{END_OF_MEMORY, Maps};
use crate::memory::Memory;
use crate::sizes::FreeUnit;
use crate::version::V8Version;
use crate::walk::Walker;

/// What is left of an area: from where the next object goes to its end.
pub type OpenArea = Range<u64>;

/// So far around the object of a space its areas are looked for, in bytes.
const AROUND: u64 = 1024;
/// Objects of C++ to which an isolate leads are looked into when they are not larger, in bytes.
const LARGEST: u64 = 16 << 10;
/// At most so many words are looked at for each isolate, and so many triples of them all.
const MOST: u64 = 1 << 20;
const MOST_TRIPLES: usize = 4096;

/// Finds the areas of all isolates, by address, without overlaps. O(words of isolates and of what they lead to).
pub(super) fn find(memory: &dyn Memory, pages: &Pages<'_>, layout: &V8Layout, isolates: &[Isolate]) -> Vec<OpenArea> {
    let maps = Maps::default();
    let walkers = [FreeUnit::Bytes, FreeUnit::Words].map(|unit| Walker { pages, layout, maps: &maps, unit, moving: false });
    let mut triples: Vec<[u64; 3]> = Vec::new();
    for isolate in isolates {
        let mut left = MOST;
        for (window, is_own) in windows(memory, pages, layout, isolate) {
            left = left.saturating_sub((window.end - window.start) / 8);
            let led_to = |addr: u64| is_own || memory.word(addr.wrapping_sub(8)) == Ok(addr);
            let found = words(memory, &window).filter(|&(addr, triple)| left > 0 && is_plausible(pages, triple) && led_to(addr));
            triples.extend(found.map(|(_, triple)| triple));
        }
    }
    triples.sort_unstable_by_key(|&[start, top, limit]| (limit - top, start, top));
    triples.dedup();
    triples.truncate(MOST_TRIPLES);
    // A collection's threads take their areas out of larger ones: the smallest come first.
    let mut areas: Vec<OpenArea> = Vec::new();
    for [start, top, limit] in triples {
        let Some(page) = pages.page(start).filter(|page| !page.is_large() && (top < limit || page.space.is_young())) else { continue };
        let of_page: Vec<OpenArea> = areas.iter().filter(|area| (page.area_start..page.area_end).contains(&area.start)).cloned().collect();
        let Some(walker) = walkers.iter().find(|walker| walker.leads(page, start, top, &of_page)) else { continue };
        // V8 looks in from time to time: there an area seems to end. In the young generation it goes on to the end of the page.
        let behind = || of_page.iter().map(|area| area.start).filter(|&start| start >= limit).min().unwrap_or(page.area_end);
        let end = match walker.starts_object(page, limit) {
            true => limit,
            false if page.space.is_young() => behind(),
            false => continue,
        };
        if of_page.iter().all(|area| area.end <= top || end <= area.start) {
            areas.push(top..end);
        }
    }
    areas.sort_unstable_by_key(|area| area.start);
    areas
}

/// Returns where areas may be described: in the isolate and around its spaces, and, which is the second value's no, in small objects to which
/// either leads: there a pointer must lead to each.
fn windows(memory: &dyn Memory, pages: &Pages<'_>, layout: &V8Layout, isolate: &Isolate) -> Vec<(Range<u64>, bool)> {
    let mut owners: Vec<u64> = pages.all().iter().filter(|page| page.heap == isolate.heap).map(|page| page.owner).collect();
    owners.sort_unstable();
    owners.dedup();
    let around = |owner: u64| owner.saturating_sub(AROUND)..owner.saturating_add(AROUND);
    let own = isolate.addr..isolate.addr.saturating_add(isolate.size);
    let windows: Vec<Range<u64>> = std::iter::once(own).chain(owners.iter().copied().map(around)).collect();
    let pointers = windows.iter().flat_map(|window| words(memory, window)).map(|(_, [word, ..])| word);
    let mut led_to: Vec<Range<u64>> = pointers.filter_map(|word| chunk(memory, pages, word)).collect();
    led_to.sort_unstable_by_key(|window| window.start);
    led_to.dedup();
    let is_one_further = layout.version < V8Version::new(12, 0);
    let pointers = led_to.iter().flat_map(|window| words(memory, window)).map(|(_, [word, ..])| word).take(MOST as usize);
    let mut allocators: Vec<u64> = pointers.filter(|&word| is_one_further && is_allocator(memory, isolate.heap, &owners, word)).collect();
    allocators.sort_unstable();
    allocators.dedup();
    let areas = allocators.into_iter().map(|addr| addr + AREA_IN_ALLOCATOR..addr + AREA_IN_ALLOCATOR + 24);
    windows.into_iter().chain(areas).map(|window| (window, true)).chain(led_to.into_iter().map(|window| (window, false))).collect()
}

/// Where the area of a thread stands in the object that hands out memory to it: behind the thread's own object, the space, and the heap.
const AREA_IN_ALLOCATOR: u64 = 24;

/// Says whether an object of C++ hands out memory of one of the given spaces of a heap.
fn is_allocator(memory: &dyn Memory, heap: u64, spaces: &[u64], addr: u64) -> bool {
    let word = |offset: u64| memory.word(addr.checked_add(offset)?).ok();
    let is_there = addr != 0 && addr.is_multiple_of(16) && addr < END_OF_MEMORY;
    is_there && word(16) == Some(heap) && word(8).is_some_and(|space| spaces.binary_search(&space).is_ok())
}

/// Returns a small piece of memory as malloc hands it out; its size stands before it.
fn chunk(memory: &dyn Memory, pages: &Pages<'_>, addr: u64) -> Option<Range<u64>> {
    let is_plausible = addr.is_multiple_of(16) && pages.page(addr).is_none();
    let size = memory.word(addr.checked_sub(8).filter(|_| is_plausible)?).ok()? & !7;
    (size.is_multiple_of(16) && (32..=LARGEST).contains(&size)).then(|| addr..addr.saturating_add(size - 8))
}

/// Returns every three words side by side, with the address of the first.
fn words<'m>(memory: &'m dyn Memory, window: &Range<u64>) -> impl Iterator<Item = (u64, [u64; 3])> + use<'m> {
    let word = |at: u64| memory.word(at).unwrap_or(0);
    let mut last = [0, word(window.start), word(window.start.saturating_add(8))];
    (window.start.saturating_add(16)..window.end).step_by(8).map(move |at| {
        last = [last[1], last[2], word(at)];
        (at - 16, last)
    })
}

/// Says whether three words may be an area: where it starts, where the next object goes, where it ends, all in one page that is being written.
fn is_plausible(pages: &Pages<'_>, [start, top, limit]: [u64; 3]) -> bool {
    let is_in_order = start <= top && top <= limit && (start | top | limit).is_multiple_of(8);
    let Some(page) = pages.page(start).filter(|page| is_in_order && page.area_start <= start && limit <= page.area_end) else {
        return false;
    };
    let has_room = top < limit || limit == page.area_end && start < top;
    has_room && page.heap != 0 && !page.idle
}

/// The pages of the young generation in which nothing was made since V8 last emptied that half: those behind the one with the last open area, as
/// `chain` has them. Returns their records.
pub(super) fn untouched(pages: &[PageHeader], areas: &[OpenArea], next: impl Fn(u64) -> Option<u64>) -> FxHashSet<u64> {
    let is_open = |page: &&PageHeader| {
        !page.idle
            && page.space.is_young()
            && areas.iter().any(|area| (page.area_start..=page.area_end).contains(&area.start) && area.end <= page.area_end)
    };
    let open: FxHashSet<u64> = pages.iter().filter(is_open).map(|page| page.record).collect();
    let behind = |record: u64| std::iter::successors(next(record), |&record| next(record)).take(pages.len());
    // From any of them on, the last one is the end.
    let Some(&first) = open.iter().next() else { return FxHashSet::default() };
    let last = behind(first).filter(|record| open.contains(record)).last().unwrap_or(first);
    behind(last).collect()
}
