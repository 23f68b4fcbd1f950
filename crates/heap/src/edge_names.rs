//! Names of edges where nobody has asked for them yet: still in the file that they came from, or packed.
//!
//! They take four bytes an edge, as much as all else that is known of edges, and analyses never look at one: `facts` holds what matters to them.

use std::collections::VecDeque;

use crate::buffer::Buffer;
use crate::column::Column;

/// Where edge names are until the first question needs them.
pub(crate) trait EdgeNames: Send + Sync {
    /// Reads all names. O(edges).
    fn all(&self) -> Column<u32>;

    /// Reads the names of some edges, that one among them. Returns the first edge and the names.
    fn around(&self, edge: u32) -> (u32, Vec<u32>);
}

/// The names of a few edges, for questions about single nodes: the stretches read last, the newest first.
#[derive(Default)]
pub(crate) struct NamesAround {
    stretches: VecDeque<(u32, Vec<u32>)>,
    /// How often names had to be read so far.
    reads: u32,
}

/// After so many readings of a few names, all are read.
const FEW_READS: u32 = 128;

/// So many stretches are kept: a function, what it shares with others and its script lie far apart, but those of many functions together.
const KEPT_STRETCHES: usize = 24;

impl NamesAround {
    /// Returns an edge's name, read from `stored` where it has to be; `None` where all had better be read.
    pub(crate) fn look_up(&mut self, edge: u32, stored: &dyn EdgeNames) -> Option<u32> {
        if let Some(name) = self.get(edge) {
            return Some(name);
        }
        if self.reads >= FEW_READS {
            return None;
        }
        self.reads += 1;
        self.stretches.truncate(KEPT_STRETCHES - 1);
        self.stretches.push_front(stored.around(edge));
        self.get(edge)
    }

    fn get(&self, edge: u32) -> Option<u32> {
        self.stretches.iter().find_map(|(first, names)| names.get(edge.checked_sub(*first)? as usize).copied())
    }
}

/// All names for one who asks for them in turn, a stretch at a time.
pub(crate) struct NamesInTurn<'a> {
    known: Option<&'a [u32]>,
    stored: Option<&'a dyn EdgeNames>,
    stretch: (u32, Vec<u32>),
}

impl<'a> NamesInTurn<'a> {
    /// Takes names that are at hand, or else those that are stored.
    pub(crate) fn new(known: Option<&'a [u32]>, stored: Option<&'a dyn EdgeNames>) -> Self {
        Self { known, stored, stretch: (0, Vec::new()) }
    }

    /// Returns an edge's name. Any may be asked for; O(1) for edges that rise.
    #[inline]
    pub(crate) fn get(&mut self, edge: u32) -> u32 {
        if let Some(known) = self.known {
            return known[edge as usize];
        }
        let (first, names) = &self.stretch;
        match names.get(edge.wrapping_sub(*first) as usize) {
            Some(&name) => name,
            None => self.read(edge),
        }
    }

    #[cold]
    fn read(&mut self, edge: u32) -> u32 {
        if let Some(stored) = self.stored {
            self.stretch = stored.around(edge);
        }
        let (first, names) = &self.stretch;
        names.get(edge.wrapping_sub(*first) as usize).copied().unwrap_or(0)
    }
}

/// So many names are packed together: few enough for a single name to be read in a moment.
const TOGETHER: usize = 1 << 14;

/// Names that were given out one after the other, packed: objects of one shape have the same names in the same order, and elements count up, so
/// that differences between neighbours repeat. A tenth of their size, as a rule.
#[derive(Default)]
pub(crate) struct PackedNames {
    packed: Vec<Box<[u8]>>,
    /// Those that are not packed yet: fewer than `TOGETHER` between calls.
    last: Vec<u32>,
    /// Room for differences between them.
    differences: Vec<u32>,
}

impl PackedNames {
    /// Adds the name of the next edge.
    #[inline]
    pub(crate) fn push(&mut self, name: u32) {
        self.last.push(name);
        if self.last.len() == TOGETHER {
            self.pack();
        }
    }

    /// Returns how many names there are.
    pub(crate) fn len(&self) -> usize {
        self.packed.len() * TOGETHER + self.last.len()
    }

    fn pack(&mut self) {
        self.differences.clear();
        let before = std::iter::once(0).chain(self.last.iter().copied());
        self.differences.extend(self.last.iter().zip(before).map(|(&name, before)| name.wrapping_sub(before)));
        self.packed.push(lz4_flex::block::compress(bytemuck::cast_slice(&self.differences)).into());
        self.last.clear();
    }

    /// Writes the names of a stretch to where they belong.
    fn unpack(&self, nth: usize, names: &mut [u32]) {
        let Some(packed) = self.packed.get(nth) else { return names.copy_from_slice(&self.last) };
        // What we packed ourselves has this very size.
        let _ = lz4_flex::block::decompress_into(packed, bytemuck::cast_slice_mut(names));
        let mut before = 0_u32;
        for name in names {
            before = before.wrapping_add(*name);
            *name = before;
        }
    }
}

impl EdgeNames for PackedNames {
    fn all(&self) -> Column<u32> {
        let mut names = Buffer::zeroed(self.len());
        for (nth, stretch) in names.chunks_mut(TOGETHER).enumerate() {
            self.unpack(nth, stretch);
        }
        names.into()
    }

    fn around(&self, edge: u32) -> (u32, Vec<u32>) {
        let nth = edge as usize / TOGETHER;
        let first = nth * TOGETHER;
        let mut names = vec![0; TOGETHER.min(self.len().saturating_sub(first))];
        self.unpack(nth, &mut names);
        (first as u32, names)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers as names are: they repeat, count up, and jump.
    fn name(at: u32, seed: u32) -> u32 {
        match at % 5 {
            0 => at,
            1 => seed,
            2 => u32::MAX - at.wrapping_mul(seed) % 7,
            3 => at.wrapping_mul(0x9e37_79b9),
            _ => 3,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn packed_names_are_found_again(len in prop_oneof![0_u32..40, 16_380_u32..16_390, 60_000_u32..70_000], seed: u32) {
            let mut packed = PackedNames::default();
            (0..len).for_each(|at| packed.push(name(at, seed)));
            prop_assert_eq!(packed.len(), len as usize);
            prop_assert!(packed.all().iter().copied().eq((0..len).map(|at| name(at, seed))));
            let mut in_turn = NamesInTurn::new(None, Some(&packed));
            let mut around = NamesAround::default();
            for at in (0..len).chain((0..len).rev().step_by(9_973)) {
                prop_assert_eq!(in_turn.get(at), name(at, seed));
            }
            for at in (0..len).step_by(16_001) {
                prop_assert_eq!(around.look_up(at, &packed), Some(name(at, seed)));
            }
        }
    }

    #[test]
    fn names_that_repeat_take_little_memory() {
        let mut packed = PackedNames::default();
        (0..TOGETHER as u32 * 4).for_each(|at| packed.push([7, 9, 4, 40_000][at as usize % 4]));
        (0..TOGETHER as u32 * 4).for_each(|at| packed.push(at));
        let bytes: usize = packed.packed.iter().map(|stretch| stretch.len()).sum();
        assert!(bytes * 100 < packed.len() * 4, "{bytes}");
    }
}
