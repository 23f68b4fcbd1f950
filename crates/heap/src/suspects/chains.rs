//! Closure chains: calls of one function each keep the call before, through a variable that their functions share.
//!
//! Reason: all functions made in one call share its variables. One that uses `previous` and is dropped at once still makes the others
//! keep `previous`, which keeps the call before it, and so on (Meteor's "theThing"). No program wants a thousand of those, so that one
//! snapshot is evidence enough. Limit: which function used the variable is not in a snapshot; it is mostly gone. Lists of plain objects
//! are none of this: a long queue may be meant.

use rustc_hash::FxHashMap;

use super::case::{Case, Described, Exhibit, Kept, grouped};
use crate::graph::{EdgeName, NodeIx};
use crate::kinds::EdgeKind;
use crate::source::scripts::internal;
use crate::story::Scene;
use crate::strings::StrIx;

/// Shorter chains are no suspects.
const LEAST_LINKS: usize = 100;
/// How many dominators lie at most between a context and the one that keeps it.
const LINK: usize = 12;

/// One context that a context of the same scope keeps.
#[derive(Clone, Copy)]
struct Link {
    /// The context that keeps it.
    above: NodeIx,
    /// The variable by which it does.
    name: StrIx,
    /// The variable's value.
    value: NodeIx,
    /// The first context of the chain.
    top: NodeIx,
}

/// Finds chains that hold at least `least` bytes. O(contexts).
pub(crate) fn candidates(scene: &Scene<'_>, least: u64) -> Vec<Case> {
    let mut chains: FxHashMap<(NodeIx, StrIx), Vec<Link>> = FxHashMap::default();
    for link in links(scene) {
        chains.entry((link.top, link.name)).or_default().push(link);
    }
    let mut cases: Vec<Case> =
        chains.into_values().filter(|chain| chain.len() >= LEAST_LINKS).filter_map(|chain| case(scene, &chain)).collect();
    cases.retain(|case| case.held >= least);
    cases.sort_by(|a, b| b.held.cmp(&a.held).then(a.example.cmp(&b.example)));
    cases
}

/// Finds all links, those that are nearer to the root first.
fn links(scene: &Scene<'_>) -> Vec<Link> {
    let graph = scene.graph();
    let places = &scene.analysis.dominator_spans().places;
    let scope = |node| internal(graph, node, scene.names.scope_info);
    let mut contexts: Vec<NodeIx> = graph.nodes().filter(|&node| scene.is_context(node)).collect();
    contexts.sort_by_key(|context| places[context.at()]);
    let mut tops: FxHashMap<NodeIx, NodeIx> = FxHashMap::default();
    let mut links = Vec::new();
    for context in contexts {
        let Some(own) = scope(context) else { continue };
        let Some((above, value)) = keeper(scene, context, |node| scope(node) == Some(own)) else { continue };
        let variable = graph.edges(above).find(|edge| edge.kind == EdgeKind::CONTEXT && edge.to == value).map(|edge| graph.edge_name(edge));
        let Some(EdgeName::Text(name)) = variable else { continue };
        let top = tops.get(&above).copied().unwrap_or(above);
        tops.insert(context, top);
        links.push(Link { above, name, value, top });
    }
    links
}

/// Returns the nearest context that dominates another and is of the same scope, with the node right below it on the way.
fn keeper(scene: &Scene<'_>, context: NodeIx, is_same_scope: impl Fn(NodeIx) -> bool) -> Option<(NodeIx, NodeIx)> {
    let mut at = context;
    for _ in 0..LINK {
        let above = scene.analysis.dominator(at);
        if above == at {
            return None;
        }
        if scene.is_context(above) && is_same_scope(above) {
            return Some((above, at));
        }
        at = above;
    }
    None
}

fn case(scene: &Scene<'_>, chain: &[Link]) -> Option<Case> {
    let first = chain.first()?;
    let name = scene.graph().strings().text(first.name).into_owned();
    let held = scene.analysis.retained_size(first.value);
    Some(Case {
        holders: chain.iter().map(|link| link.above).collect(),
        members: chain.iter().map(|link| link.value).collect(),
        kept: Kept::Variable(name),
        confidence: 0.75,
        ..Case::new(first.value, first.value, chain.len() as u64, held)
    })
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let Kept::Variable(name) = &exhibit.case.kept else { return None };
    let context = *exhibit.case.holders.first()?;
    let declared = exhibit.scene.variable(context, name, None);
    let name = declared.as_ref().and_then(|declared| declared.original.as_ref()).unwrap_or(name);
    let variable = declared.as_ref().map_or_else(|| format!("the variable {name}"), |declared| format!("{} {name}", declared.keyword));
    Some(Described {
        rule: "closure-chain",
        what: format!("Calls chained by {variable}"),
        class: exhibit.class.clone(),
        why: vec![
            format!("a chain of {} calls: {variable} of each keeps the call before", grouped(exhibit.case.count)),
            "all functions made in one call share its variables, also those that only a function used that is gone".to_owned(),
        ],
        remedy: format!("{name} is cleared when each call ends"),
        advice: format!("Set {name} to null before the call ends, or make the function that outlives it where {name} is not in scope."),
        limits: "which function used the variable is not in a snapshot",
        weight: 1.0,
        place: declared.as_ref().map(|declared| declared.place.clone()),
    })
}
