//! What a case is about in objects and references: the objects counted, the references by which their holders keep them, and what is
//! freed when those go.
//!
//! This is the one number of a finding: headline, share and "cut here" are all of it. Where other holders of the same leak hold the objects
//! too (`sharing`), the cut is of all and says so; what is held in other ways stays, and that is said too.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::case::{Case, Kept, bytes, grouped};
use super::sharing::{Other, Shared, Sharing, Way, another_way};
use super::{lists, natives, promises};
use crate::cut::{Cutter, Freed};
use crate::graph::{Edge, EdgeIx, EdgeName, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::story::{Lineage, Scene};

/// By what objects of a holder are counted together.
pub(crate) type ClassKey = fn(&Scene<'_>, NodeIx) -> u64;

/// Fills in the objects that each case is about: those of the example's class that its holders hold. O(nodes).
pub(crate) fn gather(scene: &Scene<'_>, lineage: &Lineage, cases: &mut [Case], class: ClassKey) {
    let mut places: FxHashMap<(NodeIx, u64), usize> = FxHashMap::default();
    let open: Vec<usize> = (0..cases.len()).filter(|&at| cases[at].members.is_empty()).collect();
    for &at in &open {
        let key = class(scene, cases[at].example);
        for &holder in &cases[at].holders {
            places.entry((holder, key)).or_insert(at);
        }
    }
    let holders: FxHashSet<NodeIx> = open.iter().flat_map(|&at| cases[at].holders.iter().copied()).collect();
    for node in scene.paths.order().filter(|&node| super::case::is_payload(scene, node)) {
        let above = [lineage.holder(scene, node), lineage.parent(scene, node)];
        let Some(holder) = above.into_iter().flatten().find(|holder| holders.contains(holder)) else { continue };
        if let Some(&at) = places.get(&(holder, class(scene, node))) {
            cases[at].members.push(node);
        }
    }
    for case in cases {
        promises::settle(scene, case);
        lists::settle(lineage, case);
    }
}

/// What letting go of a case's objects comes to.
pub(crate) struct Cut {
    pub(crate) freed: Freed,
    /// What else is to be said, one clause each.
    pub(crate) words: Vec<String>,
    /// The other holders that must let go too, as the program names them.
    pub(crate) names: Option<String>,
    /// Those holders.
    pub(crate) others: Vec<Other>,
    /// How one of the objects that stay is held besides.
    pub(crate) way: Option<Way>,
}

/// How many objects that stay are looked at.
const SAMPLE: usize = 256;
/// How many other holders are named.
const NAMED: usize = 3;

/// Finds out what is freed when the holders of a case let go of its objects, and the other holders of the same leak with them. O(what
/// they reach).
pub(crate) fn cut(scene: &Scene<'_>, lineage: &Lineage, cutter: &Cutter<'_>, case: &Case) -> Cut {
    let shared = Sharing::of(scene, lineage, cutter, case).widen(references(scene, lineage, case));
    let names = (!shared.others.is_empty()).then(|| named(scene, case, &shared.others));
    let holding =
        names.iter().map(|names| format!("{names} {} them too: all must let go", if names.contains(" and ") { "hold" } else { "holds" }));
    let mut words: Vec<String> = holding.collect();
    let cut: FxHashSet<EdgeIx> = shared.references.iter().copied().collect();
    let largest = shared.freed.kept.iter().copied().max_by_key(|&node| (scene.analysis.retained_size(node), Reverse(node)));
    let way = largest.and_then(|kept| another_way(scene, &cut, kept));
    words.extend(stay(scene, lineage, case, &shared, way.as_ref()));
    Cut { words, names, others: shared.others, way, freed: shared.freed }
}

/// Names other holders: those of one name by the next word of their paths too, and by their number where that is the same.
fn named(scene: &Scene<'_>, case: &Case, others: &[Other]) -> String {
    let short: Vec<String> = others.iter().map(|other| name_of(scene, case, other, 1)).collect();
    let many = |name: &String| short.iter().filter(|&other| other == name).count() > 1;
    let mut names: Vec<(String, u64)> = Vec::new();
    for (other, name) in others.iter().zip(&short) {
        let name = if many(name) { name_of(scene, case, other, 2) } else { name.clone() };
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => names.push((name, 1)),
        }
    }
    let counted = |(name, count): (String, u64)| if count > 1 { format!("{} × {name}", grouped(count)) } else { name };
    let mut names: Vec<String> = names.into_iter().map(counted).collect();
    if names.len() > NAMED + 1 {
        let more = names.len() - NAMED;
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    joined(&names)
}

fn joined(names: &[String]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        _ => names.concat(),
    }
}

/// Returns the references that a cut takes out: from where the paths to the objects come, all that lead to one of them.
pub(super) fn references(scene: &Scene<'_>, lineage: &Lineage, case: &Case) -> Vec<EdgeIx> {
    let graph = scene.graph();
    let members: FxHashSet<NodeIx> = case.members.iter().copied().collect();
    match &case.kept {
        Kept::Native(_) => natives::references_of(scene, case),
        Kept::Dominator => members.iter().flat_map(|&node| scene.analysis.retainers(node)).map(|(_, edge)| edge.ix).collect(),
        Kept::Variable(name) => {
            let variables = |node| graph.edges(node).filter(|edge| edge.kind == EdgeKind::CONTEXT);
            case.holders
                .iter()
                .flat_map(|&context| variables(context))
                .filter(|&edge| graph.edge_text(edge) == *name)
                .map(|edge| edge.ix)
                .collect()
        }
        Kept::Holders => {
            let steps: Vec<Step> = case.members.iter().filter_map(|&node| scene.paths.parent(graph, node)).collect();
            // Of references between the objects only those that make a list of them count: `next`, not `owner`.
            let links: FxHashSet<(EdgeKind, EdgeName)> =
                steps.iter().filter(|step| members.contains(&step.from)).map(|step| (step.edge.kind, graph.edge_name(step.edge))).collect();
            let mut sources: FxHashSet<NodeIx> = steps.iter().map(|step| step.from).collect();
            // V8 tells of an array's elements twice: as the array's and as its backing store's.
            let owners: FxHashSet<NodeIx> =
                sources.iter().filter_map(|&from| lineage.visible(from)).filter(|owner| !members.contains(owner)).collect();
            sources.extend(owners.iter().flat_map(|&owner| parts(scene, lineage, owner)));
            let is_cut = |from: NodeIx, edge: Edge| {
                members.contains(&edge.to) && (!members.contains(&from) || links.contains(&(edge.kind, graph.edge_name(edge))))
            };
            let by_path = sources.iter().flat_map(|&from| graph.edges(from).filter(move |&edge| is_cut(from, edge))).map(|edge| edge.ix);
            let references: Vec<EdgeIx> = by_path.chain(native(scene, case)).collect();
            let entries = sources.iter().flat_map(|&table| entries(scene, lineage, table, &references));
            entries.chain(references.iter().copied()).collect()
        }
    }
}

/// Returns the other halves of a Map's entries of which one half is cut: an entry is deleted as a whole.
fn entries(scene: &Scene<'_>, lineage: &Lineage, table: NodeIx, cut: &[EdgeIx]) -> Vec<EdgeIx> {
    let graph = scene.graph();
    let Some(owner) = lineage.visible(table).filter(|&owner| graph.kind(table) == NodeKind::ARRAY && is_map(scene, owner)) else {
        return Vec::new();
    };
    let cut: FxHashSet<EdgeIx> = cut.iter().copied().collect();
    let slot = |edge: Edge| graph.edge_text(edge).parse::<u64>().ok();
    let keys = || graph.edges(table).filter_map(|edge| Some((edge, slot(edge)?, scene.is_key(owner, table, edge)?)));
    // The slot of the entry's key says which entry it is.
    let entry = |(edge, slot, is_key): (Edge, u64, bool)| (edge, if is_key { slot } else { slot - 1 });
    let gone: FxHashSet<u64> = keys().map(entry).filter(|(edge, _)| cut.contains(&edge.ix)).map(|(_, entry)| entry).collect();
    keys().map(entry).filter(|(_, entry)| gone.contains(entry)).map(|(edge, _)| edge.ix).collect()
}

fn is_map(scene: &Scene<'_>, node: NodeIx) -> bool {
    matches!(&*scene.graph().name(node), "Map" | "SafeMap")
}

/// Returns V8's own references to objects that native code keeps: closing a handle gives up all of them.
fn native(scene: &Scene<'_>, case: &Case) -> Vec<EdgeIx> {
    let graph = scene.graph();
    let is_root = |node: NodeIx| graph.kind(node) == NodeKind::SYNTHETIC;
    if !is_root(case.holder) {
        return Vec::new();
    }
    let ways = case.members.iter().flat_map(|&node| scene.analysis.retainers(node));
    ways.filter(|&(from, _)| is_root(from) || graph.kind(from) == NodeKind::NATIVE).map(|(_, edge)| edge.ix).collect()
}

/// Lists what else holds objects that stay: for a sample of them the visible objects, each once for an object.
fn others(scene: &Scene<'_>, lineage: &Lineage, case: &Case, cut: &FxHashSet<EdgeIx>, kept: &[NodeIx]) -> Vec<Vec<NodeIx>> {
    let members: FxHashSet<NodeIx> = case.members.iter().copied().collect();
    let holds = |&node: &NodeIx| {
        let ways = scene.analysis.retainers(node).filter(|&(from, edge)| {
            scene.analysis.is_essential(from, edge) && !cut.contains(&edge.ix) && scene.paths.is_reached(from) && !members.contains(&from)
        });
        // What an object holds itself and that refers back to it keeps nothing alive.
        let is_below = |from: NodeIx| {
            std::iter::successors(Some(from), |&at| Some(scene.analysis.dominator(at)).filter(|&up| up != at)).take(24).any(|at| at == node)
        };
        let mut holders: Vec<NodeIx> =
            ways.take(64).filter(|&(from, _)| !is_below(from)).filter_map(|(from, _)| lineage.visible(from)).collect();
        holders.sort_unstable();
        holders.dedup();
        holders
    };
    let stride = (kept.len() / SAMPLE).max(1);
    kept.iter().step_by(stride).map(holds).collect()
}

/// Returns an object and the tables and arrays that are parts of it.
pub(super) fn parts(scene: &Scene<'_>, lineage: &Lineage, owner: NodeIx) -> Vec<NodeIx> {
    let (mut parts, mut known) = (vec![owner], FxHashSet::from_iter([owner]));
    let mut at = 0;
    while let Some(&part) = parts.get(at) {
        at += 1;
        let below = scene.graph().edges(part).map(|edge| edge.to).filter(|&to| lineage.visible(to) == Some(owner));
        parts.extend(below.filter(|&to| known.insert(to)));
    }
    parts
}

/// Says how many of the objects stay, and what holds them: what most of them have in common where that is held apart from the cut, else
/// what holds the first of them.
fn stay(scene: &Scene<'_>, lineage: &Lineage, case: &Case, shared: &Shared, way: Option<&Way>) -> Option<String> {
    let kept = &shared.freed.kept;
    let first = kept.first()?;
    let cut: FxHashSet<EdgeIx> = shared.references.iter().copied().collect();
    let is_whole = |node: NodeIx| scene.paths.path(scene.graph(), node).1.iter().all(|step| !cut.contains(&step.edge.ix));
    let mut labels: FxHashMap<String, usize> = FxHashMap::default();
    let direct = others(scene, lineage, case, &cut, kept).into_iter().flatten();
    for holder in direct.filter(|holder| !case.members.contains(holder)).take(SAMPLE).filter(|&holder| is_whole(holder)) {
        *labels.entry(scene.label(holder)).or_default() += 1;
    }
    let most = labels.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0))).map(|(label, _)| label);
    let keeper = || way.map(|way| scene.label(lineage.visible(way.keeper).unwrap_or(way.keeper)));
    let by = most.or_else(keeper).unwrap_or_else(|| "something else".to_owned());
    let sizes = kept.iter().map(|&node| scene.analysis.retained_size(node));
    let size = sizes.fold(0_u64, u64::saturating_add);
    let count = (kept.len() as u64, case.members.len() as u64);
    Some(match count {
        _ if !case.members.contains(first) => format!("what hangs on them stays: {by} holds it too"),
        (1, 1) => format!("letting go frees little: {by} holds it too, {} with what hangs on it", bytes(size)),
        (kept, all) => {
            format!("{} of the {} stay, {} with what hangs on them: {by} holds them too", grouped(kept), grouped(all), bytes(size))
        }
    })
}

/// Names another holder as the program does: by its class and the last words on its path; a root by what it holds.
fn name_of(scene: &Scene<'_>, case: &Case, other: &Other, words: usize) -> String {
    let graph = scene.graph();
    let thing = match graph.kind(other.example) {
        // The root of one handle: `Node / MessagePort`.
        NodeKind::SYNTHETIC => graph.name(other.example).trim_start_matches("Node / ").to_owned(),
        _ => scene.label(other.example).trim_matches(['(', ')']).to_owned(),
    };
    let what = || format!("{} {thing}", grouped(other.count));
    if other.holder == case.holder {
        return format!("the same holder's {}", what());
    }
    if graph.kind(other.holder) == NodeKind::SYNTHETIC {
        return format!("native code ({})", what());
    }
    let (_, steps) = scene.paths.path(graph, other.holder);
    let mut name = String::new();
    // A variable is where a path begins for people.
    let is_named = |step: &&Step| step.edge.kind == EdgeKind::PROPERTY || scene.variable_of(**step).is_some();
    for step in steps.iter().rev().filter(is_named).take(words) {
        if let Some(variable) = scene.variable_of(*step) {
            name.insert_str(0, &variable);
            break;
        }
        name.insert_str(0, &crate::story::property_word(&graph.edge_text(step.edge)));
    }
    let label = scene.label(other.holder);
    if name.is_empty() { label } else { format!("{label} {name}") }
}
