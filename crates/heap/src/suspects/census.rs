//! One snapshot's holders: which objects directly hold very many others of one class, and how much.
//!
//! Reason: a leak piles up somewhere. Limit: without a second snapshot a pile may be a working set.

use rustc_hash::FxHashMap;

use super::case::{Case, is_payload};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::story::{Lineage, Scene};

/// An object that holds fewer others is no pile.
const LEAST_COUNT: u32 = 50;

/// What one holder has of one class.
struct Pile {
    example: NodeIx,
    count: u64,
    bytes: u64,
}

/// Finds the objects that hold at least `LEAST_COUNT` others, largest first. O(nodes).
pub(super) fn candidates(scene: &Scene<'_>, lineage: &Lineage) -> Vec<Case> {
    let graph = scene.graph();
    let mut counts = vec![0_u32; graph.node_count()];
    let holders =
        || scene.paths.order().filter(|&node| is_payload(scene, node)).filter_map(|node| Some((node, lineage.holder(scene, node)?)));
    for (_, holder) in holders() {
        counts[holder.at()] = counts[holder.at()].saturating_add(1);
    }
    let mut piles: FxHashMap<(NodeIx, NodeKind, u32), Pile> = FxHashMap::default();
    for (node, holder) in holders().filter(|(_, holder)| counts[holder.at()] >= LEAST_COUNT) {
        let kind = graph.kind(node);
        let name = if kind.is_string() || kind == NodeKind::CLOSURE { 0 } else { graph.name_ix(node).0 };
        let pile = piles.entry((holder, kind, name)).or_insert(Pile { example: node, count: 0, bytes: 0 });
        pile.count += 1;
        // A link of a list holds the links behind it: its own size counts only.
        pile.bytes += if lineage.is_link(node) { scene.analysis.self_size(node) } else { scene.analysis.retained_size(node) };
    }
    let mut cases: Vec<Case> = piles
        .into_iter()
        .filter(|(_, pile)| pile.count >= u64::from(LEAST_COUNT))
        .map(|((holder, ..), pile)| Case {
            holder,
            example: pile.example,
            count: pile.count,
            bytes: pile.bytes,
            growth: None,
            why: Vec::new(),
            confidence: 0.5,
        })
        .collect();
    cases.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.example.cmp(&b.example)));
    cases
}
