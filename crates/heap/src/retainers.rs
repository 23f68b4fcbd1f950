//! Every edge by its target.

use crate::graph::HeapGraph;

/// For each node the edges that lead to it.
#[derive(Debug, Default)]
pub(crate) struct RetainerLists {
    /// Where each node's list ends in `edges`.
    ends: Vec<u32>,
    edges: Vec<u32>,
}

impl RetainerLists {
    /// Sorts all edges by target, keeping their order. O(edges); 4 bytes per edge and per node.
    pub(crate) fn of(graph: &HeapGraph) -> Self {
        let mut next = vec![0_u32; graph.node_count() + 1];
        for word in graph.columns().edges.iter() {
            next[(word & crate::graph::TARGET_MASK) as usize + 1] += 1;
        }
        for at in 1..next.len() {
            next[at] += next[at - 1];
        }
        let mut edges = vec![0_u32; graph.edge_count()];
        for (edge, word) in graph.columns().edges.iter().enumerate() {
            let slot = &mut next[(word & crate::graph::TARGET_MASK) as usize];
            edges[*slot as usize] = edge as u32;
            *slot += 1;
        }
        Self { ends: next, edges }
    }

    /// Returns the edges that lead to a node, rising.
    pub(crate) fn edges_to(&self, node: crate::graph::NodeIx) -> &[u32] {
        let start = if node.0 == 0 { 0 } else { self.ends[node.at() - 1] };
        &self.edges[start as usize..self.ends[node.at()] as usize]
    }
}
