//! `heapwhy contexts`: the realms of a process: the program's, those of workers, those of `node:vm`.

use clap::Args;
use heap::questions::contexts;

use crate::answer::Answer;
use crate::args::FileArg;
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `contexts`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy contexts app.heapsnapshot\n  heapwhy contexts core.4217 -q | heapwhy path core.4217 -",
    after_help = "objects, self size: what belongs to this realm alone. kind: main or worker where the global object has a process, as Node.js gives it to its own realms, else vm. thread: a worker's threadId; name: as it was made, where Node.js keeps that (22 and later).",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ContextsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Print the ids of the contexts only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// Lists realms.
pub(crate) fn run(args: &ContextsArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let table = contexts(&file.analysis, session.limit(args.quiet));
    Ok(file.answer(session).rows_or_ids(table, args.quiet, &["context"]))
}
