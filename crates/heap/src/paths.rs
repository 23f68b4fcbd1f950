//! The retaining path that explains best why a node is alive, for every node at once.
//!
//! *Better* is not merely *shorter*. Paths start where people think: at the variables of loaded modules (the application's before
//! packages' before Node.js's), the module cache, the global object, and only then V8's own roots; and they prefer named strong
//! references to V8's plumbing. Each edge has a small cost (`paths/cost.rs`), one pass of Dijkstra's algorithm with a bucket queue
//! (Dial 1969) from the roots finds every node's cheapest way. O(edges), 8 bytes a node. Paths avoid `module.children`,
//! `module.parent`, `process.mainModule`, `require.main`, prototypes, maps, the DevTools console and the debugger while another way
//! exists. Weak edges, shortcuts and the table's half of a WeakMap entry never count.

mod all;
mod cost;
pub(crate) mod keys;
mod names;
mod retaining;
mod roots;

use crate::analysis::HeapAnalysis;
use crate::fetch::{TOGETHER, fetch};
use crate::graph::{Edge, EdgeIx, HeapGraph, NodeIx, Walk};
use crate::source::Scripts;

pub(crate) use all::is_number;
pub use all::{PathLimits, PathShape, all_paths, shapes_of};
pub use names::KnownNames;
pub(crate) use names::Name;
pub use retaining::{RetainingNode, RetainingPaths, retaining_paths};
pub use roots::{Root, Roots};

/// No edge, no node.
const NONE: u32 = u32::MAX;

/// The best path to every node.
pub struct PathTree {
    /// The last edge of each node's path; `NONE` where the path starts, or where there is no path.
    parent_edges: Vec<u32>,
    /// The node before each node on its path; the node itself where the path starts, `NONE` where there is no path.
    parents: Vec<u32>,
    /// Nodes in the order in which their paths were found: a node stands behind all others on its path.
    order: Vec<u32>,
    /// Where paths may start.
    pub roots: Roots,
}

/// One step of a path: an edge from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node that holds.
    pub from: NodeIx,
    /// The edge by which it does.
    pub edge: Edge,
}

impl PathTree {
    /// Finds the best path to every node. O(edges).
    #[must_use]
    pub fn of(analysis: &HeapAnalysis, names: &KnownNames, scripts: &Scripts<'_>) -> Self {
        let graph = analysis.graph();
        let roots = Roots::of(graph, names, scripts);
        let nodes = graph.node_count();
        let mut search = Search {
            distances: vec![u32::MAX; nodes],
            parent_edges: vec![NONE; nodes],
            parents: vec![NONE; nodes],
            buckets: vec![Vec::new(); BUCKETS],
            waiting: 0,
        };
        for &(node, cost) in roots.seeds() {
            search.reach(node.0, u32::from(cost), node.0, NONE);
        }
        let order = search.run(graph, names);
        Self { parent_edges: search.parent_edges, parents: search.parents, order, roots }
    }

    /// Returns the node before `node` on its best path, with the edge between; `None` where the path starts.
    #[inline]
    #[must_use]
    pub fn parent(&self, graph: &HeapGraph, node: NodeIx) -> Option<Step> {
        let edge = *self.parent_edges.get(node.at())?;
        (edge != NONE).then(|| Step { from: NodeIx(self.parents[node.at()]), edge: graph.edge(EdgeIx(edge)) })
    }

    /// Returns the node before `node` on its best path.
    #[inline]
    #[must_use]
    pub fn parent_node(&self, node: NodeIx) -> Option<NodeIx> {
        let parent = *self.parents.get(node.at())?;
        (parent != NONE && parent != node.0).then_some(NodeIx(parent))
    }

    /// Says whether any path leads to the node.
    #[must_use]
    pub fn is_reached(&self, node: NodeIx) -> bool {
        self.parents.get(node.at()).is_some_and(|&parent| parent != NONE)
    }

    /// Returns all nodes that have a path, each behind those on its path.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = NodeIx> + ExactSizeIterator + '_ {
        self.order.iter().map(|&node| NodeIx(node))
    }

    /// Returns the node at which the best path starts, and the steps from there to `node`. O(length of the path).
    #[must_use]
    pub fn path(&self, graph: &HeapGraph, node: NodeIx) -> (NodeIx, Vec<Step>) {
        let mut steps = Vec::new();
        let mut at = node;
        // Costs are above zero, so that a path has no cycle; the bound is for the reader's peace.
        while let Some(step) = self.parent(graph, at).filter(|_| steps.len() <= graph.node_count()) {
            steps.push(step);
            at = step.from;
        }
        steps.reverse();
        (at, steps)
    }
}

/// One more than the greatest cost of an edge.
const BUCKETS: usize = 256;

struct Search {
    distances: Vec<u32>,
    parent_edges: Vec<u32>,
    parents: Vec<u32>,
    /// Nodes that wait at distance `d` stand in bucket `d % BUCKETS`.
    buckets: Vec<Vec<u32>>,
    waiting: usize,
}

impl Search {
    #[inline]
    fn reach(&mut self, node: u32, distance: u32, parent: u32, edge: u32) {
        let known = &mut self.distances[node as usize];
        if distance < *known {
            *known = distance;
            self.parents[node as usize] = parent;
            self.parent_edges[node as usize] = edge;
            self.buckets[distance as usize % BUCKETS].push(node);
            self.waiting += 1;
        }
    }

    fn run(&mut self, graph: &HeapGraph, names: &KnownNames) -> Vec<u32> {
        let (coster, walk) = (cost::Coster::new(graph, names), graph.walk());
        let mut order = Vec::with_capacity(graph.node_count());
        let mut distance = 0_u32;
        while self.waiting > 0 {
            // Edges cost at least 1: a bucket does not grow while it is worked off.
            let bucket = std::mem::take(&mut self.buckets[distance as usize % BUCKETS]);
            self.waiting -= bucket.len();
            for some in bucket.chunks(TOGETHER) {
                // A node enters a bucket anew only with a smaller distance: it stands in the bucket of its final one once.
                let first = order.len();
                order.extend(some.iter().copied().filter(|&node| self.distances[node as usize] == distance));
                // Nodes of one bucket lie anywhere: what each needs is fetched for several at once before any is worked on.
                fetch(order[first..].iter().map(|&node| coster.glance(walk, node)));
                for &node in &order[first..] {
                    self.expand(walk, &coster, NodeIx(node), distance);
                }
            }
            distance += 1;
        }
        order
    }

    #[inline]
    fn expand(&mut self, walk: Walk<'_>, coster: &cost::Coster<'_>, node: NodeIx, distance: u32) {
        let source = coster.source(node);
        for edge in walk.edges(node.0) {
            if let Some(cost) = coster.cost(&source, edge) {
                self.reach(edge.to.0, distance.saturating_add(cost), node.0, edge.ix.0);
            }
        }
    }
}
