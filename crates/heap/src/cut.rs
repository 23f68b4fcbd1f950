//! What letting go of references frees: exactly what nothing reaches any more once they are gone.
//!
//! A retained size answers that for one object that is let go by all. A set of references (the entries of twenty arrays, one variable of
//! three thousand contexts) has no dominator of its own, and where something else holds the same objects, letting go frees less or
//! nothing. So the references are taken out and reachability is worked out anew, but only where it can change: below the nearest common
//! dominator of what holds them, and only what they reach.
//!
//! A string that then only V8's table of internalized strings refers to counts as freed, though snapshots write the table's references
//! as strong: V8 drops such strings.

mod holding;

use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::HeapAnalysis;
use crate::bitset::Bitset;
use crate::graph::{EdgeIx, NodeIx};
use crate::kinds::NodeKind;
use holding::Holding;

/// What V8 calls its table of internalized strings.
const STRING_TABLE: &str = "(Internalized strings)";

/// Cuts references of one graph. Holds eight bytes a node and four an edge. Nodes go by their places in the dominator tree.
pub struct Cutter<'a> {
    analysis: &'a HeapAnalysis,
    holding: Holding,
    /// How many edges hold each node from nodes that are alive.
    holds: Vec<u32>,
    /// Nodes that are alive, as dominators have it: what the root reaches, and what nodes that nothing holds reach.
    alive: Bitset,
    /// Strings that V8's table of internalized strings refers to, and by how many edges each.
    internalized: Bitset,
    of_table: FxHashMap<u32, u32>,
    string_table: Option<u32>,
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

/// A reference that is taken out: from one place to another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reference {
    from: u32,
    to: u32,
    ix: EdgeIx,
}

impl<'a> Cutter<'a> {
    /// Counts what holds each node. O(edges).
    #[must_use]
    pub fn new(analysis: &'a HeapAnalysis) -> Self {
        let holding = Holding::of(analysis);
        let places = holding.len();
        let (holds, alive) = alive(&holding, analysis.dominator_spans().places[analysis.graph().root().at()]);
        let mut cutter = Self {
            analysis,
            holding,
            holds,
            alive,
            internalized: Bitset::new(places),
            of_table: FxHashMap::default(),
            string_table: None,
            work: AtomicU64::new(0),
        };
        let graph = analysis.graph();
        let is_table = |&node: &NodeIx| graph.kind(node) == NodeKind::SYNTHETIC && graph.strings().is(graph.name_ix(node), STRING_TABLE);
        let table = graph.nodes().find(is_table).map(|table| cutter.place(table));
        cutter.string_table = table.filter(|&table| cutter.alive.get(table));
        for &to in cutter.string_table.iter().flat_map(|&table| cutter.holding.by(table)) {
            if graph.kind(cutter.node(to)).is_string() {
                cutter.internalized.set(to);
                *cutter.of_table.entry(to).or_default() += 1;
            }
        }
        cutter
    }

    /// Says what is freed when these references are taken out together, and which of `asked` stay. O(edges of what they reach below
    /// their common dominator).
    #[must_use]
    pub fn cut(&self, references: &[EdgeIx], asked: &[NodeIx]) -> Freed {
        let mut references = references.to_vec();
        references.sort_unstable();
        references.dedup();
        let cut: Vec<Reference> = references.into_iter().filter_map(|ix| self.holding_reference(ix)).collect();
        let Some(area) = Area::of(self.analysis, cut.iter().map(|reference| reference.from)) else {
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

    /// Returns a reference if it holds anything: if dominators count it, and where it comes from is alive.
    fn holding_reference(&self, ix: EdgeIx) -> Option<Reference> {
        let graph = self.analysis.graph();
        let (node, edge) = (graph.edge_source(ix), graph.edge(ix));
        let from = self.place(node);
        let holds = self.alive.get(from) && self.analysis.edge_rule().accepts(node.0, edge);
        holds.then(|| Reference { from, to: self.place(edge.to), ix })
    }

    /// Says whether a node is V8's table of internalized strings, which keeps none of them.
    pub(crate) fn is_string_table(&self, node: NodeIx) -> bool {
        self.string_table == Some(self.place(node))
    }

    fn place(&self, node: NodeIx) -> u32 {
        self.analysis.dominator_spans().places[node.at()]
    }

    fn node(&self, place: u32) -> NodeIx {
        NodeIx(self.analysis.dominator_spans().nodes[place as usize])
    }
}

/// Finds out what is alive, and how many edges hold each place from there: the root is alive, and what nothing holds.
fn alive(holding: &Holding, root: u32) -> (Vec<u32>, Bitset) {
    let places = 0..holding.len() as u32;
    let mut held = Bitset::new(holding.len());
    places.clone().flat_map(|place| holding.by(place)).for_each(|&to| held.set(to));
    let mut stack: Vec<u32> = places.filter(|&place| place == root || !held.get(place)).collect();
    let (mut holds, mut alive) = (vec![0; holding.len()], Bitset::new(holding.len()));
    stack.iter().for_each(|&place| alive.set(place));
    while let Some(place) = stack.pop() {
        for &to in holding.by(place) {
            holds[to as usize] += 1;
            if alive.insert(to) {
                stack.push(to);
            }
        }
    }
    (holds, alive)
}

/// A subtree of the dominator tree without its top: nothing outside of it can be freed.
#[derive(Clone, Copy)]
struct Area {
    first: u32,
    len: usize,
}

impl Area {
    /// Finds what the nearest common dominator of some places dominates; `None` for no places.
    fn of(analysis: &HeapAnalysis, places: impl Iterator<Item = u32>) -> Option<Self> {
        let spans = analysis.dominator_spans();
        let (low, high) = places.fold((u32::MAX, 0), |(low, high), place| (low.min(place), high.max(place)));
        let mut top = NodeIx(*spans.nodes.get(low as usize)?);
        let end = |top: NodeIx| spans.places[top.at()] + spans.lengths[spans.places[top.at()] as usize];
        while end(top) <= high && analysis.dominator(top) != top {
            top = analysis.dominator(top);
        }
        let first = spans.places[top.at()] + 1;
        Some(Self { first, len: (end(top) - first) as usize })
    }

    /// Returns how far a place is from the area's first.
    #[inline]
    fn at(self, place: u32) -> Option<usize> {
        let at = place.checked_sub(self.first)? as usize;
        (at < self.len).then_some(at)
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
    cut: Vec<Reference>,
    /// For each place of the area how many edges that hold its node come from within what the references reach, or are cut.
    seen: Vec<u32>,
    /// The places that the references reach.
    order: Vec<u32>,
}

impl Trial<'_, '_> {
    /// Collects what the cut references reach, and counts the edges within.
    fn reach(&mut self) {
        let cutter = self.cutter;
        self.seen = vec![UNSEEN; self.area.len];
        for at in 0..self.cut.len() {
            self.meet(self.cut[at].to, 0);
        }
        let (mut at, mut work) = (0, 0);
        while let Some(&place) = self.order.get(at) {
            at += 1;
            let held = cutter.holding.by(place);
            work += held.len() as u64;
            held.iter().for_each(|&to| self.meet(to, 1));
        }
        cutter.work.fetch_add(work + self.order.len() as u64, Ordering::Relaxed);
        // Cut edges from within were counted on the way.
        for at in 0..self.cut.len() {
            let Reference { from, to, .. } = self.cut[at];
            if self.state(from).is_none_or(|state| state == UNSEEN) {
                self.meet(to, 1);
            }
        }
    }

    /// Takes in a node of the area, and counts so many edges to it.
    #[inline]
    fn meet(&mut self, place: u32, edges: u32) {
        let Some(at) = self.area.at(place) else { return };
        if self.seen[at] == UNSEEN {
            self.seen[at] = 0;
            self.order.push(place);
        }
        self.seen[at] += edges;
    }

    #[inline]
    fn state(&self, place: u32) -> Option<u32> {
        self.area.at(place).map(|at| self.seen[at])
    }

    /// Marks what is held from elsewhere, and all that this holds by references that stay.
    fn spread(&mut self) {
        let cutter = self.cutter;
        let loses: FxHashSet<u32> = self.cut.iter().map(|reference| reference.from).collect();
        let is_held = |place: &u32| self.state(*place).is_some_and(|seen| cutter.holds[*place as usize] > seen);
        let mut stack: Vec<u32> = self.order.iter().copied().filter(is_held).collect();
        stack.retain(|&place| self.keep(place));
        while let Some(place) = stack.pop() {
            if loses.contains(&place) {
                let left = self.left(place);
                stack.extend(left.into_iter().filter(|&to| self.keep(to)));
            } else {
                stack.extend(cutter.holding.by(place).iter().copied().filter(|&to| self.keep(to)));
            }
        }
    }

    /// Returns what a node still holds that loses some of its references.
    fn left(&self, place: u32) -> Vec<u32> {
        let (cutter, node) = (self.cutter, self.cutter.node(place));
        let rule = cutter.analysis.edge_rule();
        let is_cut = |ix: EdgeIx| self.cut.binary_search_by_key(&ix, |reference| reference.ix).is_ok();
        let edges = cutter.analysis.graph().edges(node).filter(|&edge| rule.accepts(node.0, edge) && !is_cut(edge.ix));
        edges.map(|edge| cutter.place(edge.to)).collect()
    }

    /// Marks a node as held; says whether it was not by now, and is one that the references reach.
    #[inline]
    fn keep(&mut self, place: u32) -> bool {
        let Some(at) = self.area.at(place).filter(|&at| self.seen[at] < ALIVE) else { return false };
        self.seen[at] = ALIVE;
        true
    }

    /// Says whether a node of the area is not held any more.
    #[inline]
    fn is_freed(&self, place: u32) -> bool {
        self.state(place).is_some_and(|seen| seen < ALIVE)
    }

    fn freed(&self, asked: &[NodeIx]) -> Freed {
        let (cutter, strings) = (self.cutter, self.strings());
        let places = self.order.iter().copied().filter(|&place| self.is_freed(place));
        let nodes: Vec<NodeIx> = places.chain(strings.iter().copied()).map(|place| cutter.node(place)).collect();
        let bytes = nodes.iter().map(|&node| cutter.analysis.self_size(node)).fold(0, u64::saturating_add);
        let stays = |&node: &NodeIx| {
            let place = cutter.place(node);
            !self.is_freed(place) && !strings.contains(&place)
        };
        Freed { bytes, nodes, kept: asked.iter().copied().filter(stays).collect() }
    }

    /// Finds the strings that only the table of internalized strings still refers to.
    fn strings(&self) -> FxHashSet<u32> {
        let cutter = self.cutter;
        let mut gone: FxHashMap<u32, u32> = FxHashMap::default();
        let Some(table) = cutter.string_table.filter(|&table| !self.is_freed(table)) else { return FxHashSet::default() };
        let mut cut_from_table: FxHashMap<u32, u32> = FxHashMap::default();
        for &Reference { from, to, .. } in self.cut.iter().filter(|reference| cutter.internalized.get(reference.to)) {
            let count = if from == table { &mut cut_from_table } else { &mut gone };
            // Those from what is freed are counted below.
            *count.entry(to).or_default() += u32::from(!self.is_freed(from));
        }
        for &place in self.order.iter().filter(|&&place| self.is_freed(place)) {
            let strings = cutter.holding.by(place).iter().filter(|&&to| cutter.internalized.get(to));
            strings.for_each(|&to| *gone.entry(to).or_default() += 1);
        }
        let is_dropped = |&(&string, &gone): &(&u32, &u32)| {
            let of_table = cutter.of_table.get(&string).copied().unwrap_or(0);
            let is_left = cut_from_table.get(&string).is_none_or(|&cut| cut < of_table);
            is_left && gone > 0 && cutter.holds[string as usize] - of_table == gone && !self.is_freed(string)
        };
        gone.iter().filter(is_dropped).map(|(&string, _)| string).collect()
    }
}
