//! `heapwhy summary`: what a file is and what its memory is made of, without a judgement.

use clap::Args;
use heap::questions::{Grouping, HistogramSort, histogram, summary};
use heap::source::NoFiles;

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::error::CommandError;
use crate::session::Session;
use crate::typed::shell_path;
use crate::{memory, open};

/// Options of `summary`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy summary app.heapsnapshot\n  heapwhy summary app.heapsnapshot --json | jq .memory",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Sums up.
pub(crate) fn run(args: &SummaryArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let analysis = &file.analysis;
    let classes = histogram(analysis, Grouping::Class, &NoFiles, HistogramSort::Retained, None, None, session.limit_or(false, 8));
    let titled = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &["distance"] };
    let name = shell_path(&args.file.file);
    Ok(file
        .answer(session)
        .headed()
        .section(memory::section(analysis))
        .section(titled("Facts", summary(analysis)))
        .section(titled("Largest classes", classes))
        .next(format!("heapwhy {name}"))
        .next(format!("heapwhy classes {name}")))
}
