//! Roots in Node.js's terms: module cache, timer lists, open handles, the `Symbol.for` registry, the stack.

use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::{Root, Step};
use crate::source::Owner;
use crate::story::scene::Scene;

/// Variables of Node.js's own modules that people know by another name: (file, variable, name).
const KNOWN: &[(&str, &str, &str)] = &[
    // Of `internal/timers` and of `timers`, which both have them.
    ("timers", "timerListMap", "active timers"),
    ("timers", "timerListQueue", "active timers"),
    ("timers", "immediateQueue", "immediates"),
    ("internal/timers", "outstandingQueue", "immediates"),
    ("timers", "knownTimersById", "active timers by id"),
    ("internal/perf/observe", "markEntryBuffer", "performance timeline, marks"),
    ("internal/perf/observe", "measureEntryBuffer", "performance timeline, measures"),
    ("internal/perf/observe", "resourceTimingBuffer", "performance timeline, resources"),
    ("perf_hooks", "timelineBuffer", "performance timeline"),
    ("internal/perf/performance", "kPerformanceBuffer", "performance timeline"),
    ("internal/async_hooks", "active_hooks", "enabled async hooks"),
    ("diagnostics_channel", "channels", "diagnostics channels"),
    ("internal/process/promises", "pendingUnhandledRejections", "unhandled rejections"),
    ("internal/process/task_queues", "queue", "process.nextTick queue"),
    ("internal/cluster/child", "handles", "handles of the cluster worker"),
];

/// Names the root of a path and says how many steps the name covers.
pub(crate) fn name(scene: &Scene<'_>, root: NodeIx, steps: &[Step]) -> (String, Vec<String>, usize) {
    match scene.paths.roots.at(root) {
        Some(Root::ModuleScope { file, cached, .. }) => module_scope(scene, file, *cached, steps),
        Some(Root::Module { file }) => (format!("module cache  {}", shown(file)), vec!["stays until exit".to_owned()], 0),
        Some(Root::Global) => global(scene, steps),
        _ => engine(scene, steps),
    }
}

fn shown(file: &str) -> &str {
    file.strip_prefix("file://").unwrap_or(file)
}

fn module_scope(scene: &Scene<'_>, file: &str, cached: bool, steps: &[Step]) -> (String, Vec<String>, usize) {
    if Owner::of_script(file) == Owner::NodeCore {
        return core_module(scene, file, steps);
    }
    let what = if cached { "module cache" } else { "module" };
    (format!("{what}  {}", shown(file)), vec!["stays until exit".to_owned()], 0)
}

fn core_module(scene: &Scene<'_>, file: &str, steps: &[Step]) -> (String, Vec<String>, usize) {
    let graph = scene.graph();
    let variable = steps.first().filter(|step| step.edge.kind == EdgeKind::CONTEXT).map(|step| graph.edge_text(step.edge));
    let known = variable
        .and_then(|variable| KNOWN.iter().find(|(module, name, _)| file.ends_with(module) && *name == variable).map(|&(.., words)| words));
    match known {
        Some("active timers") => timers(scene, steps),
        Some(words) => (words.to_owned(), vec![format!("in {file}")], 1),
        None => (file.to_owned(), vec!["Node core".to_owned()], 0),
    }
}

/// Names a list of timers by its duration: `timerListMap` is an object whose keys are milliseconds.
fn timers(scene: &Scene<'_>, steps: &[Step]) -> (String, Vec<String>, usize) {
    let graph = scene.graph();
    let is_list = |node: NodeIx| graph.strings().is(graph.name_ix(node), "TimersList");
    let list = steps.iter().take(6).position(|step| is_list(step.edge.to));
    let Some(list) = list else { return ("active timers".to_owned(), vec![], 1) };
    let duration = steps.get(list).map(|step| graph.edge_text(step.edge)).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let from_map = steps.first().is_some_and(|step| graph.edge_text(step.edge) == "timerListMap");
    let label = match duration.filter(|_| from_map) {
        Some(duration) => format!("timer list  {duration} ms"),
        None => "timer list".to_owned(),
    };
    (label, vec!["until cleared".to_owned()], list + 1)
}

fn global(scene: &Scene<'_>, steps: &[Step]) -> (String, Vec<String>, usize) {
    let graph = scene.graph();
    // Node 26 starts at the native context, which holds the global object by one or more internal edges.
    let internal = steps
        .iter()
        .take_while(|step| !matches!(step.edge.kind, EdgeKind::PROPERTY | EdgeKind::CONTEXT) && graph.kind(step.from) != NodeKind::OBJECT);
    let told = internal.count().min(steps.len().saturating_sub(1));
    let scripts = steps.get(told).is_some_and(|step| step.edge.kind == EdgeKind::CONTEXT);
    let label = if scripts { "global scope" } else { "globalThis" };
    (label.to_owned(), vec!["stays until exit".to_owned()], told)
}

/// Words a reference from a group of roots: V8 numbers them (`25`, of the stack), and writes behind the number what it knows of a handle
/// (`3 / Node native`).
pub(super) fn member(group: &str, edge: &str) -> String {
    match handle_owner(edge) {
        Some(owner) if owner == edge => format!("({edge})"),
        _ if is_stack(group) => "(a local variable or temporary value)".to_owned(),
        None => "(root)".to_owned(),
        Some(owner) => format!("({owner})"),
    }
}

/// Returns what is known of whoever holds a native handle, by the name of the reference: V8 writes it behind a number (`3 / Node native`), a core
/// dump alone (`napi_ref of sqlite.node`).
pub(crate) fn handle_owner(edge: &str) -> Option<&str> {
    let (number, known) = edge.split_once(" / ").unwrap_or((edge, ""));
    let is_numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let owner = if is_numbered { known } else { edge };
    (!owner.is_empty()).then_some(owner)
}

/// Says whether a group of roots is a stack: V8 has one group for all, core dumps have one for each thread, `(thread 4217 stack)`.
pub(crate) fn is_stack(group: &str) -> bool {
    group == "(Stack roots)" || group.starts_with("(thread ")
}

fn engine(scene: &Scene<'_>, steps: &[Step]) -> (String, Vec<String>, usize) {
    let graph = scene.graph();
    let is_group = |node: NodeIx| graph.kind(node) == NodeKind::SYNTHETIC;
    let groups = steps.iter().take_while(|step| is_group(step.edge.to)).count();
    let Some(group) = groups.checked_sub(1).and_then(|last| steps.get(last)).map(|step| graph.name(step.edge.to)) else {
        return ("V8".to_owned(), vec![], 0);
    };
    let owner = steps.get(groups).and_then(|step| handle_owner(&graph.edge_text(step.edge)).map(|owner| format!("held by {owner}")));
    let (label, note) = match &*group {
        "(Global handles)" | "(Traced handles)" => ("native handle", owner.as_deref().unwrap_or("held by native code")),
        name if is_stack(name) => ("stack of the running code", "a running function"),
        "(Microtasks)" => ("microtask queue", "jobs that wait to run"),
        "(Handle scope)" => ("native code", "a running native function"),
        "(Eternal handles)" => ("Node core", "an eternal handle"),
        "(Debugger)" => ("debugger", "held by the debugger"),
        "(Strong roots)" | "(Strong root list)" => {
            let edge = steps.get(groups).map(|step| graph.edge_text(step.edge)).unwrap_or_default();
            if edge.contains("symbol_table") { ("Symbol.for registry", "never collected") } else { ("V8", "a strong root") }
        }
        name if name.starts_with("Node / ") => ("Node.js", "open handle or native object"),
        _ => ("V8", ""),
    };
    let note = if note.is_empty() { format!("by {group}") } else { format!("{note}, {group}") };
    // Tables in between are no objects that people know.
    let told = groups + steps[groups..].iter().take_while(|step| !scene.is_visible(step.edge.to)).count();
    (label.to_owned(), vec![note], told.min(steps.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_handle_is_told_where_it_is_known() {
        let check = |edge: &str, owner: Option<&str>, in_story: &str| {
            assert_eq!(handle_owner(edge), owner, "{edge}");
            assert_eq!(member("(Global handles)", edge), in_story, "{edge}");
        };
        check("3", None, "(root)");
        check("3 / Node native", Some("Node native"), "(Node native)");
        check("napi_ref of sqlite.node", Some("napi_ref of sqlite.node"), "(napi_ref of sqlite.node)");
        check("Cache of a / b.node", Some("Cache of a / b.node"), "(Cache of a / b.node)");
    }
}
