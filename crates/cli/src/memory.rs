//! What a snapshot's memory is made of, in the few words that a report uses.
//!
//! Counts self sizes as DevTools attributes them, or the file's own where an analysis was stopped. Every byte is in one bucket.

use heap::{HeapAnalysis, HeapGraph, NodeIx, NodeKind};
use serde_json::{Value, json};

use crate::answer::{Line, Piece, Section};
use crate::render::number;

/// A part of the memory.
struct Bucket {
    /// The stable name in JSON.
    id: &'static str,
    /// The words for people.
    title: &'static str,
    bytes: u64,
}

/// The buckets and how kinds of nodes fall into them.
fn buckets(graph: &HeapGraph, size: impl Fn(NodeIx) -> u64) -> Vec<Bucket> {
    let mut by_kind = [0_u64; NodeKind::LIMIT as usize];
    for node in graph.nodes() {
        by_kind[usize::from(graph.kind(node).number())] += size(node);
    }
    let mut sum = |kinds: &[NodeKind]| kinds.iter().map(|kind| std::mem::take(&mut by_kind[usize::from(kind.number())])).sum::<u64>();
    let objects = sum(&[NodeKind::OBJECT, NodeKind::REGEXP, NodeKind::NUMBER, NodeKind::SYMBOL, NodeKind::BIGINT, NodeKind::WASM_OBJECT]);
    let closures = sum(&[NodeKind::CLOSURE]);
    let strings = sum(&[NodeKind::STRING, NodeKind::CONS_STRING, NodeKind::SLICED_STRING]);
    let arrays = sum(&[NodeKind::ARRAY]);
    let code = sum(&[NodeKind::CODE]);
    let external = sum(&[NodeKind::NATIVE]) + graph.extra_native_bytes();
    let rest = by_kind.iter().sum();
    let bucket = |id, title, bytes| Bucket { id, title, bytes };
    vec![
        bucket("js.objects", "objects", objects),
        bucket("js.closures", "functions", closures),
        bucket("js.strings", "strings", strings),
        bucket("js.arrays", "arrays, tables", arrays),
        bucket("js.code", "code", code),
        bucket("external", "Buffers, native", external),
        bucket("v8", "V8's own", rest),
    ]
}

/// Returns the memory of an analysed snapshot as a section.
pub(crate) fn section(analysis: &HeapAnalysis) -> Section {
    shown(&buckets(analysis.graph(), |node| analysis.self_size(node)))
}

/// Returns the memory of a graph whose analysis was stopped.
pub(crate) fn rough_section(graph: &HeapGraph) -> Section {
    shown(&buckets(graph, |node| graph.raw_self_size(node)))
}

fn shown(buckets: &[Bucket]) -> Section {
    let total: u64 = buckets.iter().map(|bucket| bucket.bytes).sum();
    let largest = buckets.iter().map(|bucket| bucket.bytes).max().unwrap_or(0);
    let title: Line = vec![Piece::Strong("MEMORY".to_owned()), Piece::Plain(format!("   {} in the snapshot", number::bytes(total)))];
    let lines = buckets.iter().filter(|bucket| bucket.bytes > 0).map(|bucket| {
        let share = if total == 0 { 0.0 } else { bucket.bytes as f64 / total as f64 };
        let front = format!("  {:<16}{:>9}  {:>4}  ", bucket.title, number::bytes(bucket.bytes), number::share(share));
        vec![Piece::Plain(front), Piece::Faint(bar(bucket.bytes, largest))]
    });
    Section::Value { name: "memory", json: in_json(buckets, total), lines: std::iter::once(title).chain(lines).collect() }
}

fn in_json(buckets: &[Bucket], total: u64) -> Value {
    let parts: Vec<Value> = buckets.iter().map(|bucket| json!({"id": bucket.id, "bytes": bucket.bytes})).collect();
    json!({"heap": total, "buckets": parts})
}

/// Returns a bar of at most 24 columns, in eighths of a column.
fn bar(bytes: u64, largest: u64) -> String {
    const COLUMNS: u128 = 24;
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (u128::from(bytes) * COLUMNS * 8).checked_div(u128::from(largest)).unwrap_or(0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}
