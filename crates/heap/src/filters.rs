//! Named filters: the objects that only something particular keeps alive, those of one realm, those allocated in some span.
//!
//! DevTools' filters work by absence: search from the root, refuse some references, and what was not reached is what those keep.
//! `WithoutPrototypes` is ours: DevTools counts `Session.prototype` as one more Session, which surprises people who count sessions.

use crate::analysis::HeapAnalysis;
use crate::bitset::Bitset;
use crate::contexts::{NativeContexts, Owner};
use crate::distance::Distance;
use crate::duplicates::StringContents;
use crate::graph::{Detachedness, Edge, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::statistics::is_context_name;

/// Which nodes a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Kept only by detached DOM trees or native objects.
    RetainedByDetached,
    /// Kept only by the console of DevTools.
    RetainedByConsole,
    /// Kept only by functions that listen to DOM events.
    RetainedByEventHandlers,
    /// Kept only by variables of functions.
    RetainedByContexts,
    /// Strings of which there is another copy.
    DuplicatedStrings,
    /// Belongs to one realm, given by its native context.
    NativeContext(NodeIx),
    /// Belongs to several realms.
    SharedNativeContext,
    /// Belongs to no realm.
    NoNativeContext,
    /// Ids above the first and up to the second: what was allocated between two moments of a timeline.
    Ids(u64, u64),
    /// Allocated by a stack of the trace tree, or by what it called, given by `Stack::id`.
    AllocatedBy(u32),
    /// Not the prototype of a class.
    WithoutPrototypes,
}

/// The names of filters that need no argument.
const NAMED: &[(&str, Filter)] = &[
    ("objectsRetainedByDetachedDomNodes", Filter::RetainedByDetached),
    ("objectsRetainedByConsole", Filter::RetainedByConsole),
    ("objectsRetainedByEventHandlers", Filter::RetainedByEventHandlers),
    ("objectsRetainedByContexts", Filter::RetainedByContexts),
    ("duplicatedStrings", Filter::DuplicatedStrings),
    ("sharedNativeContext", Filter::SharedNativeContext),
    ("noNativeContext", Filter::NoNativeContext),
    ("withoutPrototypes", Filter::WithoutPrototypes),
];

impl Filter {
    /// Reads a filter's name: DevTools' names, `nativeContext_@ID` (the native context's id), `ids_FROM..TO`, `allocatedBy_STACK`.
    ///
    /// # Errors
    /// A sentence that lists the names, or says that there is no such native context.
    pub fn parse(graph: &HeapGraph, name: &str) -> Result<Self, String> {
        if let Some((_, filter)) = NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(filter.clone());
        }
        if let Some(id) = name.strip_prefix("nativeContext_") {
            let wanted = id.trim_start_matches('@').parse::<u64>().ok();
            let found = crate::contexts::native_contexts(graph).into_iter().find(|&context| Some(graph.id(context).0) == wanted);
            return found.map(Self::NativeContext).ok_or_else(|| format!("no native context has the id {id}"));
        }
        if let Some((from, to)) = name.strip_prefix("ids_").and_then(|range| range.split_once(".."))
            && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
        {
            return Ok(Self::Ids(from, to));
        }
        if let Some(stack) = name.strip_prefix("allocatedBy_").and_then(|stack| stack.parse().ok()) {
            return Ok(Self::AllocatedBy(stack));
        }
        let names: Vec<&str> = NAMED.iter().map(|&(name, _)| name).collect();
        Err(format!("no filter is called {name}; there are {}, nativeContext_@ID, ids_FROM..TO, allocatedBy_STACK", names.join(", ")))
    }

    /// Returns the names of the filters that need no argument.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|&(name, _)| name)
    }

    /// Finds the nodes that pass. O(edges) for those that search, O(nodes) for the others.
    #[must_use]
    pub fn apply(&self, analysis: &HeapAnalysis) -> NodeSet {
        let graph = analysis.graph();
        match *self {
            Self::RetainedByDetached => kept_by(analysis, |_, edge| analysis.detachedness(edge.to) == Detachedness::Detached),
            Self::RetainedByConsole => kept_by(analysis, |from, edge| is_console_global(graph, from, edge)),
            Self::RetainedByEventHandlers => {
                let handlers = event_handlers(graph);
                kept_by(analysis, |_, edge| handlers.get(edge.to.0))
            }
            Self::RetainedByContexts => {
                let names = names::select(graph.strings(), is_context_name);
                kept_by(analysis, |_, edge| names.get(graph.name_ix(edge.to).0))
            }
            Self::DuplicatedStrings => {
                let contents = StringContents::of(analysis);
                NodeSet::of(graph, |node| contents.is_duplicate(node))
            }
            Self::NativeContext(context) => owned_by(graph, Owner::Context(context)),
            Self::SharedNativeContext => owned_by(graph, Owner::Shared),
            Self::NoNativeContext => owned_by(graph, Owner::Nobody),
            Self::Ids(after, upto) => NodeSet::of(graph, |node| (after + 1..=upto).contains(&graph.id(node).0)),
            Self::AllocatedBy(stack) => allocated_by(graph, stack),
            Self::WithoutPrototypes => {
                let prototypes = prototypes(graph);
                NodeSet::of(graph, |node| !prototypes.get(node.0))
            }
        }
    }
}

/// A set of nodes of one graph.
#[derive(Clone, Debug, Default)]
pub struct NodeSet {
    members: Bitset,
    len: usize,
}

impl NodeSet {
    /// Collects the nodes for which `accept` is true. O(nodes).
    pub fn of(graph: &HeapGraph, accept: impl Fn(NodeIx) -> bool) -> Self {
        let mut set = Self { members: Bitset::new(graph.node_count()), len: 0 };
        for node in graph.nodes().filter(|&node| accept(node)) {
            set.members.set(node.0);
            set.len += 1;
        }
        set
    }

    /// Says whether a node is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, node: NodeIx) -> bool {
        self.members.get(node.0)
    }

    /// Returns how many nodes are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether no node is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Finds what is not reached from the root without the edges that `refuse` picks, though something keeps it alive.
fn kept_by(analysis: &HeapAnalysis, refuse: impl Fn(NodeIx, Edge) -> bool) -> NodeSet {
    let graph = analysis.graph();
    let mut reached = Bitset::new(graph.node_count());
    reached.set(graph.root().0);
    let mut stack = vec![graph.root()];
    while let Some(node) = stack.pop() {
        for edge in graph.edges(node) {
            if edge.kind != EdgeKind::WEAK && !reached.get(edge.to.0) && !refuse(node, edge) {
                reached.set(edge.to.0);
                stack.push(edge.to);
            }
        }
    }
    NodeSet::of(graph, |node| !reached.get(node.0) && analysis.distance(node) != Distance::None)
}

/// Says whether an edge is a global handle of the console, by which DevTools keeps what it has printed.
fn is_console_global(graph: &HeapGraph, from: NodeIx, edge: Edge) -> bool {
    graph.kind(from) == NodeKind::SYNTHETIC && !edge.kind.has_index() && graph.edge_text(edge).ends_with(" / DevTools console")
}

/// Finds the functions that listen to DOM events: what a listener calls, or the function that a framework wraps in an object.
fn event_handlers(graph: &HeapGraph) -> Bitset {
    let mut handlers = Bitset::new(graph.node_count());
    let [listener] = names::find(graph.strings(), ["V8EventListener"]);
    let Some(listener) = listener else { return handlers };
    let is_function = |node: NodeIx| graph.edge_named(node, "code").is_some();
    for node in graph.nodes().filter(|&node| graph.name_ix(node) == listener) {
        let Some(callback) = graph.edge_named(node, "1").map(|edge| edge.to) else { continue };
        let wrapped = || graph.edges(callback).map(|edge| edge.to).find(|&child| is_function(child));
        let handler = if is_function(callback) { None } else { wrapped() };
        handlers.set(handler.unwrap_or(callback).0);
    }
    handlers
}

fn owned_by(graph: &HeapGraph, owner: Owner) -> NodeSet {
    let contexts = NativeContexts::of(graph);
    NodeSet::of(graph, |node| contexts.owner(node) == owner)
}

fn allocated_by(graph: &HeapGraph, stack: u32) -> NodeSet {
    let allocations = graph.allocations();
    // Parents come before children.
    let mut wanted: Vec<bool> = Vec::with_capacity(allocations.stacks.len());
    for known in &allocations.stacks {
        let called = known.parent.and_then(|parent| wanted.get(parent as usize).copied()).unwrap_or(false);
        wanted.push(called || known.id == stack);
    }
    let ids: rustc_hash::FxHashSet<u32> =
        allocations.stacks.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(known, _)| known.id).collect();
    let of_node = |node: NodeIx| allocations.node_stacks.get(node.at()).copied().unwrap_or(0);
    NodeSet::of(graph, |node| of_node(node) != 0 && ids.contains(&of_node(node)))
}

/// Finds the objects that are prototypes: those that a hidden class or a function names as its `prototype`. O(edges).
pub(crate) fn prototypes(graph: &HeapGraph) -> Bitset {
    let mut prototypes = Bitset::new(graph.node_count());
    let [prototype] = names::find(graph.strings(), ["prototype"]);
    let Some(prototype) = prototype else { return prototypes };
    let edge_names = graph.edge_names();
    for node in graph.nodes() {
        let wanted = match graph.kind(node) {
            NodeKind::CLOSURE => EdgeKind::PROPERTY,
            NodeKind::OBJECT_SHAPE | NodeKind::HIDDEN => EdgeKind::INTERNAL,
            _ => continue,
        };
        for edge in graph.edges(node).filter(|edge| edge.kind == wanted && edge_names[edge.ix.0 as usize] == prototype.0) {
            prototypes.set(edge.to.0);
        }
    }
    prototypes
}
