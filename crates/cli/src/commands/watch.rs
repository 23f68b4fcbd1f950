//! `heapwhy watch`: what a running process's memory does, looked at from outside again and again without stopping it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use heap::outlook::{Course, History, Outlook};
use heap::trend::{LEAST, Trend};
use heap::whole_file::WholeFile;
use serde_json::{Value, json};

use crate::answer::{Answer, Line, Piece, Section, Status};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;
use crate::progress::{is_cancelled, wait_until};
use crate::quantities::span;
use crate::render::number;
use crate::render::samples::{self, Form, Stream};
use crate::render::style::Style;
use crate::running;
use crate::session::Session;
use crate::watched::rows::{reached_in_json, slope_in_json, table};
use crate::watched::{Sample, Watched};

/// Options of `watch`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy watch 7073\n  heapwhy watch 7073 --every 1s --for 10m\n  heapwhy watch 7073 --jsonl | jq '{rss, heap_floor}'\n  heapwhy watch 7073 --every 15s --prometheus-file /var/lib/node_exporter/heapwhy.prom",
    after_help = "The process is not stopped and does not notice: a look takes a few small reads of what V8 and the kernel count.\nRSS: all that is in memory. HEAP: V8's pages. OLD: objects of the old generation, garbage among them. FLOOR: what the last full collection left of these. BESIDES: memory of C and C++, Buffers, stacks, at least: what came from nowhere less V8's pages, of which those that were never touched are in no memory. GROUP: what the control group with the least left has, without idle pages of files.\nJudged is the floor, from six full collections on; its slope is the middle of all slopes between two of them, with a range that holds 95 times of\n100. Exits with 6 where the process ends before the time is over.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct WatchArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: PathBuf,
    /// How often to look: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    every: Duration,
    /// For how long [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    time: Option<Duration>,
    /// Print each sample in Prometheus' text form
    #[arg(long, conflicts_with_all = ["json", "jsonl"])]
    prometheus: bool,
    /// Write each sample in Prometheus' text form to a file, which is whole at any time
    #[arg(long, value_name = "FILE")]
    prometheus_file: Option<PathBuf>,
}

/// So many samples are kept for `--json`: of more, the first.
const KEPT: usize = 100_000;
/// Nobody looks more often.
const SHORTEST: Duration = Duration::from_millis(10);

/// How watching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The time was over, or nobody reads any more.
    Over,
    /// The process has ended.
    Gone,
    /// Ctrl-C.
    Stopped,
}

/// Watches.
pub(crate) fn run(args: &WatchArgs, session: &Session) -> Result<Answer, CommandError> {
    let pid = running::named(&args.pid)?;
    let every = args.every.max(SHORTEST);
    let mut watched = Watched::begin(pid)?;
    session.progress.finish();
    let mut record =
        Record { stream: Stream::new(form(args, session), style(session)), history: History::default(), samples: VecDeque::new() };
    let end = record.watch(args, pid, every, &mut watched, session.global.json)?;
    Ok(record.answer(pid, every, end, watched.doubt(), session))
}

fn form(args: &WatchArgs, session: &Session) -> Form {
    match (session.global.json, session.global.jsonl, args.prometheus) {
        (true, ..) => Form::Silent,
        (_, true, _) => Form::JsonLines,
        (.., true) => Form::Prometheus,
        _ => Form::for_people(),
    }
}

fn style(session: &Session) -> Style {
    Style::detect(session.global.color, session.global.ascii)
}

/// What was seen so far, and where it is told.
struct Record {
    stream: Stream,
    history: History,
    samples: VecDeque<Sample>,
}

impl Record {
    fn watch(&mut self, args: &WatchArgs, pid: i32, every: Duration, watched: &mut Watched, keep: bool) -> Result<End, CommandError> {
        let began = Instant::now();
        let mut next = began;
        loop {
            let Some(sample) = watched.look() else { return Ok(End::Gone) };
            self.history.add(sample.look());
            if let Err(error) = self.stream.tell(pid, &sample, &self.history) {
                return if error.kind() == io::ErrorKind::BrokenPipe { Ok(End::Over) } else { Err(output::failed(Path::new("-"), &error)) };
            }
            if let Some(path) = &args.prometheus_file {
                put(path, &samples::prometheus(pid, &sample)).map_err(|error| output::failed(path, &error))?;
            }
            if keep && self.samples.len() < KEPT {
                self.samples.push_back(sample);
            }
            // A look that took long leaves others out.
            next = (next + every).max(Instant::now());
            if args.time.is_some_and(|time| next.duration_since(began) > time) {
                return Ok(End::Over);
            }
            if !wait_until(next, is_cancelled) {
                return Ok(End::Stopped);
            }
        }
    }

    fn answer(self, pid: i32, every: Duration, end: End, doubt: Option<&str>, session: &Session) -> Answer {
        let outlook = self.history.outlook();
        let (status, exit) = match end {
            End::Over => (Status::Complete, Exit::Fine),
            End::Gone => (Status::Complete, Exit::Target),
            End::Stopped => (Status::Cancelled, Exit::Stopped),
        };
        let answer = Answer { status, exit, ..Answer::default() };
        // Others than people have had all that there is to say.
        let is_stream = session.global.jsonl || matches!(self.stream.form(), Form::Prometheus);
        if is_stream {
            return answer;
        }
        let json = in_json(pid, every, &self.history, &outlook, end, doubt);
        let answer = answer.section(Section::Value { name: "watch", json, lines: lines(pid, every, &self.history, &outlook, end, doubt) });
        if session.global.json {
            return answer.section(Section::Table { title: String::new(), table: table(&self.samples), only_json: &[] });
        }
        if outlook.trend() == Trend::Growing && end != End::Gone { answer.next(format!("heapwhy {pid}")) } else { answer }
    }
}

/// Writes a file that others read: it is whole at any time, and says nothing secret.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let mut file = WholeFile::beside(path)?;
    io::Write::write_all(file.file(), text.as_bytes())?;
    #[cfg(unix)]
    file.file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.name(path)
}

fn course_in_json(course: Option<&Course>) -> Value {
    course.map_or(Value::Null, |course| {
        json!({
            "trend": course.trend.name(),
            "thirds": course.thirds,
            "slope": slope_in_json(course.slope),
            "rising": course.rising,
            "points": course.points,
        })
    })
}

fn in_json(pid: i32, every: Duration, history: &History, outlook: &Outlook, end: End, doubt: Option<&str>) -> Value {
    json!({
        "pid": pid,
        "seconds": outlook.seconds,
        "every_seconds": every.as_secs_f64(),
        "looks": history.looks(),
        "ended": end == End::Gone,
        "trend": outlook.trend().name(),
        "full_collections": outlook.full_collections,
        "floor": course_in_json(outlook.floors.as_ref()),
        "resident": course_in_json(outlook.resident.as_ref()),
        "group": course_in_json(outlook.group.as_ref()),
        "peak": outlook.peak,
        "reached": reached_in_json(outlook),
        "doubt": doubt,
    })
}

fn lines(pid: i32, every: Duration, history: &History, outlook: &Outlook, end: End, doubt: Option<&str>) -> Vec<Line> {
    let word = outlook.trend().name().replace('-', " ").to_uppercase();
    let word = if outlook.trend() == Trend::Growing { Piece::Alarm(word) } else { Piece::Strong(word) };
    let ended = if end == End::Gone { "; it has ended" } else { "" };
    let about = format!(
        "   pid {pid}, watched for {}, {} looks, one every {}{ended}",
        samples::duration(outlook.seconds),
        number::count(history.looks()),
        number::time(every)
    );
    let mut lines = vec![vec![word, Piece::Plain(about)]];
    let mut fact = |name: &str, text: String| lines.push(vec![Piece::Plain(format!("  {name:<8}{text}"))]);
    match &outlook.floors {
        Some(course) => fact("floor", format!("{} after {} full collections", samples::course(course), outlook.full_collections)),
        None => fact("floor", format!("unknown: {} of {LEAST} full collections", outlook.full_collections)),
    }
    if let Some(course) = &outlook.resident {
        fact("rss", format!("{} at its lowest", samples::course(course)));
    }
    if let Some(course) = &outlook.group {
        fact("group", format!("{} at its lowest", samples::course(course)));
    }
    outlook.reached.iter().for_each(|one| fact("limit", samples::reached(one)));
    if let Some(doubt) = doubt {
        fact("heap", format!("unknown: {doubt}"));
    }
    lines
}
