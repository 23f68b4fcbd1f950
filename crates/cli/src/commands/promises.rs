//! `heapwhy promises`: which promises there are, who waits for them, who is going to settle them.

use clap::Args;
use heap::questions::{PromiseQuery, promise_states, promises};
use heap::story::Setting;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `promises`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy promises core.4217 --pending\n  heapwhy promises app.heapsnapshot --json | jq '.promises.rows[].waits'",
    after_help = "A snapshot does not hold a promise's state: it is pending where something waits, settled where it has a result, and else unknown.\nreactions: how many await or then it. who waits: the one that came last. settled by: the call of an async function that returned it.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct PromisesArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only those that were not settled yet
    #[arg(long)]
    pending: bool,
    /// Print ids only, one a line
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// Lists promises.
pub(crate) fn run(args: &PromisesArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let setting = Setting::new(&file.analysis, &*files);
    let query = if args.pending { PromiseQuery::Pending } else { PromiseQuery::All };
    let table = promises(&setting, query, session.limit(args.quiet));
    let answer = file.answer(session).rows_or_ids(table, args.quiet, &["self_size"]);
    if args.quiet {
        return Ok(answer);
    }
    Ok(answer.section(Section::Table { title: "By state".to_owned(), table: promise_states(&setting), only_json: &[] }))
}
