//! To which realm (native context) each object belongs: the main one, a `node:vm` context, several of them, none.
//!
//! As DevTools attributes: an object whose map's map names a native context belongs to that one; everything else belongs to whoever
//! refers to it, and to *shared* where several realms do.

use crate::analysis::HeapAnalysis;
use crate::bitset::Bitset;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::EdgeKind;
use crate::names;

/// No realm.
const NOBODY: u32 = u32::MAX;
/// Several realms.
const SHARED: u32 = u32::MAX - 1;

/// To whom a node belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// One realm, by its native context.
    Context(NodeIx),
    /// Several realms.
    Shared,
    /// None.
    Nobody,
}

/// The realm of every node.
#[derive(Debug, Default)]
pub struct NativeContexts {
    contexts: Vec<NodeIx>,
    owners: Vec<u32>,
}

/// What belongs to one realm, to several, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedSize {
    /// The owner.
    pub owner: Owner,
    /// How many nodes of any size it has.
    pub count: u64,
    /// Their self sizes together, in bytes.
    pub size: u64,
}

impl NativeContexts {
    /// Attributes every node. O(edges); 8 bytes per node while it works, 4 afterwards.
    #[must_use]
    pub fn of(graph: &HeapGraph) -> Self {
        let contexts = native_contexts(graph);
        let mut owners = vec![NOBODY; graph.node_count()];
        let mut fixed = Bitset::new(graph.node_count());
        let maps = Maps::of(graph, &contexts);
        for node in graph.nodes() {
            if let Some(context) = maps.context_of(node.0) {
                owners[node.at()] = context;
                fixed.set(node.0);
            }
        }
        for context in &contexts {
            owners[context.at()] = context.0;
            fixed.set(context.0);
        }
        spread(graph, &fixed, &mut owners);
        Self { contexts, owners }
    }

    /// Returns the native contexts, in node order.
    #[must_use]
    pub fn contexts(&self) -> &[NodeIx] {
        &self.contexts
    }

    /// Returns to whom a node belongs.
    #[must_use]
    pub fn owner(&self, node: NodeIx) -> Owner {
        match self.owners[node.at()] {
            NOBODY => Owner::Nobody,
            SHARED => Owner::Shared,
            context => Owner::Context(NodeIx(context)),
        }
    }

    /// Sums up what belongs to whom: every context in node order, then shared, then nobody. O(nodes).
    #[must_use]
    pub fn sizes(&self, analysis: &HeapAnalysis) -> Vec<OwnedSize> {
        let owners = self.contexts.iter().map(|&context| Owner::Context(context)).chain([Owner::Shared, Owner::Nobody]);
        let mut sums: Vec<OwnedSize> = owners.map(|owner| OwnedSize { owner, count: 0, size: 0 }).collect();
        let shared = self.contexts.len();
        for node in analysis.graph().nodes() {
            let at = match self.owner(node) {
                Owner::Context(context) => self.contexts.binary_search(&context).unwrap_or(shared + 1),
                Owner::Shared => shared,
                Owner::Nobody => shared + 1,
            };
            let size = analysis.self_size(node);
            sums[at].count += u64::from(size > 0);
            sums[at].size += size;
        }
        sums
    }
}

/// Returns all native contexts, in node order. O(nodes + bytes of the string table).
#[must_use]
pub fn native_contexts(graph: &HeapGraph) -> Vec<NodeIx> {
    let names = names::select(graph.strings(), |raw| {
        let raw = raw.strip_prefix(b"Detached ").unwrap_or(raw);
        raw.strip_prefix(b"system / NativeContext").is_some_and(|rest| rest.is_empty() || rest.starts_with(b" / "))
    });
    graph.nodes().filter(|&node| names.get(graph.name_ix(node).0)).collect()
}

/// Every node's map, and the native context that a map's map names.
struct Maps {
    map: Vec<u32>,
    /// (map, native context), sorted by map.
    contexts: Vec<(u32, u32)>,
}

impl Maps {
    fn of(graph: &HeapGraph, contexts: &[NodeIx]) -> Self {
        let [map_name, context_name] = names::find(graph.strings(), ["map", "native_context"]).map(|ix| ix.map(|ix| ix.0));
        let edge_names = graph.edge_names();
        let mut maps = Self { map: vec![NOBODY; graph.node_count()], contexts: Vec::new() };
        for node in graph.nodes() {
            for edge in graph.edges(node).filter(|edge| edge.kind == EdgeKind::INTERNAL) {
                let name = Some(edge_names[edge.ix.0 as usize]);
                if name == map_name && maps.map[node.at()] == NOBODY {
                    maps.map[node.at()] = edge.to.0;
                } else if name == context_name && contexts.binary_search(&edge.to).is_ok() {
                    maps.contexts.push((node.0, edge.to.0));
                }
            }
        }
        maps.contexts.dedup_by_key(|&mut (node, _)| node);
        maps
    }

    fn context_of(&self, node: u32) -> Option<u32> {
        let map = |of: u32| self.map.get(of as usize).copied().filter(|&map| map != NOBODY);
        let meta = map(map(node)?)?;
        self.contexts.binary_search_by_key(&meta, |&(node, _)| node).ok().map(|at| self.contexts[at].1)
    }
}

/// Spreads owners over edges that are neither shortcuts nor weak, until nothing changes. A node changes at most twice.
fn spread(graph: &HeapGraph, fixed: &Bitset, owners: &mut [u32]) {
    let mut work: Vec<u32> = (0..owners.len() as u32).filter(|&node| fixed.get(node)).collect();
    while let Some(node) = work.pop() {
        let owner = owners[node as usize];
        let strong = graph.edges(NodeIx(node)).filter(|edge| edge.kind != EdgeKind::SHORTCUT && edge.kind != EdgeKind::WEAK);
        for to in strong.map(|edge| edge.to.0).filter(|&to| to != node && !fixed.get(to)) {
            let known = owners[to as usize];
            if known != owner && known != SHARED {
                owners[to as usize] = if known == NOBODY { owner } else { SHARED };
                work.push(to);
            }
        }
    }
}
