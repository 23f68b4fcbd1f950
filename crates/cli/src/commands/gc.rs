//! `heapwhy gc`: what V8's own log of garbage collections says.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use clap::Args;
use heap::gc_log::{Collection, GcLog, Judgement, Trend};
use heap::view::{Cell, ColumnKind, Table};
use serde_json::{Value, json};

use crate::answer::{Answer, Line, Piece, Section, Warning};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::open;
use crate::render::number;
use crate::running::Besides;
use crate::session::Session;

/// Options of `gc`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  node --trace-gc server.js > gc.log; heapwhy gc gc.log\n  kubectl logs POD | heapwhy gc -\n  heapwhy gc gc.log --json | jq -r '.gc[0].trend'",
    after_help = "The log is what --trace-gc or --trace-gc-nvp writes, among other lines or behind a logger's words. Judged is the floor: what full collections (Mark-Compact, Mark-sweep) leave. growing: it rises. filling-to-a-bound: it rose. lazy-gc: the heap is at least twice the floor before collections, and falls back to it. thrashing: the last full collections took more than half of the time.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct GcArgs {
    /// The log, or - for standard input
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The heap's limit in megabytes (--max-old-space-size): how long until it is reached
    #[arg(long, value_name = "MB")]
    heap_limit: Option<u64>,
}

/// Judges a log.
pub(crate) fn run(args: &GcArgs, session: &Session) -> Result<Answer, CommandError> {
    judged(&args.log, args.heap_limit, session)
}

/// Says whether a file is a log of collections, by its beginning. What is no text is none.
pub(crate) fn is_log(path: &Path) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && File::open(path).is_ok_and(|file| begins_as_log(&file))
}

fn begins_as_log(file: &File) -> bool {
    /// A program may say something else before its first collection.
    const BEGINNING: u64 = 256 << 10;
    let mut bytes = Vec::new();
    let is_read = file.take(BEGINNING).read_to_end(&mut bytes).is_ok();
    let is_text = |bytes: &[u8]| !bytes.contains(&0) && !bytes.trim_ascii_start().starts_with(b"{");
    is_read && is_text(&bytes) && GcLog::is_log(&bytes)
}

/// Judges what is open already, standard input for one; `None` where it is no log. `path` is only for messages.
pub(crate) fn judged_file(path: &Path, mut file: File, session: &Session) -> Result<Option<Answer>, CommandError> {
    if !begins_as_log(&file) {
        return Ok(None);
    }
    let log = file.rewind().and_then(|()| GcLog::read(BufReader::new(file))).map_err(|error| open::io_error(path, &error))?;
    told(path, &log, None, session).map(Some)
}

/// Judges the log at a path.
pub(crate) fn judged(path: &Path, heap_limit: Option<u64>, session: &Session) -> Result<Answer, CommandError> {
    told(path, &read(path, session)?, heap_limit, session)
}

/// Unpacks a packed file.
fn unpacked(path: &Path, session: &Session) -> Result<Option<File>, CommandError> {
    if open::packed_with(path).is_none() {
        return Ok(None);
    }
    let source = open::any_input(path, Besides::Nothing, session)?;
    Ok(Some(source.input.into_file().0))
}

fn told(path: &Path, log: &GcLog, heap_limit: Option<u64>, session: &Session) -> Result<Answer, CommandError> {
    if log.collections.is_empty() {
        let what = format!("{} holds no line of a garbage collection", shown(path));
        return Err(CommandError::new(&codes::NOT_A_GC_LOG, what)
            .why(format!("{} lines are none that --trace-gc or --trace-gc-nvp of Node.js 16 to 26 writes", number::count(log.others)))
            .hint("node --trace-gc server.js > gc.log"));
    }
    let judged: Vec<(&str, Judgement)> = log.judge();
    let shown = judged.get(..session.limit(false)).unwrap_or(&judged);
    let limit = heap_limit.map(|megabytes| megabytes.saturating_mul(1 << 20));
    let mut lines: Vec<Line> = shown.iter().flat_map(|(isolate, judgement)| lines(isolate, judgement, judged.len() > 1, limit)).collect();
    lines.extend(left_out(judged.len() - shown.len()));
    let json: Vec<Value> = shown.iter().map(|(isolate, judgement)| in_json(isolate, judgement, limit)).collect();
    let mut answer = Answer::default().section(Section::Value { name: "gc", json: json.into(), lines });
    answer.warnings.extend(forgotten(log));
    let table = last_full(log, session.limit(false).max(1));
    Ok(answer.section(Section::Table { title: "Last full collections".to_owned(), table, only_json: &[] }))
}

/// Says that isolates are not shown.
fn left_out(count: usize) -> Option<Line> {
    let text = format!("… {} more isolates, with fewer collections (--limit 0 shows all)", number::count(count as u64));
    (count > 0).then(|| vec![Piece::Plain(text)])
}

/// Says that the first collections of a long log do not count.
fn forgotten(log: &GcLog) -> Option<Warning> {
    let all = log.left_out + log.collections.len() as u64;
    let (first, all) = (number::count(log.left_out), number::count(all));
    let message = format!("the first {first} of {all} collections are left out: what follows is about those that came after them");
    (log.left_out > 0).then_some(Warning { kind: "left-out", count: log.left_out, offset: None, message })
}

fn read(path: &Path, session: &Session) -> Result<GcLog, CommandError> {
    let failed = |error: io::Error| open::io_error(path, &error);
    if open::is_stdin(path) {
        return GcLog::read(io::stdin().lock()).map_err(failed);
    }
    let file = match unpacked(path, session)? {
        Some(file) => file,
        None => File::open(path).map_err(failed)?,
    };
    GcLog::read(BufReader::new(file)).map_err(failed)
}

/// Bytes that are left until the limit, by how fast the floor rises.
fn seconds_left(judgement: &Judgement, limit: Option<u64>) -> Option<f64> {
    let (limit, floor, slope) = (limit?, judgement.floor?, judgement.slope?);
    (judgement.trend == Trend::Growing && slope > 0.0).then(|| limit.saturating_sub(floor[2]) as f64 / slope)
}

fn lines(isolate: &str, judgement: &Judgement, has_others: bool, limit: Option<u64>) -> Vec<Line> {
    let plain = |text: String| vec![Piece::Plain(format!("  {text}"))];
    [head(isolate, judgement, has_others)].into_iter().chain(facts(judgement, limit).into_iter().map(plain)).collect()
}

fn head(isolate: &str, judgement: &Judgement, has_others: bool) -> Line {
    let word = judgement.trend.name().replace('-', " ").to_uppercase();
    let of = if has_others { format!("   isolate {isolate}") } else { String::new() };
    let thrashing = if judgement.is_thrashing { "   THRASHING: it does little else than to collect" } else { "" };
    let word = match judgement.trend {
        Trend::Growing => Piece::Alarm(word),
        _ => Piece::Strong(word),
    };
    vec![word, Piece::Plain(of), Piece::Alarm(thrashing.to_owned())]
}

fn facts(judgement: &Judgement, limit: Option<u64>) -> Vec<String> {
    let seconds = |seconds: f64| number::time(std::time::Duration::try_from_secs_f64(seconds).unwrap_or(std::time::Duration::MAX));
    let mut facts = vec![match judgement.floor.map(|floor| floor.map(number::bytes)) {
        Some([first, middle, last]) => format!("floor   {first} → {middle} → {last} after full collections"),
        None => "floor   unknown: fewer than six full collections".to_owned(),
    }];
    if let Some((slope, rising)) = judgement.slope.zip(judgement.rising).filter(|_| judgement.trend == Trend::Growing) {
        let (pairs, slope) = (number::share(f64::midpoint(1.0, rising)), number::bytes((slope * 3600.0) as u64));
        facts.push(format!("slope   {slope} an hour; of any two full collections the later leaves more in {pairs}"));
    }
    facts.extend(seconds_left(judgement, limit).zip(judgement.floor).map(|(left, floor)| match limit {
        Some(limit) if floor[2] >= limit => format!("limit   reached: {} are left of {}", number::bytes(floor[2]), number::bytes(limit)),
        _ => format!("limit   reached in about {}", seconds(left)),
    }));
    facts.push(format!("peak    {} before a collection", number::bytes(judgement.peak)));
    facts.push(format!(
        "time    {} in {} full and {} young collections; it stood still for {} of it",
        seconds(judgement.seconds),
        number::count(judgement.full as u64),
        number::count(judgement.young as u64),
        number::share(judgement.paused)
    ));
    facts
}

fn in_json(isolate: &str, judgement: &Judgement, limit: Option<u64>) -> Value {
    json!({
        "isolate": isolate,
        "trend": judgement.trend.name(),
        "thrashing": judgement.is_thrashing,
        "floor": judgement.floor,
        "slope_bytes_per_second": judgement.slope,
        "rising": judgement.rising,
        "peak": judgement.peak,
        "paused": judgement.paused,
        "seconds": judgement.seconds,
        "full": judgement.full,
        "young": judgement.young,
        "seconds_to_limit": seconds_left(judgement, limit),
    })
}

/// Lists the last full collections, which tell most, `most` of them.
fn last_full(log: &GcLog, most: usize) -> Table {
    let columns = [
        ("isolate", "isolate", ColumnKind::Text),
        ("seconds", "at (s)", ColumnKind::Text),
        ("before", "before", ColumnKind::Bytes),
        ("after", "after", ColumnKind::Bytes),
        ("committed", "committed", ColumnKind::Bytes),
        ("pause_ms", "pause (ms)", ColumnKind::Text),
    ];
    let mut table = Table::new("collections", &columns);
    let full: Vec<&Collection> = log.collections.iter().filter(|collection| collection.is_full).collect();
    for collection in &full[full.len().saturating_sub(most)..] {
        table.push(vec![
            collection.isolate.as_str().into(),
            Cell::from(format!("{:.3}", collection.at)),
            collection.before.into(),
            collection.after.into(),
            collection.committed.into(),
            Cell::from(format!("{:.1}", collection.pause * 1000.0)),
        ]);
    }
    table.total_rows = full.len() as u64;
    table
}
