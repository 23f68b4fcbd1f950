//! `heapwhy emitters`: event emitters and event targets, their events and how many listen.

use clap::Args;
use heap::questions::emitters;
use heap::story::Setting;

use crate::answer::Answer;
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `emitters`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy emitters app.heapsnapshot\n  heapwhy emitters core.4217 --event close --limit 5",
    after_help = "One row for each event of each object. in: the function of which most listeners are closures; of it: how many are.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct EmittersArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only events of that name
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Print the ids of the emitters only, one a line
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// Lists events.
pub(crate) fn run(args: &EmittersArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let table = emitters(&Setting::new(&file.analysis, &*files), args.event.as_deref(), session.limit(args.quiet));
    Ok(file.answer(session).rows_or_ids(table, args.quiet, &[]))
}
