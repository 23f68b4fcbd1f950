//! Which native objects are part of a live tree: what the embedder says of some, spread to those that they hold.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{Detachedness, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};

/// Detachedness after spreading.
#[derive(Debug, Default)]
pub(crate) struct States {
    changed: FxHashMap<u32, Detachedness>,
    /// Nodes whose name gets the prefix "Detached ".
    pub(crate) renamed: Vec<u32>,
}

impl States {
    /// Spreads what is known: first *attached*, then *detached*, over all edges but hidden and weak ones, and only through native nodes.
    /// Without a column of detachedness, native nodes whose name says so are detached. O(nodes + edges of native nodes).
    pub(crate) fn of(graph: &HeapGraph) -> Self {
        let mut states = Self::default();
        if !graph.has_detachedness() {
            for node in graph.nodes().filter(|&node| graph.kind(node) == NodeKind::NATIVE) {
                if graph.strings().starts_with(graph.name_ix(node), "Detached ") {
                    states.changed.insert(node.0, Detachedness::Detached);
                }
            }
            return states;
        }
        let mut spread = Spread { graph, states, seen: FxHashSet::default(), attached: Vec::new(), detached: Vec::new() };
        for node in graph.nodes() {
            let state = graph.detachedness(node);
            if state != Detachedness::Unknown {
                spread.visit(node, state);
            }
        }
        spread.run();
        spread.states
    }

    /// Returns a node's state.
    pub(crate) fn get(&self, graph: &HeapGraph, node: NodeIx) -> Detachedness {
        self.changed.get(&node.0).copied().unwrap_or_else(|| graph.detachedness(node))
    }
}

struct Spread<'a> {
    graph: &'a HeapGraph,
    states: States,
    seen: FxHashSet<u32>,
    attached: Vec<NodeIx>,
    detached: Vec<NodeIx>,
}

impl Spread<'_> {
    fn visit(&mut self, node: NodeIx, state: Detachedness) {
        if !self.seen.insert(node.0) || self.graph.kind(node) != NodeKind::NATIVE {
            return;
        }
        self.states.changed.insert(node.0, state);
        match state {
            Detachedness::Attached => self.attached.push(node),
            Detachedness::Detached => {
                self.states.renamed.push(node.0);
                self.detached.push(node);
            }
            Detachedness::Unknown => {}
        }
    }

    fn run(&mut self) {
        while let Some(node) = self.attached.pop() {
            self.spread(node, Detachedness::Attached);
        }
        while let Some(node) = self.detached.pop() {
            self.spread(node, Detachedness::Detached);
        }
    }

    fn spread(&mut self, node: NodeIx, state: Detachedness) {
        let graph = self.graph;
        for edge in graph.edges(node).filter(|edge| edge.kind != EdgeKind::HIDDEN && edge.kind != EdgeKind::WEAK) {
            self.visit(edge.to, state);
        }
    }
}
