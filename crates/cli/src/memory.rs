//! What a snapshot's memory is made of, as a report shows it: the largest parts with bars, the rest in one line.
//!
//! The parts and their sums are `heap::statistics`'s; every byte is in one part.

use heap::HeapAnalysis;
use heap::statistics::{Statistics, statistics};
use serde_json::{Value, json};

use crate::answer::{Line, Piece, Section};
use crate::render::number;

/// How many parts have a line of their own.
const SHOWN: usize = 8;

/// Returns the memory of a snapshot as a section. Needs no dominators: also for an analysis that was stopped.
pub(crate) fn section(analysis: &HeapAnalysis) -> Section {
    titled(analysis, "MEMORY", "in the snapshot")
}

/// As `section`, of a process of which the rest is told, too.
pub(crate) fn of_what_is_alive(analysis: &HeapAnalysis) -> Section {
    titled(analysis, "ALIVE ", "of objects")
}

fn titled(analysis: &HeapAnalysis, title: &str, of: &str) -> Section {
    let statistics = statistics(analysis);
    let mut parts: Vec<(&str, u64)> =
        statistics.parts.iter().map(|part| (part.part.title(), part.size)).filter(|part| part.1 > 0).collect();
    parts.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
    if parts.len() > SHOWN + 1 {
        let rest = parts.drain(SHOWN..).map(|(_, size)| size).sum();
        parts.push(("other", rest));
    }
    let largest = parts.iter().map(|&(_, size)| size).max().unwrap_or(0);
    let outside =
        if statistics.native > 0 { format!(", {} of it outside V8's heap", number::bytes(statistics.native)) } else { String::new() };
    let title: Line = vec![Piece::Strong(title.to_owned()), Piece::Plain(format!("   {} {of}{outside}", number::bytes(statistics.total)))];
    let lines = parts.iter().map(|&(name, size)| line(name, size, statistics.total, largest));
    Section::Value { name: "memory", json: in_json(&statistics), lines: std::iter::once(title).chain(lines).collect() }
}

fn line(name: &str, size: u64, total: u64, largest: u64) -> Line {
    part(name, size, if total == 0 { 0.0 } else { size as f64 / total as f64 }, largest)
}

/// Returns a part of memory with its share, and a bar of which the largest part's is the whole.
pub(crate) fn part(name: &str, size: u64, share: f64, largest: u64) -> Line {
    let front = format!("  {name:<22}{:>9}  {:>4}  ", number::bytes(size), number::share(share));
    vec![Piece::Plain(front), Piece::Faint(bar(size, largest))]
}

fn in_json(statistics: &Statistics) -> Value {
    let parts = statistics.parts.iter().map(|part| json!({"id": part.part.name(), "bytes": part.size, "count": part.count}));
    json!({
        "heap": statistics.total,
        "buckets": parts.collect::<Vec<_>>(),
        "devtools": {
            "total": statistics.total,
            "native": statistics.native,
            "typed_arrays": statistics.typed_arrays,
            "v8_heap": statistics.v8_heap,
            "code": statistics.code,
            "strings": statistics.strings,
            "js_arrays": statistics.js_arrays,
            "system": statistics.system,
        },
    })
}

/// Returns a bar of at most 24 columns, in eighths of a column.
fn bar(bytes: u64, largest: u64) -> String {
    const COLUMNS: u128 = 24;
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (u128::from(bytes) * COLUMNS * 8).checked_div(u128::from(largest)).unwrap_or(0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}
