//! Promises that never settle: a pending promise with ever more reactions, or piles of pending promises.
//!
//! Reason: `Promise.race` and `await` add reactions to a promise, which it keeps until it settles. Limit: a snapshot shows reactions, not
//! when the promise will settle.

use super::case::{Described, Exhibit};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    let is_promise = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT && scene.names.class_promise.is(graph.name_ix(node));
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
