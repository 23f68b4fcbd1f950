//! Realms (native contexts): the program's own, those of workers, and those that `node:vm` made.

use rustc_hash::FxHashMap;

use super::share;
use crate::analysis::HeapAnalysis;
use crate::contexts::{NativeContexts, Owner};
use crate::graph::{Detachedness, HeapGraph, NodeIx};
use crate::kinds::EdgeKind;
use crate::view::{Cell, ColumnKind, Table};

/// Lists realms: columns `id, context, kind, isolate, global, detached, count, self_size, retained_size, share`. `kind` is `main` where the global object
/// has a `process`, as Node.js gives it to the program's and to workers' realms, else `vm`; `global` is the global object. `count` and `self_size` are of
/// the objects that belong to this realm alone, as DevTools attributes them; `detached` is V8's word on a context that its embedder has let go. O(edges).
#[must_use]
pub fn contexts(analysis: &HeapAnalysis, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("context", "context", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("isolate", "isolate", ColumnKind::Count),
        ("global", "global", ColumnKind::Node),
        ("detached", "detached", ColumnKind::Text),
        ("count", "objects", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
    ];
    let mut table = Table::new("contexts", &columns);
    let graph = analysis.graph();
    let sizes = NativeContexts::of(graph).sizes(analysis);
    let mut rows: Vec<(NodeIx, u64, u64)> = sizes
        .into_iter()
        .filter_map(|owned| match owned.owner {
            Owner::Context(context) => Some((context, owned.count, owned.size)),
            Owner::Shared | Owner::Nobody => None,
        })
        .collect();
    rows.sort_by_key(|&(context, _, size)| (std::cmp::Reverse(size), context));
    let mut numbers: FxHashMap<&'static str, u64> = FxHashMap::default();
    for (context, count, size) in rows {
        // Node.js 26 names the edge after what it leads to.
        let global = ["extension", "global_object"].into_iter().find_map(|name| graph.child(context, EdgeKind::INTERNAL, name));
        let kind = kind(graph, global);
        let number = numbers.entry(kind).or_default();
        *number += 1;
        let is_detached = analysis.detachedness(context) == Detachedness::Detached || graph.name(context).starts_with("Detached ");
        table.push(vec![
            graph.id(context).into(),
            graph.name(context).into_owned().into(),
            kind.into(),
            graph.isolate(context).map(u64::from).into(),
            global.map_or(Cell::None, |global| graph.id(global).into()),
            if is_detached { "yes" } else { "no" }.into(),
            count.into(),
            size.into(),
            analysis.retained_size(context).into(),
            share(analysis, size),
        ]);
    }
    table.truncate(limit);
    table
}

/// Says what made a realm. Node.js defines `process` in its own only: as a property of the global object or, since Node.js 18, as an accessor.
fn kind(graph: &HeapGraph, global: Option<NodeIx>) -> &'static str {
    match global {
        Some(global) if graph.edges(global).any(|edge| edge.kind == EdgeKind::PROPERTY && graph.edge_text(edge) == "process") => "main",
        Some(_) => "vm",
        None => "unknown",
    }
}
