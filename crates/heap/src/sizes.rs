//! Self sizes as DevTools shows them: a backing array or hidden object that only one node uses counts with that node.

use rustc_hash::FxHashMap;

use crate::buffer::Buffer;
use crate::column::narrow;
use crate::distance::is_user_root;
use crate::graph::{HeapGraph, NodeIx, SizeColumn, Walk};
use crate::kinds::{EdgeKind, NodeKind};

/// An owner that is not known yet.
const UNVISITED: u32 = u32::MAX;
/// More than one owner.
const SHARED: u32 = u32::MAX - 1;

/// Attributes the sizes of owned nodes to their owners. The result does not depend on the order of visits. Returns `None` where all
/// sizes stay as they are: snapshots taken with `exposeInternals`, which have no user root. O(edges of owned nodes and their owners).
pub(crate) fn attributed_sizes(graph: &HeapGraph) -> Option<SizeColumn> {
    graph.edges(graph.root()).find(|edge| is_user_root(graph, edge.to))?;
    let owners = owners(graph);
    let raw = &graph.columns().self_sizes;
    let mut sizes = Sizes { narrow: Buffer::from_fn(raw.len(), |at| raw.narrow()[at]), wide: raw.wide().iter().copied().collect() };
    for (owned, &owner) in owners.iter().enumerate() {
        if owner >= SHARED || owner as usize == owned {
            continue;
        }
        let holder = NodeIx(owner);
        let size = raw.get(owned);
        if size == 0 || graph.kind(holder) == NodeKind::SYNTHETIC || holder == graph.root() {
            continue;
        }
        sizes.set(owned as u32, 0);
        let total = sizes.get(owner).saturating_add(size);
        sizes.set(owner, total);
    }
    let Sizes { narrow, wide } = sizes;
    let wide = wide.into_iter().filter(|&(at, _)| narrow[at as usize] == u16::MAX).collect();
    Some(SizeColumn::new(narrow.into(), wide))
}

/// Sizes while they change hands.
struct Sizes {
    narrow: Buffer<u16>,
    /// Values that do not fit, and some that did not and now do.
    wide: FxHashMap<u32, u64>,
}

impl Sizes {
    fn get(&self, at: u32) -> u64 {
        match self.narrow[at as usize] {
            u16::MAX => self.wide.get(&at).copied().unwrap_or(u64::from(u16::MAX)),
            value => u64::from(value),
        }
    }

    fn set(&mut self, at: u32, value: u64) {
        let small = narrow(value);
        self.narrow[at as usize] = small;
        if small == u16::MAX {
            self.wide.insert(at, value);
        }
    }
}

/// Finds for every node the one node that uses it: itself where it counts by itself.
fn owners(graph: &HeapGraph) -> Buffer<u32> {
    let is_owned_kind = |node: NodeIx| match graph.kind(node) {
        NodeKind::HIDDEN | NodeKind::ARRAY => true,
        NodeKind::NATIVE => graph.strings().is(graph.name_ix(node), "system / ExternalStringData"),
        _ => false,
    };
    let own = |node: usize| if is_owned_kind(NodeIx(node as u32)) { UNVISITED } else { node as u32 };
    let mut owners = Buffer::from_fn(graph.node_count(), own);
    let mut work = Vec::new();
    let known: &mut [u32] = &mut owners;
    for node in 0..known.len() as u32 {
        if known[node as usize] == node {
            spread(graph.walk(), node, known, &mut work);
        }
        // Depth first: an array is near its owner, in the file and so in memory.
        while let Some(node) = work.pop() {
            spread(graph.walk(), node, known, &mut work);
        }
    }
    owners
}

/// Tells everything that a node refers to who its owner is. A node comes here at most twice: when it gets an owner, and when it gets
/// another.
#[inline]
fn spread(walk: Walk<'_>, node: u32, owners: &mut [u32], work: &mut Vec<u32>) {
    let owner = owners[node as usize];
    for edge in walk.edges(node).filter(|edge| edge.kind != EdgeKind::WEAK) {
        let known = owners[edge.to.at()];
        if known == edge.to.0 || known == owner || known == SHARED {
            continue;
        }
        owners[edge.to.at()] = if known == UNVISITED { owner } else { SHARED };
        work.push(edge.to.0);
    }
}
