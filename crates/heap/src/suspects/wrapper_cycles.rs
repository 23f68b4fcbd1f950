//! Cycles through C++: an object of C++ keeps a callback alive by a handle of its own, and the callback leads back to the object's wrapper.
//!
//! Reason: to the garbage collector the handle is a root, so that what it keeps lives, and with it the wrapper, and with that the object
//! of C++, which holds the handle. Only ending it by a call breaks the cycle. Limit: where it is meant to run on (a watcher that is left
//! alone for ever), it looks the same; so what libuv may still call, and requests in flight, are left out.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::case::{Case, Described, Exhibit, Kept};
use super::natives::{self, Activity, Native};
use crate::cut::Cutter;
use crate::graph::{Edge, NodeIx};
use crate::paths::Step;
use crate::story::{About, Scene, Story, tell_path};

/// The rule's name.
pub(super) const RULE: &str = "wrapper-cycle";
/// How many references are followed from a callback before its way back counts as none.
const LOOKED_AT: usize = 20_000;

pub(super) fn cases(scene: &Scene<'_>, cutter: &Cutter<'_>, all: &[Native]) -> Vec<Case> {
    let is_candidate = |native: &&Native| native.activity == Activity::Other && natives::kept(scene, native.node).next().is_some();
    let candidates: Vec<Native> = all.iter().filter(is_candidate).copied().collect();
    let mut lonely = natives::held_by_none_else(scene, cutter, candidates);
    lonely.retain(|native| way_back(scene, native.node, native.wrapper).is_some());
    natives::by_class(scene, &lonely, RULE)
}

/// Finds the shortest way from what an object of C++ keeps to its wrapper, the reference to what it keeps first.
fn way_back(scene: &Scene<'_>, native: NodeIx, wrapper: NodeIx) -> Option<Vec<Step>> {
    let (graph, analysis) = (scene.graph(), scene.analysis);
    let mut before: FxHashMap<NodeIx, Step> = FxHashMap::default();
    let mut queue: VecDeque<NodeIx> = VecDeque::new();
    let mut reach = |step: Step, queue: &mut VecDeque<NodeIx>| {
        if step.edge.to != native && before.len() < LOOKED_AT && !before.contains_key(&step.edge.to) {
            before.insert(step.edge.to, step);
            queue.push_back(step.edge.to);
        }
    };
    natives::kept(scene, native).for_each(|edge| reach(Step { from: native, edge }, &mut queue));
    while let Some(node) = queue.pop_front().filter(|&node| node != wrapper) {
        let holds = |edge: &Edge| analysis.is_essential(node, *edge);
        graph.edges(node).filter(holds).for_each(|edge| reach(Step { from: node, edge }, &mut queue));
    }
    let back = std::iter::successors(before.get(&wrapper), |step| before.get(&step.from));
    let mut steps: Vec<Step> = back.copied().collect();
    steps.reverse();
    (!steps.is_empty()).then_some(steps)
}

/// Tells the cycle: from the object of C++ to what it keeps, and on to its wrapper.
pub(super) fn told(scene: &Scene<'_>, case: &Case) -> Option<Story> {
    let cycle = way_back(scene, case.holder, case.example)?;
    let (root, mut steps) = scene.paths.path(scene.graph(), case.holder);
    // An object with a weak handle is held by its wrapper: the way begins at what it keeps.
    let is_held = steps.iter().all(|step| step.from != case.example);
    let (root, holder) = if is_held { (root, case.holder) } else { (scene.graph().root(), cycle.first()?.edge.to) };
    if is_held {
        steps.extend(cycle);
    } else {
        steps = scene.paths.path(scene.graph(), holder).1;
        steps.extend(cycle.into_iter().skip(1));
    }
    let mut story = tell_path(scene, root, &steps, About { target: case.example, holder: Some(holder), times: case.count });
    let native = scene.graph().name(case.holder).into_owned();
    story.hops.last_mut()?.notes.push(format!("leads back to {native}"));
    Some(story)
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let (scene, case) = (exhibit.scene, exhibit.case);
    if case.kept != Kept::Native(RULE) {
        return None;
    }
    let class = natives::class(scene, case);
    let target = natives::kept(scene, case.holder).next().map_or_else(String::new, |edge| scene.label(edge.to));
    Some(Described {
        rule: RULE,
        what: "Cycles through C++".to_owned(),
        class: class.clone(),
        why: vec![
            format!(
                "each {class} keeps {target} by a handle of its own, and that leads back to its wrapper: no garbage collection frees it"
            ),
            "nothing else leads to them".to_owned(),
        ],
        remedy: "they are ended".to_owned(),
        advice:
            "End each by its own call (disconnect(), close()) before the last reference to it goes; in an addon make the reference weak."
                .to_owned(),
        limits: "one that is meant to run on for ever looks the same",
        weight: 1.0,
        place: None,
    })
}
