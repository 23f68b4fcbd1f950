//! Accumulation points, by the rule of Eclipse MAT: an object that dominates much of the heap, below which no single child does.
//!
//! Reason: if one object alone holds a tenth of the heap in many small parts, somebody should know why. Limit: big is not leaking.

use rustc_hash::FxHashMap;

use super::case::{Case, Described, Exhibit, Kept, is_payload};
use crate::classes::ClassIx;
use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};
use crate::story::{Lineage, Scene};

/// The part of the heap that an object must hold to be a suspect by itself.
const SHARE: f64 = 0.10;
/// A child that holds more than this part of what its parent holds is looked at instead.
const DROP: f64 = 0.7;
/// Fewer parts than this are no accumulation.
const LEAST_COUNT: u64 = 8;

/// The rule of what is known of no pattern.
pub(crate) const RULE: &str = "accumulation";

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Described {
    let holder = exhibit.scene.label(exhibit.case.holder);
    let graph = exhibit.scene.graph();
    // Objects that objects of their class hold, not all by one name: lists, or a tree.
    let is_like = |node: NodeIx| graph.kind(node) == NodeKind::OBJECT && graph.name_ix(node) == graph.name_ix(exhibit.case.example);
    let is_list = exhibit.case.members.iter().skip(1).any(|&node| exhibit.scene.paths.parent_node(node).is_some_and(is_like));
    let (what, limits) = if is_list {
        (format!("{holder} with a long list or tree"), "one snapshot cannot tell a long queue from one that only grows")
    } else {
        (format!("{holder} accumulates"), "big is not leaking")
    };
    Described {
        rule: RULE,
        what,
        class: exhibit.class.clone(),
        why: vec![],
        remedy: "it lets them go".to_owned(),
        advice: "Find out who adds to it and when an entry should leave.".to_owned(),
        limits,
        weight: 0.8,
        place: None,
    }
}

/// Says whether a case is of objects of which nearly each is in a variable of its own, all in one scope: as many as the source has variables, and never
/// more. Some may be reached sooner by other ways, such as what a module exports.
pub(super) fn is_of_variables(scene: &Scene<'_>, case: &Case) -> bool {
    let scope = |&node: &NodeIx| {
        let step = scene.paths.parent(scene.graph(), node)?;
        (step.edge.kind == EdgeKind::CONTEXT).then_some(step.from)
    };
    let mut scopes: FxHashMap<NodeIx, usize> = FxHashMap::default();
    case.members.iter().filter_map(scope).for_each(|scope| *scopes.entry(scope).or_insert(0) += 1);
    let most = scopes.values().max().copied().unwrap_or(0);
    most > 0 && most * 10 >= case.members.len() * 9
}

/// Finds accumulation points. O(nodes).
pub(super) fn candidates(scene: &Scene<'_>, lineage: &Lineage, least: u64) -> Vec<Case> {
    let analysis = scene.analysis;
    let total = analysis.total_size();
    let least = least.max((total as f64 * SHARE) as u64);
    let graph = scene.graph();
    let mut cases = Vec::new();
    let big: Vec<NodeIx> = graph.nodes().filter(|&node| node != graph.root() && analysis.retained_size(node) >= least).collect();
    // Nodes that hold a tenth are few (each dominates the next, or they are apart), but a long list's links all may: look at the last.
    for &node in big.iter().take(100_000) {
        if graph.kind(node) == NodeKind::SYNTHETIC || !scene.is_visible(node) {
            continue;
        }
        let retained = analysis.retained_size(node);
        let is_root = scene.paths.roots.at(node).is_some() || scene.is_global(node);
        if is_root || lineage.is_link(node) || !scene.paths.is_reached(node) {
            continue;
        }
        let children = analysis.dominated(node);
        let largest = children.iter().map(|&child| analysis.retained_size(child)).max().unwrap_or(0);
        if largest as f64 >= retained as f64 * DROP {
            continue;
        }
        let Some((members, bytes)) =
            largest_class(scene, &children).filter(|(members, bytes)| members.len() as u64 >= LEAST_COUNT && *bytes >= least)
        else {
            continue;
        };
        let (part, each) = (percent(retained, total), percent(largest, retained).ceil());
        cases.push(Case {
            kept: Kept::Dominator,
            why: vec![format!("it alone holds {part:.0}% of the heap, no single part of it more than {each:.0}% of that")],
            confidence: 0.4,
            ..Case::new(node, members[0], members.len() as u64, bytes)
        });
        if let Some(case) = cases.last_mut() {
            case.members = members;
        }
    }
    cases
}

/// Returns the nodes of the class that is the largest together, and their size; never none.
fn largest_class(scene: &Scene<'_>, nodes: &[NodeIx]) -> Option<(Vec<NodeIx>, u64)> {
    let mut sums: FxHashMap<ClassIx, (Vec<NodeIx>, u64)> = FxHashMap::default();
    for &node in nodes.iter().filter(|&&node| is_payload(scene, node) && scene.paths.is_reached(node)) {
        let sum = sums.entry(scene.analysis.class(node)).or_default();
        sum.0.push(node);
        sum.1 += scene.analysis.retained_size(node);
    }
    sums.into_values().max_by_key(|(nodes, bytes)| (*bytes, std::cmp::Reverse(nodes[0])))
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
