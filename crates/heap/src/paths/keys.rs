//! Which names on a path are data and not the program's own words: indices, and the keys of objects that are used as dictionaries.
//!
//! Two paths that differ in such names only are one way of being held.

use rustc_hash::FxHashMap;

use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::{Step, is_number};

/// An object with fewer properties than this is a record.
const LEAST: usize = 8;
/// How many properties are looked at.
const SAMPLE: usize = 256;

/// Tells data from words in one graph; remembers the objects that it has looked at.
pub(crate) struct Keys<'a> {
    graph: &'a HeapGraph,
    known: FxHashMap<NodeIx, bool>,
}

impl<'a> Keys<'a> {
    pub(crate) fn of(graph: &'a HeapGraph) -> Self {
        Self { graph, known: FxHashMap::default() }
    }

    /// Says whether the name of a step is data.
    pub(crate) fn is_data(&mut self, step: Step) -> bool {
        match self.graph.edge_name(step.edge) {
            EdgeName::Index(_) => true,
            EdgeName::Text(name) if is_number(self.graph.strings().raw(name)) => true,
            EdgeName::Text(_) => step.edge.kind == EdgeKind::PROPERTY && self.is_dictionary(step.from),
        }
    }

    /// Says whether an object's property names are data: it is of no class of its own and has many properties, most of one class.
    pub(crate) fn is_dictionary(&mut self, node: NodeIx) -> bool {
        let graph = self.graph;
        *self.known.entry(node).or_insert_with(|| is_dictionary(graph, node))
    }
}

fn is_dictionary(graph: &HeapGraph, node: NodeIx) -> bool {
    if graph.kind(node) != NodeKind::OBJECT || !graph.strings().is(graph.name_ix(node), "Object") {
        return false;
    }
    let mut classes: FxHashMap<(NodeKind, u32), usize> = FxHashMap::default();
    let is_proto = |name| matches!(name, EdgeName::Text(name) if graph.strings().is(name, "__proto__"));
    let properties = graph.edges(node).filter(|&edge| edge.kind == EdgeKind::PROPERTY && !is_proto(graph.edge_name(edge)));
    for edge in properties.take(SAMPLE) {
        let kind = graph.kind(edge.to);
        let class = if kind.is_string() { (NodeKind::STRING, 0) } else { (kind, graph.name_ix(edge.to).0) };
        *classes.entry(class).or_default() += 1;
    }
    let (total, most) = (classes.values().sum::<usize>(), classes.values().max().copied().unwrap_or(0));
    total >= LEAST && most * 5 >= total * 4
}
