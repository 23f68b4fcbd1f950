//! Accumulation points, by the rule of Eclipse MAT: an object that dominates much of the heap, below which no single child does.
//!
//! Reason: if one object alone holds a tenth of the heap in many small parts, somebody should know why. Limit: big is not leaking.

use super::case::{Case, Described, Exhibit};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::story::Scene;

/// The part of the heap that an object must hold to be a suspect by itself.
const SHARE: f64 = 0.10;
/// A child that holds more than this part of what its parent holds is looked at instead.
const DROP: f64 = 0.7;

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Described {
    let holder = exhibit.scene.label(exhibit.case.holder);
    Described {
        rule: "accumulation",
        what: format!("{holder} accumulates"),
        class: exhibit.class.clone(),
        why: vec![],
        remedy: "it lets them go".to_owned(),
        advice: "Find out who adds to it and when an entry should leave.".to_owned(),
        limits: "big is not leaking",
        weight: 0.8,
        place: None,
    }
}

/// Finds accumulation points. O(nodes).
pub(super) fn candidates(scene: &Scene<'_>, least: u64) -> Vec<Case> {
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
        let children = analysis.dominated(node);
        let Some(&largest) = children.iter().max_by_key(|&&child| analysis.retained_size(child)) else { continue };
        if analysis.retained_size(largest) as f64 >= retained as f64 * DROP || children.len() < 8 {
            continue;
        }
        cases.push(Case {
            holder: node,
            example: largest,
            count: children.len() as u64,
            bytes: retained,
            growth: None,
            why: vec![format!("it alone holds {:.0}% of the heap, no part of it more than {:.0}% of that", percent(retained, total), percent(analysis.retained_size(largest), retained))],
            confidence: 0.5,
        });
    }
    cases
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
