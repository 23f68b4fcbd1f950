//! What one report tells: which process, why it was written, its memory and limits, its handles and workers, and what to type next.
//!
//! Neither the environment nor the command line is told: they hold secrets. Of the command line the script is.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use heap::diagnostic_report::{Bound, DiagnosticReport, FirstLimit, Heap, Limits, Thread};
use heap::outlook::Room;
use heap::view::{Cell, ColumnKind, Table};
use serde_json::{Value, json};

use super::Opened;
use crate::answer::{Line, Piece, Section};
use crate::findings::wrapped;
use crate::memory::part;
use crate::render::number;
use crate::session::Session;
use crate::typed::shell_path;

/// What Node.js 24 and later call a worker that the program gives no name.
const UNNAMED: &str = "WorkerThread";
/// How many frames of a stack are shown.
const FRAMES: usize = 6;

/// Tells of the last report which process wrote it and why, and what its memory is; in JSON, of all.
pub(super) fn head(opened: &[Opened]) -> Vec<Section> {
    let json = opened.iter().map(in_json).collect();
    let Some(last) = opened.last() else { return Vec::new() };
    let report = &last.report;
    let mut lines = [prose("PROCESS", &process(report)), prose("WRITTEN", &written(report))].concat();
    lines.extend(stack(report));
    vec![Section::Value { name: "reported", json, lines }, memory(report)]
}

fn line(label: &str, text: &str) -> Line {
    vec![Piece::Strong(format!("{label:<10}")), Piece::Plain(text.to_owned())]
}

/// Breaks a text into lines, of which the first has the label.
fn prose(label: &str, text: &str) -> Vec<Line> {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    wrapped(text, 70).iter().zip(labels).map(|(text, label)| line(label, text)).collect()
}

fn process(report: &DiagnosticReport) -> String {
    let header = &report.header;
    let pid = header.pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"));
    let thread = report.thread.id.filter(|&id| id > 0).map(|id| format!("its worker {id}"));
    let version = header.v8.as_deref().map(|version| format!("V8 {}", version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")));
    let system =
        header.platform.as_ref().map(|platform| format!("{platform} {}", header.arch.as_deref().unwrap_or_default()).trim_end().to_owned());
    let parts = [
        thread,
        report.script().map(str::to_owned),
        report.resources.up.map(|up| format!("up {}", number::time(Duration::from_secs(up)))),
        header.host.as_ref().map(|host| format!("on {host}")),
        system,
        version,
    ];
    std::iter::once(pid).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join(" · ")
}

fn time(report: &DiagnosticReport) -> Option<String> {
    Some(number::utc(UNIX_EPOCH.checked_add(Duration::from_millis(report.header.time?))?))
}

fn written(report: &DiagnosticReport) -> String {
    let event = report.header.event.as_deref().unwrap_or("of an event that it does not name");
    let why = match report.header.trigger.as_deref() {
        Some("API" | "GetReport") => "because the program asked for it".to_owned(),
        Some("Signal") => format!("because of a signal: {event}"),
        Some("Exception") => "because of an exception that nothing caught".to_owned(),
        Some("OOMError") => format!("because V8 ran out of memory: {event}"),
        Some("FatalError") => format!("because of a fatal error: {event}"),
        Some(other) => format!("because of {other}: {event}"),
        None => format!("because {event}"),
    };
    format!("{}, {why}", time(report).unwrap_or_else(|| "at an unknown time".to_owned()))
}

/// Tells what ran: of JavaScript where the report has it, and where V8 gave up, its own functions.
fn stack(report: &DiagnosticReport) -> Vec<Line> {
    /// What Node.js and V8 do to give up and to write the report.
    const ITS_OWN: [&str; 7] = [
        "node::",
        "v8::Utils::",
        "v8::internal::V8::",
        "v8::internal::Heap::",
        "v8::internal::HeapAllocator::",
        "v8::internal::Factory::",
        "v8::base::",
    ];
    let thread = &report.thread;
    let is_own = |frame: &&String| frame.contains("node:internal/") || frame.contains("(internal/") || *frame == "Unavailable.";
    let frames: Vec<&String> = thread.frames.iter().skip_while(is_own).take(FRAMES).collect();
    let is_error = thread.message.as_deref().is_some_and(|message| !message.contains("ERR_SYNTHETIC") && message != "No stack.");
    let title = thread.message.as_deref().filter(|_| is_error).or((!frames.is_empty()).then_some("JavaScript at that moment:"));
    let mut lines: Vec<Line> = title.map(|title| prose("STACK", title)).unwrap_or_default();
    lines.extend(frames.into_iter().map(|frame| line("", frame)));
    if report.has_ended() && lines.is_empty() {
        let inside: Vec<&str> =
            thread.native.iter().map(String::as_str).filter(|name| !ITS_OWN.iter().any(|own| name.starts_with(own))).take(3).collect();
        if !inside.is_empty() {
            lines = prose("INSIDE", &inside.join(", called by "));
        }
    }
    lines
}

/// Tells what is in memory, by what the report knows of it, and the limits.
fn memory(report: &DiagnosticReport) -> Section {
    let parts = parts(report);
    let largest = parts.iter().map(|part| part.2).max().unwrap_or(0);
    let whole = report.resources.rss.unwrap_or_else(|| parts.iter().fold(0, |sum, part| sum.saturating_add(part.2)));
    let share = |bytes: u64| if whole == 0 { 0.0 } else { bytes.min(whole) as f64 / whole as f64 };
    let mut lines = vec![vec![Piece::Strong("MEMORY".to_owned()), Piece::Plain(format!("    {}", resident(report)))]];
    let limits = Limits::of(report);
    lines.extend(limited(report, &limits).iter().flat_map(|text| prose("LIMIT", text)));
    lines.extend(parts.iter().map(|(_, name, bytes)| part(name, *bytes, share(*bytes), largest)));
    lines.extend(unknown(report).map(|text| vec![Piece::Plain(format!("  {text}"))]));
    let buckets: Vec<Value> = parts.iter().map(|(id, _, bytes)| json!({ "id": id, "bytes": bytes })).collect();
    let json = json!({ "heap": report.thread.heap.used.unwrap_or(0), "buckets": buckets });
    Section::Value { name: "memory", json, lines }
}

fn resident(report: &DiagnosticReport) -> String {
    let peak = |peak| format!("at most {} were", number::bytes(peak));
    match (report.resources.rss, report.resources.peak_rss) {
        (Some(rss), Some(most)) => format!("{} in memory (RSS), {}", number::bytes(rss), peak(most)),
        (Some(rss), None) => format!("{} in memory (RSS)", number::bytes(rss)),
        (None, Some(most)) => format!("how much is in memory (RSS) is unknown, {}", peak(most)),
        (None, None) => "how much is in memory (RSS) is unknown".to_owned(),
    }
}

/// Returns the parts of memory that are known: stable name, words, bytes.
fn parts(report: &DiagnosticReport) -> Vec<(&'static str, &'static str, u64)> {
    let of_workers = |of: fn(&Heap) -> Option<u64>| {
        let workers = report.workers.iter().try_fold(0_u64, |sum, worker| Some(sum.saturating_add(of(&worker.heap)?)));
        workers.filter(|_| !report.workers.is_empty())
    };
    let heap = &report.thread.heap;
    let parts = [
        ("heap.used", "V8's heap: objects", heap.used),
        ("heap.free", "V8's heap: free", heap.committed.zip(heap.used).map(|(pages, used)| pages.saturating_sub(used))),
        ("workers.heap", "heaps of workers", of_workers(|heap| heap.committed)),
        ("external", "buffers, ext. strings", heap.external),
        ("workers.external", "those of workers", of_workers(|heap| heap.external)),
        ("unexplained", "neither of these", report.unexplained().filter(|_| report.has_all_heaps())),
    ];
    parts.into_iter().filter_map(|(id, name, bytes)| Some((id, name, bytes?))).collect()
}

/// Says why nothing is said of what is neither heap nor kept by it.
fn unknown(report: &DiagnosticReport) -> Option<String> {
    report.resources.rss?;
    if !report.has_all_heaps() {
        return Some(match report.thread.id {
            Some(id) if id > 0 => "the rest is unknown: a worker wrote this, and the heap is its own".to_owned(),
            Some(_) => "the rest is unknown: not all workers are in the report".to_owned(),
            None => "the rest is unknown: a report of this kind tells of one thread, and not which".to_owned(),
        });
    }
    report.unexplained().is_none().then(|| "the rest is unknown: not all that objects keep outside the heap is in memory".to_owned())
}

fn of(room: Room) -> String {
    format!("{} of {}", number::bytes(room.used), number::bytes(room.limit))
}

fn limited(report: &DiagnosticReport, limits: &Limits) -> Option<String> {
    let container = match (limits.container, report.resources.constrained) {
        (Some(room), _) => Some(format!("its container {}", of(room))),
        (None, Some(Bound::Unlimited)) => Some("no container's limit is told".to_owned()),
        _ => None,
    };
    let machine = limits.machine.map(|room| format!("the machine {}", of(room)));
    let first = limits.first().map(|first| match first {
        FirstLimit::Heap => "V8 gives up first",
        FirstLimit::Container => "the container gives up first",
        FirstLimit::Machine => "the machine gives up first",
    });
    let files = limits
        .open_files
        .filter(|room| room.used >= room.limit / 2)
        .map(|room| format!("descriptors up to {} of {}", number::count(room.used), number::count(room.limit)));
    let ulimit = |name: &str, limit: Option<Bound>| limit.and_then(Bound::number).map(|bytes| format!("{name} {}", number::bytes(bytes)));
    let user = [ulimit("ulimit -v", report.user_limits.address_space), ulimit("ulimit -d", report.user_limits.data)];
    let heap = limits.old_generation.map(|room| format!("V8's old generation has {}", of(room)));
    let told: Vec<String> = [heap, container, machine]
        .into_iter()
        .flatten()
        .chain(first.map(str::to_owned))
        .chain(files)
        .chain(user.into_iter().flatten())
        .collect();
    (!told.is_empty()).then(|| told.join(" · "))
}

/// Returns the tables about a report.
pub(super) fn tables(report: &DiagnosticReport, session: &Session) -> Vec<Section> {
    let title = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &[] };
    let mut sections = Vec::new();
    if !report.thread.heap.spaces.is_empty() {
        sections.push(title("V8's heap by space", spaces(&report.thread.heap)));
    }
    if !report.workers.is_empty() {
        sections.push(title("Workers", workers(report, session.limit(false))));
    }
    if report.threads().any(|thread| thread.handles.as_ref().is_some_and(|handles| handles.count() > 0)) {
        sections.push(title("Handles of libuv (all timers of JavaScript share one)", handles(report)));
        let table = end_points(report, session.limit_or(false, 10));
        if !table.rows.is_empty() {
            sections.push(title("Where they lead", table));
        }
    }
    sections
}

fn spaces(heap: &Heap) -> Table {
    let columns = [
        ("space", "space", ColumnKind::Text),
        ("used", "objects", ColumnKind::Bytes),
        ("size", "pages", ColumnKind::Bytes),
        ("committed", "in memory", ColumnKind::Bytes),
    ];
    let mut table = Table::new("heap_spaces", &columns);
    for space in heap.spaces.iter().filter(|space| space.size != Some(0) || space.used != Some(0)) {
        table.push(vec![space.name.as_str().into(), space.used.into(), space.size.into(), space.committed.into()]);
    }
    table
}

fn workers(report: &DiagnosticReport, limit: usize) -> Table {
    let columns = [
        ("thread", "worker", ColumnKind::Count),
        ("name", "name", ColumnKind::Text),
        ("used", "objects", ColumnKind::Bytes),
        ("committed", "in memory", ColumnKind::Bytes),
        ("limit", "limit", ColumnKind::Bytes),
        ("external", "outside the heap", ColumnKind::Bytes),
        ("handles", "handles", ColumnKind::Count),
    ];
    let mut table = Table::new("reported_workers", &columns);
    let mut workers: Vec<&Thread> = report.workers.iter().collect();
    workers.sort_by_key(|worker| std::cmp::Reverse(worker.heap.used));
    for worker in workers {
        let heap = &worker.heap;
        table.push(vec![
            worker.id.into(),
            worker.name.as_deref().filter(|name| *name != UNNAMED).map_or(Cell::None, Cell::from),
            heap.used.into(),
            heap.committed.into(),
            heap.limit.into(),
            heap.external.into(),
            worker.handles.as_ref().map(heap::diagnostic_report::Handles::count).into(),
        ]);
    }
    table.truncate(limit);
    table
}

/// Counts handles by kind, those of each thread by themselves.
fn handles(report: &DiagnosticReport) -> Table {
    let columns = [
        ("kind", "kind", ColumnKind::Text),
        ("thread", "worker", ColumnKind::Count),
        ("count", "count", ColumnKind::Count),
        ("active", "active", ColumnKind::Count),
        ("referenced", "referenced", ColumnKind::Count),
        ("descriptors", "with descriptor", ColumnKind::Count),
        ("queued", "to be written", ColumnKind::Bytes),
    ];
    let mut table = Table::new("handle_counts", &columns);
    let threads = report.threads().filter_map(|thread| Some((thread.id, thread.handles.as_ref()?)));
    let mut rows: Vec<_> = threads.flat_map(|(id, handles)| handles.kinds.iter().map(move |(kind, count)| (id, kind, count))).collect();
    rows.sort_by_key(|(id, _, count)| (*id, std::cmp::Reverse(count.count)));
    for (id, kind, count) in rows {
        let worker = id.filter(|&id| id > 0);
        table.push(vec![
            kind.as_str().into(),
            worker.into(),
            count.count.into(),
            count.active.into(),
            count.referenced.into(),
            count.descriptors.into(),
            count.queued.into(),
        ]);
    }
    table
}

fn end_points(report: &DiagnosticReport, limit: usize) -> Table {
    let columns = [
        ("kind", "kind", ColumnKind::Text),
        ("role", "", ColumnKind::Word),
        ("place", "where", ColumnKind::Text),
        ("thread", "worker", ColumnKind::Count),
        ("count", "count", ColumnKind::Count),
        ("queued", "to be written", ColumnKind::Bytes),
    ];
    let mut table = Table::new("end_points", &columns);
    let threads = report.threads().filter_map(|thread| Some((thread.id, thread.handles.as_ref()?)));
    let mut rows: Vec<_> = threads.flat_map(|(id, handles)| handles.end_points().into_iter().map(move |group| (id, group))).collect();
    rows.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    for (id, group) in rows {
        let worker = id.filter(|&id| id > 0);
        table.push(vec![
            group.kind.into(),
            group.role.name().into(),
            group.place.into(),
            worker.into(),
            group.count.into(),
            group.queued.into(),
        ]);
    }
    table.truncate(limit);
    table
}

/// Returns commands that lead on.
pub(super) fn next(path: &Path, report: &DiagnosticReport) -> Vec<String> {
    let mut next = Vec::new();
    if report.header.trigger.as_deref() == Some("Exception") {
        return next;
    }
    if report.has_ended() {
        let script = report
            .script()
            .filter(|script| *script != "[eval]")
            .map_or_else(|| "app.js".to_owned(), |script| shell_path(Path::new(script)));
        next.push(format!("heapwhy guard -- node {script}   # captures it before a limit ends it"));
        return next;
    }
    if let Some(pid) = report.header.pid {
        let or = "if that process still runs here";
        next.push(format!("heapwhy {pid}   # what holds the memory, {or}"));
        let external = report.sum(|heap| heap.external).zip(report.sum(|heap| heap.used));
        if external.is_some_and(|(external, used)| external > used) {
            next.push(format!("heapwhy buffers {pid}   # what is outside V8's heap, and what keeps it"));
        }
        if report
            .threads()
            .filter_map(|thread| thread.handles.as_ref())
            .any(|handles| handles.kinds.values().any(|count| count.count >= 100))
        {
            next.push(format!("heapwhy handles {pid}   # what it has open"));
        }
    }
    next.push(format!("heapwhy {} LATER.json   # what grew, with a later report of the same process", shell_path(path)));
    next
}

fn in_json(opened: &Opened) -> Value {
    let report = &opened.report;
    let (header, resources) = (&report.header, &report.resources);
    let limits = Limits::of(report);
    let room = |room: Option<Room>| room.map(|room| json!({ "limit": room.limit, "used": room.used }));
    json!({
        "path": opened.target.path.display().to_string(),
        "pid": header.pid,
        "thread": report.thread.id,
        "script": report.script(),
        "node": header.node,
        "v8": header.v8,
        "platform": header.platform,
        "arch": header.arch,
        "host": header.host,
        "event": header.event,
        "trigger": header.trigger,
        "time": time(report),
        "up_seconds": resources.up,
        "rss": resources.rss,
        "peak_rss": resources.peak_rss,
        "cpu_seconds": resources.cpu,
        "heap": heap_json(&report.thread.heap),
        "unexplained": report.unexplained().filter(|_| report.has_all_heaps()),
        "old_generation": room(limits.old_generation),
        "container": room(limits.container),
        "machine": room(limits.machine),
        "open_files": room(limits.open_files),
        "gives_up_first": limits.first().map(FirstLimit::name),
        "handles": report.thread.handles.as_ref().filter(|_| report.thread.id.is_some()).map(handles_json),
        "workers": (report.has_all_workers && report.thread.id.is_some()).then_some(report.workers.len()),
        "stack": { "message": report.thread.message, "frames": report.thread.frames },
        "native": report.thread.native,
    })
}

fn heap_json(heap: &Heap) -> Value {
    json!({
        "used": heap.used,
        "pages": heap.total,
        "committed": heap.committed,
        "limit": heap.limit,
        "external": heap.external,
        "malloced": heap.malloced,
        "contexts": heap.contexts,
        "detached_contexts": heap.detached,
    })
}

fn handles_json(handles: &heap::diagnostic_report::Handles) -> Value {
    let kinds: serde_json::Map<String, Value> = handles.kinds.iter().map(|(kind, count)| (kind.clone(), json!(count.count))).collect();
    json!({ "kinds": kinds, "all": handles.is_whole })
}
