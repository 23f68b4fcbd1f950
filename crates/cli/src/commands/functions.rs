//! `heapwhy functions`: the functions of a program, by how many closures there are of each.

use clap::{Args, ValueEnum};
use heap::questions::{FunctionRows, HistogramSort, functions};
use heap::story::Setting;

use crate::answer::Answer;
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `functions`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy functions app.heapsnapshot\n  heapwhy functions core.4217 --sort count --filter server.js\n  heapwhy functions core.4217 --closures --filter onTick -q | heapwhy closure core.4217 -",
    after_help = "id: of the closure that retains most. retained: what all closures of the function free together if all of them go.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct FunctionsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only functions whose name or place contains TEXT, in either case
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// What comes first: retained, self, count or name
    #[arg(long, value_name = "ORDER", default_value = "retained", hide_possible_values = true)]
    sort: Sort,
    /// One row for every closure
    #[arg(short = 'l', long)]
    closures: bool,
    /// Print ids only, one a line
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// An order of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// What retains most.
    Retained,
    /// What is largest itself.
    #[value(name = "self")]
    SelfSize,
    /// What there are most closures of.
    Count,
    /// By name.
    Name,
}

/// Lists functions.
pub(crate) fn run(args: &FunctionsArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let sort = match args.sort {
        Sort::Retained => HistogramSort::Retained,
        Sort::SelfSize => HistogramSort::SelfSize,
        Sort::Count => HistogramSort::Count,
        Sort::Name => HistogramSort::Name,
    };
    let rows = if args.closures { FunctionRows::Closures } else { FunctionRows::Functions };
    let limit = session.limit(args.quiet);
    let table = functions(&Setting::new(&file.analysis, &*files), rows, sort, args.filter.as_deref(), limit);
    Ok(file.answer(session).rows_or_ids(table, args.quiet, &[]))
}
