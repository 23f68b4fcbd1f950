//! Objects that native code keeps: handles that were never closed, references of addons, workers.
//!
//! Reason: an open handle keeps its JavaScript object until it is closed. Limit: why native code holds an object is not in a snapshot.

use rustc_hash::{FxHashMap, FxHashSet};

use super::case::{Described, Exhibit, grouped, sampled};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::source::Place;
use crate::source::owner::is_node_core;
use crate::story::{Scene, handle_owner};

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let graph = exhibit.scene.graph();
    if graph.kind(exhibit.case.holder) != NodeKind::SYNTHETIC {
        return None;
    }
    let group = exhibit.name(exhibit.case.holder);
    let (rule, what) = match &*group {
        "(Global handles)" | "(Traced handles)" => ("native-handle", "Objects held by native code"),
        "" => ("native-handle", "Open handles"),
        name if name.starts_with("Node / ") || name.starts_with("C++ ") => ("native-handle", "Open handles"),
        "(Strong roots)" | "(Strong root list)" => ("engine-table", "Entries of a table of V8"),
        _ => ("engine-table", "Objects held by V8's roots"),
    };
    let (remedy, advice) = if rule == "engine-table" {
        ("the table loses them", "Find out which calls fill the table: names given to Symbol.for, for one, stay for ever.")
    } else {
        ("they are closed", "Close, terminate or unreference each handle when it is done; in an addon delete the reference.")
    };
    let mut why = vec![format!("held by {}, not by JavaScript", if group.is_empty() { "Node.js" } else { &group })];
    let user =
        exhibit.scene.place(exhibit.case.example).filter(super::case::is_own).map_or_else(|| user(exhibit), |place| (None, Some(place)));
    why.extend(owner(exhibit));
    why.extend(user.0);
    why.extend(agents(exhibit));
    Some(Described {
        rule,
        what: what.to_owned(),
        class: exhibit.class.clone(),
        why,
        remedy: remedy.to_owned(),
        advice: advice.to_owned(),
        limits: "why native code holds an object is not in a snapshot",
        weight: 0.95,
        place: user.1,
    })
}

/// Says who holds the handles of most of the objects, where that is known.
fn owner(exhibit: &Exhibit<'_, '_>) -> Option<String> {
    let graph = exhibit.scene.graph();
    let members: FxHashSet<NodeIx> = exhibit.case.members.iter().copied().collect();
    let mut owners: FxHashMap<String, u64> = FxHashMap::default();
    for edge in graph.edges(exhibit.case.holder).filter(|edge| members.contains(&edge.to)) {
        if let Some(owner) = handle_owner(&graph.edge_text(edge)) {
            *owners.entry(owner.to_owned()).or_default() += 1;
        }
    }
    let (owner, count) = owners.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))?;
    Some(format!("{} of {} held by {owner}", grouped(count), grouped(members.len() as u64)))
}

/// How many of the objects are looked at.
const SAMPLE: usize = 64;

/// Finds the function of the program to which most of the objects lead: some of them only do, one port of each channel. Says so.
fn user(exhibit: &Exhibit<'_, '_>) -> (Option<String>, Option<Place>) {
    let scene = exhibit.scene;
    let mut uses: FxHashMap<Place, (u64, NodeIx)> = FxHashMap::default();
    let mut seen = 0;
    for object in sampled(&exhibit.case.members, SAMPLE) {
        seen += 1;
        let Some(function) = scene.own_function_below(object) else { continue };
        let Some(place) = scene.place(function) else { continue };
        uses.entry(place).or_insert((0, function)).0 += 1;
    }
    let Some((place, (count, function))) = uses.into_iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then_with(|| b.0.cmp(&a.0))) else {
        return (None, None);
    };
    let (label, at) = (scene.label(function), place.short());
    let named = if label.ends_with(&at) { label } else { format!("{label}, {at}") };
    let words = format!("{count} of {seen} that were looked at lead to {named}");
    ((count > 1).then_some(words), Some(place))
}

/// Says where each of many sockets is of an agent of its own: where it was made is not in a snapshot.
fn agents(exhibit: &Exhibit<'_, '_>) -> Option<String> {
    let scene = exhibit.scene;
    let is_agent = |node: NodeIx| {
        let name = scene.graph().name(node);
        scene.graph().kind(node) == NodeKind::OBJECT
            && name == "Agent"
            && is_node_core(&scene.place(node).map_or_else(String::new, |p| p.file))
    };
    let found: Vec<NodeIx> = sampled(&exhibit.case.members, SAMPLE).filter_map(|object| below(scene, object, is_agent)).collect();
    let each: FxHashSet<NodeIx> = found.iter().copied().collect();
    let is_own = each.len() > 8 && each.len() == found.len();
    is_own.then(|| {
        format!("{} that were looked at belong to an http.Agent each, which no other shares: one Agent serves all requests", found.len())
    })
}

/// Looks below an object for another that hangs on it. Bounded.
fn below(scene: &Scene<'_>, object: NodeIx, is_wanted: impl Fn(NodeIx) -> bool) -> Option<NodeIx> {
    const LOOKED_AT: usize = 1000;
    let (mut queue, mut at) = (vec![object], 0);
    while let Some(&node) = queue.get(at) {
        at += 1;
        if is_wanted(node) {
            return Some(node);
        }
        let hangs = scene.graph().edges(node).map(|edge| edge.to).filter(|&to| scene.paths.parent_node(to) == Some(node));
        queue.extend(hangs.take(LOOKED_AT.saturating_sub(queue.len())));
    }
    None
}
