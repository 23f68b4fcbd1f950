//! What changed between two snapshots: which objects of each class came and went.
//!
//! Objects are matched by id where the ids are comparable, that is between snapshots of one run of a process: exactly DevTools'
//! comparison. Where they are not, only numbers per class can be compared, and the answer says so.

use rustc_hash::FxHashMap;

use crate::analysis::HeapAnalysis;
use crate::classes::{ClassIx, Classes};
use crate::graph::{HeapGraph, NodeIx};

/// By what objects of two snapshots were matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Matching {
    /// By id: the snapshots are of one run of a process. With the share of sampled ids that mean the same kind of object in both.
    Ids(f64),
    /// By class name and number only: the ids of the two have nothing to do with each other.
    Numbers(f64),
}

/// Which matching is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Match {
    /// By id where a sample of ids agrees.
    #[default]
    Auto,
    /// By id, as DevTools does always.
    Ids,
    /// By number.
    Numbers,
}

/// How one class changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassDiff {
    /// DevTools' key of the class, or its name where numbers are compared.
    pub key: String,
    /// Its name.
    pub name: String,
    /// How many there were, and their self sizes together.
    pub base: (u64, u64),
    /// How many there are, and their self sizes together.
    pub current: (u64, u64),
    /// How many came, and their self sizes together.
    pub added: (u64, u64),
    /// How many went, and their self sizes together.
    pub removed: (u64, u64),
    /// Whether objects were matched by id, so that those in both are known.
    pub by_ids: bool,
    /// Those that came: nodes of the newer graph, by rising id. Empty where numbers are compared.
    pub added_nodes: Vec<NodeIx>,
    /// Those that went: nodes of the older graph, by rising id. Empty where numbers are compared.
    pub removed_nodes: Vec<NodeIx>,
}

impl ClassDiff {
    /// Returns how many more there are.
    #[must_use]
    pub fn count_delta(&self) -> i64 {
        self.added.0 as i64 - self.removed.0 as i64
    }

    /// Returns how many more bytes they have.
    #[must_use]
    pub fn size_delta(&self) -> i64 {
        self.added.1 as i64 - self.removed.1 as i64
    }

    /// Returns by how many bytes those grew that are in both: arrays that were pushed to, Maps whose tables became larger. DevTools does
    /// not show it. 0 where numbers are compared.
    #[must_use]
    pub fn in_place_delta(&self) -> i64 {
        if self.by_ids { (self.current.1 as i64 - self.added.1 as i64) - (self.base.1 as i64 - self.removed.1 as i64) } else { 0 }
    }

    /// Says whether any object came or went: what DevTools lists.
    #[must_use]
    pub fn has_come_or_gone(&self) -> bool {
        self.added.0 + self.removed.0 > 0 || !self.by_ids
    }
}

/// How every class changed, those that did not left out. Largest growth first.
#[derive(Clone, Debug)]
pub struct Diff {
    /// By what objects were matched.
    pub matching: Matching,
    /// The classes.
    pub classes: Vec<ClassDiff>,
}

/// Compares two snapshots. The older one's objects are classed by the newer one's interfaces, as DevTools does.
/// O(nodes log nodes); 16 bytes per node of one and 4 of either.
#[must_use]
pub fn diff(base: &HeapAnalysis, current: &HeapAnalysis, wanted: Match) -> Diff {
    let matching = match (wanted, same_process(base.graph(), current.graph())) {
        (Match::Ids, share) => Matching::Ids(share),
        (Match::Numbers, share) => Matching::Numbers(share),
        (Match::Auto, share) if share >= least_share(current.graph()) => Matching::Ids(share),
        (Match::Auto, share) => Matching::Numbers(share),
    };
    let older_classes = base.classes_with(Some(current.classes().interfaces()));
    let older = Members::of(base, &older_classes);
    let newer = Members::of(current, current.classes());
    let name = |classes: &Classes, class: ClassIx| match matching {
        Matching::Ids(_) => classes.get(class).key(),
        Matching::Numbers(_) => classes.get(class).name.clone(),
    };
    let mut pairs: FxHashMap<String, (Vec<ClassIx>, Vec<ClassIx>)> = FxHashMap::default();
    for (class, _) in older_classes.iter().filter(|&(class, _)| !older.nodes(class).is_empty()) {
        pairs.entry(name(&older_classes, class)).or_default().0.push(class);
    }
    for (class, _) in current.classes().iter().filter(|&(class, _)| !newer.nodes(class).is_empty()) {
        pairs.entry(name(current.classes(), class)).or_default().1.push(class);
    }
    let compare = |(key, (before, after)): (String, (Vec<ClassIx>, Vec<ClassIx>))| {
        let shown = after
            .first()
            .map_or_else(|| before.first().map(|&class| &older_classes.get(class).name), |&class| Some(&current.classes().get(class).name));
        let name = shown.cloned().unwrap_or_default();
        let sides = [older.side(&before), newer.side(&after)];
        match matching {
            Matching::Ids(_) => by_ids(key, name, sides),
            Matching::Numbers(_) => by_numbers(key, name, sides),
        }
    };
    let mut classes: Vec<ClassDiff> = pairs.into_iter().filter_map(compare).collect();
    let growth = |class: &ClassDiff| class.size_delta().saturating_add(class.in_place_delta());
    classes.sort_by(|a, b| growth(b).cmp(&growth(a)).then_with(|| a.key.cmp(&b.key)));
    Diff { matching, classes }
}

/// The nodes of every class that count: those of some size, by rising id within a class.
struct Members<'a> {
    analysis: &'a HeapAnalysis,
    nodes: Vec<u32>,
    /// Where each class starts in `nodes`, and one more for the end.
    starts: Vec<u32>,
}

impl<'a> Members<'a> {
    fn of(analysis: &'a HeapAnalysis, classes: &Classes) -> Self {
        let graph = analysis.graph();
        let counted = || graph.nodes().filter(|&node| analysis.self_size(node) > 0);
        let mut starts = vec![0_u32; classes.len() + 1];
        for node in counted() {
            starts[classes.of(node).0 as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        // Sorted with their ids at hand: looking those up is what sorting would spend its time on.
        let mut nodes = vec![(0_u64, 0_u32); starts.last().map_or(0, |&total| total as usize)];
        for node in counted() {
            let slot = &mut next[classes.of(node).0 as usize];
            nodes[*slot as usize] = (graph.id(node).0, node.0);
            *slot += 1;
        }
        for class in 0..classes.len() {
            nodes[starts[class] as usize..starts[class + 1] as usize].sort_unstable();
        }
        let nodes = nodes.into_iter().map(|(_, node)| node).collect();
        Self { analysis, nodes, starts }
    }

    fn nodes(&self, class: ClassIx) -> &[u32] {
        &self.nodes[self.starts[class.0 as usize] as usize..self.starts[class.0 as usize + 1] as usize]
    }

    fn side(&self, classes: &[ClassIx]) -> Side<'_> {
        Side { analysis: self.analysis, lists: classes.iter().map(|&class| self.nodes(class)).collect() }
    }
}

/// One class in one snapshot. By id there is at most one list; by number there is one for every place of the same name.
struct Side<'a> {
    analysis: &'a HeapAnalysis,
    lists: Vec<&'a [u32]>,
}

impl Side<'_> {
    fn sum(&self) -> (u64, u64) {
        let nodes = self.lists.iter().copied().flatten();
        nodes.fold((0, 0), |(count, size), &node| (count + 1, size + self.analysis.self_size(NodeIx(node))))
    }

    fn first(&self) -> &[u32] {
        self.lists.first().copied().unwrap_or_default()
    }

    fn id(&self, node: u32) -> u64 {
        self.analysis.graph().id(NodeIx(node)).0
    }
}

/// Merges two lists of rising ids. `None` where nothing came, went or changed its size.
fn by_ids(key: String, name: String, [older, newer]: [Side<'_>; 2]) -> Option<ClassDiff> {
    let (mut removed_nodes, mut added_nodes) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (older.first(), newer.first());
    loop {
        match (before.split_first(), after.split_first()) {
            (None, None) => break,
            (Some((&gone, rest)), other) if other.is_none_or(|(&new, _)| older.id(gone) < newer.id(new)) => {
                removed_nodes.push(NodeIx(gone));
                before = rest;
            }
            (other, Some((&new, rest))) if other.is_none_or(|(&gone, _)| newer.id(new) < older.id(gone)) => {
                added_nodes.push(NodeIx(new));
                after = rest;
            }
            _ => (before, after) = (&before[1..], &after[1..]),
        }
    }
    let sum = |side: &Side<'_>, nodes: &[NodeIx]| (nodes.len() as u64, nodes.iter().map(|&node| side.analysis.self_size(node)).sum());
    let (added, removed) = (sum(&newer, &added_nodes), sum(&older, &removed_nodes));
    let class = ClassDiff { key, name, base: older.sum(), current: newer.sum(), added, removed, by_ids: true, added_nodes, removed_nodes };
    (class.has_come_or_gone() || class.in_place_delta() != 0).then_some(class)
}

/// Compares numbers. `None` where they are the same.
fn by_numbers(key: String, name: String, [older, newer]: [Side<'_>; 2]) -> Option<ClassDiff> {
    let (base, current) = (older.sum(), newer.sum());
    let added = (current.0.saturating_sub(base.0), current.1.saturating_sub(base.1));
    let removed = (base.0.saturating_sub(current.0), base.1.saturating_sub(current.1));
    let (added_nodes, removed_nodes) = (Vec::new(), Vec::new());
    (base != current).then_some(ClassDiff { key, name, base, current, added, removed, by_ids: false, added_nodes, removed_nodes })
}

/// From this share of agreeing ids on, two snapshots count as one process's.
const SAME_PROCESS: f64 = 0.98;
/// The same of addresses: those of objects that were moved are given to others, and no two processes have their heaps at the same ones.
pub(crate) const SAME_PROCESS_BY_ADDRESS: f64 = 0.5;

fn least_share(graph: &HeapGraph) -> f64 {
    if graph.ids_are_addresses() { SAME_PROCESS_BY_ADDRESS } else { SAME_PROCESS }
}

/// Says whether ids of two snapshots mean the same objects. O(nodes).
#[must_use]
pub fn is_same_process(base: &HeapGraph, current: &HeapGraph) -> bool {
    same_process(base, current) >= least_share(current)
}

/// One id in so many is sampled.
const SAMPLED: u64 = 16;

/// Tells whether ids mean the same in both: of the ids in both, the share whose kind and name agree. V8 gives every object an id that it
/// keeps for life and never gives again, so within one process nearly all agree (a string may have been flattened, a function named).
/// 0 where the two have no id in common. O(nodes).
#[must_use]
pub fn same_process(base: &HeapGraph, current: &HeapGraph) -> f64 {
    // Objects of JavaScript have odd ids. Those from V8's start-up image have low ones, and agree between any two runs of one version.
    // Of addresses, every sixteenth word of the heap is looked at, and none of the numbers that groups of roots have.
    let is_address = base.ids_are_addresses();
    let sampled = |graph: &HeapGraph, node: NodeIx| match graph.id(node).0 {
        id if is_address => (id / 8).is_multiple_of(SAMPLED) && id > u64::from(u32::MAX),
        id => (id / 2).is_multiple_of(SAMPLED) && id % 2 == 1,
    };
    let known: FxHashMap<u64, NodeIx> = base.nodes().filter(|&node| sampled(base, node)).map(|node| (base.id(node).0, node)).collect();
    let (mut shared, mut agreeing) = (0_u64, 0_u64);
    for node in current.nodes().filter(|&node| sampled(current, node)) {
        if let Some(&before) = known.get(&current.id(node).0) {
            shared += 1;
            let same = base.kind(before) == current.kind(node) && base.name(before) == current.name(node);
            agreeing += u64::from(same);
        }
    }
    if shared == 0 { 0.0 } else { agreeing as f64 / shared as f64 }
}
