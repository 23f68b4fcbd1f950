//! Objects that grow in place: one array of numbers, one string, one Buffer that is larger in every snapshot.
//!
//! No new object shows such a leak. What is large in the last snapshot is looked for in the ones before: by its identity, and where it is
//! replaced by a larger one (strings, Buffers, `list = list.concat(x)`), by the reference that holds it. What was not there at first, or
//! kept its size in one step, is none: it may have been made once.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::HeapAnalysis;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::paths::Step;
use crate::story::Scene;
use crate::suspects::case::Case;
use crate::suspects::large;
use crate::suspects::{Growth, Matched};

use super::ids::is_same;

/// What is smaller in the last snapshot, in bytes, is no matter, nor what is a smaller part of the heap.
const LEAST_BYTES: u64 = 64 << 10;
const LEAST_SHARE: f64 = 0.01;
/// The part of the growth of the heap that one object's must be.
const LEAST_GAIN: f64 = 0.05;
/// The part of the largest step that every other must reach. A store that grows by half grows by ever more, and a heap may be warm by
/// the first snapshot.
const STEADY: f64 = 0.15;
/// How many references above an object are followed where its holders are replaced as well (`state = { ...state, text }`).
const FOLLOWED: usize = 4;
/// How many objects are looked at.
const MAX_OBJECTS: usize = 64;

/// Finds what is larger in every snapshot than in the one before, apart from what other cases are about. O(nodes) a snapshot.
pub(super) fn cases(last: &Scene<'_>, snapshots: &[&HeapAnalysis], others: &[Case]) -> Vec<Case> {
    let known: FxHashSet<NodeIx> = others.iter().flat_map(|case| case.holders.iter().copied()).collect();
    let total = last.analysis.total_size();
    let least = LEAST_BYTES.max((total as f64 * LEAST_SHARE) as u64);
    let mut large = large::candidates(last, least);
    large.retain(|node| !known.contains(node));
    large.truncate(MAX_OBJECTS);
    let before = snapshots.split_last().map_or(&[][..], |(_, before)| before);
    let sizes: Vec<Vec<Option<u64>>> = before.iter().map(|analysis| sizes_before(last, &large, analysis)).collect();
    let gain = total.saturating_sub(snapshots.first().map_or(0, |first| first.total_size()));
    let least_gain = least.max((gain as f64 * LEAST_GAIN) as u64);
    let bytes = |at: usize, node: NodeIx| {
        let mut bytes: Vec<u64> = sizes.iter().map(|sizes| sizes[at]).collect::<Option<_>>()?;
        bytes.push(large::own_size(last.analysis, node));
        is_growing(&bytes, least_gain).then_some(bytes)
    };
    let grown = large.iter().enumerate().filter_map(|(at, &node)| Some((node, bytes(at, node)?)));
    grown.map(|(node, bytes)| grown_case(last, node, bytes)).collect()
}

fn grown_case(last: &Scene<'_>, node: NodeIx, bytes: Vec<u64>) -> Case {
    let steps = bytes.len() - 1;
    let why = format!("grew by {} in {steps} step{}", large::steps(&bytes), if steps == 1 { "" } else { "s" });
    let growth = Growth { counts: vec![1; bytes.len()], bytes, matched: Matched::ById };
    let confidence = if steps > 1 { 0.85 } else { 0.55 };
    Case { growth: Some(growth), why: vec![why], confidence, ..large::case(last, node) }
}

/// Says whether sizes rise in every step by much the same, and enough in all.
fn is_growing(bytes: &[u64], least_gain: u64) -> bool {
    let steps: Vec<u64> = bytes.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let largest = steps.iter().max().copied().unwrap_or(0);
    steps.iter().sum::<u64>() >= least_gain && steps.iter().all(|&step| step > 0 && step as f64 >= largest as f64 * STEADY)
}

/// Returns how large objects of the last snapshot, or their predecessors, were in an earlier one; `None` for what was not there.
/// O(nodes).
fn sizes_before(last: &Scene<'_>, large: &[NodeIx], before: &HeapAnalysis) -> Vec<Option<u64>> {
    let (now, then) = (last.graph(), before.graph());
    let above: Vec<Vec<Step>> = large.iter().map(|&node| steps_above(last, node)).collect();
    let wanted: FxHashSet<u64> =
        above.iter().flatten().map(|step| step.from).chain(large.iter().copied()).map(|node| now.id(node).0).collect();
    let places: FxHashMap<u64, NodeIx> =
        then.nodes().filter(|&node| wanted.contains(&then.id(node).0)).map(|node| (then.id(node).0, node)).collect();
    let place = |node: NodeIx| places.get(&now.id(node).0).copied().filter(|&there| is_same(now, node, then, there));
    let find = |&node: &NodeIx, above: &[Step]| {
        place(node).or_else(|| {
            // The nearest holder that was there leads down to what stood in the object's place.
            let (at, there) = above.iter().enumerate().find_map(|(at, step)| Some((at, place(step.from)?)))?;
            above[..=at].iter().rev().try_fold(there, |there, step| followed(now, *step, then, there))
        })
    };
    large.iter().zip(&above).map(|(node, above)| Some(large::own_size(before, find(node, above)?))).collect()
}

/// Returns the references that lead to an object, the nearest first.
fn steps_above(scene: &Scene<'_>, node: NodeIx) -> Vec<Step> {
    let parent = |node| scene.paths.parent(scene.graph(), node);
    std::iter::successors(parent(node), |step| parent(step.from)).take(FOLLOWED).collect()
}

/// Follows a reference of the last snapshot in an earlier one.
fn followed(now: &HeapGraph, step: Step, then: &HeapGraph, from: NodeIx) -> Option<NodeIx> {
    let is_same = |name: EdgeName| match (now.edge_name(step.edge), name) {
        (EdgeName::Index(a), EdgeName::Index(b)) => a == b,
        (EdgeName::Text(a), EdgeName::Text(b)) => now.strings().raw(a) == then.strings().raw(b),
        _ => false,
    };
    then.edges(from).find(|&edge| edge.kind == step.edge.kind && is_same(then.edge_name(edge))).map(|edge| edge.to)
}

#[cfg(test)]
mod tests {
    use super::is_growing;

    #[test]
    fn only_what_rises_in_every_step_grows() {
        for (sizes, expected) in [
            (&[0, 1000, 2000][..], true),
            (&[100, 1000, 2000], true),
            // Made once; full; doubled once; let go of; hardly anything.
            (&[0, 2000, 2000], false),
            (&[1000, 1000, 2000], false),
            (&[1000, 2000, 2010], false),
            (&[1000, 3000, 2000], false),
            (&[1000, 1100, 1200], false),
            (&[1000, 2000], true),
        ] {
            assert_eq!(is_growing(sizes, 900), expected, "{sizes:?}");
        }
    }
}
