//! A running process that is looked at again and again from outside: what the kernel and V8 count of its memory, without stopping it.
//!
//! Finds V8's counters once, and again where isolates come and go; a look is then some small reads. Judging is `heap::outlook`'s, telling it `render`'s.

pub(crate) mod rows;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use heap::outlook::{HeapLook, Look, Room};

use crate::error::CommandError;

/// What was seen at one moment, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// When.
    pub(crate) time: SystemTime,
    /// Since the first look.
    pub(crate) at: Duration,
    /// All that is in memory: RSS.
    pub(crate) resident: u64,
    /// Of that, memory that came from nowhere: heaps and stacks.
    pub(crate) anonymous: u64,
    /// Of that, programs and other files.
    pub(crate) files: u64,
    /// Of that, memory shared with others.
    pub(crate) shared: u64,
    /// What was swapped out besides.
    pub(crate) swapped: u64,
    /// The control group that gives up first.
    pub(crate) group: Option<Room>,
    /// What V8 counts; `None` where that is not known.
    pub(crate) heap: Option<HeapSample>,
}

/// What V8 counts, of all isolates together where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeapSample {
    /// How many isolates.
    pub(crate) isolates: u32,
    /// Bytes of all pages.
    pub(crate) committed: u64,
    /// Bytes of the young generation's pages.
    pub(crate) young: u64,
    /// Bytes of the old generation's objects, garbage among them.
    pub(crate) used: u64,
    /// Memory outside the heap that V8 was told of.
    pub(crate) external: Option<u64>,
    /// Of the isolate that is nearest to its limit.
    pub(crate) nearest: HeapLook,
    /// How many collections of both kinds that one had.
    pub(crate) collections: Option<u32>,
    /// Each space, by its name in V8: bytes of its pages, and of its objects where that is known.
    pub(crate) spaces: BTreeMap<&'static str, (u64, Option<u64>)>,
}

impl Sample {
    /// Returns memory that came from nowhere and is not V8's pages: C and C++, Buffers, stacks. At least: pages of V8's that were never touched are in no
    /// memory, as a rule those of a young generation that has just grown.
    pub(crate) fn besides(&self) -> Option<u64> {
        self.heap.as_ref().map(|heap| self.anonymous.saturating_sub(heap.committed))
    }

    /// Returns what the outlook needs.
    pub(crate) fn look(&self) -> Look {
        Look { at: self.at.as_secs_f64(), resident: self.resident, group: self.group, heap: self.heap.as_ref().map(|heap| heap.nearest) }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use system::Watched;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod system {
    use std::time::Instant;

    use live::capture::{Peek, vitals};
    use v8mem::heap_counters::{CounterReader, HeapCounters, nearest_to_limit};
    use v8mem::memory::MemoryRange;
    use v8mem::{V8Version, Versions, pages};

    use super::{BTreeMap, CommandError, Duration, HeapLook, HeapSample, Room, Sample, SystemTime};
    use crate::running;
    use crate::running::living::{Living, range};

    /// Isolates come and go: after so long they are looked for anew.
    const ANEW: Duration = Duration::from_secs(60);
    /// As long as none was found, sooner: after so long, then after twice as long each time.
    const SOON: Duration = Duration::from_millis(200);

    /// A process that is watched.
    pub(crate) struct Watched {
        pid: i32,
        peek: Peek,
        began: Instant,
        version: Option<V8Version>,
        reader: CounterReader,
        sought: Instant,
        patience: Duration,
        doubt: Option<String>,
    }

    impl Watched {
        /// Begins to watch a process of Node.js. It is neither stopped nor changed.
        pub(crate) fn begin(pid: i32) -> Result<Self, CommandError> {
            running::check(pid)?;
            let peek = Peek::open(pid).map_err(|error| running::failed(pid, &error))?;
            let version = Versions { v8: running::program(pid).v8, node: None }.v8_version();
            let now = Instant::now();
            let mut watched =
                Self { pid, peek, began: now, version, reader: CounterReader::default(), sought: now, patience: SOON, doubt: None };
            watched.seek();
            Ok(watched)
        }

        /// Says why V8's counters are not known, where they are not.
        pub(crate) fn doubt(&self) -> Option<&str> {
            self.doubt.as_deref()
        }

        /// Says whether it is still there.
        pub(crate) fn is_there(&self) -> bool {
            self.peek.is_there()
        }

        /// Looks at it. `None` when it has ended.
        pub(crate) fn look(&mut self) -> Option<Sample> {
            let found = vitals(self.pid).ok().filter(|_| self.peek.is_there())?;
            let counters = self.counters();
            if counters.is_empty() {
                // It may have ended in between.
                vitals(self.pid).ok()?;
            }
            Some(Sample {
                time: SystemTime::now(),
                at: self.began.elapsed(),
                resident: found.resident,
                anonymous: found.anonymous,
                files: found.files,
                shared: found.shared,
                swapped: found.swapped,
                group: found.group.map(|group| Room { limit: group.limit, used: group.used() }),
                heap: together(&counters),
            })
        }

        fn counters(&mut self) -> Vec<HeapCounters> {
            let mut counters = self.read();
            let is_short = counters.len() < self.reader.isolates() || counters.is_empty();
            if self.sought.elapsed() > if is_short { self.patience } else { ANEW } {
                self.patience = if is_short { (2 * self.patience).min(ANEW) } else { SOON };
                self.seek();
                counters = self.read();
            }
            counters
        }

        fn read(&self) -> Vec<HeapCounters> {
            if self.reader.isolates() == 0 { Vec::new() } else { self.reader.read(&Living { peek: &self.peek, ranges: &[] }) }
        }

        /// Finds V8's counters: a header of each page is read.
        fn seek(&mut self) {
            self.sought = Instant::now();
            let Some(version) = self.version else {
                self.doubt = Some("its program does not tell which V8 is in it".to_owned());
                return;
            };
            let Ok(stretches) = self.peek.stretches() else { return };
            let ranges: Vec<MemoryRange> = stretches.iter().filter(|stretch| stretch.file.is_empty()).map(range).collect();
            let memory = Living { peek: &self.peek, ranges: &ranges };
            let reader = CounterReader::find(&memory, version, &pages::without_let_go(&memory, pages::headers(&memory, version)));
            self.doubt = reader.doubts().first().map(ToString::to_string);
            // A page may have come or gone while we looked: what fitted before still does.
            if reader.isolates() > 0 || self.reader.read(&memory).is_empty() {
                self.reader = reader;
            }
        }
    }

    /// Adds up what V8 counts of every isolate.
    fn together(counters: &[HeapCounters]) -> Option<HeapSample> {
        let nearest = nearest_to_limit(counters)?;
        let sum = |of: fn(&HeapCounters) -> u64| counters.iter().map(of).fold(0, u64::saturating_add);
        Some(HeapSample {
            isolates: u32::try_from(counters.len()).unwrap_or(u32::MAX),
            committed: sum(HeapCounters::committed),
            young: sum(|one| one.young_committed),
            used: sum(|one| one.old_used),
            external: counters.iter().try_fold(0_u64, |sum, one| Some(sum.saturating_add(one.external?))),
            nearest: HeapLook {
                heap: nearest.heap,
                limit: nearest.limit,
                used: nearest.old_used,
                last_full: nearest.last_full,
                full_collections: nearest.full_collections,
            },
            collections: nearest.collections,
            spaces: spaces(counters),
        })
    }

    fn spaces(counters: &[HeapCounters]) -> BTreeMap<&'static str, (u64, Option<u64>)> {
        let mut spaces = BTreeMap::new();
        for one in counters.iter().flat_map(|counters| &counters.spaces) {
            let (committed, used) = spaces.entry(one.space.name()).or_insert((0_u64, Some(0_u64)));
            *committed = committed.saturating_add(one.committed);
            *used = used.zip(one.used).map(|(sum, used)| sum.saturating_add(used));
        }
        spaces
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn isolates_are_added_up_and_the_nearest_is_told() {
            let heap = |heap, used, limit: Option<u64>, external| HeapCounters {
                heap,
                limit,
                old_used: used,
                old_committed: used + 5,
                young_committed: 2,
                external,
                ..HeapCounters::default()
            };
            let check = |counters: &[HeapCounters], expect: Option<(u64, u64, Option<u64>)>| {
                let found = together(counters).map(|sum| (sum.nearest.heap, sum.committed, sum.external));
                assert_eq!(found, expect, "{counters:?}");
            };
            check(&[], None);
            check(&[heap(1, 10, Some(100), Some(7))], Some((1, 17, Some(7))));
            check(&[heap(1, 10, Some(100), Some(7)), heap(2, 10, Some(20), Some(1))], Some((2, 34, Some(8))));
            check(&[heap(1, 10, Some(100), Some(7)), heap(2, 10, Some(100), None)], Some((1, 34, None)));
            check(&[heap(1, 10, None, None), heap(2, 0, None, None)], Some((1, 24, None)));
        }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) use elsewhere::Watched;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod elsewhere {
    use super::{CommandError, Sample};
    use crate::running;

    /// No process is watched here.
    pub(crate) struct Watched(std::convert::Infallible);

    impl Watched {
        pub(crate) fn begin(pid: i32) -> Result<Self, CommandError> {
            Err(running::unsupported(pid))
        }

        pub(crate) fn doubt(&self) -> Option<&str> {
            match self.0 {}
        }

        pub(crate) fn is_there(&self) -> bool {
            match self.0 {}
        }

        pub(crate) fn look(&mut self) -> Option<Sample> {
            match self.0 {}
        }
    }
}
