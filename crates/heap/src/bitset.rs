//! One bit per node or object: small enough to stay in a processor's second-level cache for millions of them.

/// A set of positions.
#[derive(Clone, Debug, Default)]
pub struct Bitset {
    words: Vec<u64>,
}

impl Bitset {
    /// Returns an empty set that can hold positions below `len`.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)] }
    }

    /// Returns the set whose words are these, or `None` where they are not as many as `len` positions need, or hold others.
    #[must_use]
    pub fn from_words(words: Vec<u64>, len: usize) -> Option<Self> {
        let beyond = if len.is_multiple_of(64) { 0 } else { words.last().map_or(0, |last| last >> (len % 64)) };
        (words.len() == len.div_ceil(64) && beyond == 0).then_some(Self { words })
    }

    /// Returns how many positions are in the set. O(words).
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns the words, 64 positions each.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Says whether `at` is in the set.
    #[inline]
    #[must_use]
    pub fn get(&self, at: u32) -> bool {
        self.words[(at / 64) as usize] & (1 << (at % 64)) != 0
    }

    /// Returns the members among the 64 positions from `at` on, that of `at` in the lowest bit. Positions beyond the end are no members.
    #[inline]
    #[must_use]
    pub fn window(&self, at: u32) -> u64 {
        let (word, shift) = ((at / 64) as usize, at % 64);
        let low = self.words.get(word).copied().unwrap_or(0) >> shift;
        let high = self.words.get(word + 1).copied().unwrap_or(0);
        if shift == 0 { low } else { low | high << (64 - shift) }
    }

    /// Adds the positions from `at` on that `window` has. All must be below the end.
    #[inline]
    pub fn set_window(&mut self, at: u32, window: u64) {
        let (word, shift) = ((at / 64) as usize, at % 64);
        self.words[word] |= window << shift;
        let high = if shift == 0 { 0 } else { window >> (64 - shift) };
        if high != 0 {
            self.words[word + 1] |= high;
        }
    }

    /// Adds `at`.
    #[inline]
    pub fn set(&mut self, at: u32) {
        self.words[(at / 64) as usize] |= 1 << (at % 64);
    }

    /// Takes `at` out.
    #[inline]
    pub fn remove(&mut self, at: u32) {
        self.words[(at / 64) as usize] &= !(1 << (at % 64));
    }

    /// Adds `at` and says whether it was new.
    #[inline]
    pub fn insert(&mut self, at: u32) -> bool {
        let word = &mut self.words[(at / 64) as usize];
        let bit = 1 << (at % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// A set that knows how many of its members are below a position.
#[derive(Debug, Default)]
pub struct RankedBits {
    bits: Bitset,
    /// The members before each word.
    before: Vec<u32>,
}

impl RankedBits {
    /// Counts the members of a set. O(words).
    #[must_use]
    pub fn of(bits: Bitset) -> Self {
        let count = |total: &mut u32, word: &u64| {
            let before = *total;
            *total += word.count_ones();
            Some(before)
        };
        let before = bits.words.iter().scan(0, count).collect();
        Self { bits, before }
    }

    /// Returns the set without its counts.
    #[must_use]
    pub fn bits(&self) -> &Bitset {
        &self.bits
    }

    /// Says whether `at` is in the set.
    #[inline]
    #[must_use]
    pub fn get(&self, at: u32) -> bool {
        self.bits.get(at)
    }

    /// Returns all members, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.bits.words.iter().zip(0..).flat_map(|(&word, at)| Ones(word).map(move |bit| at * 64 + bit))
    }

    /// Returns how many members are below `at`.
    #[inline]
    #[must_use]
    pub fn rank(&self, at: u32) -> usize {
        let word = (at / 64) as usize;
        let below = self.bits.words[word] & ((1 << (at % 64)) - 1);
        (self.before[word] + below.count_ones()) as usize
    }

    /// Returns how many members are below `at`, if that is a member. Any position may be asked for.
    #[inline]
    #[must_use]
    pub fn place(&self, at: u32) -> Option<usize> {
        let word = *self.bits.words.get((at / 64) as usize)?;
        (word >> (at % 64) & 1 != 0).then(|| self.rank(at))
    }

    /// Returns the member that has `rank` members below it; the end of the set where there are not that many.
    #[must_use]
    pub fn nth(&self, rank: usize) -> u32 {
        let word = self.before.partition_point(|&before| before as usize <= rank).saturating_sub(1);
        let (Some(&bits), Some(&before)) = (self.bits.words.get(word), self.before.get(word)) else { return 0 };
        let mut bits = bits;
        for _ in 0..(rank - before as usize).min(64) {
            bits &= bits.wrapping_sub(1);
        }
        word as u32 * 64 + bits.trailing_zeros()
    }

    /// Returns how many members there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.before.last().map_or(0, |&before| before as usize) + self.bits.words.last().map_or(0, |word| word.count_ones() as usize)
    }
}

/// The positions of a word's bits, rising.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_ranked_and_found_again() {
        let members = [0, 1, 63, 64, 200, 4000];
        let mut bits = Bitset::new(1 << 12);
        members.iter().for_each(|&at| bits.set(at));
        assert_eq!(bits.count(), members.len());
        let ranked = RankedBits::of(bits);
        assert_eq!(ranked.iter().collect::<Vec<_>>(), members);
        for (nth, &at) in members.iter().enumerate() {
            assert_eq!((ranked.rank(at), ranked.place(at), ranked.nth(nth)), (nth, Some(nth), at));
        }
        assert_eq!([2, 65, 4001, 1 << 16, u32::MAX].map(|at| ranked.place(at)), [None; 5]);
        assert_eq!(ranked.nth(members.len()), 1 << 12);
        assert_eq!(RankedBits::of(Bitset::new(0)).nth(0), 0);
    }

    #[test]
    fn windows_are_64_positions_from_any_on() {
        let mut bits = Bitset::new(200);
        for at in [0, 1, 64, 130] {
            bits.set_window(at, 0b1001);
        }
        bits.remove(133);
        let members: Vec<u32> = (0..200).filter(|&at| bits.get(at)).collect();
        assert_eq!(members, [0, 1, 3, 4, 64, 67, 130]);
        for at in 0..200 {
            let expect = (0..64).filter(|bit| members.contains(&(at + bit))).fold(0, |window, bit| window | 1 << bit);
            assert_eq!(bits.window(at), expect, "{at}");
        }
        assert_eq!((bits.window(1000), Bitset::new(0).window(0)), (0, 0));
    }
}
