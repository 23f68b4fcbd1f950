//! What groups of nodes have together, each byte counted once.

use crate::analysis::HeapAnalysis;
use crate::distance::Distance;
use crate::graph::NodeIx;

/// What one group has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    /// The node that retains most.
    pub(super) largest: NodeIx,
    /// How many nodes with a size.
    pub(super) count: u64,
    /// Their self sizes.
    pub(super) size: u64,
    /// What they retain together.
    pub(super) retained: u64,
    /// The least distance.
    pub(super) distance: Distance,
    /// Up to where in the dominator tree's preorder sizes are counted already.
    covered: u32,
}

/// Sums up the nodes of groups. `group_of` says which a node belongs to, if any. As DevTools counts, nodes without a size belong to their owner. O(nodes).
pub(super) fn sums(analysis: &HeapAnalysis, groups: usize, group_of: impl Fn(NodeIx) -> Option<u32>) -> Vec<Sum> {
    let root = analysis.graph().root();
    let mut sums = vec![Sum { largest: root, count: 0, size: 0, retained: 0, distance: Distance::None, covered: 0 }; groups];
    let spans = analysis.dominator_spans();
    for (at, &node) in (0..).zip(spans.nodes.iter()) {
        let node = NodeIx(node);
        if analysis.self_size(node) == 0 {
            continue;
        }
        let Some(sum) = group_of(node).and_then(|group| sums.get_mut(group as usize)) else { continue };
        if sum.count == 0 || analysis.retained_size(node) > analysis.retained_size(sum.largest) {
            sum.largest = node;
        }
        sum.count += 1;
        sum.size += analysis.self_size(node);
        sum.distance = sum.distance.min(analysis.distance(node));
        if at >= sum.covered {
            sum.covered = at + spans.lengths[at as usize];
            sum.retained += analysis.retained_size(node);
        }
    }
    sums
}
