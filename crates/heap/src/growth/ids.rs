//! Sets of node identities, and whether those of two snapshots mean the same objects.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::HeapAnalysis;
use crate::bitset::Bitset;
use crate::graph::{HeapGraph, NodeIx};

/// The identities of a snapshot's nodes: a bit for each small one, a hash set for the few large ones (Node 16 to 20 use addresses for
/// native objects).
pub(super) struct IdSet {
    small: Bitset,
    limit: u64,
    large: FxHashSet<u64>,
}

impl IdSet {
    /// Collects all identities. O(nodes).
    pub(super) fn of(graph: &HeapGraph) -> Self {
        // V8 numbers objects by twos as they are first seen; many may be gone.
        let limit = (graph.node_count() as u64).saturating_mul(32).min(u64::from(u32::MAX));
        let mut set = Self { small: Bitset::new(limit as usize + 1), limit, large: FxHashSet::default() };
        for node in graph.nodes() {
            let id = graph.id(node).0;
            if id <= limit {
                set.small.set(id as u32);
            } else {
                set.large.insert(id);
            }
        }
        set
    }

    /// Says whether the snapshot has a node of that identity.
    #[inline]
    pub(super) fn contains(&self, id: u64) -> bool {
        if id <= self.limit { self.small.get(id as u32) } else { self.large.contains(&id) }
    }
}

/// How many nodes are compared.
const SAMPLE: usize = 20_000;
/// The part of equal identities that must be of equal kind and name.
const AGREE: f64 = 0.97;

/// Says whether equal identities mean equal objects in all snapshots: whether they are of one process. Two processes of one program
/// number what exists at start alike, so that only the later half of the numbers is looked at.
pub(super) fn are_comparable(snapshots: &[&HeapAnalysis]) -> bool {
    snapshots.windows(2).all(|pair| agree(pair[0].graph(), pair[1].graph()))
}

fn agree(a: &HeapGraph, b: &HeapGraph) -> bool {
    let is_js = |graph: &HeapGraph, node: &NodeIx| graph.id(*node).0 % 2 == 1;
    let mut ids: Vec<(u64, NodeIx)> = a.nodes().filter(|node| is_js(a, node)).map(|node| (a.id(node).0, node)).collect();
    if ids.len() < 1000 {
        return ids.iter().all(|&(id, node)| b.find_id(crate::graph::NodeId(id)).is_none_or(|other| is_same(a, node, b, other)));
    }
    let middle = ids.len() / 2;
    ids.select_nth_unstable_by_key(middle, |&(id, _)| id);
    let later = &ids[middle..];
    let stride = (later.len() / SAMPLE).max(1);
    let sample: FxHashMap<u64, NodeIx> = later.iter().step_by(stride).copied().collect();
    let (mut common, mut same) = (0_u64, 0_u64);
    for node in b.nodes() {
        if let Some(&other) = sample.get(&b.id(node).0) {
            common += 1;
            same += u64::from(is_same(a, other, b, node));
        }
    }
    common * 5 >= sample.len() as u64 && same as f64 >= common as f64 * AGREE
}

fn is_same(a: &HeapGraph, in_a: NodeIx, b: &HeapGraph, in_b: NodeIx) -> bool {
    // Strings may be made flat or internalized, functions compiled: kinds of those change while the object stays.
    a.kind(in_a) == b.kind(in_b) && a.strings().raw(a.name_ix(in_a)) == b.strings().raw(b.name_ix(in_b))
        || a.kind(in_a).is_string() && b.kind(in_b).is_string()
}
