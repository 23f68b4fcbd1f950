//! `heapwhy instances`: the objects of a class, or those whose ids are given.

use clap::Args;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::{asked, open, what};

/// Options of `instances`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy instances app.heapsnapshot Session\n  heapwhy instances app.heapsnapshot '{id, name}' --limit 0\n  heapwhy instances app.heapsnapshot Session -q | heapwhy refs app.heapsnapshot -",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct InstancesArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
    /// Print ids only, one a line, for the next command in a pipe
    #[arg(short, long)]
    quiet: bool,
}

/// Lists objects.
pub(crate) fn run(args: &InstancesArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let nodes = what::resolve(&file.analysis, &args.what.what)?.nodes(&file.analysis);
    let limit = session.limit(args.quiet);
    let answer = file.answer(session);
    if args.quiet {
        let graph = file.analysis.graph();
        return Ok(answer.section(Section::Ids(nodes.iter().take(limit).map(|&node| graph.id(node)).collect())));
    }
    Ok(answer.headed().table(asked::instances(&file.analysis, &nodes, limit)))
}
