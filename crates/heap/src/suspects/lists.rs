//! Linked lists: objects of one class each of which holds the next, and that only get more.
//!
//! Reason: no collection grows then, only the way through `.next` gets longer. Cutting the reference to the first frees all. Limit: one
//! snapshot cannot tell a long queue from one that only grows.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::case::{Case, Described, Exhibit, Kept};
use crate::graph::{EdgeName, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::story::{About, Lineage, Scene, Story, property_word, tell};

/// The rule's name.
pub(super) const RULE: &str = "linked-list";
/// Of so many objects at most one may be no link of the list.
const LINKS: usize = 10;

/// Lets the first of a list stand for it, where a case is about one: the others hold what is behind them only.
pub(super) fn settle(lineage: &Lineage, case: &mut Case) {
    let mut firsts = case.members.iter().copied().filter(|&node| !lineage.is_link(node));
    let first = firsts.next();
    let is_chain = matches!(case.kept, Kept::Variable(_));
    if let Some(first) = first.filter(|_| !is_chain && (firsts.count() + 1) * LINKS < case.members.len()) {
        case.example = first;
    }
}

/// A list of objects of one class.
pub(super) struct List {
    /// The first, which holds all others.
    pub(super) first: NodeIx,
    /// The one that it holds.
    pub(super) second: NodeIx,
    /// The property by which each holds the next: `.next`.
    pub(super) link: String,
}

impl List {
    /// Finds the list that most objects of a case are links of by one property; a tree is none.
    pub(super) fn of(scene: &Scene<'_>, case: &Case) -> Option<Self> {
        let graph = scene.graph();
        let name = graph.name_ix(case.example);
        let is_like = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT && graph.name_ix(node) == name;
        let mut names: FxHashMap<EdgeName, usize> = FxHashMap::default();
        let mut second = None;
        for step in case.members.iter().filter_map(|&node| scene.paths.parent(graph, node)) {
            if is_like(step.from) && step.edge.kind == EdgeKind::PROPERTY {
                *names.entry(graph.edge_name(step.edge)).or_default() += 1;
                second = second.or_else(|| Some(step).filter(|step| step.from == case.example));
            }
        }
        let (second, first) = (second?, case.example);
        // A list in both directions is reached from both ends: `.prev` of one is `.next` of the other.
        let back = graph.edges(second.edge.to).find(|edge| edge.kind == EdgeKind::PROPERTY && edge.to == first);
        let both = [Some(second.edge), back].into_iter().flatten().map(|edge| graph.edge_name(edge)).collect::<FxHashSet<_>>();
        let links: usize = both.iter().filter_map(|name| names.get(name)).sum();
        let link = property_word(&graph.edge_text(second.edge));
        ((case.members.len() - links) * LINKS < case.members.len()).then_some(Self { first, second: second.edge.to, link })
    }
}

/// Tells the way to a list: to its first object, where it is to be cut, and on to the second, so that it is seen to be one.
pub(super) fn told(scene: &Scene<'_>, case: &Case) -> Option<Story> {
    let List { first, second, .. } = List::of(scene, case)?;
    let mut story = tell(scene, About { target: second, holder: Some(first), times: case.count });
    // The size of a link is that of all behind it.
    story.hops.last_mut()?.retained = scene.analysis.retained_size(first);
    // A list that hangs by the name of its links is folded into one hop.
    story.cut().is_some().then_some(story)
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let (scene, case) = (exhibit.scene, exhibit.case);
    let List { link, .. } = List::of(scene, case)?;
    let ends = ends(exhibit);
    let class = &exhibit.class;
    Some(Described {
        rule: RULE,
        what: format!("Linked list at {ends}"),
        class: class.clone(),
        why: vec![format!("each {class} holds the next by {link}: no collection grows, the list gets longer")],
        remedy: format!("{ends} {} of the list", if ends.contains(" and ") { "let go" } else { "lets go" }),
        advice: format!("Bound the list: take out what is done, or clear {link} of the last one that is needed."),
        limits: "one snapshot cannot tell a long queue from one that only grows",
        weight: 0.9,
        place: None,
    })
}

/// Names the references to the ends of a list: `Log.head`, `state`, `Queue.head and .tail`.
fn ends(exhibit: &Exhibit<'_, '_>) -> String {
    let (scene, graph) = (exhibit.scene, exhibit.scene.graph());
    let name = graph.name_ix(exhibit.case.example);
    let end = |step: &Step| match step.edge.kind {
        EdgeKind::PROPERTY => Some(property_word(&graph.edge_text(step.edge))),
        _ => scene.variable_of(*step).map(Cow::into_owned),
    };
    let is_end = |step: &Step| graph.name_ix(step.from) != name;
    let steps = exhibit.case.members.iter().filter_map(|&node| scene.paths.parent(graph, node)).filter(is_end);
    let mut names: Vec<String> = steps.filter_map(|step| end(&step)).collect();
    names.dedup();
    let of =
        exhibit.steps.last().filter(|step| step.edge.kind == EdgeKind::PROPERTY).map_or_else(String::new, |step| scene.label(step.from));
    match names.as_slice() {
        [] => scene.label(exhibit.case.holder),
        names => format!("{of}{}", names.join(" and ")),
    }
}
