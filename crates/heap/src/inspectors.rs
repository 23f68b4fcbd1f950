//! Small judges of single objects, after LeakCanary's: is it meant to be alive, is it dead but held, or does nothing tell?
//!
//! They read state that snapshots show: booleans are edges to V8's oddballs only where those are told apart by name, numbers mostly
//! are not written at all. So an inspector that says nothing is the common case, and none guesses.

use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Root;
use crate::story::Leaking;
use crate::story::scene::Scene;

/// Judges one object; `None` where nothing tells.
#[must_use]
pub fn inspect(scene: &Scene<'_>, node: NodeIx) -> Option<(Leaking, String)> {
    root(scene, node).or_else(|| by_class(scene, node))
}

fn root(scene: &Scene<'_>, node: NodeIx) -> Option<(Leaking, String)> {
    let reason = match scene.paths.roots.at(node)? {
        Root::ModuleScope { .. } => "variables of a loaded module",
        Root::Module { .. } => "a loaded module",
        Root::Global => "the global object",
        Root::Engine => "the root",
    };
    Some((Leaking::No, reason.to_owned()))
}

fn by_class(scene: &Scene<'_>, node: NodeIx) -> Option<(Leaking, String)> {
    let graph = scene.graph();
    if !matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::NATIVE) {
        return None;
    }
    let name = graph.name(node);
    let flag = |key: &str| boolean(graph, node, key);
    let yes = |reason: &str| Some((Leaking::Yes, reason.to_owned()));
    let no = |reason: &str| Some((Leaking::No, reason.to_owned()));
    match &*name {
        "process" => return no("the process object"),
        "global" | "Window" | "global / " => return no("the global object"),
        "TimersList" | "ImmediateList" => return no("a list of active timers"),
        "Timeout" | "Immediate" if flag("_destroyed") == Some(true) => return yes("a timer that was cleared or has fired"),
        "Timeout" | "Immediate" if flag("_destroyed") == Some(false) => return no("a timer that is active"),
        "ServerResponse" | "OutgoingMessage" if flag("finished") == Some(true) && flag("destroyed") == Some(true) => {
            return yes("a response that was sent and closed");
        }
        "IncomingMessage" if flag("complete") == Some(true) && flag("aborted") == Some(true) => return yes("a request that was aborted"),
        // Node 20 and older make signals as an EventTarget whose prototype is exchanged: its class is that.
        "AbortSignal" | "EventTarget" if symbol_flag(graph, node, "kAborted") == Some(true) => return yes("was aborted already"),
        "ChildProcess" if flag("_closesNeeded").is_none() && flag("killed") == Some(true) => return yes("a child process that was killed"),
        _ => {}
    }
    if name.starts_with("Node / ") && name.ends_with("Wrap") && name.contains("TCP") {
        return no("a native handle");
    }
    if flag("destroyed") == Some(true) {
        return yes("destroyed is true");
    }
    for state in ["_readableState", "_writableState"] {
        let Some(state_node) = graph.child(node, EdgeKind::PROPERTY, state) else { continue };
        if boolean(graph, state_node, "destroyed") == Some(true) || boolean(graph, state_node, "closed") == Some(true) {
            return yes("a stream that was destroyed");
        }
    }
    None
}

/// Returns a boolean property. V8 writes an edge to the oddball: named `true` since Node 24, `system / Oddball` before, with an edge to
/// the string of its name.
pub(crate) fn boolean(graph: &HeapGraph, node: NodeIx, key: &str) -> Option<bool> {
    oddball(graph, graph.child(node, EdgeKind::PROPERTY, key)?)
}

fn symbol_flag(graph: &HeapGraph, node: NodeIx, symbol: &str) -> Option<bool> {
    let key = format!("<symbol {symbol}>");
    oddball(graph, graph.child(node, EdgeKind::PROPERTY, &key)?)
}

/// Returns the boolean that a node is.
pub(crate) fn oddball(graph: &HeapGraph, value: NodeIx) -> Option<bool> {
    if graph.kind(value) != NodeKind::HIDDEN && graph.kind(value) != NodeKind::NATIVE {
        return None;
    }
    let text = |node: NodeIx| match &*graph.name(node) {
        "true" | "system / True" => Some(true),
        "false" | "system / False" => Some(false),
        _ => None,
    };
    text(value).or_else(|| graph.edges(value).find_map(|edge| text(edge.to)))
}
