//! Memory outside V8's heap that JavaScript works with: the bytes behind ArrayBuffers, Buffers and typed arrays, and strings whose characters are
//! there. Each byte counts once, however many views there are of it.
//!
//! A snapshot tells how large each ArrayBuffer is, and which views are of it, but not which part of it a view is of.

use rustc_hash::{FxHashMap, FxHashSet};

use super::owners::{Owner, owner};
use crate::graph::{HeapGraph, NodeIx};
use crate::held::{Extent, Place};
use crate::kinds::NodeKind;
use crate::names::{self, internal};
use crate::story::Scene;
use crate::strings::StrIx;
use crate::view::{Cell, ColumnKind, Table};

/// What some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    ArrayBuffer,
    Shared,
    Slab,
    String,
    OfProgram,
    InHeap,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            Self::ArrayBuffer => "ArrayBuffer",
            Self::Shared => "SharedArrayBuffer",
            Self::Slab => "pool slab",
            Self::String => "external string",
            Self::OfProgram => "Node's own script",
            Self::InHeap => "typed arrays in V8's heap",
        }
    }
}

/// Bytes in one piece, and who sees them.
struct Store {
    node: NodeIx,
    what: What,
    bytes: u64,
    address: Option<u64>,
    views: u64,
    /// How many of them some view shows; `None` where the source does not tell.
    used: Option<u64>,
}

/// All stores of a graph, and the typed arrays that have none.
pub struct Buffers<'a, 'b> {
    scene: &'b Scene<'a>,
    stores: Vec<Store>,
    /// Views of ArrayBuffers.
    views: FxHashSet<NodeIx>,
    /// How many typed arrays have their elements in V8's heap, and their bytes.
    in_heap: (u64, u64),
}

impl<'a, 'b> Buffers<'a, 'b> {
    /// Finds them. O(nodes + edges of buffers), and where the source has the memory at hand one look at every string.
    #[must_use]
    pub fn of(scene: &'b Scene<'a>) -> Self {
        let names = Names::of(scene.graph());
        let mut found = Self { scene, stores: Vec::new(), views: FxHashSet::default(), in_heap: (0, 0) };
        found.array_buffers(&names);
        found.strings(&names);
        found.stores.sort_by_key(|store| (std::cmp::Reverse(store.bytes), store.node));
        found
    }

    /// Lists the stores, the largest first: columns `id, kind, bytes, used_bytes, views, owner, owner_id, address, isolate`. `id` is the
    /// ArrayBuffer's or string's; `used_bytes` are those that at least one view shows, where the source tells; `owner` is the nearest thing
    /// with a name that keeps it. Scripts of Node.js itself, which lie in its program, have no row.
    #[must_use]
    pub fn list(&self, limit: usize) -> Table {
        let columns = [
            ("id", "id", ColumnKind::Node),
            ("kind", "kind", ColumnKind::Word),
            ("bytes", "bytes", ColumnKind::Bytes),
            ("used_bytes", "used", ColumnKind::Bytes),
            ("views", "views", ColumnKind::Count),
            ("owner", "owner", ColumnKind::Text),
            ("owner_id", "owner id", ColumnKind::Node),
            ("address", "address", ColumnKind::Text),
            ("isolate", "isolate", ColumnKind::Count),
        ];
        let mut table = Table::new("buffers", &columns);
        let graph = self.scene.graph();
        let rows = || self.stores.iter().filter(|store| store.what != What::OfProgram);
        table.total_rows = rows().count() as u64;
        for store in rows().take(limit) {
            let owner = self.owner(store);
            table.rows.push(vec![
                graph.id(store.node).into(),
                store.what.words().into(),
                store.bytes.into(),
                store.used.into(),
                if store.what == What::String { Cell::None } else { store.views.into() },
                owner.as_ref().map(|owner| owner.words.clone()).into(),
                owner.map(|owner| graph.id(owner.node)).into(),
                store.address.map(|address| format!("{address:#x}")).into(),
                graph.isolate(store.node).map(u64::from).into(),
            ]);
        }
        table
    }

    /// Sums up by what the bytes are: columns `kind, count, bytes, used_bytes, views`, in a fixed order.
    #[must_use]
    pub fn kinds(&self) -> Table {
        let columns = [
            ("kind", "kind", ColumnKind::Word),
            ("count", "count", ColumnKind::Count),
            ("bytes", "bytes", ColumnKind::Bytes),
            ("used_bytes", "used", ColumnKind::Bytes),
            ("views", "views", ColumnKind::Count),
        ];
        let mut table = Table::new("buffer_kinds", &columns);
        for what in [What::ArrayBuffer, What::Shared, What::Slab, What::String, What::OfProgram] {
            let stores: Vec<&Store> = self.stores.iter().filter(|store| store.what == what).collect();
            if stores.is_empty() {
                continue;
            }
            let is_string = matches!(what, What::String | What::OfProgram);
            let used = stores.iter().try_fold(0, |sum: u64, store| Some(sum.saturating_add(store.used?)));
            let views = stores.iter().map(|store| store.views).sum::<u64>();
            let bytes = stores.iter().fold(0, |sum: u64, store| sum.saturating_add(store.bytes));
            let views = if is_string { Cell::None } else { views.into() };
            table.push(vec![what.words().into(), (stores.len() as u64).into(), bytes.into(), used.into(), views]);
        }
        if let (count @ 1.., bytes) = self.in_heap {
            table.push(vec![What::InHeap.words().into(), count.into(), Cell::None, bytes.into(), Cell::None]);
        }
        table
    }

    /// Sums up by owner, the largest first: columns `owner, count, bytes, used_bytes, id`, where `id` is the largest of them.
    #[must_use]
    pub fn owners(&self, limit: usize) -> Table {
        let columns = [
            ("owner", "owner", ColumnKind::Text),
            ("count", "count", ColumnKind::Count),
            ("bytes", "bytes", ColumnKind::Bytes),
            ("used_bytes", "used", ColumnKind::Bytes),
            ("id", "the largest", ColumnKind::Node),
        ];
        let mut table = Table::new("buffer_owners", &columns);
        let mut sums: FxHashMap<String, (u64, u64, Option<u64>, NodeIx)> = FxHashMap::default();
        for store in self.stores.iter().filter(|store| store.what != What::OfProgram) {
            let words = self.owner(store).map_or_else(|| "(nobody)".to_owned(), |owner| owner.words);
            // The largest comes first.
            let sum = sums.entry(words).or_insert((0, 0, Some(0), store.node));
            let used = sum.2.zip(store.used).map(|(sum, used)| sum.saturating_add(used));
            *sum = (sum.0 + 1, sum.1.saturating_add(store.bytes), used, sum.3);
        }
        let mut rows: Vec<_> = sums.into_iter().collect();
        rows.sort_by(|(a, one), (b, other)| (other.1, other.0).cmp(&(one.1, one.0)).then_with(|| a.cmp(b)));
        table.total_rows = rows.len() as u64;
        for (words, (count, bytes, used, largest)) in rows.into_iter().take(limit) {
            table.rows.push(vec![words.into(), count.into(), bytes.into(), used.into(), self.scene.graph().id(largest).into()]);
        }
        table
    }

    fn owner(&self, store: &Store) -> Option<Owner> {
        owner(self.scene, store.node, |node| self.views.contains(&node))
    }

    fn array_buffers(&mut self, names: &Names) {
        let graph = self.scene.graph();
        let (mut views, mut buffers): (Vec<(NodeIx, NodeIx)>, Vec<NodeIx>) = (Vec::new(), Vec::new());
        for node in graph.nodes().filter(|&node| graph.kind(node) == NodeKind::OBJECT) {
            if internal(graph, node, names.store).is_some() {
                buffers.push(node);
            } else if let Some(buffer) = internal(graph, node, names.buffer) {
                views.push((node, buffer));
            }
        }
        let extents = extents(graph, &buffers);
        let mut by_store: FxHashMap<NodeIx, usize> = FxHashMap::default();
        for &buffer in &buffers {
            let Some(store) = internal(graph, buffer, names.store) else { continue };
            by_store.entry(store).or_insert_with(|| {
                let what = if Some(graph.name_ix(buffer)) == names.shared { What::Shared } else { What::ArrayBuffer };
                let bytes = graph.raw_self_size(store);
                let address = extents.get(&buffer).map(|extent| extent.address);
                self.stores.push(Store { node: buffer, what, bytes, address, views: 0, used: None });
                self.stores.len() - 1
            });
        }
        let store_of = |buffer: NodeIx| internal(graph, buffer, names.store).and_then(|store| by_store.get(&store).copied());
        self.count_views(names, &views, store_of);
        self.views = views.into_iter().map(|(view, _)| view).collect();
    }

    /// Counts the views of each store, and what they show of it.
    fn count_views(&mut self, names: &Names, views: &[(NodeIx, NodeIx)], store_of: impl Fn(NodeIx) -> Option<usize>) {
        let graph = self.scene.graph();
        let nodes: Vec<NodeIx> = views.iter().map(|&(view, _)| view).collect();
        let extents = extents(graph, &nodes);
        let mut shown: FxHashMap<usize, Vec<(u64, u64)>> = FxHashMap::default();
        for &(view, buffer) in views {
            let extent = extents.get(&view);
            match (store_of(buffer), extent) {
                (Some(at), _) => {
                    self.stores[at].views += 1;
                    shown.entry(at).or_default().extend(extent.map(|extent| (extent.offset, extent.length)));
                    if names.is_of_pool(graph, view, buffer) {
                        self.stores[at].what = What::Slab;
                    }
                }
                (None, Some(extent)) if extent.place == Place::Heap => {
                    self.in_heap = (self.in_heap.0 + 1, self.in_heap.1.saturating_add(extent.length));
                }
                _ => {}
            }
        }
        if graph.extents(&[], &mut |_, _| {}) {
            for (at, store) in self.stores.iter_mut().enumerate() {
                let mut shown = shown.remove(&at).unwrap_or_default();
                // Node.js 22 and later keep a view of the whole slab that they cut Buffers from.
                shown.retain(|&stretch| store.what != What::Slab || stretch != (0, store.bytes));
                store.used = Some(covered(shown, store.bytes));
            }
        }
    }

    /// Finds strings whose characters lie outside the heap: where V8's snapshot has a node for them, or the source tells.
    fn strings(&mut self, names: &Names) {
        let graph = self.scene.graph();
        let strings: Vec<NodeIx> = graph.nodes().filter(|&node| graph.kind(node) == NodeKind::STRING).collect();
        let mut found = Vec::new();
        let is_told = graph.extents(&strings, &mut |at, extent| {
            if let (Some(extent), Some(&node)) = (extent, strings.get(at)) {
                let what = if extent.place == Place::Program { What::OfProgram } else { What::String };
                found.push(Store { node, what, bytes: extent.length, address: Some(extent.address), views: 0, used: None });
            }
        });
        if !is_told && names.characters.is_some() {
            found.extend(strings.iter().filter_map(|&node| {
                let data = graph.edges(node).map(|edge| edge.to).find(|&to| Some(graph.name_ix(to)) == names.characters)?;
                Some(Store { node, what: What::String, bytes: graph.raw_self_size(data), address: None, views: 0, used: None })
            }));
        }
        self.stores.extend(found);
    }
}

/// Names that tell what is behind a buffer.
struct Names {
    buffer: Option<StrIx>,
    store: Option<StrIx>,
    shared: Option<StrIx>,
    view: Option<StrIx>,
    marks: Option<StrIx>,
    characters: Option<StrIx>,
}

impl Names {
    fn of(graph: &HeapGraph) -> Self {
        let wanted = ["buffer", "backing_store", "SharedArrayBuffer", "Buffer", "system / PropertyArray", "system / ExternalStringData"];
        let [buffer, store, shared, view, marks, characters] = names::find(graph.strings(), wanted);
        Self { buffer, store, shared, view, marks, characters }
    }

    /// Says whether a view makes its ArrayBuffer a slab of Node.js's pool: it is a Buffer, and Node.js has marked the ArrayBuffer by a
    /// private property, so that nobody hands it to another thread.
    fn is_of_pool(&self, graph: &HeapGraph, view: NodeIx, buffer: NodeIx) -> bool {
        let is_mark = |to: NodeIx| Some(graph.name_ix(to)) == self.marks;
        Some(graph.name_ix(view)) == self.view && graph.edges(buffer).any(|edge| is_mark(edge.to))
    }
}

/// Returns where the bytes of nodes lie, of those of which the source tells.
fn extents(graph: &HeapGraph, nodes: &[NodeIx]) -> FxHashMap<NodeIx, Extent> {
    let mut found = FxHashMap::default();
    graph.extents(nodes, &mut |at, extent| found.extend(nodes.get(at).copied().zip(extent)));
    found
}

/// Returns how many of `length` bytes lie in at least one of several stretches, each an offset and a length.
fn covered(mut stretches: Vec<(u64, u64)>, length: u64) -> u64 {
    stretches.sort_unstable();
    let (mut sum, mut end) = (0, 0);
    for (from, count) in stretches {
        let to = from.saturating_add(count).min(length);
        sum += to.saturating_sub(from.max(end));
        end = end.max(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_views_show_counts_once() {
        let check = |stretches: &[(u64, u64)], expect: u64| assert_eq!(covered(stretches.to_vec(), 100), expect, "{stretches:?}");
        check(&[], 0);
        check(&[(0, 100)], 100);
        check(&[(90, 20)], 10);
        check(&[(10, 10), (0, 5), (15, 10)], 20);
        check(&[(0, 50), (10, 10)], 50);
        check(&[(200, 7), (u64::MAX, u64::MAX)], 0);
    }
}
