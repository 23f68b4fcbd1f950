//! `heapwhy refs`: who refers to an object, and how: in the words of `why`, or edge by edge as V8 wrote them.

use std::collections::HashSet;

use clap::Args;
use heap::NodeId;
use heap::questions::{Direction, refs, told_refs};
use heap::story::Setting;
use heap::view::{Cell, Table};

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::what;

/// Options of `refs`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy refs app.heapsnapshot @1234\n  heapwhy refs app.heapsnapshot SessionCache\n  heapwhy instances app.heapsnapshot Session -q | heapwhy refs app.heapsnapshot - -q",
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
    /// Print the ids of the other ends only, one a line
    #[arg(short, long)]
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

/// Returns the other ends of references, each once.
fn ends(table: &Table) -> Vec<NodeId> {
    let mut seen = HashSet::new();
    let ids = table.rows.iter().filter_map(|row| match row.first() {
        Some(&Cell::Node(id)) => Some(NodeId(id)),
        _ => None,
    });
    ids.filter(|&id| seen.insert(id)).collect()
}
