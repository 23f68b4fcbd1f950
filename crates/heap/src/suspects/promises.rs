//! Promises that never settle: a pending promise with ever more reactions, or piles of pending promises.
//!
//! Reason: `Promise.race` and `await` add reactions to a promise, which it keeps until it settles. Limit: a snapshot shows reactions, not
//! when the promise will settle; of a promise without reactions it does not show whether it is pending.

use super::case::{Case, Described, Exhibit, Kept, grouped, sampled};
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::source::Place;
use crate::source::scripts::shared_info;
use crate::story::{Scene, calls};

/// More reactions are not looked for.
const MOST: usize = 1 << 22;
/// How many reactions are looked at.
const SAMPLE: usize = 256;
/// How many nodes below a reaction are looked at.
const LOOKED_AT: usize = 64;

/// Returns what waits for a promise that holds a node by it, the newest first: `None` for other holders. O(what waits).
///
/// A promise keeps a reaction for each `await` and `then`, each reaction the one before it. It counts the same whichever of its parts is
/// looked at: two functions for an `await`, two and a promise for each turn of `Promise.race`.
fn waits(scene: &Scene<'_>, promise: NodeIx, held: NodeIx) -> Option<Vec<NodeIx>> {
    let graph = scene.graph();
    let first = reaction(graph, promise).filter(|_| calls::is_promise(graph, promise))?;
    let above = std::iter::successors(scene.paths.parent_node(held), |&at| scene.paths.parent_node(at).filter(|&up| up != promise));
    let is_below = above.take(DEEP).any(|at| calls::is_reaction(graph, at));
    let before = |reaction: &NodeIx| {
        let mut others = graph.edges(*reaction).filter(|edge| edge.kind == EdgeKind::HIDDEN && calls::is_reaction(graph, edge.to));
        others.next().map(|edge| edge.to)
    };
    is_below.then(|| std::iter::successors(Some(first), before).take(MOST).collect())
}

/// How far above a node its reaction is looked for: others stand between in a long list of them.
const DEEP: usize = 24;

/// Returns how many of the things that a promise holds make one wait for it: 1 for other holders.
pub(crate) fn parts(scene: &Scene<'_>, promise: NodeIx, held: NodeIx, count: u64) -> u64 {
    let waits = waits(scene, promise, held).map_or(count, |waits| waits.len() as u64);
    ((count + waits / 2) / waits.max(1)).max(1)
}

/// Makes a case of what a promise holds one of all that waits for it, so that it is told in the same way whichever part of that grew most.
pub(super) fn settle(scene: &Scene<'_>, case: &mut Case) {
    let Some(waits) = waits(scene, case.holder, case.example) else { return };
    let Some(waiter) = waits.first().and_then(|&first| waiter(scene, first)) else { return };
    let known = case.growth.as_ref().and_then(|growth| growth.counts.last().copied());
    case.count = known.unwrap_or(waits.len() as u64);
    case.held = case.held.max(scene.analysis.retained_size(case.holder));
    (case.kept, case.members, case.example) = (Kept::Holders, waits, waiter);
}

/// Returns what goes on when a promise settles: the call that awaits it, or the function that was given to `then`; where there is none any
/// more, the promise that V8 would settle in turn, as `Promise.race` makes it.
fn waiter(scene: &Scene<'_>, reaction: NodeIx) -> Option<NodeIx> {
    let graph = scene.graph();
    let is_waiter =
        |node: NodeIx| calls::called(graph, node).is_some() || graph.kind(node) == NodeKind::CLOSURE && scene.place(node).is_some();
    let (mut queue, mut at) = (vec![reaction], 0);
    while let Some(&node) = queue.get(at) {
        at += 1;
        if is_waiter(node) {
            return Some(node);
        }
        for edge in graph.edges(node) {
            let is_own = scene.paths.parent_node(edge.to) == Some(node) && (node != reaction || !calls::is_reaction(graph, edge.to));
            if is_own && queue.len() < LOOKED_AT && graph.kind(edge.to) != NodeKind::CODE {
                queue.push(edge.to);
            }
        }
    }
    queue.into_iter().find(|&node| calls::is_promise(graph, node))
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    if exhibit.case.members.first().is_some_and(|&member| calls::is_reaction(graph, member)) {
        return Some(never(exhibit));
    }
    if calls::is_promise(graph, exhibit.case.example) { pile(exhibit) } else { None }
}

/// Describes one promise for which ever more waits.
fn never(exhibit: &Exhibit<'_, '_>) -> Described {
    let mut why = vec!["a pending promise keeps all that waits for it".to_owned()];
    let (words, place) = if calls::is_promise(exhibit.scene.graph(), exhibit.case.example) { raced(exhibit) } else { waited(exhibit) };
    why.extend(words);
    Described {
        rule: "pending-promise",
        what: "Promise that never settles".to_owned(),
        class: exhibit.class.clone(),
        why,
        remedy: "the promise settles, or the waiting ends".to_owned(),
        advice: "Do not wait for a long-lived promise in a loop (Promise.race): give each wait its own promise and remove it.".to_owned(),
        limits: "a snapshot does not tell when a promise will settle",
        weight: 0.95,
        place,
    }
}

/// Says which function most of the calls are of that wait, and where it waits.
fn waited(exhibit: &Exhibit<'_, '_>) -> (Option<String>, Option<Place>) {
    let (scene, graph) = (exhibit.scene, exhibit.scene.graph());
    let waiters: Vec<NodeIx> = sampled(&exhibit.case.members, SAMPLE).filter_map(|reaction| waiter(scene, reaction)).collect();
    let function = |node: NodeIx| calls::called(graph, node).unwrap_or(node);
    let first = function(exhibit.case.example);
    let same = waiters.iter().filter(|&&waiter| shared_info(graph, function(waiter)) == shared_info(graph, first)).count();
    let variable = variable(exhibit).map(|step| graph.edge_text(step.edge));
    let awaited = scene.await_place(first, variable.as_deref()).filter(|_| first != exhibit.case.example);
    let at = awaited.as_ref().map_or_else(String::new, |place| format!(" at {}", place.short()));
    let (count, seen) = (grouped(same as u64), grouped(waiters.len() as u64));
    let words = format!("{count} of {seen} that were looked at go on in {}{at}", scene.label(first));
    ((same * 2 > waiters.len()).then_some(words), awaited.or_else(|| scene.place(first)))
}

/// Says what `Promise.race` leaves behind, and where it is called.
fn raced(exhibit: &Exhibit<'_, '_>) -> (Option<String>, Option<Place>) {
    let place = variable(exhibit).and_then(|step| exhibit.scene.race_place(step.from, &exhibit.scene.variable_of(*step)?));
    let words = "each Promise.race with it leaves a promise and its functions behind, though the race is over";
    (Some(words.to_owned()), place)
}

/// Returns the reference of the variable that holds the promise.
fn variable<'a>(exhibit: &'a Exhibit<'_, '_>) -> Option<&'a Step> {
    exhibit.steps.iter().find(|step| step.edge.to == exhibit.case.holder && exhibit.scene.variable_of(**step).is_some())
}

/// Describes a pile of promises most of which have reactions that wait.
fn pile(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    let sample = exhibit.sample();
    let reactions: Vec<NodeIx> = sample.iter().filter_map(|&promise| reaction(graph, promise)).collect();
    if reactions.len() * 2 < sample.len() {
        return None;
    }
    // An async function that awaits, or a function that was given to then(): both hang on the reaction.
    let functions: Vec<NodeIx> = reactions.iter().filter_map(|&reaction| scene.own_function_below(reaction)).collect();
    let first = functions.first().copied();
    let info = |node: NodeIx| shared_info(graph, node);
    let same = functions.iter().filter(|&&function| first.is_some_and(|first| info(function) == info(first))).count();
    let mut why = vec![format!("{} of {} that were looked at wait", grouped(reactions.len() as u64), grouped(sample.len() as u64))];
    if let Some(first) = first.filter(|_| same * 2 > reactions.len()) {
        let place = scene.place(first).map_or_else(String::new, |place| format!(" at {}", place.short()));
        why.push(format!("{} of them for the same function: {}{place}", grouped(same as u64), scene.label(first)));
    }
    Some(Described {
        rule: "pending-promise",
        what: "Promises that never settle".to_owned(),
        class: exhibit.class.clone(),
        why,
        remedy: "they settle, or are let go".to_owned(),
        advice: "Make sure that each of them settles, on errors and time-outs too, and take settled ones out.".to_owned(),
        limits: "a snapshot does not tell when a promise will settle",
        weight: 0.95,
        place: first.and_then(|function| scene.await_place(function, None).or_else(|| scene.place(function))),
    })
}

/// Returns the first reaction of a promise; a settled one has its result in the same place.
fn reaction(graph: &HeapGraph, promise: NodeIx) -> Option<NodeIx> {
    graph.child(promise, EdgeKind::INTERNAL, "reactions_or_result").filter(|&reaction| calls::is_reaction(graph, reaction))
}
