//! Where each node's edges begin: two bytes a node, added to a base that the nodes of a block share.
//!
//! Every walk over a graph looks here first, so it had better be small, and found without a search.

use crate::column::{Column, WideColumn, WideValues, Widening};

/// So many nodes share a base.
const BLOCK: usize = 64;

/// The position of each node's first edge, and one more for the end of the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstEdges {
    /// The first edge of each block's first node.
    bases: Column<u32>,
    /// How far behind that of its block each node's first edge lies.
    beyond: WideColumn<u16>,
}

impl FirstEdges {
    /// Joins what `bases` and `beyond` gave, or `None` where they are not of the lengths that so many positions need.
    pub(crate) fn of_parts(bases: Column<u32>, beyond: WideColumn<u16>, positions: usize) -> Option<Self> {
        (beyond.len() == positions && bases.len() == positions.div_ceil(BLOCK)).then_some(Self { bases, beyond })
    }

    /// Returns the bases.
    pub(crate) fn bases(&self) -> &Column<u32> {
        &self.bases
    }

    /// Returns what is added to them.
    pub(crate) fn beyond(&self) -> &WideColumn<u16> {
        &self.beyond
    }

    /// Returns the positions as plain slices.
    #[inline]
    pub(crate) fn values(&self) -> FirstEdgesView<'_> {
        FirstEdgesView { bases: &self.bases, beyond: self.beyond.values() }
    }
}

impl FromIterator<u32> for FirstEdges {
    fn from_iter<I: IntoIterator<Item = u32>>(positions: I) -> Self {
        let mut builder = FirstEdgesBuilder::default();
        positions.into_iter().for_each(|position| builder.push(position));
        builder.finish()
    }
}

/// Positions as they come, rising.
#[derive(Default)]
pub(crate) struct FirstEdgesBuilder {
    bases: Vec<u32>,
    beyond: Widening<u16>,
}

impl FirstEdgesBuilder {
    /// Starts with room for so many, if there is.
    pub(crate) fn with_room(positions: usize) -> Self {
        Self { bases: Vec::new(), beyond: Widening::with_room(positions) }
    }

    /// Adds the next position.
    #[inline]
    pub(crate) fn push(&mut self, position: u32) {
        if self.beyond.len().is_multiple_of(BLOCK) {
            self.bases.push(position);
        }
        let base = self.bases.last().copied().unwrap_or(0);
        self.beyond.push(u64::from(position.saturating_sub(base)));
    }

    /// Returns all positions.
    pub(crate) fn finish(self) -> FirstEdges {
        FirstEdges { bases: self.bases.into(), beyond: self.beyond.finish() }
    }
}

/// The positions of `FirstEdges`, as plain slices.
#[derive(Clone, Copy)]
pub(crate) struct FirstEdgesView<'a> {
    bases: &'a [u32],
    beyond: WideValues<'a, u16>,
}

impl FirstEdgesView<'_> {
    /// Returns how many positions there are: one more than nodes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.beyond.len()
    }

    /// Returns the position of a node's first edge. What a damaged file says may be any number.
    #[inline]
    pub(crate) fn get(self, node: usize) -> u32 {
        self.bases[node / BLOCK].wrapping_add(self.beyond.get(node) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_kept() {
        let check = |positions: &[u32]| {
            let kept: FirstEdges = positions.iter().copied().collect();
            let values = kept.values();
            assert_eq!((0..values.len()).map(|at| values.get(at)).collect::<Vec<_>>(), positions);
            let len = positions.len();
            let again = |len| FirstEdges::of_parts(kept.bases().clone(), kept.beyond().clone(), len);
            assert_eq!((again(len).is_some(), again(len + 1).is_some(), again(len + 64).is_some()), (true, false, false));
        };
        check(&[]);
        check(&[0]);
        check(&[0, 0, 3, 0xfffe, 0xffff, 0x1_0000, 0x1_0000, 5_000_000, u32::MAX]);
        check(&(0..1000).map(|at| at * at * 31).collect::<Vec<_>>());
        check(&(0..130).map(|at| if at < 70 { at } else { 90_000 + at }).collect::<Vec<_>>());
    }
}
