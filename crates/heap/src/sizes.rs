//! Self sizes as DevTools shows them: a backing array or hidden object that only one node uses counts with that node.

use crate::column::WideColumn;
use crate::distance::is_user_root;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};

/// An owner that is not known yet.
const UNVISITED: u32 = u32::MAX;
/// More than one owner.
const SHARED: u32 = u32::MAX - 1;

/// Attributes the sizes of owned nodes to their owners. The result does not depend on the order of visits. Returns `None` where all
/// sizes stay as they are: snapshots taken with `exposeInternals`, which have no user root. O(edges of owned nodes and their owners).
pub(crate) fn attributed_sizes(graph: &HeapGraph) -> Option<WideColumn> {
    graph.edges(graph.root()).find(|edge| is_user_root(graph, edge.to))?;
    let owners = owners(graph);
    let raw = &graph.columns().self_sizes;
    let mut narrow: Vec<u32> = raw.narrow().to_vec();
    let mut wide = raw.wide().to_vec();
    for (owned, &owner) in owners.iter().enumerate() {
        if owner >= SHARED || owner as usize == owned {
            continue;
        }
        let holder = NodeIx(owner);
        if graph.kind(holder) == NodeKind::SYNTHETIC || holder == graph.root() {
            continue;
        }
        let size = raw.get(owned);
        if size == 0 {
            continue;
        }
        set(&mut narrow, &mut wide, owned as u32, 0);
        let total = get(&narrow, &wide, owner) + size;
        set(&mut narrow, &mut wide, owner, total);
    }
    Some(WideColumn::new(narrow.into(), wide))
}

fn get(narrow: &[u32], wide: &[(u32, u64)], at: u32) -> u64 {
    match narrow[at as usize] {
        u32::MAX => wide.iter().find(|&&(position, _)| position == at).map_or(u64::from(u32::MAX), |&(_, value)| value),
        value => u64::from(value),
    }
}

fn set(narrow: &mut [u32], wide: &mut Vec<(u32, u64)>, at: u32, value: u64) {
    if narrow[at as usize] == u32::MAX {
        wide.retain(|&(position, _)| position != at);
    }
    narrow[at as usize] = u32::try_from(value).unwrap_or(u32::MAX);
    if narrow[at as usize] == u32::MAX {
        wide.push((at, value));
    }
}

/// Finds for every node the one node that uses it: itself where it counts by itself.
fn owners(graph: &HeapGraph) -> Vec<u32> {
    let is_owned_kind = |node: NodeIx| match graph.kind(node) {
        NodeKind::HIDDEN | NodeKind::ARRAY => true,
        NodeKind::NATIVE => graph.strings().is(graph.name_ix(node), "system / ExternalStringData"),
        _ => false,
    };
    let mut owners: Vec<u32> = graph.nodes().map(|node| if is_owned_kind(node) { UNVISITED } else { node.0 }).collect();
    let mut work = Vec::new();
    for node in graph.nodes() {
        if owners[node.at()] == node.0 {
            spread(graph, node, &mut owners, &mut work);
        }
        // Depth first: an array is near its owner, in the file and so in memory.
        while let Some(node) = work.pop() {
            spread(graph, NodeIx(node), &mut owners, &mut work);
        }
    }
    owners
}

/// Tells everything that a node refers to who its owner is. A node comes here at most twice: when it gets an owner, and when it gets
/// another.
#[inline]
fn spread(graph: &HeapGraph, node: NodeIx, owners: &mut [u32], work: &mut Vec<u32>) {
    let owner = owners[node.at()];
    for edge in graph.edges(node).filter(|edge| edge.kind != EdgeKind::WEAK) {
        let known = owners[edge.to.at()];
        if known == edge.to.0 || known == owner || known == SHARED {
            continue;
        }
        owners[edge.to.at()] = if known == UNVISITED { owner } else { SHARED };
        work.push(edge.to.0);
    }
}
