//! `heapwhy strings`: the largest strings, those that exist more than once, those that match.

use clap::Args;
use heap::questions::{StringQuery, strings};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `strings`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy strings app.heapsnapshot\n  heapwhy strings app.heapsnapshot --dup\n  heapwhy strings app.heapsnapshot --grep user-\n\nretained: what the strings of one row free together if all of them go, each byte counted once.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct StringsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only strings of which there are several copies, each with what the copies waste
    #[arg(long)]
    dup: bool,
    /// Only strings that contain TEXT; in either case unless TEXT has a capital
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only strings with at least N characters
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    min_length: usize,
}

/// Lists strings.
pub(crate) fn run(args: &StringsArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let has_capital = args.grep.as_ref().is_some_and(|text| text.chars().any(char::is_uppercase));
    let query = StringQuery { duplicates: args.dup, grep: args.grep.clone(), ignore_case: !has_capital, min_len: args.min_length };
    Ok(file.answer(session).headed().brief_table(strings(&file.analysis, &query, session.limit(false)), &["length"]))
}
