//! The timer of an environment in its event loop: in how long Node.js is going to look for JavaScript's timers that are due.
//!
//! Node.js has one timer of libuv's for all timers of JavaScript. It lies inside the environment, at a place that no symbol tells: it is
//! believed where libuv's loop has it in its list of handles, between neighbours that lead back to it.

use std::collections::BTreeMap;

use super::{Environment, NodeView};
use crate::global_handles::address;

/// Environments are smaller.
const MOST_OF_ENVIRONMENT: u64 = 16 << 10;
/// libuv's number of a timer.
const TIMER: u32 = 13;
/// The first bytes of a handle, which all have: its loop, its kind, its place in the loop's list, its flags.
const LOOP: u64 = 8;
const KIND: u64 = 16;
const LINK: u64 = 32;
const FLAGS: u64 = 88;
const ACTIVE: u32 = 4;
/// A timer: when it fires, on the loop's clock.
const TIMEOUT: u64 = 128;
/// A loop: its list of handles, its number of handles that are active, the time when it last looked at the clock.
const LOOP_HANDLES: u64 = 16;
const LOOP_TIME: u64 = 544;

/// Longer lists are damage.
const MOST_HANDLES: usize = 1 << 20;

impl NodeView<'_, '_> {
    /// Returns what `until_timers` tells of every isolate that has an environment, by its place among all.
    #[must_use]
    pub fn until_timers_of_all(self) -> BTreeMap<usize, i64> {
        let environments = self.environments();
        environments.iter().filter_map(|environment| Some((environment.isolate, self.until_timers(environment)?))).collect()
    }

    /// Returns in how many milliseconds from when the loop last looked at the clock Node.js looks for timers that are due: less than nothing
    /// where it is late. `None` where no timer waits, or the loop's timer is not found.
    #[must_use]
    pub fn until_timers(self, environment: &Environment) -> Option<i64> {
        let memory = self.side.memory;
        let places = (environment.addr..environment.addr.checked_add(MOST_OF_ENVIRONMENT)?).step_by(8);
        let timer = places.map_while(|addr| memory.half(addr + KIND).ok().map(|kind| (addr, kind))).filter(|&(_, kind)| kind == TIMER);
        let timer = timer.map(|(addr, _)| addr).find(|&addr| self.is_in_loop(addr))?;
        let is_active = memory.half(timer + FLAGS).ok()? & ACTIVE != 0;
        let fires = memory.word(timer + TIMEOUT).ok().filter(|_| is_active)?;
        let now = memory.word(address(memory, timer + LOOP)? + LOOP_TIME).ok()?;
        i64::try_from(i128::from(fires) - i128::from(now)).ok()
    }

    /// Says whether a loop has a handle in its list.
    fn is_in_loop(self, handle: u64) -> bool {
        let memory = self.side.memory;
        let next = |link: u64| address(memory, link);
        let has = || {
            let (list, link) = (address(memory, handle + LOOP)?.checked_add(LOOP_HANDLES)?, handle + LINK);
            let leads_back = |other: u64| address(memory, other.checked_add(8)?);
            (leads_back(next(link)?)? == link).then_some(())?;
            std::iter::successors(next(list), |&at| next(at)).take(MOST_HANDLES).take_while(|&at| at != list).find(|&at| at == link)
        };
        has().is_some()
    }
}
