//! The heap graph: one column per field, edges of a node side by side. Immutable, shared freely between threads.
//!
//! A graph says what a source saw, nothing derived: sizes are those of the file, before any of the attribution that `HeapAnalysis`
//! adds. Positions (`NodeIx`) mean something in one graph only; identities (`NodeId`) compare across captures of one process.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use crate::allocations::Allocations;
use crate::column::{Column, WideColumn};
use crate::edge_names::{EdgeNames, NamesAround, NamesInTurn};
use crate::edge_sources::EdgeSources;
use crate::facts::EdgeFacts;
use crate::first_edges::{FirstEdges, FirstEdgesView};
use crate::held::{Case, Extent, Held, Holder};
use crate::ids::Ids;
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::{Location, Locations};
use crate::strings::{StrIx, StringTable};

/// A node's position in its graph. Means nothing in another graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIx(pub u32);

/// An edge's position in its graph; the edges of one node are consecutive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeIx(pub u32);

/// A node's identity: V8's snapshot object id, or an address. The same live object keeps it from one snapshot of a process to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    /// V8's ids have 32 bits: a larger number is an address, and is written as one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > u64::from(u32::MAX) { write!(f, "{:#x}", self.0) } else { write!(f, "@{}", self.0) }
    }
}

impl std::str::FromStr for NodeId {
    type Err = std::num::ParseIntError;

    /// Reads `@123`, `123` and `0x7b`, as people and `Display` write them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('@').unwrap_or(text);
        match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).map(Self),
            _ if digits.starts_with('+') => "".parse().map(Self),
            _ => digits.parse().map(Self),
        }
    }
}

impl NodeIx {
    /// Returns the position as an index into columns.
    #[inline]
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// Whether the embedder said that a native object (a DOM node, a Node.js wrapper) is part of a live tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Detachedness {
    /// The embedder said nothing.
    Unknown = 0,
    /// Part of a live tree.
    Attached = 1,
    /// Not part of one.
    Detached = 2,
}

/// The name of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeName {
    /// An element's or hidden field's index.
    Index(u32),
    /// A string.
    Text(StrIx),
}

impl EdgeName {
    /// Reads the number that stands for the name of an edge of a kind.
    #[inline]
    pub(crate) fn of(kind: EdgeKind, name: u32) -> Self {
        if kind.has_index() { Self::Index(name) } else { Self::Text(StrIx(name)) }
    }
}

/// One edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Its position.
    pub ix: EdgeIx,
    /// How the source holds the target.
    pub kind: EdgeKind,
    /// The target.
    pub to: NodeIx,
}

/// How many nodes a graph can hold: an edge keeps its target in 29 bits, next to its kind.
pub const MAX_NODES: u32 = 1 << 29;

/// How many bits of an edge's word hold the target.
pub(crate) const TARGET_BITS: u32 = 29;

/// The bits of an edge's word that hold the target.
pub(crate) const TARGET_MASK: u32 = MAX_NODES - 1;

/// Self sizes in bytes: two bytes for each that is below 64 KB.
pub(crate) type SizeColumn = WideColumn<u16>;

/// The columns of a graph, as a source fills them. `HeapGraph::from_columns` says what must hold.
#[derive(Default)]
pub(crate) struct Columns {
    /// Node kind in the low 6 bits, detachedness in the high 2.
    pub(crate) kinds: Column<u8>,
    pub(crate) names: Column<u32>,
    pub(crate) ids: Ids,
    pub(crate) self_sizes: SizeColumn,
    /// Position of each node's first edge, and one more for the end of the last.
    pub(crate) first_edges: FirstEdges,
    /// Edge kind in the high 3 bits, target in the low 29.
    pub(crate) edges: Column<u32>,
}

/// The columns that walks over the graph read, as plain slices: looking them up once is cheaper than at every step.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    first_edges: FirstEdgesView<'a>,
    words: &'a [u32],
}

impl<'a> Walk<'a> {
    /// Returns the number of nodes.
    #[inline]
    pub(crate) fn node_count(self) -> usize {
        self.first_edges.len() - 1
    }

    /// Returns the position of a node's first edge, and the one behind its last.
    #[inline]
    pub(crate) fn edge_range(self, node: u32) -> Range<u32> {
        self.first_edges.get(node as usize)..self.first_edges.get(node as usize + 1)
    }

    /// Returns one edge.
    #[inline]
    pub(crate) fn edge(self, ix: u32) -> Edge {
        Edge::from_word(ix, self.words[ix as usize])
    }

    /// Reads a little of a node's edges, so that they come into the processor's cache.
    #[inline]
    pub(crate) fn glance(self, node: u32) -> u32 {
        self.words.get(self.first_edges.get(node as usize) as usize).copied().unwrap_or(0)
    }

    /// Returns a node's edges.
    #[inline]
    pub(crate) fn edges(self, node: u32) -> impl DoubleEndedIterator<Item = Edge> + ExactSizeIterator + Clone + use<'a> {
        let range = self.edge_range(node);
        let words = &self.words[range.start as usize..range.end as usize];
        (range.start..range.end).zip(words).map(|(ix, &word)| Edge::from_word(ix, word))
    }
}

impl Edge {
    #[inline]
    fn from_word(ix: u32, word: u32) -> Self {
        Self { ix: EdgeIx(ix), kind: EdgeKind::from_number((word >> TARGET_BITS) as u8), to: NodeIx(word & TARGET_MASK) }
    }
}

/// What a graph knows besides nodes, edges and strings.
#[derive(Default)]
pub(crate) struct Extras {
    /// Names of node kinds that this build does not know.
    pub(crate) node_kinds: Vec<String>,
    /// Names of edge kinds that this build does not know.
    pub(crate) edge_kinds: Vec<String>,
    /// Edges of an unknown kind, with the kind's place in `edge_kinds`, sorted.
    pub(crate) other_edges: Vec<(u32, u8)>,
    /// Whether the source has a column of detachedness (Node 14.8 and later).
    pub(crate) has_detachedness: bool,
    /// Native memory that belongs to no node, in bytes (Node 24 and later).
    pub(crate) native_bytes: u64,
    /// Where functions and classes were written, sorted by node.
    pub(crate) locations: Locations,
    /// Allocation tracking.
    pub(crate) allocations: Allocations,
    /// What the source noted of Node's `process`.
    pub(crate) process: crate::process::Noted,
    /// The file's `snapshot` header as JSON, empty where there is none.
    pub(crate) header: String,
    /// Who tells numbers and other values that are no nodes.
    pub(crate) holder: Option<Box<dyn Holder>>,
}

/// Facts that were gathered before; `None` where they turn out to be damaged.
pub(crate) type FactLoader = Box<dyn Fn() -> Option<EdgeFacts> + Send + Sync>;

/// The objects of a heap and the references between them.
pub struct HeapGraph {
    columns: Columns,
    root: NodeIx,
    strings: StringTable,
    edge_names: OnceLock<Column<u32>>,
    stored_edge_names: Option<Box<dyn EdgeNames>>,
    names_around: Mutex<NamesAround>,
    facts: OnceLock<EdgeFacts>,
    load_facts: Option<FactLoader>,
    edge_sources: OnceLock<EdgeSources>,
    extras: Extras,
}

impl HeapGraph {
    /// Makes a graph of columns that hold what this says: all node columns of one length, one more first edge than nodes, rising and
    /// ending at the number of edges, every target below the number of nodes, every name within `strings`, `root` a node.
    pub(crate) fn from_columns(
        columns: Columns,
        root: NodeIx,
        strings: StringTable,
        edge_names: Result<Column<u32>, Box<dyn EdgeNames>>,
        extras: Extras,
    ) -> Self {
        let (edge_names, stored_edge_names) = match edge_names {
            Ok(names) => (OnceLock::from(names), None),
            Err(stored) => (OnceLock::new(), Some(stored)),
        };
        Self {
            columns,
            root,
            strings,
            edge_names,
            stored_edge_names,
            names_around: Mutex::default(),
            facts: OnceLock::new(),
            load_facts: None,
            edge_sources: OnceLock::new(),
            extras,
        }
    }

    /// Returns the number of nodes.
    #[inline]
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.columns.kinds.len()
    }

    /// Returns the number of edges.
    #[inline]
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.columns.edges.len()
    }

    /// Returns every node, in the order of the source.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeIx> + ExactSizeIterator + use<> {
        (0..self.node_count() as u32).map(NodeIx)
    }

    /// Returns the node from which everything alive is reached: V8's synthetic root.
    #[inline]
    #[must_use]
    pub fn root(&self) -> NodeIx {
        self.root
    }

    /// Returns a node's kind.
    #[inline]
    #[must_use]
    pub fn kind(&self, node: NodeIx) -> NodeKind {
        NodeKind::from_number(self.columns.kinds[node.at()])
    }

    /// Returns the name of a node kind, also of one that this build does not know.
    #[must_use]
    pub fn node_kind_name(&self, kind: NodeKind) -> &str {
        match kind.unknown_ix() {
            None => kind.known_name().unwrap_or("unknown"),
            Some(nth) => self.extras.node_kinds.get(nth).map_or("unknown", String::as_str),
        }
    }

    /// Returns the detachedness that the source gives, before any propagation.
    #[inline]
    #[must_use]
    pub fn detachedness(&self, node: NodeIx) -> Detachedness {
        match self.columns.kinds[node.at()] >> 6 {
            1 => Detachedness::Attached,
            2 => Detachedness::Detached,
            _ => Detachedness::Unknown,
        }
    }

    /// Says whether the source has a column of detachedness.
    #[must_use]
    pub fn has_detachedness(&self) -> bool {
        self.extras.has_detachedness
    }

    /// Returns a node's name as the source gives it: a class, a string's text, a function's name.
    #[must_use]
    pub fn name(&self, node: NodeIx) -> Cow<'_, str> {
        self.strings.text(self.name_ix(node))
    }

    /// Returns a node's name as a string position.
    #[inline]
    #[must_use]
    pub fn name_ix(&self, node: NodeIx) -> StrIx {
        StrIx(self.columns.names[node.at()])
    }

    /// Returns a node's identity.
    #[inline]
    #[must_use]
    pub fn id(&self, node: NodeIx) -> NodeId {
        NodeId(self.columns.ids.get(node.at()))
    }

    /// Returns the first node with that identity. O(nodes).
    #[must_use]
    pub fn find_id(&self, id: NodeId) -> Option<NodeIx> {
        self.nodes().find(|&node| self.id(node) == id)
    }

    /// Returns a node's own size in bytes as the source gives it. DevTools shows `HeapAnalysis::self_size`, which adds backing arrays.
    #[inline]
    #[must_use]
    pub fn raw_self_size(&self, node: NodeIx) -> u64 {
        self.columns.self_sizes.get(node.at())
    }

    /// Returns the positions of a node's edges.
    #[inline]
    #[must_use]
    pub fn edge_range(&self, node: NodeIx) -> Range<u32> {
        self.walk().edge_range(node.0)
    }

    /// Returns a node's edges, in the order of the source.
    #[inline]
    pub fn edges(&self, node: NodeIx) -> impl DoubleEndedIterator<Item = Edge> + ExactSizeIterator + Clone + '_ {
        self.walk().edges(node.0)
    }

    /// Returns one edge.
    #[inline]
    #[must_use]
    pub fn edge(&self, ix: EdgeIx) -> Edge {
        Edge::from_word(ix.0, self.columns.edges[ix.0 as usize])
    }

    /// Returns the node that an edge comes from. O(1), after O(nodes) once.
    #[must_use]
    pub fn edge_source(&self, ix: EdgeIx) -> NodeIx {
        let first_edges = self.columns.first_edges.values();
        NodeIx(self.edge_sources.get_or_init(|| EdgeSources::of(first_edges)).source(first_edges, ix.0))
    }

    /// Returns the name of an edge kind, also of one that this build does not know.
    #[must_use]
    pub fn edge_kind_name(&self, edge: Edge) -> &str {
        if edge.kind != EdgeKind::OTHER {
            return edge.kind.name();
        }
        let found = self.extras.other_edges.binary_search_by_key(&edge.ix.0, |&(at, _)| at);
        found.ok().and_then(|at| self.extras.edge_kinds.get(usize::from(self.extras.other_edges[at].1))).map_or("other", String::as_str)
    }

    /// Returns an edge's name. Of a large file that has just been read, names are still in the file: a few are read where they stand, and
    /// after a few of those, all. O(edges), once.
    #[must_use]
    pub fn edge_name(&self, edge: Edge) -> EdgeName {
        let name = match self.edge_names.get() {
            Some(names) => names[edge.ix.0 as usize],
            None => self.name_around(edge.ix.0),
        };
        EdgeName::of(edge.kind, name)
    }

    /// Returns an edge's name as text: the index in decimal, or the string.
    #[must_use]
    pub fn edge_text(&self, edge: Edge) -> Cow<'_, str> {
        match self.edge_name(edge) {
            EdgeName::Index(index) => Cow::Owned(index.to_string()),
            EdgeName::Text(ix) => self.strings.text(ix),
        }
    }

    /// Returns the first edge of a node with that name, whatever its kind.
    #[must_use]
    pub fn edge_named(&self, node: NodeIx, name: &str) -> Option<Edge> {
        self.edges(node).find(|&edge| self.is_named(edge, name))
    }

    /// Returns the target of a node's first edge with that kind and name.
    #[must_use]
    pub fn child(&self, node: NodeIx, kind: EdgeKind, name: &str) -> Option<NodeIx> {
        self.edges(node).find(|&edge| edge.kind == kind && self.is_named(edge, name)).map(|edge| edge.to)
    }

    /// Says whether an edge has that name, an index being a name in decimal.
    fn is_named(&self, edge: Edge, name: &str) -> bool {
        match self.edge_name(edge) {
            EdgeName::Text(ix) => self.strings.is(ix, name),
            EdgeName::Index(index) => name.parse() == Ok(index),
        }
    }

    #[cold]
    fn name_around(&self, edge: u32) -> u32 {
        if let (Some(stored), Ok(mut around)) = (&self.stored_edge_names, self.names_around.lock())
            && let Some(name) = around.look_up(edge, stored.as_ref())
        {
            return name;
        }
        self.edge_names()[edge as usize]
    }

    /// Returns all edge names: an index for element and hidden edges, a string position for the others.
    pub(crate) fn edge_names(&self) -> &Column<u32> {
        self.edge_names.get_or_init(|| self.stored_edge_names.as_ref().map_or_else(Column::default, |stored| stored.all()))
    }

    /// Returns all edge names, one after the other: at no time more than a few are in memory that were not before.
    pub(crate) fn edge_names_in_turn(&self) -> NamesInTurn<'_> {
        NamesInTurn::new(self.edge_names.get().map(|names| &**names), self.stored_edge_names.as_deref())
    }

    /// Returns what analyses need to know of edge names. O(edges) the first time, unless the source gathered it.
    pub(crate) fn facts(&self) -> &EdgeFacts {
        self.facts.get_or_init(|| self.load_facts.as_ref().and_then(|load| load()).unwrap_or_else(|| EdgeFacts::of(self)))
    }

    /// Takes over what the source gathered of edge names.
    pub(crate) fn with_facts(self, facts: EdgeFacts) -> Self {
        Self { facts: OnceLock::from(facts), ..self }
    }

    /// Takes over what was gathered of edge names before, when it is first needed.
    pub(crate) fn with_fact_loader(self, load: FactLoader) -> Self {
        Self { load_facts: Some(load), ..self }
    }

    /// Takes over who can tell what objects hold besides other objects.
    #[must_use]
    pub fn with_holder(mut self, holder: Box<dyn Holder>) -> Self {
        self.extras.holder = Some(holder);
        self
    }

    /// Says whether identities are addresses, as in images of a process: an object that V8 moves has another one afterwards, and its old
    /// one may be that of something else. V8's own numbers have 32 bits. O(1) as a rule: the first function tells (of Node's own
    /// objects snapshots have addresses, too).
    #[must_use]
    pub fn ids_are_addresses(&self) -> bool {
        let function = self.nodes().find(|&node| self.kind(node) == NodeKind::CLOSURE);
        function.is_some_and(|node| self.id(node).0 > u64::from(u32::MAX))
    }

    /// Gives back who tells what objects hold besides other objects, and the memory that this keeps.
    pub(crate) fn let_go_of_holder(&mut self) {
        self.extras.holder = None;
    }

    /// Says whether the source tells what objects hold that is no node, as core dumps do.
    #[must_use]
    pub fn has_holder(&self) -> bool {
        self.extras.holder.is_some()
    }

    /// Returns what an object holds that is no node, elements up to the first `most` only; `None` where the source does not tell, as V8's
    /// snapshots do not. Reads the source.
    #[must_use]
    pub fn held(&self, node: NodeIx, most: usize) -> Option<Held> {
        Some(self.extras.holder.as_ref()?.held(self.id(node), most))
    }

    /// As `held`, of many nodes: calls `each` with a node's place in the list and what it holds. Returns whether the source tells such things.
    pub fn held_each(&self, nodes: &[NodeIx], most: usize, each: &mut dyn FnMut(usize, Held)) -> bool {
        let Some(holder) = &self.extras.holder else { return false };
        let ids: Vec<NodeId> = nodes.iter().map(|&node| self.id(node)).collect();
        holder.held_each(&ids, most, each);
        true
    }

    /// Calls `each` with a node's place in the list and where its bytes lie, as `Holder::extents`. Returns whether the source tells such things.
    pub fn extents(&self, nodes: &[NodeIx], each: &mut dyn FnMut(usize, Option<Extent>)) -> bool {
        let Some(holder) = &self.extras.holder else { return false };
        let ids: Vec<NodeId> = nodes.iter().map(|&node| self.id(node)).collect();
        holder.extents(&ids, each)
    }

    /// Calls `each` with a string's place in the list and whether it contains a text, as `Holder::containing`. Returns whether the source
    /// tells such things.
    pub fn containing(&self, strings: &[NodeIx], text: &str, case: Case, each: &mut dyn FnMut(usize, Option<bool>)) -> bool {
        let Some(holder) = &self.extras.holder else { return false };
        let ids: Vec<NodeId> = strings.iter().map(|&node| self.id(node)).collect();
        holder.containing(&ids, text, case, each)
    }

    /// Returns in which isolate's heap a node lies, from 1; `None` where there is only one, or the source does not tell. O(1).
    #[must_use]
    pub fn isolate(&self, node: NodeIx) -> Option<u32> {
        self.extras.holder.as_ref()?.isolate(self.id(node))
    }

    /// Says whether there are several isolates. O(1).
    #[must_use]
    pub fn has_isolates(&self) -> bool {
        self.extras.holder.as_ref().is_some_and(|holder| holder.has_isolates())
    }

    /// Returns the string table.
    #[must_use]
    pub fn strings(&self) -> &StringTable {
        &self.strings
    }

    /// Returns the native memory that belongs to no node, in bytes: 0 before Node 24.
    #[must_use]
    pub fn extra_native_bytes(&self) -> u64 {
        self.extras.native_bytes
    }

    /// Returns where functions and classes were written, sorted by node.
    #[must_use]
    pub fn locations(&self) -> &Locations {
        &self.extras.locations
    }

    /// Returns where a node's function or class was written. O(log locations).
    #[must_use]
    pub fn location(&self, node: NodeIx) -> Option<Location> {
        self.extras.locations.of(node)
    }

    /// Returns what allocation tracking recorded: empty where it was off.
    #[must_use]
    pub fn allocations(&self) -> &Allocations {
        &self.extras.allocations
    }

    /// Returns the file's `snapshot` header as JSON, empty where the source has none.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.extras.header
    }

    /// Returns what walks over the graph read.
    #[inline]
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk { first_edges: self.columns.first_edges.values(), words: &self.columns.edges }
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(crate) fn extras(&self) -> &Extras {
        &self.extras
    }
}

impl fmt::Debug for HeapGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeapGraph({} nodes, {} edges)", self.node_count(), self.edge_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let cases = [("@123", Some(123)), ("123", Some(123)), ("0x7b", Some(123)), ("@0x7B", Some(123)), ("0x7f00_1", None)];
        let odd = [("@", None), ("", None), ("0x", None), ("12a", None), ("+5", None), ("0x+5", None), ("99999999999999999999", None)];
        for (word, expect) in cases.into_iter().chain(odd) {
            assert_eq!(word.parse().ok(), expect.map(NodeId), "{word}");
        }
        for id in [1, u64::from(u32::MAX), 1 << 32, 0x7f3a_5b2c_1d40, u64::MAX].map(NodeId) {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
