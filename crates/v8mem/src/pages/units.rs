//! Which page an address lies in.

use super::{PAGE_BITS, PageHeader};

/// Which page each unit of 256 KiB belongs to.
///
/// Pages lie scattered over the address space, and every reference that is followed is looked up here: a hash table without collisions to
/// speak of, eight bytes a slot, so that a look is one read of memory that the processor has at hand.
#[derive(Debug)]
pub(super) struct Units {
    /// The unit, then the page's place in the lowest bits. A power of two of them.
    slots: Box<[u64]>,
    /// What is left of a product is the slot to begin with.
    shift: u32,
}

impl Units {
    const PLACE_BITS: u32 = 25;
    const EMPTY: u64 = u64::MAX;

    /// Enters pages. O(units).
    pub(super) fn of<'a>(pages: impl Iterator<Item = &'a PageHeader> + Clone) -> Self {
        let of_page = |page: &PageHeader| page.base >> PAGE_BITS..=(page.area_end - 1) >> PAGE_BITS;
        let count: u64 = pages.clone().map(of_page).map(|units| units.end() - units.start() + 1).sum();
        let len = (4 * count as usize).next_power_of_two().max(64);
        let mut units = Self { slots: vec![Self::EMPTY; len].into(), shift: 64 - len.trailing_zeros() };
        for (place, page) in pages.enumerate().take(1 << Self::PLACE_BITS) {
            of_page(page).for_each(|unit| units.insert(unit, place));
        }
        units
    }

    fn insert(&mut self, unit: u64, place: usize) {
        let mut at = self.first_slot(unit);
        while self.slots[at] != Self::EMPTY {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = unit << Self::PLACE_BITS | place as u64;
    }

    #[inline]
    fn first_slot(&self, unit: u64) -> usize {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        (unit.wrapping_mul(SPREAD) >> self.shift) as usize
    }

    /// Returns the place of the page that an address lies in.
    #[inline]
    pub(super) fn page(&self, addr: u64) -> Option<usize> {
        let unit = addr >> PAGE_BITS;
        let mut at = self.first_slot(unit);
        loop {
            let slot = self.slots[at];
            if slot >> Self::PLACE_BITS == unit {
                return Some((slot & ((1 << Self::PLACE_BITS) - 1)) as usize);
            }
            if slot == Self::EMPTY {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(base: u64, size: u64) -> PageHeader {
        let space = crate::space::Space::Unknown;
        PageHeader {
            base,
            size,
            area_start: base + 0x100,
            area_end: base + size,
            heap: 0,
            flags: 0,
            idle: false,
            space,
            owner: 0,
            executable: false,
            open: (0, 0),
        }
    }

    #[test]
    fn every_page_is_found_and_nothing_between() {
        let scattered = (1..500_u64).map(|nth| page(nth.wrapping_mul(0x0003_9e37_79b9) << PAGE_BITS & ((1 << 47) - 1), 1 << PAGE_BITS));
        let mut pages: Vec<PageHeader> = scattered.collect();
        pages.push(page(0x7f00_0000_0000, 9 << PAGE_BITS));
        pages.sort_by_key(|page| page.base);
        pages.dedup_by_key(|page| page.base);
        let units = Units::of(pages.iter());
        let naive = |addr| pages.iter().position(|page| (page.base..page.area_end).contains(&addr));
        for at in &pages {
            for addr in [at.base.saturating_sub(1), at.base, at.base + 0x12345, at.area_end - 1, at.area_end] {
                assert_eq!(units.page(addr), naive(addr), "{addr:#x}");
            }
        }
        assert_eq!([0, u64::MAX, u64::MAX >> 7].map(|addr| units.page(addr).and_then(|place| pages.get(place))), [None; 3]);
        assert_eq!(Units::of(std::iter::empty()).page(0x4_0000), None);
    }
}
