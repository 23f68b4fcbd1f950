//! `heapwhy closure`: the variables that a closure sees, scope by scope.

use clap::Args;
use heap::preview::Limits;
use heap::questions::closure;
use heap::story::Setting;

use crate::answer::Answer;
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::what;

/// Options of `closure`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy closure app.heapsnapshot @1234\n  heapwhy functions core.4217 -l --filter onTick -q | heapwhy closure core.4217 - --limit 3",
    after_help = "The innermost scope comes first. Only variables that a function inside uses are in the heap. Numbers are known of a core dump only.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ClosureArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
}

/// Shows the variables.
pub(crate) fn run(args: &ClosureArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, &args.what.sources, session)?;
    let files = args.what.sources.files();
    let shown = &nodes[..nodes.len().min(session.limit_or(false, 5))];
    let tree = closure(&Setting::new(&file.analysis, &*files), shown, Limits::default());
    Ok(file.answer(session).headed().tree(tree))
}
