//! The chain in which V8 keeps the pages of each space: which pages a space has, and in which order the young generation fills them.
//!
//! Every page has a record (its own header, or from V8 13 on memory apart) that leads to the records of the next and of the page before. Where in
//! the record differs from version to version (216 bytes into it on V8 9, 264 on V8 13), and is found out on the pages themselves.

use rustc_hash::{FxHashMap, FxHashSet};

use super::PageHeader;
use crate::memory::Memory;

/// How pages are chained.
#[derive(Clone, Copy)]
pub(super) struct Chains<'m> {
    memory: &'m dyn Memory,
    /// Where in a record the next record's address stands; that of the record before follows.
    next_at: u64,
}

/// Records and spaces are smaller, in bytes.
const LARGEST: u64 = 1024;
/// So many pages tell how all are chained.
const SAMPLE: usize = 256;

impl<'m> Chains<'m> {
    /// Finds out how pages are chained; `None` where no place in the records would chain nine of ten pages.
    pub(super) fn find(memory: &'m dyn Memory, headers: &[PageHeader]) -> Option<Self> {
        let owners: FxHashMap<u64, u64> = headers.iter().filter(|page| page.heap != 0).map(|page| (page.record, page.owner)).collect();
        let sample: Vec<(u64, u64)> =
            headers.iter().filter(|page| page.heap != 0).map(|page| (page.record, page.owner)).take(SAMPLE).collect();
        // The last page of each space has no next one.
        let ends = sample.iter().map(|&(_, owner)| owner).collect::<FxHashSet<u64>>().len();
        let chained = |next_at: u64| {
            let chains = Self { memory, next_at };
            let is_chained = |&&(record, owner): &&(u64, u64)| {
                let next = chains.next(record).filter(|next| owners.get(next) == Some(&owner));
                next.is_some_and(|next| chains.before(next) == Some(record))
            };
            sample.iter().filter(is_chained).count()
        };
        let (count, next_at) = (0..LARGEST).step_by(8).map(|next_at| (chained(next_at), next_at)).max_by_key(|&(count, _)| count)?;
        (count > 0 && (count + ends) * 10 >= sample.len() * 9).then_some(Self { memory, next_at })
    }

    /// Returns the record behind a record; `None` behind the last.
    pub(super) fn next(self, record: u64) -> Option<u64> {
        self.link(record.checked_add(self.next_at)?)
    }

    fn before(self, record: u64) -> Option<u64> {
        self.link(record.checked_add(self.next_at + 8)?)
    }

    fn link(self, at: u64) -> Option<u64> {
        self.memory.word(at).ok().filter(|&record| record != 0)
    }

    /// Says whether a page is in no chain: its space has let it go, and V8 keeps it to give it back or to use it again.
    pub(super) fn is_let_go(self, page: &PageHeader) -> bool {
        page.heap != 0
            && self.next(page.record).is_none()
            && self.before(page.record).is_none()
            // The only page of a space is in its chain too: the space leads to it.
            && !(0..LARGEST).step_by(8).any(|at| page.owner.checked_add(at).and_then(|at| self.link(at)) == Some(page.record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryRange, Unreadable};
    use crate::space::Space;

    /// Words of a memory; all others are 0.
    struct Words(FxHashMap<u64, u64>);

    impl Memory for Words {
        fn ranges(&self) -> &[MemoryRange] {
            &[]
        }

        fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Unreadable> {
            into.copy_from_slice(&self.0.get(&addr).copied().unwrap_or(0).to_le_bytes());
            Ok(())
        }

        fn slice(&self, _addr: u64, _len: usize) -> Option<&[u8]> {
            None
        }
    }

    fn page(nth: u64, owner: u64) -> PageHeader {
        let (base, flags) = (nth << 18, [false; 3]);
        let [idle, untouched, executable] = flags;
        let (area_start, area_end, space) = (base + 0x100, base + 0x4_0000, Space::Old);
        PageHeader {
            base,
            size: 0x4_0000,
            area_start,
            area_end,
            heap: 8,
            flags: 0,
            idle,
            untouched,
            record: base,
            owner,
            space,
            executable,
        }
    }

    /// Chains pages, from `at` bytes into their records on.
    fn chain(words: &mut Words, pages: &[PageHeader], at: u64) {
        for pair in pages.windows(2) {
            words.0.insert(pair[0].record + at, pair[1].record);
            words.0.insert(pair[1].record + at + 8, pair[0].record);
        }
    }

    #[test]
    fn pages_in_no_chain_were_let_go() {
        let (old, large) = (0x1000, 0x3000);
        for at in [216, 264] {
            let mut words = Words(FxHashMap::default());
            let mut pages: Vec<PageHeader> = (1..40).map(|nth| page(nth, old)).collect();
            chain(&mut words, &pages, at);
            // The only page of its space, to which the space leads; and two that nobody has.
            pages.extend([page(50, large), page(60, old), page(61, large)]);
            words.0.insert(large + 40, 50 << 18);
            let chains = Chains::find(&words, &pages).unwrap();
            assert_eq!(chains.next_at, at);
            let let_go: Vec<u64> = pages.iter().filter(|page| chains.is_let_go(page)).map(|page| page.base >> 18).collect();
            assert_eq!(let_go, [60, 61]);
        }
    }

    #[test]
    fn no_chain_is_made_up() {
        let pages: Vec<PageHeader> = (1..40).map(|nth| page(nth, 0x1000)).collect();
        let mut words = Words(FxHashMap::default());
        assert!(Chains::find(&words, &pages).is_none());
        chain(&mut words, &pages[..30], 264);
        assert!(Chains::find(&words, &pages).is_none(), "ten of forty are in none");
    }
}
