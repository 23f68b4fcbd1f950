//! `heapwhy attach PID track`: by which stacks the objects were made that are left, of every allocation in some time.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::answer::Answer;
use crate::attached::{self, Way};
use crate::codes;
use crate::commands::allocations;
use crate::error::CommandError;
use crate::open;
use crate::output;
use crate::running::{self, Dangers};
use crate::session::Session;
use crate::typed::shell_path;
use crate::v8_snapshot;

/// Options of `attach track`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy attach 7073 track --accept-danger\n  heapwhy attach 7073 track --accept-danger --for 2m -o leak.heaptimeline",
    after_help = "V8 notes the stack of every allocation, and takes a heap snapshot at the end: what is shown are the objects that were made meanwhile and are still there, all of them, by who made them. Making objects takes several times as long while it goes on, and the snapshot costs what a snapshot costs: about a minute for each gigabyte, and nearly five times the process's memory besides. And V8 may crash when it stops tracking (heapwhy explain HW1511), so that this is done only with --accept-danger: not in production. `attach PID sample` costs next to nothing, and estimates.\n\nCtrl-C while it goes on gives it up without a snapshot. Where somebody tracks allocations of the same process with DevTools, that ends too.",
    help_template = crate::args::TEMPLATE
)]
pub(super) struct TrackArgs {
    /// For how long
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = super::time)]
    time: Duration,
    /// The snapshot to write, which heapwhy and DevTools read [default: PID.heaptimeline]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Tracks.
pub(super) fn run(args: &TrackArgs, way: &Way, worker: Option<u64>, session: &Session) -> Result<Answer, CommandError> {
    let pid = way.pid;
    running::check(pid)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{pid}.heaptimeline")));
    output::must_be_new(&output, output::ANOTHER)?;
    if way.dangers == Dangers::Refused {
        return Err(CommandError::new(
            &codes::MAY_CRASH,
            format!("V8 may crash, and pid {pid} with it, when it stops tracking allocations"),
        )
        .why("it makes objects while it writes down who made which; seen in 2 of 65 runs with a busy process")
        .hint(format!("heapwhy attach {pid} sample   estimates the same, and harms nothing"))
        .hint("--accept-danger tracks all the same"));
    }
    attached::afford(way, "a heap snapshot", attached::cost_of_snapshot, session)?;
    let total = args.time.as_millis() as u64;
    let told = |passed: Duration| session.progress.work("V8 notes every allocation", passed.as_millis() as u64, total);
    let answer = attached::ask(way, session, |inspector| {
        attached::speak_to(inspector, pid, worker)?;
        let what = "heap snapshot with stacks of allocations";
        v8_snapshot::receive(inspector, (pid, &output, what), session, |inspector, progress| {
            live::save_tracked(inspector, args.time, &output, &told, progress)
        })
    })?;
    // The process is as it was before by now: what is left is ours.
    let file = open::read(&output, session)?;
    let name = shell_path(&output);
    Ok(allocations::told(answer, &file, session)?.next(format!("heapwhy {name}")).next(format!("heapwhy allocations {name}")))
}
