//! The walk over all pages: every object, one behind the other.
//!
//! Where an object's end does not lead to the next one, the walk looks word by word for the next map and counts what it skipped. Never in
//! machine code: constants inside code look like maps. There the walk goes on only where V8 says that something begins.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::layout::V8Layout;
use crate::machine_code::{self, holds_code};
use crate::maps::{Map, MapIx, Maps};
use crate::pages::{Page, Pages};
use crate::sizes::{FreeUnit, Size, size_of};

/// What a walk met besides objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkStats {
    /// Objects, free memory not counted.
    pub objects: u64,
    /// Bytes of objects.
    pub object_bytes: u64,
    /// Bytes of free memory: free lists and fillers.
    pub free_bytes: u64,
    /// Bytes of zeros between objects, and behind the last one.
    pub unused_bytes: u64,
    /// How often the next object had to be looked for.
    pub resyncs: u64,
    /// Bytes that were skipped by it, which belong to the object before or to nobody.
    pub skipped_bytes: u64,
    /// Bytes of pages that were left out: the idle half of the young generation.
    pub idle_bytes: u64,
    /// Bytes of the other half, and of areas in which objects are being made, that hold none yet: what lies there is older.
    pub open_bytes: u64,
    /// Bytes of objects that have a copy elsewhere, where a collection was moving objects.
    pub moved_bytes: u64,
    /// Bytes of pages of machine code in which the walk lost its way: what is there is not known.
    pub code_bytes: u64,
}

/// An object, as the walk meets it.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// Its address.
    pub addr: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its map.
    pub map: MapIx,
}

/// What a walk needs to know.
#[derive(Clone, Copy)]
pub struct Walker<'a, 'm> {
    /// The pages.
    pub pages: &'a Pages<'m>,
    /// The layout.
    pub layout: &'a V8Layout,
    /// The maps.
    pub maps: &'a Maps,
    /// The unit of free memory.
    pub unit: FreeUnit,
    /// Whether objects may have been moved: the address of the copy stands in place of the map.
    pub moving: bool,
}

/// What begins at an address.
enum Step {
    /// An object.
    Object(Met, Map),
    /// So much free memory.
    Free(u64),
    /// What was an object, before it was moved.
    Moved {
        /// Where its copy is.
        to: u64,
        /// How many bytes it takes.
        size: u64,
    },
    /// Nothing that is known, up to that address.
    Nothing(u64),
}

impl Walker<'_, '_> {
    /// Walks over one page. Calls `each` for every object, and `moved` for what was one before it was moved, with the copy's address.
    pub fn page(&self, page: &Page<'_>, stats: &mut WalkStats, each: &mut impl FnMut(Met, &Map), moved: &mut impl FnMut(u64, u64)) {
        let area = page.area_end - page.area_start;
        match () {
            () if page.idle => stats.idle_bytes += area,
            () if page.untouched => stats.open_bytes += area,
            () => self.objects(page, stats, each, moved),
        }
    }

    /// Walks over what objects of a page were made: all but the areas in which they are being made.
    fn objects(&self, page: &Page<'_>, stats: &mut WalkStats, each: &mut impl FnMut(Met, &Map), moved: &mut impl FnMut(u64, u64)) {
        let mut addr = page.area_start;
        for open in self.pages.open_areas(page) {
            self.between_anchors(page, addr..open.start, stats, each, moved);
            stats.open_bytes += open.end.saturating_sub(open.start.max(addr));
            addr = addr.max(open.end);
        }
        self.between_anchors(page, addr..page.area_end, stats, each, moved);
    }

    /// Walks over a part of a page anew from each address at which an object is known to begin.
    fn between_anchors(
        &self,
        page: &Page<'_>,
        part: Range<u64>,
        stats: &mut WalkStats,
        each: &mut impl FnMut(Met, &Map),
        moved: &mut impl FnMut(u64, u64),
    ) {
        let mut addr = part.start;
        for &anchor in self.pages.anchors(&part) {
            self.stretch(page, addr..anchor, stats, each, moved);
            addr = anchor;
        }
        self.stretch(page, addr..part.end, stats, each, moved);
    }

    /// Walks over a part of a page: what does not end in it is no object.
    fn stretch(
        &self,
        page: &Page<'_>,
        stretch: Range<u64>,
        stats: &mut WalkStats,
        each: &mut impl FnMut(Met, &Map),
        moved: &mut impl FnMut(u64, u64),
    ) {
        let mut addr = stretch.start;
        while addr + 8 <= stretch.end {
            addr += match self.step(page, addr, stats) {
                Step::Object(met, _) if met.addr + met.size > stretch.end => {
                    Self::skip(page, addr, stretch.end, stats);
                    break;
                }
                Step::Object(met, map) => {
                    stats.objects += 1;
                    stats.object_bytes += met.size;
                    each(met, &map);
                    met.size
                }
                Step::Free(size) => {
                    stats.free_bytes += size.min(stretch.end - addr);
                    size
                }
                Step::Moved { to, size } => {
                    stats.moved_bytes += size.min(stretch.end - addr);
                    moved(addr, to);
                    size
                }
                Step::Nothing(next) => {
                    let next = next.min(stretch.end);
                    Self::skip(page, addr, next, stats);
                    next - addr
                }
            };
        }
    }

    /// Says whether objects lie side by side from one address of a page to another, but for one that is just being made, and for areas that
    /// are left out.
    pub(crate) fn leads(&self, page: &Page<'_>, from: u64, to: u64, left_out: &[Range<u64>]) -> bool {
        let mut addr = from;
        // In machine code nothing is looked for that does not lead on.
        let (mut unmade, most) = (0, if page.executable { 0 } else { 1 });
        while addr < to && unmade <= most {
            if let Some(area) = left_out.iter().find(|area| area.start == addr) {
                addr = area.end;
                continue;
            }
            let map = page.word(addr).and_then(|word| self.maps.of_word(self.pages, self.layout, word)).map(|ix| self.maps.get(ix));
            unmade += u32::from(map.is_none());
            let size = map.and_then(|map| self.size(page, &map, addr));
            addr = size.map_or_else(|| self.next_object(page, addr + 8).min(to), |size| addr + size);
        }
        addr == to && unmade <= most
    }

    /// Finds out what begins at an address.
    fn step(&self, page: &Page<'_>, addr: u64, stats: &mut WalkStats) -> Step {
        let word = page.word(addr).unwrap_or(0);
        let Some(ix) = self.maps.of_word(self.pages, self.layout, word) else {
            let moved = self.copy(word).map(|(to, size)| Step::Moved { to, size: size.min(page.area_end - addr) });
            return moved.unwrap_or_else(|| Step::Nothing(self.next_object(page, addr + 8)));
        };
        let map = self.maps.get(ix);
        let size = match self.size(page, &map, addr) {
            None if page.executable => return Step::Nothing(self.next_object(page, addr + 8)),
            Some(_) if page.executable && !holds_code(&map) && !map.kind.is_free() => {
                return Step::Nothing(self.next_object(page, addr + 8));
            }
            size => size.unwrap_or_else(|| {
                stats.resyncs += 1;
                self.next_object(page, addr + 16) - addr
            }),
        };
        if map.kind.is_free() { Step::Free(size) } else { Step::Object(Met { addr, size, map: ix }, map) }
    }

    /// Returns where the copy of an object is in whose first word that stands, and its size.
    fn copy(&self, word: u64) -> Option<(u64, u64)> {
        let page = self.pages.page(word).filter(|_| self.moving && word.is_multiple_of(8))?;
        let map = self.maps.of_word(self.pages, self.layout, page.word(word)?).map(|ix| self.maps.get(ix))?;
        Some((word, self.size(page, &map, word)?))
    }

    /// Returns an object's size, when it is plausible: it ends in the page, before another object or at the end.
    fn size(&self, page: &Page<'_>, map: &Map, addr: u64) -> Option<u64> {
        let room = page.area_end - addr;
        let fits = |size: u64| (8..=room).contains(&size);
        if holds_code(map) {
            return machine_code::size(self.pages, self.layout, self.maps, map, addr).filter(|&size| fits(size));
        }
        match size_of(page, self.layout, self.unit, map, addr) {
            Size::Bytes(size) if map.kind == Kind::Filler => Some(size.clamp(8, room)),
            Size::Bytes(size) => fits(size).then_some(size),
            Size::OneOf(sizes) => sizes.into_iter().find(|&size| fits(size) && self.starts_object(page, addr + size)),
            Size::Unknown => None,
        }
    }

    /// Says whether an object begins at an address of a page, or the page ends there.
    pub(crate) fn starts_object(&self, page: &Page<'_>, addr: u64) -> bool {
        let begins = |word| self.maps.of_word(self.pages, self.layout, word).is_some() || self.copy(word).is_some();
        addr == page.area_end || page.word(addr).is_some_and(begins)
    }

    /// Returns where the next object begins, or the end of the page. In machine code that is not looked for.
    fn next_object(&self, page: &Page<'_>, from: u64) -> u64 {
        if page.executable {
            return page.area_end;
        }
        let mut addr = from;
        while addr + 8 <= page.area_end && !self.starts_object(page, addr) {
            addr += 8;
        }
        addr.min(page.area_end)
    }

    fn skip(page: &Page<'_>, from: u64, to: u64, stats: &mut WalkStats) {
        let zeros = page.bytes(from, (to - from) as usize).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0));
        if zeros {
            stats.unused_bytes += to - from;
        } else if page.executable {
            stats.code_bytes += to - from;
        } else {
            stats.resyncs += 1;
            stats.skipped_bytes += to - from;
        }
    }

    /// Finds out in which unit free memory is counted: the one whose ends are objects or ends of pages.
    #[must_use]
    pub fn calibrate(self) -> (FreeUnit, u32, u32) {
        let score = |unit: FreeUnit| {
            let mut good = 0;
            let mut all = 0;
            let walker = Walker { unit, ..self };
            let is_walked = |page: &&Page<'_>| !page.executable && !page.idle && !page.untouched && page.heap != 0;
            for page in self.pages.all().iter().filter(is_walked).take(64) {
                walker.score(page, &mut good, &mut all);
            }
            (good, all)
        };
        let (bytes, words) = (score(FreeUnit::Bytes), score(FreeUnit::Words));
        let product = |one: u32, other: u32| u64::from(one) * u64::from(other.max(1));
        if product(words.0, bytes.1) > product(bytes.0, words.1) {
            (FreeUnit::Words, words.0, words.1)
        } else {
            (FreeUnit::Bytes, bytes.0, bytes.1)
        }
    }

    /// Counts, in one page, the free stretches that end where something begins.
    fn score(&self, page: &Page<'_>, good: &mut u32, all: &mut u32) {
        let mut addr = page.area_start;
        let mut open = self.pages.open_areas(page).iter().peekable();
        while addr + 16 <= page.area_end {
            if let Some(open) = open.next_if(|open| open.start <= addr) {
                addr = addr.max(open.end);
                continue;
            }
            let map = page.word(addr).and_then(|word| self.maps.of_word(self.pages, self.layout, word)).map(|ix| self.maps.get(ix));
            let size = map.and_then(|map| self.size(page, &map, addr));
            if map.is_some_and(|map| map.kind == Kind::FreeSpace) {
                *all += 1;
                *good += u32::from(size.is_some_and(|size| self.starts_object(page, addr + size)));
            }
            addr = size.map_or_else(|| self.next_object(page, addr + 8), |size| addr + size);
        }
    }
}
