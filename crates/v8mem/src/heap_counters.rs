//! What V8 counts of its heaps itself, read from a few words: the limit of the old generation, what it holds, what V8 has taken from the system,
//! how often it collected.
//!
//! A look takes a dozen small reads, so it can be taken of a process that runs. Where the numbers stand is told by a table of versions
//! (`layout::counters`), and believed of an isolate only when every space leads back to its heap and agrees with its pages. What does not fit is left
//! out; nothing is guessed.

use std::collections::BTreeMap;

use crate::layout::CounterPlaces;
use crate::layout::counters::{SPACE_COMMITTED, SPACE_HEAP, SPACE_NUMBER};
use crate::memory::Memory;
use crate::pages::PageHeader;
use crate::space::Space;
use crate::version::V8Version;

/// What V8 counts of one isolate's heap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeapCounters {
    /// The address of the heap: it stays the same as long as the isolate is there.
    pub heap: u64,
    /// The most that the old generation may have, in bytes; where that is full, V8 ends the process. `None` where it is not plausible.
    pub limit: Option<u64>,
    /// Bytes of the old generation that hold objects, garbage that was not collected yet among them, and areas in which objects are being made.
    pub old_used: u64,
    /// Bytes of the old generation's pages.
    pub old_committed: u64,
    /// Bytes of the young generation's pages, both halves.
    pub young_committed: u64,
    /// Bytes of the old generation's objects when the last full collection ended. `None` before the first, and where it is not plausible.
    pub last_full: Option<u64>,
    /// How many full collections there were. `None` where that is not plausible.
    pub full_collections: Option<u32>,
    /// How many collections there were, of both kinds.
    pub collections: Option<u32>,
    /// Bytes outside of the heap that V8 was told of: ArrayBuffers, strings, objects of C++. `None` where it is not known where that stands.
    pub external: Option<u64>,
    /// Each space, by V8's number of it.
    pub spaces: Vec<SpaceCounters>,
}

/// What V8 counts of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceCounters {
    /// Which.
    pub space: Space,
    /// Bytes of its pages.
    pub committed: u64,
    /// Bytes of its objects, with areas in which objects are being made. `None` of the young generation.
    pub used: Option<u64>,
}

impl HeapCounters {
    /// Returns the bytes of all pages: what V8 has taken from the system for objects.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.old_committed.saturating_add(self.young_committed)
    }
}

/// Returns the heap of several that has most of its limit. Of those that are equally near the first counts: the main isolate's.
#[must_use]
pub fn nearest_to_limit(heaps: &[HeapCounters]) -> Option<&HeapCounters> {
    let fullness = |one: &&HeapCounters| one.limit.map_or(0.0, |limit| one.old_used as f64 / limit.max(1) as f64);
    heaps.iter().rev().max_by(|one, other| fullness(one).total_cmp(&fullness(other)))
}

/// Why an isolate's counters are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// Nobody has looked where this V8 keeps them.
    #[error("where V8 {0} keeps its counters is not known")]
    Version(V8Version),
    /// What stands where they should be is something else.
    #[error("what stands where V8 keeps its counters does not fit its pages: {0}")]
    Misfit(String),
    /// There are no pages.
    #[error("no page of V8's heap was found")]
    NoPages,
}

/// Where the counters of a process's isolates are, checked against the pages.
#[derive(Clone, Debug, Default)]
pub struct CounterReader {
    isolates: Vec<Places>,
    doubts: Vec<Unknown>,
}

/// Where the counters of one isolate are.
#[derive(Clone, Debug)]
struct Places {
    heap: u64,
    at: CounterPlaces,
    spaces: Vec<(Space, u8, u64)>,
}

/// No space has a higher number.
const MOST_SPACES: u64 = 16;
/// Bytes of the old generation by which V8 may be above its limit for a moment, and by which spaces and pages may differ while the process runs.
const SLACK: u64 = 16 << 20;
/// No heap may be larger, in bytes.
const LARGEST: u64 = 1 << 44;

impl CounterReader {
    /// Finds the counters of all isolates that the pages lead to, that at the lowest address first: the main one. A process that runs may change while it
    /// is looked at: where an isolate does not fit, another look may.
    #[must_use]
    pub fn find(memory: &dyn Memory, version: V8Version, pages: &[PageHeader]) -> Self {
        let mut heaps: BTreeMap<u64, Vec<&PageHeader>> = BTreeMap::new();
        pages.iter().filter(|page| page.heap != 0).for_each(|page| heaps.entry(page.heap).or_default().push(page));
        let mut found = Self::default();
        if heaps.is_empty() {
            found.doubts.push(Unknown::NoPages);
        }
        let Some(at) = CounterPlaces::of(version) else {
            found.doubts.push(Unknown::Version(version));
            return found;
        };
        for (heap, pages) in heaps {
            match Places::find(memory, version, at, heap).and_then(|places| places.checked(memory, &pages)) {
                Ok(places) => found.isolates.push(places),
                // Pages that V8 let go may name a heap that is not there any more.
                Err(_) if pages.len() < 3 => {}
                Err(misfit) => found.doubts.push(misfit),
            }
        }
        found
    }

    /// Reads the counters of every isolate that is still there. O(isolates).
    #[must_use]
    pub fn read(&self, memory: &dyn Memory) -> Vec<HeapCounters> {
        self.isolates.iter().filter_map(|places| places.read(memory)).collect()
    }

    /// Returns how many isolates were found.
    #[must_use]
    pub fn isolates(&self) -> usize {
        self.isolates.len()
    }

    /// Returns why counters are not known that should be.
    #[must_use]
    pub fn doubts(&self) -> &[Unknown] {
        &self.doubts
    }
}

/// Returns the number of a space that leads back to its heap.
fn space_number(memory: &dyn Memory, space: u64, heap: u64) -> Option<u8> {
    let is_of_heap = memory.word(space.checked_add(SPACE_HEAP)?).ok()? == heap;
    let number = memory.half(space.checked_add(SPACE_NUMBER)?).ok()?;
    is_of_heap.then_some(number as u8)
}

impl Places {
    fn find(memory: &dyn Memory, version: V8Version, at: CounterPlaces, heap: u64) -> Result<Self, Unknown> {
        let misfit = |what: &str| Unknown::Misfit(what.to_owned());
        let mut spaces = Vec::new();
        for nth in 0..MOST_SPACES {
            let slot = heap.checked_add(at.spaces + 8 * nth).ok_or_else(|| misfit("an address that is none"))?;
            let Some(space) = memory.word(slot).ok().filter(|space| *space != 0) else { continue };
            let number = nth as u8;
            let known = Space::of(version, number);
            // What nobody writes belongs to no heap.
            if known == Space::Unknown || known == Space::ReadOnly || space_number(memory, space, heap) != Some(number) {
                continue;
            }
            spaces.push((known, number, space));
        }
        let has = |of: Space| spaces.iter().any(|(space, ..)| *space == of);
        match has(Space::Old) && has(Space::Code) && has(Space::New) {
            true => Ok(Self { heap, at, spaces }),
            false => Err(misfit("its spaces do not lead back to it")),
        }
    }

    /// Checks that spaces have as many bytes as their pages together. V8 keeps pages that no space has any more, so pages may have some more.
    fn checked(self, memory: &dyn Memory, pages: &[&PageHeader]) -> Result<Self, Unknown> {
        let counters = self.read(memory).ok_or_else(|| Unknown::Misfit("a space has more objects than pages".to_owned()))?;
        let sum = |is_young: bool| -> u64 {
            let of_it = pages.iter().filter(|page| is_in_young(page.space) == is_young && page.space != Space::ReadOnly);
            of_it.map(|page| page.size).sum()
        };
        for (name, counted, found) in
            [("the old generation", counters.old_committed, sum(false)), ("the young generation", counters.young_committed, sum(true))]
        {
            let slack = SLACK.max(found / 4);
            if !counted.is_multiple_of(4096) || counted.abs_diff(found) > slack {
                return Err(Unknown::Misfit(format!("{name} has {counted} bytes, its pages {found}")));
            }
        }
        Ok(self)
    }

    /// Reads them. `None` where the isolate is gone, or numbers contradict each other.
    fn read(&self, memory: &dyn Memory) -> Option<HeapCounters> {
        let word = |addr: Option<u64>| memory.word(addr?).ok();
        let of_heap = |offset: u64| self.heap.checked_add(offset);
        let limits = match self.at.limits {
            Some(offset) => word(of_heap(offset))?,
            None => self.heap,
        };
        let mut found = HeapCounters { heap: self.heap, ..HeapCounters::default() };
        for &(space, number, addr) in &self.spaces {
            (space_number(memory, addr, self.heap) == Some(number)).then_some(())?;
            self.add(memory, space, addr, &mut found)?;
        }
        let counts = [0, 4].map(|offset| memory.half(of_heap(self.at.collections + offset)?).ok());
        if let [Some(full), Some(all)] = counts
            && full <= all
            && all < 1 << 31
        {
            (found.full_collections, found.collections) = (Some(full), Some(all));
        }
        let limit = word(limits.checked_add(self.at.most_old));
        found.limit =
            limit.filter(|&limit| (1 << 20..LARGEST).contains(&limit) && found.old_used <= limit.saturating_add(SLACK.max(limit / 4)));
        let last = word(limits.checked_add(self.at.last_full));
        let is_plausible =
            |&last: &u64| last > 0 && found.full_collections > Some(0) && last < found.limit.unwrap_or(LARGEST).saturating_add(SLACK);
        found.last_full = last.filter(is_plausible);
        found.external = self.external(memory);
        Some(found)
    }

    fn add(&self, memory: &dyn Memory, space: Space, addr: u64, sum: &mut HeapCounters) -> Option<()> {
        let word = |offset: u64| memory.word(addr.checked_add(offset)?).ok();
        if space == Space::New {
            // The halves are objects within it, of the same making.
            let mut committed = 0_u64;
            for half in self.at.halves {
                (word(half + SPACE_HEAP)? == self.heap).then_some(())?;
                committed = committed.checked_add(word(half + SPACE_COMMITTED)?).filter(|sum| *sum < LARGEST)?;
            }
            sum.young_committed += committed;
            sum.spaces.push(SpaceCounters { space, committed, used: None });
            return Some(());
        }
        let committed = word(SPACE_COMMITTED).filter(|bytes| *bytes < LARGEST)?;
        if space == Space::NewLarge {
            sum.young_committed += committed;
            sum.spaces.push(SpaceCounters { space, committed, used: None });
            return Some(());
        }
        let used = word(if space.is_large() { self.at.large_used } else { self.at.paged_used })?;
        // They are not read in one moment: a page may have come in between.
        let used = Some(used).filter(|used| *used <= committed.saturating_add(SLACK))?.min(committed);
        sum.old_committed += committed;
        sum.old_used += used;
        sum.spaces.push(SpaceCounters { space, committed, used: Some(used) });
        Some(())
    }

    fn external(&self, memory: &dyn Memory) -> Option<u64> {
        let word = |addr: u64| memory.word(addr).ok();
        let told = word(self.heap.checked_add(self.at.external?)?)?;
        let buffers = match self.at.buffers {
            Some([pointer, offset]) => word(word(self.heap.checked_add(pointer)?)?.checked_add(offset)?)?,
            None => 0,
        };
        // Less than nothing is told where somebody gave back what he had not told of.
        told.checked_add(buffers).filter(|bytes| *bytes < LARGEST)
    }
}

fn is_in_young(space: Space) -> bool {
    matches!(space, Space::New | Space::NewLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Words;

    const HEAP: u64 = 0x10_0000;
    const MB: u64 = 1 << 20;
    const KNOWN: [(u16, u16); 10] = [(9, 0), (9, 4), (10, 1), (10, 2), (11, 3), (12, 4), (12, 9), (13, 6), (14, 1), (14, 6)];

    /// A heap as that V8 keeps it: old space 40 of 50 MB, code 1 of 2, large objects 9 of 10, and two halves of 4 MB.
    fn heap(version: V8Version) -> (Words, Vec<PageHeader>) {
        let at = CounterPlaces::of(version).unwrap();
        let (mut words, mut pages) = (Words::default(), Vec::new());
        let mut put = |addr: u64, word: u64| {
            words.0.insert(addr, word);
        };
        let limits = at.limits.map_or(HEAP, |offset| {
            put(HEAP + offset, 0x80_0000);
            0x80_0000
        });
        put(limits + at.most_old, 128 * MB);
        put(limits + at.last_full, 45 * MB);
        put(HEAP + (at.collections & !7), 7 | 30 << 32);
        at.external.into_iter().for_each(|offset| put(HEAP + offset, 3 * MB));
        if let Some([pointer, offset]) = at.buffers {
            put(HEAP + pointer, 0x90_0000);
            put(0x90_0000 + offset, 2 * MB);
        }
        for number in 0..MOST_SPACES {
            let space = Space::of(version, number as u8);
            // Behind the last space stands something else.
            if space == Space::Unknown {
                continue;
            }
            let addr = 0x20_0000 + number * 0x1000;
            put(HEAP + at.spaces + 8 * number, addr);
            let (committed, used) = match space {
                Space::Old => (50 * MB, 40 * MB),
                Space::Code => (2 * MB, MB),
                Space::Large => (10 * MB, 9 * MB),
                _ => (0, 0),
            };
            put(addr + SPACE_HEAP, HEAP);
            put(addr + SPACE_NUMBER, number);
            put(addr + SPACE_COMMITTED, committed);
            put(addr + if space.is_large() { at.large_used } else { at.paged_used }, used);
            pages.extend((committed > 0).then(|| page(addr, space, committed)));
            if space == Space::New {
                for half in at.halves {
                    put(addr + half + SPACE_HEAP, HEAP);
                    put(addr + half + SPACE_COMMITTED, 4 * MB);
                    pages.push(page(addr + half, space, 4 * MB));
                }
            }
        }
        (words, pages)
    }

    fn page(owner: u64, space: Space, size: u64) -> PageHeader {
        let [idle, untouched, executable] = [false; 3];
        PageHeader {
            base: owner << 20,
            size,
            area_start: 0,
            area_end: 0,
            heap: HEAP,
            flags: 0,
            idle,
            untouched,
            record: 0,
            owner,
            space,
            executable,
        }
    }

    #[test]
    fn counters_of_all_versions_are_read() {
        for (major, minor) in KNOWN {
            let version = V8Version::new(major, minor);
            let (words, pages) = heap(version);
            let reader = CounterReader::find(&words, version, &pages);
            assert_eq!((reader.isolates(), reader.doubts()), (1, &[][..]), "{version}");
            let external = match minor {
                _ if (major, minor) == (14, 6) => Some(5 * MB),
                _ => CounterPlaces::of(version).unwrap().external.map(|_| 3 * MB),
            };
            let mut read = reader.read(&words);
            let spaces: Vec<SpaceCounters> = read.iter_mut().flat_map(|counters| std::mem::take(&mut counters.spaces)).collect();
            let of = |space: Space| spaces.iter().find(|one| one.space == space).map(|one| (one.committed, one.used));
            assert_eq!(of(Space::Large), Some((10 * MB, Some(9 * MB))), "{version}");
            assert_eq!(of(Space::New), Some((8 * MB, None)), "{version}");
            let expect = HeapCounters {
                heap: HEAP,
                limit: Some(128 * MB),
                old_used: 50 * MB,
                old_committed: 62 * MB,
                young_committed: 8 * MB,
                last_full: Some(45 * MB),
                full_collections: Some(7),
                collections: Some(30),
                external,
                spaces: vec![],
            };
            assert_eq!(read, [expect], "{version}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_told() {
        let version = V8Version::new(12, 4);
        let at = CounterPlaces::of(version).unwrap();
        let (good, pages) = heap(version);
        let old = 0x20_2000;
        let check = |change: &[(u64, u64)], expect: Option<(Option<u64>, Option<u64>, Option<u32>)>| {
            let mut words = good.clone();
            words.0.extend(change.iter().copied());
            let read = CounterReader::find(&words, version, &pages).read(&words);
            let told = read.first().map(|counters| (counters.limit, counters.last_full, counters.full_collections));
            assert_eq!(told, expect, "{change:x?}");
        };
        let (limit, last, count) = (Some(128 * MB), Some(45 * MB), Some(7));
        check(&[], Some((limit, last, count)));
        check(&[(HEAP + at.most_old, 5)], Some((None, last, count)));
        check(&[(HEAP + at.most_old, u64::MAX)], Some((None, last, count)));
        check(&[(HEAP + at.most_old, 20 * MB)], Some((None, last, count)));
        check(&[(HEAP + at.last_full, 400 * MB)], Some((limit, None, count)));
        check(&[(HEAP + at.collections, 9 | 8 << 32)], Some((limit, None, None)));
        check(&[(HEAP + at.collections, 0)], Some((limit, None, Some(0))));
        check(&[(old + SPACE_HEAP, HEAP + 8)], None);
        check(&[(old + SPACE_NUMBER, 3)], None);
        check(&[(old + SPACE_COMMITTED, 90 * MB)], None);
        check(&[(old + SPACE_COMMITTED, 50 * MB + 1)], None);
        check(&[(old + at.paged_used, 90 * MB)], None);
        check(&[(HEAP + at.spaces + 16, 0)], None);
    }

    #[test]
    fn an_isolate_that_is_gone_is_left_out() {
        let version = V8Version::new(13, 6);
        let (mut words, pages) = heap(version);
        let reader = CounterReader::find(&words, version, &pages);
        assert_eq!(reader.read(&words).len(), 1);
        words.0.insert(0x20_2000 + SPACE_HEAP, 0);
        assert_eq!(reader.read(&words).len(), 0);
        assert_eq!(reader.read(&Words::default()).len(), 0);
        let unknown = CounterReader::find(&words, V8Version::new(11, 9), &pages);
        assert_eq!((unknown.isolates(), unknown.doubts().len()), (0, 1));
        assert_eq!(CounterReader::find(&words, version, &[]).doubts(), [Unknown::NoPages]);
    }
}
