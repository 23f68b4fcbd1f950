//! How the content of holders changed over the snapshots, and which of that is growth. Siblings count together where none of them holds
//! nearly all: twenty lists that grow a little are one that grows much.

use rustc_hash::{FxHashMap, FxHashSet};

use super::volumes::{Cluster, Key};
use crate::graph::NodeIx;
use crate::story::{Lineage, Scene};
use crate::suspects::Matched;
use crate::suspects::case::is_payload;
use crate::suspects::siblings::{Siblings, are_told_together};

/// How many objects must come with every step.
const LEAST_STEP: u64 = 4;
/// The part of the largest step that every other step must reach to be called steady.
const STEADY: f64 = 0.35;

/// How the content of one holder, or of siblings, changed.
#[derive(Clone, Debug)]
pub(super) struct Trend {
    pub(super) counts: Vec<u64>,
    pub(super) bytes: Vec<u64>,
    /// What it is as of the last snapshot; of siblings the largest, with the number, size and survivors of all.
    pub(super) cluster: Cluster,
    /// All holders as of the last snapshot, the largest first.
    pub(super) holders: Vec<NodeIx>,
    key: Key,
}

impl Trend {
    pub(super) fn steps(&self) -> Vec<u64> {
        self.counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    /// Says whether the number rose in every step by much the same, and what came stayed.
    pub(super) fn is_growing(&self, matched: Matched) -> bool {
        let steps = self.steps();
        let largest = steps.iter().max().copied().unwrap_or(0);
        let steady = steps.iter().all(|&step| step >= LEAST_STEP && step as f64 >= largest as f64 * STEADY);
        if self.key.by_path && self.counts.contains(&0) {
            return false;
        }
        let before = self.counts.iter().rev().nth(1).copied().unwrap_or(0);
        let stayed = matched == Matched::ByPath
            || self.counts.len() < 3
            || self.cluster.survived.is_none_or(|survived| survived as f64 >= before as f64 * 0.6);
        steady && stayed
    }

    /// Says whether the number rises ever more slowly.
    pub(super) fn is_filling(&self) -> bool {
        let steps = self.steps();
        steps.len() >= 2 && steps.first() > Some(&16) && steps.windows(2).all(|pair| pair[1] as f64 <= pair[0] as f64 * 0.6)
    }

    /// Adds a sibling that holds no more than this one.
    fn add(&mut self, other: &Self) {
        let sum = |into: &mut Vec<u64>, from: &[u64]| into.iter_mut().zip(from).for_each(|(into, &from)| *into = into.saturating_add(from));
        sum(&mut self.counts, &other.counts);
        sum(&mut self.bytes, &other.bytes);
        self.cluster.count += other.cluster.count;
        self.cluster.bytes = self.cluster.bytes.saturating_add(other.cluster.bytes);
        self.cluster.survived = self.cluster.survived.zip(other.cluster.survived).map(|(own, other)| own + other);
        self.holders.extend(&other.holders);
    }
}

/// Returns how the content of holders changed that have at least `least` bytes of it in the last snapshot, the largest first.
pub(super) fn trends(
    scene: &Scene<'_>,
    lineage: &Lineage,
    clusters: &[FxHashMap<Key, Cluster>],
    least: u64,
    matched: Matched,
) -> Vec<Trend> {
    let Some(last) = clusters.last() else { return vec![] };
    let mut singles: Vec<Trend> = last
        .iter()
        .map(|(key, cluster)| Trend {
            counts: clusters.iter().map(|clusters| clusters.get(key).map_or(0, |cluster| cluster.count)).collect(),
            bytes: clusters.iter().map(|clusters| clusters.get(key).map_or(0, |cluster| cluster.bytes)).collect(),
            cluster: *cluster,
            holders: vec![cluster.holder],
            key: *key,
        })
        .collect();
    sort(&mut singles);
    // Compared by path siblings have one key already.
    let mut trends = if matched == Matched::ById { families(scene, lineage, singles) } else { singles };
    trends.retain(|trend| trend.cluster.bytes >= least);
    sort(&mut trends);
    trends
}

fn sort(trends: &mut [Trend]) {
    trends.sort_by(|a, b| b.cluster.bytes.cmp(&a.cluster.bytes).then(a.cluster.example.cmp(&b.cluster.example)));
}

/// Joins siblings whose content grows together.
fn families(scene: &Scene<'_>, lineage: &Lineage, singles: Vec<Trend>) -> Vec<Trend> {
    let mut siblings = Siblings::of(scene, lineage);
    let mut trends = Vec::new();
    for mut family in siblings.families(singles, |trend| (trend.cluster.holder, trend.key.class)) {
        sort(&mut family);
        let together = family.iter().skip(1).fold(family[0].clone(), |mut sum, trend| {
            sum.add(trend);
            sum
        });
        if are_told_together(family.iter().map(|trend| trend.cluster.count)) && together.is_growing(Matched::ById) {
            trends.push(together);
        } else {
            trends.extend(family);
        }
    }
    trends
}

/// Fills in all holders of trends that were compared by path. O(nodes).
pub(super) fn find_holders(scene: &Scene<'_>, lineage: &Lineage, trends: &mut [Trend]) {
    let mut siblings = Siblings::of(scene, lineage);
    let places: FxHashMap<Key, usize> = trends.iter().enumerate().map(|(at, trend)| (trend.key, at)).collect();
    let shapes: FxHashSet<u64> = trends.iter().map(|trend| trend.key.holder).collect();
    let mut known: FxHashSet<(usize, NodeIx)> = trends.iter().enumerate().map(|(at, trend)| (at, trend.cluster.holder)).collect();
    for node in scene.paths.order().filter(|&node| is_payload(scene, node)) {
        let Some(holder) = lineage.holder(scene, node) else { continue };
        let shape = siblings.shape(holder);
        if !shapes.contains(&shape) {
            continue;
        }
        let key = Key { holder: shape, by_path: true, class: super::volumes::class_key(scene, node) };
        if let Some(&at) = places.get(&key)
            && known.insert((at, holder))
        {
            trends[at].holders.push(holder);
        }
    }
}
