//! More than the one best path: every distinct shape of path.

use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

use crate::analysis::HeapAnalysis;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::NodeKind;
use crate::paths::keys::Keys;
use crate::paths::{PathTree, Step};
use crate::source::scripts::unbound;

/// Where a search for paths stops.
#[derive(Clone, Copy, Debug)]
pub struct PathLimits {
    /// The longest path.
    pub depth: usize,
    /// How many nodes are visited.
    pub nodes: usize,
    /// How many retainers of one node are followed.
    pub siblings: usize,
}

impl Default for PathLimits {
    /// Returns DevTools' defaults.
    fn default() -> Self {
        Self { depth: 30, nodes: 5000, siblings: 100 }
    }
}

/// Paths that differ in nothing but array indices, keys of dictionaries and the identities of objects.
#[derive(Clone, Debug)]
pub struct PathShape {
    /// How many there are.
    pub count: u64,
    /// Where an example starts.
    pub root: NodeIx,
    /// The steps of the example.
    pub steps: Vec<Step>,
}

/// Returns the distinct shapes of the best paths that end in each of a node's retainers and the edge from there: the most common
/// first. O(retainers x length of their paths), within the limits.
#[must_use]
pub fn all_paths(analysis: &HeapAnalysis, tree: &PathTree, node: NodeIx, limits: PathLimits) -> Vec<PathShape> {
    let graph = analysis.graph();
    let ways = analysis.retainers(node).filter(|&(from, edge)| from != node && analysis.is_essential(from, edge) && tree.is_reached(from));
    let paths = ways.take(limits.nodes).map(|(from, edge)| {
        let (root, mut steps) = tree.path(graph, from);
        steps.push(Step { from, edge });
        (root, steps)
    });
    // A path that comes by the node itself is no other way to it.
    grouped(graph, paths.filter(|(_, steps)| steps.iter().rev().skip(1).all(|step| step.from != node)))
}

/// Returns the distinct shapes of the best paths to several nodes: the most common first. O(nodes x length of their paths), within
/// the limits.
#[must_use]
pub fn shapes_of(graph: &HeapGraph, tree: &PathTree, nodes: &[NodeIx], limits: PathLimits) -> Vec<PathShape> {
    let reached = nodes.iter().filter(|&&node| tree.is_reached(node)).take(limits.nodes);
    grouped(graph, reached.map(|&node| tree.path(graph, node)))
}

fn grouped(graph: &HeapGraph, paths: impl Iterator<Item = (NodeIx, Vec<Step>)>) -> Vec<PathShape> {
    let mut shapes: FxHashMap<u64, PathShape> = FxHashMap::default();
    let mut keys = Keys::of(graph);
    for (root, steps) in paths {
        let shape = shapes.entry(signature(graph, &mut keys, &steps)).or_insert(PathShape { count: 0, root, steps });
        shape.count += 1;
    }
    let mut shapes: Vec<PathShape> = shapes.into_values().collect();
    shapes.sort_by(|a, b| b.count.cmp(&a.count).then(a.steps.len().cmp(&b.steps.len())).then(a.root.cmp(&b.root)));
    shapes
}

/// Hashes names of nodes and edges, not their indices and keys; a run of equal steps (a linked list) counts once. Functions, and calls of async
/// ones, go by where they were written: many have no name, or one name.
fn signature(graph: &HeapGraph, keys: &mut Keys<'_>, steps: &[Step]) -> u64 {
    let mut hasher = FxHasher::default();
    let mut before = (u32::MAX, u32::MAX);
    for step in steps {
        let name = match graph.edge_name(step.edge) {
            EdgeName::Text(ix) if !keys.is_data(*step) => ix.0,
            _ => u32::MAX,
        };
        let this = (graph.name_ix(step.from).0, name);
        if this != before {
            (this, step.edge.kind.number(), written(graph, step.from)).hash(&mut hasher);
        }
        before = this;
    }
    hasher.finish()
}

/// Returns where the function was written that a node is, or is a call of: script, line and column.
fn written(graph: &HeapGraph, node: NodeIx) -> Option<(u32, u32, u32)> {
    let is_call = || graph.strings().is(graph.name_ix(node), "Generator");
    let function = match graph.kind(node) {
        NodeKind::CLOSURE => unbound(graph, node),
        NodeKind::OBJECT if is_call() => node,
        _ => return None,
    };
    graph.location(function).map(|place| (place.script_id, place.line, place.column))
}

/// Says whether an edge's name is an index written as text, as those of hash tables are.
pub(crate) fn is_number(raw: &[u8]) -> bool {
    !raw.is_empty() && raw.iter().all(u8::is_ascii_digit)
}
