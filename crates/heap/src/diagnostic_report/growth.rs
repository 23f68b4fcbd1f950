//! What grew between several reports of one process.
//!
//! Objects that a report counts may be garbage, so that a heap which is larger than before proves little; two things do: that V8 ran out of memory, which
//! it says only after full collections, and many reports, whose lowest numbers rise. Handles that are open are counted exactly.

use super::limits::old_used;
use super::{DiagnosticReport, Thread};
use crate::suspects::case::{bytes, grouped};
use crate::suspects::{Verdict, VerdictKind};
use crate::trend::{self, LEAST, NOISE, Point, Trend};

/// Why two reports are not of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs: `the process's number`.
    pub what: &'static str,
    /// In the earlier one.
    pub first: String,
    /// In the later one.
    pub second: String,
}

/// A number in all reports, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is of: `rss`, `old_space`, `tcp`.
    pub name: String,
    /// The numbers; `None` where a report does not tell.
    pub values: Vec<Option<u64>>,
}

impl Change {
    /// Returns the first and the last number; `None` where one is not known.
    #[must_use]
    pub fn ends(&self) -> Option<(u64, u64)> {
        Some(((*self.values.first()?)?, (*self.values.last()?)?))
    }

    /// Returns by how much the last number is larger than the first.
    #[must_use]
    pub fn delta(&self) -> Option<i64> {
        self.ends().map(|(first, last)| i64::try_from(i128::from(last) - i128::from(first)).unwrap_or(i64::MAX))
    }

    /// Says whether it rises in every step.
    fn rises(&self) -> bool {
        self.values.len() > 1 && self.values.windows(2).all(|two| matches!(two, [Some(first), Some(second)] if second > first))
    }
}

/// What grew.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// Bytes of the process, and of the thread's heap.
    pub memory: Vec<Change>,
    /// Bytes of objects by space.
    pub spaces: Vec<Change>,
    /// Handles by kind, realms, workers.
    pub counts: Vec<Change>,
    /// Seconds from the first report to the last.
    pub seconds: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
}

/// Says why two reports cannot be of one thread of one process; `None` where nothing speaks against it.
#[must_use]
pub fn difference(first: &DiagnosticReport, second: &DiagnosticReport) -> Option<Difference> {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let (one, other) = (&first.header, &second.header);
    let told = [
        ("the process's number", number(one.pid), number(other.pid)),
        ("the version of Node.js", one.node.clone(), other.node.clone()),
        ("the machine", one.host.clone(), other.host.clone()),
        ("the thread", number(first.thread.id), number(second.thread.id)),
    ];
    let differs = told.into_iter().find_map(|(what, first, second)| {
        let (first, second) = (first?, second?);
        (first != second).then_some(Difference { what, first, second })
    });
    differs.or_else(|| restarted(first, second))
}

/// Numbers of processes come again, in a container always the same one: other things last as long as the process.
fn restarted(first: &DiagnosticReport, second: &DiagnosticReport) -> Option<Difference> {
    let lasting = |thread: &Thread| thread.handles.as_ref().map(|handles| handles.lasting.clone()).unwrap_or_default();
    let (one, other) = (lasting(&first.thread), lasting(&second.thread));
    if !one.is_empty() && !other.is_empty() && !other.iter().any(|address| one.contains(address)) {
        let what = "where Node.js's own handles lie";
        return Some(Difference { what, first: one.into_iter().next()?, second: other.into_iter().next()? });
    }
    let seconds = |seconds: f64| format!("{seconds:.2} s");
    if let (Some(one), Some(other)) = (first.resources.cpu, second.resources.cpu)
        && other + 0.001 < one
    {
        return Some(Difference { what: "processor time, which never falls", first: seconds(one), second: seconds(other) });
    }
    let started = |report: &DiagnosticReport| Some(report.header.time? as f64 / 1000.0 - report.resources.up? as f64);
    let (one, other) = (started(first)?, started(second)?);
    // Up-times are whole seconds, and stand still while a machine sleeps: only handles tell then.
    let is_other = lasting(&first.thread).is_empty() || lasting(&second.thread).is_empty();
    let what = "when the process started (seconds since 1970)";
    (is_other && (one - other).abs() > 5.0).then(|| Difference { what, first: format!("{one:.0}"), second: format!("{other:.0}") })
}

/// Compares reports of one process, the oldest first. O(reports²), of at most 400.
#[must_use]
pub fn compare(reports: &[&DiagnosticReport]) -> Growth {
    let values = |of: &dyn Fn(&DiagnosticReport) -> Option<u64>| reports.iter().map(|report| of(report)).collect::<Vec<_>>();
    let change = |name: &str, of: &dyn Fn(&DiagnosticReport) -> Option<u64>| Change { name: name.to_owned(), values: values(of) };
    let has_workers = reports.iter().any(|report| !report.workers.is_empty());
    let workers_used = |report: &DiagnosticReport| {
        let used = report.workers.iter().try_fold(0_u64, |sum, worker| Some(sum.saturating_add(worker.heap.used?)));
        used.filter(|_| has_workers && report.has_all_workers)
    };
    let memory: Vec<Change> = vec![
        change("rss", &|report| report.resources.rss),
        change("heap_used", &|report| report.thread.heap.used),
        change("heap_pages", &|report| report.thread.heap.committed),
        change("old_generation", &|report| old_used(&report.thread.heap)),
        change("external", &|report| report.thread.heap.external),
        change("workers_used", &workers_used),
        change("unexplained", &|report| report.unexplained().filter(|_| report.has_all_heaps())),
    ];
    let spaces = names(reports, |report| report.thread.heap.spaces.iter().map(|space| space.name.clone()).collect());
    let used = |report: &DiagnosticReport, name: &str| {
        report.thread.heap.spaces.iter().find(|space| space.name == name).and_then(|space| space.used)
    };
    let spaces = spaces.iter().map(|name| change(name, &|report| used(report, name))).collect();
    let counts = counts(reports, &change);
    let seconds = reports
        .first()
        .zip(reports.last())
        .and_then(|(first, last)| Some((last.header.time?.checked_sub(first.header.time?)?) as f64 / 1000.0));
    let verdict = verdict(reports, (&memory, &counts), seconds);
    Growth { memory, spaces, counts, seconds, verdict }
}

type Maker<'a> = dyn Fn(&str, &dyn Fn(&DiagnosticReport) -> Option<u64>) -> Change + 'a;

fn counts(reports: &[&DiagnosticReport], change: &Maker<'_>) -> Vec<Change> {
    let kinds = names(reports, |report| report.thread.handles.iter().flat_map(|handles| handles.kinds.keys().cloned()).collect());
    let handles = |report: &DiagnosticReport, kind: &str| {
        let handles = report.thread.handles.as_ref().filter(|handles| handles.is_whole && has_handles(report))?;
        Some(handles.kinds.get(kind).map_or(0, |count| count.count))
    };
    let mut counts: Vec<Change> = kinds.iter().map(|kind| change(kind, &|report| handles(report, kind))).collect();
    counts.push(change("contexts", &|report| report.thread.heap.contexts));
    counts.push(change("detached contexts", &|report| report.thread.heap.detached));
    counts.push(change("workers", &|report| Some(report.workers.len() as u64).filter(|_| report.has_all_workers && has_handles(report))));
    counts
}

/// A report of a fatal error outside of any realm has an empty list of handles, and of workers, whatever there is.
fn has_handles(report: &DiagnosticReport) -> bool {
    report.thread.id.is_some()
}

/// Returns the names that occur in any report, in order of their appearance.
fn names(reports: &[&DiagnosticReport], of: impl Fn(&DiagnosticReport) -> Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    reports.iter().flat_map(|report| of(report)).filter(|name| seen.insert(name.clone())).collect()
}

fn verdict(reports: &[&DiagnosticReport], (memory, counts): (&[Change], &[Change]), seconds: Option<f64>) -> Verdict {
    let changes = |name: &str| memory.iter().find(|change| change.name == name);
    let found = died(reports, changes("old_generation"))
        .or_else(|| course(reports, changes("old_generation")))
        .or_else(|| pile(counts))
        .or_else(|| steps(changes("old_generation")));
    let (kind, confidence, summary) = found.unwrap_or_else(|| (VerdictKind::NotEnoughEvidence, 0.0, told("RSS", changes("rss"))));
    let told = [
        ("RSS", "rss"),
        ("the old generation", "old_generation"),
        ("memory outside the heap", "external"),
        ("neither heap nor kept by it", "unexplained"),
    ];
    let evidence = told.into_iter().filter_map(|(title, name)| rose(title, changes(name)?, seconds)).chain(elsewhere(memory)).collect();
    let needs = (kind != VerdictKind::Growing)
        .then(|| format!("{LEAST} reports or more: the heap's numbers count garbage too, and only their floor tells"));
    Verdict { kind, confidence, summary, evidence, needs }
}

type Found = (VerdictKind, f64, String);

/// V8 says that it is out of memory after full collections: then all that is left is kept, and before, no more was.
fn died(reports: &[&DiagnosticReport], old: Option<&Change>) -> Option<Found> {
    let (first, last) = old?.ends()?;
    let died = reports.last().is_some_and(|report| report.is_out_of_memory());
    (died && last > first.saturating_add(NOISE)).then(|| {
        let text = format!("what is kept grew from at most {} until V8 ran out of memory with {}", bytes(first), bytes(last));
        (VerdictKind::Growing, 0.8, text)
    })
}

/// Judges many reports by how their numbers go.
fn course(reports: &[&DiagnosticReport], old: Option<&Change>) -> Option<Found> {
    let point = |(report, used): (&&DiagnosticReport, &Option<u64>)| Some((report.header.time? as f64 / 1000.0, (*used)?));
    let points: Vec<Point> = reports.iter().zip(&old?.values).filter_map(point).collect();
    let lowest = trend::thinned(&points, trend::COMPARED);
    let thirds = trend::thirds(&lowest).filter(|_| points.len() >= LEAST)?;
    let rising = trend::rising(&lowest)?;
    let peak = points.iter().map(|point| point.1).max().unwrap_or(0);
    let [first, _, last] = thirds.map(bytes);
    let between = format!("from {first} to {last} in {} reports", points.len());
    match trend::judge(thirds, rising, peak) {
        Trend::Growing => Some((VerdictKind::Growing, (0.5 + rising / 2.0).min(0.9), format!("the old generation grew, {between}"))),
        Trend::FillingToABound => {
            Some((VerdictKind::FillingToABound, 0.5, format!("the old generation grew, and grows no more: {between}")))
        }
        Trend::LazyGc => Some((VerdictKind::LazyGc, 0.5, format!("the old generation falls back to what it was: {between}"))),
        Trend::Flat | Trend::NotEnoughEvidence => None,
    }
}

/// Names what is counted exactly and only becomes more.
fn pile(counts: &[Change]) -> Option<Found> {
    // Of two, the later one may have been written at a busier time.
    let least = |change: &Change, first: u64| if change.values.len() > 2 { 20.max(first / 2) } else { 100.max(first) };
    let grew =
        |change: &&Change| change.rises() && change.ends().is_some_and(|(first, last)| last >= first.saturating_add(least(change, first)));
    let change = counts.iter().filter(grew).max_by_key(|change| change.delta())?;
    let course: Vec<String> = change.values.iter().flatten().take(6).map(|&count| grouped(count)).collect();
    let title =
        if change.name.contains("contexts") || change.name == "workers" { change.name.clone() } else { format!("{} handles", change.name) };
    let text = format!("{title} pile up: {}", course.join(" → "));
    Some(if change.values.len() > 2 { (VerdictKind::Growing, 0.7, text) } else { (VerdictKind::Suspect, 0.5, text) })
}

/// Judges a few reports: a heap that rises in every step, or to several times what it was, is suspicious.
fn steps(old: Option<&Change>) -> Option<Found> {
    let (first, last) = old?.ends()?;
    let rises = old?.values.len() > 2 && old?.rises() && last > first + first / 5 + NOISE;
    // V8 collects all long before a heap is four times what it was after the last time.
    let is_multiple = last / 4 >= first && last > first.saturating_add(16 * NOISE);
    let text = format!("the old generation grew from {} to {}, garbage perhaps included", bytes(first), bytes(last));
    (rises || is_multiple).then_some((VerdictKind::Suspect, 0.4, text))
}

fn told(title: &str, change: Option<&Change>) -> String {
    match change.and_then(Change::ends) {
        Some((first, last)) => {
            format!("{title} went from {} to {}: these reports do not tell whether what is kept grew", bytes(first), bytes(last))
        }
        None => "these reports do not tell whether what is kept grew".to_owned(),
    }
}

/// Says by how much something rose, and how fast.
fn rose(title: &str, change: &Change, seconds: Option<f64>) -> Option<String> {
    let (first, last) = change.ends().filter(|(first, last)| *last > first + NOISE)?;
    let hourly = seconds
        .filter(|seconds| *seconds >= 60.0)
        .map(|seconds| format!(", {} an hour", bytes(((last - first) as f64 / seconds * 3600.0) as u64)));
    Some(format!("{title}: {} → {}{}", bytes(first), bytes(last), hourly.unwrap_or_default()))
}

/// Says that what rose is not V8's heap.
fn elsewhere(memory: &[Change]) -> Option<String> {
    let delta = |name: &str| memory.iter().find(|change| change.name == name).and_then(Change::delta);
    let (rss, rest) = (delta("rss")?, delta("unexplained")?);
    (rest > 16 * NOISE as i64 && rest > rss / 2)
        .then(|| "most of what RSS rose by is neither V8's heap nor what objects keep besides it".to_owned())
}
