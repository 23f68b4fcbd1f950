//! What letting go of references frees: exactly what nothing reaches any more once they are gone.
//!
//! A retained size answers that for one object that is let go by all. A set of references (the entries of twenty arrays, one variable of
//! three thousand contexts) has no dominator of its own, and where something else holds the same objects, letting go frees less or
//! nothing. So the references are taken out and reachability is worked out anew, but only where it can change: below the nearest common
//! dominator of what holds them, and only what they reach.
//!
//! A string that then only V8's table of internalized strings refers to counts as freed, though snapshots write the table's references
//! as strong: V8 drops such strings.

use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::HeapAnalysis;
use crate::bitset::Bitset;
use crate::graph::{Edge, EdgeIx, NodeIx};
use crate::kinds::NodeKind;

/// What V8 calls its table of internalized strings.
const STRING_TABLE: &str = "(Internalized strings)";

/// Cuts references of one graph. Holds four bytes a node.
pub struct Cutter<'a> {
    analysis: &'a HeapAnalysis,
    /// How many essential edges lead to each node from nodes that are alive.
    holds: Vec<u32>,
    /// Nodes that are alive, as dominators have it: what the root reaches, and what nodes without any essential edge to them reach.
    alive: Bitset,
    /// How many edges lead from V8's table of internalized strings to each of them.
    internalized: FxHashMap<NodeIx, u32>,
    string_table: Option<NodeIx>,
    /// How many nodes and edges all cuts so far have gone over.
    work: AtomicU64,
}

/// A search for better cuts stops after so much work, or all of the graph if that is more: on a large heap one cut takes a second.
const ENOUGH_WORK: u64 = 15_000_000;

/// What a cut frees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// The self sizes of all that only the cut references reached, in bytes.
    pub bytes: u64,
    /// What is freed, V8's internals included, in no order.
    pub nodes: Vec<NodeIx>,
    /// Those of the nodes asked about that something else still holds, in the order asked.
    pub kept: Vec<NodeIx>,
}

impl<'a> Cutter<'a> {
    /// Counts what holds each node. O(edges).
    #[must_use]
    pub fn new(analysis: &'a HeapAnalysis) -> Self {
        let graph = analysis.graph();
        let nodes = graph.node_count();
        let is_table = |&node: &NodeIx| graph.kind(node) == NodeKind::SYNTHETIC && graph.strings().is(graph.name_ix(node), STRING_TABLE);
        let string_table = graph.nodes().find(is_table);
        let mut held = Bitset::new(nodes);
        let essential = |node: NodeIx| graph.edges(node).filter(move |&edge| analysis.is_essential(node, edge));
        graph.nodes().flat_map(essential).for_each(|edge| held.set(edge.to.0));
        let mut stack: Vec<NodeIx> = graph.nodes().filter(|&node| node == graph.root() || !held.get(node.0)).collect();
        let mut cutter = Self {
            analysis,
            holds: vec![0; nodes],
            alive: Bitset::new(nodes),
            internalized: FxHashMap::default(),
            string_table,
            work: AtomicU64::new(0),
        };
        stack.iter().for_each(|node| cutter.alive.set(node.0));
        while let Some(node) = stack.pop() {
            for edge in essential(node) {
                cutter.holds[edge.to.at()] += 1;
                if cutter.alive.insert(edge.to.0) {
                    stack.push(edge.to);
                }
            }
        }
        cutter.string_table = string_table.filter(|table| cutter.alive.get(table.0));
        cutter.internalized = cutter.string_table.map(|table| internalized(analysis, table)).unwrap_or_default();
        cutter
    }

    /// Says what is freed when these references are taken out together, and which of `asked` stay. O(edges of what they reach below
    /// their common dominator).
    #[must_use]
    pub fn cut(&self, references: &[EdgeIx], asked: &[NodeIx]) -> Freed {
        let graph = self.analysis.graph();
        let mut cut: Vec<EdgeIx> = references.iter().copied().filter(|&ix| self.holds_by(ix)).collect();
        cut.sort_unstable();
        cut.dedup();
        let Some(area) = Area::of(self.analysis, cut.iter().map(|&ix| graph.edge_source(ix))) else {
            return Freed { kept: asked.to_vec(), ..Freed::default() };
        };
        let mut trial = Trial { cutter: self, area, cut, seen: Vec::new(), order: Vec::new() };
        trial.reach();
        trial.spread();
        trial.freed(asked)
    }

    /// Says whether cuts have taken so much work that whoever tries several should be content with what there is.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        let enough = ENOUGH_WORK.max(self.analysis.graph().edge_count() as u64);
        self.work.load(Ordering::Relaxed) > enough
    }

    /// Says whether a reference holds anything: whether dominators count it, and where it comes from is alive.
    fn holds_by(&self, ix: EdgeIx) -> bool {
        let graph = self.analysis.graph();
        let from = graph.edge_source(ix);
        self.alive.get(from.0) && self.analysis.is_essential(from, graph.edge(ix))
    }

    /// Says whether a node is V8's table of internalized strings, which keeps none of them.
    pub(crate) fn is_string_table(&self, node: NodeIx) -> bool {
        self.string_table == Some(node)
    }

    /// Returns the references by which a node holds others.
    fn holding(&self, node: NodeIx) -> impl Iterator<Item = Edge> + '_ {
        self.analysis.graph().edges(node).filter(move |&edge| self.analysis.is_essential(node, edge))
    }
}

/// Counts the edges from V8's table of internalized strings.
fn internalized(analysis: &HeapAnalysis, table: NodeIx) -> FxHashMap<NodeIx, u32> {
    let graph = analysis.graph();
    let mut counts = FxHashMap::default();
    for edge in graph.edges(table).filter(|&edge| graph.kind(edge.to).is_string() && analysis.is_essential(table, edge)) {
        *counts.entry(edge.to).or_default() += 1;
    }
    counts
}

/// A subtree of the dominator tree without its top: nothing outside of it can be freed.
struct Area {
    first: u32,
    len: usize,
}

impl Area {
    /// Finds what the nearest common dominator of some nodes dominates; `None` for no nodes.
    fn of(analysis: &HeapAnalysis, nodes: impl Iterator<Item = NodeIx>) -> Option<Self> {
        let spans = analysis.dominator_spans();
        let places = nodes.map(|node| spans.places[node.at()]);
        let (low, high) = places.fold((u32::MAX, 0), |(low, high), place| (low.min(place), high.max(place)));
        let mut top = NodeIx(*spans.nodes.get(low as usize)?);
        let end = |top: NodeIx| spans.places[top.at()] + spans.lengths[spans.places[top.at()] as usize];
        while end(top) <= high && analysis.dominator(top) != top {
            top = analysis.dominator(top);
        }
        let first = spans.places[top.at()] + 1;
        Some(Self { first, len: (end(top) - first) as usize })
    }

    /// Returns a node's place in the area.
    #[inline]
    fn place(&self, analysis: &HeapAnalysis, node: NodeIx) -> Option<usize> {
        let place = analysis.dominator_spans().places[node.at()].checked_sub(self.first)? as usize;
        (place < self.len).then_some(place)
    }
}

/// Marks a node that the references do not reach.
const UNSEEN: u32 = u32::MAX;
/// Marks a node that something else still holds. There are fewer edges than that.
const ALIVE: u32 = u32::MAX - 1;

/// One cut at work.
struct Trial<'a, 'b> {
    cutter: &'b Cutter<'a>,
    area: Area,
    /// The references to take out, rising.
    cut: Vec<EdgeIx>,
    /// For each place how many edges that hold its node come from within what the references reach, or are cut.
    seen: Vec<u32>,
    /// What the references reach.
    order: Vec<NodeIx>,
}

impl Trial<'_, '_> {
    /// Collects what the cut references reach, and counts the edges within.
    fn reach(&mut self) {
        let (cutter, graph) = (self.cutter, self.cutter.analysis.graph());
        self.seen = vec![UNSEEN; self.area.len];
        for at in 0..self.cut.len() {
            self.meet(graph.edge(self.cut[at]).to, 0);
        }
        let (mut at, mut work) = (0, 0);
        while let Some(&node) = self.order.get(at) {
            at += 1;
            for edge in cutter.holding(node) {
                work += 1;
                self.meet(edge.to, 1);
            }
        }
        cutter.work.fetch_add(work + self.order.len() as u64, Ordering::Relaxed);
        // Cut edges from within were counted on the way.
        for at in 0..self.cut.len() {
            let from = graph.edge_source(self.cut[at]);
            if self.state(from).is_none_or(|state| state == UNSEEN) {
                self.meet(graph.edge(self.cut[at]).to, 1);
            }
        }
    }

    /// Takes in a node of the area, and counts so many edges to it.
    fn meet(&mut self, node: NodeIx, edges: u32) {
        let Some(place) = self.area.place(self.cutter.analysis, node) else { return };
        if self.seen[place] == UNSEEN {
            self.seen[place] = 0;
            self.order.push(node);
        }
        self.seen[place] += edges;
    }

    fn state(&self, node: NodeIx) -> Option<u32> {
        self.area.place(self.cutter.analysis, node).map(|place| self.seen[place])
    }

    /// Marks what is held from elsewhere, and all that this holds by references that stay.
    fn spread(&mut self) {
        let cutter = self.cutter;
        let is_held = |node: &NodeIx| self.state(*node).is_some_and(|seen| cutter.holds[node.at()] > seen);
        let mut stack: Vec<NodeIx> = self.order.iter().copied().filter(is_held).collect();
        stack.retain(|&node| self.keep(node));
        while let Some(node) = stack.pop() {
            for edge in cutter.holding(node) {
                if self.cut.binary_search(&edge.ix).is_err() && self.keep(edge.to) {
                    stack.push(edge.to);
                }
            }
        }
    }

    /// Marks a node as held; says whether it was not by now, and is one that the references reach.
    fn keep(&mut self, node: NodeIx) -> bool {
        let Some(place) = self.area.place(self.cutter.analysis, node).filter(|&place| self.seen[place] < ALIVE) else { return false };
        self.seen[place] = ALIVE;
        true
    }

    /// Says whether a node of the area is not held any more.
    fn is_freed(&self, node: NodeIx) -> bool {
        self.state(node).is_some_and(|seen| seen < ALIVE)
    }

    fn freed(&self, asked: &[NodeIx]) -> Freed {
        let strings = self.strings();
        let freed = self.order.iter().copied().filter(|&node| self.is_freed(node));
        let freed: Vec<NodeIx> = freed.chain(strings.iter().copied()).collect();
        let bytes = freed.iter().map(|&node| self.cutter.analysis.self_size(node)).fold(0, u64::saturating_add);
        let kept = asked.iter().copied().filter(|&node| !self.is_freed(node) && !strings.contains(&node)).collect();
        Freed { bytes, nodes: freed, kept }
    }

    /// Finds the strings that only the table of internalized strings still refers to.
    fn strings(&self) -> FxHashSet<NodeIx> {
        let (cutter, graph) = (self.cutter, self.cutter.analysis.graph());
        let mut gone: FxHashMap<NodeIx, u32> = FxHashMap::default();
        let Some(table) = cutter.string_table.filter(|&table| !self.is_freed(table)) else { return FxHashSet::default() };
        let mut cut_from_table: FxHashMap<NodeIx, u32> = FxHashMap::default();
        for &ix in &self.cut {
            let (from, to) = (graph.edge_source(ix), graph.edge(ix).to);
            let count = if from == table { &mut cut_from_table } else { &mut gone };
            // Those from what is freed are counted below.
            *count.entry(to).or_default() += u32::from(!self.is_freed(from));
        }
        let is_internalized = |edge: &Edge| graph.kind(edge.to).is_string() && cutter.internalized.contains_key(&edge.to);
        for &node in self.order.iter().filter(|&&node| self.is_freed(node)) {
            cutter.holding(node).filter(is_internalized).for_each(|edge| *gone.entry(edge.to).or_default() += 1);
        }
        let is_dropped = |&(&node, &gone): &(&NodeIx, &u32)| {
            let of_table = cutter.internalized.get(&node).copied().unwrap_or(0);
            let is_left = cut_from_table.get(&node).is_none_or(|&cut| cut < of_table);
            of_table > 0 && is_left && gone > 0 && cutter.holds[node.at()] - of_table == gone && !self.is_freed(node)
        };
        gone.iter().filter(is_dropped).map(|(&node, _)| node).collect()
    }
}
