//! The histogram's numbers: how many nodes of each class, how large, and how much they retain together.

use crate::analysis::HeapAnalysis;
use crate::classes::ClassIx;
use crate::distance::Distance;
use crate::graph::NodeIx;

/// The sums of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// The class.
    pub class: ClassIx,
    /// How many nodes it has.
    pub count: u64,
    /// Their self sizes together, in bytes.
    pub self_size: u64,
    /// What would be freed with all of them, in bytes: nodes below another of the class are counted with that one.
    pub retained_size: u64,
    /// The distance of the nearest.
    pub distance: Distance,
}

/// Sums up every class that has a node which `accept` lets pass. As DevTools counts, nodes of no size are left out: they are backing
/// stores that count with their owner, and groups made for the snapshot. Sorted by retained size, largest first. O(nodes).
#[must_use]
pub fn aggregates(analysis: &HeapAnalysis, accept: impl Fn(NodeIx) -> bool) -> Vec<Aggregate> {
    let graph = analysis.graph();
    let classes = analysis.classes();
    let mut sums: Vec<Option<Aggregate>> = vec![None; classes.len()];
    let mut covered_until = vec![0_u32; classes.len()];
    let counted = |node: NodeIx| analysis.self_size(node) > 0 && accept(node);
    for node in graph.nodes().filter(|&node| counted(node)) {
        let class = classes.of(node);
        let distance = analysis.distance(node);
        let sum = sums[class.0 as usize].get_or_insert(Aggregate { class, count: 0, self_size: 0, retained_size: 0, distance });
        sum.count += 1;
        sum.self_size += analysis.self_size(node);
        // DevTools takes the least number, and "none" is -5.
        if distance.as_devtools() < sum.distance.as_devtools() {
            sum.distance = distance;
        }
    }
    let spans = analysis.dominator_spans();
    for (at, &node) in spans.nodes.iter().enumerate() {
        let node = NodeIx(node);
        let class = classes.of(node).0 as usize;
        // Nodes stand behind their dominator and before everything else that it does not dominate.
        if at as u32 >= covered_until[class] && counted(node) {
            covered_until[class] = at as u32 + spans.lengths[at];
            if let Some(sum) = &mut sums[class] {
                sum.retained_size += analysis.retained_size(node);
            }
        }
    }
    let mut result: Vec<Aggregate> = sums.into_iter().flatten().collect();
    result.sort_by(|a, b| b.retained_size.cmp(&a.retained_size).then(a.class.cmp(&b.class)));
    result
}
