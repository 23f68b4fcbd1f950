//! Realms (native contexts): the program's own, those of workers, and those that `node:vm` made.

use rustc_hash::FxHashMap;

use super::share;
use crate::analysis::HeapAnalysis;
use crate::contexts::{NativeContexts, Owner};
use crate::duplicates::string_text;
use crate::graph::{Detachedness, Edge, HeapGraph, NodeIx};
use crate::held::Primitive;
use crate::inspectors::oddball;
use crate::kinds::EdgeKind;
use crate::names;
use crate::view::{Cell, ColumnKind, Table};

/// Lists realms: columns `id, context, kind, isolate, thread, name, global, detached, count, self_size, retained_size, share`. `kind` is `main` or `worker`
/// where the global object has a `process`, as Node.js gives it to the program's and to workers' realms, else `vm`; `thread` is a worker's `threadId`
/// where the source tells numbers, and `name` what it was called, where its Node.js keeps that (22 and later); `global` is the global object. `count` and `self_size` are of
/// the objects that belong to this realm alone, as DevTools attributes them; `detached` is V8's word on a context that its embedder has let go. O(edges).
#[must_use]
pub fn contexts(analysis: &HeapAnalysis, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("context", "context", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("isolate", "isolate", ColumnKind::Count),
        ("thread", "thread", ColumnKind::Count),
        ("name", "name", ColumnKind::Text),
        ("global", "global", ColumnKind::Node),
        ("detached", "detached", ColumnKind::Text),
        ("count", "objects", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
    ];
    let mut table = Table::new("contexts", &columns);
    let graph = analysis.graph();
    let realms = NativeContexts::of(graph);
    let workers = workers(graph, &realms);
    let sizes = realms.sizes(analysis);
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
        let worker = workers.get(&context);
        let kind = kind(graph, global, worker.is_some());
        let worker = worker.filter(|_| kind == WORKER);
        let number = numbers.entry(kind).or_default();
        *number += 1;
        let is_detached = analysis.detachedness(context) == Detachedness::Detached || graph.name(context).starts_with("Detached ");
        table.push(vec![
            graph.id(context).into(),
            graph.name(context).into_owned().into(),
            kind.into(),
            graph.isolate(context).map(u64::from).into(),
            worker.and_then(|worker| worker.thread).into(),
            worker.and_then(|worker| worker.name.clone()).into(),
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

/// What Node.js's own code in a worker knows of it.
#[derive(Default)]
struct Worker {
    thread: Option<u64>,
    name: Option<String>,
}

const WORKER: &str = "worker";

/// Returns what workers know of themselves, by realm: Node.js gives its own code an object that says whether this is the main thread. O(edges).
fn workers(graph: &HeapGraph, realms: &NativeContexts) -> FxHashMap<NodeIx, Worker> {
    let [asked, also] = names::find(graph.strings(), ["isMainThread", "ownsProcessState"]).map(|ix| ix.map(|ix| ix.0));
    let (Some(asked), Some(also)) = (asked, also) else { return FxHashMap::default() };
    let edge_names = graph.edge_names();
    let is_named = |edge: Edge, name: u32| edge.kind == EdgeKind::PROPERTY && edge_names[edge.ix.0 as usize] == name;
    let is_false = |edge: Edge| oddball(graph, edge.to) == Some(false);
    let told = graph.nodes().filter(|&node| {
        graph.edges(node).any(|edge| is_named(edge, asked) && is_false(edge)) && graph.edges(node).any(|edge| is_named(edge, also))
    });
    let realm = |node| if let Owner::Context(realm) = realms.owner(node) { Some((realm, worker(graph, node))) } else { None };
    told.filter_map(realm).collect()
}

fn worker(graph: &HeapGraph, told: NodeIx) -> Worker {
    let names = graph.held(told, 0).map(|held| held.names).unwrap_or_default();
    let thread = names.into_iter().find_map(|(name, value)| match value {
        Some(Primitive::Number(number)) if name == "threadId" => Some(number as u64),
        _ => None,
    });
    let name = graph.child(told, EdgeKind::PROPERTY, "threadName").filter(|&name| graph.kind(name).is_string());
    let name = name.map(|name| string_text(graph, name)).filter(|name| !name.is_empty());
    Worker { thread, name }
}

/// Says what made a realm. Node.js defines `process` in its own only: as a property of the global object or, since Node.js 18, as an accessor.
fn kind(graph: &HeapGraph, global: Option<NodeIx>, is_worker: bool) -> &'static str {
    match global {
        Some(global) if graph.edges(global).any(|edge| edge.kind == EdgeKind::PROPERTY && graph.edge_text(edge) == "process") => {
            if is_worker {
                WORKER
            } else {
                "main"
            }
        }
        Some(_) => "vm",
        None => "unknown",
    }
}
