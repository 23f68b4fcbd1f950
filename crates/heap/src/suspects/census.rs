//! One snapshot's holders: which objects directly hold very many others of one class, and how much; siblings are one holder.
//!
//! Reason: a leak piles up somewhere. Limit: without a second snapshot a pile may be a working set.

use rustc_hash::FxHashMap;

use super::case::{Case, is_payload};
use super::siblings::{Siblings, are_told_together};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::story::{Lineage, Scene};

/// Fewer objects than this are no pile.
pub(super) const LEAST_COUNT: u64 = 50;
/// A holder that has fewer than this is not looked at, not even with its siblings.
pub(super) const LEAST_EACH: u32 = 16;

/// What one holder has of one class.
struct Pile {
    holder: NodeIx,
    class: u64,
    example: NodeIx,
    count: u64,
    bytes: u64,
}

/// Says which objects of a holder are counted together: those of one kind and name. Strings and functions go by their kind alone.
pub(super) fn class_key(scene: &Scene<'_>, node: NodeIx) -> u64 {
    let kind = scene.graph().kind(node);
    let name = if kind.is_string() || kind == NodeKind::CLOSURE { 0 } else { scene.graph().name_ix(node).0 };
    u64::from(name) << 8 | u64::from(kind.number())
}

/// Finds the objects that hold at least `LEAST_COUNT` others, alone or with their siblings, largest first. O(nodes).
pub(super) fn candidates(scene: &Scene<'_>, lineage: &Lineage) -> Vec<Case> {
    let mut siblings = Siblings::of(scene, lineage);
    let mut cases: Vec<Case> = Vec::new();
    for mut piles in siblings.families(piles(scene, lineage), |pile| (pile.holder, pile.class)) {
        piles.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.example.cmp(&b.example)));
        if are_told_together(piles.iter().map(|pile| pile.count)) {
            cases.extend(together(&piles));
        } else {
            cases.extend(piles.iter().map(|pile| Case::new(pile.holder, pile.example, pile.count, pile.bytes)));
        }
    }
    cases.retain(|case| case.count >= LEAST_COUNT);
    cases.sort_by(|a, b| b.held.cmp(&a.held).then(a.example.cmp(&b.example)));
    cases
}

/// Makes one case of siblings, the largest first.
fn together(piles: &[Pile]) -> Option<Case> {
    let largest = piles.first()?;
    let sum = |of: fn(&Pile) -> u64| piles.iter().map(of).fold(0, u64::saturating_add);
    let holders = piles.iter().map(|pile| pile.holder).collect();
    Some(Case { holders, ..Case::new(largest.holder, largest.example, sum(|pile| pile.count), sum(|pile| pile.bytes)) })
}

/// Collects what holders have of each class, where they have at least `LEAST_EACH` objects in all.
fn piles(scene: &Scene<'_>, lineage: &Lineage) -> Vec<Pile> {
    let mut counts = vec![0_u32; scene.graph().node_count()];
    let holders =
        || scene.paths.order().filter(|&node| is_payload(scene, node)).filter_map(|node| Some((node, lineage.holder(scene, node)?)));
    for (_, holder) in holders() {
        counts[holder.at()] = counts[holder.at()].saturating_add(1);
    }
    let mut piles: FxHashMap<(NodeIx, u64), Pile> = FxHashMap::default();
    for (node, holder) in holders().filter(|(_, holder)| counts[holder.at()] >= LEAST_EACH) {
        let class = class_key(scene, node);
        let pile = piles.entry((holder, class)).or_insert(Pile { holder, class, example: node, count: 0, bytes: 0 });
        pile.count += 1;
        // A link of a list holds the links behind it: its own size counts only. Not so in a list in both directions, which its holder keeps.
        let is_behind = lineage.is_link(node) && lineage.parent(scene, node) == Some(scene.analysis.dominator(node));
        let size = if is_behind { scene.analysis.self_size(node) } else { scene.analysis.retained_size(node) };
        pile.bytes = pile.bytes.saturating_add(size);
    }
    piles.into_values().filter(|pile| pile.count >= u64::from(LEAST_EACH)).collect()
}
