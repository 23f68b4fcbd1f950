//! Where in a process's memory a word stands.

use crate::core_file::CoreFile;
use crate::memory::Memory;

/// The places at which words were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// The first of them, by address, with which of the wanted words stands there.
    pub places: Vec<(u64, u64)>,
    /// How many there are in all.
    pub total: u64,
}

/// More places are counted only.
const MOST: usize = 1 << 20;
/// Bytes that are looked at in one go, where they do not lie side by side.
const PIECE: usize = 1 << 16;

/// Looks for any of several words, at addresses that are multiples of eight, in all memory that the process could write. O(bytes that are no holes).
#[must_use]
pub fn find_words(core: &CoreFile, wanted: &[u64]) -> Hits {
    let memory: &dyn Memory = core;
    let mut hits = Hits::default();
    for range in memory.ranges().iter().filter(|range| range.readable && range.writable) {
        let mut at = range.start;
        while let Some((data, end)) = memory.next_data(at, range.end).filter(|&(data, end)| data < end) {
            let first = data & !7;
            for piece in (first..end).step_by(PIECE) {
                let len = PIECE.min((end - piece) as usize);
                match memory.slice(piece, len) {
                    Some(bytes) => look(piece, bytes, wanted, &mut hits),
                    None => {
                        let mut bytes = vec![0; len];
                        if memory.read(piece, &mut bytes).is_ok() {
                            look(piece, &bytes, wanted, &mut hits);
                        }
                    }
                }
            }
            at = end;
        }
    }
    hits
}

fn look(from: u64, bytes: &[u8], wanted: &[u64], hits: &mut Hits) {
    for (addr, word) in (from..).step_by(8).zip(bytes.chunks_exact(8)) {
        let word = u64::from_le_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
        if wanted.contains(&word) {
            hits.total += 1;
            if hits.places.len() < MOST {
                hits.places.push((addr, word));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_are_aligned() {
        let mut bytes = [0; 40];
        bytes[8..16].copy_from_slice(&7_u64.to_le_bytes());
        bytes[20..28].copy_from_slice(&7_u64.to_le_bytes());
        bytes[32..40].copy_from_slice(&9_u64.to_le_bytes());
        let mut hits = Hits::default();
        look(0x1000, &bytes, &[7, 9], &mut hits);
        assert_eq!(hits, Hits { places: vec![(0x1008, 7), (0x1020, 9)], total: 2 });
    }
}
