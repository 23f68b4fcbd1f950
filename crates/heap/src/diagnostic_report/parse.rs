//! Reading a report's JSON piece by piece: what comes before damage, or before the end of a file that was cut, is told.
//!
//! Nothing is kept that could be large: texts are cut, lists end, and only what is named here is looked at.

use std::io::{self, Read};

use json_event_parser::JsonEvent;

use super::{Bound, DiagnosticReport, EndPoint, Handle, Handles, Space, Thread};
use crate::json_stream::{Broken, each_event};
use crate::problems::{ProblemKind, Problems};

/// Why a report was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The source cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It ends before anything was told.
    #[error("it ends at byte {offset}, before it tells anything of memory")]
    Truncated {
        /// How many bytes there are.
        offset: u64,
    },
    /// It is damaged before anything was told.
    #[error("at byte {offset}: {what}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// It is JSON, and no report.
    #[error("it tells neither of a heap nor of a process")]
    NotAReport,
}

/// The longest text that is read.
const LONGEST: usize = 1 << 20;
/// The longest text that is kept.
const KEPT: usize = 1024;
const MOST_WORDS: usize = 256;
const MOST_FRAMES: usize = 64;
const MOST_SPACES: usize = 64;
const MOST_WORKERS: usize = 1024;
/// No process has more bytes.
const IMPLAUSIBLE: u64 = 1 << 50;

impl DiagnosticReport {
    /// Reads a report. O(bytes). What is missing because the file is cut or damaged is `None`, and a problem says so.
    ///
    /// # Errors
    /// Where it cannot be read, tells nothing before it is cut or damaged, or is something else.
    pub fn read(source: impl Read) -> Result<super::Read, ReportError> {
        let mut reader = Reader::default();
        let read = each_event(source, LONGEST, |event| {
            reader.take(event);
            Ok(())
        });
        match read {
            Ok(()) => reader.finish(),
            Err(broken) => reader.broken(broken),
        }
    }
}

/// Where in the file a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A whole report: the file, or a worker's in it.
    Report,
    Header,
    Components,
    Command,
    Environment,
    Stack,
    Frames,
    Natives,
    Native,
    Heap,
    Spaces,
    Space,
    Resources,
    Handles,
    Handle,
    Local,
    Remote,
    Workers,
    Limits,
    Limit(Limit),
    /// What nobody asks for.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    AddressSpace,
    Data,
    OpenFiles,
}

impl Place {
    /// Returns where a value stands that is itself an object or a list.
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Report, "header") => Self::Header,
            (Self::Report, "javascriptStack") => Self::Stack,
            (Self::Report, "javascriptHeap") => Self::Heap,
            (Self::Report, "nativeStack") => Self::Natives,
            (Self::Report, "resourceUsage") => Self::Resources,
            (Self::Report, "libuv") => Self::Handles,
            (Self::Report, "workers") => Self::Workers,
            (Self::Report, "environmentVariables") => Self::Environment,
            (Self::Report, "userLimits") => Self::Limits,
            (Self::Header, "componentVersions") => Self::Components,
            (Self::Header, "commandLine") => Self::Command,
            (Self::Stack, "stack") => Self::Frames,
            (Self::Natives, _) => Self::Native,
            (Self::Heap, "heapSpaces") => Self::Spaces,
            (Self::Spaces, _) => Self::Space,
            (Self::Handles, _) => Self::Handle,
            (Self::Handle, "localEndpoint") => Self::Local,
            (Self::Handle, "remoteEndpoint") => Self::Remote,
            (Self::Workers, _) => Self::Report,
            (Self::Limits, "virtual_memory_kbytes" | "virtual_memory_bytes") => Self::Limit(Limit::AddressSpace),
            (Self::Limits, "data_seg_size_kbytes" | "data_seg_size_bytes") => Self::Limit(Limit::Data),
            (Self::Limits, "open_files") => Self::Limit(Limit::OpenFiles),
            _ => Self::Other,
        }
    }
}

/// A value that is neither an object nor a list.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scalar<'t> {
    Text(&'t str),
    Number(&'t str),
    Flag(bool),
    Null,
}

impl Scalar<'_> {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(cut(text).to_owned()),
            _ => None,
        }
    }

    fn flag(self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(flag) } else { None }
    }

    /// Reads a number. Some are written as texts; what JavaScript wrote, which knows 53 bits, is larger than it was.
    fn number(self) -> Option<f64> {
        let (Self::Text(text) | Self::Number(text)) = self else { return None };
        text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
    }

    fn whole(self) -> Option<u64> {
        let (Self::Text(text) | Self::Number(text)) = self else { return None };
        text.parse::<u64>().ok().or_else(|| self.number().map(|number| number as u64))
    }
}

/// Cuts a text between characters.
fn cut(text: &str) -> &str {
    let end = (0..=KEPT.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[derive(Default)]
struct Reader {
    report: DiagnosticReport,
    problems: Problems,
    places: Vec<Place>,
    key: String,
    /// A number that counts once something follows: at the end of a file that was cut, its last digits may be missing.
    number: Option<String>,
    /// The workers that the value stands in, by position; empty for the thread that wrote the report.
    inside: Vec<usize>,
    handle: Handle,
    has_heap: bool,
    workers_left_out: u64,
    cpu: [Option<f64>; 3],
}

impl Reader {
    fn take(&mut self, event: JsonEvent<'_>) {
        if let Some(number) = self.number.take() {
            self.scalar(Scalar::Number(&number));
        }
        match event {
            JsonEvent::ObjectKey(key) => cut(&key).clone_into(&mut self.key),
            JsonEvent::StartObject | JsonEvent::StartArray => self.enter(),
            JsonEvent::EndObject | JsonEvent::EndArray => self.leave(),
            JsonEvent::String(text) => self.scalar(Scalar::Text(&text)),
            JsonEvent::Number(text) => self.number = Some(cut(&text).to_owned()),
            JsonEvent::Boolean(flag) => self.scalar(Scalar::Flag(flag)),
            JsonEvent::Null => self.scalar(Scalar::Null),
            JsonEvent::Eof => {}
        }
    }

    fn thread(&mut self) -> &mut Thread {
        match self.inside.last() {
            // Those that are not kept are not entered.
            Some(&nth) if nth < self.report.workers.len() => &mut self.report.workers[nth],
            _ => &mut self.report.thread,
        }
    }

    fn enter(&mut self) {
        let place = match self.places.last() {
            None => Place::Report,
            Some(above) => above.below(&self.key),
        };
        let place = match place {
            Place::Report if !self.places.is_empty() => self.worker(),
            Place::Space => self.space(),
            Place::Handles => {
                self.thread().handles.get_or_insert_with(Handles::default);
                place
            }
            Place::Heap => {
                self.has_heap = true;
                place
            }
            Place::Handle => {
                self.handle = Handle::default();
                place
            }
            _ => place,
        };
        self.places.push(place);
        self.key.clear();
    }

    fn worker(&mut self) -> Place {
        if self.report.workers.len() == MOST_WORKERS {
            self.workers_left_out += 1;
            return Place::Other;
        }
        self.inside.push(self.report.workers.len());
        self.report.workers.push(Thread::default());
        Place::Report
    }

    fn space(&mut self) -> Place {
        let name = std::mem::take(&mut self.key);
        let spaces = &mut self.thread().heap.spaces;
        if spaces.len() == MOST_SPACES {
            return Place::Other;
        }
        spaces.push(Space { name, ..Space::default() });
        Place::Space
    }

    fn leave(&mut self) {
        self.key.clear();
        match self.places.pop() {
            Some(Place::Report) => drop(self.inside.pop()),
            Some(Place::Workers) if self.inside.is_empty() => self.report.has_all_workers = self.workers_left_out == 0,
            Some(Place::Handles) => self.thread().handles.get_or_insert_with(Handles::default).is_whole = true,
            Some(Place::Handle) => {
                let handle = std::mem::take(&mut self.handle);
                self.thread().handles.get_or_insert_with(Handles::default).add(handle);
            }
            _ => {}
        }
    }

    fn scalar(&mut self, value: Scalar<'_>) {
        let Some(&place) = self.places.last() else { return };
        let key = std::mem::take(&mut self.key);
        match place {
            Place::Header => self.header(&key, value),
            Place::Stack if key == "message" => self.thread().message = value.text().filter(|text| !text.is_empty()),
            Place::Frames => push(&mut self.thread().frames, value.text(), MOST_FRAMES),
            Place::Native if key == "symbol" => push(&mut self.thread().native, value.text().and_then(named), MOST_FRAMES),
            Place::Heap => self.heap(&key, value),
            Place::Space => self.space_number(&key, value),
            Place::Handle => self.handle(&key, value),
            Place::Local => side(self.handle.local.get_or_insert_with(EndPoint::default), &key, value),
            Place::Remote => side(self.handle.remote.get_or_insert_with(EndPoint::default), &key, value),
            // The process's, whose numbers stand in the reports of workers again.
            _ if self.inside.is_empty() => self.process(place, &key, value),
            _ => {}
        }
        self.key = key;
    }

    fn header(&mut self, key: &str, value: Scalar<'_>) {
        match key {
            "threadId" => self.thread().id = value.whole(),
            // Node.js 22 and later: `Worker thread subreport [name]`.
            "event" if !self.inside.is_empty() => {
                let text = value.text();
                let name = text.as_deref().and_then(|text| text.split_once('[')?.1.strip_suffix(']')).filter(|name| !name.is_empty());
                self.thread().name = name.map(str::to_owned);
            }
            _ if self.inside.is_empty() => self.process(Place::Header, key, value),
            _ => {}
        }
    }

    fn heap(&mut self, key: &str, value: Scalar<'_>) {
        let known = [
            "totalMemory",
            "totalCommittedMemory",
            "usedMemory",
            "memoryLimit",
            "externalMemory",
            "mallocedMemory",
            "nativeContextCount",
            "detachedContextCount",
        ];
        if !known.contains(&key) {
            return;
        }
        let number = self.bytes(key, value);
        let heap = &mut self.thread().heap;
        match key {
            "totalMemory" => heap.total = number,
            "totalCommittedMemory" => heap.committed = number,
            "usedMemory" => heap.used = number,
            "memoryLimit" => heap.limit = number,
            "externalMemory" => heap.external = number,
            "mallocedMemory" => heap.malloced = number,
            "nativeContextCount" => heap.contexts = number,
            _ => heap.detached = number,
        }
    }

    fn space_number(&mut self, key: &str, value: Scalar<'_>) {
        if !["memorySize", "committedMemory", "used"].contains(&key) {
            return;
        }
        let number = self.bytes(key, value);
        let Some(space) = self.thread().heap.spaces.last_mut() else { return };
        match key {
            "memorySize" => space.size = number,
            "committedMemory" => space.committed = number,
            _ => space.used = number,
        }
    }

    fn handle(&mut self, key: &str, value: Scalar<'_>) {
        let handle = &mut self.handle;
        match key {
            "type" => handle.kind = value.text().unwrap_or_default(),
            "is_active" => handle.active = value.flag(),
            "is_referenced" => handle.referenced = value.flag(),
            "address" => handle.address = value.text(),
            "fd" => handle.descriptor = value.whole().filter(|number| *number < 1 << 31),
            "writeQueueSize" => handle.queued = value.whole().filter(|bytes| *bytes < IMPLAUSIBLE),
            "filename" => handle.path = value.text(),
            // Of a pipe these are paths.
            "localEndpoint" => handle.local = pipe(value),
            "remoteEndpoint" => handle.remote = pipe(value),
            _ => {}
        }
    }

    /// Takes what is the whole process's.
    fn process(&mut self, place: Place, key: &str, value: Scalar<'_>) {
        match (place, key) {
            (Place::Header, _) => self.header_of_process(key, value),
            (Place::Command, _) => push(&mut self.report.header.command, value.text(), MOST_WORDS),
            (Place::Components, "v8") => self.report.header.v8 = value.text(),
            (Place::Environment, "NODE_OPTIONS") => self.report.header.node_options = value.text(),
            (Place::Resources, _) => self.resources(key, value),
            (Place::Limit(limit), "soft") => {
                let limits = &mut self.report.user_limits;
                let limit = match limit {
                    Limit::AddressSpace => &mut limits.address_space,
                    Limit::Data => &mut limits.data,
                    Limit::OpenFiles => &mut limits.open_files,
                };
                *limit = if value == Scalar::Text("unlimited") { Some(Bound::Unlimited) } else { value.whole().map(bound) };
            }
            _ => {}
        }
    }

    fn header_of_process(&mut self, key: &str, value: Scalar<'_>) {
        let header = &mut self.report.header;
        match key {
            "event" => header.event = value.text(),
            "trigger" => header.trigger = value.text(),
            "dumpEventTimeStamp" => header.time = value.whole().filter(|time| *time < 1 << 48),
            "processId" => header.pid = value.whole().filter(|pid| *pid < 1 << 32),
            "nodejsVersion" => header.node = value.text().map(|version| version.trim_start_matches('v').to_owned()),
            "arch" => header.arch = value.text(),
            "platform" => header.platform = value.text(),
            "host" => header.host = value.text(),
            "cwd" => header.folder = value.text(),
            _ => {}
        }
    }

    fn resources(&mut self, key: &str, value: Scalar<'_>) {
        let cpu = |value: Scalar<'_>| value.number().filter(|number| *number < 1e12);
        match key {
            "constrained_memory" => self.report.resources.constrained = value.whole().filter(|limit| *limit > 0).map(bound),
            // On Node.js 18 what is left of no limit.
            "available_memory" => self.report.resources.available = value.whole().filter(|bytes| *bytes < IMPLAUSIBLE),
            "rss" => self.report.resources.rss = self.bytes(key, value),
            "maxRss" => self.report.resources.peak_rss = self.bytes(key, value),
            "free_memory" => self.report.resources.free = self.bytes(key, value),
            "total_memory" => self.report.resources.total = self.bytes(key, value),
            "userCpuSeconds" => self.cpu[0] = cpu(value),
            "kernelCpuSeconds" => self.cpu[1] = cpu(value),
            "cpuConsumptionPercent" => self.cpu[2] = cpu(value),
            _ => {}
        }
    }

    /// Reads a number of bytes, or of things. What is none is a problem, unless it is nothing.
    fn bytes(&mut self, key: &str, value: Scalar<'_>) -> Option<u64> {
        let number = value.whole().filter(|number| *number < IMPLAUSIBLE);
        if number.is_none() && value != Scalar::Null {
            self.problems.add(ProblemKind::BadNumber, None, format!("{key} is no number that a process can have: it counts as unknown"));
        }
        number
    }

    fn finish(mut self) -> Result<super::Read, ReportError> {
        if !self.tells() {
            return Err(ReportError::NotAReport);
        }
        self.problems.add_many(
            ProblemKind::WrongCount,
            self.workers_left_out,
            None,
            format!("more than {MOST_WORKERS} workers: those that follow are left out"),
        );
        let resources = &mut self.report.resources;
        if let [Some(user), Some(kernel), percent] = self.cpu {
            resources.cpu = Some(user + kernel);
            // Node.js divided by whole seconds, at least one.
            let up = percent.filter(|percent| *percent > 0.0).map(|percent| ((user + kernel) * 100.0 / percent).round());
            resources.up = up.filter(|up| (1.0..1e12).contains(up)).map(|up| up as u64);
        }
        Ok((self.report, self.problems))
    }

    /// Says whether anything is known that a report is asked for.
    fn tells(&self) -> bool {
        let heap = &self.report.thread.heap;
        (self.has_heap && (heap.used.is_some() || !heap.spaces.is_empty()))
            || self.report.resources.rss.or(self.report.resources.peak_rss).is_some()
    }

    /// Ends where the file does, or where it is damaged: with what is known by then.
    fn broken(mut self, broken: Broken) -> Result<super::Read, ReportError> {
        match broken {
            Broken::Io(error) => return Err(error.into()),
            Broken::Cut { bytes } if !self.tells() => return Err(ReportError::Truncated { offset: bytes }),
            Broken::Damaged { offset, what } if !self.tells() => return Err(ReportError::Damaged { offset, what }),
            Broken::Cut { bytes } => {
                self.problems.add(ProblemKind::Truncated, Some(bytes), "it ends in the middle: what should follow is unknown,");
            }
            Broken::Damaged { offset, .. } if self.places.is_empty() => {
                self.problems.add(ProblemKind::TrailingBytes, Some(offset), "something else follows the report");
            }
            Broken::Damaged { offset, what } => {
                self.problems.add(ProblemKind::BadSection, Some(offset), format!("{what}: what follows is left out,"));
            }
        }
        self.finish()
    }
}

/// Returns a limit: what nobody can reach is none. Node.js writes it as the largest number, or nearly.
fn bound(number: u64) -> Bound {
    if number < IMPLAUSIBLE { Bound::Of(number) } else { Bound::Unlimited }
}

/// Takes a side of a socket: a name where there is one, else an address.
fn side(side: &mut EndPoint, key: &str, value: Scalar<'_>) {
    match key {
        "host" => side.host = value.text().unwrap_or_default(),
        "ip4" | "ip6" if side.host.is_empty() => side.host = value.text().unwrap_or_default(),
        "port" => side.port = value.whole().and_then(|port| u16::try_from(port).ok()),
        _ => {}
    }
}

fn pipe(value: Scalar<'_>) -> Option<EndPoint> {
    value.text().filter(|path| !path.is_empty()).map(|host| EndPoint { host, port: None })
}

/// Returns a symbol without the file that it is in and without its arguments; `None` for one without a name.
fn named(symbol: String) -> Option<String> {
    let name = symbol.rsplit_once(" [").map_or(symbol.as_str(), |(name, _)| name);
    let name = name.split_once('(').map_or(name, |(name, _)| name).trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn push(list: &mut Vec<String>, text: Option<String>, most: usize) {
    if list.len() < most {
        list.extend(text);
    }
}
