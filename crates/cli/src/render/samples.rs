//! Samples of a process that is watched, as they come: a line each, a block that is redrawn on a terminal, a JSON object each, or Prometheus' text.
//!
//! Knows how a sample is told, not how it is taken or judged.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use heap::outlook::{Course, History, Limit, Outlook, Reached};
use heap::trend::{LEAST, Trend};

use super::clean::fit;
use super::number;
use super::style::Style;
use crate::watched::rows::row;
use crate::watched::{HeapSample, Sample};

/// How samples are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line each.
    Lines,
    /// A few lines that are drawn anew.
    Block,
    /// A JSON object each.
    JsonLines,
    /// Prometheus' text.
    Prometheus,
    /// Not at all: the answer has them.
    Silent,
}

impl Form {
    /// For people: a block on a terminal, else lines.
    pub(crate) fn for_people() -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if io::stdout().is_terminal() && !is_dumb { Self::Block } else { Self::Lines }
    }
}

/// Where samples are told.
pub(crate) struct Stream {
    form: Form,
    style: Style,
    /// How many lines of the block stand on the terminal.
    drawn: usize,
    told: u64,
}

/// After so many lines the heading comes again.
const HEADING_EVERY: u64 = 40;

impl Stream {
    /// Begins.
    pub(crate) fn new(form: Form, style: Style) -> Self {
        Self { form, style, drawn: 0, told: 0 }
    }

    /// Returns how samples are told.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Tells a sample. Fails where nobody reads any more.
    pub(crate) fn tell(&mut self, pid: i32, sample: &Sample, history: &History) -> io::Result<()> {
        let text = match self.form {
            Form::Silent => return Ok(()),
            Form::Lines => {
                let heading =
                    if self.told.is_multiple_of(HEADING_EVERY) { format!("{}\n", self.style.dim(HEADING)) } else { String::new() };
                format!("{heading}{}\n", line(sample, &history.outlook()))
            }
            Form::Block => self.block(pid, sample, history),
            Form::JsonLines => format!("{}\n", row(sample, &history.outlook())),
            Form::Prometheus => format!("{}\n", prometheus(pid, sample)),
        };
        self.told += 1;
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn block(&mut self, pid: i32, sample: &Sample, history: &History) -> String {
        let mut text = if self.drawn > 0 { format!("\x1b[{}A\x1b[J", self.drawn) } else { String::new() };
        let lines = block(pid, sample, history);
        self.drawn = lines.len();
        for line in lines {
            let _ = writeln!(text, "{}", fit(&self.style.own(&line), self.style.width, self.style.ascii));
        }
        text
    }
}

const HEADING: &str = "TIME (UTC)       RSS      HEAP       OLD     FLOOR   BESIDES     GROUP  OUTLOOK";

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), number::bytes)
}

fn at_least(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!(">{}", number::bytes(bytes)))
}

/// Returns a sample as one line: RSS, V8's pages, the old generation's objects, what full collections leave, memory besides V8's pages, and what the
/// control group has.
fn line(sample: &Sample, outlook: &Outlook) -> String {
    let heap = sample.heap.as_ref();
    let time = number::utc(sample.time);
    let sizes = [
        number::bytes(sample.resident),
        size(heap.map(|heap| heap.committed)),
        size(heap.map(|heap| heap.used)),
        heap.map_or_else(|| "unknown".to_owned(), |heap| heap.nearest.last_full.map_or_else(|| "-".to_owned(), number::bytes)),
        at_least(sample.besides()),
        sample.group.map_or_else(|| "-".to_owned(), |group| number::bytes(group.used)),
    ];
    let mut line = time.get(11..19).unwrap_or_default().to_owned();
    sizes.iter().for_each(|size| {
        let _ = write!(line, "  {size:>8}");
    });
    format!("{line}  {}", in_short(outlook))
}

/// Returns what comes of it, in a few words.
fn in_short(outlook: &Outlook) -> String {
    let trend = match &outlook.floors {
        None => format!("floor: {} of {LEAST} full collections", outlook.full_collections),
        Some(course) if course.trend == Trend::Growing => format!("growing {}", a_time(course.slope.middle)),
        Some(course) => course.trend.name().replace('-', " "),
    };
    match outlook.reached.first() {
        Some(first) => format!("{trend}; {} limit in {}", first.limit.name(), duration(first.seconds[1])),
        None => trend,
    }
}

/// Returns a slope in the unit of time in which it is neither tiny nor huge.
pub(crate) fn a_time(slope: f64) -> String {
    let units = [(1.0, "s"), (60.0, "min"), (3600.0, "h"), (86_400.0, "day")];
    let (seconds, unit) = units.into_iter().find(|(seconds, _)| (slope * seconds).abs() >= 1e6).unwrap_or((3600.0, "h"));
    format!("{}/{unit}", number::delta_bytes((slope * seconds) as i64))
}

/// Returns a time in words.
pub(crate) fn duration(seconds: f64) -> String {
    number::time(std::time::Duration::try_from_secs_f64(seconds).unwrap_or(std::time::Duration::MAX))
}

/// Says when a limit is reached.
pub(crate) fn reached(one: &Reached) -> String {
    let what = match one.limit {
        Limit::Heap => "V8's limit of the old generation",
        Limit::Group => "the control group's limit",
    };
    let [soonest, about, latest] = one.seconds.map(duration);
    format!("{what} in about {about} ({soonest} to {latest}); {} left", number::bytes(one.left))
}

/// Says how something goes.
pub(crate) fn course(course: &Course) -> String {
    let thirds = course.thirds.map(number::bytes).join(" → ");
    let (low, high) = (a_time(course.slope.low), a_time(course.slope.high));
    format!("{thirds}; {} ({low} to {high})", a_time(course.slope.middle))
}

fn block(pid: i32, sample: &Sample, history: &History) -> Vec<String> {
    const PICTURE: usize = 30;
    let outlook = history.outlook();
    let named = |name: &str, bytes: Option<u64>, text: String| format!("{name:<9}{:>10}  {text}", size(bytes)).trim_end().to_owned();
    let heap = sample.heap.as_ref();
    let of_limit = |heap: &HeapSample| {
        let limit = heap.nearest.limit.map_or_else(|| "an unknown limit".to_owned(), number::bytes);
        format!("in V8's pages; old generation {} of {limit}", number::bytes(heap.nearest.used))
    };
    let mut lines = vec![
        format!("pid {pid} · watched for {} · {} looks", duration(sample.at.as_secs_f64()), history.looks()),
        named("RSS", Some(sample.resident), picture(&history.resident(PICTURE))),
        named("heap", heap.map(|heap| heap.committed), heap.map(of_limit).unwrap_or_default()),
        named(
            "floor",
            heap.and_then(|heap| heap.nearest.last_full),
            format!("after {}  {}", full_collections(outlook.full_collections), picture(&history.floors(PICTURE))),
        ),
        format!("{:<9}{:>10}  at least, of C and C++, Buffers and stacks", "besides", size(sample.besides())),
    ];
    if let Some(group) = sample.group {
        lines.push(named("group", Some(group.used), format!("of {}", number::bytes(group.limit))));
    }
    lines.push(format!("outlook  {}", in_short(&outlook)));
    lines
}

fn full_collections(count: usize) -> String {
    if count == 1 { "a full collection".to_owned() } else { format!("{count} full collections") }
}

/// Returns numbers as a picture of eight heights, the lowest and the highest of them.
fn picture(values: &[u64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (low, high) = (values.iter().min().copied().unwrap_or(0), values.iter().max().copied().unwrap_or(0));
    let room = (high - low).max(1) as f64;
    let height = |value: &u64| HEIGHTS[(((value - low) as f64 / room * 7.0).round() as usize).min(7)];
    values.iter().map(height).collect()
}

/// Returns a sample in Prometheus' text form, version 0.0.4. Names of V8's numbers are OpenTelemetry's (`v8js.memory.heap.*`).
pub(crate) fn prometheus(pid: i32, sample: &Sample) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, rows: Vec<(String, u64)>| {
        if rows.is_empty() {
            return;
        }
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in rows {
            let _ = writeln!(text, "{name}{{pid=\"{pid}\"{labels}}} {value}");
        }
    };
    let one = |value: Option<u64>| value.map(|value| (String::new(), value)).into_iter().collect::<Vec<_>>();
    let heap = sample.heap.as_ref();
    let bucket = |name: &str, bytes: Option<u64>| bytes.map(|bytes| (format!(",bucket=\"{name}\""), bytes));
    let buckets = match (heap, sample.besides()) {
        (Some(_), Some(besides)) => [bucket("v8_heap", Some(sample.anonymous - besides)), bucket("besides", Some(besides))],
        _ => [bucket("anonymous", Some(sample.anonymous)), None],
    };
    let others = [bucket("files", Some(sample.files)), bucket("shared", Some(sample.shared))];
    family("heapwhy_rss_bytes", "Resident memory by what it is.", buckets.into_iter().chain(others).flatten().collect());
    family("heapwhy_swapped_bytes", "Memory that was swapped out.", one(Some(sample.swapped)));
    let spaces = || heap.into_iter().flat_map(|heap| &heap.spaces);
    let space = |name: &str| format!(",v8js_heap_space_name=\"{name}\"");
    family(
        "v8js_memory_heap_space_size_bytes",
        "Pages of V8's spaces.",
        spaces().map(|(name, (committed, _))| (space(name), *committed)).collect(),
    );
    family(
        "v8js_memory_heap_used_bytes",
        "Objects in V8's spaces, garbage that was not collected yet among them; not known of the young generation.",
        spaces().filter_map(|(name, (_, used))| Some((space(name), (*used)?))).collect(),
    );
    family("v8js_memory_heap_limit_bytes", "V8's limit of the old generation.", one(heap.and_then(|heap| heap.nearest.limit)));
    family(
        "heapwhy_heap_floor_bytes",
        "Objects of the old generation after the last full collection.",
        one(heap.and_then(|heap| heap.nearest.last_full)),
    );
    let count = |count: Option<u32>| one(count.map(u64::from));
    family("heapwhy_full_collections_total", "Full garbage collections.", count(heap.and_then(|heap| heap.nearest.full_collections)));
    family("heapwhy_external_bytes", "Memory outside of its heap that V8 was told of.", one(heap.and_then(|heap| heap.external)));
    family(
        "heapwhy_group_used_bytes",
        "Memory of the control group with the least left, without idle pages of files.",
        one(sample.group.map(|group| group.used)),
    );
    family("heapwhy_group_limit_bytes", "What that control group may have.", one(sample.group.map(|group| group.limit)));
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use heap::outlook::HeapLook;

    use super::*;

    #[test]
    fn lines_of_the_block_keep_their_names_on_a_narrow_terminal() {
        let nearest = HeapLook { used: 61_100_000, limit: Some(4_300_000_000), ..HeapLook::default() };
        let sample = Sample {
            time: SystemTime::UNIX_EPOCH,
            at: Duration::from_secs(3),
            resident: 148_100_000,
            anonymous: 100_000_000,
            files: 48_100_000,
            shared: 0,
            swapped: 0,
            group: None,
            heap: Some(HeapSample { committed: 96_200_000, nearest, ..HeapSample::default() }),
        };
        let mut history = History::default();
        history.add(sample.look());
        for width in [40, 80] {
            let style = Style { colour: false, ascii: false, width };
            let text = Stream::new(Form::Block, style).block(7073, &sample, &history);
            let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
            assert_eq!(names, ["pid", "RSS", "heap", "floor", "besides", "outlook"], "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }
}
