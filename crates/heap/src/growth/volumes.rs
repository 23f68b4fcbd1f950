//! What a snapshot has besides the common ground of all snapshots, gathered by the object that holds it.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::ids::IdSet;
use super::trends::Trend;
use crate::bitset::Bitset;
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::story::{Lineage, Scene};
use crate::suspects::Matched;
use crate::suspects::case::is_payload;
use crate::suspects::siblings::Siblings;

/// A holder and a class of things that it holds, equal in all snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The holder's identity, or the shape of its path.
    pub(super) holder: u64,
    /// Whether it is the shape: what is not there in a snapshot may only have another path in it.
    pub(super) by_path: bool,
    /// Kind and name of what it holds.
    pub(super) class: u64,
}

/// What one holder has of one class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) holder: NodeIx,
    pub(super) example: NodeIx,
    /// How many such objects it holds directly.
    pub(super) count: u64,
    /// Their size with all that is new below them.
    pub(super) bytes: u64,
    /// How many of them were there one snapshot before; `None` where nobody can tell.
    pub(super) survived: Option<u64>,
}

/// What a holder has of one class that all snapshots share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Old {
    /// How many such objects it holds directly.
    pub(super) count: u64,
    /// Their size with all of the common ground below them: what is new below them is another holder's growth.
    pub(super) bytes: u64,
}

/// Measures for each trend what its holders have of the same class in the common ground, as it is in the last snapshot. O(nodes).
pub(super) fn old_content(scene: &Scene<'_>, lineage: &Lineage, ids: &[IdSet], trends: &[Trend]) -> Vec<Old> {
    let graph = scene.graph();
    let mut old = vec![Old::default(); trends.len()];
    let keys = |trend: &Trend, at: u32| {
        let class = class_key(scene, trend.cluster.example);
        trend.holders.iter().map(|&holder| ((holder, class), at)).collect::<Vec<_>>()
    };
    let places: FxHashMap<(NodeIx, u64), u32> = trends.iter().zip(0..).flat_map(|(trend, at)| keys(trend, at)).collect();
    let holders: FxHashSet<NodeIx> = trends.iter().flat_map(|trend| trend.holders.iter().copied()).collect();
    let mut of_node = vec![NONE; graph.node_count()];
    for node in scene.paths.order() {
        let inherited = scene.paths.parent_node(node).map_or(NONE, |parent| of_node[parent.at()]);
        let holder = lineage.holder(scene, node).filter(|holder| holders.contains(holder) && is_payload(scene, node));
        let own = holder.and_then(|holder| places.get(&(holder, class_key(scene, node)))).copied();
        let own = own.filter(|_| ids.iter().all(|ids| ids.has(graph, node)));
        of_node[node.at()] = own.unwrap_or(inherited);
        if own.is_none() && inherited == NONE || !ids.iter().all(|ids| ids.has(graph, node)) {
            continue;
        }
        for at in own.into_iter().chain(Some(inherited).filter(|&inherited| own != Some(inherited))) {
            if let Some(old) = old.get_mut(at as usize) {
                old.count += u64::from(own == Some(at));
                old.bytes = old.bytes.saturating_add(scene.analysis.self_size(node));
            }
        }
    }
    old
}

/// No cluster.
const NONE: u32 = u32::MAX;

/// Gathers all nodes that not every snapshot has. O(nodes). Compared by path, every node counts, so that holders of the same shape
/// compare.
pub(super) fn volumes(
    scene: &Scene<'_>,
    lineage: &Lineage,
    ids: &[IdSet],
    before: Option<&IdSet>,
    matched: Matched,
) -> FxHashMap<Key, Cluster> {
    let graph = scene.graph();
    let nodes = graph.node_count();
    let mut siblings = Siblings::of(scene, lineage);
    // A holder that was moved in between is known again by its path only.
    let may_move = graph.ids_are_addresses();
    let is_known = |holder| !may_move || ids.iter().all(|ids| ids.has(graph, holder));
    let mut holder_key = |holder| match matched {
        Matched::ById if is_known(holder) => (graph.id(holder).0, false),
        _ => (siblings.shape(holder), true),
    };
    let mut gathered =
        Gathered { places: FxHashMap::default(), clusters: Vec::new(), of_node: vec![NONE; nodes], members: Bitset::new(nodes) };
    for node in scene.paths.order() {
        if matched == Matched::ById && ids.iter().all(|ids| ids.has(graph, node)) {
            continue;
        }
        let inherited = scene.paths.parent_node(node).map_or(NONE, |parent| gathered.of_node[parent.at()]);
        gathered.of_node[node.at()] = inherited;
        let above = lineage.parent(scene, node);
        let above_is_member = above.is_some_and(|above| gathered.members.get(above.0));
        let new = match matched {
            Matched::ById => inherited == NONE || (above_is_member && lineage.is_link(node)),
            Matched::ByPath => is_entry(scene, node),
        };
        let survived = before.map(|before| before.has(graph, node));
        if is_payload(scene, node) {
            let mut holder = || lineage.holder(scene, node).map(|holder| (holder, holder_key(holder)));
            // Content of what is new itself: an array that is copied to add to it (`a = [...a, x]`) is new in every snapshot.
            let within = || above.filter(|_| above_is_member).map(|above| (above, gathered.replaced(above)));
            if new && let Some((holder, (holder_key, by_path))) = holder() {
                gathered.add(Key { holder: holder_key, by_path, class: class_key(scene, node) }, holder, node, survived);
                gathered.members.set(node.0);
            } else if let Some((holder, Some((holder_key, by_path)))) = within() {
                gathered.add(Key { holder: holder_key, by_path, class: class_key(scene, node) }, holder, node, survived);
            }
        }
        gathered.weigh(node, inherited, scene.analysis.self_size(node));
    }
    gathered.finish()
}

/// The clusters so far.
struct Gathered {
    places: FxHashMap<Key, u32>,
    clusters: Vec<(Key, Cluster)>,
    of_node: Vec<u32>,
    /// Nodes that count for a cluster of the first level.
    members: Bitset,
}

impl Gathered {
    fn add(&mut self, key: Key, holder: NodeIx, node: NodeIx, survived: Option<bool>) {
        let clusters = &mut self.clusters;
        let at = *self.places.entry(key).or_insert_with(|| {
            clusters.push((key, Cluster { holder, example: node, count: 0, bytes: 0, survived: survived.map(|_| 0) }));
            clusters.len() as u32 - 1
        });
        let cluster = &mut self.clusters[at as usize].1;
        cluster.count += 1;
        cluster.survived = cluster.survived.zip(survived).map(|(count, survived)| count + u64::from(survived));
        self.of_node[node.at()] = at;
    }

    /// Returns the key by which the content of a new object goes: that of its cluster, so that it compares with the object's
    /// predecessor. `None` where its cluster has several objects.
    fn replaced(&self, object: NodeIx) -> Option<(u64, bool)> {
        let (key, cluster) = self.clusters.get(self.of_node[object.at()] as usize)?;
        (cluster.count == 1 && cluster.example == object).then(|| (key.holder.rotate_left(21) ^ key.class, key.by_path))
    }

    /// Adds a node's size to its cluster and to the one that this is within.
    fn weigh(&mut self, node: NodeIx, inherited: u32, size: u64) {
        let own = self.of_node[node.at()];
        for at in [own, inherited].into_iter().take(if own == inherited { 1 } else { 2 }) {
            if let Some((_, cluster)) = self.clusters.get_mut(at as usize) {
                cluster.bytes += size;
            }
        }
    }

    fn finish(self) -> FxHashMap<Key, Cluster> {
        self.clusters.into_iter().collect()
    }
}

/// Says whether a node is an entry of a collection: reached by an index, by a table or as a link of a list.
fn is_entry(scene: &Scene<'_>, node: NodeIx) -> bool {
    scene.paths.parent(scene.graph(), node).is_some_and(|step| {
        crate::story::is_indexed(scene, step.edge)
            || scene.graph().kind(step.from) == NodeKind::OBJECT && scene.graph().name_ix(step.from) == scene.graph().name_ix(node)
    })
}

pub(super) fn class_key(scene: &Scene<'_>, node: NodeIx) -> u64 {
    let graph = scene.graph();
    let kind = graph.kind(node);
    let mut hasher = FxHasher::default();
    if kind.is_string() {
        return u64::from(NodeKind::STRING.number());
    }
    kind.number().hash(&mut hasher);
    if matches!(kind, NodeKind::OBJECT | NodeKind::NATIVE | NodeKind::CLOSURE) {
        graph.strings().raw(graph.name_ix(node)).hash(&mut hasher);
    }
    hasher.finish()
}
