//! The references that hold something, by the places of their ends in the dominator tree.
//!
//! What a cut can free is a stretch of places, and what one node holds is as a rule near it: walks over places stay in the cache where
//! walks over nodes do not.

use crate::analysis::HeapAnalysis;
use crate::graph::NodeIx;

/// For each place the places that its node holds.
pub(super) struct Holding {
    /// Where the list of each place begins in `to`; one more than there are places.
    first: Vec<u32>,
    to: Vec<u32>,
}

impl Holding {
    /// Keeps the edges that dominators count. O(edges); four bytes a node and an edge.
    pub(super) fn of(analysis: &HeapAnalysis) -> Self {
        let (graph, spans, rule) = (analysis.graph(), analysis.dominator_spans(), analysis.edge_rule());
        let (nodes, places): (&[u32], &[u32]) = (&spans.nodes, &spans.places);
        let mut holding = Self { first: Vec::with_capacity(nodes.len() + 1), to: Vec::with_capacity(graph.edge_count()) };
        for &node in nodes {
            holding.first.push(holding.to.len() as u32);
            let edges = graph.edges(NodeIx(node)).filter(|&edge| rule.accepts(node, edge));
            holding.to.extend(edges.map(|edge| places[edge.to.at()]));
        }
        holding.first.push(holding.to.len() as u32);
        holding
    }

    /// Returns how many places there are.
    pub(super) fn len(&self) -> usize {
        self.first.len() - 1
    }

    /// Returns the places that a place's node holds, once for each edge.
    #[inline]
    pub(super) fn by(&self, place: u32) -> &[u32] {
        let at = place as usize;
        &self.to[self.first[at] as usize..self.first[at + 1] as usize]
    }
}
