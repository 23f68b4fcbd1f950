//! More than the one best path: every distinct shape of path.

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};

use crate::analysis::HeapAnalysis;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::NodeKind;
use crate::paths::keys::Keys;
use crate::paths::{PathTree, Root, Step};
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
#[derive(Clone, Copy, Debug)]
pub struct PathShape {
    /// How many there are.
    pub count: u64,
    /// Where an example starts.
    pub root: NodeIx,
    /// How many steps the example has.
    pub length: usize,
    /// Where the example's best path ends.
    end: NodeIx,
    /// The step from there that is not of a best path.
    last: Option<Step>,
}

impl PathShape {
    /// Returns the steps of the example. O(length).
    #[must_use]
    pub fn steps(&self, graph: &HeapGraph, tree: &PathTree) -> Vec<Step> {
        let (_, mut steps) = tree.path(graph, self.end);
        steps.extend(self.last);
        steps
    }
}

/// Returns the distinct shapes of the best paths that end in each of a node's retainers and the edge from there: the most common
/// first. O(retainers, within the limits, + objects on their paths).
#[must_use]
pub fn all_paths(analysis: &HeapAnalysis, tree: &PathTree, node: NodeIx, limits: PathLimits) -> Vec<PathShape> {
    let graph = analysis.graph();
    let direct: FxHashSet<NodeIx> = analysis.retainers(node).map(|(from, _)| from).collect();
    // An array refers to its entries by index, and so does the table that is a part of it: that is one way.
    let is_part = |from: NodeIx| graph.kind(from) == NodeKind::ARRAY && tree.parent_node(from).is_some_and(|whole| direct.contains(&whole));
    let counts = |from, edge| from != node && analysis.is_essential(from, edge) && tree.is_reached(from) && !is_part(from);
    let ways = analysis.retainers(node).filter(|&(from, edge)| counts(from, edge));
    let mut trails = Trails::new(graph, tree, Some(node));
    let mut shapes = Shapes::default();
    for (from, edge) in ways.take(limits.nodes) {
        let last = Step { from, edge };
        let trail = trails.of(from);
        // A path that comes by the node itself is no other way to it.
        if !trail.meets {
            shapes.add(trails.after(trail, last), from, Some(last));
        }
    }
    shapes.sorted()
}

/// Returns the distinct shapes of the best paths to several nodes: the most common first. O(nodes + objects on their paths), within the
/// limits: a list of a million links is walked once and not once per link.
#[must_use]
pub fn shapes_of(graph: &HeapGraph, tree: &PathTree, nodes: &[NodeIx], limits: PathLimits) -> Vec<PathShape> {
    let mut trails = Trails::new(graph, tree, None);
    let mut shapes = Shapes::default();
    for &node in nodes.iter().filter(|&&node| tree.is_reached(node)).take(limits.nodes) {
        shapes.add(trails.of(node), node, None);
    }
    shapes.sorted()
}

/// Shapes by signature.
#[derive(Default)]
struct Shapes(FxHashMap<u64, PathShape>);

impl Shapes {
    fn add(&mut self, trail: Trail, end: NodeIx, last: Option<Step>) {
        let first = PathShape { count: 0, root: trail.root, length: trail.length as usize, end, last };
        self.0.entry(trail.hash).or_insert(first).count += 1;
    }

    fn sorted(self) -> Vec<PathShape> {
        let mut shapes: Vec<PathShape> = self.0.into_values().collect();
        shapes.sort_by_key(|shape| (std::cmp::Reverse(shape.count), shape.length, shape.root, shape.end));
        shapes
    }
}

/// What is to be known of the best path to one node.
#[derive(Clone, Copy)]
struct Trail {
    root: NodeIx,
    length: u32,
    /// Of names of nodes and edges, not their indices and keys; a run of equal steps (a linked list) counts once. Functions, and calls of
    /// async ones, go by where they were written: many have no name, or one name.
    hash: u64,
    /// Names of the last step's node and edge.
    before: (u32, u32),
    /// Whether it comes by the node that is looked for.
    meets: bool,
}

/// The best paths of one graph, each made of that of the node before, and remembered.
struct Trails<'a> {
    graph: &'a HeapGraph,
    tree: &'a PathTree,
    keys: Keys<'a>,
    met: Option<NodeIx>,
    known: FxHashMap<NodeIx, Trail>,
}

impl<'a> Trails<'a> {
    fn new(graph: &'a HeapGraph, tree: &'a PathTree, met: Option<NodeIx>) -> Self {
        Self { graph, tree, keys: Keys::of(graph), met, known: FxHashMap::default() }
    }

    /// Returns the trail of a node. O(nodes on its path that are not known yet).
    fn of(&mut self, node: NodeIx) -> Trail {
        let mut steps = Vec::new();
        let mut at = node;
        let mut trail = loop {
            if let Some(&known) = self.known.get(&at) {
                break known;
            }
            let Some(step) = self.tree.parent(self.graph, at).filter(|_| steps.len() <= self.graph.node_count()) else {
                break Trail { root: at, length: 0, hash: 0, before: (u32::MAX, u32::MAX), meets: self.met == Some(at) };
            };
            steps.push(step);
            at = step.from;
        };
        self.known.insert(at, trail);
        for step in steps.into_iter().rev() {
            trail = self.after(trail, step);
            self.known.insert(step.edge.to, trail);
        }
        trail
    }

    /// Returns the trail that is one step longer.
    fn after(&mut self, trail: Trail, step: Step) -> Trail {
        let name = match self.graph.edge_name(step.edge) {
            EdgeName::Text(ix) if !self.keys.is_data(step) => ix.0,
            _ => u32::MAX,
        };
        let this = (self.graph.name_ix(step.from).0, name);
        let hash = if this == trail.before {
            trail.hash
        } else {
            let mut hasher = FxHasher::default();
            let written = (written(self.graph, step.from), self.exported(step.from));
            (trail.hash, this, step.edge.kind.number(), written).hash(&mut hasher);
            hasher.finish()
        };
        let meets = trail.meets || self.met == Some(step.edge.to);
        Trail { root: trail.root, length: trail.length.saturating_add(1), hash, before: this, meets }
    }

    /// Returns the name of the exported variable that a path starts at.
    fn exported(&self, node: NodeIx) -> Option<&str> {
        match self.tree.roots.at(node) {
            Some(Root::ModuleScope { variable, .. }) => variable.as_deref(),
            _ => None,
        }
    }
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
