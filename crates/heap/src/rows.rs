//! The way for large sources to make a `HeapGraph`: node after node, each with its edges at once, targets already known by position.
//!
//! Costs one column entry per node and per edge and no more. A source that does not know targets beforehand uses `GraphBuilder`.

use crate::column::Widening;
use crate::edge_names::PackedNames;
use crate::first_edges::FirstEdgesBuilder;
use crate::graph::{Columns, Detachedness, Extras, HeapGraph, MAX_NODES, NodeId, NodeIx, TARGET_BITS};
use crate::ids::AddressesBuilder;
use crate::interner::Interner;
use crate::kinds::{EdgeKind, NodeKind};
use crate::problems::{ProblemKind, Problems};
use crate::process::Noted;
use crate::source::{Location, LocationsBuilder};
use crate::strings::StrIx;

/// Collects rows. The first node is the root.
#[derive(Default)]
pub struct Rows {
    kinds: Vec<u8>,
    names: Vec<u32>,
    ids: AddressesBuilder,
    sizes: Widening<u16>,
    first_edges: FirstEdgesBuilder,
    edges: Vec<u32>,
    edge_names: PackedNames,
    strings: Interner,
    locations: LocationsBuilder,
    dropped: u64,
}

impl Rows {
    /// Starts an empty graph with room for so many nodes and edges: a guess, which may be far too high. Room that is not used is never memory,
    /// but columns that grow leave holes in the allocator's.
    #[must_use]
    pub fn with_room(nodes: usize, edges: usize) -> Self {
        let (ids, sizes) = (AddressesBuilder::with_room(nodes), Widening::with_room(nodes));
        let first_edges = FirstEdgesBuilder::with_room(nodes.saturating_add(1));
        let mut rows = Self { ids, sizes, first_edges, ..Self::default() };
        // Where there is no room, columns grow.
        let _ = rows.kinds.try_reserve_exact(nodes);
        let _ = rows.names.try_reserve_exact(nodes);
        let _ = rows.edges.try_reserve_exact(edges);
        rows
    }

    /// Keeps a text, and returns where: for names of nodes and edges.
    pub fn text(&mut self, text: &str) -> StrIx {
        self.strings.text(text)
    }

    /// Keeps the digits of a number.
    pub fn number(&mut self, number: u32) -> StrIx {
        self.strings.number(number)
    }

    /// Keeps a text of Latin-1 characters.
    pub fn latin1(&mut self, bytes: &[u8]) -> StrIx {
        self.strings.latin1(bytes)
    }

    /// Keeps a text of UTF-16 units, which may hold lone surrogates.
    pub fn units(&mut self, units: impl Iterator<Item = u16>) -> StrIx {
        self.strings.units(units)
    }

    /// Adds a node. Its edges follow, before the next node.
    ///
    /// # Panics
    /// When the graph already holds `MAX_NODES` nodes.
    pub fn node(&mut self, kind: NodeKind, name: StrIx, id: NodeId, self_size: u64) -> NodeIx {
        assert!(self.kinds.len() < MAX_NODES as usize, "a graph holds at most {MAX_NODES} nodes");
        self.kinds.push(kind.number() | (Detachedness::Unknown as u8) << 6);
        self.names.push(name.0);
        self.ids.push(id.0);
        self.sizes.push(self_size);
        self.first_edges.push(self.edges.len() as u32);
        NodeIx(self.kinds.len() as u32 - 1)
    }

    /// Gives an earlier node another name if it has the first of two, and another kind if there is one.
    pub fn describe(&mut self, node: NodeIx, (from, to): (StrIx, StrIx), kind: Option<NodeKind>) {
        if self.names[node.at()] == from.0 {
            self.names[node.at()] = to.0;
        }
        if let Some(kind) = kind {
            self.kinds[node.at()] = kind.number();
        }
    }

    /// Adds an edge with a text for a name from the last node. `to` may be added later.
    pub fn edge(&mut self, kind: EdgeKind, name: StrIx, to: NodeIx) {
        debug_assert!(!kind.has_index());
        self.push(kind, name.0, to);
    }

    /// Adds an edge with a number for a name: an element, or a hidden field.
    pub fn indexed(&mut self, kind: EdgeKind, index: u32, to: NodeIx) {
        debug_assert!(kind.has_index());
        self.push(kind, index, to);
    }

    fn push(&mut self, kind: EdgeKind, name: u32, to: NodeIx) {
        self.edges.push(u32::from(kind.number()) << TARGET_BITS | to.0);
        self.edge_names.push(name);
    }

    /// Adds where the function or class of a node was written. Nodes must rise.
    pub fn location(&mut self, location: Location) {
        self.locations.push(location);
    }

    /// Returns how many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Says whether there is no node yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Makes the graph. Edges to nodes that were never added lead to the root instead and are reported. O(edges).
    #[must_use]
    pub fn finish(mut self) -> (HeapGraph, Problems) {
        let mut problems = Problems::default();
        if self.is_empty() {
            let name = self.text("");
            self.node(NodeKind::SYNTHETIC, name, NodeId(0), 0);
        }
        // Where to look for Node's `process`, so that nobody has to go through all strings for its name.
        let process = Noted::Name(self.text("process"));
        let nodes = self.kinds.len() as u32;
        let mask = MAX_NODES - 1;
        for word in &mut self.edges {
            if *word & mask >= nodes {
                *word &= !mask;
                self.dropped += 1;
            }
        }
        if self.dropped > 0 {
            problems.add(ProblemKind::BadTarget, None, format!("{} edges lead to objects that were never added", self.dropped));
        }
        self.first_edges.push(self.edges.len() as u32);
        let columns = Columns {
            kinds: self.kinds.into(),
            names: self.names.into(),
            ids: self.ids.finish(),
            self_sizes: self.sizes.finish(),
            first_edges: self.first_edges.finish(),
            edges: self.edges.into(),
        };
        let extras = Extras { locations: self.locations.finish(), process, ..Extras::default() };
        (HeapGraph::from_columns(columns, NodeIx(0), self.strings.finish(), Err(Box::new(self.edge_names)), extras), problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_graph() {
        let mut rows = Rows::with_room(2, 1);
        let (root, object, name) = (rows.text(""), rows.text("a \"quoted\" name"), rows.text("child"));
        rows.node(NodeKind::SYNTHETIC, root, NodeId(1), 0);
        rows.edge(EdgeKind::PROPERTY, name, NodeIx(1));
        rows.indexed(EdgeKind::ELEMENT, 7, NodeIx(9));
        rows.node(NodeKind::OBJECT, object, NodeId(1 << 40), 24);
        assert_eq!(rows.text("child"), name);
        let (graph, problems) = rows.finish();
        assert_eq!((graph.node_count(), graph.edge_count(), problems.is_empty()), (2, 2, false));
        assert_eq!(graph.name(NodeIx(1)), "a \"quoted\" name");
        assert_eq!(graph.id(NodeIx(1)), NodeId(1 << 40));
        assert_eq!(graph.child(NodeIx(0), EdgeKind::PROPERTY, "child"), Some(NodeIx(1)));
    }
}
