//! Objects of C++ with a wrapper in JavaScript, as a core dump tells of them; and which of them nobody but C++ holds.
//!
//! V8's snapshots have such objects too (`Node / UDPWrap`), but not whether they wait for anything: without that nothing is judged. Which
//! of them leak, and why, stands in `idle_handles` and `wrapper_cycles`.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::case::{Case, Kept};
use super::{idle_handles, wrapper_cycles};
use crate::cut::Cutter;
use crate::graph::{Edge, EdgeIx, NodeIx};
use crate::held::{Held, Primitive};
use crate::kinds::{EdgeKind, NodeKind};
use crate::story::Scene;

/// Fewer of one class are no suspect: a program may well forget one.
const LEAST: usize = 10;
/// How an object of C++ leads to its wrapper; the second name is Node 16's.
const TO_WRAPPER: [&str; 2] = ["native_to_javascript", "wrapped"];
/// How it leads to what another handle in its memory keeps.
const OWN_HANDLE: &str = "global_handle";

/// What an object of C++ is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// libuv may call it any time, or it is being closed.
    Busy,
    /// A handle of libuv's that waits for nothing.
    IdleHandle,
    /// No handle of libuv's, and no request in flight.
    Other,
}

/// An object of C++.
#[derive(Clone, Copy, Debug)]
pub(super) struct Native {
    pub(super) node: NodeIx,
    pub(super) wrapper: NodeIx,
    pub(super) activity: Activity,
}

/// Finds the objects of C++ of which the source tells what they are up to. O(nodes).
pub(super) fn find(scene: &Scene<'_>) -> Vec<Native> {
    let graph = scene.graph();
    let is_kind = |&node: &NodeIx| matches!(graph.kind(node), NodeKind::NATIVE | NodeKind::SYNTHETIC);
    let wrapped = graph.nodes().filter(is_kind).filter_map(|node| {
        let to_wrapper = |edge: &Edge| edge.kind == EdgeKind::INTERNAL && TO_WRAPPER.contains(&&*graph.edge_text(*edge));
        graph.edges(node).find(to_wrapper).map(|edge| (node, edge.to))
    });
    let (nodes, wrappers): (Vec<NodeIx>, Vec<NodeIx>) = wrapped.unzip();
    let mut found = Vec::new();
    graph.held_each(&nodes, 0, &mut |at, held| {
        found.extend(activity(&held).map(|activity| Native { node: nodes[at], wrapper: wrappers[at], activity }));
    });
    found
}

fn activity(held: &Held) -> Option<Activity> {
    let is = |wanted: &str| match held.names.iter().find(|(name, _)| name == wanted)?.1 {
        Some(Primitive::Boolean(is)) => Some(is),
        _ => None,
    };
    match (is("active"), is("closing"), is("in_flight")) {
        (Some(active), Some(closing), _) => Some(if active || closing { Activity::Busy } else { Activity::IdleHandle }),
        (_, _, Some(in_flight)) => Some(if in_flight { Activity::Busy } else { Activity::Other }),
        _ => None,
    }
}

/// Returns the references by which C++ alone holds the wrappers of some objects, and what else is kept by handles in their memory.
pub(super) fn references(scene: &Scene<'_>, natives: &[Native]) -> Vec<EdgeIx> {
    let (graph, analysis) = (scene.graph(), scene.analysis);
    let is_root = |node: NodeIx| graph.kind(node) == NodeKind::SYNTHETIC;
    let mut cut = Vec::new();
    let mut own: FxHashMap<NodeIx, usize> = FxHashMap::default();
    for native in natives {
        let ways = analysis.retainers(native.wrapper).filter(|&(from, _)| is_root(from) || from == native.node);
        // What is ended goes itself: its own root too.
        let own_root = analysis.retainers(native.node).filter(|&(from, _)| is_root(from));
        cut.extend(ways.chain(own_root).map(|(_, edge)| edge.ix));
        for edge in kept(scene, native.node) {
            cut.push(edge.ix);
            *own.entry(edge.to).or_default() += 1;
        }
    }
    // Each handle is a root too; handles of others to the same object stay.
    for (target, count) in own {
        let roots = analysis.retainers(target).filter(|&(from, _)| is_root(from) && graph.name(from).starts_with("(Global handles)"));
        cut.extend(roots.take(count).map(|(_, edge)| edge.ix));
    }
    cut
}

/// Returns the references of an object of C++ to what it keeps besides its wrapper.
pub(super) fn kept<'a>(scene: &'a Scene<'_>, native: NodeIx) -> impl Iterator<Item = Edge> + 'a {
    let graph = scene.graph();
    graph.edges(native).filter(|&edge| edge.kind == EdgeKind::INTERNAL && graph.edge_text(edge) == OWN_HANDLE)
}

/// Returns those of which nothing is left when C++ lets go of all of them.
pub(super) fn held_by_none_else(scene: &Scene<'_>, cutter: &Cutter<'_>, natives: Vec<Native>) -> Vec<Native> {
    let wrappers: Vec<NodeIx> = natives.iter().map(|native| native.wrapper).collect();
    let kept: FxHashSet<NodeIx> = cutter.cut(&references(scene, &natives), &wrappers).kept.into_iter().collect();
    natives.into_iter().filter(|native| !kept.contains(&native.wrapper)).collect()
}

/// Makes a case of each class of which there are many. `rule` says what is wrong with them.
pub(super) fn by_class(scene: &Scene<'_>, natives: &[Native], rule: &'static str) -> Vec<Case> {
    let (graph, analysis) = (scene.graph(), scene.analysis);
    let mut classes: FxHashMap<_, Vec<Native>> = FxHashMap::default();
    natives.iter().for_each(|&native| classes.entry(graph.name_ix(native.node)).or_default().push(native));
    let many = classes.into_values().filter(|natives| natives.len() >= LEAST);
    let mut cases: Vec<Case> = many
        .filter_map(|natives| {
            let largest = natives.iter().max_by_key(|native| (analysis.retained_size(native.wrapper), Reverse(native.wrapper)))?;
            let held = natives.iter().map(|native| analysis.retained_size(native.wrapper)).fold(0, u64::saturating_add);
            let members = natives.iter().map(|native| native.wrapper).collect();
            let case = Case::new(largest.node, largest.wrapper, natives.len() as u64, held);
            Some(Case { members, kept: Kept::Native(rule), confidence: 0.85, ..case })
        })
        .collect();
    cases.sort_by_key(|case| (Reverse(case.held), case.holder));
    cases
}

/// Finds the object of C++ that belongs to a wrapper.
pub(super) fn of_wrapper(scene: &Scene<'_>, wrapper: NodeIx) -> Option<NodeIx> {
    let graph = scene.graph();
    let leads_back = |&node: &NodeIx| graph.edges(node).any(|edge| edge.to == wrapper && TO_WRAPPER.contains(&&*graph.edge_text(edge)));
    graph.edges(wrapper).filter(|edge| edge.kind == EdgeKind::INTERNAL).map(|edge| edge.to).find(leads_back)
}

/// Returns the references that a case's cut takes out.
pub(super) fn references_of(scene: &Scene<'_>, case: &Case) -> Vec<EdgeIx> {
    let native = |&wrapper: &NodeIx| Some(Native { node: of_wrapper(scene, wrapper)?, wrapper, activity: Activity::Other });
    references(scene, &case.members.iter().filter_map(native).collect::<Vec<_>>())
}

/// Makes the cases of both patterns. O(edges), where there is anything to look at.
pub(super) fn cases(scene: &Scene<'_>, cutter: &Cutter<'_>, natives: &[Native]) -> Vec<Case> {
    let idle = idle_handles::cases(scene, cutter, natives);
    idle.into_iter().chain(wrapper_cycles::cases(scene, cutter, natives)).collect()
}

/// Says whether a rule is one of these patterns: evidence by itself, whatever the size.
pub(super) fn is_rule(rule: &str) -> bool {
    matches!(rule, idle_handles::RULE | wrapper_cycles::RULE)
}

/// Returns the class of a case's objects of C++: `UDPWrap`.
pub(super) fn class(scene: &Scene<'_>, case: &Case) -> String {
    scene.graph().name(case.holder).trim_start_matches("Node / ").to_owned()
}
