//! Immediate dominators and retained sizes.
//!
//! Semi-NCA (Georgiadis, *Linear-Time Algorithms for Dominators and Related Problems*, 2005), iterative throughout, on numbers of a
//! depth-first search. Two deviations keep its arrays small and its loops short on heaps, where most nodes are strings, numbers and other
//! ends: a node without edges and with one retainer is dominated by that retainer and takes no part; and a node with one retainer needs
//! no list of predecessors, since its only one is its parent in the search.
//!
//! Which edges count is DevTools' rule (*essential* edges): no weak ones, no self references, no shortcuts but the root's, of the two
//! halves of a WeakMap entry the key's, and none from outside the page into it. A node that only weak edges reach is a child of the root,
//! and so is every member of a clique that nothing else reaches.

use crate::bitset::Bitset;
use crate::column::WideColumn;
use crate::facts::EdgeFacts;
use crate::graph::{Edge, HeapGraph, NodeIx};
use crate::kinds::EdgeKind;

/// Not reached by the search.
const UNREACHED: u32 = u32::MAX;

/// The dominator tree.
#[derive(Debug, Default)]
pub(crate) struct DominatorTree {
    /// The immediate dominator of each node; the root's is itself.
    pub(crate) idoms: Vec<u32>,
    /// Every node that may dominate another, each behind its own dominator. The root comes first.
    pub(crate) order: Vec<u32>,
}

/// Who refers to whom, as far as it can matter to dominators and before the page is known.
pub(crate) struct Predecessors {
    /// Nodes without edges of their own and with one retainer.
    ends: Bitset,
    /// Nodes with two or more edges that lead to them.
    joins: Bitset,
    /// Nodes to which no edge leads.
    orphans: Vec<u32>,
    /// Where the predecessors of each node of `joins` end in `sources`; other nodes have none listed.
    list_ends: Vec<u32>,
    sources: Vec<u32>,
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

impl Predecessors {
    /// Lists predecessors. O(edges); two passes.
    pub(crate) fn of(graph: &HeapGraph, facts: &EdgeFacts) -> Self {
        let nodes = graph.node_count();
        let root = graph.root().0;
        let mut counts = vec![0_u32; nodes];
        let mut inner = Bitset::new(nodes);
        for node in graph.nodes() {
            let special = facts.special.get(node.0);
            let mut has_edges = false;
            for edge in graph.edges(node).filter(|&edge| may_retain(root, node.0, edge)) {
                if !is_table_half(facts, special, edge) {
                    has_edges = true;
                    counts[edge.to.at()] += 1;
                }
            }
            if has_edges {
                inner.set(node.0);
            }
        }
        let mut lists =
            Self { ends: Bitset::new(nodes), joins: Bitset::new(nodes), orphans: Vec::new(), list_ends: Vec::new(), sources: Vec::new() };
        let total = lists.sort_out(&mut counts, &inner, root);
        lists.sources = vec![0; total as usize];
        lists.fill(graph, facts, counts);
        lists
    }

    /// Sorts nodes by their counts and turns the counts into list starts. Returns the sum of the list lengths.
    fn sort_out(&mut self, counts: &mut [u32], inner: &Bitset, root: u32) -> u32 {
        let mut total = 0;
        for (node, count) in counts.iter_mut().enumerate() {
            let node = node as u32;
            let length = match *count {
                0 => {
                    if node != root {
                        self.orphans.push(node);
                    }
                    0
                }
                1 => {
                    if !inner.get(node) && node != root {
                        self.ends.set(node);
                    }
                    0
                }
                many => {
                    self.joins.set(node);
                    many
                }
            };
            *count = total;
            total += length;
        }
        total
    }

    fn fill(&mut self, graph: &HeapGraph, facts: &EdgeFacts, mut next: Vec<u32>) {
        let root = graph.root().0;
        for node in graph.nodes() {
            let special = facts.special.get(node.0);
            for edge in graph.edges(node).filter(|&edge| may_retain(root, node.0, edge)) {
                if self.joins.get(edge.to.0) && !is_table_half(facts, special, edge) {
                    let at = &mut next[edge.to.at()];
                    self.sources[*at as usize] = node.0;
                    *at += 1;
                }
            }
        }
        self.list_ends = next;
    }

    #[inline]
    fn list(&self, node: u32) -> &[u32] {
        let start = if node == 0 { 0 } else { self.list_ends[node as usize - 1] };
        &self.sources[start as usize..self.list_ends[node as usize] as usize]
    }
}

/// Finds the dominator tree. Nearly linear in the edges.
pub(crate) fn dominator_tree(graph: &HeapGraph, facts: &EdgeFacts, page: &Bitset, lists: Predecessors) -> DominatorTree {
    let mut search = Search::new(graph, facts, page, &lists);
    search.run();
    let Search { numbers, order, parents, .. } = search;
    let idoms = semi_nca(graph.root().0, page, &lists, &numbers, &order, parents);
    drop(lists);
    to_nodes(graph, numbers, &order, &idoms).with_order(order)
}

impl DominatorTree {
    fn with_order(mut self, order: Vec<u32>) -> Self {
        self.order = order;
        self
    }
}

/// The depth-first search that numbers nodes.
struct Search<'a> {
    graph: &'a HeapGraph,
    facts: &'a EdgeFacts,
    page: &'a Bitset,
    lists: &'a Predecessors,
    seen: Bitset,
    /// For each node its number; for an end its dominator, as a node.
    numbers: Vec<u32>,
    /// The node of each number.
    order: Vec<u32>,
    /// The number of each number's parent.
    parents: Vec<u32>,
    stack: Vec<Frame>,
}

/// A node whose edges are being followed.
struct Frame {
    node: u32,
    number: u32,
    next_edge: u32,
    end: u32,
}

impl<'a> Search<'a> {
    fn new(graph: &'a HeapGraph, facts: &'a EdgeFacts, page: &'a Bitset, lists: &'a Predecessors) -> Self {
        let nodes = graph.node_count();
        let numbered = nodes - lists.ends.count();
        Self {
            graph,
            facts,
            page,
            lists,
            seen: Bitset::new(nodes),
            numbers: vec![UNREACHED; nodes],
            order: Vec::with_capacity(numbered),
            parents: Vec::with_capacity(numbered),
            stack: Vec::new(),
        }
    }

    fn run(&mut self) {
        let root = self.graph.root().0;
        self.search_from(root, 0);
        for orphan in self.orphans() {
            if !self.seen.get(orphan) {
                self.search_from(orphan, 0);
            }
        }
        // What is left are cliques that nothing reaches: the root is the dominator of each of their nodes.
        for node in self.graph.nodes() {
            if !self.seen.get(node.0) {
                self.numbers[node.at()] = if self.lists.ends.get(node.0) { root } else { UNREACHED };
            }
        }
    }

    /// Returns the nodes without any essential edge that leads to them, rising: those without edges, and those on the page whose
    /// predecessors are all outside it.
    fn orphans(&self) -> Vec<u32> {
        let mut orphans = self.lists.orphans.clone();
        let root = self.graph.root().0;
        let excluded = |from: u32, to: u32| from != root && self.page.get(to) && !self.page.get(from);
        let left: Vec<u32> = self.graph.nodes().map(|node| node.0).filter(|&node| !self.seen.get(node)).collect();
        let mut single = rustc_hash::FxHashSet::default();
        if left.len() > orphans.len() {
            single = self.single_predecessors_outside(&left);
        }
        for node in left {
            let outside = if self.lists.joins.get(node) {
                self.lists.list(node).iter().all(|&from| excluded(from, node))
            } else {
                single.contains(&node)
            };
            if outside {
                orphans.push(node);
            }
        }
        orphans.sort_unstable();
        orphans.dedup();
        orphans
    }

    /// Returns those of `left` with one predecessor, which is outside the page while they are on it.
    fn single_predecessors_outside(&self, left: &[u32]) -> rustc_hash::FxHashSet<u32> {
        let root = self.graph.root().0;
        let mut wanted = Bitset::new(self.graph.node_count());
        for &node in left.iter().filter(|&&node| self.page.get(node) && !self.lists.joins.get(node)) {
            wanted.set(node);
        }
        let outside = self.graph.nodes().filter(|from| from.0 != root && !self.page.get(from.0));
        outside
            .flat_map(|from| {
                let special = self.facts.special.get(from.0);
                self.graph
                    .edges(from)
                    .filter(move |&edge| may_retain(root, from.0, edge) && !is_table_half(self.facts, special, edge))
                    .map(|edge| edge.to.0)
            })
            .filter(|&to| wanted.get(to))
            .collect()
    }

    fn search_from(&mut self, start: u32, parent: u32) {
        self.seen.set(start);
        if self.lists.ends.get(start) {
            self.numbers[start as usize] = self.graph.root().0;
            return;
        }
        self.enter(start, parent);
        while let Some(frame) = self.stack.last_mut() {
            let Frame { node, number, next_edge, end } = *frame;
            match self.next_child(node, next_edge, end) {
                Some((child, next_edge)) => {
                    if let Some(frame) = self.stack.last_mut() {
                        frame.next_edge = next_edge;
                    }
                    self.enter(child, number);
                }
                None => {
                    self.stack.pop();
                }
            }
        }
    }

    fn enter(&mut self, node: u32, parent: u32) {
        let number = self.order.len() as u32;
        self.numbers[node as usize] = number;
        self.order.push(node);
        self.parents.push(parent);
        let edges = self.graph.edge_range(NodeIx(node));
        if !edges.is_empty() {
            self.stack.push(Frame { node, number, next_edge: edges.start, end: edges.end });
        }
    }

    /// Returns the next node to enter from `node`, and the edge behind the one that leads there. Ends are settled on the way.
    #[inline]
    fn next_child(&mut self, node: u32, next_edge: u32, end: u32) -> Option<(u32, u32)> {
        let root = self.graph.root().0;
        let special = self.facts.special.get(node);
        let outside = node != root && !self.page.get(node);
        for at in next_edge..end {
            let edge = self.graph.edge(crate::graph::EdgeIx(at));
            let to = edge.to.0;
            if !may_retain(root, node, edge) || self.seen.get(to) {
                continue;
            }
            if (outside && self.page.get(to)) || is_table_half(self.facts, special, edge) {
                continue;
            }
            self.seen.set(to);
            if self.lists.ends.get(to) {
                self.numbers[to as usize] = node;
            } else {
                return Some((to, at + 1));
            }
        }
        None
    }
}

/// Finds the immediate dominator of every number. `parents` are those of the search; the root has number 0.
fn semi_nca(root: u32, page: &Bitset, lists: &Predecessors, numbers: &[u32], order: &[u32], parents: Vec<u32>) -> Vec<u32> {
    let count = order.len();
    let mut semis = parents.clone();
    let mut idoms = parents.clone();
    let mut forest = Forest { ancestors: parents, labels: (0..count as u32).collect(), stack: Vec::new() };
    for w in (1..count as u32).rev() {
        let node = order[w as usize];
        if lists.joins.get(node) {
            let on_page = page.get(node);
            // The parent is a predecessor, or stands for the root where the node is an orphan.
            let mut semi = semis[w as usize];
            for &from in lists.list(node) {
                let v = numbers[from as usize];
                if v == UNREACHED || (on_page && from != root && !page.get(from)) {
                    continue;
                }
                semi = semi.min(forest.eval(v, w));
            }
            semis[w as usize] = semi;
        }
        forest.labels[w as usize] = semis[w as usize];
    }
    for w in 1..count {
        let semi = semis[w];
        let mut idom = idoms[w];
        while idom > semi {
            idom = idoms[idom as usize];
        }
        idoms[w] = idom;
    }
    idoms
}

/// The forest of numbers above `w`, in which every node knows the lowest semidominator on its path.
struct Forest {
    ancestors: Vec<u32>,
    /// The lowest semidominator on the compressed path; for numbers that are not in the forest yet, the number itself.
    labels: Vec<u32>,
    stack: Vec<u32>,
}

impl Forest {
    /// Returns the lowest semidominator on the path from `v` up to, not including, the numbers that are not linked yet: those up to `w`.
    #[inline]
    fn eval(&mut self, v: u32, w: u32) -> u32 {
        if v <= w {
            return v;
        }
        if self.ancestors[v as usize] > w {
            self.compress(v, w);
        }
        self.labels[v as usize]
    }

    fn compress(&mut self, v: u32, w: u32) {
        let mut at = v;
        while self.ancestors[at as usize] > w {
            self.stack.push(at);
            at = self.ancestors[at as usize];
        }
        let mut above = at;
        while let Some(below) = self.stack.pop() {
            let label = self.labels[above as usize].min(self.labels[below as usize]);
            self.labels[below as usize] = label;
            self.ancestors[below as usize] = self.ancestors[above as usize];
            above = below;
        }
    }
}

/// Turns dominators of numbers into dominators of nodes.
fn to_nodes(graph: &HeapGraph, mut numbers: Vec<u32>, order: &[u32], idoms: &[u32]) -> DominatorTree {
    let root = graph.root().0;
    for (number, &node) in order.iter().enumerate() {
        numbers[node as usize] = order[idoms[number] as usize];
    }
    for idom in &mut numbers {
        if *idom == UNREACHED {
            *idom = root;
        }
    }
    DominatorTree { idoms: numbers, order: Vec::new() }
}

/// Sums self sizes up the dominator tree. O(nodes).
pub(crate) fn retained_sizes(tree: &DominatorTree, self_sizes: &WideColumn) -> WideColumn {
    let mut sums: Vec<u64> = (0..self_sizes.len()).map(|node| self_sizes.get(node)).collect();
    let mut inner = Bitset::new(self_sizes.len());
    for &node in &tree.order {
        inner.set(node);
    }
    let root = tree.order.first().copied().unwrap_or(0);
    for node in (0..sums.len() as u32).filter(|&node| !inner.get(node)) {
        let size = sums[node as usize];
        sums[tree.idoms[node as usize] as usize] += size;
    }
    for &node in tree.order.iter().rev() {
        if node != root {
            let size = sums[node as usize];
            sums[tree.idoms[node as usize] as usize] += size;
        }
    }
    sums.into_iter().collect()
}

/// Says whether an edge counts: DevTools' essential edges.
pub(crate) fn is_essential(graph: &HeapGraph, facts: &EdgeFacts, page: &Bitset, from: NodeIx, edge: Edge) -> bool {
    let root = graph.root().0;
    may_retain(root, from.0, edge)
        && !is_table_half(facts, facts.special.get(from.0), edge)
        && (from.0 == root || page.get(from.0) || !page.get(edge.to.0))
}
