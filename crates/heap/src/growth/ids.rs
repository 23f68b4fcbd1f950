//! Sets of node identities, and whether those of two snapshots mean the same objects.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::analysis::HeapAnalysis;
use crate::bitset::Bitset;
use crate::diff::SAME_PROCESS_BY_ADDRESS;
use crate::graph::{HeapGraph, NodeIx};

/// The identities of a snapshot's nodes: a bit for each small one, a hash set for the few large ones (Node 16 to 20 use addresses for
/// native objects).
pub(super) struct IdSet {
    small: Bitset,
    limit: u64,
    large: FxHashSet<u64>,
    /// Whether `large` holds addresses, with what stands there.
    are_addresses: bool,
}

/// Returns what an address and what stands there are known by: where an object was moved away, something else may lie in another snapshot.
fn identity(graph: &HeapGraph, node: NodeIx) -> u64 {
    let mut hasher = FxHasher::default();
    let kind = graph.kind(node);
    graph.id(node).0.hash(&mut hasher);
    // Strings may be made flat or internalized where they lie.
    if !kind.is_string() {
        kind.number().hash(&mut hasher);
        graph.strings().raw(graph.name_ix(node)).hash(&mut hasher);
    }
    hasher.finish() | 1 << 63
}

impl IdSet {
    /// Collects all identities. O(nodes).
    pub(super) fn of(graph: &HeapGraph) -> Self {
        // V8 numbers objects by twos as they are first seen; many may be gone.
        let limit = (graph.node_count() as u64).saturating_mul(32).min(u64::from(u32::MAX));
        let are_addresses = graph.ids_are_addresses();
        let mut set = Self { small: Bitset::new(limit as usize + 1), limit, large: FxHashSet::default(), are_addresses };
        for node in graph.nodes() {
            let id = if are_addresses { identity(graph, node) } else { graph.id(node).0 };
            if id <= limit {
                set.small.set(id as u32);
            } else {
                set.large.insert(id);
            }
        }
        set
    }

    /// Says whether the snapshot has a node of any snapshot's.
    #[inline]
    pub(super) fn has(&self, graph: &HeapGraph, node: NodeIx) -> bool {
        let id = if self.are_addresses { identity(graph, node) } else { graph.id(node).0 };
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
    // V8 gives odd numbers to objects of JavaScript; addresses of all others are sound as well.
    let are_addresses = a.ids_are_addresses();
    let is_js = |graph: &HeapGraph, node: &NodeIx| are_addresses || graph.id(*node).0 % 2 == 1;
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
    let agree = if are_addresses { SAME_PROCESS_BY_ADDRESS } else { AGREE };
    common * 5 >= sample.len() as u64 && same as f64 >= common as f64 * agree
}

/// Says whether two nodes of one identity are one object: an address may be another's by now.
pub(super) fn is_same(a: &HeapGraph, in_a: NodeIx, b: &HeapGraph, in_b: NodeIx) -> bool {
    // Strings may be made flat or internalized, functions compiled: kinds of those change while the object stays.
    a.kind(in_a) == b.kind(in_b) && a.strings().raw(a.name_ix(in_a)) == b.strings().raw(b.name_ix(in_b))
        || a.kind(in_a).is_string() && b.kind(in_b).is_string()
}
