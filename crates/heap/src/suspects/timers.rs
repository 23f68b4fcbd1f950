//! Timers that are never cleared: Timeout and Immediate objects in Node.js's lists, and what their callbacks hold.
//!
//! Reason: a pending timer keeps its callback and all that it closes over. Limit: many short timers are normal under load; a snapshot
//! shows a timer's duration but not when it fires.

use super::case::{Described, Exhibit};
use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};

const LIMITS: &str = "under load many short timers are pending at any moment";

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let graph = exhibit.scene.graph();
    let is_timer = |node: NodeIx| matches!(&*graph.name(node), "Timeout" | "Immediate");
    let on_path = exhibit.steps.iter().map(|step| step.edge.to).rfind(|&node| graph.kind(node) == NodeKind::OBJECT && is_timer(node));
    let is_list = |node: NodeIx| matches!(&*graph.name(node), "TimersList" | "ImmediateList" | "PriorityQueue");
    let held_by_list = exhibit.steps.iter().any(|step| is_list(step.edge.to));
    let timer = on_path.filter(|&timer| held_by_list || timer == exhibit.case.example)?;
    if timer != exhibit.case.example && !is_list(exhibit.case.holder) && exhibit.case.holder != timer && !is_timer(exhibit.case.holder) {
        return None;
    }
    let callback = graph.child(timer, EdgeKind::PROPERTY, "_onTimeout").or_else(|| graph.child(timer, EdgeKind::PROPERTY, "_onImmediate"));
    let own = |place: &crate::source::Place| super::case::is_own(place);
    let place = callback.and_then(|callback| exhibit.scene.place(callback)).filter(own);
    let place = place.or_else(|| exhibit.scene.own_function_below(timer).and_then(|function| exhibit.scene.place(function)));
    let repeats = graph.child(timer, EdgeKind::PROPERTY, "_repeat").is_some_and(|repeat| graph.kind(repeat) == NodeKind::NUMBER);
    let what = if repeats { "Intervals never cleared" } else { "Pending timers" };
    Some(Described {
        rule: "timer-pile",
        what: what.to_owned(),
        class: exhibit.scene.label(timer),
        why: vec!["a pending timer keeps its callback and all that it closes over".to_owned()],
        remedy: "the timers are cleared".to_owned(),
        advice: "Keep the timer's handle and clear it (clearTimeout, clearInterval) when its purpose is gone.".to_owned(),
        limits: LIMITS,
        weight: 1.0,
        place,
    })
}
