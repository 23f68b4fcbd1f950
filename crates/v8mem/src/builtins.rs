//! V8's builtins: what each is called, and where an isolate keeps the code of each.

use crate::kind::Kind;
use crate::maps::{END_OF_MEMORY, strong};
use crate::memory::Memory;
use crate::node_binary::{BUILTINS, NodeBinary};
use crate::view::HeapView;

/// The names of builtins, by V8's numbers; none where the program does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builtins {
    names: Vec<String>,
}

/// V8 has fewer builtins than this.
const MOST: u64 = 1 << 14;
/// An entry of V8's own table: the name comes first.
const ENTRY: u64 = 24;
/// V8 has more builtins than this, and nothing else in an isolate leads to so much code in a row.
const FEWEST: usize = 512;

impl Builtins {
    /// Reads V8's own table of them.
    #[must_use]
    pub fn read(memory: &dyn Memory, binary: &NodeBinary) -> Self {
        let Some(symbol) = BUILTINS.iter().find_map(|name| binary.symbol(name)) else { return Self::default() };
        let address = |slot: u64| memory.word(slot).ok().filter(|text| (4096..END_OF_MEMORY).contains(text));
        let name = |nth: u64| memory.c_string(address(symbol.addr.checked_add(ENTRY * nth)?)?, 200);
        Self { names: (0..(symbol.size / ENTRY).min(MOST)).map_while(name).collect() }
    }

    /// Says whether the program does not tell them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the name of a builtin, empty where it is not known.
    #[must_use]
    pub fn get(&self, nth: usize) -> &str {
        self.names.get(nth).map_or("", String::as_str)
    }

    /// Finds an isolate's table of them among its words: the longest run of words that lead to code. Where V8 says how many builtins there are, it must
    /// be as long. Returns its first place and its length.
    #[must_use]
    pub(crate) fn table(&self, heap: HeapView<'_, '_>, words: &[u64]) -> Option<(usize, usize)> {
        let is_code = |word: u64| strong(word).and_then(|addr| heap.kind(addr)) == Some(Kind::Code);
        let (mut longest, mut from) = ((0, 0), 0);
        for (at, &word) in words.iter().enumerate() {
            if !is_code(word) {
                from = at + 1;
            } else if at + 1 - from > longest.1 {
                longest = (from, at + 1 - from);
            }
        }
        let fits = self.names.is_empty() || self.names.len() == longest.1;
        (longest.1 >= FEWEST && fits).then_some(longest)
    }
}
