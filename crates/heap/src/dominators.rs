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
use crate::graph::{Edge, HeapGraph, NodeIx};
use crate::kinds::EdgeKind;

pub(crate) use lists::Lists;

/// The number of a node that the search did not reach.
pub(crate) const UNREACHED: u32 = u32::MAX;

/// The dominator tree, in numbers: every node has a higher number than its dominator, and the root has 0.
#[derive(Debug, Default)]
pub(crate) struct DominatorTree {
    /// The number of each node; `UNREACHED` for members of cliques that nothing reaches.
    pub(crate) numbers: Buffer<u32>,
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

/// Says whether an edge counts: DevTools' essential edges.
pub(crate) fn is_essential(graph: &HeapGraph, facts: &EdgeFacts, page: &Bitset, from: NodeIx, edge: Edge) -> bool {
    EdgeRule { root: graph.root().0, facts, page }.accepts(from.0, edge)
}

/// Finds the dominator tree. Nearly linear in the edges. `lists` runs on a second thread beside the search; `beside` runs there while
/// this thread works alone. At the height about 24 bytes a node and 4 an edge.
pub(crate) fn dominator_tree(
    graph: &HeapGraph,
    facts: &EdgeFacts,
    page: &Bitset,
    lists: impl FnOnce() -> Lists,
    beside: impl FnOnce() + Send,
) -> DominatorTree {
    let rule = EdgeRule { root: graph.root().0, facts, page };
    let search::Search { numbers, parents, .. } = search::Search::run(graph, rule);
    let mut lists = lists();
    lists.number(rule, &numbers);
    // From here on the numbers' nodes are asked for, not the nodes' numbers; one array is kept at a time.
    let order = inverse(&numbers, parents.len());
    drop(numbers);
    let idoms = std::thread::scope(|scope| {
        scope.spawn(beside);
        semi_nca::idoms(parents, &order, &lists)
    });
    drop(lists);
    let mut numbers = Buffer::filled(graph.node_count(), UNREACHED);
    for (number, &node) in order.iter().enumerate() {
        numbers[node as usize] = number as u32;
    }
    DominatorTree { numbers, order, idoms }
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
        let mut numbers = Buffer::filled(idoms_of_nodes.len(), UNREACHED);
        for (number, &node) in order.iter().enumerate() {
            numbers[node as usize] = number as u32;
        }
        let idoms = Buffer::from_fn(order.len(), |number| numbers[idoms_of_nodes[order[number] as usize] as usize]);
        Self { numbers, order: order.into(), idoms }
    }

    /// Returns the number of the immediate dominator of a node.
    #[inline]
    pub(crate) fn idom_of(&self, node: u32) -> u32 {
        match self.numbers[node as usize] {
            UNREACHED => 0,
            number => self.idoms[number as usize],
        }
    }

    /// Sums self sizes up the tree. O(nodes).
    pub(crate) fn retained_sizes(&self, self_sizes: &WideColumn) -> WideColumn {
        let mut sums = Sums::of(self.order.iter().map(|&node| self_sizes.get(node as usize)), self.order.len());
        for number in (1..self.order.len()).rev() {
            let size = sums.get(number);
            sums.add(self.idoms[number] as usize, size);
        }
        let mut retained = Buffer::zeroed(self.numbers.len());
        let mut wide = Vec::new();
        for (node, &number) in self.numbers.iter().enumerate() {
            let size = if number == UNREACHED {
                let size = self_sizes.get(node);
                sums.add(0, size);
                size
            } else {
                sums.get(number as usize)
            };
            put(&mut retained, &mut wide, node, size);
        }
        // Members of cliques count with the root, which may have come before them.
        if let Some(&root) = self.order.first() {
            wide.retain(|&(at, _)| at != root);
            put(&mut retained, &mut wide, root as usize, sums.get(0));
        }
        WideColumn::new(retained.into(), wide)
    }

    /// Turns the tree into the immediate dominator of every node; the root's is itself.
    pub(crate) fn into_idoms(self) -> Buffer<u32> {
        let Self { mut numbers, order, idoms } = self;
        let root = order.first().copied().unwrap_or(0);
        for number in numbers.iter_mut() {
            *number = if *number == UNREACHED { root } else { order[idoms[*number as usize] as usize] };
        }
        numbers
    }
}

fn put(narrow: &mut [u32], wide: &mut Vec<(u32, u64)>, at: usize, value: u64) {
    narrow[at] = u32::try_from(value).unwrap_or(u32::MAX);
    if narrow[at] == u32::MAX {
        wide.push((at as u32, value));
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
        let sum = self.get(at) + more;
        self.set(at, sum);
    }
}
