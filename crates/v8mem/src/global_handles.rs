//! Global handles: the references to objects that C++ holds, each with its state.
//!
//! An isolate keeps them in blocks of 256 nodes of 32 bytes: the object, and eight bytes in, among other things, the state.

use rustc_hash::FxHashSet;

use crate::isolate::Isolate;
use crate::maps::END_OF_MEMORY;
use crate::memory::Memory;
use crate::version::V8Version;

/// What a global handle does for its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It keeps it alive.
    Strong,
    /// It does not, and hears of its end.
    Weak,
}

/// The global handles of one isolate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalHandles {
    blocks: Vec<u64>,
    /// The same by address.
    sorted: Vec<u64>,
    /// The bits of the flags that hold the state.
    mask: u64,
}

const NODES: u64 = 256;
const NODE: u64 = 32;

impl GlobalHandles {
    /// Finds them. O(words of the isolate).
    #[must_use]
    pub fn of(memory: &dyn Memory, isolate: &Isolate, version: V8Version) -> Self {
        let mask = if version < V8Version::new(11, 2) { 7 } else { 3 };
        let mut next = first_block(memory, isolate);
        let (mut blocks, mut seen) = (Vec::new(), FxHashSet::default());
        while let Some(block) = next.filter(|&block| seen.insert(block)) {
            blocks.push(block);
            next = address(memory, block + NODES * NODE);
        }
        let mut sorted = blocks.clone();
        sorted.sort_unstable();
        Self { blocks, sorted, mask }
    }

    /// Returns the handles that are in use: where each lies, the word in it, and its state.
    pub fn iter(&self, memory: &dyn Memory) -> impl Iterator<Item = (u64, u64, State)> {
        let slots = self.blocks.iter().flat_map(|&block| (0..NODES).map(move |nth| block + NODE * nth));
        slots.filter_map(move |slot| Some((slot, memory.word(slot).ok()?, self.state_at(memory, slot)?)))
    }

    /// Returns the state of the handle at an address; `None` where no global handle of this isolate lies there, or none that is in use.
    #[must_use]
    pub fn state(&self, memory: &dyn Memory, slot: u64) -> Option<State> {
        let at = self.sorted.partition_point(|&block| block <= slot).checked_sub(1)?;
        let distance = slot - self.sorted[at];
        (distance < NODES * NODE && distance.is_multiple_of(NODE)).then(|| self.state_at(memory, slot))?
    }

    fn state_at(&self, memory: &dyn Memory, slot: u64) -> Option<State> {
        match memory.word(slot + 8).ok()? >> 24 & self.mask {
            0 => None,
            1 => Some(State::Strong),
            _ => Some(State::Weak),
        }
    }
}

/// Finds the first block: the isolate points to an object that points back, and on to a space that points back to that.
fn first_block(memory: &dyn Memory, isolate: &Isolate) -> Option<u64> {
    isolate.slots().find_map(|slot| {
        let handles =
            address(memory, slot).filter(|&handles| handles.is_multiple_of(8) && address(memory, handles) == Some(isolate.addr))?;
        let spaces = [8, 16].into_iter().filter_map(|offset| address(memory, handles + offset));
        let space = spaces.into_iter().find(|&space| address(memory, space) == Some(handles))?;
        address(memory, space + 8)
    })
}

/// Returns the address of memory of C++ that a word holds.
pub(crate) fn address(memory: &dyn Memory, slot: u64) -> Option<u64> {
    let word = memory.word(slot).ok()?;
    (4096..END_OF_MEMORY).contains(&word).then_some(word)
}
