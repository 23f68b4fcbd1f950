//! Buffers: many ArrayBuffers held by one object, and small views that keep large slabs alive.
//!
//! Reason: the memory is outside V8's heap, where `heapUsed` does not show it. Limit: how much of a slab its views use is known only
//! where V8 writes their lengths.

use super::case::{Described, Exhibit};
use super::collections;
use crate::graph::NodeIx;
use crate::kinds::NodeKind;

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
    let each = exhibit.case.bytes / exhibit.case.count.max(1);
    let mut why = described.why;
    why.push(format!("about {} each, mostly outside V8's heap: heapUsed does not show them", super::case::bytes(each)));
    Some(Described { rule: "buffer-pile", why, ..described })
}
