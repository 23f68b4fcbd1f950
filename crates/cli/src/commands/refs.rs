//! `heapwhy refs`: who refers to an object, and how: in the words of `why`, or edge by edge as V8 wrote them.

use std::collections::HashSet;

use clap::Args;
use heap::preview::Limits;
use heap::questions::{Direction, Told, refs, refs_tree, told_refs};
use heap::story::Setting;
use heap::view::{Cell, Table, Tree};
use heap::{NodeId, NodeIx};

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::what;

/// Options of `refs`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy refs app.heapsnapshot @1234\n  heapwhy refs app.heapsnapshot SessionCache\n  heapwhy refs core.4217 0x1f3a4c0e8a10 -r --depth 3\n  heapwhy instances app.heapsnapshot Session -q | heapwhy refs app.heapsnapshot - -q",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct RefsArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
    /// Show to what it refers instead
    #[arg(long)]
    to: bool,
    /// Show V8's own objects and edges: (array) and (internal 68) where a Map and [value] are meant
    #[arg(long)]
    raw: bool,
    /// Show the holders of holders too, as a tree; what leads to itself is marked
    #[arg(short, long)]
    recursive: bool,
    /// With --recursive, how many levels
    #[arg(long, value_name = "N", default_value_t = 5, requires = "recursive")]
    depth: u8,
    /// Print the ids of the other ends only, one a line
    #[arg(short, long, conflicts_with = "recursive")]
    quiet: bool,
}

/// Lists holders, or what is held.
pub(crate) fn run(args: &RefsArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, &args.what.sources, session)?;
    let direction = if args.to { Direction::To } else { Direction::From };
    let limit = session.limit(args.quiet);
    let answer = file.answer(session);
    let files = args.what.sources.files();
    let setting = Setting::new(&file.analysis, &*files);
    if args.recursive && !args.quiet {
        let some = nodes.get(..session.limit(false)).unwrap_or(&nodes);
        return Ok(answer.headed().tree(tree(args, &setting, some, session)).left_out(nodes.len() - some.len()));
    }
    let list = |limit| {
        if args.raw { refs(&setting, &nodes, direction, limit) } else { told_refs(&setting, &nodes, direction, limit) }
    };
    if args.quiet {
        return Ok(answer.section(Section::Ids(ends(&list(usize::MAX)).into_iter().take(limit).collect())));
    }
    let hidden: &[&str] = match nodes.len() {
        1 => &["self_size", "kind", "of", "raw_id", "raw_edge"],
        _ => &["self_size", "kind", "distance", "raw_id", "raw_edge"],
    };
    Ok(answer.headed().brief_table(list(limit), hidden))
}

/// Shows the holders of holders: --limit counts the rows below each object.
fn tree(args: &RefsArgs, setting: &Setting<'_>, nodes: &[NodeIx], session: &Session) -> Tree {
    let direction = if args.to { Direction::To } else { Direction::From };
    let words = if args.raw { Told::Raw } else { Told::Story };
    let limits = Limits { entries: session.limit_or(false, 8), ..Limits::default() };
    let mut all = Tree { name: "refs_tree", ..Tree::default() };
    for &node in nodes {
        let tree = refs_tree(setting, node, direction, words, usize::from(args.depth), limits);
        all.columns = tree.columns;
        all.roots.extend(tree.roots);
    }
    all
}

/// Returns the other ends of references, each once.
fn ends(table: &Table) -> Vec<NodeId> {
    let mut seen = HashSet::new();
    let ids = table.rows.iter().filter_map(|row| match row.first() {
        Some(&Cell::Node(id)) => Some(NodeId(id)),
        _ => None,
    });
    ids.filter(|&id| seen.insert(id)).collect()
}
