//! Strings: collections of them, and slices or ropes that keep a large parent alive.
//!
//! Reason: a slice of 13 characters or more refers to its parent instead of copying, a string joined by `+` to its pieces. Limit: V8
//! writes neither the length of a slice nor the whole of a long string into snapshots, so that only the parents' bytes are known.

use rustc_hash::FxHashSet;

use super::case::{Described, Exhibit, bytes, grouped};
use super::collections;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::story::Scene;

/// A parent smaller than this many bytes is no matter.
const LEAST_PARENT: u64 = 1 << 10;
const LIMITS: &str = "how long a slice is, is not in a snapshot: it may be nearly all of its parent";

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    if !exhibit.scene.graph().kind(exhibit.case.example).is_string() {
        return None;
    }
    let described = collections::describe(exhibit)?;
    let described = Described { class: "strings".to_owned(), ..described };
    let Some(pinned) = Pinned::of(exhibit) else { return Some(described) };
    let mut why = described.why;
    why.push(pinned.text());
    let what = if pinned.slices > 0 { "Slices that keep long strings" } else { "Joined strings that keep their pieces" };
    let advice = format!("{} Or store copies: Buffer.from(text).toString().", described.advice);
    Some(Described { rule: "pinned-string", what: what.to_owned(), why, advice, limits: LIMITS, ..described })
}

/// What the slices and ropes among some strings keep alive.
#[derive(Default)]
struct Pinned {
    slices: u64,
    ropes: u64,
    /// Distinct parents and their bytes.
    parents: u64,
    bytes: u64,
}

impl Pinned {
    /// Looks at a sample of a case; `None` where few of it refer to long strings.
    fn of(exhibit: &Exhibit<'_, '_>) -> Option<Self> {
        let graph = exhibit.scene.graph();
        let sample = exhibit.sample();
        let mut pinned = Self::default();
        let mut known = FxHashSet::default();
        for &string in &sample {
            let parts = parts(graph, string);
            let long = parts.iter().filter(|&&part| graph.raw_self_size(part) >= LEAST_PARENT);
            let before = pinned.slices + pinned.ropes;
            for &part in long {
                if pinned.slices + pinned.ropes == before {
                    *(if graph.kind(string) == NodeKind::SLICED_STRING { &mut pinned.slices } else { &mut pinned.ropes }) += 1;
                }
                if known.insert(part) {
                    pinned.parents += 1;
                    pinned.bytes = pinned.bytes.saturating_add(graph.raw_self_size(part));
                }
            }
        }
        ((pinned.slices + pinned.ropes) * 2 >= sample.len() as u64).then_some(pinned)
    }

    fn text(&self) -> String {
        let (count, kind) = if self.slices > 0 { (self.slices, "slices") } else { (self.ropes, "strings joined by +") };
        let (parents, size) = (grouped(self.parents), bytes(self.bytes));
        format!("{} {kind} that were looked at keep {parents} long strings of {size} together", grouped(count))
    }
}

/// Returns the strings that a slice or a rope refers to.
fn parts(graph: &HeapGraph, string: NodeIx) -> Vec<NodeIx> {
    let names: &[&str] = match graph.kind(string) {
        NodeKind::SLICED_STRING => &["parent"],
        NodeKind::CONS_STRING => &["first", "second"],
        _ => &[],
    };
    names.iter().filter_map(|name| graph.child(string, EdgeKind::INTERNAL, name)).collect()
}

/// Says that an object holds a slice whose parent is most of what the object keeps. Looks at its own fields only.
pub(super) fn pinned_below(scene: &Scene<'_>, node: NodeIx) -> Option<String> {
    const LOOKED_AT: usize = 64;
    let graph = scene.graph();
    let retained = scene.analysis.retained_size(node);
    let properties = graph.edges(node).filter(|edge| edge.kind == EdgeKind::PROPERTY).take(LOOKED_AT);
    let slices = properties.filter(|edge| graph.kind(edge.to) == NodeKind::SLICED_STRING);
    let mut long = slices.filter_map(|edge| Some((edge, graph.raw_self_size(*parts(graph, edge.to).first()?))));
    let (edge, size) = long.find(|&(_, size)| size >= LEAST_PARENT && size >= retained / 2)?;
    let name = crate::story::property_word(&graph.edge_text(edge));
    Some(format!("{name} is a slice that keeps the whole string of {} that it was cut from", bytes(size)))
}
