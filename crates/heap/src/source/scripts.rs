//! From closures and contexts to the scripts that they come from.
//!
//! V8 links closure → `shared` (SharedFunctionInfo) → `script` (Node 22 and later) or `script_or_debug_info` (16–20, where a DebugInfo
//! may stand in between) → `name` and `source`. Contexts have no such link: they go by a closure that was made in them. The source text is cut at 1024 UTF-16 units
//! unless `--heap-snapshot-string-limit` was raised, so a text from disk is preferred where the caller gives one.

use std::borrow::Cow;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;

use crate::graph::{Edge, EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::paths::Name;
use crate::source::{Exports, Place};

/// Which script functions and contexts belong to. Looked up when asked for: that reads edge names, which a large file keeps to itself.
pub struct Scripts<'a> {
    graph: &'a HeapGraph,
    /// For each context a closure that was made in it.
    of_context: OnceLock<FxHashMap<u32, u32>>,
    /// What modules export.
    exports: OnceLock<Exports>,
    /// For each script id of the locations table what leads to the script.
    witnesses: FxHashMap<u32, Witness>,
    /// The script's node, of those that were asked for.
    of_id: Mutex<FxHashMap<u32, Option<NodeIx>>>,
}

/// What leads to a script.
#[derive(Clone, Copy)]
enum Witness {
    /// The file tells: it is that node.
    Script(NodeIx),
    /// This function was written in it.
    Closure(NodeIx),
}

/// A longer name than any path that can exist.
const MAX_NAME: usize = 4096;

impl<'a> Scripts<'a> {
    /// Finds one function of every script. O(locations).
    #[must_use]
    pub fn of(graph: &'a HeapGraph) -> Self {
        let mut witnesses: FxHashMap<u32, Witness> = FxHashMap::default();
        for location in graph.locations().iter().filter(|location| location.node.at() < graph.node_count()) {
            let witness = match location.script {
                Some(script) => Witness::Script(script),
                None if graph.kind(location.node) == NodeKind::CLOSURE => Witness::Closure(location.node),
                None => continue,
            };
            witnesses.entry(location.script_id).or_insert(witness);
        }
        Self { graph, of_context: OnceLock::new(), exports: OnceLock::new(), witnesses, of_id: Mutex::default() }
    }

    fn contexts_and_closures(&self) -> &FxHashMap<u32, u32> {
        self.of_context.get_or_init(|| {
            let [name] = names::find(self.graph.strings(), ["context"]);
            let mut of_context = FxHashMap::default();
            for closure in self.graph.nodes().filter(|&node| self.graph.kind(node) == NodeKind::CLOSURE) {
                if let Some(context) = names::internal(self.graph, closure, name) {
                    of_context.entry(context.0).or_insert(closure.0);
                }
            }
            of_context
        })
    }

    /// Returns a closure that was made in a context. O(closures and their edges) the first time.
    #[must_use]
    pub fn closure_in(&self, context: NodeIx) -> Option<NodeIx> {
        self.contexts_and_closures().get(&context.0).copied().map(NodeIx)
    }

    /// Returns every context in which a closure was made, with one such closure, in no particular order. O(closures and their edges).
    pub fn contexts(&self) -> impl Iterator<Item = (NodeIx, NodeIx)> + '_ {
        self.contexts_and_closures().iter().map(|(&context, &closure)| (NodeIx(context), NodeIx(closure)))
    }

    /// Returns the variables that modules export. O(nodes) the first time.
    #[must_use]
    pub fn exports(&self) -> &Exports {
        self.exports.get_or_init(|| Exports::of(self.graph))
    }

    /// Returns the script of that number.
    #[must_use]
    pub fn by_id(&self, id: u32) -> Option<NodeIx> {
        let mut known = self.of_id.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(id).or_insert_with(|| match *self.witnesses.get(&id)? {
            Witness::Script(script) => Some(script),
            Witness::Closure(closure) => script_of(self.graph, closure),
        })
    }

    /// Returns the script of that name. O(scripts).
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<NodeIx> {
        let scripts = self.witnesses.keys().filter_map(|&id| self.by_id(id));
        scripts.filter(|&script| script_name(self.graph, script) == name).min()
    }

    /// Returns the place of a function or class, before any source map. Takes script id, line and column, both from 0.
    #[must_use]
    pub fn place(&self, (script_id, line, column): (u32, u32, u32)) -> Option<Place> {
        let file = script_name(self.graph, self.by_id(script_id)?);
        (!file.is_empty()).then(|| Place::new(file, line.saturating_add(1), column.saturating_add(1)))
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

/// Returns the SharedFunctionInfo of a closure: equal for all closures of one function; of a bound function that of its target.
#[must_use]
pub fn shared_info(graph: &HeapGraph, closure: NodeIx) -> Option<NodeIx> {
    graph.child(unbound(graph, closure), EdgeKind::INTERNAL, "shared")
}

/// Returns the function that a bound one calls in the end; any other node itself. V8 names all that `bind` makes `native_bind`, and says
/// nowhere where they were made.
#[must_use]
pub fn unbound(graph: &HeapGraph, closure: NodeIx) -> NodeIx {
    /// Functions that were bound more often are shown as they are.
    const BINDINGS: usize = 16;
    let mut at = closure;
    for _ in 0..BINDINGS {
        if graph.kind(at) != NodeKind::CLOSURE || !graph.strings().is(graph.name_ix(at), BOUND) {
            break;
        }
        match graph.child(at, EdgeKind::INTERNAL, "bound_function") {
            Some(target) => at = target,
            None => break,
        }
    }
    at
}

/// V8's name for every function that `bind` makes.
const BOUND: &str = "native_bind";

/// Returns the script that a closure was written in; a bound function's is that of its target. Reads the names of few edges, so that asking
/// of a few closures leaves the names of a large file where they are.
#[must_use]
pub fn script_of(graph: &HeapGraph, closure: NodeIx) -> Option<NodeIx> {
    let shared = shared_info(graph, closure)?;
    // Node 20 and earlier keep script and debug info in one field.
    let script = graph.child(shared, EdgeKind::INTERNAL, "script");
    let found = script.or_else(|| graph.child(shared, EdgeKind::INTERNAL, "script_or_debug_info"))?;
    if graph.kind(found) == NodeKind::CODE {
        return Some(found);
    }
    // A function that was debugged or whose calls are counted has a DebugInfo there, which holds the script (its second field) in an edge
    // without a name, next to the function itself and its code.
    let is_script = |node: NodeIx| graph.kind(node) == NodeKind::CODE && node != shared && !is_system(graph, node);
    graph.edges(found).map(|edge| edge.to).find(|&node| is_script(node))
}

fn is_system(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.strings().starts_with(graph.name_ix(node), "system / ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{GraphBuilder, NewName, Node, Target};

    /// Makes nodes `(kind, name)` and edges `(from, kind, name, to)` by their places in the list.
    fn graph(nodes: &[(NodeKind, &str)], edges: &[(usize, EdgeKind, &str, usize)]) -> HeapGraph {
        let mut builder = GraphBuilder::new();
        let made: Vec<NodeIx> = (0..).zip(nodes).map(|(at, &(kind, name))| builder.node(Node::new(kind, name, at * 2 + 1, 8))).collect();
        for &(from, kind, name, to) in edges {
            let name = name.parse().map_or(NewName::Text(name), NewName::Index);
            builder.edge(made[from], kind, name, Target::Node(made[to]));
        }
        builder.finish().0
    }

    #[test]
    fn finds_scripts_behind_debug_infos_and_bound_functions() {
        const CLOSURE: NodeKind = NodeKind::CLOSURE;
        const CODE: NodeKind = NodeKind::CODE;
        const INTERNAL: EdgeKind = EdgeKind::INTERNAL;
        let (bound, f, g) = ((CLOSURE, "native_bind"), (CLOSURE, "f"), (CODE, "f"));
        let (script, info) = ((CODE, "/srv/app.js"), (NodeKind::HIDDEN, "system / DebugInfo"));
        let bytecode = (CODE, "system / BytecodeArray");
        let shared = (0, INTERNAL, "shared", 1);
        for (nodes, edges, expected) in [
            (&[f, g, script][..], &[shared, (1, INTERNAL, "script", 2)][..], Some(2)),
            (&[f, g, script], &[shared, (1, INTERNAL, "script_or_debug_info", 2)], Some(2)),
            (
                &[f, g, info, bytecode, script],
                &[
                    shared,
                    (1, INTERNAL, "script_or_debug_info", 2),
                    (2, EdgeKind::HIDDEN, "0", 1),
                    (2, EdgeKind::HIDDEN, "2", 3),
                    (2, EdgeKind::HIDDEN, "1", 4),
                ],
                Some(4),
            ),
            (&[f, g, info], &[shared, (1, INTERNAL, "script_or_debug_info", 2)], None),
            (
                &[bound, bound, f, g, script],
                &[
                    (0, INTERNAL, "bound_function", 1),
                    (1, INTERNAL, "bound_function", 2),
                    (2, INTERNAL, "shared", 3),
                    (3, INTERNAL, "script", 4),
                ],
                Some(4),
            ),
            // A function that is bound to itself is in no file that V8 wrote.
            (&[bound, g], &[(0, INTERNAL, "bound_function", 0)], None),
            (&[f], &[], None),
        ] {
            let graph = graph(nodes, edges);
            assert_eq!(script_of(&graph, NodeIx(0)).map(|node| node.0), expected, "{nodes:?} {edges:?}");
        }
    }
}
