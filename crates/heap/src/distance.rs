//! Distances from the roots, and which nodes belong to the page.
//!
//! As DevTools counts: user roots (the global object) have distance 1 and everything reached from them comes first; what only V8's own
//! roots reach is counted from `SYSTEM`. Breadth-first, iterative, O(edges).

use rustc_hash::FxHashSet;

use crate::bitset::Bitset;
use crate::buffer::Buffer;
use crate::facts::EdgeFacts;
use crate::fetch::{TOGETHER, fetch};
use crate::graph::{Edge, HeapGraph, NodeIx, Walk};
use crate::kinds::{EdgeKind, NodeKind};

/// Where the distances of nodes that no user root reaches start.
const SYSTEM: u32 = 100_000_000;

/// The stored form of "none".
const NONE: u8 = u8::MAX;
/// The stored form of "look in the list of wide ones".
const WIDE: u8 = u8::MAX - 1;
/// Stored distances from here on are counted from `SYSTEM`.
const STORED_SYSTEM: u8 = 1 << 7;

/// How far a node is from the roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Distance {
    /// So many edges from the global object (which has 1), or from the root where there is no global object.
    User(u32),
    /// So many edges from the root, and not reached from the global object.
    System(u32),
    /// Not reached: only weak references lead there.
    None,
}

impl Distance {
    /// Returns the number that DevTools keeps: 100,000,000 and more for `System`, −5 for `None`.
    #[must_use]
    pub fn as_devtools(self) -> i64 {
        match self {
            Self::User(distance) => i64::from(distance),
            Self::System(distance) => i64::from(SYSTEM) + i64::from(distance),
            Self::None => -5,
        }
    }
}

/// The distances of all nodes: one byte each, and a list of those that need more.
#[derive(Debug, Default)]
pub(crate) struct Distances {
    pub(crate) stored: crate::column::Column<u8>,
    /// (node, distance as DevTools keeps it), sorted.
    pub(crate) wide: Vec<(u32, u32)>,
}

impl Distances {
    pub(crate) fn get(&self, node: NodeIx) -> Distance {
        match self.stored[node.at()] {
            NONE => Distance::None,
            WIDE => self.get_wide(node),
            system if system >= STORED_SYSTEM => Distance::System(u32::from(system - STORED_SYSTEM)),
            user => Distance::User(u32::from(user)),
        }
    }

    #[cold]
    fn get_wide(&self, node: NodeIx) -> Distance {
        match self.wide.binary_search_by_key(&node.0, |&(at, _)| at).map(|at| self.wide[at].1) {
            Ok(far) if far >= SYSTEM => Distance::System(far - SYSTEM),
            Ok(far) => Distance::User(far),
            Err(_) => Distance::None,
        }
    }
}

/// Returns the stored form of a distance, `WIDE` where it has none.
fn stored(distance: u32) -> u8 {
    let (base, from) = if distance >= SYSTEM { (STORED_SYSTEM, distance - SYSTEM) } else { (0, distance) };
    let room = if base == 0 { STORED_SYSTEM } else { WIDE - STORED_SYSTEM };
    if from < u32::from(room) { base + from as u8 } else { WIDE }
}

/// Says whether a child of the root is a user root: the global object, or the synthetic root of DOM trees.
pub(crate) fn is_user_root(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.kind(node) != NodeKind::SYNTHETIC || is_dom_root(graph, node)
}

fn is_dom_root(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.kind(node) == NodeKind::SYNTHETIC && graph.strings().is(graph.name_ix(node), "(Document DOM trees)")
}

/// Finds distances and the nodes that belong to the page: those reached from the global object.
pub(crate) fn distances(graph: &HeapGraph, facts: &EdgeFacts) -> (Distances, Bitset) {
    let mut search = Search::new(graph, facts);
    search.search_user_roots();
    let page = page(graph, &search.seen, &search.refused);
    search.search_root();
    let Search { mut wide, stored, .. } = search;
    wide.sort_unstable();
    (Distances { stored: stored.into(), wide }, page)
}

struct Search<'a> {
    graph: &'a HeapGraph,
    walk: Walk<'a>,
    facts: &'a EdgeFacts,
    seen: Bitset,
    stored: Buffer<u8>,
    wide: Vec<(u32, u32)>,
    /// Entries of WeakMaps of which one half has been seen.
    pending: FxHashSet<u32>,
    /// Where edges lead that were not followed.
    refused: Vec<u32>,
    level: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a HeapGraph, facts: &'a EdgeFacts) -> Self {
        let nodes = graph.node_count();
        Self {
            graph,
            walk: graph.walk(),
            facts,
            seen: Bitset::new(nodes),
            stored: Buffer::filled(nodes, NONE),
            wide: Vec::new(),
            pending: FxHashSet::default(),
            refused: Vec::new(),
            level: Vec::new(),
        }
    }

    fn search_user_roots(&mut self) {
        for edge in self.graph.edges(self.graph.root()) {
            // One that the root names twice is visited twice, which completes WeakMap entries that it is the key of: DevTools does so.
            if is_user_root(self.graph, edge.to) {
                self.seen.set(edge.to.0);
                self.level.push(edge.to.0);
            }
        }
        self.run(1);
    }

    fn search_root(&mut self) {
        let has_user_roots = self.stored.iter().any(|&stored| stored != NONE);
        let root = self.graph.root().0;
        // The root's distance is set anew even where a path from a user root leads back to it.
        self.seen.set(root);
        self.wide.retain(|&(node, _)| node != root);
        self.level = vec![root];
        self.run(if has_user_roots { SYSTEM } else { 0 });
    }

    /// Goes on from `level`, whose nodes are seen and get `distance`, until nothing new is reached.
    fn run(&mut self, mut distance: u32) {
        let mut level = std::mem::take(&mut self.level);
        let mut next = Vec::new();
        while !level.is_empty() {
            let form = stored(distance);
            for some in level.chunks(TOGETHER) {
                // Nodes of a level lie anywhere in memory: fetched for several at once their edges are waited for once.
                fetch(some.iter().map(|&node| self.walk.glance(node)));
                for &node in some {
                    self.stored[node as usize] = form;
                    if form == WIDE {
                        self.wide.push((node, distance));
                    }
                    if self.facts.special.get(node) {
                        self.visit_special(node, &mut next);
                    } else {
                        self.visit(node, &mut next);
                    }
                }
            }
            level.clear();
            std::mem::swap(&mut level, &mut next);
            distance += 1;
        }
    }

    #[inline]
    fn visit(&mut self, node: u32, next: &mut Vec<u32>) {
        for edge in self.walk.edges(node) {
            if edge.kind != EdgeKind::WEAK && self.seen.insert(edge.to.0) {
                next.push(edge.to.0);
            }
        }
    }

    /// As `visit`, for a node with edges that are not simply followed. An entry of a WeakMap counts from the later of key and table: its
    /// first half is skipped when met, its second followed (crbug.com/1290800).
    fn visit_special(&mut self, node: u32, next: &mut Vec<u32>) {
        for edge in self.walk.edges(node) {
            if edge.kind == EdgeKind::WEAK || self.seen.get(edge.to.0) {
                continue;
            }
            if self.facts.is_skipped(edge.ix.0) {
                self.refused.push(edge.to.0);
                continue;
            }
            if let Some(half) = self.facts.ephemeron(edge.ix.0)
                && !self.pending.remove(&half.entry)
            {
                self.pending.insert(half.entry);
                self.refused.push(edge.to.0);
                continue;
            }
            self.seen.set(edge.to.0);
            next.push(edge.to.0);
        }
    }
}

/// Finds the nodes that belong to the page: all that is reached over edges that are not weak from the targets of the root's shortcuts
/// and from DOM trees. `reached` and `refused` are what distances reached from user roots, and where edges led that they did not follow.
fn page(graph: &HeapGraph, reached: &Bitset, refused: &[u32]) -> Bitset {
    let root_edges = || graph.edges(graph.root());
    let is_entry = |edge: &Edge| match edge.kind {
        EdgeKind::SHORTCUT => true,
        EdgeKind::ELEMENT => is_dom_root(graph, edge.to),
        _ => false,
    };
    let entries: FxHashSet<u32> = root_edges().filter(is_entry).map(|edge| edge.to.0).collect();
    let user_roots: FxHashSet<u32> = root_edges().map(|edge| edge.to).filter(|&to| is_user_root(graph, to)).map(|to| to.0).collect();
    // Nearly always they are the same, and all but a few edges have been followed already.
    let (mut page, starts) = if entries == user_roots {
        (reached.clone(), refused.to_vec())
    } else {
        (Bitset::new(graph.node_count()), entries.into_iter().collect())
    };
    let mut stack: Vec<u32> = starts.into_iter().filter(|&start| page.insert(start)).collect();
    while let Some(node) = stack.pop() {
        for edge in graph.edges(NodeIx(node)) {
            if edge.kind != EdgeKind::WEAK && page.insert(edge.to.0) {
                stack.push(edge.to.0);
            }
        }
    }
    page
}
