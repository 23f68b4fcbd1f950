//! Where functions and classes were written, for all nodes of a graph.
//!
//! A heap has hundreds of thousands of located objects and a few thousand places, so each place is kept once.

use rustc_hash::FxHashMap;

use crate::graph::NodeIx;
use crate::source::Location;

/// The locations of a graph, by node. 8 bytes a location.
#[derive(Clone, Debug, Default)]
pub struct Locations {
    /// The nodes that have one, rising.
    nodes: Vec<u32>,
    /// The place of each of `nodes`.
    place_of: Vec<u32>,
    places: Vec<Spot>,
}

/// A place in a script, as V8 counts: lines and columns from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    pub(crate) script_id: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) script: Option<NodeIx>,
}

impl Locations {
    /// Joins what `columns` and `places` gave, or `None` where nodes do not rise or places are missing. O(locations).
    pub(crate) fn of_columns(nodes: Vec<u32>, place_of: Vec<u32>, places: Vec<Spot>) -> Option<Self> {
        let fits = nodes.len() == place_of.len() && place_of.iter().all(|&place| (place as usize) < places.len());
        (fits && nodes.is_sorted_by(|one, next| one < next)).then_some(Self { nodes, place_of, places })
    }

    /// Returns the nodes that have one, rising, and the place of each by its number.
    pub(crate) fn columns(&self) -> (&[u32], &[u32]) {
        (&self.nodes, &self.place_of)
    }

    /// Returns the places by their numbers.
    pub(crate) fn places(&self) -> &[Spot] {
        &self.places
    }

    /// Returns the number of locations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns a node's location. O(log locations).
    #[must_use]
    pub fn of(&self, node: NodeIx) -> Option<Location> {
        self.position(node).and_then(|at| self.get(at))
    }

    /// Returns the position of a node's location among all. O(log locations).
    #[must_use]
    pub fn position(&self, node: NodeIx) -> Option<usize> {
        self.nodes.binary_search(&node.0).ok()
    }

    /// Returns the location at a position.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Location> {
        let place = self.places[*self.place_of.get(at)? as usize];
        let Spot { script_id, line, column, script } = place;
        Some(Location { node: NodeIx(*self.nodes.get(at)?), script_id, line, column, script })
    }

    /// Returns all locations, by node.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Location> + '_ {
        self.nodes.iter().zip(&self.place_of).map(|(&node, &place)| {
            let Spot { script_id, line, column, script } = self.places[place as usize];
            Location { node: NodeIx(node), script_id, line, column, script }
        })
    }
}

impl PartialEq for Locations {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Sorts by node. Of several locations of one node the last counts, as DevTools has it.
impl FromIterator<Location> for Locations {
    fn from_iter<I: IntoIterator<Item = Location>>(all: I) -> Self {
        let mut gathered = LocationsBuilder::default();
        all.into_iter().for_each(|location| gathered.push(location));
        gathered.finish()
    }
}

/// Locations as they come. 8 bytes a location.
#[derive(Default)]
pub(crate) struct LocationsBuilder {
    known: FxHashMap<Spot, u32>,
    places: Vec<Spot>,
    /// Node and place of each.
    rows: Vec<(u32, u32)>,
}

impl LocationsBuilder {
    /// Adds a location.
    pub(crate) fn push(&mut self, Location { node, script_id, line, column, script }: Location) {
        let place = Spot { script_id, line, column, script };
        let ix = *self.known.entry(place).or_insert_with(|| {
            self.places.push(place);
            self.places.len() as u32 - 1
        });
        self.rows.push((node.0, ix));
    }

    /// Sorts what came. O(locations log locations).
    pub(crate) fn finish(self) -> Locations {
        let Self { places, mut rows, .. } = self;
        if !rows.is_sorted_by(|one, next| one.0 < next.0) {
            rows.sort_by_key(|&(node, _)| node);
            rows.reverse();
            rows.dedup_by_key(|&mut (node, _)| node);
            rows.reverse();
        }
        let (nodes, place_of) = rows.into_iter().unzip();
        Locations { nodes, place_of, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_location_of_a_node_counts() {
        let at = |node, line| Location { node: NodeIx(node), script_id: 7, line, column: 0, script: None };
        let locations: Locations = [at(9, 1), at(2, 5), at(9, 3), at(4, 5)].into_iter().collect();
        assert_eq!(locations.iter().map(|location| (location.node.0, location.line)).collect::<Vec<_>>(), [(2, 5), (4, 5), (9, 3)]);
        assert_eq!(locations.of(NodeIx(9)), Some(at(9, 3)));
        assert_eq!(locations.of(NodeIx(3)), None);
    }
}
