//! Chains: objects that nothing collects and that still all stay, since each is kept by a later one of its class.
//!
//! A linked list is one. So is the closure that captures the variable which holds its predecessor: no collection grows, only the class does.
//! What is not known here is which link is the one too many; the story leads to the end from which the chain hangs.

use crate::graph::NodeIx;
use crate::story::Scene;
use crate::suspects::{ClassGrowth, Growth};

use super::Case;

/// The least size of a chain in bytes.
const LEAST_BYTES: u64 = 64 << 10;

/// Finds the longest chain among classes that grew in every step: the largest first. O(nodes) a class.
pub(super) fn longest(last: &Scene<'_>, classes: &[ClassGrowth]) -> Option<Case> {
    classes.iter().filter(|grown| is_of_the_program(&grown.class)).find_map(|grown| chain(last, grown))
}

/// Says whether a class can be what a program chains, and not what V8 keeps along with it.
fn is_of_the_program(class: &str) -> bool {
    !matches!(class, "Object" | "Array" | "Function" | "Promise") && !class.starts_with("system /") && !class.starts_with("Node /")
}

fn chain(last: &Scene<'_>, grown: &ClassGrowth) -> Option<Case> {
    let analysis = last.analysis;
    let members = || analysis.graph().nodes().filter(|&node| analysis.class_name(node) == grown.class && analysis.self_size(node) > 0);
    let first = members().max_by_key(|&node| analysis.retained_size(node))?;
    let count = members().filter(|&node| hangs_from(last, node, first, &grown.class)).count() as u64;
    let retained = analysis.retained_size(first);
    let all = grown.growth.counts.last().copied().unwrap_or(0);
    // Most of the class must hang from one of its own.
    if retained < LEAST_BYTES || count * 2 < all {
        return None;
    }
    let holder = last.paths.parent_node(first)?;
    let steps: Vec<String> = grown.growth.counts.windows(2).map(|pair| super::grouped(pair[1].saturating_sub(pair[0]))).collect();
    Some(Case {
        holder,
        example: first,
        count,
        bytes: retained,
        growth: Some(Growth { ..grown.growth.clone() }),
        why: vec![
            format!("grew by {} in {} steps", steps.join(", "), steps.len()),
            "no collection holds them: each is kept by a later one, in a chain".to_owned(),
        ],
        confidence: 0.7,
    })
}

/// Says whether the nearest node of the class above a node, within a few dominators, is there at all: whether the node is a link.
fn hangs_from(last: &Scene<'_>, node: NodeIx, first: NodeIx, class: &str) -> bool {
    const LINK: usize = 12;
    let analysis = last.analysis;
    let mut at = node;
    for _ in 0..LINK {
        if at == first {
            return true;
        }
        let above = analysis.dominator(at);
        if above == at {
            return false;
        }
        if above != node && analysis.class_name(above) == class {
            return true;
        }
        at = above;
    }
    false
}
