//! `heapwhy summary`: what a file is and what its memory is made of, without a judgement.

use clap::Args;
use heap::view::{Cell, ColumnKind, Table};

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::error::CommandError;
use crate::session::Session;
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
    let classes =
        Section::Table { title: "Largest classes".to_owned(), table: largest(&file.analysis, session.limit_or(false, 8)), only_json: &[] };
    let name = args.file.file.display();
    Ok(file
        .answer(session)
        .headed()
        .section(memory::section(&file.analysis))
        .section(classes)
        .next(format!("heapwhy {name}"))
        .next(format!("heapwhy classes {name}")))
}

fn largest(analysis: &heap::HeapAnalysis, limit: usize) -> Table {
    let columns =
        [("class", "class", ColumnKind::Text), ("count", "count", ColumnKind::Count), ("retained_size", "retained", ColumnKind::Bytes)];
    let mut table = Table::new("classes", &columns);
    for sum in heap::aggregates::aggregates(analysis, |_| true) {
        table.push(vec![Cell::from(analysis.classes().get(sum.class).name.as_str()), sum.count.into(), sum.retained_size.into()]);
    }
    table.truncate(limit);
    table
}
