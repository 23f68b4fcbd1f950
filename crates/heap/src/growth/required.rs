//! Modules that were required in every step and stay in the module cache: each is a root, so that no holder grows.

use crate::graph::NodeIx;
use crate::story::Scene;
use crate::suspects::case::Case;
use crate::suspects::{Finding, Growth, Matched, modules};

use super::chain::grew_by;
use super::ids::IdSet;

/// So many files must come with every step: a program that warms up requires some as they are first needed.
const LEAST_STEP: u64 = 16;
/// The part of the largest step that every other must reach.
const STEADY: f64 = 0.5;

/// Finds modules that required ever more. O(modules).
pub(super) fn cases(last: &Scene<'_>, ids: &[IdSet]) -> Vec<Case> {
    modules::required(last).into_iter().filter_map(|case| grown(last, ids, case)).collect()
}

/// Leaves out what Node 16 keeps for each function that it compiled as a module, where it is no more than the modules told of.
pub(super) fn stand_for_entries(findings: &mut Vec<Finding>) {
    let modules: u64 = findings.iter().filter(|finding| finding.rule == modules::RULE).map(|finding| finding.count).sum();
    findings.retain(|finding| finding.class != "CompiledFnEntry" || finding.count > modules + modules / 8);
}

fn grown(last: &Scene<'_>, ids: &[IdSet], mut case: Case) -> Option<Case> {
    let there = |ids: &IdSet| -> Vec<NodeIx> { case.members.iter().copied().filter(|&node| ids.has(last.graph(), node)).collect() };
    let each: Vec<Vec<NodeIx>> = ids.iter().map(there).collect();
    let size = |nodes: &Vec<NodeIx>| nodes.iter().map(|&node| last.analysis.retained_size(node)).fold(0, u64::saturating_add);
    let counts: Vec<u64> = each.iter().map(|nodes| nodes.len() as u64).collect();
    let steps: Vec<u64> = counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let largest = steps.iter().max().copied().unwrap_or(0);
    let is_steady = steps.iter().all(|&step| step >= LEAST_STEP && step as f64 >= largest as f64 * STEADY);
    case.why.push(grew_by(&steps));
    case.growth = Some(Growth { counts, bytes: each.iter().map(size).collect(), matched: Matched::ById });
    // Two snapshots may be of a program that is still warming up.
    case.confidence = if steps.len() > 1 { 0.75 } else { 0.4 };
    is_steady.then_some(case)
}
