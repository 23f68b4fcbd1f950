//! Which node an edge comes from: edges do not say, they stand by node.
//!
//! A search for the last node whose edges start early enough costs a cache miss a step. A hint for every few edges leaves a few nodes to
//! look at, which as a rule stand side by side.

use crate::first_edges::FirstEdgesView;

/// One hint for so many edges.
const EDGES: u32 = 16;

/// Where to look.
#[derive(Debug)]
pub(crate) struct EdgeSources {
    /// The node that the first of each `EDGES` edges comes from, and the node behind the last.
    hints: Vec<u32>,
}

impl EdgeSources {
    /// Goes over all nodes once. `first_edges` has one more place than there are nodes, and rises to the number of edges. O(nodes); a byte
    /// for four edges.
    pub(crate) fn of(first_edges: FirstEdgesView<'_>) -> Self {
        let edges = first_edges.get(first_edges.len() - 1);
        let nodes = first_edges.len() as u32 - 1;
        let mut node = 0;
        let of_first = |edge: u32| {
            // Nodes without edges end where they start.
            while node < nodes && first_edges.get(node as usize + 1) <= edge {
                node += 1;
            }
            node
        };
        Self { hints: (0..edges).step_by(EDGES as usize).map(of_first).chain([nodes]).collect() }
    }

    /// Returns the node that an edge comes from. O(log of the nodes from one hint to the next).
    #[inline]
    pub(crate) fn source(&self, first_edges: FirstEdgesView<'_>, edge: u32) -> u32 {
        let at = (edge / EDGES) as usize;
        let (mut from, mut to) = (self.hints[at], self.hints[at + 1]);
        while from < to {
            let middle = from + (to - from) / 2;
            if first_edges.get(middle as usize + 1) <= edge {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }
}

#[cfg(test)]
mod tests {
    use super::EdgeSources;
    use crate::first_edges::FirstEdges;

    fn check(counts: &[u32]) {
        let mut first_edges = vec![0];
        first_edges.extend(counts.iter().scan(0, |end, &count| {
            *end += count;
            Some(*end)
        }));
        let expected: Vec<u32> = (0_u32..).zip(counts).flat_map(|(node, &count)| (0..count).map(move |_| node)).collect();
        let first_edges: FirstEdges = first_edges.into_iter().collect();
        let sources = EdgeSources::of(first_edges.values());
        let found: Vec<u32> = (0..expected.len() as u32).map(|edge| sources.source(first_edges.values(), edge)).collect();
        assert_eq!(found, expected, "{counts:?}");
    }

    #[test]
    fn every_edge_leads_back_to_its_node() {
        check(&[]);
        check(&[0, 0]);
        check(&[1]);
        check(&[0, 3, 0, 0, 16, 1, 0, 40, 0, 2, 0]);
        check(&[15, 1, 0, 16, 17, 0, 0]);
        check(&(0..200).map(|node| node * 7 % 5).collect::<Vec<_>>());
    }
}
