//! Immediate dominators and retained sizes.
//!
//! Semi-NCA (Georgiadis, *Linear-Time Algorithms for Dominators and Related Problems*, 2005), iterative throughout. A depth-first search
//! numbers the nodes (`search`) while another thread lists who refers to whom (`lists`), and the rest works on numbers alone (`semi_nca`),
//! where a node's neighbours are near it in memory.
//!
//! Which edges count is DevTools' rule (*essential* edges): no weak ones, no self references, no shortcuts but the root's, of the two
//! halves of a WeakMap entry the key's, and none from outside the page into it. A node that only weak edges reach is a child of the root,
//! and so is every member of a clique that nothing else reaches.

mod lists;
mod search;
mod semi_nca;

use crate::bitset::Bitset;
use crate::buffer::Buffer;
use crate::column::WideColumn;
use crate::facts::EdgeFacts;
use crate::graph::{Edge, HeapGraph, SizeColumn};
use crate::kinds::EdgeKind;

pub(crate) use lists::Lists;

/// The number of a node that the search did not reach.
const UNREACHED: u32 = u32::MAX;

/// The dominator tree, in numbers: every node has a higher number than its dominator, and the root has 0. Members of cliques that nothing
/// reaches have no number; the root is their dominator.
#[derive(Debug, Default)]
pub(crate) struct DominatorTree {
    /// The node of each number.
    pub(crate) order: Buffer<u32>,
    /// The number of the immediate dominator of each number; the root's is its own.
    pub(crate) idoms: Buffer<u32>,
}

/// What decides whether an edge counts.
#[derive(Clone, Copy)]
pub(crate) struct EdgeRule<'a> {
    pub(crate) root: u32,
    pub(crate) facts: &'a EdgeFacts,
    pub(crate) page: &'a Bitset,
}

impl EdgeRule<'_> {
    /// Says whether an edge is essential.
    #[inline]
    pub(crate) fn accepts(self, from: u32, edge: Edge) -> bool {
        may_retain(self.root, from, edge)
            && (from == self.root || self.page.get(from) || !self.page.get(edge.to.0))
            && !is_table_half(self.facts, self.facts.special.get(from), edge)
    }
}

/// Says whether an edge can be essential, whatever the page is.
#[inline]
fn may_retain(root: u32, from: u32, edge: Edge) -> bool {
    edge.kind != EdgeKind::WEAK && edge.to.0 != from && (edge.kind != EdgeKind::SHORTCUT || from == root)
}

/// Says whether an edge of a special node is the table's half of a WeakMap entry.
#[inline]
fn is_table_half(facts: &EdgeFacts, special: bool, edge: Edge) -> bool {
    special && facts.ephemeron(edge.ix.0).is_some_and(|half| half.from_table)
}

/// Finds the dominator tree. Nearly linear in the edges. `lists` is called once the search is done, and may have been at work beside it.
/// At the height about 20 bytes a node and 4 an edge.
pub(crate) fn dominator_tree(graph: &HeapGraph, facts: &EdgeFacts, page: &Bitset, lists: impl FnOnce() -> Lists) -> DominatorTree {
    let rule = EdgeRule { root: graph.root().0, facts, page };
    let search::Search { numbers, parents, .. } = search::Search::run(graph, rule);
    let mut lists = lists();
    lists.number(rule, &numbers);
    // From here on the numbers' nodes are asked for, not the nodes' numbers; one array is kept at a time.
    let order = inverse(&numbers, parents.len());
    drop(numbers);
    let idoms = semi_nca::idoms(parents, &order, lists);
    DominatorTree { order, idoms }
}

/// Returns the node of each of `count` numbers.
fn inverse(numbers: &[u32], count: usize) -> Buffer<u32> {
    let mut order = Buffer::zeroed(count);
    let slots: &mut [u32] = &mut order;
    for (node, &number) in numbers.iter().enumerate() {
        if let Some(slot) = slots.get_mut(number as usize) {
            *slot = node as u32;
        }
    }
    order
}

impl DominatorTree {
    /// Makes the tree of every node's dominator. For graphs whose dominators are known already. O(nodes).
    pub(crate) fn of_idoms(root: u32, idoms_of_nodes: &[u32]) -> Self {
        let order = crate::spans::breadth_first(root, idoms_of_nodes);
        let mut numbers = Buffer::zeroed(idoms_of_nodes.len());
        for (number, &node) in order.iter().enumerate() {
            numbers[node as usize] = number as u32;
        }
        let idoms = Buffer::from_fn(order.len(), |number| numbers[idoms_of_nodes[order[number] as usize] as usize]);
        Self { order: order.into(), idoms }
    }

    /// Returns the nodes that have no number, of `nodes` in all, rising.
    pub(crate) fn unreached(&self, nodes: usize) -> Vec<u32> {
        if self.order.len() == nodes {
            return Vec::new();
        }
        let mut reached = Bitset::new(nodes);
        for &node in self.order.iter() {
            reached.set(node);
        }
        (0..nodes as u32).filter(|&node| !reached.get(node)).collect()
    }

    /// Sums self sizes up the tree. O(nodes).
    pub(crate) fn retained_sizes(&self, self_sizes: &SizeColumn) -> WideColumn {
        let (order, idoms): (&[u32], &[u32]) = (&self.order, &self.idoms);
        let nodes = self_sizes.len();
        let self_sizes = self_sizes.values();
        let mut sums = Sums::of(order.iter().map(|&node| self_sizes.get(node as usize)), order.len());
        for number in (1..order.len()).rev() {
            let size = sums.get(number);
            sums.add(idoms[number] as usize, size);
        }
        let mut retained = Buffer::zeroed(nodes);
        let mut wide = Vec::new();
        for node in self.unreached(nodes) {
            // A member of a clique that nothing reaches retains itself, and counts with the root.
            let size = self_sizes.get(node as usize);
            sums.add(0, size);
            put(&mut retained, &mut wide, node, size);
        }
        for (number, &node) in order.iter().enumerate() {
            put(&mut retained, &mut wide, node, sums.get(number));
        }
        WideColumn::new(retained.into(), wide)
    }

    /// Returns the immediate dominator of every node, of `nodes` in all; the root's is itself.
    pub(crate) fn idoms_of_nodes(&self, nodes: usize) -> Buffer<u32> {
        let (order, idoms): (&[u32], &[u32]) = (&self.order, &self.idoms);
        let mut idoms_of_nodes = Buffer::filled(nodes, order.first().copied().unwrap_or(0));
        for (&node, &idom) in order.iter().zip(idoms) {
            idoms_of_nodes[node as usize] = order[idom as usize];
        }
        idoms_of_nodes
    }
}

#[inline]
fn put(narrow: &mut [u32], wide: &mut Vec<(u32, u64)>, node: u32, value: u64) {
    let small = u32::try_from(value).unwrap_or(u32::MAX);
    narrow[node as usize] = small;
    if small == u32::MAX {
        wide.push((node, value));
    }
}

/// 64-bit sums of which nearly all fit in 32 bits.
struct Sums {
    narrow: Buffer<u32>,
    wide: rustc_hash::FxHashMap<usize, u64>,
}

impl Sums {
    fn of(values: impl Iterator<Item = u64>, len: usize) -> Self {
        let mut sums = Self { narrow: Buffer::zeroed(len), wide: rustc_hash::FxHashMap::default() };
        for (at, value) in values.enumerate() {
            sums.set(at, value);
        }
        sums
    }

    #[inline]
    fn get(&self, at: usize) -> u64 {
        match self.narrow[at] {
            u32::MAX => self.wide.get(&at).copied().unwrap_or_default(),
            value => u64::from(value),
        }
    }

    #[inline]
    fn set(&mut self, at: usize, value: u64) {
        let narrow = u32::try_from(value).unwrap_or(u32::MAX);
        self.narrow[at] = narrow;
        if narrow == u32::MAX {
            self.wide.insert(at, value);
        }
    }

    #[inline]
    fn add(&mut self, at: usize, more: u64) {
        // A damaged file can say anything of a size.
        let sum = self.get(at).saturating_add(more);
        self.set(at, sum);
    }
}
