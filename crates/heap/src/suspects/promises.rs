//! Promises that never settle: a pending promise with ever more reactions, or piles of pending promises.
//!
//! Reason: `Promise.race` and `await` add reactions to a promise, which it keeps until it settles. Limit: a snapshot shows reactions, not
//! when the promise will settle; of a promise without reactions it does not show whether it is pending.

use super::case::{Described, Exhibit, grouped};
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::scripts::shared_info;

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    let is_promise = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT && scene.names.class_promise.is(graph.name_ix(node));
    if is_promise(exhibit.case.example) {
        return pile(exhibit);
    }
    let through = exhibit.edges().any(|(step, name)| name == "reactions_or_result" && step.from == exhibit.case.holder);
    if !is_promise(exhibit.case.holder) || !through {
        return None;
    }
    let place = exhibit.steps.iter().rev().map(|step| step.edge.to).find(|&node| graph.kind(node) == NodeKind::CLOSURE);
    Some(Described {
        rule: "pending-promise",
        what: "Promise that never settles".to_owned(),
        class: exhibit.class.clone(),
        why: vec!["a pending promise keeps every function that waits for it".to_owned()],
        remedy: "the promise settles, or the waiting ends".to_owned(),
        advice: "Do not wait for a long-lived promise in a loop (Promise.race): give each wait its own promise and remove it.".to_owned(),
        limits: "a snapshot does not tell when a promise will settle",
        weight: 0.95,
        place: place.and_then(|closure| scene.place(closure)),
    })
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
        place: first.and_then(|function| scene.place(function)),
    })
}

/// Returns the first reaction of a promise; a settled one has its result in the same place.
fn reaction(graph: &HeapGraph, promise: NodeIx) -> Option<NodeIx> {
    let reaction = graph.child(promise, EdgeKind::INTERNAL, "reactions_or_result")?;
    graph.strings().is(graph.name_ix(reaction), "system / PromiseReaction").then_some(reaction)
}
