//! The dominator tree laid out flat: every node right behind its dominator's earlier children, so that a subtree is a range.

use crate::column::Column;
use crate::graph::NodeIx;

/// A preorder of the dominator tree.
#[derive(Debug, Default)]
pub(crate) struct DominatorSpans {
    /// Nodes in preorder.
    pub(crate) nodes: Column<u32>,
    /// For each place how many nodes its subtree has, itself included.
    pub(crate) lengths: Column<u32>,
    /// The place of each node.
    pub(crate) places: Column<u32>,
}

impl DominatorSpans {
    /// Lays out a tree that is given by every node's parent; the root's is itself. O(nodes), without recursion.
    pub(crate) fn of(root: u32, parents: &[u32]) -> Self {
        let count = parents.len();
        let order = breadth_first(root, parents);
        let mut sizes = vec![1_u32; count];
        for &node in order.iter().skip(1).rev() {
            sizes[parents[node as usize] as usize] += sizes[node as usize];
        }
        // Where the next child of each node goes.
        let mut next = vec![0_u32; count];
        let mut places = vec![0_u32; count];
        for &node in &order {
            let place = if node == root {
                0
            } else {
                let slot = &mut next[parents[node as usize] as usize];
                let place = *slot;
                *slot += sizes[node as usize];
                place
            };
            places[node as usize] = place;
            next[node as usize] = place + 1;
        }
        let mut nodes = next;
        let mut lengths = order;
        for node in 0..count as u32 {
            let place = places[node as usize] as usize;
            nodes[place] = node;
            lengths[place] = sizes[node as usize];
        }
        Self { nodes: nodes.into(), lengths: lengths.into(), places: places.into() }
    }

    /// Returns a node's children.
    pub(crate) fn children(&self, node: NodeIx) -> Vec<NodeIx> {
        let place = self.places[node.at()] as usize;
        let end = place + self.lengths[place] as usize;
        let mut children = Vec::new();
        let mut at = place + 1;
        while at < end {
            children.push(NodeIx(self.nodes[at]));
            at += self.lengths[at] as usize;
        }
        children
    }
}

/// Returns all nodes, parents before children, siblings in node order.
pub(crate) fn breadth_first(root: u32, parents: &[u32]) -> Vec<u32> {
    let mut starts = vec![0_u32; parents.len() + 1];
    let is_child = |node: usize| node as u32 != root;
    for (_, &parent) in parents.iter().enumerate().filter(|&(node, _)| is_child(node)) {
        starts[parent as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut children = vec![0_u32; parents.len().saturating_sub(1)];
    for (node, &parent) in parents.iter().enumerate().filter(|&(node, _)| is_child(node)) {
        let slot = &mut starts[parent as usize];
        children[*slot as usize] = node as u32;
        *slot += 1;
    }
    let mut order = Vec::with_capacity(parents.len());
    order.push(root);
    let mut at = 0;
    while let Some(&node) = order.get(at) {
        let start = if node == 0 { 0 } else { starts[node as usize - 1] };
        order.extend_from_slice(&children[start as usize..starts[node as usize] as usize]);
        at += 1;
    }
    order
}
