//! `heapwhy path`: retaining paths edge by edge, from the root to the object, nothing folded.
//!
//! `why` tells the same as a story; here every hop is shown with its id and the kind of its edge.

use clap::Args;
use heap::paths::{KnownNames, PathLimits, PathShape, PathTree, all_paths, shapes_of};
use heap::preview::{Limits, edge_label, head};
use heap::source::Scripts;
use heap::source::scripts::script_name;
use heap::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};
use heap::{HeapAnalysis, NodeIx};

use crate::answer::Answer;
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::typed::{shell_path, shell_word};
use crate::what;

/// Options of `path`.
#[derive(Args, Debug)]
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
}

/// Shows paths.
pub(crate) fn run(args: &PathArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, session)?;
    let analysis = &file.analysis;
    let names = KnownNames::of(analysis.graph().strings());
    let tree = PathTree::of(analysis, &names, &Scripts::of(analysis.graph(), &names));
    let mut shapes = match nodes.as_slice() {
        &[node] if args.all => all_paths(analysis, &tree, node, PathLimits::default()),
        nodes => shapes_of(analysis.graph(), &tree, nodes, PathLimits { nodes: usize::MAX, ..PathLimits::default() }),
    };
    let limit = if args.all { session.limit_or(false, 10) } else { 1 };
    let left_out = shapes.len().saturating_sub(limit);
    shapes.truncate(limit);
    let roots = shapes.iter().map(|shape| drawn(analysis, shape)).collect();
    let columns = vec![
        TableColumn { name: "count", title: "paths", kind: ColumnKind::Count },
        TableColumn { name: "retained_size", title: "retained", kind: ColumnKind::Bytes },
        TableColumn { name: "location", title: "location", kind: ColumnKind::Location },
    ];
    let answer = file.answer(session).headed().tree(Tree { name: "paths", columns, roots });
    let file_name = shell_path(&args.file.file);
    let word = shell_word(&args.what.what);
    Ok(if left_out > 0 && !args.all { answer.next(format!("heapwhy path {file_name} {word} --all")) } else { answer }
        .next(format!("heapwhy why {file_name} {word}")))
}

/// Draws a path as a tree of one branch, built from its end so that no depth matters.
fn drawn(analysis: &HeapAnalysis, shape: &PathShape) -> TreeNode {
    let limits = Limits { text: 60, ..Limits::default() };
    let node = |node: NodeIx, edge: String, children: Vec<TreeNode>| TreeNode {
        edge,
        label: format!("{} {}", head(analysis, node, limits), analysis.graph().id(node)),
        cells: vec![Cell::None, analysis.retained_size(node).into(), location(analysis, node)],
        children,
        more: 0,
    };
    let mut below = Vec::new();
    for step in shape.steps.iter().rev() {
        below = vec![node(step.edge.to, edge_label(analysis.graph(), step.edge), below)];
    }
    let mut root = node(shape.root, String::new(), below);
    if let Some(count) = root.cells.first_mut() {
        *count = shape.count.into();
    }
    root
}

/// Returns where a node's function or class was written, as a cell.
fn location(analysis: &HeapAnalysis, node: NodeIx) -> Cell {
    let graph = analysis.graph();
    let Some(place) = graph.location(node) else { return Cell::None };
    let script = place.script.map(|script| script_name(graph, script)).filter(|name| !name.is_empty());
    script.map_or(Cell::None, |script| Cell::Text(format!("{script}:{}:{}", place.line + 1, place.column + 1)))
}
