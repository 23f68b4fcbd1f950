//! Work in libuv's pool of threads that Node.js keeps no list of: whole files that are read or written (Node 26), crypto, zlib.
//!
//! Such an object holds libuv's request itself, right behind the pointer to its environment; while the work is not done, a strong handle keeps its
//! wrapper. Where the request stands in an object differs by class, so it is looked for by what it says of itself.

use super::environments::Environment;
use super::{BaseObject, NodeView};
use crate::global_handles::{State, address};
use crate::maps::strong;
use crate::memory::Memory;

/// Work that is queued or is being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolWork {
    /// The object of C++ and its wrapper.
    pub object: BaseObject,
    /// Where libuv's request lies.
    pub request: u64,
}

/// libuv's number of such requests.
const WORK: u32 = 7;
/// Places in a request: its kind; its loop; the functions that do it and hear of its end; the same as libuv's pool has it: the function, which is taken
/// away when it was done, and the loop.
const KIND: u64 = 8;
const LOOP: u64 = 64;
const CALLS: [u64; 2] = [72, 80];
const UNDONE: u64 = 88;
const LOOP_OF_POOL: u64 = 104;
/// Behind the request stands what the work is called; what comes then is the class's own. Of work on whole files that begins with the path, a string of C++.
const OWN: u64 = 136;
const MAX_PATH: u64 = 4096;

impl NodeView<'_, '_> {
    /// Returns an environment's work in the pool.
    #[must_use]
    pub fn pool_work(self, environment: &Environment) -> Vec<PoolWork> {
        let Some(handles) = self.side.handles.get(environment.isolate) else { return vec![] };
        let held = handles.iter(self.side.memory).filter(|(_, _, state)| *state == State::Strong);
        let objects = held.filter_map(|(slot, word, _)| self.of_wrapper(strong(word)?).filter(|object| object.slot == slot));
        objects.filter_map(|object| Some(PoolWork { request: self.work_in(&object, environment)?, object })).collect()
    }

    /// Looks for a request that is not done in an object's memory.
    fn work_in(self, object: &BaseObject, environment: &Environment) -> Option<u64> {
        let memory = self.side.memory;
        let end = object.whole.checked_add(object.size?)?;
        let behind = (object.whole..end.saturating_sub(8 + OWN)).step_by(8).filter(|&at| memory.word(at).ok() == Some(environment.addr));
        behind.map(|at| at + 8).find(|&request| is_undone(memory, request))
    }

    /// Returns the path of the file that work of such a class reads or writes, where there is one in its place.
    #[must_use]
    pub fn path_of_work(self, work: &PoolWork) -> Option<String> {
        path(self.side.memory, work.request + OWN)
    }
}

/// Says whether a request of the pool stands at an address that is not done.
fn is_undone(memory: &dyn Memory, request: u64) -> bool {
    let word = |offset: u64| address(memory, request + offset);
    let is_called = CALLS.into_iter().chain([UNDONE]).all(|call| word(call).is_some());
    memory.half(request + KIND).ok() == Some(WORK) && is_called && word(LOOP).is_some_and(|own| word(LOOP_OF_POOL) == Some(own))
}

/// Reads a string of C++ that can be a path: its text ends where its length says.
fn path(memory: &dyn Memory, string: u64) -> Option<String> {
    let (text, length) = (address(memory, string)?, memory.word(string + 8).ok()?);
    let text = (1..MAX_PATH).contains(&length).then(|| memory.c_string(text, MAX_PATH as usize))??;
    (text.len() as u64 == length).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Words;

    /// A request at 0x8000 with its words changed.
    fn request(changes: &[(u64, u64)]) -> Words {
        let words = [(KIND, 7), (LOOP, 0x7000), (CALLS[0], 0x5000), (CALLS[1], 0x5010), (UNDONE, 0x5020), (LOOP_OF_POOL, 0x7000)];
        let word = |&(at, word): &(u64, u64)| (0x8000 + at, changes.iter().find(|(known, _)| *known == at).map_or(word, |&(_, word)| word));
        Words(words.iter().map(word).collect())
    }

    #[test]
    fn work_is_known_by_what_it_says_of_itself() {
        let check = |changes: &[(u64, u64)], expect| assert_eq!(is_undone(&request(changes), 0x8000), expect, "{changes:x?}");
        check(&[], true);
        check(&[(UNDONE, 0)], false);
        check(&[(KIND, 6)], false);
        check(&[(LOOP_OF_POOL, 0x7008)], false);
        check(&[(LOOP, 0), (LOOP_OF_POOL, 0)], false);
        check(&[(CALLS[1], 7)], false);
    }

    #[test]
    fn a_path_is_as_long_as_it_says() {
        let text = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let string = |length| {
            Words(
                [(0x8000, 0x8010), (0x8008, length), (0x8010, text(b"/etc/hos")), (0x8018, text(b"ts\0\0\0\0\0\0"))].into_iter().collect(),
            )
        };
        let check = |length, expect: Option<&str>| assert_eq!(path(&string(length), 0x8000).as_deref(), expect, "{length}");
        check(10, Some("/etc/hosts"));
        check(9, None);
        check(11, None);
        check(0, None);
        check(1 << 40, None);
    }
}
