//! Where memory was allocated: told by function, by whose code it is, and as a tree of calls; sampling profiles (`.heapprofile`) are opened too.
//!
//! Also what `attach PID sample`, `attach PID track` and `allocations` end in. What a profile counts is `heap`'s.

use std::io::BufReader;
use std::path::Path;

use heap::heap_profile::{HeapProfile, ProfileError};
use heap::snapshot::{Found, Input};
use heap::view::{Cell, ColumnKind, Table};
use serde_json::json;

use crate::answer::{Answer, Piece, Section, Target};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::open;
use crate::render::number;
use crate::session::Session;
use crate::typed::shell_path;

/// Below this share of all bytes, calls are left out of the tree.
const SMALLEST_SHARE: f64 = 0.01;
/// Where all is wanted, next to nothing is left out.
const SMALLEST_OF_ALL: f64 = 0.0;

/// How a profile came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// V8 noted one allocation in so many bytes.
    Sampled,
    /// V8 noted every allocation.
    Tracked,
}

impl Recorded {
    /// Returns what its bytes rest on, in JSON and for people.
    fn counted(self) -> (&'static str, &'static str) {
        match self {
            Self::Sampled => ("samples", "samples"),
            Self::Tracked => ("count", "objects"),
        }
    }

    /// Returns the names of the tables by function and by whose code.
    fn tables(self) -> [&'static str; 2] {
        match self {
            Self::Sampled => ["sampled_functions", "sampled_owners"],
            Self::Tracked => ["allocating_functions", "allocating_owners"],
        }
    }
}

/// A profile that was opened.
pub(crate) struct Opened {
    /// What is in it.
    pub(crate) profile: HeapProfile,
    /// What it is.
    pub(crate) target: Target,
}

/// Opens the profile in a file that was refused as no snapshot.
pub(crate) fn instead(path: &Path, refused: CommandError, session: &Session) -> Result<Opened, CommandError> {
    open(path, session).unwrap_or(Err(refused))
}

/// Opens a file if it is a profile, also a packed one; `None` for everything else.
fn open(path: &Path, session: &Session) -> Option<Result<Opened, CommandError>> {
    if open::is_stdin(path) || !path.is_file() {
        return None;
    }
    let input = Input::open(path, &session.progress).ok().filter(|input| !input.is_elf())?;
    if input.other() != Some(Found::HeapProfile) {
        return None;
    }
    let bytes = input.bytes();
    let (file, problems) = input.into_file();
    let read = HeapProfile::read(BufReader::with_capacity(1 << 18, file)).map_err(|error| failed(path, &error));
    let opened = read.map(|profile| Opened { profile, target: target(path, bytes) });
    // What was packed and damaged is no profile that can be told in part: bytes would be missing without a trace.
    Some(opened.and_then(
        |opened| {
            if problems.is_empty() { Ok(opened) } else { Err(failed(path, &ProfileError::Truncated { offset: bytes })) }
        },
    ))
}

fn target(path: &Path, bytes: u64) -> Target {
    Target { kind: "heapprofile", path: path.to_owned(), bytes, nodes: None, edges: None, node: None, layout: None, running: None }
}

fn failed(path: &Path, error: &ProfileError) -> CommandError {
    let name = shown(path);
    match error {
        ProfileError::Io(error) => open::io_error(path, error),
        ProfileError::Truncated { .. } => CommandError::new(&codes::TRUNCATED, format!("{name} is a sampling heap profile, and {error}"))
            .note("likely", "the process was killed, the disk was full, or a copy broke off")
            .why("its sums would be too low without a trace"),
        _ => CommandError::new(&codes::DAMAGED, format!("{name} begins as a sampling heap profile does, but cannot be read: {error}")),
    }
}

/// Reports on a profile file.
pub(crate) fn report(path: &Path, opened: Opened, session: &Session) -> Answer {
    let answer = Answer { targets: vec![opened.target], ..Answer::default() }.headed();
    let convert = format!("heapwhy convert {} --to pprof -o sampled.pb.gz", shell_path(path));
    told(answer, &opened.profile, Recorded::Sampled, session).next(convert)
}

/// Tells a profile.
pub(crate) fn told(answer: Answer, profile: &HeapProfile, recorded: Recorded, session: &Session) -> Answer {
    let title = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &[] };
    let is_all = session.global.json || session.global.jsonl || session.global.limit == Some(0);
    let tree = profile.tree(if is_all { SMALLEST_OF_ALL } else { SMALLEST_SHARE });
    answer
        .section(match recorded {
            Recorded::Sampled => sampled(profile),
            Recorded::Tracked => tracked(profile),
        })
        .section(title("By function", functions(profile, recorded, session.limit(false))))
        .section(title("By whose code", owners(profile, recorded, session.limit(false))))
        .section(Section::Tree { title: "Calls, with what was allocated below each".to_owned(), tree })
}

fn tracked(profile: &HeapProfile) -> Section {
    let (bytes, count) = (profile.bytes(), profile.samples());
    let left =
        format!("  {} in {} objects that were made while V8 tracked them and are still there", number::bytes(bytes), number::count(count));
    let lines = vec![
        vec![Piece::Strong("TRACKED".to_owned()), Piece::Plain(left)],
        vec![Piece::Plain("         not in it: what was there before, and what holds an object".to_owned())],
    ];
    let json = json!({ "bytes": bytes, "count": count, "functions": profile.frames.len(), "stacks": profile.stacks.len() });
    Section::Value { name: "tracked", json, lines }
}

fn sampled(profile: &HeapProfile) -> Section {
    let (bytes, samples) = (profile.bytes(), profile.samples());
    let from = if samples > 0 { format!(" ({} samples)", number::count(samples)) } else { String::new() };
    let lines = vec![
        vec![
            Piece::Strong("SAMPLED".to_owned()),
            Piece::Plain(format!("  {} of what was allocated are still in use{from}", number::bytes(bytes))),
        ],
        vec![Piece::Plain("         not in it: what was there before, and what holds an object".to_owned())],
    ];
    let json = json!({ "bytes": bytes, "samples": samples, "functions": profile.frames.len(), "stacks": profile.stacks.len() });
    Section::Value { name: "sampled", json, lines }
}

fn share(bytes: u64, profile_bytes: u64) -> Cell {
    Cell::Share(if profile_bytes == 0 { 0.0 } else { bytes as f64 / profile_bytes as f64 })
}

fn functions(profile: &HeapProfile, recorded: Recorded, limit: usize) -> Table {
    let (name, title) = recorded.counted();
    let columns = [
        ("function", "function", ColumnKind::Text),
        ("self_bytes", "itself", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
        ("total_bytes", "with callees", ColumnKind::Bytes),
        (name, title, ColumnKind::Count),
        ("location", "location", ColumnKind::Location),
    ];
    let [table, _] = recorded.tables();
    let mut table = Table::new(table, &columns);
    let all = profile.bytes();
    for (frame, sums) in profile.functions() {
        table.push(vec![
            frame.name().into(),
            sums.own.into(),
            share(sums.own, all),
            sums.total.into(),
            sums.samples.into(),
            frame.place().map_or(Cell::None, Cell::from),
        ]);
    }
    table.truncate(limit);
    table
}

fn owners(profile: &HeapProfile, recorded: Recorded, limit: usize) -> Table {
    let (name, title) = recorded.counted();
    let columns = [
        ("owner", "code of", ColumnKind::Text),
        ("self_bytes", "itself", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
        ("total_bytes", "with callees", ColumnKind::Bytes),
        (name, title, ColumnKind::Count),
    ];
    let [_, table] = recorded.tables();
    let mut table = Table::new(table, &columns);
    let all = profile.bytes();
    for (owner, sums) in profile.owners() {
        table.push(vec![owner.to_string().into(), sums.own.into(), share(sums.own, all), sums.total.into(), sums.samples.into()]);
    }
    table.truncate(limit);
    table
}
