//! A flat array of integers, handed out in pieces to several threads.
//!
//! Node 24 and later write no line breaks, so a thread that starts in the middle of an array cannot see which field it stands in. Pieces are
//! therefore handed out in order, and whoever takes one counts its commas first: the count says which value comes next, and the text of
//! the piece is in the processor's cache when it is read for good.

use std::ops::Range;

/// How many bytes a piece has: with its columns it fits a processor's second-level cache.
const PIECE: usize = 512 << 10;

/// The pieces of one array that are not handed out yet.
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    start: usize,
    at: usize,
    /// How many commas stand before `at`.
    commas: usize,
    end: Option<usize>,
}

/// A piece of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The bytes of the piece.
    pub(super) range: Range<usize>,
    /// The place of the first value that starts in the piece.
    pub(super) first_at: usize,
    /// The values that start in the piece.
    pub(super) values: Range<usize>,
    /// Whether the array ends in this piece.
    pub(super) is_last: bool,
}

impl<'a> Pieces<'a> {
    /// Starts behind the `[` of an array.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, start: at, at, commas: 0, end: None }
    }

    /// Returns the next piece; `None` behind the last.
    pub(super) fn next(&mut self) -> Option<Piece> {
        if self.end.is_some() {
            return None;
        }
        let start = self.at;
        let stop = (start + PIECE).min(self.bytes.len());
        let piece = &self.bytes[start..stop];
        let closing = memchr::memchr(b']', piece);
        let is_last = closing.is_some() || stop == self.bytes.len();
        let end = closing.map_or(stop, |at| start + at);
        let counted = &self.bytes[start..end];
        let commas = count_commas(counted);
        let (first_at, first) = if start == self.start {
            (start, 0)
        } else {
            (memchr::memchr(b',', counted).map_or(end, |comma| start + comma + 1), self.commas + 1)
        };
        self.commas += commas;
        self.at = end;
        if is_last {
            self.end = Some(end);
        }
        Some(Piece { range: start..end, first_at, values: first..self.commas + 1, is_last })
    }

    /// Returns where the array ends: the place of its `]`, or the end of the bytes. `None` before the last piece is handed out.
    pub(super) fn end(&self) -> Option<usize> {
        self.end
    }

    /// Returns how many values the array has, as its commas tell: known behind the last piece.
    pub(super) fn value_count(&self) -> usize {
        let text = self.bytes.get(self.start..self.at).unwrap_or_default();
        if self.commas == 0 && text.iter().all(u8::is_ascii_whitespace) { 0 } else { self.commas + 1 }
    }
}

/// Counts commas, with the widest vectors that the processor has.
fn count_commas(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b',', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_value_once() {
        let text: String = (0..200_000).map(|value| value.to_string()).collect::<Vec<_>>().join(",");
        let bytes = format!("[{text}],\"rest\"");
        let mut pieces = Pieces::new(bytes.as_bytes(), 1);
        let mut next = 0;
        while let Some(piece) = pieces.next() {
            assert_eq!(piece.values.start, next);
            if !piece.values.is_empty() {
                let number: String = bytes[piece.first_at..].chars().take_while(char::is_ascii_digit).collect();
                assert_eq!(number, piece.values.start.to_string());
            }
            next = piece.values.end;
        }
        assert_eq!((next, pieces.end()), (200_000, bytes.find(']')));
    }

    #[test]
    fn counts_commas() {
        for length in [0, 1, 31, 32, 33, 8159, 8160, 8161, 20_000] {
            let bytes: Vec<u8> = (0..length).map(|at| if at % 3 == 0 { b',' } else { b'1' }).collect();
            assert_eq!(count_commas(&bytes), bytes.iter().filter(|&&byte| byte == b',').count());
        }
    }
}
