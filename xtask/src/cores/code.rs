//! Machine code of a core against that of the process's own snapshot: its names, how many of each, and how many bytes they take.

use std::collections::{BTreeMap, BTreeSet};

use heap::{HeapGraph, NodeKind};
use v8mem::V8Version;

use super::dump::How;

/// Of a hundred names of functions' code so many must have the same number and the same bytes: the program goes on after its snapshot, so some functions are
/// compiled since, and a collection gives up the code of others.
const LEAST: usize = 85;

/// Before, V8 does not compile by Sparkplug, unless it is told to.
const COMPILES: V8Version = V8Version::new(9, 4);

/// Counts and bytes by name.
type Named = BTreeMap<String, (u64, u64)>;

/// Sums up machine code and what describes it by name, builtins apart.
fn sums(graph: &HeapGraph) -> (Named, Named) {
    let (mut builtins, mut functions) = (Named::new(), Named::new());
    for node in graph.nodes().filter(|&node| graph.kind(node) == NodeKind::CODE) {
        let name = graph.name(node).into_owned();
        let is_function = ["(code for ", "(instruction stream for ", "(BASELINE "].iter().any(|beginning| name.starts_with(beginning));
        let is_builtin = [" builtin)", " builtin handle)", " builtin code)"].iter().any(|end| name.ends_with(end));
        let sums = match () {
            () if is_builtin => &mut builtins,
            () if is_function => &mut functions,
            () => continue,
        };
        let sum = sums.entry(name).or_insert((0, 0));
        *sum = (sum.0 + 1, sum.1 + graph.raw_self_size(node));
    }
    (builtins, functions)
}

/// Lists what is not as in the snapshot: builtins must be the very same.
pub(super) fn differences(core: &HeapGraph, snapshot: &HeapGraph, how: How, version: V8Version) -> Vec<String> {
    let ((builtins, functions), (true_builtins, true_functions)) = (sums(core), sums(snapshot));
    let told = |name: &String, own: &Named, truth: &Named| {
        format!("{name}: (count, bytes) {:?} in the core, {:?} in the snapshot", own.get(name), truth.get(name))
    };
    let names: BTreeSet<&String> = builtins.keys().chain(true_builtins.keys()).collect();
    let differing = names.into_iter().filter(|name| builtins.get(*name) != true_builtins.get(*name));
    let mut found: Vec<String> = differing.map(|name| told(name, &builtins, &true_builtins)).take(12).collect();
    if true_builtins.len() < 1000 {
        found.push(format!("only {} builtins in the snapshot", true_builtins.len()));
    }
    let differing: Vec<&String> = true_functions.keys().filter(|name| functions.get(*name) != true_functions.get(*name)).collect();
    // Many collections give up the code of what did not run for long.
    let comparable = !how.is_busy();
    let fewest = if version < COMPILES { 0 } else { 50 };
    if comparable && (true_functions.len() < fewest || (true_functions.len() - differing.len()) * 100 < true_functions.len() * LEAST) {
        let some: Vec<String> = differing.iter().take(12).map(|name| told(name, &functions, &true_functions)).collect();
        found.push(format!("{} of {} names of functions' code differ: {}", differing.len(), true_functions.len(), some.join("; ")));
    }
    found
}
