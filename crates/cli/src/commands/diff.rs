//! `heapwhy diff`: what grew between snapshots: the report of growth, and the change of every class from the first to the last.

use std::path::PathBuf;

use clap::Args;
use heap::diff::{Diff, Match, Matching, diff};
use heap::questions::diff_table;

use super::report::Judge;
use crate::answer::{Answer, Section};
use crate::error::{CommandError, shown};
use crate::session::Session;
use crate::{codes, findings, open, typed};

/// Options of `diff`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy diff 1.heapsnapshot 2.heapsnapshot 3.heapsnapshot\n  heapwhy diff before.heapsnapshot after.heapsnapshot --fail-on growing\n\nTwo snapshots of one process, taken some minutes of work apart, show what grows:\n  node --heapsnapshot-signal=SIGUSR2 app.js     then, now and later: kill -USR2 PID",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct DiffArgs {
    /// Snapshots of one process, the oldest first
    #[arg(value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,
    /// How to judge.
    #[command(flatten)]
    judge: Judge,
    /// How to match objects: auto, ids (snapshots of one process) or numbers (only counts per class)
    #[arg(long = "match", value_name = "HOW", default_value = "auto", hide_possible_values = true)]
    by: By,
    /// Print the change of every class only, without a verdict: a quarter of the time
    #[arg(long, conflicts_with_all = ["fail_on", "all"])]
    table: bool,
}

/// How objects are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// By id where ids agree.
    Auto,
    /// By id.
    Ids,
    /// By number.
    Numbers,
}

/// Compares.
pub(crate) fn run(args: &DiffArgs, session: &Session) -> Result<Answer, CommandError> {
    if let [only] = args.files.as_slice() {
        let what = format!("one snapshot cannot show what grew: {}", shown(only));
        return Err(CommandError::new(&codes::USAGE, what).hint(typed::compare(only)));
    }
    let wanted = match args.by {
        By::Auto => Match::Auto,
        By::Ids => Match::Ids,
        By::Numbers => Match::Numbers,
    };
    if args.table {
        // Neither retained sizes nor paths are asked for, so neither is computed.
        let files = super::report::read_all(&args.files, session)?;
        let opened: Vec<&open::Opened> = files.iter().collect();
        let (Some(first), Some(last)) = (files.first(), files.last()) else { return Ok(open::about(&opened, session)) };
        let changes = diff(&first.analysis, &last.analysis, wanted);
        return Ok(open::about(&opened, session).headed().section(table(&changes, session)));
    }
    let (files, prepared) = super::report::prepare_all(&args.files, session)?;
    let opened: Vec<&open::Opened> = files.iter().collect();
    let (Some(first), Some(last)) = (files.first(), files.last()) else { return Ok(open::about(&opened, session)) };
    if prepared.is_err() {
        return Ok(super::report::stopped(&opened, session));
    }
    let (changes, report) = std::thread::scope(|scope| {
        let changes = scope.spawn(|| diff(&first.analysis, &last.analysis, wanted));
        let report = super::report::compared(&files, &args.judge, session);
        (changes.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), report)
    });
    let Ok(report) = report else {
        return Ok(super::report::stopped(&opened, session));
    };
    let growth = findings::growth_section(&report.verdict, &report.classes);
    let answer = super::report::with_growth(open::about(&opened, session).headed(), &files, &report, &args.judge).section(growth);
    let answer = answer.section(table(&changes, session));
    let why = super::report::why_command(&last.target.path, &last.analysis, &report, &args.judge.sources);
    Ok(why.into_iter().fold(answer, Answer::next))
}

/// Shows how every class changed.
fn table(changes: &Diff, session: &Session) -> Section {
    let title = match changes.matching {
        Matching::Ids(_) => "Every class, first to last",
        Matching::Numbers(_) => "Every class, first to last (different processes: counts only)",
    };
    Section::Table {
        title: title.to_owned(),
        table: diff_table(changes, session.limit(false)),
        // A terminal of 60 columns has no room for them.
        only_json: &["added_size", "removed_size", "in_place_delta"],
    }
}
