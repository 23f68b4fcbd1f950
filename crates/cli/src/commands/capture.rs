//! `heapwhy capture`: the image of a running process as a core file, which every command reads, and gdb too; or a heap snapshot that V8
//! itself writes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use heap::whole_file::WholeFile;
use live::{LiveError, SnapshotProgress};

use crate::answer::{Answer, Section};
use crate::attached::{self, Way};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::open;
use crate::output;
use crate::quantities::span;
use crate::running::{self, Dangers, Manner, Wish};
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `capture`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy capture 7073\n  heapwhy capture 7073 -o before.core --method stop\n  heapwhy 7073   without a file",
    after_help = "fork: the process clones itself and goes on after some tens of milliseconds for each gigabyte; the copy is read, and ended.\nstop: it is read while it is stopped, about a second for each gigabyte; nothing is changed in it. It is let go on time, also where the disk hangs that is written to.\ninspector: V8 writes a heap snapshot, with the inspector opened for it (see `heapwhy attach`): about a minute for each gigabyte, and nearly five times the process's memory besides. For where neither of the others is allowed. Ctrl-C gives it up, but the process finishes its snapshot first.\nThe file holds all that the process has in memory, passwords included: only you can read it (mode 0600).",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct CaptureArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: PathBuf,
    /// The file to write [default: core.PID, or PID.heapsnapshot]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// How: auto, fork, stop (core dumps), inspector (a heap snapshot)
    #[arg(long, value_name = "METHOD", default_value = "auto", hide_default_value = true, hide_possible_values = true)]
    method: Method,
    /// Of the method inspector: the heap of this worker, by the number that Node.js gives it (threadId) [default: the main thread's]
    #[arg(long, value_name = "N")]
    worker: Option<u64>,
    /// Let it go, and write nothing, where it stands still for longer than this while it is read [default: 10s, or three times what
    /// `heapwhy doctor` predicts if that is longer]
    #[arg(long, value_name = "TIME", value_parser = span)]
    max_pause: Option<Duration>,
    /// Capture it although `heapwhy doctor` tells of a danger
    #[arg(long)]
    accept_danger: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

/// How a process is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    /// By a copy of itself where that is possible, else while it is stopped.
    Auto,
    /// By a copy of itself.
    Fork,
    /// While it is stopped.
    Stop,
    /// V8 writes a heap snapshot, which comes over the inspector.
    Inspector,
}

/// Captures.
pub(crate) fn run(args: &CaptureArgs, session: &Session) -> Result<Answer, CommandError> {
    let pid = running::named(&args.pid)?;
    let wish = match args.method {
        Method::Auto => Some(Wish::Auto),
        Method::Fork => Some(Wish::Fork),
        Method::Stop => Some(Wish::Stop),
        Method::Inspector => None,
    };
    if args.worker.is_some() && wish.is_some() {
        let what = "--worker is for --method inspector: a core dump holds all threads";
        return Err(CommandError::new(&codes::USAGE, what).hint("heapwhy core.PID --isolate N   asks one of them"));
    }
    let usual = if wish.is_some() { format!("core.{pid}") } else { format!("{pid}.heapsnapshot") };
    let goal = args.output.clone().unwrap_or_else(|| PathBuf::from(usual));
    if !args.force && std::fs::symlink_metadata(&goal).is_ok() {
        let what = format!("{} exists: it would be replaced", shown(&goal));
        return Err(CommandError::new(&codes::OUTPUT_EXISTS, what).hint("--force replaces it; -o names another file"));
    }
    match wish {
        Some(wish) => core_dump(args, pid, wish, &goal, session),
        None => snapshot(args, pid, &goal, session),
    }
}

fn core_dump(args: &CaptureArgs, pid: i32, wish: Wish, goal: &Path, session: &Session) -> Result<Answer, CommandError> {
    let failed = |error| output::failed(goal, &error);
    let manner = Manner { wish, dangers: Dangers::of(args.accept_danger), longest_stop: args.max_pause };
    let mut file = WholeFile::beside(goal).map_err(failed)?;
    let running = running::capture_into(pid, manner, file.file(), session)?;
    file.name(goal).map_err(failed)?;
    let bytes = std::fs::metadata(goal).map_err(failed)?.len();
    let written = Section::Written { path: goal.to_owned(), bytes, what: "core dump" };
    let answer = open::start(vec![open::target_of(&args.pid, running)], &[], session).headed().section(written);
    Ok(answer.next(format!("heapwhy {}", shell_path(goal))))
}

/// Has V8 write a heap snapshot.
fn snapshot(args: &CaptureArgs, pid: i32, goal: &Path, session: &Session) -> Result<Answer, CommandError> {
    let way = Way { pid, port: None, dangers: Dangers::of(args.accept_danger) };
    attached::afford(&way, "a heap snapshot", attached::cost_of_snapshot, session)?;
    let answer = attached::ask(&way, session, |inspector| {
        attached::speak_to(inspector, pid, args.worker)?;
        let failed = |error: LiveError| {
            let told = attached::failed_to_ask(pid, &error);
            if error.is_cancelled() { told.note("beware", "the process had to finish its snapshot before it went on") } else { told }
        };
        inspector.profile_heap().map_err(failed)?;
        let bytes = live::save_heap_snapshot(inspector, goal, &|progress| tell(progress, session)).map_err(failed)?;
        Ok(Answer::default().section(Section::Written { path: goal.to_owned(), bytes, what: "heap snapshot" }))
    })?;
    Ok(answer.next(format!("heapwhy {}", shell_path(goal))))
}

/// Says how far a heap snapshot is.
pub(super) fn tell(progress: SnapshotProgress, session: &Session) {
    match progress {
        SnapshotProgress::Walking { done, total } => session.progress.work("V8 walks the heap, the process stands still", done, total),
        SnapshotProgress::Sending { bytes } => session.progress.work("the snapshot is being sent", bytes, 0),
        _ => {}
    }
}
