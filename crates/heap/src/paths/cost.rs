//! What each edge costs on a retaining path: 1 to 255, the less the better it explains.

use crate::facts::EdgeFacts;
use crate::graph::{Edge, EdgeName, HeapGraph, NodeIx, Walk};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::KnownNames;
use crate::story::is_stack;

/// A reference that people wrote: a property, a variable, an element.
const NAMED: u32 = 2;
/// A part of one object as people see it: the table of a Map, the elements of an array.
const PART: u32 = 1;
/// Plumbing that at times is the true reason.
const PLUMBING: u32 = 6;
/// From an inner context to the outer one, from a function to its context.
const SCOPE: u32 = 8;
/// References that exist for bookkeeping while others are the reason: `module.children`, prototypes.
const BOOKKEEPING: u32 = 60;
/// V8's own links between functions, code and maps.
const INTERNALS: u32 = 80;
/// What the debugger or DevTools' console holds.
const DEBUGGER: u32 = 250;

/// What matters of the node that an edge comes from.
pub(crate) struct Source {
    role: Role,
    /// Whether one of its edges is half of a WeakMap entry.
    special: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The root, `(GC roots)`, `C++ roots`: their edges lead to groups of roots.
    RootList,
    /// A group of roots.
    RootGroup,
    NativeContext,
    Context,
    Closure,
    Module,
    Process,
    Object,
    /// A table, elements, a dictionary.
    Array,
    /// Of a variable that a module exports.
    Cell,
    /// Maps, code, scope infos.
    Internal,
}

/// Knows the costs of one graph's edges.
pub(crate) struct Coster<'a> {
    graph: &'a HeapGraph,
    names: &'a KnownNames,
    facts: &'a EdgeFacts,
    /// The names of all edges.
    edge_names: &'a [u32],
}

impl<'a> Coster<'a> {
    pub(crate) fn new(graph: &'a HeapGraph, names: &'a KnownNames) -> Self {
        Self { graph, names, facts: graph.facts(), edge_names: graph.edge_names() }
    }

    #[inline]
    pub(crate) fn source(&self, node: NodeIx) -> Source {
        Source { role: self.role(node), special: self.facts.special.get(node.0) }
    }

    /// Reads a little of all that the costs of a node's edges hang on, so that it comes into the processor's cache.
    #[inline]
    pub(crate) fn glance(&self, walk: Walk<'_>, node: u32) -> u32 {
        let name = self.edge_names.get(walk.edge_range(node).start as usize).copied().unwrap_or(0);
        walk.glance(node) ^ name ^ self.graph.name_ix(NodeIx(node)).0
    }

    fn role(&self, node: NodeIx) -> Role {
        let name = self.graph.name_ix(node);
        match self.graph.kind(node) {
            NodeKind::SYNTHETIC if node == self.graph.root() || self.is_list(node) => Role::RootList,
            NodeKind::SYNTHETIC => Role::RootGroup,
            NodeKind::CLOSURE => Role::Closure,
            NodeKind::ARRAY => Role::Array,
            NodeKind::OBJECT if self.names.class_context.is(name) => Role::Context,
            NodeKind::OBJECT if self.names.class_module.is(name) => Role::Module,
            NodeKind::OBJECT if self.names.class_process.is(name) => Role::Process,
            _ if self.names.class_native_context.is(name) => Role::NativeContext,
            NodeKind::HIDDEN if self.names.class_cell.is(name) => Role::Cell,
            NodeKind::HIDDEN | NodeKind::CODE | NodeKind::OBJECT_SHAPE => Role::Internal,
            _ => Role::Object,
        }
    }

    fn is_list(&self, node: NodeIx) -> bool {
        let strings = self.graph.strings();
        let name = self.graph.name_ix(node);
        strings.is(name, "(GC roots)") || strings.is(name, "C++ roots")
    }

    /// Returns the cost of an edge; `None` for one that does not retain.
    #[inline]
    pub(crate) fn cost(&self, source: &Source, edge: Edge) -> Option<u32> {
        match edge.kind {
            EdgeKind::WEAK | EdgeKind::SHORTCUT => return None,
            _ if source.special && self.facts.ephemeron(edge.ix.0).is_some_and(|half| half.from_table) => return None,
            _ => {}
        }
        Some(match source.role {
            Role::RootList => self.root_group(edge.to),
            Role::RootGroup => self.group_member(edge),
            Role::Internal => INTERNALS / 2 + self.plain(edge),
            Role::Cell => match self.edge_name(edge) {
                EdgeName::Text(name) if self.names.value.is(name) => NAMED,
                _ => INTERNALS,
            },
            Role::NativeContext => self.native_context_field(edge),
            Role::Context if edge.kind == EdgeKind::INTERNAL => match self.edge_name(edge) {
                EdgeName::Text(name) if self.names.previous.is(name) => SCOPE,
                _ => INTERNALS,
            },
            Role::Closure if edge.kind == EdgeKind::INTERNAL => match self.edge_name(edge) {
                EdgeName::Text(name) if self.names.context.is(name) => SCOPE,
                EdgeName::Text(name) if self.names.properties.is(name) || self.names.elements.is(name) => PART,
                _ => INTERNALS,
            },
            Role::Module | Role::Process | Role::Closure if self.is_module_bookkeeping(edge) => BOOKKEEPING,
            Role::Array => PART.max(u32::from(edge.kind == EdgeKind::HIDDEN) * 2),
            _ => self.plain(edge),
        })
    }

    #[inline]
    fn edge_name(&self, edge: Edge) -> EdgeName {
        EdgeName::of(edge.kind, self.edge_names[edge.ix.0 as usize])
    }

    #[inline]
    fn plain(&self, edge: Edge) -> u32 {
        let EdgeName::Text(name) = self.edge_name(edge) else {
            return if edge.kind == EdgeKind::ELEMENT { NAMED } else { PLUMBING };
        };
        let names = self.names;
        match edge.kind {
            EdgeKind::PROPERTY if names.proto.is(name) || names.constructor.is(name) || names.prototype.is(name) => BOOKKEEPING,
            // Doubly linked lists are told in one direction.
            EdgeKind::PROPERTY if names.idle_prev.is(name) => NAMED + 1,
            EdgeKind::PROPERTY | EdgeKind::CONTEXT | EdgeKind::ELEMENT => NAMED,
            EdgeKind::INTERNAL if names.table.is(name) || names.elements.is(name) || names.properties.is(name) => PART,
            EdgeKind::INTERNAL if names.map.is(name) || names.code.is(name) || names.feedback_cell.is(name) => INTERNALS,
            _ => PLUMBING,
        }
    }

    fn is_module_bookkeeping(&self, edge: Edge) -> bool {
        let names = self.names;
        matches!(self.edge_name(edge), EdgeName::Text(name)
            if names.children.is(name) || names.parent.is(name) || names.module_parent.is(name)
                || names.main.is(name) || names.main_module.is(name) || names.cache.is(name))
    }

    fn native_context_field(&self, edge: Edge) -> u32 {
        let EdgeName::Text(name) = self.edge_name(edge) else { return INTERNALS };
        // The global object and the tables of top-level `let` and `const` of scripts.
        match &*self.graph.strings().text(name) {
            "extension" | "global_object" | "global_proxy_object" | "script_context_table" => NAMED,
            "microtask_queue" => PLUMBING,
            _ => INTERNALS,
        }
    }

    /// Returns what starting at a group of roots costs: modules and the global object start at 10 (`roots.rs`).
    fn root_group(&self, group: NodeIx) -> u32 {
        let name = self.graph.name(group);
        match &*name {
            "(GC roots)" | "C++ roots" => 1,
            "(Global handles)" | "(Traced handles)" => 30,
            "(Microtasks)" => 40,
            name if is_stack(name) => 60,
            "(Strong roots)" | "(Strong root list)" | "(Eternal handles)" => 60,
            "(Handle scope)" => 90,
            "(Debugger)" => DEBUGGER,
            name if name.starts_with("Node / ") => 24,
            name if name.starts_with("C++ ") => 40,
            // Compilation cache, builtins, tables of internalized strings.
            _ => 150,
        }
    }

    /// Returns what an edge from a group of roots costs: V8 marks what DevTools' console keeps in the edge's name.
    fn group_member(&self, edge: Edge) -> u32 {
        match self.edge_name(edge) {
            EdgeName::Text(name) if self.graph.strings().raw(name).ends_with(b" / DevTools console") => DEBUGGER,
            _ => PLUMBING,
        }
    }
}
