//! The table of all objects, by address: what lies at an address, and at which address an object lies.
//!
//! One bit for each word of the heap says where an object begins; counts along the way turn an address into a position in constant time.
//! Costs 1/64 of the heap, and eight bytes per object for map and size.

use crate::maps::MapIx;
use crate::pages::Pages;
use crate::walk::{WalkStats, Walker};

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
#[derive(Debug, Default)]
struct Starts {
    base: u64,
    /// The first object of the page.
    first: u32,
    /// One bit a word.
    bits: Vec<u64>,
    /// How many objects begin before each word of `bits`, in this page.
    before: Vec<u32>,
}

impl Starts {
    fn new(base: u64, end: u64, first: u32) -> Self {
        let words = ((end - base) / 8).div_ceil(64) as usize;
        Self { base, first, bits: vec![0; words], before: Vec::new() }
    }

    fn set(&mut self, addr: u64) {
        let word = ((addr - self.base) / 8) as usize;
        self.bits[word / 64] |= 1 << (word % 64);
    }

    /// Forgets what lies behind the first few words of a page with one large object.
    fn seal(&mut self) {
        while self.bits.last() == Some(&0) {
            self.bits.pop();
        }
        let mut sum = 0;
        let before = |bits: &u64| {
            sum += bits.count_ones();
            sum - bits.count_ones()
        };
        self.before = self.bits.iter().map(before).collect();
    }

    fn exact(&self, addr: u64) -> Option<ObjIx> {
        let word = ((addr - self.base) / 8) as usize;
        let bits = *self.bits.get(word / 64)?;
        let bit = 1 << (word % 64);
        let below = (bits & (bit - 1)).count_ones();
        (bits & bit != 0 && addr.is_multiple_of(8)).then(|| ObjIx(self.first + self.before[word / 64] + below))
    }

    /// Returns the last object that begins at or before an address.
    fn at_or_before(&self, addr: u64) -> Option<ObjIx> {
        let word = (((addr - self.base) / 8) as usize).min((self.bits.len() * 64).checked_sub(1)?);
        let upto = self.bits[word / 64] & (u64::MAX >> (63 - word % 64));
        let count = self.before[word / 64] + upto.count_ones();
        Some(ObjIx(self.first + count.checked_sub(1)?))
    }

    /// Returns where the `nth` object of the page begins.
    fn select(&self, nth: u32) -> u64 {
        let block = self.before.partition_point(|&before| before <= nth) - 1;
        let mut bits = self.bits[block];
        for _ in 0..nth - self.before[block] {
            bits &= bits - 1;
        }
        self.base + 8 * (64 * block as u64 + u64::from(bits.trailing_zeros()))
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
            let mut starts = Starts::new(page.base, page.area_end, objects.maps.len() as u32);
            walker.page(page, &mut stats, &mut |met, _| {
                starts.set(met.addr);
                objects.maps.push(met.map);
                objects.sizes.push((met.size / 8) as u32);
            });
            starts.seal();
            objects.pages.push(starts);
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

    /// Returns the object that begins at an address.
    #[inline]
    #[must_use]
    pub fn at(&self, pages: &Pages<'_>, addr: u64) -> Option<ObjIx> {
        self.pages.get(pages.find_ix(addr)?).filter(|starts| addr >= starts.base)?.exact(addr)
    }

    /// Returns the object in which an address lies.
    #[must_use]
    pub fn containing(&self, pages: &Pages<'_>, addr: u64) -> Option<ObjIx> {
        let object = self.pages.get(pages.find_ix(addr)?).filter(|starts| addr >= starts.base)?.at_or_before(addr)?;
        (addr < self.addr(object) + self.size(object)).then_some(object)
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
            let in_block =
                move |(block, &bits): (usize, &u64)| Bits(bits).map(move |bit| starts.base + 8 * (64 * block as u64 + u64::from(bit)));
            let addresses = starts.bits.iter().enumerate().flat_map(in_block);
            (starts.first..).map(ObjIx).zip(addresses)
        })
    }
}

/// The places of the bits of a word, rising.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_find_and_select() {
        let mut starts = Starts::new(0x4_0000, 0x8_0000, 10);
        let addresses = [0x4_0100, 0x4_0108, 0x4_0300, 0x5_0000, 0x7_fff8];
        addresses.iter().for_each(|&addr| starts.set(addr));
        starts.seal();
        for (nth, &addr) in (0..).zip(&addresses) {
            assert_eq!(starts.exact(addr), Some(ObjIx(10 + nth)));
            assert_eq!(starts.exact(addr + 1), None);
            assert_eq!(starts.select(nth), addr);
            assert_eq!(starts.at_or_before(addr + 7), Some(ObjIx(10 + nth)));
        }
        assert_eq!(starts.at_or_before(0x4_0000), None);
        assert_eq!(starts.at_or_before(0x4_fff8), Some(ObjIx(12)));
        assert_eq!(starts.exact(0x4_0000), None);
    }
}
