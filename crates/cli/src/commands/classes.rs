//! `heapwhy classes`: the histogram, by class or by another grouping.

use clap::Args;
use heap::view::{Cell, ColumnKind, Table};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `classes`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy classes app.heapsnapshot\n  heapwhy classes app.heapsnapshot --sort count --filter session\n  heapwhy classes app.heapsnapshot --json --limit 50",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ClassesArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only classes whose name contains TEXT, in either case
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Makes the histogram.
pub(crate) fn run(args: &ClassesArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let mut table = Table::new(
        "classes",
        &[
            ("class", "class", ColumnKind::Text),
            ("count", "count", ColumnKind::Count),
            ("self_size", "self size", ColumnKind::Bytes),
            ("retained_size", "retained", ColumnKind::Bytes),
        ],
    );
    let classes = file.analysis.classes();
    for sum in heap::aggregates::aggregates(&file.analysis, |_| true) {
        let name = &classes.get(sum.class).name;
        if args.filter.as_ref().is_none_or(|filter| name.to_lowercase().contains(&filter.to_lowercase())) {
            table.push(vec![Cell::from(name.as_str()), sum.count.into(), sum.self_size.into(), sum.retained_size.into()]);
        }
    }
    table.truncate(session.limit(false));
    Ok(file.answer(session).headed().table(table))
}
