//! `heapwhy instances`: the objects of a class, or those whose ids are given.

use clap::{Args, ValueEnum};
use heap::questions::{InstanceSort, first_instances, instances};
use heap::story::Setting;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::what;

/// Options of `instances`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy instances app.heapsnapshot Session\n  heapwhy instances app.heapsnapshot '{id, name}' --limit 0\n  heapwhy instances core.4217 shape:0x1f3a4c0e8a10\n  heapwhy instances app.heapsnapshot Session -q | heapwhy refs app.heapsnapshot -",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct InstancesArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
    /// What comes first: retained, self or newest
    #[arg(long, value_name = "ORDER", default_value = "retained", hide_possible_values = true)]
    sort: Sort,
    /// Print ids only, one a line, for the next command in a pipe
    #[arg(short, long)]
    quiet: bool,
}

/// An order of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// What retains most.
    Retained,
    /// What is largest itself.
    #[value(name = "self")]
    SelfSize,
    /// What was made last.
    Newest,
}

/// Lists objects.
pub(crate) fn run(args: &InstancesArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read_in_any_order(&args.file, &args.what.what, &args.what.sources, session)?;
    let limit = session.limit(args.quiet);
    let answer = file.answer(session);
    let sort = match args.sort {
        Sort::Retained => InstanceSort::Retained,
        Sort::SelfSize => InstanceSort::SelfSize,
        Sort::Newest => InstanceSort::Newest,
    };
    if args.quiet {
        let first = first_instances(&file.analysis, &nodes, sort, limit);
        return Ok(answer.section(Section::Ids(first.into_iter().map(|node| file.analysis.graph().id(node)).collect())));
    }
    let files = args.what.sources.files();
    Ok(answer.headed().brief_table(instances(&Setting::new(&file.analysis, &*files), &nodes, sort, limit), &["class"]))
}
