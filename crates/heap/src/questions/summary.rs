//! What a snapshot is: its size, its parts, its realms, the program that it was taken of.

use super::share;
use crate::analysis::HeapAnalysis;
use crate::contexts::{NativeContexts, Owner};
use crate::graph::{Detachedness, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::process;
use crate::statistics::{Part, Statistics, statistics};
use crate::view::{Cell, ColumnKind, Table};

/// Tells what a snapshot is: columns `fact, count, text`, one fact a row: `nodes`, `edges`, `strings`, `native_contexts`,
/// `detached_contexts`, `detached_nodes`, `locations`, `allocation_stacks`, `node_version`, `platform`, `flags`, `program`. Facts that the file does
/// not tell are left out. O(nodes).
#[must_use]
pub fn summary(analysis: &HeapAnalysis) -> Table {
    let columns = [("fact", "fact", ColumnKind::Text), ("count", "count", ColumnKind::Count), ("text", "what", ColumnKind::Text)];
    let mut table = Table::new("summary", &columns);
    let graph = analysis.graph();
    let contexts = crate::contexts::native_contexts(graph);
    let is_detached = |node: NodeIx| analysis.detachedness(node) == Detachedness::Detached || graph.name(node).starts_with("Detached ");
    let detached_nodes =
        graph.nodes().filter(|&node| graph.kind(node) == NodeKind::NATIVE && analysis.detachedness(node) == Detachedness::Detached);
    let counts = [
        ("nodes", graph.node_count()),
        ("edges", graph.edge_count()),
        ("strings", graph.strings().len()),
        ("native_contexts", contexts.len()),
        ("detached_contexts", contexts.iter().filter(|&&context| is_detached(context)).count()),
        ("detached_nodes", detached_nodes.count()),
        ("locations", graph.locations().len()),
        ("allocation_stacks", graph.allocations().stacks.len()),
    ];
    for (fact, count) in counts {
        table.push(vec![fact.into(), (count as u64).into(), Cell::None]);
    }
    for (fact, text) in program(graph) {
        table.push(vec![fact.into(), Cell::None, text.into()]);
    }
    table
}

/// Tells what the `process` object says of the program.
fn program(graph: &HeapGraph) -> Vec<(&'static str, String)> {
    let text = |object: NodeIx, name: &str| process::text(graph, object, name);
    let list = |object: NodeIx, name: &str| {
        let list = graph.child(object, EdgeKind::PROPERTY, name)?;
        let words = graph.edges(list).filter(|edge| edge.kind == EdgeKind::ELEMENT && graph.kind(edge.to).is_string());
        Some(words.map(|edge| crate::duplicates::string_text(graph, edge.to)).collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty())
    };
    let Some(process) = process::process(graph) else { return Vec::new() };
    let platform = text(process, "platform").zip(text(process, "arch")).map(|(platform, arch)| format!("{platform} {arch}"));
    let facts = [
        ("node_version", text(process, "version")),
        ("platform", platform),
        ("flags", list(process, "execArgv")),
        ("program", list(process, "argv")),
    ];
    facts.into_iter().filter_map(|(fact, text)| Some((fact, text?))).collect()
}

/// Tells where the bytes are: columns `id, part, count, size, share`. First DevTools' statistics (`total`, `v8_heap`, `v8_heap.code`,
/// `v8_heap.strings`, `v8_heap.js_arrays`, `v8_heap.system`, `v8_heap.other`, `native`, `native.typed_arrays`, `native.extra`), then
/// `parts.*`, which add up to the total; parts that are empty are left out. O(nodes).
#[must_use]
pub fn memory(analysis: &HeapAnalysis) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Text),
        ("part", "part", ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("size", "size", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
    ];
    let mut table = Table::new("memory", &columns);
    let Statistics { total, native, typed_arrays, v8_heap, code, strings, js_arrays, system, parts } = statistics(analysis);
    let known = code + strings + js_arrays + system;
    let rows = [
        ("total", "everything", total),
        ("v8_heap", "V8 heap", v8_heap),
        ("v8_heap.code", "code", code),
        ("v8_heap.strings", "strings", strings),
        ("v8_heap.js_arrays", "JavaScript arrays", js_arrays),
        ("v8_heap.system", "system objects", system),
        ("v8_heap.other", "other objects", v8_heap.saturating_sub(known)),
        ("native", "native memory", native),
        ("native.typed_arrays", "buffers", typed_arrays),
        ("native.extra", "native, no owner known", analysis.graph().extra_native_bytes()),
    ];
    for (id, title, size) in rows {
        table.push(vec![id.into(), title.into(), Cell::None, size.into(), share(analysis, size)]);
    }
    for part in parts.into_iter().filter(|part| part.size > 0) {
        let count = if part.part == Part::ExtraNative { Cell::None } else { part.count.into() };
        table.push(vec![
            format!("parts.{}", part.part.name()).into(),
            part.part.title().into(),
            count,
            part.size.into(),
            share(analysis, part.size),
        ]);
    }
    table
}

/// Tells which realm has what: columns `id, realm, count, size, retained_size, share`; one row for each native context, then what
/// several share, then what none has. As DevTools attributes. O(edges).
#[must_use]
pub fn realms(analysis: &HeapAnalysis) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("realm", "realm", ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("size", "size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
    ];
    let mut table = Table::new("realms", &columns);
    let graph = analysis.graph();
    for owned in NativeContexts::of(graph).sizes(analysis) {
        let (id, name, retained) = match owned.owner {
            Owner::Context(context) => (graph.id(context).into(), graph.name(context).into_owned(), analysis.retained_size(context).into()),
            Owner::Shared => (Cell::None, "(shared)".to_owned(), Cell::None),
            Owner::Nobody => (Cell::None, "(none)".to_owned(), Cell::None),
        };
        table.push(vec![id, name.into(), owned.count.into(), owned.size.into(), retained, share(analysis, owned.size)]);
    }
    table
}
