//! Listener piles: EventEmitter `_events` arrays and EventTarget `[kEvents]` lists with ever more listeners.
//!
//! Reason: listeners live as long as the emitter. Surer when they are closures of one function (one SharedFunctionInfo). Limit: many
//! listeners on purpose (one per open connection) look the same in a single snapshot.

use super::case::{Described, Exhibit};
use crate::graph::{Edge, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::scripts::shared_info;

const LIMITS: &str = "a listener for each open connection is meant to be there: compare the number with what is open";

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    let from = |name: &str| exhibit.edges().rposition_of(name);
    let (at, is_target) = match (from("_events"), from("<symbol kEvents>")) {
        (Some(at), target) if target.is_none_or(|target| target < at) => (at, false),
        (_, Some(at)) => (at, true),
        _ => subscribers(exhibit).map(|at| (at, true))?,
    };
    // Below the events, nothing but lists of listeners stands before the objects that pile up.
    let between = exhibit.steps.get(at + 1..)?.iter().filter(|step| scene.is_visible(step.edge.to) && step.edge.to != exhibit.case.example);
    let is_list = |node: NodeIx| {
        graph.kind(node) == NodeKind::CLOSURE || matches!(&*graph.name(node), "Array" | "Listener" | "Map" | "SafeMap" | "Object")
    };
    if !between.map(|step| step.edge.to).all(is_list) && exhibit.case.holder != exhibit.steps.get(at)?.from {
        return None;
    }
    let emitter = exhibit.steps.get(at)?.from;
    let event =
        exhibit.steps.get(at + 1..)?.iter().find(|step| step.edge.kind == EdgeKind::PROPERTY).map(|step| graph.edge_text(step.edge));
    let event = if is_target { event_of_target(exhibit, at) } else { event.map(std::borrow::Cow::into_owned) };
    let event = event.map_or_else(String::new, |event| format!(" '{event}'"));
    let listener = listener_function(exhibit, at);
    // What Node.js's own listener (of readline, of stream.finished) calls in the end is the application's.
    let is_own = |place: &crate::source::Place| super::case::is_own(place);
    let place = listener.and_then(|listener| scene.place(listener)).filter(is_own);
    // A function without a script (a promise's `resolve`) does not say where it was added; the text may.
    let place = place.or_else(|| added_at(exhibit, at));
    let place = place.or_else(|| scene.own_function_below(listener.unwrap_or(exhibit.case.example)).and_then(|own| scene.place(own)));
    let emitter_name = scene.label(emitter);
    let mut why = vec![format!("every listener stays until it is removed or the {emitter_name} goes")];
    if listener.is_some_and(|listener| shared_info(graph, listener).is_some()) {
        why.push("they are closures of one function".to_owned());
    }
    Some(Described {
        rule: "listener-pile",
        what: format!("Listeners of {emitter_name}{event}"),
        class: listener.map_or_else(|| exhibit.class.clone(), |listener| scene.label(listener)),
        why,
        remedy: "the listeners are removed".to_owned(),
        advice: "Remove each listener when its owner is done, add it once, or use { once: true } or an AbortSignal.".to_owned(),
        limits: LIMITS,
        weight: 1.0,
        place,
    })
}

/// Returns the event whose listeners an EventTarget holds: the key of their list in its Map of events.
fn event_of_target(exhibit: &Exhibit<'_, '_>, at: usize) -> Option<String> {
    let (scene, graph) = (exhibit.scene, exhibit.scene.graph());
    let [table, entry] = exhibit.steps.get(at + 1..at + 3)? else { return None };
    let slot = |edge: Edge| graph.edge_text(edge).parse::<u64>().ok();
    let key = slot(entry.edge)?.checked_sub(1)?;
    let is_key = |edge: &Edge| slot(*edge) == Some(key) && scene.is_key(table.from, entry.from, *edge) == Some(true);
    let name = graph.edges(entry.from).find(is_key).filter(|edge| graph.kind(edge.to).is_string())?;
    Some(exhibit.name(name.to))
}

/// Finds the one call in the source text that adds a listener to the variable that holds the emitter.
fn added_at(exhibit: &Exhibit<'_, '_>, at: usize) -> Option<crate::source::Place> {
    const METHODS: &[&str] = &["addEventListener", "on", "once", "addListener", "prependListener"];
    let step = exhibit.steps.get(..at)?.last()?;
    exhibit.scene.call_place(step.from, &exhibit.scene.variable_of(*step)?, METHODS)
}

/// Finds the subscribers of a diagnostics channel: Node.js's other kind of listeners.
fn subscribers(exhibit: &Exhibit<'_, '_>) -> Option<usize> {
    exhibit.edges().rposition_of("_subscribers")
}

/// Finds the function that was added: the first closure at or below the list that is not Node.js's own wrapper.
fn listener_function(exhibit: &Exhibit<'_, '_>, at: usize) -> Option<NodeIx> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    let is_closure = |node: NodeIx| graph.kind(node) == NodeKind::CLOSURE;
    let on_path = exhibit.steps.get(at + 1..)?.iter().map(|step| step.edge.to);
    let mut closures: Vec<NodeIx> = on_path.filter(|&node| is_closure(node)).collect();
    for key in ["callback", "listener"] {
        let callback = graph.child(exhibit.case.example, EdgeKind::PROPERTY, key);
        closures.extend(callback.filter(|&node| is_closure(node)));
    }
    let own = |node: &NodeIx| !crate::source::owner::is_node_core(&scene.file(*node)) && !scene.file(*node).is_empty();
    closures.iter().copied().find(own).or_else(|| closures.first().copied())
}

trait LastNamed {
    /// Finds the last edge of that name.
    fn rposition_of(self, name: &str) -> Option<usize>;
}

impl<'a, I: DoubleEndedIterator<Item = (&'a crate::paths::Step, String)>> LastNamed for I {
    fn rposition_of(self, name: &str) -> Option<usize> {
        let edges: Vec<String> = self.map(|(_, text)| text).collect();
        edges.iter().rposition(|text| text == name)
    }
}
