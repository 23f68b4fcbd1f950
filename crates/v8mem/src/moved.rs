//! A heap whose objects were being moved when the process was dumped: the collection is brought to its end on a copy of the pages.
//!
//! V8 copies an object, then writes the address of the copy, without a tag, where the map was; references are changed later. Until then the half
//! of the young generation that is otherwise idle holds what is not copied yet, and references lead there. Here every reference to an
//! object that has a copy is led to the copy. A large object is not copied: its own address stands in it, and C++ keeps its map in a table.

use memchr::memmem;
use rustc_hash::FxHashMap;

use crate::layout::V8Layout;
use crate::maps::{Maps, strong};
use crate::marking::words;
use crate::memory::Memory;
use crate::pages::{Page, Pages};
use crate::view::HeapView;

/// Where objects went: the address of each that was moved, and that of its copy.
pub type Moved = FxHashMap<u64, u64>;

/// The maps of large objects that a collection has seen, by the address of the object.
pub type LostMaps = FxHashMap<u64, u64>;

const WORD: usize = 8;

/// Returns what a page holds, from `area_start` on, by its place, as the collection would have left them: references lead to the copies, a large object has its map.
/// `None` where nothing changes. O(bytes).
#[must_use]
pub(crate) fn finished(heap: HeapView<'_, '_>, place: usize, maps: &LostMaps) -> Option<Vec<u8>> {
    let page = heap.pages.all().get(place)?;
    let old = page.bytes(page.area_start, (page.area_end - page.area_start) as usize)?;
    let mut new = None;
    let mut write = |addr: u64, word: u64| {
        let at = (addr - page.area_start) as usize;
        new.get_or_insert_with(|| old.to_vec())[at..at + WORD].copy_from_slice(&word.to_le_bytes());
    };
    let mut finish = |addr: u64, word: u64| {
        if word & 1 == 1
            && let Some(to) = heap.objects.moved().get(&(word & !3))
        {
            write(addr, to | word & 3);
        }
    };
    let mut behind = page.area_start;
    for (object, addr) in heap.objects.of_page(place) {
        page.words(behind, 0..addr - behind).for_each(|(offset, word)| finish(behind + offset, word));
        let (map, size) = (heap.maps.get(heap.objects.map(object)), heap.objects.size(object));
        // What a string or a number is made of, and what lies behind its end, may look like a reference.
        page.words(addr, 0..WORD as u64)
            .chain(words(heap, page, addr, (map.kind, map.instance_type), size))
            .for_each(|(offset, word)| finish(addr + offset, word));
        behind = addr + size;
    }
    page.words(behind, 0..page.area_end.saturating_sub(behind)).for_each(|(offset, word)| finish(behind + offset, word));
    if let Some(&map) = maps.get(&page.area_start) {
        write(page.area_start, map);
    }
    new
}

/// Says whether an address is that of something that was being moved: in the idle half, or with the address of a copy in place of a map.
#[must_use]
pub(crate) fn is_moving(pages: &Pages<'_>, addr: u64) -> bool {
    let Some(page) = pages.page(addr) else { return false };
    let copy = page.word(addr).filter(|word| word & 3 == 0 && *word != 0);
    let is_copy = |copy: u64| copy == addr || pages.word(copy).and_then(strong).is_some_and(|map| pages.page(map).is_some());
    page.idle || copy.is_some_and(is_copy)
}

/// Finds the maps of large objects in which their own address stands: in memory of C++, object and map side by side. O(bytes of that memory)
/// for each such object.
#[must_use]
pub(crate) fn lost_maps(memory: &dyn Memory, pages: &Pages<'_>, layout: &V8Layout) -> LostMaps {
    let maps = Maps::default();
    let is_lost = |page: &&Page<'_>| page.word(page.area_start) == Some(page.area_start);
    let is_map = |map: u64| maps.of_word(pages, layout, map).is_some();
    let found = |page: &Page<'_>| Some((page.area_start, beside(memory, pages, page.area_start | 1, &is_map)?));
    pages.all().iter().filter(is_lost).filter_map(found).collect()
}

/// Returns the first map that stands behind a word in writable memory that is no page.
fn beside(memory: &dyn Memory, pages: &Pages<'_>, word: u64, is_map: &impl Fn(u64) -> bool) -> Option<u64> {
    let wanted = word.to_le_bytes();
    for range in memory.ranges().iter().filter(|range| range.writable) {
        let mut at = range.start;
        while let Some((start, end)) = memory.next_data(at, range.end).filter(|&(start, end)| start < end) {
            let bytes = memory.slice(start, (end - start) as usize).unwrap_or_default();
            let places = memmem::find_iter(bytes, &wanted).map(|place| start + place as u64);
            let behind = |place: u64| memory.word(place + WORD as u64).ok().filter(|&map| pages.page(place).is_none() && is_map(map));
            if let Some(map) = places.filter(|place| place.is_multiple_of(WORD as u64)).find_map(behind) {
                return Some(map);
            }
            at = end;
        }
    }
    None
}
