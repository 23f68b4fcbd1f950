//! Event emitters and event targets: which events have how many listeners, and which function listens most.

use rustc_hash::FxHashMap;

use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::preview::function_name;
use crate::source::scripts::{internal, shared_info, unbound};
use crate::story::Setting;
use crate::view::{ColumnKind, Table};

/// The property in which an EventTarget keeps its listeners.
const TARGET_EVENTS: &str = "<symbol kEvents>";
/// A longer list of listeners is damage, or a loop.
const MOST: usize = 1 << 22;

/// The listeners of one event of one object.
struct Listeners {
    emitter: NodeIx,
    event: String,
    functions: Vec<NodeIx>,
}

/// Lists events that are listened to: columns `id, emitter, event, listeners, function, same, location, retained_size, isolate`, most listeners first. `function` is the
/// function of which most listeners are closures, `same` how many are, `location` where it was written; `retained_size` is the emitter's. Emitters without a listener have no row.
/// Both kinds count: EventEmitter (`_events`) and EventTarget (AbortSignal, MessagePort). O(edges).
#[must_use]
pub fn emitters(setting: &Setting<'_>, event: Option<&str>, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("emitter", "emitter", ColumnKind::Text),
        ("event", "event", ColumnKind::Text),
        ("listeners", "listeners", ColumnKind::Count),
        ("function", "function", ColumnKind::Text),
        ("same", "of it", ColumnKind::Count),
        ("location", "location", ColumnKind::Location),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("emitters", &columns);
    let graph = setting.graph();
    let mut found = all(setting);
    found.retain(|one| event.is_none_or(|event| one.event == event));
    found.sort_by_key(|one| (std::cmp::Reverse(one.functions.len()), one.emitter));
    table.total_rows = found.len() as u64;
    for one in found.into_iter().take(limit) {
        let most = most_common(graph, &one.functions);
        table.rows.push(vec![
            graph.id(one.emitter).into(),
            setting.class_of(one.emitter).into(),
            one.event.into(),
            (one.functions.len() as u64).into(),
            most.map(|(function, _)| function_name(setting, function)).into(),
            most.map(|(_, count)| count).into(),
            most.and_then(|(function, _)| setting.place(function)).map(|place| place.to_string()).into(),
            setting.analysis.retained_size(one.emitter).into(),
            graph.isolate(one.emitter).map(u64::from).into(),
        ]);
    }
    table
}

fn all(setting: &Setting<'_>) -> Vec<Listeners> {
    let graph = setting.graph();
    let target = graph.strings().find(TARGET_EVENTS);
    let mut found = Vec::new();
    for node in graph.nodes().filter(|&node| matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE)) {
        for edge in graph.edges(node).filter(|edge| edge.kind == EdgeKind::PROPERTY) {
            let EdgeName::Text(name) = graph.edge_name(edge) else { continue };
            if setting.names.events.is(name) {
                of_emitter(setting, (node, edge.to), &mut found);
            } else if Some(name) == target {
                of_target(setting, (node, edge.to), &mut found);
            }
        }
    }
    found
}

/// `_events` of an EventEmitter: by event a function, or an array of functions.
fn of_emitter(setting: &Setting<'_>, (emitter, events): (NodeIx, NodeIx), found: &mut Vec<Listeners>) {
    let graph = setting.graph();
    if graph.kind(events) != NodeKind::OBJECT {
        return;
    }
    for edge in graph.edges(events).filter(|edge| edge.kind == EdgeKind::PROPERTY) {
        let event = graph.edge_text(edge);
        let functions: Vec<NodeIx> = match graph.kind(edge.to) {
            _ if event == "__proto__" => continue,
            NodeKind::CLOSURE => vec![edge.to],
            NodeKind::OBJECT => {
                let elements = graph.edges(edge.to).filter(|edge| edge.kind == EdgeKind::ELEMENT);
                elements.map(|edge| edge.to).filter(|&to| graph.kind(to) == NodeKind::CLOSURE).collect()
            }
            _ => continue,
        };
        let functions: Vec<NodeIx> = functions.into_iter().map(|function| own(graph, function)).collect();
        if !functions.is_empty() {
            found.push(Listeners { emitter, event: event.into_owned(), functions });
        }
    }
}

/// `kEvents` of an EventTarget: a Map from events to lists, each entry of which leads to the next. The first is no listener, but their start.
fn of_target(setting: &Setting<'_>, (emitter, events): (NodeIx, NodeIx), found: &mut Vec<Listeners>) {
    let graph = setting.graph();
    let Some(table) = internal(graph, events, setting.names.table) else { return };
    let slot = |edge| graph.edge_text(edge).parse::<u64>().ok();
    let mut slots: FxHashMap<u64, (bool, NodeIx)> = FxHashMap::default();
    for edge in graph.edges(table).filter(|edge| edge.kind == EdgeKind::INTERNAL) {
        if let (Some(slot), Some(is_key)) = (slot(edge), setting.is_key(events, table, edge)) {
            slots.insert(slot, (is_key, edge.to));
        }
    }
    let mut keys: Vec<(u64, NodeIx)> = slots.iter().filter(|(_, (is_key, _))| *is_key).map(|(&slot, &(_, key))| (slot, key)).collect();
    keys.sort_unstable();
    for (slot, key) in keys.into_iter().filter(|&(_, key)| graph.kind(key).is_string()) {
        let Some(&(false, root)) = slots.get(&(slot + 1)) else { continue };
        let functions = chain(setting, root);
        if !functions.is_empty() {
            found.push(Listeners { emitter, event: crate::duplicates::string_text(graph, key), functions });
        }
    }
}

/// Follows a list of listeners.
fn chain(setting: &Setting<'_>, root: NodeIx) -> Vec<NodeIx> {
    let graph = setting.graph();
    let next = |&at: &NodeIx| graph.child(at, EdgeKind::PROPERTY, "next").filter(|&next| graph.kind(next) == NodeKind::OBJECT);
    let listeners = std::iter::successors(next(&root), next).take_while(|&at| at != root).take(MOST);
    // The callback may be an object with a method handleEvent, or stand behind a WeakRef: then the entry itself stands for it.
    let callback = |at: NodeIx| {
        let functions = ["listener", "callback"].into_iter().filter_map(|name| graph.child(at, EdgeKind::PROPERTY, name));
        functions.into_iter().find(|&node| graph.kind(node) == NodeKind::CLOSURE).unwrap_or(at)
    };
    listeners.map(callback).collect()
}

/// Returns the function that was given to `once`, which wraps it in one of its own; any other itself.
fn own(graph: &HeapGraph, function: NodeIx) -> NodeIx {
    graph.child(function, EdgeKind::PROPERTY, "listener").filter(|&inner| graph.kind(inner) == NodeKind::CLOSURE).unwrap_or(function)
}

/// Returns one closure of the function of which most are, and how many are.
fn most_common(graph: &HeapGraph, functions: &[NodeIx]) -> Option<(NodeIx, u64)> {
    let mut counts: FxHashMap<NodeIx, (u64, NodeIx)> = FxHashMap::default();
    for &function in functions {
        let key = shared_info(graph, function).unwrap_or(unbound(graph, function));
        counts.entry(key).or_insert((0, function)).0 += 1;
    }
    counts.into_values().max_by_key(|&(count, function)| (count, std::cmp::Reverse(function))).map(|(count, function)| (function, count))
}
