//! `heapwhy diff`: what grew between snapshots: the report of growth, and the change of every class from the first to the last.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use heap::diff::{Diff, Match, Matching, diff};
use heap::questions::diff_table;
use heap::{Cancelled, HeapGraph, Progress};

use super::report::Judge;
use crate::answer::{Answer, Section, Status, Warning};
use crate::error::{CommandError, shown};
use crate::exit::Exit;
use crate::quantities::span;
use crate::series::{self, Schedule};
use crate::session::Session;
use crate::{codes, findings, open, running, typed};

/// Options of `diff`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy diff 1.heapsnapshot 2.heapsnapshot 3.heapsnapshot\n  heapwhy diff before.heapsnapshot after.heapsnapshot --fail-on growing\n  heapwhy diff 7073 --after 5m --steps 2\n\nTwo snapshots of one process, taken some minutes of work apart, show what grows:\n  node --heapsnapshot-signal=SIGUSR2 app.js     then, now and later: kill -USR2 PID",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct DiffArgs {
    /// Snapshots of one process, the oldest first; with --after, the id of a running process
    #[arg(value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,
    /// Capture a running process now and so much later (90s, 5m, 1h), and compare: it stands still some milliseconds each time
    #[arg(long, value_name = "TIME", value_parser = span)]
    after: Option<Duration>,
    /// With --after: how many steps of that time, each with a capture at its end [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, requires = "after", value_parser = clap::value_parser!(u32).range(1..=100))]
    steps: u32,
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
    match (args.files.as_slice(), args.after) {
        (files, Some(every)) => {
            let only = if let [only] = files { Some(only).zip(running::pid(only)) } else { None };
            let (path, pid) = only.ok_or_else(not_a_process)?;
            of_process(path, pid, Schedule { every, steps: args.steps }, args, session)
        }
        ([only], None) => {
            let what = format!("one snapshot cannot show what grew: {}", shown(only));
            Err(CommandError::new(&codes::USAGE, what).hint(typed::compare(only)))
        }
        (files, None) => of_files(files, args, session),
    }
}

fn not_a_process() -> CommandError {
    CommandError::new(&codes::USAGE, "--after is for the id of one running process, which is captured again")
        .hint("heapwhy diff PID --after 5m")
}

fn of_files(paths: &[PathBuf], args: &DiffArgs, session: &Session) -> Result<Answer, CommandError> {
    if args.table {
        // Neither retained sizes nor paths are asked for, so neither is computed.
        let files = super::report::read_all(paths, session)?;
        return Ok(open::about(&files.iter().collect::<Vec<_>>(), session).headed().sections(changes(&files, args, session)));
    }
    let (files, prepared) = super::report::prepare_all(paths, session)?;
    let compared = prepared.and_then(|()| compared(&files, args, &session.progress, session));
    Ok(compared.unwrap_or_else(|_| super::report::stopped(&files.iter().collect::<Vec<_>>(), session)))
}

/// Captures a process again and again, then compares. Who stops that has what was captured until then.
fn of_process(path: &Path, pid: i32, schedule: Schedule, args: &DiffArgs, session: &Session) -> Result<Answer, CommandError> {
    let mut series = series::take(path, pid, schedule, session)?;
    let opened: Vec<&open::Opened> = series.files.iter().collect();
    let mut answer = match opened.as_slice() {
        [_] => super::report::stopped(&opened, session),
        _ if args.table => open::about(&opened, session).headed().sections(changes(&series.files, args, session)),
        // Whoever pressed Ctrl-C while it waited wants this.
        _ => compared(&series.files, args, &heap::Silent, session).unwrap_or_else(|_| super::report::stopped(&opened, session)),
    };
    answer.sections.insert(0, series.section());
    Ok(match series.ended.take() {
        Some(error) => cut_short(answer, &error),
        None => answer,
    })
}

/// Says why a process was not captured as often as was asked for.
fn cut_short(mut answer: Answer, error: &CommandError) -> Answer {
    let is_stopped = error.exit() == Exit::Stopped;
    answer.status = if is_stopped { Status::Cancelled } else { Status::Partial };
    answer.exit = error.exit();
    let message = format!("fewer captures than were asked for: {}", error.what);
    answer.warnings.push(Warning { kind: "fewer_captures", count: 1, offset: None, message });
    answer
}

/// Judges what grew, and shows how every class changed.
fn compared(files: &[open::Opened], args: &DiffArgs, progress: &dyn Progress, session: &Session) -> Result<Answer, Cancelled> {
    let opened: Vec<&open::Opened> = files.iter().collect();
    let (changes, report) = std::thread::scope(|scope| {
        let changes = scope.spawn(|| changes(files, args, session));
        let report = super::report::compared(files, &args.judge, progress);
        (changes.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), report)
    });
    let report = report?;
    let growth = findings::growth_section(&report.verdict, &report.classes);
    let answer = super::report::with_growth(open::about(&opened, session).headed(), files, &report, &args.judge).section(growth);
    let why = files.last().and_then(|last| super::report::why_command(&last.target.path, &last.analysis, &report, &args.judge.sources));
    Ok(why.into_iter().fold(answer.sections(changes), Answer::next))
}

/// Shows how every class changed from the first file to the last.
fn changes(files: &[open::Opened], args: &DiffArgs, session: &Session) -> Option<Section> {
    let wanted = match args.by {
        By::Auto => Match::Auto,
        By::Ids => Match::Ids,
        By::Numbers => Match::Numbers,
    };
    let pair = files.first().zip(files.last());
    pair.map(|(first, last)| table(&diff(&first.analysis, &last.analysis, wanted), last.analysis.graph(), session))
}

/// Shows how every class changed.
fn table(changes: &Diff, last: &HeapGraph, session: &Session) -> Section {
    let title = match changes.matching {
        Matching::Ids(_) if last.ids_are_addresses() => "Every class, first to last (what V8 moved in between is gone and new)",
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
