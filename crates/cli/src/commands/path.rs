//! `heapwhy path`: retaining paths hop by hop, from the root to the object, each hop with its id.
//!
//! In the words of `why`, but with every hop and index; `--raw` shows V8's own objects and edges, nothing folded.

use std::sync::Arc;

use clap::Args;
use heap::paths::{PathLimits, PathShape, all_paths, shapes_of};
use heap::preview::{Limits, edge_label, head};
use heap::source::Place;
use heap::story::{Hop, Scene, hops};
use heap::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};
use heap::{HeapAnalysis, NodeId, NodeIx};

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::progress::unless_stopped;
use crate::render::number;
use crate::session::Session;
use crate::typed::{shell_path, shell_word};
use crate::what;

/// Options of `path`.
#[derive(Args, Clone, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy path app.heapsnapshot @1234\n  heapwhy path app.heapsnapshot Session --all",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct PathArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
    /// Show every distinct shape of path, with how many there are of each
    #[arg(long)]
    all: bool,
    /// Show V8's own objects and edges: (array) and (internal 68) where a Map and [value] are meant
    #[arg(long)]
    raw: bool,
    /// Print the ids of the objects on the paths only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// Shows paths.
pub(crate) fn run(args: &PathArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, &args.what.sources, session)?;
    let limit = if args.all { session.limit_or(false, 10) } else { 1 };
    session.progress.work("searching for paths", 0, 0);
    let (analysis, wanted, asked) = (Arc::clone(&file.analysis), nodes.clone(), args.clone());
    let searched = unless_stopped(move || paths(&analysis, &wanted, &asked, limit));
    let Some(Found { roots, ids, left_out }) = searched else {
        return Ok(super::why::stopped(file.answer(session), &file.analysis, &nodes));
    };
    if args.quiet {
        return Ok(file.answer(session).section(Section::Ids(ids)));
    }
    let columns = vec![
        TableColumn { name: "count", title: "paths", kind: ColumnKind::Count },
        TableColumn { name: "retained_size", title: "retained", kind: ColumnKind::Bytes },
        TableColumn { name: "location", title: "location", kind: ColumnKind::Location },
        // V8's edges, the nearest to the root first.
        TableColumn { name: "raw_edges", title: "", kind: ColumnKind::Text },
    ];
    let answer = file.answer(session).headed().tree(Tree { name: "paths", columns, roots });
    let file_name = shell_path(&args.file.file);
    let word = shell_word(&args.what.what);
    Ok(if left_out > 0 && !args.all { answer.next(format!("heapwhy path {file_name} {word} --all")) } else { answer }
        .next(format!("heapwhy why {file_name} {word}")))
}

/// The paths to the objects that were asked for.
struct Found {
    /// Drawn.
    roots: Vec<TreeNode>,
    /// The objects on them, in order.
    ids: Vec<NodeId>,
    /// How many a limit left out.
    left_out: usize,
}

fn paths(analysis: &HeapAnalysis, nodes: &[NodeIx], args: &PathArgs, limit: usize) -> Found {
    let files = args.what.sources.files();
    let scene = Scene::new(analysis, &*files);
    let mut shapes = match nodes {
        &[node] if args.all => all_paths(analysis, &scene.paths, node, PathLimits::default()),
        nodes => shapes_of(analysis.graph(), &scene.paths, nodes, PathLimits { nodes: usize::MAX, ..PathLimits::default() }),
    };
    let left_out = shapes.len().saturating_sub(limit);
    shapes.truncate(limit);
    let told_ids = |shape: &PathShape| -> Vec<NodeId> {
        let steps = shape.steps(scene.graph(), &scene.paths);
        hops(&scene, shape.root, &steps).into_iter().filter_map(|hop| hop.node).collect()
    };
    let ids = if args.quiet { shapes.iter().flat_map(told_ids).collect() } else { Vec::new() };
    let roots = shapes.iter().map(|shape| drawn(shape.count, if args.raw { raw(&scene, shape) } else { told(&scene, shape) }));
    Found { roots: roots.collect(), ids, left_out }
}

/// One hop of a path, ready to be drawn.
struct Drawn {
    edge: String,
    label: String,
    cells: Vec<Cell>,
}

/// So many hops of a path are drawn at its start, and as many at its end: a linked list is one path of a hundred thousand, which nobody
/// reads and no reader of JSON takes in at that depth.
const DRAWN: usize = 100;

/// Leaves out the middle of a long path, and says how much that is.
fn folded(mut hops: Vec<Drawn>) -> Vec<Drawn> {
    let left_out = hops.len().saturating_sub(2 * DRAWN);
    if left_out > 1 {
        let label = format!("… {} more, all with -q", number::count(left_out as u64));
        let fold = Drawn { edge: String::new(), label, cells: vec![Cell::None; 3] };
        hops.splice(DRAWN..DRAWN + left_out, [fold]);
    }
    hops
}

/// Draws a path as a tree of one branch, built from its end so that no depth matters.
fn drawn(count: u64, hops: Vec<Drawn>) -> TreeNode {
    let hops = folded(hops);
    let mut below = Vec::new();
    for Drawn { edge, label, mut cells } in hops.into_iter().rev() {
        cells.insert(0, Cell::None);
        below = vec![TreeNode { edge, label, cells, children: below, more: 0 }];
    }
    let mut root = below.pop().unwrap_or_default();
    if let Some(first) = root.cells.first_mut() {
        *first = count.into();
    }
    root
}

/// Returns the hops that people know.
fn told(scene: &Scene<'_>, shape: &PathShape) -> Vec<Drawn> {
    let hops = hops(scene, shape.root, &shape.steps(scene.graph(), &scene.paths));
    let one = |hop: Hop| {
        let label = match hop.at {
            Some(at) if hop.edge.is_some() => scene.head(at),
            _ => hop.label,
        };
        let id = hop.node.map_or_else(String::new, |id| format!(" {id}"));
        let (edge, steps) = hop.edge.map_or_else(Default::default, |edge| (edge.text, edge.steps));
        let raw: Vec<String> = steps.iter().map(|step| edge_label(scene.graph(), step.edge)).collect();
        let raw = (!raw.is_empty()).then(|| raw.join(" "));
        Drawn { edge, label: format!("{label}{id}"), cells: vec![hop.retained.into(), place(hop.place.as_ref()), raw.into()] }
    };
    hops.into_iter().map(one).collect()
}

/// Returns V8's nodes and edges.
fn raw(scene: &Scene<'_>, shape: &PathShape) -> Vec<Drawn> {
    let (analysis, graph) = (scene.analysis, scene.graph());
    let one = |node: NodeIx, edge: String| {
        let label = format!("{} {}", head(scene, node, Limits { text: 60, ..Limits::default() }), graph.id(node));
        let raw = (!edge.is_empty()).then(|| edge.clone());
        Drawn { edge, label, cells: vec![analysis.retained_size(node).into(), place(scene.place(node).as_ref()), raw.into()] }
    };
    let steps = shape.steps(graph, &scene.paths);
    let steps = steps.iter().map(|step| one(step.edge.to, edge_label(graph, step.edge)));
    std::iter::once(one(shape.root, String::new())).chain(steps).collect()
}

fn place(place: Option<&Place>) -> Cell {
    place.map_or(Cell::None, |place| Cell::Text(place.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_lose_their_middle() {
        let hops = |count: usize| (0..count).map(|at| Drawn { edge: String::new(), label: at.to_string(), cells: vec![] }).collect();
        let check = |count: usize, expected: &[(usize, &str)], length: usize| {
            let folded = folded(hops(count));
            assert_eq!(folded.len(), length, "{count}");
            expected.iter().for_each(|&(at, label)| assert_eq!(folded[at].label, label, "{count}"));
        };
        check(0, &[], 0);
        check(201, &[(100, "100"), (200, "200")], 201);
        check(180_000, &[(99, "99"), (100, "… 179,800 more, all with -q"), (101, "179900"), (200, "179999")], 201);
    }
}
