//! Why the known program's objects are alive: the retaining path of each, hop by hop, must be the one that the process's own snapshot has.
//!
//! What the program keeps is a variable of its module and a property of the global object: both ways are equally good, and the order of nodes
//! decides. Paths are compared from there on.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use heap::paths::{PathTree, Step};
use heap::source::NoFiles;
use heap::story::Setting;
use heap::{EdgeKind, HeapAnalysis, HeapGraph, NodeIx};

use super::values::{lines, members, only};

/// Strings that others hold too, each as well as the other.
const SHARED: [&str; 3] = ["strings.empty", "strings.single", "strings.num"];

/// What the program keeps besides the values that it tells of.
const OTHERS: [&str; 14] = [
    "closures.7",
    "closures.119",
    "arrows.3",
    "bound.2",
    "gen",
    "asyncp.4",
    "thens.2",
    "ee",
    "timers.1",
    "conns.0",
    "server",
    "vmctx",
    "proxy",
    "wm",
];

/// Compares the paths of everything that the program told of, and of what hangs on it.
pub(super) fn check(core: &HeapAnalysis, snapshot: &HeapAnalysis, folder: &Path) -> Result<()> {
    let (in_core, in_snapshot) = (Routes::new(core)?, Routes::new(snapshot)?);
    let mut count = 0;
    let mut compare = |name: &str, one: NodeIx, other: NodeIx| {
        let (found, expect) = (in_core.of(one), in_snapshot.of(other));
        ensure!(found == expect, "the way to {name}:\n{}\nand in the snapshot:\n{}", found.join("\n"), expect.join("\n"));
        count += 1;
        Ok(())
    };
    for (path, lines) in lines(folder)?.into_iter().filter(|(path, _)| !SHARED.contains(&path.as_str())) {
        let (found, expect) = (members(core, &path, &lines)?, members(snapshot, &path, &lines)?);
        for ((name, one, _), (_, other, _)) in found.into_iter().zip(expect) {
            compare(&name, one, other)?;
        }
    }
    for path in OTHERS {
        let path = format!("__KEEP.{path}");
        compare(&path, only(core, &path)?, only(snapshot, &path)?)?;
    }
    ensure!(count > 6000, "only {count} ways were compared");
    Ok(())
}

/// The best way to every node of a graph.
struct Routes<'a> {
    graph: &'a HeapGraph,
    tree: PathTree,
    /// What the program keeps everything in.
    kept: NodeIx,
}

impl<'a> Routes<'a> {
    fn new(analysis: &'a HeapAnalysis) -> Result<Self> {
        let setting = Setting::new(analysis, &NoFiles);
        let tree = PathTree::of(analysis, &setting.names, &setting.scripts);
        let graph = analysis.graph();
        let kept = graph.nodes().find_map(|node| graph.child(node, EdgeKind::PROPERTY, "__KEEP")).context("no __KEEP")?;
        Ok(Self { graph, tree, kept })
    }

    /// Returns where the way to a node starts, and each hop: the edge and what it leads to.
    fn of(&self, node: NodeIx) -> Vec<String> {
        let (start, steps) = self.tree.path(self.graph, node);
        let is = |node: NodeIx| {
            let kind = self.graph.kind(node);
            // The text of a string is no part of the way, and snapshots lose characters of two units.
            let name = if kind.is_string() { String::new() } else { self.graph.name(node).into_owned() };
            format!("{} {name}", self.graph.node_kind_name(kind))
        };
        let hop = |step: Step| {
            let edge = self.graph.edge_text(step.edge);
            // The names of entries of WeakMaps hold ids.
            let edge = edge.split(" @").next().unwrap_or_default();
            format!("{} {edge} -> {}", self.graph.edge_kind_name(step.edge), is(step.edge.to))
        };
        let from = steps.iter().position(|step| step.edge.to == self.kept).map_or(0, |at| at + 1);
        let start = if from > 0 { "what the program keeps".to_owned() } else { is(start) };
        std::iter::once(start).chain(steps.into_iter().skip(from).map(hop)).collect()
    }
}
