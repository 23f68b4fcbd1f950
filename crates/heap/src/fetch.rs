//! Memory that is waited for once: what lies anywhere in it is asked for several times at once, before any of it is worked on.

/// For so many places memory is asked at once: a core keeps track of about as many requests.
pub(crate) const TOGETHER: usize = 16;

/// Asks for words, `TOGETHER` at most, which come from memory into the cache. None waits for another: the sum of all is what nobody may leave out.
#[inline]
pub(crate) fn fetch(words: impl Iterator<Item = u32>) {
    std::hint::black_box(words.fold(0, |mixed, word| mixed ^ word));
}
