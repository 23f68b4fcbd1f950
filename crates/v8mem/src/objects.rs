//! The table of all objects, by address: what lies at an address, and at which address an object lies.
//!
//! One bit for each word of the heap says where an object begins; counts beside the bits turn an address into a position in constant time.
//! Costs 1/32 of the heap, and four bytes per object for map and size.

use crate::maps::{Map, MapIx};
use crate::memory::Memory;
use crate::moved::Moved;
use crate::pages::Pages;
use crate::walk::{Met, WalkStats, Walker};

/// The place of an object among all, by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjIx(pub u32);

impl ObjIx {
    /// Returns it as an index into columns.
    #[inline]
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// Where objects begin in one page.
#[derive(Clone, Copy, Debug)]
struct Starts {
    base: u64,
    /// The first of its cells, and how many it has: none behind the last object.
    cells: (u32, u32),
}

/// 64 words of the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// Where objects begin, one bit a word.
    pub(crate) starts: u64,
    /// The objects before them.
    pub(crate) before: u32,
}

impl Cell {
    pub(crate) const WORDS: u64 = 64;

    /// Returns the words at which objects begin.
    pub(crate) fn words(self) -> impl Iterator<Item = u64> {
        let next = |bits: &u64| Some(bits & (bits - 1)).filter(|&bits| bits != 0);
        std::iter::successors(Some(self.starts).filter(|&bits| bits != 0), next).map(|bits| u64::from(bits.trailing_zeros()))
    }
}

/// What is known of an object besides its address. Both are in a list apart where one of them does not fit.
#[derive(Clone, Copy, Debug)]
struct Object {
    map: u16,
    /// In words of eight bytes; `APART` where to look in the list.
    words: u16,
}

/// The mark of an object of which more is known than fits.
const APART: u16 = u16::MAX;

/// A large object, or one with one of the last maps that were met.
#[derive(Clone, Copy, Debug)]
struct Apart {
    object: ObjIx,
    map: MapIx,
    /// In words of eight bytes.
    words: u32,
}

/// All objects.
#[derive(Debug, Default)]
pub struct Objects {
    /// In the order of `Pages::all`.
    pages: Vec<Starts>,
    cells: Vec<Cell>,
    objects: Vec<Object>,
    /// By object.
    apart: Vec<Apart>,
    /// Where objects went that a collection was moving.
    moved: Moved,
    /// What the walk met besides.
    pub stats: WalkStats,
}

impl Objects {
    /// Walks over all pages and notes every object. Pages are given back to `memory` behind the walk. O(bytes).
    #[must_use]
    pub fn walk(walker: &Walker<'_, '_>, memory: &dyn Memory) -> Self {
        let mut objects = Self::with_room(walker.pages.all().iter().map(|page| page.area_end - page.area_start).sum());
        let mut stats = WalkStats::default();
        for page in walker.pages.all() {
            objects.begin(page.base);
            let mut moved = Moved::default();
            walker.page(page, &mut stats, &mut |met, _: &Map| objects.add(met), &mut |from, to| {
                moved.insert(from, to);
            });
            objects.moved.extend(moved);
            page.forget(memory);
        }
        objects.stats = stats;
        objects
    }

    /// Starts with room for all objects of so many bytes, if there is, which is no memory before it is used.
    fn with_room(bytes: u64) -> Self {
        /// Hardly any object is smaller.
        const SMALLEST: u64 = 16;
        let mut objects = Self::default();
        let _ = objects.objects.try_reserve_exact((bytes / SMALLEST) as usize);
        let _ = objects.cells.try_reserve_exact((bytes / (8 * Cell::WORDS)) as usize);
        objects
    }

    /// Begins a page: objects are added to the last one.
    fn begin(&mut self, base: u64) {
        self.pages.push(Starts { base, cells: (self.cells.len() as u32, 0) });
    }

    /// Adds an object, which lies behind all others of the page.
    fn add(&mut self, met: Met) {
        let Some(page) = self.pages.last_mut() else { return };
        let word = (met.addr - page.base) / 8;
        let cell = (word / Cell::WORDS) as u32;
        let before = self.objects.len() as u32;
        if cell >= page.cells.1 {
            // A page with one large object has no cells behind its first few words.
            page.cells.1 = cell + 1;
            self.cells.resize((page.cells.0 + page.cells.1) as usize, Cell { starts: 0, before });
        }
        if let Some(cell) = self.cells.last_mut() {
            cell.starts |= 1 << (word % Cell::WORDS);
        }
        let words = (met.size / 8) as u32;
        let fits = u16::try_from(words).ok().filter(|&words| words != APART).zip(u16::try_from(met.map.0).ok());
        if fits.is_none() {
            self.apart.push(Apart { object: ObjIx(before), map: met.map, words });
        }
        let (words, map) = fits.unwrap_or((APART, 0));
        self.objects.push(Object { map, words });
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Returns where objects went that a collection was moving.
    #[must_use]
    pub fn moved(&self) -> &Moved {
        &self.moved
    }

    /// Returns the object that begins at an address, or began there before it was moved. O(1).
    #[inline]
    #[must_use]
    pub fn at(&self, pages: &Pages<'_>, addr: u64) -> Option<ObjIx> {
        Some(self.find(pages, addr)?.0)
    }

    /// As `at`, with the address where the object is.
    #[inline]
    #[must_use]
    pub fn find(&self, pages: &Pages<'_>, addr: u64) -> Option<(ObjIx, u64)> {
        let here = self.in_page(self.pages.get(pages.find_ix(addr)?)?, addr);
        if here.is_some() || self.moved.is_empty() {
            return Some((here?, addr));
        }
        let &copy = self.moved.get(&addr)?;
        Some((self.in_page(self.pages.get(pages.find_ix(copy)?)?, copy)?, copy))
    }

    #[inline]
    fn in_page(&self, page: &Starts, addr: u64) -> Option<ObjIx> {
        let distance = addr.checked_sub(page.base)?;
        let (cell, bit) = (distance / 8 / Cell::WORDS, distance / 8 % Cell::WORDS);
        if !distance.is_multiple_of(8) || cell >= u64::from(page.cells.1) {
            return None;
        }
        let cell = self.cells.get(page.cells.0 as usize + cell as usize)?;
        let below = cell.starts & ((1 << bit) - 1);
        (cell.starts >> bit & 1 == 1).then(|| ObjIx(cell.before + below.count_ones()))
    }

    /// Returns the page and the cell in which the object begins that an address leads to, and the object: what sweeps over pages need.
    #[inline]
    pub(crate) fn locate(&self, pages: &Pages<'_>, addr: u64) -> Option<(usize, u32, ObjIx)> {
        let in_page = |addr: u64| {
            let nth = pages.find_ix(addr)?;
            let page = self.pages.get(nth)?;
            Some((nth, ((addr - page.base) / 8 / Cell::WORDS) as u32, self.in_page(page, addr)?))
        };
        let here = in_page(addr);
        if here.is_some() || self.moved.is_empty() { here } else { in_page(*self.moved.get(&addr)?) }
    }

    /// Returns a cell of a page, by their places, and the address of its first word.
    #[inline]
    pub(crate) fn cell(&self, page: usize, cell: u32) -> Option<(u64, Cell)> {
        let page = self.pages.get(page)?;
        let found = *self.cells.get((page.cells.0 + cell) as usize)?;
        Some((page.base + 8 * Cell::WORDS * u64::from(cell), found))
    }

    /// Returns the object in which an address lies, and where that begins; `None` for memory between objects. O(log objects).
    #[must_use]
    pub fn around(&self, pages: &Pages<'_>, addr: u64) -> Option<(ObjIx, u64)> {
        let object = self.last_before(self.pages.get(pages.find_ix(addr)?)?, addr)?;
        let start = self.addr(object);
        (addr - start < self.size(object)).then_some((object, start))
    }

    /// Returns the last object of a page that begins at an address or before it.
    fn last_before(&self, page: &Starts, addr: u64) -> Option<ObjIx> {
        let word = addr.checked_sub(page.base)? / 8;
        let last = u64::from(page.cells.1.checked_sub(1)?);
        let (cell, bit) = if word / Cell::WORDS > last { (last, Cell::WORDS - 1) } else { (word / Cell::WORDS, word % Cell::WORDS) };
        let first = self.cells.get(page.cells.0 as usize)?;
        let cell = self.cells.get(page.cells.0 as usize + cell as usize)?;
        let count = cell.before + (cell.starts & (u64::MAX >> (Cell::WORDS - 1 - bit))).count_ones();
        (count > first.before).then(|| ObjIx(count - 1))
    }

    /// Returns where an object begins. O(log objects).
    #[must_use]
    pub fn addr(&self, object: ObjIx) -> u64 {
        let found = self.cells.partition_point(|cell| cell.before <= object.0).saturating_sub(1);
        let Some(cell) = self.cells.get(found) else { return 0 };
        let page = self.pages.partition_point(|page| page.cells.0 as usize <= found).saturating_sub(1);
        let page = &self.pages[page];
        let word = cell.words().nth((object.0 - cell.before) as usize).unwrap_or(0);
        page.base + 8 * ((found as u64 - u64::from(page.cells.0)) * Cell::WORDS + word)
    }

    /// Returns an object's size in bytes.
    #[inline]
    #[must_use]
    pub fn size(&self, object: ObjIx) -> u64 {
        let words = self.objects[object.at()].words;
        8 * if words == APART { self.apart(object).map_or(0, |apart| apart.words.into()) } else { u64::from(words) }
    }

    /// Returns an object's map.
    #[inline]
    #[must_use]
    pub fn map(&self, object: ObjIx) -> MapIx {
        let Object { map, words } = self.objects[object.at()];
        let apart = if words == APART { self.apart(object) } else { None };
        apart.map_or(MapIx(map.into()), |apart| apart.map)
    }

    #[cold]
    fn apart(&self, object: ObjIx) -> Option<&Apart> {
        let at = self.apart.binary_search_by_key(&object, |apart| apart.object).ok()?;
        self.apart.get(at)
    }

    /// Returns the objects of pages that V8 writes: not those that isolates share.
    pub fn written<'o>(&'o self, pages: &'o Pages<'_>) -> impl Iterator<Item = ObjIx> + 'o {
        let first = |page: usize| {
            let before = |page: &Starts| self.cells.get(page.cells.0 as usize).map(|cell| cell.before);
            self.pages.get(page).and_then(before).unwrap_or(self.objects.len() as u32)
        };
        let written = pages.all().iter().enumerate().filter(|(_, page)| page.heap != 0);
        written.flat_map(move |(nth, _)| first(nth)..first(nth + 1)).map(ObjIx)
    }

    /// Returns every object with its address, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ObjIx, u64)> + '_ {
        (0..self.pages.len()).flat_map(|page| self.of_page(page))
    }

    /// Returns every object of a page, by its place among all, with its address, in order.
    pub fn of_page(&self, page: usize) -> impl Iterator<Item = (ObjIx, u64)> + '_ {
        let page = self.pages[page];
        let cells = &self.cells[page.cells.0 as usize..][..page.cells.1 as usize];
        let cells = (page.base..).step_by(8 * Cell::WORDS as usize).zip(cells);
        cells.flat_map(|(base, cell)| (cell.before..).map(ObjIx).zip(cell.words().map(move |word| base + 8 * word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_by_address_and_address_by_object() {
        let addresses = [0x4_0100, 0x4_0108, 0x4_0300, 0x5_0000, 0x7_fff8, 0x10_0040, 0x10_0048];
        // Of those that do not fit in two bytes, two are too large, and two have a map too late.
        let size = |addr: u64| if addr % 1024 == 0x108 { 8 * 0xffff + (addr & 0x8000) } else { addr % 128 };
        let mut objects = Objects::default();
        for base in [0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000] {
            objects.begin(base);
            let inside = addresses.iter().filter(|&addr| (base..base + 0x4_0000).contains(addr));
            inside.for_each(|&addr| objects.add(Met { addr, size: size(addr), map: MapIx(addr as u32 / 8) }));
        }
        let at = |addr| objects.pages.iter().find_map(|page| objects.in_page(page, addr));
        for (nth, &addr) in (0..).zip(&addresses) {
            assert_eq!((at(addr), at(addr + 1)), (Some(ObjIx(nth)), None));
            assert_eq!((objects.addr(ObjIx(nth)), objects.map(ObjIx(nth))), (addr, MapIx(addr as u32 / 8)));
            assert_eq!(objects.size(ObjIx(nth)), size(addr));
        }
        assert_eq!(objects.iter().map(|(_, addr)| addr).collect::<Vec<_>>(), addresses);
        let before = |addr| objects.pages.iter().rev().find(|page| page.base <= addr).and_then(|page| objects.last_before(page, addr));
        let inside = [0x4_00ff, 0x4_0100, 0x4_0107, 0x4_0108, 0x4_02ff, 0x7_ffff, 0x8_0100, 0x10_0047, 0x13_ffff, 0x20_0000];
        let [a, b, .., last] = [0, 1, 2, 3, 4].map(|nth| Some(ObjIx(nth)));
        assert_eq!(inside.map(before), [None, a, a, b, b, last, None, Some(ObjIx(5)), Some(ObjIx(6)), None]);
        let nothing = [0, 0x3_fff8, 0x4_0000, 0x4_fff8, 0x8_0000, 0x10_0000, 0x20_0000, 0x4_0000 + (8 << 32), u64::MAX - 7];
        assert_eq!(nothing.map(at), [None; 9]);
    }
}
