//! The way for small sources and tests to make a `HeapGraph`: node by node, edge by edge, in any order.
//!
//! The snapshot reader and the index fill columns directly; what they promise is what `finish` promises.

use rustc_hash::FxHashMap;

use crate::allocations::Allocations;
use crate::column::Column;
use crate::graph::{Columns, Detachedness, Extras, HeapGraph, MAX_NODES, NodeId, NodeIx, TARGET_BITS};
use crate::interner::Interner;
use crate::kinds::{EdgeKind, NodeKind};
use crate::problems::{ProblemKind, Problems};
use crate::source::Location;

/// A node to be added.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its kind.
    pub kind: NodeKind,
    /// Its name.
    pub name: &'a str,
    /// Its identity.
    pub id: NodeId,
    /// Its own size in bytes.
    pub self_size: u64,
    /// What the embedder says of it.
    pub detachedness: Detachedness,
}

impl<'a> Node<'a> {
    /// Describes a node about which the embedder says nothing.
    #[must_use]
    pub fn new(kind: NodeKind, name: &'a str, id: u64, self_size: u64) -> Self {
        Self { kind, name, id: NodeId(id), self_size, detachedness: Detachedness::Unknown }
    }
}

/// How an edge to be added is named.
#[derive(Clone, Copy, Debug)]
pub enum NewName<'a> {
    /// By index: element and hidden edges.
    Index(u32),
    /// By text: all other kinds.
    Text(&'a str),
}

/// Where an edge to be added leads.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// To a node that was added.
    Node(NodeIx),
    /// To the node of that identity, which may be added later.
    Id(NodeId),
}

/// Collects nodes and edges. The first node added is the root.
#[derive(Default)]
pub struct GraphBuilder {
    kinds: Vec<u8>,
    names: Vec<u32>,
    ids: Vec<u64>,
    sizes: Vec<u64>,
    edges: Vec<(u32, EdgeKind, u32, Target)>,
    strings: Interner,
    locations: Vec<Location>,
    extras: Extras,
}

impl GraphBuilder {
    /// Starts an empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self { extras: Extras { has_detachedness: true, ..Extras::default() }, ..Self::default() }
    }

    /// Adds a node and returns its position.
    ///
    /// # Panics
    /// When the graph already holds `MAX_NODES` nodes.
    pub fn node(&mut self, node: Node<'_>) -> NodeIx {
        assert!(self.kinds.len() < MAX_NODES as usize, "a graph holds at most {MAX_NODES} nodes");
        let name = self.strings.text(node.name).0;
        self.kinds.push(node.kind.number() | (node.detachedness as u8) << 6);
        self.names.push(name);
        self.ids.push(node.id.0);
        self.sizes.push(node.self_size);
        NodeIx(self.kinds.len() as u32 - 1)
    }

    /// Adds an edge. An edge whose name does not suit its kind gets the index 0, or the index as text.
    pub fn edge(&mut self, from: NodeIx, kind: EdgeKind, name: NewName<'_>, to: Target) {
        let name = match (kind.has_index(), name) {
            (true, NewName::Index(index)) => index,
            (true, NewName::Text(text)) => text.parse().unwrap_or(0),
            (false, NewName::Text(text)) => self.strings.text(text).0,
            (false, NewName::Index(index)) => self.strings.text(&index.to_string()).0,
        };
        self.edges.push((from.0, kind, name, to));
    }

    /// Adds where the function or class of a node was written.
    pub fn location(&mut self, location: Location) {
        self.locations.push(location);
    }

    /// Sets the native memory that belongs to no node, in bytes.
    pub fn extra_native_bytes(&mut self, bytes: u64) {
        self.extras.native_bytes = bytes;
    }

    /// Sets what V8 noted of allocations: one stack for each node, in their order.
    pub fn allocations(&mut self, allocations: Allocations) {
        self.extras.allocations = allocations;
    }

    /// Makes the graph. Edges from or to nodes that were never added are left out and reported. O(nodes + edges).
    #[must_use]
    pub fn finish(mut self) -> (HeapGraph, Problems) {
        let mut problems = Problems::default();
        if self.kinds.is_empty() {
            self.node(Node::new(NodeKind::SYNTHETIC, "", 0, 0));
        }
        let edges = self.resolve(&mut problems);
        let mut first_edges = vec![0_u32; self.kinds.len() + 1];
        for &(from, ..) in &edges {
            first_edges[from as usize + 1] += 1;
        }
        for at in 1..first_edges.len() {
            first_edges[at] += first_edges[at - 1];
        }
        let mut next = first_edges.clone();
        let mut words = vec![0; edges.len()];
        let mut names = vec![0; edges.len()];
        for (from, kind, name, to) in edges {
            let at = next[from as usize] as usize;
            next[from as usize] += 1;
            words[at] = u32::from(kind.number()) << TARGET_BITS | to;
            names[at] = name;
        }
        self.extras.locations = std::mem::take(&mut self.locations).into_iter().collect();
        let columns = Columns {
            kinds: self.kinds.into(),
            names: self.names.into(),
            ids: self.ids.into_iter().collect(),
            self_sizes: self.sizes.into_iter().collect(),
            first_edges: first_edges.into_iter().collect(),
            edges: words.into(),
        };
        (HeapGraph::from_columns(columns, NodeIx(0), self.strings.finish(), Ok(Column::from(names)), self.extras), problems)
    }

    /// Turns targets into positions and leaves out edges that lead nowhere.
    fn resolve(&mut self, problems: &mut Problems) -> Vec<(u32, EdgeKind, u32, u32)> {
        let nodes = self.kinds.len() as u32;
        let by_id: FxHashMap<u64, u32> = self.ids.iter().copied().zip(0..).collect();
        let target = |to| match to {
            Target::Node(node) => (node.0 < nodes).then_some(node.0),
            Target::Id(id) => by_id.get(&id.0).copied(),
        };
        let mut resolved = Vec::with_capacity(self.edges.len());
        for (from, kind, name, to) in std::mem::take(&mut self.edges) {
            match target(to) {
                Some(to) if from < nodes => resolved.push((from, kind, name, to)),
                _ => problems.add(ProblemKind::BadTarget, None, format!("edge from node {from} to {to:?}, which was never added")),
            }
        }
        resolved
    }
}
