//! Classes of a core against those of the process's own snapshot: how many objects, and how many bytes they take.

use std::collections::{BTreeMap, BTreeSet};

use heap::{HeapGraph, NodeIx, NodeKind};

/// Names that may differ, how far, and why. All other names must have the same count and the same bytes.
const EXPECTED: [(&str, u64, &str); 8] = [
    ("Object", 60, "the program makes objects after its snapshot, and Node.js does while it writes the file"),
    ("Array", 40, "as above"),
    ("(closure)", 40, "as above"),
    ("ArrayBuffer", 2, "the buffer through which the snapshot is written"),
    ("Uint8Array", 2, "as above"),
    ("Buffer", 2, "as above, on Node.js 16"),
    ("Timeout", 2, "the timer in whose callback the snapshot is written"),
    ("TimersList", 2, "as above"),
];

/// Counts objects by class.
pub(super) fn classes(graph: &HeapGraph) -> BTreeMap<String, u64> {
    sums(graph, |_| 1)
}

/// Adds up the objects' own sizes in bytes by class.
pub(super) fn self_sizes(graph: &HeapGraph) -> BTreeMap<String, u64> {
    sums(graph, |node| graph.raw_self_size(node))
}

fn sums(graph: &HeapGraph, of: impl Fn(NodeIx) -> u64) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (node, class) in graph.nodes().filter_map(|node| Some((node, class(graph, node)?))) {
        *sums.entry(class).or_insert(0) += of(node);
    }
    sums
}

/// Returns what an object is counted under: functions and regular expressions together, for their names are their own.
fn class(graph: &HeapGraph, node: NodeIx) -> Option<String> {
    let name = match graph.kind(node) {
        NodeKind::CLOSURE => return Some("(closure)".to_owned()),
        NodeKind::REGEXP => return Some("(regexp)".to_owned()),
        NodeKind::OBJECT => graph.name(node),
        _ => return None,
    };
    // What stands behind a slash is V8's or Node's word for a global object.
    let name = name.split(" / ").next().unwrap_or_default();
    (!name.is_empty() && name != "system").then(|| name.to_owned())
}

/// Returns by how many objects a name may differ.
fn allowed(name: &str) -> u64 {
    EXPECTED.iter().find(|(expected, ..)| *expected == name).map_or(0, |&(_, allowed, _)| allowed)
}

/// Lists the names of which the core counts another number than the snapshot, beyond what is expected.
pub(super) fn differences(counts: &BTreeMap<String, u64>, truth: &BTreeMap<String, u64>) -> Vec<String> {
    let names: BTreeSet<&String> = truth.keys().chain(counts.keys()).collect();
    let difference = |name: &String| {
        let (core, snapshot) = (counts.get(name).copied().unwrap_or(0), truth.get(name).copied().unwrap_or(0));
        (core.abs_diff(snapshot) > allowed(name)).then(|| format!("{name}: {core} in the core, {snapshot} in the snapshot"))
    };
    names.into_iter().filter_map(difference).collect()
}

/// Lists the names whose objects are as many as in the snapshot, but take other bytes. Of the names that may differ, as many may have come as went.
pub(super) fn other_sizes(core: &HeapGraph, snapshot: &HeapGraph) -> Vec<String> {
    /// An object of those that come and go.
    const LARGEST: u64 = 64;
    let (counts, truth) = (classes(core), classes(snapshot));
    let (found, expect) = (self_sizes(core), self_sizes(snapshot));
    let same = counts.iter().filter(|(name, count)| truth.get(*name) == Some(count)).map(|(name, _)| name);
    let bytes = |sizes: &BTreeMap<String, u64>, name: &String| sizes.get(name).copied().unwrap_or(0);
    let differing = same.filter(|name| bytes(&found, name).abs_diff(bytes(&expect, name)) > allowed(name) * LARGEST);
    differing.map(|name| format!("{name}: {:?} bytes in the core, {:?} in the snapshot", found.get(name), expect.get(name))).collect()
}
