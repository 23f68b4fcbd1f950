//! Who refers to each node, for the nodes where it matters.
//!
//! A node with one retainer needs no list: its only predecessor is its parent in the search. The others, a quarter of a heap's nodes, are
//! the *joins*. Lists are made while the search runs on another thread, so they hold nodes at first, and every edge that may turn out
//! not to count; `number` then turns nodes into the search's numbers and leaves out what does not count.

use crate::bitset::{Bitset, RankedBits};
use crate::buffer::Buffer;
use crate::dominators::{EdgeRule, UNREACHED, is_table_half, may_retain};
use crate::facts::EdgeFacts;
use crate::graph::{Edge, HeapGraph};

/// The predecessors of all joins.
pub(crate) struct Lists {
    joins: RankedBits,
    /// Where the list of each join ends, by the join's rank.
    ends: Buffer<u32>,
    sources: Buffer<u32>,
}

impl Lists {
    /// Finds joins and lists their predecessors, as nodes. O(edges), three passes.
    pub(crate) fn of(graph: &HeapGraph, facts: &EdgeFacts) -> Self {
        let nodes = graph.node_count();
        let mut once = Bitset::new(nodes);
        let mut joins = Bitset::new(nodes);
        each_edge(graph, facts, |_, edge| {
            if !once.insert(edge.to.0) {
                joins.set(edge.to.0);
            }
        });
        drop(once);
        let joins = RankedBits::of(joins);
        let mut ends = Buffer::<u32>::zeroed(joins.count());
        each_edge(graph, facts, |_, edge| {
            if joins.get(edge.to.0) {
                ends[joins.rank(edge.to.0)] += 1;
            }
        });
        let mut total = 0;
        for end in ends.iter_mut() {
            let length = *end;
            *end = total;
            total += length;
        }
        let mut sources = Buffer::<u32>::zeroed(total as usize);
        {
            let (ends, sources): (&mut [u32], &mut [u32]) = (&mut ends, &mut sources);
            each_edge(graph, facts, |from, edge| {
                if joins.get(edge.to.0) {
                    let slot = &mut ends[joins.rank(edge.to.0)];
                    sources[*slot as usize] = from;
                    *slot += 1;
                }
            });
        }
        Self { joins, ends, sources }
    }

    /// Turns predecessors into numbers, on two threads. Those that were not reached, and edges from outside the page into it, become
    /// `UNREACHED`.
    pub(super) fn number(&mut self, rule: EdgeRule<'_>, numbers: &[u32]) {
        let Self { joins, ends, sources } = self;
        let middle = ends.len() / 2;
        let middle_source = if middle == 0 { 0 } else { ends[middle - 1] as usize };
        let (middle_node, nodes) = (joins.nth(middle), numbers.len() as u32);
        let (first, second) = sources.split_at_mut(middle_source);
        let (joins, ends): (&RankedBits, &[u32]) = (joins, ends);
        std::thread::scope(|scope| {
            scope.spawn(|| number_range(rule, numbers, joins, 0..middle_node, &ends[..middle], 0, first));
            number_range(rule, numbers, joins, middle_node..nodes, &ends[middle..], middle_source as u32, second);
        });
    }

    /// Returns the rank of a node among joins; `None` for other nodes.
    #[inline]
    pub(super) fn rank(&self, node: u32) -> Option<usize> {
        self.joins.get(node).then(|| self.joins.rank(node))
    }

    /// Returns the predecessors of the join of that rank.
    #[inline]
    pub(super) fn sources(&self, rank: usize) -> &[u32] {
        &self.sources[self.start(rank)..self.ends[rank] as usize]
    }

    /// Keeps the semidominator of a join, whose predecessors are not asked for again. It takes the place of the first of them, so that no
    /// column is needed when memory is at its height.
    #[inline]
    pub(super) fn settle(&mut self, rank: usize, semidominator: u32) {
        let start = self.start(rank);
        self.sources[start] = semidominator;
    }

    /// Returns the semidominator of a join that was settled.
    #[inline]
    pub(super) fn semidominator(&self, rank: usize) -> u32 {
        self.sources[self.start(rank)]
    }

    #[inline]
    fn start(&self, rank: usize) -> usize {
        if rank == 0 { 0 } else { self.ends[rank - 1] as usize }
    }
}

/// Calls `each` for every edge that may be essential, in the order of the file.
#[inline]
fn each_edge(graph: &HeapGraph, facts: &EdgeFacts, mut each: impl FnMut(u32, Edge)) {
    let (walk, root) = (graph.walk(), graph.root().0);
    for from in 0..walk.node_count() as u32 {
        let special = facts.special.get(from);
        for edge in walk.edges(from) {
            if may_retain(root, from, edge) && !is_table_half(facts, special, edge) {
                each(from, edge);
            }
        }
    }
}

/// Numbers the lists of the joins among `nodes`, whose lists end at `ends` and start at `start`, which is where `sources` begins.
fn number_range(
    rule: EdgeRule<'_>,
    numbers: &[u32],
    joins: &RankedBits,
    nodes: std::ops::Range<u32>,
    ends: &[u32],
    start: u32,
    sources: &mut [u32],
) {
    let mut at = start;
    let members = nodes.filter(|&node| joins.get(node));
    for (node, &end) in members.zip(ends) {
        let on_page = rule.page.get(node);
        for source in &mut sources[(at - start) as usize..(end - start) as usize] {
            let from = *source;
            *source = if on_page && from != rule.root && !rule.page.get(from) { UNREACHED } else { numbers[from as usize] };
        }
        at = end;
    }
}
