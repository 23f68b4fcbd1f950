//! `heapwhy guard`: watches a process and captures it before a limit ends it.
//!
//! When that is due is `heap::alarm`'s, where it is kept `evidence`'s. A process that is near its end gets one capture first, whatever the moment; only then
//! another at a better one.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use heap::alarm::{Alarm, Cause, Wanted};
use heap::outlook::History;
use heap::trend::Trend;
use heap::view::{ColumnKind, Table};
use heap::whole_file::WholeFile;
use serde_json::json;

use crate::answer::{Answer, Piece, Section, Status};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::evidence::{Evidence, occupied};
use crate::exit::Exit;
use crate::output;
use crate::progress::{is_cancelled, wait_until};
use crate::quantities::{share, size};
use crate::render::{self, clean, number};
use crate::running::{self, Running};
use crate::session::Session;
use crate::typed::shell_path;
use crate::watched::{Sample, Watched};

/// Options of `guard`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy guard 7073\n  heapwhy guard --dir /data/heapwhy -- node server.js\n  heapwhy guard 7073 --at 80% --on heap --once",
    after_help = "heap: objects of the old generation have so much of V8's limit (--max-old-space-size), or a full collection left three quarters of it: V8 gives up before its heap is full where collections free little.\nrss: the limit of its control group is near, or that of --rss-limit. slope: what full collections leave rises for sure.\nA capture is a core dump that every command reads. Another of the same cause is taken where a twentieth of the limit more is kept than then.\nThe process goes on. What `heapwhy doctor` calls dangerous is not done. Files are for their owner alone; of those that guard has written before, the oldest are deleted where the budget wants it. With a command, signals go on to it and its exit code is guard's; guarded is the first process of Node.js among it and its children, package managers left out.",
    help_template = crate::args::TEMPLATE,
    override_usage = "heapwhy guard [OPTIONS] PID\n       heapwhy guard [OPTIONS] -- COMMAND..."
)]
pub(crate) struct GuardArgs {
    /// The process
    #[arg(value_name = "PID", required_unless_present = "command")]
    pid: Option<PathBuf>,
    /// The command to run and guard
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// From which share of a limit on
    #[arg(long, value_name = "SHARE", default_value = "90%", value_parser = share)]
    at: f64,
    /// Of which causes: heap, rss, slope
    #[arg(long, value_name = "CAUSES", value_delimiter = ',', default_value = "heap,rss", hide_possible_values = true)]
    on: Vec<On>,
    /// A limit on its memory (RSS), where its control group has none or a higher one
    #[arg(long, value_name = "SIZE", value_parser = size)]
    rss_limit: Option<u64>,
    /// Where captures are kept
    #[arg(long, value_name = "DIR", default_value = "heapwhy-guard")]
    dir: PathBuf,
    /// How much captures may take together
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = size)]
    budget: u64,
    /// Guard until the first capture only
    #[arg(long)]
    once: bool,
}

/// A cause, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum On {
    /// V8's limit.
    Heap,
    /// A limit on memory.
    Rss,
    /// Growth.
    Slope,
}

impl On {
    fn cause(self) -> Cause {
        match self {
            Self::Heap => Cause::Heap,
            Self::Rss => Cause::Rss,
            Self::Slope => Cause::Slope,
        }
    }
}

impl GuardArgs {
    /// Says whether signals are not ours but a command's.
    pub(crate) fn passes_signals_on(&self) -> bool {
        !self.command.is_empty()
    }
}

/// Guards.
pub(crate) fn run(args: &GuardArgs, session: &Session) -> Result<Answer, CommandError> {
    let evidence = Evidence::open(&args.dir, args.budget)?;
    session.progress.finish();
    let Some(pid) = &args.pid else { return with_command::run(args, evidence, session) };
    if !args.command.is_empty() {
        return Err(CommandError::new(&codes::USAGE, "a process and a command cannot be guarded at once"));
    }
    let Some(pid) = running::pid(pid) else {
        let what = format!("{} is no process id", shown(pid));
        return Err(CommandError::new(&codes::USAGE, what).hint("heapwhy guard -- COMMAND   runs a command and guards it"));
    };
    let mut guard = Guard::begin(pid, args, evidence, session)?;
    let end = guard.watch(&mut is_cancelled);
    Ok(guard.answer(end))
}

/// Tells something on standard error: standard output may be a command's.
fn say(text: &str) {
    render::to_stderr(&format!("guard: {}\n", clean::clean(text)));
}

/// Tells an error there.
fn complain(doing: &str, error: &CommandError) {
    say(&format!("{doing}: {} [{}]", error.what, error.code.id));
    for (label, text) in &error.notes {
        say(&format!("  {label}  {text}"));
    }
}

/// How guarding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The process has ended.
    Gone,
    /// Somebody wants an end.
    Stopped,
    /// There is a capture, and one is enough.
    Once,
}

/// What was captured.
struct Capture {
    path: PathBuf,
    bytes: u64,
    cause: Cause,
    running: Running,
    collecting: bool,
    sample: Sample,
}

/// A process that is guarded.
struct Guard<'s> {
    pid: i32,
    once: bool,
    wants_slope: bool,
    evidence: Evidence,
    session: &'s Session,
    watched: Watched,
    alarm: Alarm,
    history: History,
    judged: (Instant, bool),
    captures: Vec<Capture>,
    told_limits: bool,
}

/// How often growth is judged.
const JUDGED_EVERY: Duration = Duration::from_secs(5);

impl<'s> Guard<'s> {
    fn begin(pid: i32, args: &GuardArgs, evidence: Evidence, session: &'s Session) -> Result<Self, CommandError> {
        let watched = Watched::begin(pid)?;
        let on: Vec<Cause> = args.on.iter().map(|on| on.cause()).collect();
        let wants_slope = on.contains(&Cause::Slope);
        let alarm = Alarm::new(Wanted { at: args.at, on, rss_limit: args.rss_limit });
        say(&format!("pid {pid}: captures go to {} from {} of a limit on", shown(evidence.folder()), number::share(args.at)));
        Ok(Self {
            pid,
            once: args.once,
            wants_slope,
            evidence,
            session,
            watched,
            alarm,
            history: History::default(),
            judged: (Instant::now(), false),
            captures: Vec::new(),
            told_limits: false,
        })
    }

    fn watch(&mut self, is_over: &mut dyn FnMut() -> bool) -> End {
        loop {
            let Some(sample) = self.watched.look() else { return End::Gone };
            self.tell_limits(&sample);
            self.history.add(sample.look());
            let grows = self.grows();
            if let Some(cause) = self.alarm.look(sample.look(), grows) {
                self.take(cause, sample);
                self.alarm.taken(cause);
                if self.once && !self.captures.is_empty() {
                    return End::Once;
                }
            }
            if !wait_until(Instant::now() + self.alarm.wait(), &mut *is_over) {
                return End::Stopped;
            }
        }
    }

    /// Says once what is guarded against.
    fn tell_limits(&mut self, sample: &Sample) {
        if self.told_limits || sample.heap.is_none() && sample.at < Duration::from_secs(5) {
            return;
        }
        self.told_limits = true;
        let heap = match sample.heap.as_ref().and_then(|heap| heap.nearest.limit) {
            Some(limit) => format!("V8's limit of the old generation is {}", number::bytes(limit)),
            None => format!("V8's limit is unknown: {}", self.watched.doubt().unwrap_or("it is not plausible")),
        };
        let group = sample.group.map_or_else(
            || "no control group limits it".to_owned(),
            |group| format!("its control group may have {}", number::bytes(group.limit)),
        );
        say(&format!("pid {}: {heap}; {group}", self.pid));
    }

    fn grows(&mut self) -> bool {
        if self.wants_slope && self.judged.0.elapsed() >= JUDGED_EVERY {
            let outlook = self.history.outlook();
            let is_sure = outlook.floors.as_ref().is_some_and(|course| course.slope.low > 0.0);
            self.judged = (Instant::now(), outlook.trend() == Trend::Growing && is_sure);
        }
        self.judged.1
    }

    /// Captures, and tells what came of it. What fails is told, and guarding goes on.
    fn take(&mut self, cause: Cause, sample: Sample) {
        say(&format!("pid {}: {}: capturing", self.pid, why(cause, &sample)));
        match self.capture(cause, sample) {
            Ok(capture) => {
                let pause = number::time(capture.running.pause);
                let what = format!(
                    "{}, {}, by {}; it stood still for {pause}",
                    shown(&capture.path),
                    number::bytes(capture.bytes),
                    capture.running.method
                );
                say(&format!("pid {}: {what}{}", self.pid, if capture.collecting { ", inside a garbage collection" } else { "" }));
                say(&format!("next: heapwhy {}", shell_path(&capture.path)));
                self.captures.push(capture);
            }
            Err(error) => complain("no capture", &error),
        }
    }

    fn capture(&self, cause: Cause, sample: Sample) -> Result<Capture, CommandError> {
        // What is in the image: memory of its own, and what it has changed of files.
        const BESIDES: u64 = 32_000_000;
        let deleted = self.evidence.make_room(sample.anonymous + sample.shared + BESIDES)?;
        deleted.iter().for_each(|path| say(&format!("deleted {}: the budget is used up", shown(path))));
        let path = self.evidence.path(sample.time, self.pid, cause.name());
        let (mut running, mut collecting) = self.write(&path)?;
        for _ in 0..BETTER {
            if !collecting || !self.watched.is_there() {
                break;
            }
            std::thread::sleep(A_WHILE);
            // The first one is kept unless this one is better: the process may be gone before it is done.
            match self.write_better(&path) {
                Ok(Some(better)) => (running, collecting) = (better, false),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        let bytes = occupied(&std::fs::metadata(&path).map_err(|error| output::failed(&path, &error))?);
        Ok(Capture { path, bytes, cause, running, collecting, sample })
    }

    /// Captures, and names the file before anything else: the process may be gone soon. Says whether it was inside a collection.
    fn write(&self, path: &Path) -> Result<(Running, bool), CommandError> {
        let failed = |error| output::failed(path, &error);
        let mut file = WholeFile::beside(path).map_err(failed)?;
        let taken = running::capture_once(self.pid, file.file(), self.session)?;
        file.name(path).map_err(failed)?;
        let image = File::open(path).map_err(failed)?;
        Ok((taken, running::is_collecting(self.pid, &image)))
    }

    /// Captures again, and replaces a capture where the new one is not from inside a collection.
    fn write_better(&self, path: &Path) -> Result<Option<Running>, CommandError> {
        let failed = |error| output::failed(path, &error);
        let mut file = WholeFile::beside(path).map_err(failed)?;
        let taken = running::capture_once(self.pid, file.file(), self.session)?;
        if running::is_collecting(self.pid, file.file()) {
            return Ok(None);
        }
        file.name(path).map_err(failed)?;
        Ok(Some(taken))
    }

    fn answer(self, end: End) -> Answer {
        let (status, exit) = match end {
            End::Once => (Status::Complete, Exit::Fine),
            End::Gone => (Status::Complete, Exit::Target),
            End::Stopped => (Status::Cancelled, Exit::Stopped),
        };
        let captures = self.captures.len();
        let ended = if end == End::Gone { "; it has ended" } else { "" };
        let text = format!("  pid {}: {captures} capture{}{ended}", self.pid, if captures == 1 { "" } else { "s" });
        let json = json!({ "pid": self.pid, "captures": captures, "ended": end == End::Gone });
        let lines = vec![vec![Piece::Strong("GUARDED".to_owned()), Piece::Plain(text)]];
        let answer = Answer { status, exit, ..Answer::default() }.section(Section::Value { name: "guard", json, lines });
        let answer = match self.captures.last() {
            Some(last) => answer.next(format!("heapwhy {}", shell_path(&last.path))),
            None => answer,
        };
        answer.section(Section::Table {
            title: String::new(),
            table: table(&self.captures),
            only_json: &["at", "method", "collecting", "resident"],
        })
    }
}

/// After a capture from inside a collection so many are tried at a better moment, each a while later.
const BETTER: u32 = 2;
const A_WHILE: Duration = Duration::from_millis(30);

/// Says what is near.
fn why(cause: Cause, sample: &Sample) -> String {
    let of = |used: u64, limit: u64| format!("{} of {}", number::bytes(used), number::bytes(limit));
    match cause {
        Cause::Heap => {
            let heap = sample.heap.as_ref().map(|heap| heap.nearest).unwrap_or_default();
            let floor = heap.last_full.map_or_else(|| "unknown".to_owned(), number::bytes);
            format!("V8's old generation has {}, the last full collection left {floor}", of(heap.used, heap.limit.unwrap_or(0)))
        }
        Cause::Rss => match sample.group {
            Some(group) => format!("{} in memory; its control group has {}", number::bytes(sample.resident), of(group.used, group.limit)),
            None => format!("{} in memory", number::bytes(sample.resident)),
        },
        Cause::Slope => "what full collections leave rises for sure".to_owned(),
    }
}

fn table(captures: &[Capture]) -> Table {
    let columns = [
        ("path", "file", ColumnKind::Location),
        ("at", "at", ColumnKind::Text),
        ("cause", "cause", ColumnKind::Word),
        ("bytes", "on disk", ColumnKind::Bytes),
        ("method", "method", ColumnKind::Word),
        ("pause_us", "µs of pause", ColumnKind::Count),
        ("collecting", "collecting", ColumnKind::Word),
        ("resident", "RSS", ColumnKind::Bytes),
    ];
    let mut table = Table::new("captures", &columns);
    for capture in captures {
        table.push(vec![
            capture.path.display().to_string().into(),
            number::utc(capture.sample.time).into(),
            capture.cause.name().into(),
            capture.bytes.into(),
            capture.running.method.into(),
            u64::try_from(capture.running.pause.as_micros()).unwrap_or(u64::MAX).into(),
            if capture.collecting { "yes" } else { "no" }.into(),
            capture.sample.resident.into(),
        ]);
    }
    table
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod with_command {
    use std::time::{Duration, Instant};

    use live::command::{Started, family};

    use super::{Answer, CommandError, End, Evidence, Guard, GuardArgs, Session, codes, complain, running, say};

    /// How often a process of Node.js is looked for: at first, and later.
    const OFTEN: Duration = Duration::from_millis(50);
    const SELDOM: Duration = Duration::from_secs(1);

    /// Runs a command and guards it. Ends as the command does.
    pub(super) fn run(args: &GuardArgs, evidence: Evidence, session: &Session) -> Result<Answer, CommandError> {
        let Some((program, arguments)) = args.command.split_first() else { return Ok(Answer::default()) };
        let mut command = Started::start(program, arguments)
            .map_err(|error| CommandError::new(&codes::COMMAND_FAILED, format!("cannot run {}: {error}", program.to_string_lossy())))?;
        let began = Instant::now();
        let mut is_enough = false;
        let code = loop {
            if let Some(code) = command.ended() {
                break code;
            }
            let found = if is_enough { None } else { node_of(command.pid()) };
            let Some(pid) = found else {
                std::thread::sleep(if began.elapsed() < Duration::from_secs(5) { OFTEN } else { SELDOM.min(OFTEN * 4) });
                continue;
            };
            match Guard::begin(pid, args, evidence.clone(), session) {
                Ok(mut guard) => is_enough = guard.watch(&mut || command.ended().is_some()) == End::Once,
                // It may have ended, or is becoming another program.
                Err(error) if command.ended().is_none() && began.elapsed() > SELDOM => {
                    complain("not guarded", &error);
                    is_enough = true;
                }
                Err(_) => std::thread::sleep(OFTEN),
            }
        };
        say(&format!("the command has ended with {code}"));
        drop(command);
        std::process::exit(i32::from(code))
    }

    /// Returns the process of Node.js to guard: the first of the command's that runs a program of its own, and no package manager.
    fn node_of(pid: i32) -> Option<i32> {
        family(pid).into_iter().find(|&one| running::is_program_of_node(one))
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod with_command {
    use super::{Answer, CommandError, Evidence, GuardArgs, Session, running};

    pub(super) fn run(_: &GuardArgs, _: Evidence, _: &Session) -> Result<Answer, CommandError> {
        Err(running::unsupported(0))
    }
}
