//! DevTools' tree of retaining paths: every way from a node up to the roots, within limits.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::HeapAnalysis;
use crate::graph::{Edge, NodeIx};
use crate::kinds::EdgeKind;
use crate::paths::PathLimits;

/// At this distance from the root a path ends: what user code can name.
const ROOT_DISTANCE: i64 = 2;

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct RetainingNode {
    /// The node.
    pub node: NodeIx,
    /// The edge to the node that stands above it in the tree, which it retains; `None` for the topmost.
    pub edge: Option<Edge>,
    /// How far from the top.
    pub depth: usize,
    /// How many retainers a limit left out.
    pub left_out: usize,
}

/// The tree, and what it lacks.
#[derive(Clone, Debug, Default)]
pub struct RetainingPaths {
    /// The node that was asked about, then what retains it, depth first.
    pub nodes: Vec<RetainingNode>,
    /// Which limits left something out: depth, nodes, siblings.
    pub reached: [bool; 3],
}

/// A node whose retainers are being followed.
struct Open {
    node: NodeIx,
    depth: usize,
    retainers: std::vec::IntoIter<(NodeIx, Edge, i64)>,
    /// Where in the result what retains it starts.
    start: usize,
}

/// Returns DevTools' `getRetainingPaths`: from the node upwards, over retainers that are not weak, the nearest to the root first. A path
/// ends at distance 2; what leads to none is left out; a node is followed again only from less deep. O(limits.nodes x retainers).
#[must_use]
pub fn retaining_paths(analysis: &HeapAnalysis, node: NodeIx, limits: PathLimits) -> RetainingPaths {
    let mut search = Search {
        analysis,
        limits,
        visited_count: 0,
        visiting: FxHashSet::default(),
        visited: FxHashMap::default(),
        found: RetainingPaths::default(),
    };
    search.found.nodes.push(RetainingNode { node, edge: None, depth: 0, left_out: 0 });
    search.run(node);
    search.found
}

struct Search<'a> {
    analysis: &'a HeapAnalysis,
    limits: PathLimits,
    visited_count: usize,
    visiting: FxHashSet<NodeIx>,
    /// Nodes that were followed, and how deep they stood.
    visited: FxHashMap<NodeIx, usize>,
    found: RetainingPaths,
}

impl Search<'_> {
    fn run(&mut self, node: NodeIx) {
        let mut stack: Vec<Open> = self.open(node, 0).into_iter().collect();
        while let Some(top) = stack.last_mut() {
            let Some((from, edge, distance)) = top.retainers.next() else {
                let Open { node, depth, start, .. } = *top;
                stack.pop();
                self.visiting.remove(&node);
                self.visited.insert(node, depth);
                // A way that leads nowhere is taken back, with the node that it started from.
                if self.found.nodes.len() == start && depth > 0 {
                    self.found.nodes.pop();
                }
                continue;
            };
            let depth = top.depth + 1;
            if distance == ROOT_DISTANCE {
                self.visited_count += 1;
                if self.visited_count > self.limits.nodes {
                    self.found.reached[1] = true;
                    top.retainers = Vec::new().into_iter();
                    continue;
                }
                self.found.nodes.push(RetainingNode { node: from, edge: Some(edge), depth, left_out: 0 });
                continue;
            }
            self.found.nodes.push(RetainingNode { node: from, edge: Some(edge), depth, left_out: 0 });
            match self.open(from, depth) {
                Some(open) => stack.push(open),
                None => drop(self.found.nodes.pop()),
            }
        }
    }

    /// Starts to follow the retainers of the node that was listed last; `None` where none is to be followed.
    fn open(&mut self, node: NodeIx, depth: usize) -> Option<Open> {
        self.visited_count += 1;
        if self.visited_count > self.limits.nodes {
            self.found.reached[1] = true;
            return None;
        }
        if depth >= self.limits.depth {
            self.found.reached[0] = true;
            return None;
        }
        let is_near = self.analysis.distance(node).as_devtools() <= ROOT_DISTANCE;
        if is_near || self.visiting.contains(&node) || self.visited.get(&node).is_some_and(|&known| depth >= known) {
            return None;
        }
        self.visiting.insert(node);
        let retainers = self.retainers(node, self.limits.depth - depth);
        Some(Open { node, depth, retainers: retainers.into_iter(), start: self.found.nodes.len() })
    }

    /// Returns the retainers from which the root can be reached within `depth` hops.
    fn retainers(&mut self, node: NodeIx, depth: usize) -> Vec<(NodeIx, Edge, i64)> {
        let mut retainers = Vec::new();
        for (from, edge) in self.analysis.retainers(node).filter(|(_, edge)| edge.kind != EdgeKind::WEAK) {
            let distance = self.analysis.distance(from).as_devtools();
            if distance < 0 {
                continue;
            }
            if distance - ROOT_DISTANCE < depth as i64 {
                retainers.push((from, edge, distance));
            } else {
                self.found.reached[0] = true;
            }
        }
        // DevTools' lists of retainers are in the reverse order of the file; equally near ones stay so.
        retainers.reverse();
        retainers.sort_by_key(|&(_, _, distance)| distance);
        let left_out = retainers.len().saturating_sub(self.limits.siblings);
        if left_out > 0 {
            self.found.reached[2] = true;
            retainers.truncate(self.limits.siblings);
            if let Some(last) = self.found.nodes.last_mut() {
                last.left_out = left_out;
            }
        }
        retainers
    }
}
