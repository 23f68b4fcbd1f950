//! `heapwhy gc`: what V8's own log of garbage collections says.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use clap::Args;
use heap::gc_log::{Collection, GcLog, Judgement, Trend};
use heap::view::{Cell, ColumnKind, Table};
use serde_json::{Value, json};

use crate::answer::{Answer, Line, Piece, Section};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::open;
use crate::render::number;
use crate::session::Session;

/// Options of `gc`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  node --trace-gc server.js > gc.log; heapwhy gc gc.log\n  kubectl logs POD | heapwhy gc -\n  heapwhy gc gc.log --json | jq -r '.gc[0].trend'",
    after_help = "The log is what --trace-gc or --trace-gc-nvp writes, among other lines or behind a logger's words. Judged is the floor: what full collections\n(Mark-Compact, Mark-sweep) leave. growing: it rises. filling-to-a-bound: it rose. lazy-gc: the heap is at least twice the floor before\ncollections, and falls back to it. thrashing: the last full collections took more than half of the time.",
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
    let log = read(args)?;
    if log.collections.is_empty() {
        let what = format!("{} holds no line of a garbage collection", shown(&args.log));
        return Err(CommandError::new(&codes::NOT_A_GC_LOG, what)
            .why(format!("{} lines are none that --trace-gc or --trace-gc-nvp of Node.js 16 to 26 writes", number::count(log.others)))
            .hint("node --trace-gc server.js > gc.log"));
    }
    let judged: Vec<(&str, Judgement)> = log.judge();
    let limit = args.heap_limit.map(|megabytes| megabytes.saturating_mul(1 << 20));
    let lines = judged.iter().flat_map(|(isolate, judgement)| lines(isolate, judgement, judged.len() > 1, limit)).collect();
    let json: Vec<Value> = judged.iter().map(|(isolate, judgement)| in_json(isolate, judgement, limit)).collect();
    let answer = Answer::default().section(Section::Value { name: "gc", json: json.into(), lines });
    let table = last_full(&log, session.limit(false).max(1));
    Ok(answer.section(Section::Table { title: "Last full collections".to_owned(), table, only_json: &[] }))
}

fn read(args: &GcArgs) -> Result<GcLog, CommandError> {
    let failed = |error: io::Error| open::io_error(&args.log, &error);
    if args.log.as_os_str() == "-" {
        return GcLog::read(io::stdin().lock()).map_err(failed);
    }
    GcLog::read(BufReader::new(File::open(&args.log).map_err(failed)?)).map_err(failed)
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
    facts.extend(seconds_left(judgement, limit).map(|left| format!("limit   reached in about {}", seconds(left))));
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
        ("seconds", "at", ColumnKind::Text),
        ("before", "before", ColumnKind::Bytes),
        ("after", "after", ColumnKind::Bytes),
        ("committed", "committed", ColumnKind::Bytes),
        ("pause_ms", "pause", ColumnKind::Text),
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
