//! Single objects that are large by themselves: an array of numbers, a string with its pieces, a Buffer with its bytes.
//!
//! Reason: `this.text += line` and `samples.push(ms)` leak without a single object more, so that counting sees nothing. Limit: one
//! snapshot cannot tell what grew from a table that was made once; several can. Containers of objects are none of this: their content is
//! counted.

use super::buffers::is_buffer;
use super::case::{Case, Described, Exhibit, Kept, bytes, is_payload};
use super::collections::remedy;
use super::{Finding, held_by};
use crate::analysis::HeapAnalysis;
use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};
use crate::story::Scene;

/// The rule's name.
pub(crate) const RULE: &str = "large-object";
/// The part of the heap that one object must be to be told of from one snapshot, and its least size in bytes.
const SHARE: f64 = 0.25;
const LEAST_BYTES: u64 = 1 << 20;
/// The highest confidence that one snapshot allows: big is not leaking.
pub(super) const MOST: f64 = 0.5;
/// With a reference for fewer bytes than this an object is a container, which leaks by what it holds.
const EACH: u64 = 256;

/// Returns how large an object is by itself, in bytes: as DevTools counts it, with its store; a string with all pieces that only it
/// keeps, a Buffer with its bytes.
pub(crate) fn own_size(analysis: &HeapAnalysis, node: NodeIx) -> u64 {
    let graph = analysis.graph();
    let keeps = graph.kind(node).is_string() || graph.kind(node) == NodeKind::OBJECT && is_buffer(&graph.name(node));
    if keeps { analysis.retained_size(node) } else { analysis.self_size(node) }
}

/// Finds the objects that are at least `least` bytes by themselves and that the program holds, largest first. O(nodes).
pub(crate) fn candidates(scene: &Scene<'_>, least: u64) -> Vec<NodeIx> {
    let analysis = scene.analysis;
    // Names are looked at for the few that may be large only.
    let may_be = |&node: &NodeIx| analysis.retained_size(node) >= least && is_payload(scene, node);
    let is_large = |&node: &NodeIx| own_size(analysis, node) >= least && is_told(scene, node) && !is_container(scene, node);
    let mut found: Vec<NodeIx> = scene.paths.order().filter(may_be).filter(is_large).collect();
    found.sort_by_key(|&node| (std::cmp::Reverse(own_size(analysis, node)), node));
    found
}

/// Says whether the program holds an object itself: no source text of a script, no piece of a string, no bytes of a Buffer.
fn is_told(scene: &Scene<'_>, node: NodeIx) -> bool {
    let graph = scene.graph();
    let is_data = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT || graph.kind(node).is_string();
    if !is_data(node) || scene.is_global(node) {
        return false;
    }
    let above = std::iter::successors(scene.paths.parent_node(node), |&at| scene.paths.parent_node(at));
    let owner = above.take_while(|&at| graph.kind(at) != NodeKind::CODE).find(|&at| scene.is_visible(at) || scene.has_variables(at));
    let is_whole =
        |&owner: &NodeIx| !(graph.kind(owner).is_string() || graph.kind(owner) == NodeKind::OBJECT && is_buffer(&graph.name(owner)));
    owner.filter(is_whole).is_some()
}

/// Says whether an object is large because it refers to many others.
fn is_container(scene: &Scene<'_>, node: NodeIx) -> bool {
    let graph = scene.graph();
    if graph.kind(node).is_string() || is_buffer(&graph.name(node)) {
        return false;
    }
    let stores = graph.edges(node).filter(|edge| edge.kind == EdgeKind::INTERNAL && graph.kind(edge.to) == NodeKind::ARRAY);
    let owners = stores.map(|edge| edge.to).chain([node]);
    let references = owners.flat_map(|owner| graph.edges(owner)).filter(|edge| is_payload(scene, edge.to));
    references.count() as u64 * EACH > own_size(scene.analysis, node)
}

/// Makes cases of what is a large part of the heap by itself, for one snapshot. O(nodes).
pub(super) fn cases(scene: &Scene<'_>) -> Vec<Case> {
    let least = LEAST_BYTES.max((scene.analysis.total_size() as f64 * SHARE) as u64);
    candidates(scene, least).into_iter().map(|node| Case { confidence: 0.4, ..case(scene, node) }).collect()
}

/// Makes a case of one object, which is its own holder: the hop to it is the one to cut.
pub(crate) fn case(scene: &Scene<'_>, node: NodeIx) -> Case {
    Case { members: vec![node], ..Case::new(node, node, 1, own_size(scene.analysis, node)) }
}

/// Says whether a case is about one object, which is its own holder.
pub(crate) fn is_single(case: &Case) -> bool {
    case.count == 1 && case.holder == case.example && case.kept == Kept::Holders
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let case = exhibit.case;
    if !is_single(case) {
        return None;
    }
    let (graph, class) = (exhibit.scene.graph(), exhibit.class.clone());
    let part = own_size(exhibit.scene.analysis, case.example) as f64 * 100.0 / exhibit.scene.analysis.total_size().max(1) as f64;
    let why = format!("this one {class} is {part:.0}% of the heap by itself: no number of objects shows that");
    let is_string = graph.kind(case.example).is_string();
    let advice = match &*class {
        _ if is_string => "Write it out or drop it in pieces: a text that is only ever added to never ends.",
        name if is_buffer(name) => "Hand the bytes on in pieces (streams), or set a limit: joining keeps all that came.",
        _ => "Keep a window or a sum (a histogram, a ring of fixed length) in place of every value.",
    };
    let limits = match case.growth {
        None => "one snapshot cannot tell what grows from a table that was made once",
        Some(_) if is_string || is_buffer(&class) => "whether it is let go of some day is not in a snapshot",
        Some(_) => "a store is made larger by half or doubled when it is full: how much of it is used is not in a snapshot",
    };
    Some(Described {
        rule: RULE,
        what: format!("Large {class}"),
        class,
        why: vec![why],
        remedy: format!("{} is bounded", remedy(exhibit)),
        advice: advice.to_owned(),
        limits,
        weight: 1.0,
        place: None,
    })
}

/// Gives a finding its first line: what the object is called, and how it changed.
pub(crate) fn entitle(finding: &mut Finding) {
    if finding.rule != RULE {
        return;
    }
    let (name, class, size) = (held_by(finding), &finding.class, bytes(finding.held));
    finding.title = match &finding.growth {
        Some(growth) => format!("{name} grew by {} · one {class} · {size}", steps(&growth.bytes)),
        None => format!("{name} is one large {class} · {size}"),
    };
}

/// Says by how much sizes rose: `18 MB and 26 MB`.
pub(crate) fn steps(sizes: &[u64]) -> String {
    let steps: Vec<String> = sizes.windows(2).map(|pair| bytes(pair[1].saturating_sub(pair[0]))).collect();
    match steps.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => steps.concat(),
    }
}
