//! The chain in which V8 keeps the pages of each space: which pages a space has, and in which order the young generation fills them.
//!
//! Every page has a record (its own header, or from V8 13 on memory apart) that leads to the records of the next and of the page before. Where in
//! the record differs from version to version (216 bytes into it on V8 9, 264 on V8 13), and is found out on the pages themselves.

use rustc_hash::{FxHashMap, FxHashSet};

use super::PageHeader;
use crate::memory::Memory;

/// How pages are chained.
pub(super) struct Chains<'m> {
    memory: &'m dyn Memory,
    /// Where in a record the next record's address stands; that of the record before follows.
    next_at: u64,
    /// Records to which their spaces lead: the only page of a space has no neighbours, and is in its chain too.
    led_to: FxHashSet<u64>,
}

/// Records and spaces are smaller, in bytes.
const LARGEST: u64 = 1024;
/// So many pages tell how all are chained.
const SAMPLE: usize = 256;
/// Fewer chained pages are chance.
const FEWEST: usize = 3;

/// What one page says of a place in records.
enum Link {
    /// The page has no neighbours there: it is alone, or was let go.
    None,
    /// Its neighbours are pages of its space, and lead back to it.
    Chained,
    /// Something else stands there.
    Astray,
}

/// A page's record, read at once: a process that runs is asked for each piece.
struct Record {
    at: u64,
    owner: u64,
    words: Vec<u64>,
}

impl Record {
    fn read(memory: &dyn Memory, page: &PageHeader) -> Option<Self> {
        let words = words(memory, page.record)?;
        Some(Self { at: page.record, owner: page.owner, words })
    }

    fn link(&self, chains: &Chains<'_>, owners: &FxHashMap<u64, u64>) -> Link {
        let word = |offset: u64| self.words.get((offset / 8) as usize).copied().filter(|&word| word != 0);
        let (next, before) = (word(chains.next_at), word(chains.next_at + 8));
        let is_page = |record: &u64| owners.get(record) == Some(&self.owner);
        let leads_on = next.is_none_or(|next| is_page(&next) && chains.before(next) == Some(self.at));
        let leads_back = before.is_none_or(|before| is_page(&before) && chains.next(before) == Some(self.at));
        match () {
            () if next.is_none() && before.is_none() => Link::None,
            () if leads_on && leads_back => Link::Chained,
            () => Link::Astray,
        }
    }
}

/// Returns the words of a record or a space, and one more; fewer where less memory is there.
fn words(memory: &dyn Memory, at: u64) -> Option<Vec<u64>> {
    let mut bytes = vec![0; LARGEST as usize + 8];
    if memory.read(at, &mut bytes).is_ok() {
        return Some(bytes.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word)).collect());
    }
    let words = (0..=LARGEST).step_by(8).map_while(|offset| memory.word(at.checked_add(offset)?).ok());
    Some(words.collect()).filter(|words: &Vec<u64>| !words.is_empty())
}

/// Returns the records to which the spaces of their pages lead.
fn led_to(memory: &dyn Memory, owners: &FxHashMap<u64, u64>) -> FxHashSet<u64> {
    let spaces: FxHashSet<u64> = owners.values().copied().collect();
    let words = spaces.into_iter().filter_map(|space| Some((space, words(memory, space)?)));
    let pairs = words.flat_map(|(space, words)| words.into_iter().map(move |word| (space, word)));
    pairs.filter(|(space, word)| owners.get(word) == Some(space)).map(|(_, word)| word).collect()
}

/// Picks pages that tell how all are chained: first those to which their spaces lead, since they were not let go, then others from everywhere.
fn sample<'h>(headers: &'h [PageHeader], led_to: &FxHashSet<u64>) -> Vec<&'h PageHeader> {
    let (sure, others): (Vec<_>, Vec<_>) = headers.iter().filter(|page| page.heap != 0).partition(|page| led_to.contains(&page.record));
    let step = (others.len() / SAMPLE).max(1);
    sure.into_iter().chain(others.into_iter().step_by(step)).take(SAMPLE).collect()
}

impl<'m> Chains<'m> {
    /// Finds out how pages are chained; `None` where no place in the records would chain pages, or would lead more than one of ten astray. Pages
    /// that were let go are in no chain and say nothing: after a heap was large they may be nearly all.
    pub(super) fn find(memory: &'m dyn Memory, headers: &[PageHeader]) -> Option<Self> {
        let owners: FxHashMap<u64, u64> = headers.iter().filter(|page| page.heap != 0).map(|page| (page.record, page.owner)).collect();
        let led_to = led_to(memory, &owners);
        let records: Vec<Record> = sample(headers, &led_to).into_iter().filter_map(|page| Record::read(memory, page)).collect();
        let count = |next_at: u64| {
            let chains = Self { memory, next_at, led_to: FxHashSet::default() };
            let links = records.iter().map(|record| record.link(&chains, &owners));
            links.fold((0, 0), |(chained, astray), link| match link {
                Link::None => (chained, astray),
                Link::Chained => (chained + 1, astray),
                Link::Astray => (chained, astray + 1),
            })
        };
        let counts = (0..LARGEST).step_by(8).map(|next_at| (count(next_at), next_at));
        let ((chained, astray), next_at) = counts.max_by_key(|&((chained, astray), _)| (chained, std::cmp::Reverse(astray)))?;
        (chained >= FEWEST && astray * 9 <= chained).then_some(Self { memory, next_at, led_to })
    }

    /// Returns the record behind a record; `None` behind the last.
    pub(super) fn next(&self, record: u64) -> Option<u64> {
        self.link(record.checked_add(self.next_at)?)
    }

    fn before(&self, record: u64) -> Option<u64> {
        self.link(record.checked_add(self.next_at + 8)?)
    }

    fn link(&self, at: u64) -> Option<u64> {
        self.memory.word(at).ok().filter(|&record| record != 0)
    }

    /// Says whether a page is in no chain: its space has let it go, and V8 keeps it to give it back or to use it again.
    pub(super) fn is_let_go(&self, page: &PageHeader) -> bool {
        page.heap != 0 && !self.led_to.contains(&page.record) && self.next(page.record).is_none() && self.before(page.record).is_none()
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
            for (addr, word) in (addr..).step_by(8).zip(into.as_chunks_mut().0) {
                *word = self.0.get(&addr).copied().unwrap_or(0).to_le_bytes();
            }
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
        words.0.extend(pages[30..].iter().map(|page| (page.record + 264, 0x77)));
        assert!(Chains::find(&words, &pages).is_none(), "ten of forty lead astray");
    }

    /// V8 keeps the pages of a heap that was large for a while: they are more than those that are in use, and none of them is chained.
    #[test]
    fn many_pages_that_were_let_go_hide_no_chain() {
        let old = 0x1000;
        let mut words = Words(FxHashMap::default());
        let gone: Vec<PageHeader> = (1..5_000).map(|nth| page(nth, old)).collect();
        let kept: Vec<PageHeader> = (5_000..5_006).map(|nth| page(nth, old)).collect();
        chain(&mut words, &kept, 264);
        words.0.insert(old + 32, kept[0].record);
        words.0.insert(old + 40, kept[5].record);
        words.0.insert(old + 88, kept[2].record);
        let pages = [gone.clone(), kept].concat();
        let chains = Chains::find(&words, &pages).expect("six pages are chained");
        assert_eq!(chains.next_at, 264);
        assert_eq!(pages.iter().filter(|page| chains.is_let_go(page)).count(), gone.len());
    }
}
