//! What a graph implies: distances, dominators, retained sizes, classes. Computed once, when first asked for.
//!
//! `prepare` computes all that a report needs on two threads and can be watched and stopped; the accessors compute what is missing on the
//! spot. An analysis is shared freely between threads.

use std::sync::OnceLock;

use crate::aggregates::{self, Aggregate, InnerSpans};
use crate::bitset::Bitset;
use crate::classes::{ClassIx, Classes, Interface};
use crate::column::{Column, WideColumn};
use crate::detached;
use crate::distance::{self, Distance, Distances};
use crate::dominators::{self, DominatorTree, EdgeRule, Lists};
use crate::graph::{Detachedness, Edge, EdgeIx, HeapGraph, NodeIx, SizeColumn};
use crate::held::Holder;
use crate::progress::{Phase, Progress};
use crate::retainers::RetainerLists;
use crate::sizes;
use crate::spans::DominatorSpans;
use crate::stored::Stored;

/// A graph, and what follows from it.
pub struct HeapAnalysis {
    graph: HeapGraph,
    distances: OnceLock<(Distances, Bitset)>,
    self_sizes: OnceLock<Option<SizeColumn>>,
    dominators: OnceLock<Column<u32>>,
    retained: OnceLock<WideColumn>,
    detached: OnceLock<detached::States>,
    classes: OnceLock<Classes>,
    aggregates: OnceLock<Vec<Aggregate>>,
    retainers: OnceLock<RetainerLists>,
    spans: OnceLock<DominatorSpans>,
    stored: Option<Box<dyn Stored>>,
}

/// The work was stopped before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped before the analysis was done")]
pub struct Cancelled;

impl HeapAnalysis {
    /// Wraps a graph. Nothing is computed yet.
    #[must_use]
    pub fn new(graph: HeapGraph) -> Self {
        Self {
            graph,
            distances: OnceLock::new(),
            self_sizes: OnceLock::new(),
            dominators: OnceLock::new(),
            retained: OnceLock::new(),
            detached: OnceLock::new(),
            classes: OnceLock::new(),
            aggregates: OnceLock::new(),
            retainers: OnceLock::new(),
            spans: OnceLock::new(),
            stored: None,
        }
    }

    /// Wraps a graph of which somebody has computed columns before: they are taken over when first needed.
    pub(crate) fn with_stored(graph: HeapGraph, stored: Box<dyn Stored>) -> Self {
        Self { stored: Some(stored), ..Self::new(graph) }
    }

    /// Takes over who can tell what objects hold besides other objects.
    #[must_use]
    pub fn with_holder(self, holder: Box<dyn Holder>) -> Self {
        Self { graph: self.graph.with_holder(holder), ..self }
    }

    /// Gives back who tells what objects hold besides other objects, and the memory that this keeps.
    pub fn let_go_of_holder(&mut self) {
        self.graph.let_go_of_holder();
    }

    /// Computes distances, self sizes, dominators, retained sizes and classes, on two threads.
    ///
    /// # Errors
    /// `Cancelled` when `progress` asked to stop. What was computed by then stays.
    pub fn prepare(&self, progress: &dyn Progress) -> Result<(), Cancelled> {
        if self.retained.get().is_some() && self.aggregates.get().is_some() {
            return Ok(());
        }
        if self.stored.is_some() {
            // What is not stored, or damaged, the accessors compute on the spot.
            self.retained();
            let _ = (self.classes(), self.aggregates());
            return Ok(());
        }
        let facts = self.graph.facts();
        let check = |phase, step| {
            progress.report(phase, step, 3);
            if progress.is_cancelled() { Err(Cancelled) } else { Ok(()) }
        };
        check(Phase::Distances, 0)?;
        let tree = std::thread::scope(|scope| {
            let lists = scope.spawn(|| Lists::of(&self.graph, facts));
            let (_, page) = self.distances_and_page();
            check(Phase::Dominators, 1)?;
            let lists = || lists.join().unwrap_or_else(|_| Lists::of(&self.graph, facts));
            Ok(dominators::dominator_tree(&self.graph, facts, page, lists))
        })?;
        check(Phase::Classes, 2)?;
        let inner = std::thread::scope(|scope| {
            let inner = scope.spawn(|| InnerSpans::of(&tree));
            // Classes ask nothing of dominators, but while those were found memory was at its height.
            scope.spawn(|| self.classes());
            self.keep_retained(&tree);
            inner.join().unwrap_or_else(|_| InnerSpans::of(&tree))
        });
        self.aggregates.get_or_init(|| aggregates::sum_up(self, &tree, &inner, |_| true));
        drop(inner);
        self.dominators.get_or_init(|| tree.idoms_of_nodes(self.graph.node_count()).into());
        check(Phase::Classes, 3)
    }

    fn keep_retained(&self, tree: &DominatorTree) {
        self.retained.get_or_init(|| tree.retained_sizes(self.sizes()));
    }

    /// Returns the graph.
    #[inline]
    #[must_use]
    pub fn graph(&self) -> &HeapGraph {
        &self.graph
    }

    /// Returns a node's own size in bytes as DevTools shows it: with the backing arrays that only it uses, and 0 for those.
    /// O(edges), computed once.
    #[inline]
    #[must_use]
    pub fn self_size(&self, node: NodeIx) -> u64 {
        self.sizes().get(node.at())
    }

    /// Returns the bytes that would be freed with a node: the self sizes of all that it dominates. O(edges), computed once.
    #[inline]
    #[must_use]
    pub fn retained_size(&self, node: NodeIx) -> u64 {
        self.retained().get(node.at())
    }

    /// Returns the immediate dominator of a node: the last one that every path to it must pass. The root's is itself.
    /// O(edges), computed once.
    #[inline]
    #[must_use]
    pub fn dominator(&self, node: NodeIx) -> NodeIx {
        NodeIx(self.dominators()[node.at()])
    }

    /// Returns the nodes whose immediate dominator `node` is, in no particular order. O(nodes log nodes), computed once.
    #[must_use]
    pub fn dominated(&self, node: NodeIx) -> Vec<NodeIx> {
        self.dominator_spans().children(node)
    }

    /// Returns a node's distance from the global object. O(edges), computed once.
    #[inline]
    #[must_use]
    pub fn distance(&self, node: NodeIx) -> Distance {
        self.distances_and_page().0.get(node)
    }

    /// Returns a node's class. O(nodes + property edges), computed once.
    #[inline]
    #[must_use]
    pub fn class(&self, node: NodeIx) -> ClassIx {
        self.classes().of(node)
    }

    /// Returns the name of a node's class.
    #[must_use]
    pub fn class_name(&self, node: NodeIx) -> &str {
        let classes = self.classes();
        &classes.get(classes.of(node)).name
    }

    /// Returns the histogram: the sums of every class, the largest retained size first. O(nodes), computed once.
    #[must_use]
    pub fn aggregates(&self) -> &[Aggregate] {
        let compute = || aggregates::aggregates(self, |_| true);
        self.aggregates.get_or_init(|| self.stored(|stored| stored.aggregates()).unwrap_or_else(compute))
    }

    /// Returns all classes. O(nodes + property edges), computed once.
    #[must_use]
    pub fn classes(&self) -> &Classes {
        self.classes.get_or_init(|| self.stored(|stored| stored.classes()).unwrap_or_else(|| self.classes_with(None)))
    }

    /// Names all nodes anew with the interfaces of another snapshot, for comparing the two. O(nodes + property edges).
    #[must_use]
    pub fn classes_with(&self, interfaces: Option<&[Interface]>) -> Classes {
        Classes::of_graph(&self.graph, &self.graph.facts().shapes, &self.detached().renamed, interfaces)
    }

    /// Returns whether a native node is part of a live tree, after what is known of some has spread to those that they hold.
    #[must_use]
    pub fn detachedness(&self, node: NodeIx) -> Detachedness {
        self.detached().get(&self.graph, node)
    }

    /// Returns the edges that lead to a node, with the nodes that they come from, rising. O(edges), computed once.
    pub fn retainers(&self, node: NodeIx) -> impl ExactSizeIterator<Item = (NodeIx, Edge)> + '_ {
        let lists = self.retainers.get_or_init(|| RetainerLists::of(&self.graph));
        lists.edges_to(node).iter().map(|&edge| (self.graph.edge_source(EdgeIx(edge)), self.graph.edge(EdgeIx(edge))))
    }

    /// Says whether a node belongs to the page: whether the global object reaches it.
    #[must_use]
    pub fn is_page_node(&self, node: NodeIx) -> bool {
        self.distances_and_page().1.get(node.0)
    }

    /// Says whether dominators count an edge: DevTools' "essential" edges.
    #[must_use]
    pub fn is_essential(&self, from: NodeIx, edge: Edge) -> bool {
        self.edge_rule().accepts(from.0, edge)
    }

    /// Returns the rule by which dominators count edges: asking it many times is cheaper than `is_essential`.
    pub(crate) fn edge_rule(&self) -> EdgeRule<'_> {
        EdgeRule { root: self.graph.root().0, facts: self.graph.facts(), page: &self.distances_and_page().1 }
    }

    /// Returns the size of everything in bytes: what the root retains, and native memory that belongs to no node.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.retained_size(self.graph.root()).saturating_add(self.graph.extra_native_bytes())
    }

    /// Asks for something that was computed before.
    fn stored<T>(&self, what: impl FnOnce(&dyn Stored) -> Option<T>) -> Option<T> {
        self.stored.as_deref().and_then(what)
    }

    /// Returns the self sizes where they are not those of the graph.
    pub(crate) fn attributed(&self) -> Option<&SizeColumn> {
        let find = || self.stored(|stored| stored.self_sizes()).unwrap_or_else(|| sizes::attributed_sizes(&self.graph));
        self.self_sizes.get_or_init(find).as_ref()
    }

    pub(crate) fn sizes(&self) -> &SizeColumn {
        self.attributed().unwrap_or(&self.graph.columns().self_sizes)
    }

    pub(crate) fn dominators(&self) -> &[u32] {
        self.dominators.get_or_init(|| {
            self.stored(|stored| stored.dominators()).unwrap_or_else(|| {
                // Finding dominators finds retained sizes too.
                let tree = self.dominator_tree();
                self.keep_retained(&tree);
                tree.idoms_of_nodes(self.graph.node_count()).into()
            })
        })
    }

    pub(crate) fn retained(&self) -> &WideColumn {
        if let Some(known) = self.retained.get() {
            return known;
        }
        if let Some(stored) = self.stored(|stored| stored.retained()) {
            return self.retained.get_or_init(|| stored);
        }
        self.dominators();
        // Not set by now only where dominators were stored and sizes were not.
        self.retained.get_or_init(|| self.dominator_tree().retained_sizes(self.sizes()))
    }

    fn dominator_tree(&self) -> DominatorTree {
        let facts = self.graph.facts();
        let lists = || Lists::of(&self.graph, facts);
        dominators::dominator_tree(&self.graph, facts, &self.distances_and_page().1, lists)
    }

    pub(crate) fn dominator_spans(&self) -> &DominatorSpans {
        self.spans.get_or_init(|| {
            self.stored(|stored| stored.spans()).unwrap_or_else(|| DominatorSpans::of(self.graph.root().0, self.dominators()))
        })
    }

    pub(crate) fn distances_and_page(&self) -> &(Distances, Bitset) {
        let compute = || distance::distances(&self.graph, self.graph.facts());
        self.distances.get_or_init(|| self.stored(|stored| stored.distances()).unwrap_or_else(compute))
    }

    pub(crate) fn detached(&self) -> &detached::States {
        self.detached.get_or_init(|| detached::States::of(&self.graph))
    }
}
