//! Buffers: many ArrayBuffers held by one object, and small views that keep large slabs alive.
//!
//! Reason: the memory is outside V8's heap, where `heapUsed` does not show it. Limit: V8 writes no lengths of views into snapshots, so
//! that it can be told which slabs views keep, not how much of a slab they use.

use rustc_hash::FxHashMap;

use super::case::{Described, Exhibit, bytes, grouped};
use super::collections;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};

const LIMITS: &str = "how much of its ArrayBuffer a view uses is not in a snapshot";
/// Which of many Buffers are parts of larger ones is not known: V8 writes no lengths of views.
const COPY: &str = "A part of a Buffer (subarray, slice) keeps all of it: keep a copy, Buffer.from(part).";
/// The sizes of the pool that Node.js cuts small Buffers from: 8 KiB, since Node 26 64 KiB; V8 adds a few words.
const POOLS: [u64; 2] = [8 << 10, 64 << 10];

/// Classes whose bytes lie outside V8's heap.
pub(super) fn is_buffer(name: &str) -> bool {
    matches!(name, "Buffer" | "ArrayBuffer" | "SharedArrayBuffer" | "DataView") || name.ends_with("Array") && name != "Array"
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let graph = exhibit.scene.graph();
    let is_object = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT;
    if !is_object(exhibit.case.example) || !is_buffer(&graph.name(exhibit.case.example)) {
        return None;
    }
    let described = collections::describe(exhibit)?;
    let each = exhibit.case.held / exhibit.case.count.max(1);
    let mut why = described.why;
    why.push(format!("about {} each, mostly outside V8's heap: heapUsed does not show them", bytes(each)));
    let slabs = slabs(exhibit);
    let limits = if slabs.is_some() { LIMITS } else { described.limits };
    why.extend(slabs);
    let has_views = sample(exhibit).first().is_some_and(|&view| graph.name(view) == "Buffer");
    let advice = if has_views { format!("{} {COPY}", described.advice) } else { described.advice };
    Some(Described { rule: "buffer-pile", why, limits, advice, ..described })
}

/// Says which slabs the views of a case keep: several views one, or each one of Node.js's pool.
fn slabs(exhibit: &Exhibit<'_, '_>) -> Option<String> {
    let graph = exhibit.scene.graph();
    let mut slabs: FxHashMap<NodeIx, u64> = FxHashMap::default();
    let mut views = 0_u64;
    for buffer in sample(exhibit).into_iter().filter_map(|view| graph.child(view, EdgeKind::INTERNAL, "buffer")) {
        slabs.insert(buffer, size(graph, buffer));
        views += 1;
    }
    let total = slabs.values().fold(0_u64, |sum, &size| sum.saturating_add(size));
    let is_pool = |size: u64| POOLS.iter().any(|&pool| (pool..pool + 256).contains(&size));
    let of_pool = slabs.values().filter(|&&size| is_pool(size)).count() as u64;
    let (views, count, total) = (grouped(views), (slabs.len() as u64, views), bytes(total));
    match count {
        (slabs, seen) if seen > slabs && of_pool * 2 > slabs => Some(format!(
            "{views} views that were looked at keep {} slabs of Node.js's pool, {total}: one small view keeps a whole slab",
            grouped(slabs)
        )),
        (slabs, seen) if seen > slabs => Some(format!(
            "{views} views that were looked at share {} ArrayBuffers of {total}: one view keeps all of its own",
            grouped(slabs)
        )),
        (slabs, _) if slabs > 1 && of_pool * 2 > slabs => {
            Some(format!("each of {views} views that were looked at keeps a slab of Node.js's pool of its own, {total} together"))
        }
        _ => None,
    }
}

/// Returns some of the views of a case; where the case is about their ArrayBuffers, the views that lead to those.
fn sample(exhibit: &Exhibit<'_, '_>) -> Vec<NodeIx> {
    match exhibit.steps.as_slice() {
        [.., above, last] if exhibit.scene.graph().edge_text(last.edge) == "buffer" => exhibit.beside(last.from, Some(above)),
        _ => exhibit.sample(),
    }
}

/// Returns how large an ArrayBuffer is with its bytes, in bytes.
fn size(graph: &HeapGraph, buffer: NodeIx) -> u64 {
    graph.child(buffer, EdgeKind::INTERNAL, "backing_store").map_or(0, |store| graph.raw_self_size(store))
}
