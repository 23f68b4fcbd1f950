//! What strings of one content retain together. `text += piece` makes joined strings that hold each other and begin alike: the sum of their
//! retained sizes counts each piece once for every string that holds it.

use super::StringGroup;
use crate::analysis::HeapAnalysis;
use crate::graph::NodeIx;

/// A step of a walk down the dominator tree, without recursion.
enum Step {
    Enter(NodeIx),
    Leave(usize),
}

/// Sets `together` of all groups. Only strings dominate what hangs on a string, so the walk goes from string to string. O(strings).
pub(super) fn measure(analysis: &HeapAnalysis, group_of: impl Fn(NodeIx) -> Option<usize>, groups: &mut [StringGroup]) {
    let graph = analysis.graph();
    let is_string = |node: NodeIx| graph.kind(node).is_string();
    // Strings that a string dominates, by that one.
    let mut below: Vec<(NodeIx, NodeIx)> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for node in graph.nodes().filter(|&node| is_string(node)) {
        let above = analysis.dominator(node);
        if above != node && is_string(above) {
            below.push((above, node));
        } else {
            steps.push(Step::Enter(node));
        }
    }
    below.sort_unstable();
    let mut open = vec![0_u32; groups.len()];
    while let Some(step) = steps.pop() {
        let node = match step {
            Step::Leave(group) => {
                open[group] -= 1;
                continue;
            }
            Step::Enter(node) => node,
        };
        if let Some(at) = group_of(node).filter(|&at| at < groups.len()) {
            if open[at] == 0 {
                groups[at].together += analysis.retained_size(node);
            }
            open[at] += 1;
            steps.push(Step::Leave(at));
        }
        let from = below.partition_point(|&(above, _)| above < node);
        steps.extend(below[from..].iter().take_while(|&&(above, _)| above == node).map(|&(_, node)| Step::Enter(node)));
    }
}
