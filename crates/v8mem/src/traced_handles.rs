//! Traced handles: the references to objects that C++ holds by way of its own collector (Oilpan, which V8 calls cppgc). They keep nothing alive
//! by themselves.
//!
//! An isolate points to the first block of them. A block begins with the address of the block list, that of the next block, and later that of
//! the isolate's own list; nodes of 16 bytes follow, each with the object, its own place in the block, and whether it is in use.

use rustc_hash::FxHashSet;

use crate::global_handles::address;
use crate::isolate::Isolate;
use crate::memory::Memory;

const NODE: u64 = 16;
/// Where in a node it says its own place, two bytes, and its flags, of which the lowest says that it is in use.
const PLACE: u64 = 10;
const FLAGS: u64 = 12;
/// Where the next block is told of.
const NEXT: u64 = 8;
/// The first node lies before here.
const HEADER: u64 = 0x80;
/// So many nodes in a row must know their places.
const ENOUGH: u64 = 16;
/// A place is a number of two bytes.
const MOST: u64 = 1 << 16;

/// Returns the words in all traced handles of an isolate that are in use. O(words of the isolate).
#[must_use]
pub(crate) fn find(memory: &dyn Memory, isolate: &Isolate) -> Vec<u64> {
    let (mut seen, mut seen_nodes, mut words) = (FxHashSet::default(), FxHashSet::default(), Vec::new());
    for slot in isolate.slots() {
        let mut next = address(memory, slot);
        while let Some(block) = next.filter(|&block| seen.insert(block)) {
            let Some(first) = first_node(memory, isolate, block).filter(|&first| seen_nodes.insert(first)) else { break };
            words.extend((0..MOST).map_while(|nth| node(memory, first + NODE * nth, nth)).flatten());
            next = address(memory, block + NEXT);
        }
    }
    words
}

/// Returns where the first node of a block is, if it is one.
fn first_node(memory: &dyn Memory, isolate: &Isolate, block: u64) -> Option<u64> {
    let in_isolate = |addr: u64| (isolate.addr..isolate.addr + isolate.size).contains(&addr);
    let lists = (block..block + HEADER).step_by(8).filter(|&slot| address(memory, slot).is_some_and(in_isolate)).count();
    let is_first = |&first: &u64| (0..ENOUGH).all(|nth| place(memory, first + NODE * nth) == Some(nth));
    (block + NEXT + 8..block + HEADER).step_by(8).filter(|_| block.is_multiple_of(8) && lists > 0).find(is_first)
}

fn place(memory: &dyn Memory, node: u64) -> Option<u64> {
    Some(memory.word(node + 8).ok()? >> (8 * (PLACE - 8)) & 0xffff)
}

/// Reads a node in some place: the word in it where it is in use. `None` where there is none.
fn node(memory: &dyn Memory, addr: u64, nth: u64) -> Option<Option<u64>> {
    let is_used = memory.word(addr + 8).ok()? >> (8 * (FLAGS - 8)) & 1 == 1;
    (place(memory, addr)? == nth).then(|| memory.word(addr).ok().filter(|_| is_used))
}
