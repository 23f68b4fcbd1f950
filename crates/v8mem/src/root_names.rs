//! The names that V8 gives to the roots of every isolate, in the order in which they stand there.

use crate::maps::END_OF_MEMORY;
use crate::memory::Memory;
use crate::node_binary::{NodeBinary, ROOT_NAMES};

/// The names of roots, by their place in the table; none where the program does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootNames {
    names: Vec<String>,
}

/// V8 names fewer roots than this.
const MOST_NAMES: u64 = 1 << 13;

impl RootNames {
    /// Reads V8's own table of them.
    #[must_use]
    pub fn read(memory: &dyn Memory, binary: &NodeBinary) -> Self {
        let Some(symbol) = binary.symbol(ROOT_NAMES) else { return Self::default() };
        let address = |slot: u64| memory.word(slot).ok().filter(|text| (4096..END_OF_MEMORY).contains(text));
        let name = |nth: u64| memory.c_string(address(symbol.addr.checked_add(8 * nth)?)?, 100);
        Self { names: (0..(symbol.size / 8).min(MOST_NAMES)).map_while(name).collect() }
    }

    /// Returns the name of the root in a place.
    #[must_use]
    pub fn get(&self, nth: usize) -> Option<&str> {
        self.names.get(nth).map(String::as_str)
    }

    /// Returns the place of a root. O(roots).
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Returns all names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
