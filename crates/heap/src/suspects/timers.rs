//! Timers that are never cleared: Timeout and Immediate objects in Node.js's lists, and what their callbacks hold.
//!
//! Reason: a pending timer keeps its callback and all that it closes over. Limit: many short timers are normal under load; a snapshot
//! shows a timer's duration but not when it fires.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::case::{Case, Described, Exhibit, Kept, grouped, is_own};
use super::census::{LEAST_COUNT, LEAST_EACH};
use super::is_large;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Name;
use crate::source::scripts::unbound;
use crate::story::{Lineage, Scene};

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
    let place = callback(graph, timer).and_then(|callback| exhibit.scene.place(callback)).filter(is_own);
    let place = place.or_else(|| exhibit.scene.own_function_below(timer).and_then(|function| exhibit.scene.place(function)));
    let what = if repeats(graph, timer) { "Intervals never cleared" } else { "Pending timers" };
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

fn callback(graph: &HeapGraph, timer: NodeIx) -> Option<NodeIx> {
    graph.child(timer, EdgeKind::PROPERTY, "_onTimeout").or_else(|| graph.child(timer, EdgeKind::PROPERTY, "_onImmediate"))
}

/// Says whether a timer is known to be an interval. Of a period that is a small integer V8 writes nothing.
fn repeats(graph: &HeapGraph, timer: NodeIx) -> bool {
    graph.child(timer, EdgeKind::PROPERTY, "_repeat").is_some_and(|repeat| graph.kind(repeat) == NodeKind::NUMBER)
}

/// Whose a timer is: where its function was written, and whether that is its callback itself or only hangs on one of Node.js's.
type Owner = ((u32, u32, u32), bool);

/// Finds timers of one function that stand in many lists, those that hold most first: Node.js has a list for each period, so that periods
/// with a part that is random make lists of a timer each, none of which is a pile. Short ones like that wait in every busy server: only
/// intervals are told of for their number alone. O(nodes).
pub(super) fn scattered(scene: &Scene<'_>, lineage: &Lineage) -> Vec<Case> {
    let mut groups: FxHashMap<Owner, Vec<(NodeIx, NodeIx)>> = FxHashMap::default();
    for (list, timers) in small_lists(scene, lineage) {
        for timer in timers {
            if let Some(owner) = owner(scene, timer) {
                groups.entry(owner).or_default().push((timer, list));
            }
        }
    }
    let mut cases: Vec<Case> = groups.into_iter().filter_map(|((_, is_direct), timers)| case(scene, timers, is_direct)).collect();
    cases.sort_by_key(|case| (Reverse(case.held), case.example));
    cases
}

/// Returns the lists that are no piles, with their timers.
fn small_lists(scene: &Scene<'_>, lineage: &Lineage) -> FxHashMap<NodeIx, Vec<NodeIx>> {
    let graph = scene.graph();
    let mut lists: FxHashMap<NodeIx, Vec<NodeIx>> = FxHashMap::default();
    let is = |node: NodeIx, class: Name| graph.kind(node) == NodeKind::OBJECT && class.is(graph.name_ix(node));
    for node in scene.paths.order().filter(|&node| is(node, scene.names.class_timeout)) {
        if let Some(holder) = lineage.holder(scene, node).filter(|&holder| is(holder, scene.names.class_timers_list)) {
            lists.entry(holder).or_default().push(node);
        }
    }
    lists.retain(|_, timers| timers.len() < LEAST_EACH as usize);
    lists
}

fn owner(scene: &Scene<'_>, timer: NodeIx) -> Option<Owner> {
    let graph = scene.graph();
    let at = |function: NodeIx| graph.location(unbound(graph, function)).map(|location| location.at());
    let own = callback(graph, timer).filter(|&callback| scene.place(callback).as_ref().is_some_and(is_own));
    match own {
        Some(callback) => Some((at(callback)?, true)),
        None => Some((at(scene.own_function_below(timer)?)?, false)),
    }
}

/// Makes a case of timers of one function, each with its list.
fn case(scene: &Scene<'_>, mut timers: Vec<(NodeIx, NodeIx)>, is_direct: bool) -> Option<Case> {
    let size = |timer: NodeIx| scene.analysis.retained_size(timer);
    timers.sort_by_key(|&(timer, _)| (Reverse(size(timer)), timer));
    let &(example, list) = timers.first().filter(|_| timers.len() as u64 >= LEAST_COUNT)?;
    let held = timers.iter().map(|&(timer, _)| size(timer)).fold(0, u64::saturating_add);
    let mut lists: Vec<NodeIx> = timers.iter().map(|&(_, list)| list).collect();
    lists.sort_unstable();
    lists.dedup();
    let why =
        vec![format!("they have {} different periods, so that no list of Node.js's shows them together", grouped(lists.len() as u64))];
    let members = timers.iter().map(|&(timer, _)| timer).collect();
    let case = Case { kept: Kept::Dominator, members, why, ..Case::new(list, example, timers.len() as u64, held) };
    let is_told = is_large(&case, scene.analysis.total_size()) || (is_direct && repeats(scene.graph(), example));
    is_told.then_some(case)
}
