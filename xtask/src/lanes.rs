//! Checks that have nothing to do with one another, one on each core at a time and one besides: most of a check is work for one core, and now
//! and then it waits.
//!
//! What is checked together shares nothing but the machine. What measures time, or looks at a process of its own that must not be
//! disturbed, is not checked here.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::stages::Tally;

/// More at a time than this would need more memory than machines of this many cores may have.
const MOST: usize = 4;

/// Checks all jobs, those first that stand first; `check` says of each of a job's checks whether it passed. Returns how many did.
pub(crate) fn check_all<J: Send, P: IntoIterator<Item = bool>>(jobs: impl IntoIterator<Item = J>, check: impl Fn(J) -> P + Sync) -> Tally {
    let lanes = thread::available_parallelism().map_or(1, NonZero::get).saturating_add(1).min(MOST);
    check_in(lanes, jobs, check)
}

fn check_in<J: Send, P: IntoIterator<Item = bool>>(
    lanes: usize,
    jobs: impl IntoIterator<Item = J>,
    check: impl Fn(J) -> P + Sync,
) -> Tally {
    let waiting: Mutex<VecDeque<J>> = Mutex::new(jobs.into_iter().collect());
    let tally = Mutex::new(Tally::default());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let lane = || {
        while let Some(job) = next() {
            for passed in check(job) {
                tally.lock().unwrap_or_else(PoisonError::into_inner).add(passed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(lane);
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn every_job_is_checked_once() {
        for (lanes, jobs) in [(1, 0u32), (1, 7), (2, 7), (4, 2)] {
            let seen = Mutex::new(Vec::new());
            let tally = check_in(lanes, 0..jobs, |job| {
                seen.lock().unwrap().push(job);
                [job % 3 != 0]
            });
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..jobs));
            assert_eq!((tally.passed, tally.failed), (jobs - jobs.div_ceil(3), jobs.div_ceil(3)), "{lanes} {jobs}");
        }
    }

    #[test]
    fn as_many_are_checked_at_a_time_as_there_are_lanes() {
        // Each waits for the other: one after the other they would wait for ever.
        let both = Barrier::new(2);
        let tally = check_in(2, [(), ()], |()| {
            both.wait();
            [true, true]
        });
        assert_eq!(tally.passed, 4);
    }
}
