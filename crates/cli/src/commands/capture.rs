//! `heapwhy capture`: what a running process holds as a file: all of its memory as a core file, which every command reads, and gdb too;
//! the graph of its heap alone; or a heap snapshot, made of its memory or by V8 itself.

mod format;

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use heap::index::Key;
use heap::redact::{RedactOptions, redact};
use heap::snapshot::write::WriteOptions;
use heap::whole_file::WholeFile;
use heap::{HeapAnalysis, HeapGraph};
use v8mem::graph::Scope;

use crate::answer::{Answer, Section};
use crate::core::Wanted;
use crate::error::CommandError;
use crate::index_file::Origin;
use crate::manner::{MannerArgs, Reader};
use crate::running::{self, Manner, Running};
use crate::session::Session;
use crate::typed::shell_path;
use crate::{codes, open, output, v8_snapshot};
use format::Format;

/// Options of `capture`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy capture 7073\n  heapwhy capture 7073 -o before.core --method stop\n  heapwhy capture 7073 -o core.7073.zst     a sixth of the size\n  heapwhy capture 7073 -o share.hwy         no values in it\n  heapwhy 7073   without a file",
    after_help = "core: all memory of the process, for every command; gdb reads it too. core.zst: the same packed, while it is written.\nhwy: the graph of what is alive in V8's heap, without any value (see `heapwhy redact`): opened at once, and safe to share once you have read what was kept.\nheapsnapshot: what is alive, with its texts, for DevTools and memlab.\n\nfork: the process clones itself and goes on after some tens of milliseconds for each gigabyte; the copy is read, and ended.\nstop: it is read while it is stopped, about a second for each gigabyte; nothing is changed in it. It is let go on time, also where the disk hangs that is written to.\ninspector: V8 writes a heap snapshot, with the inspector opened for it (see `heapwhy attach`): about a minute for each gigabyte, and nearly five times the process's memory besides. For where neither of the others is allowed. Ctrl-C gives it up, but the process finishes its snapshot first.\nEach file but .hwy holds what the process has in memory, passwords included: only you can read it (mode 0600).",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct CaptureArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: PathBuf,
    /// The file to write [default: core.PID, core.PID.zst, PID.hwy or PID.heapsnapshot]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// The format: core, core.zst, hwy, heapsnapshot [default: as OUT ends, else core; of the method inspector, heapsnapshot]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    to: Option<Format>,
    #[command(flatten)]
    manner: MannerArgs,
    /// Of the method inspector: the heap of this worker, by the number that Node.js gives it (threadId) [default: the main thread's]
    #[arg(long, value_name = "N")]
    worker: Option<u64>,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

/// Captures.
pub(crate) fn run(args: &CaptureArgs, session: &Session) -> Result<Answer, CommandError> {
    let pid = running::named(&args.pid)?;
    let reader = args.manner.reader()?;
    let usual = if matches!(reader, Reader::V8(_)) { Format::Snapshot } else { Format::Core };
    let format = Format::choose(args.to, args.output.as_deref(), usual)?;
    if matches!(reader, Reader::V8(_)) && format != Format::Snapshot {
        let what = format!("--method inspector writes a heap snapshot, not a {}", format.title());
        return Err(CommandError::new(&codes::USAGE, what).hint("leave --method out, or write to a name that ends in .heapsnapshot"));
    }
    if args.worker.is_some() && matches!(reader, Reader::Ours(_)) {
        let what = "--worker is for --method inspector: what is read from outside is of all threads";
        return Err(CommandError::new(&codes::USAGE, what).hint("heapwhy core.PID --isolate N   asks one of them"));
    }
    if format.is_of_what_is_alive() && session.scope() != Scope::Live {
        let what = format!("a {} holds what is alive: --weak and --dead are for core dumps", format.title());
        return Err(CommandError::new(&codes::USAGE, what).hint(format!("heapwhy capture {pid} --to core.zst   holds both")));
    }
    let goal = args.output.clone().unwrap_or_else(|| format.usual_name(pid));
    if !args.force {
        output::must_be_new(&goal, output::REPLACED)?;
    }
    let answer = match (reader, format) {
        (Reader::V8(dangers), _) => v8_snapshot::save(v8_snapshot::Subject { pid, worker: args.worker, dangers }, &goal, session),
        (Reader::Ours(manner), Format::Core) => {
            core_dump(args, format, &goal, session, |out| running::capture_into(pid, manner, out, session))
        }
        (Reader::Ours(manner), Format::PackedCore) => {
            core_dump(args, format, &goal, session, |out| running::capture_packed(pid, manner, out, session))
        }
        (Reader::Ours(manner), Format::Graph) => graph(args, (pid, manner), &goal, session),
        (Reader::Ours(manner), Format::Snapshot) => snapshot(args, (pid, manner), &goal, session),
    }?;
    Ok(answer.section(format.section(on_disk(&goal))).next(format!("heapwhy {}", shell_path(&goal))))
}

/// Returns how much room a file takes, in bytes; `None` where the system does not say.
fn on_disk(file: &Path) -> Option<u64> {
    #[cfg(unix)]
    return std::fs::metadata(file).ok().map(|metadata| std::os::unix::fs::MetadataExt::blocks(&metadata) * 512);
    #[cfg(not(unix))]
    return std::fs::metadata(file).ok().map(|metadata| metadata.len());
}

/// Writes all memory.
fn core_dump(
    args: &CaptureArgs,
    format: Format,
    goal: &Path,
    session: &Session,
    capture: impl FnOnce(&File) -> Result<Running, CommandError>,
) -> Result<Answer, CommandError> {
    let failed = |error| output::failed(goal, &error);
    let mut file = WholeFile::beside(goal).map_err(failed)?;
    let running = capture(file.file())?;
    file.name(goal).map_err(failed)?;
    let bytes = std::fs::metadata(goal).map_err(failed)?.len();
    let written = Section::Written { path: goal.to_owned(), bytes, what: format.title() };
    Ok(open::start(vec![open::target_of(&args.pid, running)], &[], session).headed().section(written))
}

/// Writes the graph alone, without values.
fn graph(args: &CaptureArgs, process: (i32, Manner), goal: &Path, session: &Session) -> Result<Answer, CommandError> {
    let failed = |error| output::failed(goal, &error);
    let mut file = WholeFile::beside(goal).map_err(failed)?;
    let opened = open::read_process(&args.pid, process, Wanted::Nothing, session)?;
    let (graph, audit) = redact(opened.analysis.graph(), &RedactOptions::default());
    let answer = opened.answer(session).headed();
    let (problems, origin) = (opened.problems.clone(), Origin { node: opened.target.node.clone() });
    // Two graphs need twice the memory, and what follows from one is computed now.
    drop(opened);
    let analysis = HeapAnalysis::new(graph);
    analysis.prepare(&session.progress).map_err(|_| open::stopped())?;
    let written = heap::index::fill(file.file(), &analysis, &problems, &Key::NONE, &origin.to_bytes(), &session.progress);
    let bytes = written.map_err(failed)?;
    file.name(goal).map_err(failed)?;
    let mut kept = audit.table();
    kept.truncate(session.limit(false));
    let title = "Kept as it was (read it before you share the file)".to_owned();
    let written = Section::Written { path: goal.to_owned(), bytes, what: Format::Graph.title() };
    Ok(answer.section(written).section(Section::Table { title, table: kept, only_json: &[] }))
}

/// Writes what V8's own snapshot would hold.
fn snapshot(args: &CaptureArgs, process: (i32, Manner), goal: &Path, session: &Session) -> Result<Answer, CommandError> {
    // Where nothing can be written, the process is left in peace.
    WholeFile::beside(goal).map_err(|error| output::failed(goal, &error))?;
    let opened = open::read_process(&args.pid, process, Wanted::Nothing, session)?;
    let graph: &HeapGraph = opened.analysis.graph();
    let fill = |mut out: &mut dyn std::io::Write| heap::snapshot::write::write(graph, &mut out, &WriteOptions::default());
    let bytes = output::whole(goal, fill)?;
    Ok(opened.answer(session).headed().section(Section::Written { path: goal.to_owned(), bytes, what: Format::Snapshot.title() }))
}
