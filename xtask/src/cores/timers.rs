//! Timers of programs that know which they have: of a core, and of the snapshot that the program wrote of itself.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use heap::HeapAnalysis;
use heap::questions::{TimerQuery, UntilTimers, timers};
use heap::source::NoFiles;
use heap::story::Setting;
use heap::view::{Cell, Table};
use serde_json::Value;
use v8mem::node_side::NodeSide;
use v8mem::{Anatomy, CoreFile, Memory};

use super::answers::{at, is_at, rows};

/// The timers of `answers.js` by their names there: what each is, how long it waits, whether it keeps the process running, and its function.
const KNOWN: [(&str, &str, u64, &str, &str); 3] = [
    ("timeout", "timeout", 3_600_000, "yes", "oneHour"),
    ("unref", "timeout", 1_800_000, "no", "halfAnHour"),
    ("interval", "interval", 7_200_000, "yes", "everyTwoHours"),
];

/// A row as strings can be found in it.
type Row<'a> = std::collections::BTreeMap<&'static str, &'a Cell>;

/// Held to `answers.js`, one isolate of a core: each timer fires when it was made to, by the clocks of the program and of the core's file.
pub(super) fn of_core(analysis: &HeapAnalysis, file: &CoreFile, anatomy: &Anatomy, truth: &Value, core: &Path) -> Result<()> {
    let memory: &dyn Memory = file;
    let side = NodeSide::of(memory, anatomy, file.binary());
    let until = anatomy.look(memory, |heap| side.with(heap).until_timers_of_all());
    ensure!(until.len() == 1, "the loop's timer: {until:?}");
    let table = all(analysis, &|_| until.values().next().copied());
    known(&table, analysis)?;
    let created = truth["created"].as_u64().context("the program does not say when")?;
    let folder = core.parent().context("no folder")?;
    let (stood, dumped) = (written(&folder.join("ready"))?, written(core)?);
    for (name, _, duration, ..) in KNOWN {
        let Cell::Number(left) = row(&table, analysis, name)?["left_ms"] else { anyhow::bail!("{name}: it is not told when it fires") };
        // The loop of a worker may have slept since before the program stood still.
        let now = Duration::from_millis(created + duration - left);
        ensure!(
            now + SLACK >= stood && now <= dumped + SLACK,
            "{name}: {left} ms left at {now:?}; still at {stood:?}, dumped by {dumped:?}"
        );
    }
    ensure!(*row(&table, analysis, "immediate")?["state"] == Cell::from("done"), "the immediate has run");
    Ok(())
}

/// How much later than it should a timer may fire, and the file's clock may tick.
const SLACK: Duration = Duration::from_millis(1000);

/// Held to `answers.js`, the snapshot: its immediate has not run yet, and nobody tells when timers fire.
pub(super) fn of_snapshot(analysis: &HeapAnalysis) -> Result<()> {
    let table = all(analysis, &|_| None);
    known(&table, analysis)?;
    let immediate = row(&table, analysis, "immediate")?;
    ensure!(*immediate["kind"] == Cell::from("immediate") && *immediate["state"] == Cell::from("pending"), "{immediate:?}");
    is_at(immediate["location"], "function soon")
}

fn all(analysis: &HeapAnalysis, until: UntilTimers<'_>) -> Table {
    timers(&Setting::new(analysis, &NoFiles), TimerQuery::All, until, usize::MAX)
}

fn row<'a>(table: &'a Table, analysis: &HeapAnalysis, name: &str) -> Result<Row<'a>> {
    let id = Cell::Node(analysis.graph().id(at(analysis, &format!("timers.{name}"))?).0);
    let found = table.rows.iter().find(|row| row[0] == id).with_context(|| format!("{name} is not listed"))?;
    Ok(table.columns.iter().map(|column| column.name).zip(found).collect())
}

fn known(table: &Table, analysis: &HeapAnalysis) -> Result<()> {
    for (name, kind, duration, referenced, function) in KNOWN {
        let row = row(table, analysis, name)?;
        let is = |column: &str, text: &str| *row[column] == Cell::from(text);
        ensure!(is("kind", kind) && is("state", "pending") && is("referenced", referenced) && is("callback", function), "{name}: {row:?}");
        ensure!(*row["duration_ms"] == Cell::Number(duration) && matches!(row["list"], Cell::Node(_)), "{name}: {row:?}");
        is_at(row["location"], &format!("function {function}"))?;
    }
    let cleared = row(table, analysis, "cleared")?;
    ensure!(*cleared["state"] == Cell::from("done") && *cleared["callback"] == Cell::None, "cleared: {cleared:?}");
    Ok(())
}

/// The timers that keep the main thread of `node-side.js` running are as many as it says itself, but for the one that was being run then.
pub(super) fn resources(analysis: &HeapAnalysis, truth: &Value) -> Result<()> {
    let table = timers(&Setting::new(analysis, &NoFiles), TimerQuery::Pending, &|_| None, usize::MAX);
    let kept = rows(&table, "referenced", "yes").into_iter().filter(|row| *row["isolate"] == Cell::Number(1)).count();
    let told = truth["resources"].as_array().map(|names| names.iter().filter(|name| *name == "Timeout").count());
    // Node.js 16.14 and later tell.
    ensure!(told.is_none_or(|told| told == kept + 1), "the process says {told:?}, the core has {kept} timers: {:?}", table.rows);
    Ok(())
}

fn written(path: &Path) -> Result<Duration> {
    Ok(fs::metadata(path)?.modified()?.duration_since(SystemTime::UNIX_EPOCH)?)
}
