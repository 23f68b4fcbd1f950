//! What else holds the objects of a case, so that letting go of them in one place frees little: a second index of the same sessions, the
//! listeners of a second event that one call made, the handles of the same workers.
//!
//! Reason: objects that belong together refer to each other, so any one reference from outside keeps all of them. From the objects that
//! stay the search walks back to where many of their ways meet: what meets there is a pile too, and each thing in it leads to one of
//! theirs. Limit: few steps, few rounds; what is held further away, or in as many ways as there are objects, stays and is said to.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::case::{Case, Kept, is_little};
use super::contents::{parts, references};
use crate::cut::{Cutter, Freed};
use crate::graph::{EdgeIx, NodeIx};
use crate::kinds::NodeKind;
use crate::paths::Step;
use crate::story::{Lineage, Scene};

/// How many objects that stay are looked at.
const SAMPLE: usize = 256;
/// How many nodes are looked at on the way back from one object.
const WALK: usize = 192;
/// How many retainers of one node are looked at.
const RETAINERS: usize = 64;
/// Where the ways from at least one in so many objects meet, there is a pile.
const PART: usize = 8;
/// How often piles are looked for: behind one there may be another.
const ROUNDS: usize = 4;
/// How many piles a round takes in.
const MOST: usize = 8;

/// Another holder of the objects of a case, or of what refers to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// The object, or the root, that holds the pile.
    pub(crate) holder: NodeIx,
    /// One thing of the pile.
    pub(crate) example: NodeIx,
    /// How many there are.
    pub(crate) count: u64,
    /// The references by which the holder keeps them.
    references: Vec<EdgeIx>,
}

/// A way from a root to an object that a cut does not touch.
pub(crate) struct Way {
    pub(crate) root: NodeIx,
    pub(crate) steps: Vec<Step>,
    /// The node on it from which on it is no best path: what holds the object besides what was cut.
    pub(crate) keeper: NodeIx,
}

/// How many nodes the search for another way looks at.
const SEARCHED: usize = 20_000;

/// Finds the shortest way on to an object from a node whose best path is whole, over references that a cut leaves. O(nodes looked at).
pub(crate) fn another_way(scene: &Scene<'_>, cut: &FxHashSet<EdgeIx>, object: NodeIx) -> Option<Way> {
    let graph = scene.graph();
    let mut whole: FxHashMap<NodeIx, bool> = FxHashMap::default();
    let mut below: FxHashMap<NodeIx, Option<Step>> = FxHashMap::from_iter([(object, None)]);
    let mut order = vec![object];
    let mut at = 0;
    while let Some(&node) = order.get(at).filter(|_| at < SEARCHED) {
        at += 1;
        if is_whole(scene, cut, &mut whole, node) {
            let (root, mut steps) = scene.paths.path(graph, node);
            steps.extend(std::iter::successors(below[&node], |step| below.get(&step.edge.to).copied().flatten()));
            return Some(Way { root, steps, keeper: node });
        }
        for (from, edge) in scene.analysis.retainers(node) {
            let holds = scene.analysis.is_essential(from, edge) && !cut.contains(&edge.ix) && scene.paths.is_reached(from);
            if holds && !below.contains_key(&from) {
                below.insert(from, Some(Step { from, edge }));
                order.push(from);
            }
        }
    }
    None
}

/// Says whether a node's best path has none of the cut references.
fn is_whole(scene: &Scene<'_>, cut: &FxHashSet<EdgeIx>, whole: &mut FxHashMap<NodeIx, bool>, node: NodeIx) -> bool {
    let (mut at, mut way) = (node, Vec::new());
    let is_whole = loop {
        if let Some(&known) = whole.get(&at) {
            break known;
        }
        way.push(at);
        match scene.paths.parent(scene.graph(), at) {
            Some(step) if cut.contains(&step.edge.ix) => break false,
            Some(step) => at = step.from,
            None => break true,
        }
    };
    whole.extend(way.into_iter().map(|node| (node, is_whole)));
    is_whole
}

/// A cut that takes in other holders.
pub(crate) struct Shared {
    pub(crate) freed: Freed,
    pub(crate) references: Vec<EdgeIx>,
    /// The others that it takes in: each of them is needed.
    pub(crate) others: Vec<Other>,
}

/// Looks for the other holders of one case's objects.
pub(crate) struct Sharing<'a, 'b> {
    scene: &'b Scene<'a>,
    lineage: &'b Lineage,
    cutter: &'b Cutter<'a>,
    case: &'b Case,
    members: FxHashSet<NodeIx>,
}

/// An other holder without which the cut frees more than this part of what it frees with it is left out.
const NEEDLESS: f64 = 0.95;

impl<'a, 'b> Sharing<'a, 'b> {
    pub(crate) fn of(scene: &'b Scene<'a>, lineage: &'b Lineage, cutter: &'b Cutter<'a>, case: &'b Case) -> Self {
        Self { scene, lineage, cutter, case, members: case.members.iter().copied().collect() }
    }

    /// Takes other holders into a cut as long as that frees more. O(what the references reach) a round and holder.
    pub(crate) fn widen(&self, references: Vec<EdgeIx>) -> Shared {
        let mut asked = self.case.members.clone();
        let mut freed = self.cutter.cut(&references, &asked);
        if freed.kept.is_empty() && is_little(freed.bytes, self.case.held) {
            asked = self.below();
            freed = self.cutter.cut(&references, &asked);
        }
        let mut shared = Shared { freed, references, others: vec![] };
        let alone = shared.references.clone();
        let (mut wider, mut kept, mut taken) = (shared.references.clone(), shared.freed.kept.clone(), Vec::new());
        for _ in 0..ROUNDS {
            let others = if self.cutter.is_spent() { vec![] } else { self.others(&wider, &kept) };
            if others.is_empty() {
                break;
            }
            wider.extend(others.iter().flat_map(|other| &other.references));
            taken.extend(others.iter().cloned());
            let freed = self.cutter.cut(&wider, &asked);
            kept.clone_from(&freed.kept);
            if freed.bytes > shared.freed.bytes {
                (shared.freed, shared.others) = (freed, taken.clone());
            }
        }
        self.without_needless(&mut shared, &asked, alone);
        shared
    }

    /// Returns what hangs right on the objects.
    fn below(&self) -> Vec<NodeIx> {
        let is_below = |node: &NodeIx| self.scene.paths.parent_node(*node).is_some_and(|parent| self.members.contains(&parent));
        self.scene.paths.order().filter(is_below).filter(|node| !self.members.contains(node)).collect()
    }

    /// Leaves out the holders that need not let go: without whom hardly less is freed.
    fn without_needless(&self, shared: &mut Shared, asked: &[NodeIx], alone: Vec<EdgeIx>) {
        let all = |others: &[Other]| alone.iter().chain(others.iter().flat_map(|other| &other.references)).copied().collect::<Vec<_>>();
        let mut at = shared.others.len();
        while at > 0 && shared.others.len() <= MOST * 2 {
            at -= 1;
            let mut fewer = shared.others.clone();
            fewer.remove(at);
            let freed = self.cutter.cut(&all(&fewer), asked);
            if freed.bytes as f64 >= shared.freed.bytes as f64 * NEEDLESS {
                (shared.others, shared.freed) = (fewer, freed);
            }
        }
        shared.references = all(&shared.others);
    }

    /// Finds the piles where the ways back from objects that stay meet, those of most objects first.
    fn others(&self, cut: &[EdgeIx], kept: &[NodeIx]) -> Vec<Other> {
        if kept.len() < 2 {
            return Vec::new();
        }
        let cut: FxHashSet<EdgeIx> = cut.iter().copied().collect();
        let sample: Vec<NodeIx> = kept.iter().copied().step_by((kept.len() / SAMPLE).max(1)).collect();
        let many = (sample.len() / PART).max(2);
        let mut visits: FxHashMap<NodeIx, usize> = FxHashMap::default();
        for &node in &sample {
            self.walk(node, &cut, |_| true, |_, _| {}).into_iter().for_each(|node| *visits.entry(node).or_default() += 1);
        }
        let is_shared = |node: NodeIx| visits.get(&node).is_some_and(|&visits| visits >= many);
        let mut piles: FxHashMap<(NodeIx, u64), (usize, NodeIx)> = FxHashMap::default();
        for &node in &sample {
            let mut met: Vec<((NodeIx, u64), NodeIx)> = Vec::new();
            self.walk(
                node,
                &cut,
                |node| !is_shared(node),
                |from, to| {
                    let holder = if is_shared(from) { self.lineage.visible(from) } else { self.list(to) };
                    if let Some(holder) = holder.filter(|&holder| !is_shared(to) && self.is_collection(holder)) {
                        met.push(((holder, self.like(to)), to));
                    }
                },
            );
            met.sort_unstable();
            met.dedup_by_key(|&mut (key, _)| key);
            met.into_iter().for_each(|(key, to)| piles.entry(key).or_insert((0, to)).0 += 1);
        }
        let mut piles: Vec<_> = piles.into_iter().filter(|&(_, (count, _))| count >= many).collect();
        piles.sort_unstable_by_key(|&((holder, like), (count, _))| (Reverse(count), holder, like));
        piles.into_iter().take(MOST).filter_map(|((holder, _), (_, example))| self.other(holder, example, &cut, kept.len())).collect()
    }

    /// Walks back from a node over references that stay, where `goes_on` says so, and tells `meet` every reference: from where, to where.
    fn walk(
        &self,
        start: NodeIx,
        cut: &FxHashSet<EdgeIx>,
        goes_on: impl Fn(NodeIx) -> bool,
        mut meet: impl FnMut(NodeIx, NodeIx),
    ) -> Vec<NodeIx> {
        let (mut order, mut known) = (vec![start], FxHashSet::from_iter([start]));
        let mut at = 0;
        while let Some(&node) = order.get(at).filter(|_| at < WALK) {
            at += 1;
            // Links of a list are held by the list, not by each other.
            let is_listed = at > 1 && self.list(node).is_some();
            // Roots hold all sorts of things, but the root of a handle (`Node / Worker`) that only.
            let is_root = self.scene.graph().kind(node) == NodeKind::SYNTHETIC && self.lineage.visible(node) == Some(node);
            if at > 1 && (!goes_on(node) || is_root) {
                continue;
            }
            for (from, edge) in self.scene.analysis.retainers(node).take(RETAINERS) {
                let holds = self.scene.analysis.is_essential(from, edge) && !cut.contains(&edge.ix) && self.scene.paths.is_reached(from);
                if !holds || self.members.contains(&from) || self.cutter.is_string_table(from) {
                    continue;
                }
                meet(from, node);
                if !is_listed && known.insert(from) {
                    order.push(from);
                }
            }
        }
        order
    }

    /// Says whether a node can hold a pile: variables and functions hold what their code names.
    fn is_collection(&self, node: NodeIx) -> bool {
        !self.scene.is_context(node) && !matches!(self.scene.graph().kind(node), NodeKind::CLOSURE | NodeKind::CODE)
    }

    /// Returns what holds the list that a node is a link of.
    fn list(&self, node: NodeIx) -> Option<NodeIx> {
        self.lineage.holder(self.scene, node).filter(|_| self.lineage.is_link(node))
    }

    /// Says what is one pile: things of one kind and name; functions go by their kind alone.
    fn like(&self, node: NodeIx) -> u64 {
        super::census::class_key(self.scene, node)
    }

    /// Gathers a pile that is of about as many things as objects stay: a larger one is about something else.
    fn other(&self, holder: NodeIx, example: NodeIx, cut: &FxHashSet<EdgeIx>, kept: usize) -> Option<Other> {
        let (graph, like) = (self.scene.graph(), self.like(example));
        let references: Vec<EdgeIx> = if self.list(example).is_some() {
            let is_in = |&node: &NodeIx| self.like(node) == like && self.lineage.holder(self.scene, node) == Some(holder);
            let members = self.scene.paths.order().filter(is_in).collect();
            references(self.scene, self.lineage, &Case { members, kept: Kept::Holders, ..Case::new(holder, example, 0, 0) })
        } else {
            let parts = parts(self.scene, self.lineage, holder);
            let edges = parts.iter().flat_map(|&part| graph.edges(part)).filter(|edge| self.like(edge.to) == like);
            edges.map(|edge| edge.ix).collect()
        };
        let mut things: Vec<NodeIx> = references.iter().map(|&ix| graph.edge(ix).to).collect();
        things.sort_unstable();
        things.dedup();
        let is_new = references.iter().any(|ix| !cut.contains(ix));
        (is_new && things.len() <= kept * 3 + 8).then_some(Other { holder, example, count: things.len() as u64, references })
    }
}
