//! Timers: what Node.js is going to call, when, and what it keeps until then.
//!
//! Node.js keeps timers of one duration in one list (`TimersList`), and finds the lists by duration. How long a timer waits is in no
//! snapshot, but its list is: that tells the duration.

use rustc_hash::FxHashMap;

use super::sums::sums;
use crate::EdgeName;
use crate::graph::{HeapGraph, NodeIx};
use crate::held::{Held, Primitive};
use crate::inspectors::boolean;
use crate::kinds::{EdgeKind, NodeKind};
use crate::preview::function_name;
use crate::source::scripts::shared_info;
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, Table};

/// Which timers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimerQuery {
    /// Those that wait, and those that are being run.
    #[default]
    Pending,
    /// Those too that were cleared or have fired, and that something still holds.
    All,
}

/// Says in how many milliseconds the event loop of an isolate looks for timers that are due: less than nothing where it is late. `None`
/// where the source does not tell.
pub type UntilTimers<'a> = &'a dyn Fn(Option<u32>) -> Option<i64>;

/// What a timer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Does {
    Timeout,
    Interval,
    Immediate,
    Unknown,
}

impl Does {
    fn word(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Interval => "interval",
            Self::Immediate => "immediate",
            Self::Unknown => UNKNOWN,
        }
    }
}

const UNKNOWN: &str = "unknown";

/// What is known of one timer.
struct Timer {
    node: NodeIx,
    does: Does,
    state: &'static str,
    callback: Option<NodeIx>,
    referenced: &'static str,
    list: Option<NodeIx>,
    duration: Option<f64>,
    due: Option<f64>,
}

/// Lists timers: columns `id, kind, state, duration_ms, left_ms, callback, location, referenced, retained_size, due_ms, list, isolate`,
/// those that retain most first. `kind` is `timeout`, `interval` or `immediate`; `state` is `pending`, `running` (its callback is being
/// called), `done` (cleared, or it has fired) or `unknown`. `duration_ms` is how long it waits, or how often it repeats; `due_ms` when it
/// fires, on the process's own clock, and `left_ms` how long that is from the last time that the event loop looked at the clock.
/// `referenced`: whether it keeps the process running. `list` is the TimersList that it is in. O(nodes).
#[must_use]
pub fn timers(setting: &Setting<'_>, query: TimerQuery, until: UntilTimers<'_>, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("kind", "kind", ColumnKind::Word),
        ("state", "state", ColumnKind::Word),
        ("duration_ms", "ms", ColumnKind::Count),
        ("left_ms", "ms left", ColumnKind::Count),
        ("callback", "callback", ColumnKind::Text),
        ("location", "location", ColumnKind::Location),
        ("referenced", "ref", ColumnKind::Word),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("due_ms", "due at", ColumnKind::Count),
        ("list", "list", ColumnKind::Node),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("timers", &columns);
    let (analysis, graph) = (setting.analysis, setting.graph());
    let mut found = all(setting, query);
    found.sort_by_key(|timer| (std::cmp::Reverse(analysis.retained_size(timer.node)), timer.node));
    table.total_rows = found.len() as u64;
    let next = next_expiries(setting);
    for timer in found.into_iter().take(limit) {
        let isolate = graph.isolate(timer.node);
        let left = || Some(timer.due? - *next.get(&isolate)? + until(isolate)? as f64);
        table.rows.push(vec![
            graph.id(timer.node).into(),
            timer.does.word().into(),
            timer.state.into(),
            milliseconds(timer.duration),
            milliseconds(if timer.state == PENDING { left() } else { None }),
            timer.callback.map(|callback| function_name(setting, callback)).into(),
            timer.callback.and_then(|callback| setting.place(callback)).map(|place| place.to_string()).into(),
            timer.referenced.into(),
            analysis.retained_size(timer.node).into(),
            milliseconds(timer.due),
            timer.list.map(|list| graph.id(list)).into(),
            isolate.map(u64::from).into(),
        ]);
    }
    table
}

/// Counts timers by the function that they call: columns `id, callback, kind, count, retained_size, location`, the largest sum first. `id`
/// is the one that retains most, `retained_size` what all retain together, each byte counted once. O(nodes).
#[must_use]
pub fn timer_callbacks(setting: &Setting<'_>, query: TimerQuery, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("callback", "callback", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Word),
        ("count", "count", ColumnKind::Count),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("location", "location", ColumnKind::Location),
    ];
    let mut table = Table::new("timer_callbacks", &columns);
    let (graph, found) = (setting.graph(), all(setting, query));
    let mut numbers: FxHashMap<(Option<NodeIx>, Does), u32> = FxHashMap::default();
    let mut groups: Vec<&Timer> = Vec::new();
    let mut group_of: FxHashMap<NodeIx, u32> = FxHashMap::default();
    for timer in &found {
        let function = timer.callback.map(|callback| shared_info(graph, callback).unwrap_or(callback));
        let number = *numbers.entry((function, timer.does)).or_insert_with(|| {
            groups.push(timer);
            groups.len() as u32 - 1
        });
        group_of.insert(timer.node, number);
    }
    let sums = sums(setting.analysis, groups.len(), |node| group_of.get(&node).copied());
    let mut rows: Vec<_> = groups.into_iter().zip(sums).collect();
    rows.sort_by_key(|(timer, sum)| (std::cmp::Reverse((sum.retained, sum.count)), timer.node));
    table.total_rows = rows.len() as u64;
    for (timer, sum) in rows.into_iter().take(limit) {
        table.rows.push(vec![
            graph.id(sum.largest).into(),
            timer.callback.map(|callback| function_name(setting, callback)).into(),
            timer.does.word().into(),
            sum.count.into(),
            sum.retained.into(),
            timer.callback.and_then(|callback| setting.place(callback)).map(|place| place.to_string()).into(),
        ]);
    }
    table
}

fn milliseconds(time: Option<f64>) -> Cell {
    // What is late is due now.
    time.filter(|time| time.is_finite()).map(|time| time.max(0.0) as u64).into()
}

const PENDING: &str = "pending";

/// Finds the timers: what the lists lead to, and objects of Node.js's classes that are in none.
fn all(setting: &Setting<'_>, query: TimerQuery) -> Vec<Timer> {
    let graph = setting.graph();
    let lists = lists(graph);
    let is_timer = |node: NodeIx| {
        let is_named = || ["Timeout", "Immediate"].iter().any(|class| graph.strings().is(graph.name_ix(node), class));
        let calls = || CALLBACKS.iter().any(|name| graph.child(node, EdgeKind::PROPERTY, name).is_some());
        graph.kind(node) == NodeKind::OBJECT && (lists.contains_key(&node) || (is_named() && calls()))
    };
    let nodes: Vec<NodeIx> = graph.nodes().filter(|&node| is_timer(node)).collect();
    let mut held = vec![None; nodes.len()];
    graph.held_each(&nodes, 0, &mut |at, told| held[at] = Some(told));
    let durations = durations(setting, lists.values());
    let timers = nodes.into_iter().zip(held).map(|(node, held)| {
        let list = lists.get(&node).copied();
        let duration = list.and_then(|list| durations.get(&list).copied());
        timer(&Object { graph, node, held }, list, duration)
    });
    timers.filter(|timer| query == TimerQuery::All || timer.state != "done").collect()
}

/// What a Timeout and an Immediate call.
const CALLBACKS: [&str; 2] = ["_onTimeout", "_onImmediate"];

/// Follows the lists. Returns for all that is in one which list that is: any object can be, by `timers.enroll` of Node.js up to 23.
fn lists(graph: &HeapGraph) -> FxHashMap<NodeIx, NodeIx> {
    let is_list = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT && graph.strings().is(graph.name_ix(node), "TimersList");
    let mut member_of = FxHashMap::default();
    for list in graph.nodes().filter(|&node| is_list(node)) {
        let next = |&at: &NodeIx| graph.child(at, EdgeKind::PROPERTY, "_idleNext").filter(|&next| graph.kind(next) == NodeKind::OBJECT);
        for member in std::iter::successors(next(&list), next) {
            if is_list(member) || member_of.insert(member, list).is_some() {
                break;
            }
        }
    }
    member_of
}

/// Returns how long the timers of each list wait, in milliseconds: that is its name where Node.js keeps it.
fn durations<'l>(setting: &Setting<'_>, lists: impl Iterator<Item = &'l NodeIx>) -> FxHashMap<NodeIx, f64> {
    let graph = setting.graph();
    let mut known = FxHashMap::default();
    for &list in lists {
        known.entry(list).or_insert_with(|| {
            // Its place in the queue of lists, an array, is a number too.
            let is_array = |from: NodeIx| graph.kind(from) != NodeKind::OBJECT || graph.strings().is(graph.name_ix(from), "Array");
            let named = setting.analysis.retainers(list).filter(|&(from, _)| !is_array(from));
            named.into_iter().find_map(|(_, edge)| match (edge.kind, graph.edge_name(edge)) {
                (EdgeKind::ELEMENT, EdgeName::Index(index)) => Some(f64::from(index)),
                (EdgeKind::PROPERTY, _) => graph.edge_text(edge).parse().ok().filter(|number: &f64| number.is_finite()),
                _ => None,
            })
        });
    }
    known.into_iter().filter_map(|(list, duration)| Some((list, duration?))).collect()
}

/// An object with what its source tells of it.
struct Object<'a> {
    graph: &'a HeapGraph,
    node: NodeIx,
    held: Option<Held>,
}

impl Object<'_> {
    /// Returns a property's value where it is a number.
    fn number(&self, name: &str) -> Option<f64> {
        number(self.graph, self.node, self.held.as_ref()?, EdgeKind::PROPERTY, name)
    }

    fn child(&self, name: &str) -> Option<NodeIx> {
        self.graph.child(self.node, EdgeKind::PROPERTY, name)
    }

    fn boolean(&self, name: &str) -> Option<bool> {
        boolean(self.graph, self.node, name)
    }

    fn does(&self) -> Does {
        if self.child("_onImmediate").is_some() {
            return Does::Immediate;
        }
        let is_number = |value: NodeIx| self.graph.kind(value) == NodeKind::NUMBER;
        match (self.child("_repeat"), &self.held) {
            (Some(value), _) if is_number(value) => Does::Interval,
            (Some(_), _) => Does::Timeout,
            // A small integer is no node. An object that was put into a list by hand has no such property at all.
            (None, Some(_)) => {
                if self.number("_repeat").is_some() {
                    Does::Interval
                } else {
                    Does::Timeout
                }
            }
            (None, None) if self.graph.strings().is(self.graph.name_ix(self.node), "Timeout") => Does::Interval,
            (None, None) => Does::Unknown,
        }
    }
}

/// Returns a number that an object or context holds, in itself or in a box.
fn number(graph: &HeapGraph, node: NodeIx, held: &Held, kind: EdgeKind, name: &str) -> Option<f64> {
    let own = held.names.iter().find(|(known, _)| known == name).and_then(|(_, value)| *value);
    let boxed = || graph.held(graph.child(node, kind, name)?, 0)?.value;
    match own.or_else(boxed)? {
        Primitive::Number(number) => Some(number),
        _ => None,
    }
}

fn timer(object: &Object<'_>, list: Option<NodeIx>, of_list: Option<f64>) -> Timer {
    let does = object.does();
    let is_done = object.boolean("_destroyed");
    let state = match (is_done, does, list) {
        (Some(true), ..) => "done",
        (_, _, Some(_)) | (Some(false), Does::Immediate, None) => PENDING,
        (Some(false), _, None) => "running",
        (None, _, None) => UNKNOWN,
    };
    let started = object.number("_idleStart");
    // A timer that was cleared waits -1 ms.
    let duration = object.number("_idleTimeout").or(of_list).filter(|&duration| duration >= 0.0);
    let due = if state == PENDING { started.zip(duration).map(|(started, duration)| started + duration) } else { None };
    let is_function = |&node: &NodeIx| object.graph.kind(node) == NodeKind::CLOSURE;
    let callback = CALLBACKS.iter().find_map(|name| object.child(name)).filter(is_function);
    let referenced = match (object.boolean("<symbol refed>"), is_done) {
        _ if state == "done" => "no",
        (Some(true), _) => "yes",
        (Some(false), _) => "no",
        (None, _) => UNKNOWN,
    };
    Timer { node: object.node, does, state, callback, referenced, list, duration, due }
}

/// Returns for each isolate when Node.js is going to look for timers that are due, on the process's own clock: a variable of its module.
fn next_expiries(setting: &Setting<'_>) -> FxHashMap<Option<u32>, f64> {
    let graph = setting.graph();
    let is_module = |node: NodeIx| setting.is_context(node) && graph.child(node, EdgeKind::CONTEXT, "timerListMap").is_some();
    let modules = graph.nodes().filter(|&node| is_module(node));
    let told = modules.filter_map(|node| {
        let next = number(graph, node, &graph.held(node, 0)?, EdgeKind::CONTEXT, "nextExpiry")?;
        Some((graph.isolate(node), next))
    });
    told.filter(|(_, next)| next.is_finite()).collect()
}
