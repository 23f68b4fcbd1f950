//! Chains: objects that nothing collects and that still all stay, since each is kept by a later one of its class.
//!
//! A linked list is one. So is the closure that captures the variable which holds its predecessor: no collection grows, only the class does.
//! What is not known here is which link is the one too many; the story leads to the end from which the chain hangs.

use crate::graph::NodeIx;
use crate::story::Scene;
use crate::suspects::case::{Case, Kept, grouped};
use crate::suspects::{ClassGrowth, Growth, Matched, chains};

use super::ids::IdSet;

/// The least size of a chain in bytes.
const LEAST_BYTES: u64 = 64 << 10;

/// Finds chains of closures that got longer in every step. O(contexts).
pub(super) fn of_closures(last: &Scene<'_>, ids: &[IdSet]) -> Vec<Case> {
    let mut cases = chains::candidates(last, LEAST_BYTES);
    cases.retain_mut(|case| {
        let growth = links(last, ids, &case.members);
        let steps: Vec<u64> = growth.counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        case.why.push(grew_by(&steps));
        case.growth = Some(growth);
        steps.iter().all(|&step| step > 0)
    });
    cases
}

/// Says how many links of a chain each snapshot had, and how much they keep without those behind them.
fn links(last: &Scene<'_>, ids: &[IdSet], members: &[NodeIx]) -> Growth {
    let retained = |node: Option<&NodeIx>| node.map_or(0, |&node| last.analysis.retained_size(node));
    let own = |at: usize| retained(members.get(at)).saturating_sub(retained(members.get(at + 1)));
    let mut growth = Growth { counts: vec![0; ids.len()], bytes: vec![0; ids.len()], matched: Matched::ById };
    for (at, &node) in members.iter().enumerate() {
        for (nth, ids) in ids.iter().enumerate() {
            let is_there = ids.has(last.graph(), node);
            growth.counts[nth] += u64::from(is_there);
            growth.bytes[nth] += if is_there { own(at) } else { 0 };
        }
    }
    growth
}

pub(super) fn grew_by(steps: &[u64]) -> String {
    let shown: Vec<String> = steps.iter().map(|&step| grouped(step)).collect();
    format!("grew by {} in {} step{}", shown.join(", "), steps.len(), if steps.len() == 1 { "" } else { "s" })
}

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
    let steps: Vec<u64> = grown.growth.counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    Some(Case {
        kept: Kept::Dominator,
        members: members().filter(|&node| node == first || hangs_from(last, node, first, &grown.class)).collect(),
        growth: Some(Growth { ..grown.growth.clone() }),
        why: vec![grew_by(&steps), "no collection holds them: each is kept by a later one, in a chain".to_owned()],
        confidence: 0.7,
        ..Case::new(holder, first, count, retained)
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
