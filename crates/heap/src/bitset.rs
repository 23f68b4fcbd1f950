//! One bit per node: small enough to stay in a processor's second-level cache for millions of nodes.

/// A set of positions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bitset {
    words: Vec<u64>,
}

impl Bitset {
    /// Returns an empty set that can hold positions below `len`.
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)] }
    }

    /// Says whether `at` is in the set.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> bool {
        self.words[(at / 64) as usize] & (1 << (at % 64)) != 0
    }

    /// Adds `at`.
    #[inline]
    pub(crate) fn set(&mut self, at: u32) {
        self.words[(at / 64) as usize] |= 1 << (at % 64);
    }

    /// Adds `at` and says whether it was new.
    #[inline]
    pub(crate) fn insert(&mut self, at: u32) -> bool {
        let word = &mut self.words[(at / 64) as usize];
        let bit = 1 << (at % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Returns how many positions are in the set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}
