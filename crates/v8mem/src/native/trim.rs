//! What glibc's `malloc_trim` would give back to the kernel.
//!
//! It gives back whole pages within pieces that are in the lists of any arena, behind their heads, and of the end of the first arena all but a
//! page; the ends of the others it leaves. Small pieces that it joins before that are not joined here, so that it may give back more.

use std::ops::Range;

use super::malloc::{Malloc, Piece, State};
use super::presence::Presence;

const PAGE: u64 = 4096;
/// A free piece's own links: they stay.
const LINKS: u64 = 48;
/// The end of an arena keeps so much.
const LEAST: u64 = 33;

/// Returns how many bytes that are in memory it would give back, at least. O(pieces).
#[must_use]
pub fn trimmed(malloc: &Malloc, presence: &Presence) -> u64 {
    malloc.pieces.iter().filter_map(|piece| pages(malloc, piece)).map(|pages| presence.within(&pages)).sum()
}

/// Returns the pages of a piece that it gives back.
fn pages(malloc: &Malloc, piece: &Piece) -> Option<Range<u64>> {
    let end = piece.start + piece.size;
    let pages = match piece.state {
        State::Free => (piece.start + LINKS).next_multiple_of(PAGE)..end / PAGE * PAGE,
        State::Top if piece.start == malloc.first_top => end.saturating_sub(piece.size.saturating_sub(LEAST) / PAGE * PAGE)..end,
        _ => return None,
    };
    (pages.start < pages.end).then_some(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pages_of_free_pieces_and_the_first_end() {
        let check = |start: u64, size: u64, state: State, expect: Option<Range<u64>>| {
            let malloc = Malloc { first_top: 0x9000, ..Malloc::default() };
            assert_eq!(pages(&malloc, &Piece { start, size, state }), expect, "{start:#x} {size:#x} {state:?}");
        };
        check(0x1000, 0x3000, State::Used, None);
        check(0x1000, 0x3000, State::Free, Some(0x2000..0x4000));
        // Its links end where a page begins; a byte more, and they are on it.
        check(0x1fd0, 0x1030, State::Free, Some(0x2000..0x3000));
        check(0x1fe0, 0x1020, State::Free, None);
        check(0x1010, 0xff0, State::Free, None);
        check(0x9000, 0x3000, State::Top, Some(0xa000..0xc000));
        check(0x9000, 0x3020, State::Top, Some(0xa020..0xc020));
        check(0x9000, 0x20, State::Top, None);
        check(0xf000, 0x3000, State::Top, None);
    }
}
