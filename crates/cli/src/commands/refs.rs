//! `heapwhy refs`: who refers to an object, and by which edge.

use clap::Args;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::{asked, open, what};

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
    /// Print the ids of the holders only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// Lists holders.
pub(crate) fn run(args: &RefsArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let nodes = what::resolve(&file.analysis, &args.what.what)?.nodes(&file.analysis);
    let limit = session.limit(args.quiet);
    let answer = file.answer(session);
    if args.quiet {
        let graph = file.analysis.graph();
        let holders = asked::holders(&file.analysis, &nodes);
        return Ok(answer.section(Section::Ids(holders.iter().take(limit).map(|&node| graph.id(node)).collect())));
    }
    Ok(answer.headed().table(asked::refs(&file.analysis, &nodes, limit)))
}
