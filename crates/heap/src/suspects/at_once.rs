//! Cases looked at on two threads, with the findings that one thread would make.
//!
//! All cases of a report share one budget of work for cuts, in their order, and without any left fewer holders are tried. So a finding that
//! was made while there was budget stands where there would have been budget too after all cases before; otherwise the case is looked at
//! again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::cut::Cutter;

/// What came of cases, in their order: what was found, and by how much work.
pub(crate) struct AtOnce<T> {
    found: Vec<Option<(T, u64)>>,
}

impl<T: Send> AtOnce<T> {
    /// Looks at `count` cases. Stops where the budget of all is used up: what is left is looked at when it is asked for.
    pub(crate) fn look(cutter: &Cutter<'_>, count: usize, look: impl Fn(&Cutter<'_>, usize) -> T + Sync) -> Self {
        let (next, spent) = (AtomicUsize::new(0), AtomicU64::new(0));
        let mut slots = Vec::new();
        slots.resize_with(count, || Mutex::new(None));
        let work = || {
            while !cutter.is_too_much(spent.load(Ordering::Relaxed)) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = slots.get(at) else { break };
                // What others have used up by now is used up, so that all together do little more than one would.
                let before = cutter.work() + spent.load(Ordering::Relaxed);
                let own = cutter.with_work(before);
                let found = look(&own, at);
                let work = own.work() - before;
                spent.fetch_add(work, Ordering::Relaxed);
                // Spent or not spent could be what the case found: only while there was budget all along is that known.
                if !own.is_spent()
                    && let Ok(mut slot) = slot.lock()
                {
                    *slot = Some((found, work));
                }
            }
        };
        if count > 1 {
            std::thread::scope(|scope| {
                scope.spawn(work);
                work();
            });
        }
        Self { found: slots.into_iter().map(|slot| slot.into_inner().ok().flatten()).collect() }
    }

    /// Returns what was found of the case at `at`, or looks at it now where that is not what would be found after all cases before it.
    pub(crate) fn take(&mut self, at: usize, cutter: &Cutter<'_>, look: impl FnOnce(&Cutter<'_>, usize) -> T) -> T {
        match self.found.get_mut(at).and_then(Option::take) {
            Some((found, work)) if !cutter.is_too_much(work) => {
                cutter.add_work(work);
                found
            }
            _ => look(cutter, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{Node, Target};
    use crate::{EdgeKind, GraphBuilder, HeapAnalysis, NodeKind};

    /// What each case says of the budget, at its start and after its own work.
    fn look(works: &[u64]) -> impl Fn(&Cutter<'_>, usize) -> (usize, bool, bool) + Sync + '_ {
        |cutter, at| {
            let before = cutter.is_spent();
            if !before {
                cutter.add_work(works[at]);
            }
            (at, before, cutter.is_spent())
        }
    }

    fn check(works: &[u64]) {
        let mut builder = GraphBuilder::new();
        let root = builder.node(Node::new(NodeKind::SYNTHETIC, "", 1, 0));
        let held = builder.node(Node::new(NodeKind::OBJECT, "Thing", 3, 16));
        builder.edge(root, EdgeKind::PROPERTY, crate::builder::NewName::Text("thing"), Target::Node(held));
        let analysis = HeapAnalysis::new(builder.finish().0);
        let in_turn = Cutter::new(&analysis);
        let expect: Vec<_> = (0..works.len()).map(|at| look(works)(&in_turn, at)).collect();
        let cutter = in_turn.with_work(0);
        let mut at_once = AtOnce::look(&cutter, works.len(), look(works));
        let found: Vec<_> = (0..works.len()).map(|at| at_once.take(at, &cutter, look(works))).collect();
        assert_eq!((found, cutter.work()), (expect, in_turn.work()), "{works:?}");
    }

    #[test]
    fn two_threads_find_what_one_finds() {
        const ENOUGH: u64 = 15_000_000;
        check(&[]);
        check(&[5]);
        check(&[1, 2, 3, 4, 5, 6, 7]);
        check(&[ENOUGH, 0, 1, 7, 0]);
        check(&[ENOUGH / 2, ENOUGH / 2, 1, 5, 5]);
        check(&[ENOUGH / 3, ENOUGH, 1, 2, ENOUGH / 4, 0]);
        check(&[1, ENOUGH + 1, 1]);
    }
}
