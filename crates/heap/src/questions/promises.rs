//! Promises: whether they were settled, who waits for them, and which call is going to settle them.

use rustc_hash::FxHashMap;

use crate::filters::prototypes;
use crate::graph::{HeapGraph, NodeIx};
use crate::held::{Held, PromiseState};
use crate::kinds::{EdgeKind, NodeKind};
use crate::preview::{Limits, function_name, head};
use crate::source::scripts::{internal, script_of};
use crate::story::{Setting, calls};
use crate::view::{Cell, ColumnKind, Table};

/// More reactions of one promise are not counted.
const MOST: usize = 1 << 22;

/// Which promises are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PromiseQuery {
    /// All.
    #[default]
    All,
    /// Those that were not settled yet, as far as the source tells.
    Pending,
}

/// What is known of one promise.
struct Promise {
    node: NodeIx,
    state: &'static str,
    reactions: u64,
    held: Held,
}

/// A state that a snapshot does not tell: V8 writes neither it nor a result that is no object.
const UNKNOWN: &str = "unknown";

/// Lists promises: columns `id, state, reactions, waits, location, settled_by, value, self_size, retained_size, isolate`; most reactions first, then what retains most. `state` is `pending`,
/// `fulfilled` or `rejected`; of a snapshot, which does not hold it, `pending` where something waits, `settled` where there is a
/// result, else `unknown`. `reactions` counts what waits (`await` and `then`), `waits` is the function that goes on first (the newest reaction's), `location` the `await` where it waits, as far as the source or the script's text tells, else where it
/// was written. `settled_by` is the async function whose call returned the promise; `value` what it was settled with. O(nodes + reactions).
#[must_use]
pub fn promises(setting: &Setting<'_>, query: PromiseQuery, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("state", "state", ColumnKind::Word),
        ("reactions", "reactions", ColumnKind::Count),
        ("waits", "who waits", ColumnKind::Text),
        ("location", "location", ColumnKind::Location),
        ("settled_by", "settled by", ColumnKind::Text),
        ("value", "value", ColumnKind::Text),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("promises", &columns);
    let (analysis, graph) = (setting.analysis, setting.graph());
    let mut found = all(setting);
    if query == PromiseQuery::Pending {
        found.retain(|promise| promise.state == PromiseState::Pending.word());
    }
    found.sort_by_key(|one| (std::cmp::Reverse((one.reactions, analysis.retained_size(one.node))), one.node));
    table.total_rows = found.len() as u64;
    found.truncate(limit);
    let makers = makers(graph);
    for Promise { node, state, reactions, held } in found {
        let (waits, place) = waits(setting, node);
        table.rows.push(vec![
            graph.id(node).into(),
            state.into(),
            reactions.into(),
            waits.into(),
            place.into(),
            makers.get(&node).map(|&call| setting.label(call)).into(),
            value(setting, node, &held),
            analysis.self_size(node).into(),
            analysis.retained_size(node).into(),
            graph.isolate(node).map(u64::from).into(),
        ]);
    }
    table
}

/// Counts promises by state: columns `state, count, reactions, self_size`. O(nodes + reactions).
#[must_use]
pub fn promise_states(setting: &Setting<'_>) -> Table {
    let columns = [
        ("state", "state", ColumnKind::Word),
        ("count", "count", ColumnKind::Count),
        ("reactions", "reactions", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
    ];
    let mut table = Table::new("promise_states", &columns);
    let mut sums: std::collections::BTreeMap<&'static str, [u64; 3]> = std::collections::BTreeMap::new();
    for promise in all(setting) {
        let sum = sums.entry(promise.state).or_default();
        let more = [1, promise.reactions, setting.analysis.self_size(promise.node)];
        sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    for (state, [count, reactions, size]) in sums {
        table.push(vec![state.into(), count.into(), reactions.into(), size.into()]);
    }
    table
}

/// Finds all promises. Their prototypes are none, though they are called so.
fn all(setting: &Setting<'_>) -> Vec<Promise> {
    let graph = setting.graph();
    let prototypes = prototypes(graph);
    let is_promise = |node: NodeIx| {
        calls::is_promise(graph, node)
            || graph.kind(node) == NodeKind::OBJECT && internal(graph, node, setting.names.reactions_or_result).is_some()
    };
    let nodes: Vec<NodeIx> = graph.nodes().filter(|&node| is_promise(node) && !prototypes.get(node.0)).collect();
    let mut held = vec![Held::default(); nodes.len()];
    let is_told = graph.held_each(&nodes, 0, &mut |at, told| held[at] = told);
    let known = nodes.into_iter().zip(held).filter(|(_, held)| !is_told || held.promise.is_some());
    known.map(|(node, held)| of(setting, node, held)).collect()
}

fn of(setting: &Setting<'_>, node: NodeIx, held: Held) -> Promise {
    let graph = setting.graph();
    let result = internal(graph, node, setting.names.reactions_or_result);
    let first = result.filter(|&result| calls::is_reaction(graph, result));
    let reactions = std::iter::successors(first, |&reaction| before(graph, reaction)).take(MOST).count() as u64;
    let state = match held.promise {
        Some(state) => state.word(),
        None if first.is_some() => PromiseState::Pending.word(),
        None if result.is_some() => "settled",
        None => UNKNOWN,
    };
    Promise { node, state, reactions, held }
}

/// Returns the reaction that was added before one.
fn before(graph: &HeapGraph, reaction: NodeIx) -> Option<NodeIx> {
    let others = graph.edges(reaction).filter(|edge| edge.kind == EdgeKind::HIDDEN).map(|edge| edge.to);
    others.into_iter().find(|&other| calls::is_reaction(graph, other))
}

/// Returns who goes on when a promise settles, and where: a call that awaits, else the function that was given to `then`.
fn waits(setting: &Setting<'_>, promise: NodeIx) -> (Option<String>, Option<String>) {
    let graph = setting.graph();
    let first = internal(graph, promise, setting.names.reactions_or_result).filter(|&result| calls::is_reaction(graph, result));
    let Some(first) = first else { return (None, None) };
    let functions: Vec<NodeIx> = graph.edges(first).map(|edge| edge.to).filter(|&to| graph.kind(to) == NodeKind::CLOSURE).collect();
    if let Some(call) = functions.iter().find_map(|&function| calls::resumed(graph, function)) {
        let function = calls::called(graph, call);
        let guess = |function| setting.await_place(function, None).or_else(|| setting.place(function));
        let place = setting.waits_at(call).or_else(|| function.and_then(guess));
        return (Some(setting.label(call)), place.map(|place| place.to_string()));
    }
    // V8's own functions settle the next promise: what was written in a script says more.
    let written = functions.iter().copied().find(|&function| script_of(graph, function).is_some());
    let function = written.or_else(|| functions.first().copied());
    let place = function.and_then(|function| setting.place(function)).map(|place| place.to_string());
    (function.map(|function| function_name(setting, function)), place)
}

/// Returns for promises that async functions returned the calls that are going to settle them.
fn makers(graph: &HeapGraph) -> FxHashMap<NodeIx, NodeIx> {
    let mut makers = FxHashMap::default();
    for call in graph.nodes().filter(|&node| calls::called(graph, node).is_some()) {
        let promises = graph.edges(call).filter(|edge| edge.kind == EdgeKind::HIDDEN && calls::is_promise(graph, edge.to));
        makers.extend(promises.map(|edge| (edge.to, call)));
    }
    makers
}

fn value(setting: &Setting<'_>, promise: NodeIx, held: &Held) -> Cell {
    let graph = setting.graph();
    let result = internal(graph, promise, setting.names.reactions_or_result).filter(|&result| !calls::is_reaction(graph, result));
    match (result, held.value) {
        (Some(result), _) => head(setting, result, Limits { text: 60, ..Limits::default() }).into(),
        (None, Some(value)) => value.to_string().into(),
        (None, None) => Cell::None,
    }
}
