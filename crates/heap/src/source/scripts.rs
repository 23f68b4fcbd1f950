//! From closures and contexts to the scripts that they come from.
//!
//! V8 links closure → `shared` (SharedFunctionInfo) → `script` (Node 22 and later) or `script_or_debug_info` (16–20) → `name` and
//! `source`. Contexts have no such link: they go by a closure that was made in them. The source text is cut at 1024 UTF-16 units
//! unless `--heap-snapshot-string-limit` was raised, so a text from disk is preferred where the caller gives one.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::graph::{Edge, EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::{KnownNames, Name};
use crate::source::{Location, Place};

/// Which script functions and contexts belong to.
#[derive(Debug, Default)]
pub struct Scripts {
    /// For each context a closure that was made in it.
    of_context: FxHashMap<u32, u32>,
    /// For each script id of the locations table the script's node.
    of_id: FxHashMap<u32, u32>,
}

/// A longer name than any path that can exist.
const MAX_NAME: usize = 4096;

impl Scripts {
    /// Looks at every closure. O(closures and their edges).
    #[must_use]
    pub fn of(graph: &HeapGraph, names: &KnownNames) -> Self {
        let mut scripts = Self::default();
        for node in graph.nodes().filter(|&node| graph.kind(node) == NodeKind::CLOSURE) {
            if let Some(context) = internal(graph, node, names.context) {
                scripts.of_context.entry(context.0).or_insert(node.0);
            }
        }
        for location in graph.locations().iter() {
            if scripts.of_id.contains_key(&location.script_id) || location.node.at() >= graph.node_count() {
                continue;
            }
            let script = location.script.or_else(|| {
                let closure = Some(location.node).filter(|&node| graph.kind(node) == NodeKind::CLOSURE)?;
                script_of(graph, names, closure)
            });
            if let Some(script) = script {
                scripts.of_id.insert(location.script_id, script.0);
            }
        }
        scripts
    }

    /// Returns a closure that was made in a context.
    #[must_use]
    pub fn closure_in(&self, context: NodeIx) -> Option<NodeIx> {
        self.of_context.get(&context.0).copied().map(NodeIx)
    }

    /// Returns every context in which a closure was made, with one such closure, in no particular order.
    pub fn contexts(&self) -> impl Iterator<Item = (NodeIx, NodeIx)> + '_ {
        self.of_context.iter().map(|(&context, &closure)| (NodeIx(context), NodeIx(closure)))
    }

    /// Returns the script of that number.
    #[must_use]
    pub fn by_id(&self, id: u32) -> Option<NodeIx> {
        self.of_id.get(&id).copied().map(NodeIx)
    }

    /// Returns the place of a function or class, before any source map.
    #[must_use]
    pub fn place(&self, graph: &HeapGraph, location: Location) -> Option<Place> {
        let script = location.script.or_else(|| self.by_id(location.script_id))?;
        let file = script_name(graph, script);
        (!file.is_empty()).then(|| Place::new(file, location.line.saturating_add(1), location.column.saturating_add(1)))
    }
}

/// Returns the target of a node's internal edge of that name.
#[inline]
pub(crate) fn internal(graph: &HeapGraph, node: NodeIx, name: Name) -> Option<NodeIx> {
    graph.edges(node).find(|&edge| edge.kind == EdgeKind::INTERNAL && is_named(graph, edge, name)).map(|edge| edge.to)
}

/// Returns the target of a node's property of that name.
#[inline]
pub(crate) fn property(graph: &HeapGraph, node: NodeIx, name: Name) -> Option<NodeIx> {
    graph.edges(node).find(|&edge| edge.kind == EdgeKind::PROPERTY && is_named(graph, edge, name)).map(|edge| edge.to)
}

/// Says whether an edge has that known name.
#[inline]
pub(crate) fn is_named(graph: &HeapGraph, edge: Edge, name: Name) -> bool {
    matches!(graph.edge_name(edge), EdgeName::Text(ix) if name.is(ix))
}

/// Returns the SharedFunctionInfo of a closure: equal for all closures of one function.
#[must_use]
pub fn shared_info(graph: &HeapGraph, names: &KnownNames, closure: NodeIx) -> Option<NodeIx> {
    internal(graph, closure, names.shared)
}

/// Returns the script that a closure was written in.
#[must_use]
pub fn script_of(graph: &HeapGraph, names: &KnownNames, closure: NodeIx) -> Option<NodeIx> {
    let shared = shared_info(graph, names, closure)?;
    let mut script = internal(graph, shared, names.script).or_else(|| internal(graph, shared, names.script_or_debug_info))?;
    // A function that was debugged has a DebugInfo in between (Node 16-20): it links to the SharedFunctionInfo's old script.
    if internal(graph, script, names.source).is_none() {
        script = internal(graph, script, names.script).unwrap_or(script);
    }
    (graph.kind(script) == NodeKind::CODE || internal(graph, script, names.source).is_some()).then_some(script)
}

/// Returns the name of a script: a path, a URL, `node:internal/timers`; empty where it has none.
#[must_use]
pub fn script_name(graph: &HeapGraph, script: NodeIx) -> String {
    let name = graph.child(script, EdgeKind::INTERNAL, "name").map(|name| text_of(graph, name));
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| graph.name(script));
    let name: &str = if name.starts_with("system / ") { "" } else { &name };
    name.chars().take(MAX_NAME).collect()
}

/// Returns the source text that the snapshot holds, and whether it is whole.
#[must_use]
pub fn script_source(graph: &HeapGraph, script: NodeIx) -> Option<(Cow<'_, str>, bool)> {
    let source = graph.child(script, EdgeKind::INTERNAL, "source").filter(|&source| graph.kind(source).is_string())?;
    let text = text_of(graph, source);
    // V8 tells neither the length nor that it cut; a text of exactly the limit (1024, or a larger power of two) may be cut.
    let units = text.encode_utf16().count();
    let whole = units < 1000 || !(units.is_power_of_two() || (units + 1).is_power_of_two());
    (!text.is_empty()).then_some((text, whole))
}

/// Returns the text of a string node; of a rope or slice only what V8 wrote as its name.
fn text_of(graph: &HeapGraph, node: NodeIx) -> Cow<'_, str> {
    if graph.kind(node) == NodeKind::STRING { graph.name(node) } else { Cow::Borrowed("") }
}
