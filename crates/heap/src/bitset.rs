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

    /// Returns the set whose words are these, or `None` where they are not as many as `len` positions need, or hold others.
    pub(crate) fn from_words(words: Vec<u64>, len: usize) -> Option<Self> {
        let beyond = if len.is_multiple_of(64) { 0 } else { words.last().map_or(0, |last| last >> (len % 64)) };
        (words.len() == len.div_ceil(64) && beyond == 0).then_some(Self { words })
    }

    /// Returns the words, 64 positions each.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
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
}

/// A set that knows how many of its members are below a position.
#[derive(Debug, Default)]
pub(crate) struct RankedBits {
    bits: Bitset,
    /// The members before each word.
    before: Vec<u32>,
}

impl RankedBits {
    pub(crate) fn of(bits: Bitset) -> Self {
        let count = |total: &mut u32, word: &u64| {
            let before = *total;
            *total += word.count_ones();
            Some(before)
        };
        let before = bits.words.iter().scan(0, count).collect();
        Self { bits, before }
    }

    /// Returns the set without its counts.
    pub(crate) fn bits(&self) -> &Bitset {
        &self.bits
    }

    /// Says whether `at` is in the set.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> bool {
        self.bits.get(at)
    }

    /// Returns all members, rising.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = self.bits.words.iter().enumerate().filter(|&(_, &word)| word != 0);
        words.flat_map(|(at, &word)| (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| at as u32 * 64 + bit))
    }

    /// Returns how many members are below `at`.
    #[inline]
    pub(crate) fn rank(&self, at: u32) -> usize {
        let word = (at / 64) as usize;
        let below = self.bits.words[word] & ((1 << (at % 64)) - 1);
        (self.before[word] + below.count_ones()) as usize
    }

    /// Returns the member that has `rank` members below it; the end of the set where there are not that many.
    pub(crate) fn nth(&self, rank: usize) -> u32 {
        let word = self.before.partition_point(|&before| before as usize <= rank).saturating_sub(1);
        let start = word as u32 * 64;
        (start..start + 64).find(|&at| self.get(at) && self.rank(at) == rank).unwrap_or(start + 64)
    }

    /// Returns how many members there are.
    pub(crate) fn count(&self) -> usize {
        self.before.last().map_or(0, |&before| before as usize) + self.bits.words.last().map_or(0, |word| word.count_ones() as usize)
    }
}
