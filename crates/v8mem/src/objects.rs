//! The table of all objects, by address: what lies at an address, and at which address an object lies.
//!
//! One bit for each word of the heap says where an object begins; counts along the way turn an address into a position in constant time.
//! Costs 1/64 of the heap, and eight bytes per object for map and size.

use heap::bitset::{Bitset, RankedBits};

use crate::maps::{Map, MapIx};
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
#[derive(Debug)]
struct Starts {
    base: u64,
    /// The first object of the page.
    first: u32,
    /// One bit a word.
    bits: RankedBits,
}

impl Starts {
    /// Returns the word of the page that an address is, if it lies behind the page's start.
    fn word(&self, addr: u64) -> Option<u32> {
        let distance = addr.checked_sub(self.base).filter(|distance| distance.is_multiple_of(8))?;
        u32::try_from(distance / 8).ok()
    }

    fn exact(&self, addr: u64) -> Option<ObjIx> {
        Some(ObjIx(self.first + self.bits.place(self.word(addr)?)? as u32))
    }

    /// Returns where the `nth` object of the page begins.
    fn select(&self, nth: u32) -> u64 {
        self.base + 8 * u64::from(self.bits.nth(nth as usize))
    }
}

/// All objects.
#[derive(Debug, Default)]
pub struct Objects {
    /// In the order of `Pages::all`.
    pages: Vec<Starts>,
    maps: Vec<MapIx>,
    /// In words of eight bytes.
    sizes: Vec<u32>,
    /// Where objects went that a collection was moving.
    moved: Moved,
    /// What the walk met besides.
    pub stats: WalkStats,
}

impl Objects {
    /// Walks over all pages and notes every object. O(bytes).
    #[must_use]
    pub fn walk(walker: &Walker<'_, '_>) -> Self {
        let mut objects = Self::default();
        let mut stats = WalkStats::default();
        for page in walker.pages.all() {
            let first = objects.maps.len() as u32;
            let mut bits = Bitset::new(((page.area_end - page.base) / 8) as usize);
            let mut each = |met: Met, _: &Map| {
                bits.set(((met.addr - page.base) / 8) as u32);
                objects.maps.push(met.map);
                objects.sizes.push((met.size / 8) as u32);
            };
            let mut moved = |from, to| {
                objects.moved.insert(from, to);
            };
            walker.page(page, &mut stats, &mut each, &mut moved);
            // A page with one large object needs no bits behind its first few words.
            bits.trim();
            objects.pages.push(Starts { base: page.base, first, bits: RankedBits::of(bits) });
        }
        objects.stats = stats;
        objects
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.maps.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// Returns where objects went that a collection was moving.
    #[must_use]
    pub fn moved(&self) -> &Moved {
        &self.moved
    }

    /// Returns the object that begins at an address, or began there before it was moved.
    #[inline]
    #[must_use]
    pub fn at(&self, pages: &Pages<'_>, addr: u64) -> Option<ObjIx> {
        let here = self.pages.get(pages.find_ix(addr)?)?.exact(addr);
        if here.is_some() || self.moved.is_empty() {
            return here;
        }
        let &copy = self.moved.get(&addr)?;
        self.pages.get(pages.find_ix(copy)?)?.exact(copy)
    }

    /// Returns where an object begins.
    #[must_use]
    pub fn addr(&self, object: ObjIx) -> u64 {
        let page = self.pages.partition_point(|starts| starts.first <= object.0) - 1;
        // Pages without an object share their first one with the next page.
        let starts = &self.pages[page];
        starts.select(object.0 - starts.first)
    }

    /// Returns an object's size in bytes.
    #[inline]
    #[must_use]
    pub fn size(&self, object: ObjIx) -> u64 {
        u64::from(self.sizes[object.at()]) * 8
    }

    /// Returns an object's map.
    #[inline]
    #[must_use]
    pub fn map(&self, object: ObjIx) -> MapIx {
        self.maps[object.at()]
    }

    /// Returns every object with its address, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ObjIx, u64)> + '_ {
        self.pages.iter().flat_map(|starts| {
            let addresses = starts.bits.iter().map(|word| starts.base + 8 * u64::from(word));
            (starts.first..).map(ObjIx).zip(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_find_and_select() {
        let addresses = [0x4_0100, 0x4_0108, 0x4_0300, 0x5_0000, 0x7_fff8];
        let mut bits = Bitset::new(0x8000);
        addresses.iter().for_each(|&addr| bits.set((addr as u32 - 0x4_0000) / 8));
        let starts = Starts { base: 0x4_0000, first: 10, bits: RankedBits::of(bits) };
        for (nth, &addr) in (0..).zip(&addresses) {
            assert_eq!(starts.exact(addr), Some(ObjIx(10 + nth)));
            assert_eq!(starts.exact(addr + 1), None);
            assert_eq!(starts.select(nth), addr);
        }
        let nothing = [0, 0x3_fff8, 0x4_0000, 0x4_fff8, 0x8_0000, 0x4_0000 + (8 << 32), u64::MAX - 7];
        assert_eq!(nothing.map(|addr| starts.exact(addr)), [None; 7]);
    }
}
