//! `heapwhy timers`: which timers wait, when they fire, what they call, and what they keep until then.

use std::collections::BTreeMap;

use clap::Args;
use heap::questions::{TimerQuery, timer_callbacks, timers};
use heap::story::Setting;
use heap::view::{Cell, Table};
use v8mem::Memory;
use v8mem::node_side::NodeSide;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::kept::Kept;
use crate::open;
use crate::session::Session;

/// Options of `timers`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy timers app.heapsnapshot\n  heapwhy timers core.4217 --all\n  heapwhy timers core.4217 -q | heapwhy path core.4217 -",
    after_help = "Those that retain most come first. ms: how long it waits, or of an interval how often it repeats. ms left: until it fires, from when the event loop last looked at the clock; a snapshot does not tell. state: pending, running (its callback is being called), or with --all done: it has fired, or was cleared, and something still holds it. ref: whether it keeps the process running.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct TimersArgs {
    #[command(flatten)]
    file: FileArg,
    /// Also those that have fired, or were cleared
    #[arg(long)]
    all: bool,
    /// Print ids only, one a line
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// Lists timers.
pub(crate) fn run(args: &TimersArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let setting = Setting::new(&file.analysis, &*files);
    let query = if args.all { TimerQuery::All } else { TimerQuery::Pending };
    let loops = file.core.as_ref().map(loops).transpose()?.unwrap_or_default();
    // A graph of one isolate does not number it.
    let until = |isolate: Option<u32>| loops.get(&isolate.map_or(0, |number| number as usize - 1)).copied();
    let limit = session.limit(args.quiet);
    let table = timers(&setting, query, &until, limit);
    let hidden: &[&str] = if has_other_state(&table) { &["due_ms", "list"] } else { &["state", "due_ms", "list"] };
    let answer = file.answer(session).rows_or_ids(table, args.quiet, hidden);
    if args.quiet {
        return Ok(answer);
    }
    let table = timer_callbacks(&setting, query, limit);
    Ok(answer.section(Section::Table { title: "By callback".to_owned(), table, only_json: &[] }))
}

/// Says whether some timer does not just wait: a terminal has no room for a column that says so of all.
fn has_other_state(table: &Table) -> bool {
    let state = table.columns.iter().position(|column| column.name == "state");
    table.rows.iter().any(|row| state.and_then(|at| row.get(at)).is_some_and(|cell| *cell != Cell::from("pending")))
}

/// Returns for the isolates of a core, by their places among all, in how long their event loops look for timers.
fn loops(kept: &Kept) -> Result<BTreeMap<usize, i64>, CommandError> {
    let process = kept.process()?;
    let (core, anatomy) = (process.core(), process.anatomy());
    let memory: &dyn Memory = core;
    let side = NodeSide::of(memory, anatomy, core.binary());
    Ok(anatomy.look(memory, |heap| side.with(heap).until_timers_of_all()))
}
