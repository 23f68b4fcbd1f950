//! `heapwhy refs`: who refers to an object, and by which edge.

use clap::Args;
use heap::questions::{Direction, refs};
use heap::{HeapAnalysis, NodeIx};

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
    /// Print the ids of the other ends only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// Lists holders, or what is held.
pub(crate) fn run(args: &RefsArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, session)?;
    let direction = if args.to { Direction::To } else { Direction::From };
    let limit = session.limit(args.quiet);
    let answer = file.answer(session);
    let hidden: &[&str] = if nodes.len() == 1 { &["self_size", "kind", "of"] } else { &["self_size", "kind", "distance"] };
    if args.quiet {
        let graph = file.analysis.graph();
        let ends = ends(&file.analysis, &nodes, direction);
        return Ok(answer.section(Section::Ids(ends.iter().take(limit).map(|&node| graph.id(node)).collect())));
    }
    Ok(answer.headed().brief_table(refs(&file.analysis, &nodes, direction, limit), hidden))
}

/// Returns the other ends of nodes' edges, each once.
fn ends(analysis: &HeapAnalysis, nodes: &[NodeIx], direction: Direction) -> Vec<NodeIx> {
    let mut ends: Vec<NodeIx> = match direction {
        Direction::From => nodes.iter().flat_map(|&node| analysis.retainers(node).map(|(from, _)| from)).collect(),
        Direction::To => nodes.iter().flat_map(|&node| analysis.graph().edges(node).map(|edge| edge.to)).collect(),
    };
    ends.sort_unstable();
    ends.dedup();
    ends
}
