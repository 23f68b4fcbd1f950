//! Calls that wait: async functions and generators, and the functions without a script by which V8 resumes them and settles promises.
//!
//! An async function that awaits is held so, on every line of Node.js from 16 to 26:
//!
//! ```text
//! Promise  reactions_or_result → PromiseReaction → two functions  context → Context  extension → Generator
//! Generator  function → the async function   parameters_and_registers → its local variables   hidden → the promise that it returned
//! ```
//!
//! The object is called `Generator` for an async function, and after the function for a generator. It stays after the call has ended, so
//! nothing here says that a call still runs. In which line it waits is not in the file.

use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::scripts::script_of;

/// More references than an object has that stands for a call.
const FEW: u32 = 16;

/// Returns the function that an object of V8's stands for a call of; `None` for other objects.
pub(crate) fn called(graph: &HeapGraph, node: NodeIx) -> Option<NodeIx> {
    let is_small = || (graph.edge_range(node).end - graph.edge_range(node).start) <= FEW;
    if graph.kind(node) != NodeKind::OBJECT || !is_small() {
        return None;
    }
    let function = graph.child(node, EdgeKind::INTERNAL, "function").filter(|&function| graph.kind(function) == NodeKind::CLOSURE)?;
    graph.child(node, EdgeKind::INTERNAL, "parameters_and_registers").map(|_| function)
}

/// Returns the call that a function resumes; `None` for all functions that are not V8's half of an `await`.
pub(crate) fn resumed(graph: &HeapGraph, closure: NodeIx) -> Option<NodeIx> {
    let extension = graph.child(builtin_context(graph, closure)?, EdgeKind::INTERNAL, "extension")?;
    called(graph, extension).map(|_| extension)
}

/// Returns what a function of V8's own settles: the promise of `resolve` and `reject`, or what `Promise.all` and the like know it by.
pub(crate) fn settled_by(graph: &HeapGraph, closure: NodeIx) -> Option<NodeIx> {
    let context = builtin_context(graph, closure)?;
    let slots = graph.edges(context).filter(|edge| edge.kind == EdgeKind::HIDDEN).map(|edge| edge.to);
    slots.into_iter().find(|&slot| is_promise(graph, slot) || is_capability(graph, slot))
}

/// Says whether a node is a promise.
pub(crate) fn is_promise(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.kind(node) == NodeKind::OBJECT && graph.strings().is(graph.name_ix(node), "Promise")
}

/// Says whether a node is a promise with its two functions, as `Promise.all` and the like make them.
pub(crate) fn is_capability(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.strings().is(graph.name_ix(node), "system / PromiseCapability")
}

/// Says whether a node is what a promise keeps of a function that waits for it.
pub(crate) fn is_reaction(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.strings().is(graph.name_ix(node), "system / PromiseReaction")
}

/// Returns the context of a function without name and script, which V8 made for itself.
fn builtin_context(graph: &HeapGraph, closure: NodeIx) -> Option<NodeIx> {
    let is_own = graph.kind(closure) == NodeKind::CLOSURE && graph.strings().raw(graph.name_ix(closure)).is_empty();
    graph.child(closure, EdgeKind::INTERNAL, "context").filter(|_| is_own && script_of(graph, closure).is_none())
}
