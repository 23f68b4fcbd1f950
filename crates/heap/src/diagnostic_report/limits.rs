//! How near a process is to its limits, and which gives up first.
//!
//! A report tells V8's limit on the whole heap, in which the young generation has a part that objects which stay cannot use. V8 gives up when the
//! old generation is full: a process with `--max-old-space-size=60` died on Node.js 24 with 62 MB of a "limit" of 264 MB.

use super::command_line::Told;
use super::{Bound, DiagnosticReport, Heap, Thread};
use crate::outlook::Room;

const MEGABYTE: u64 = 1 << 20;

/// What a process has of its limits. Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The old generation of the thread that is nearest to V8's limit on it.
    pub old_generation: Option<Room>,
    /// The container.
    pub container: Option<Room>,
    /// The machine, where no container limits the process.
    pub machine: Option<Room>,
    /// Descriptors: the highest that was seen, and how many there may be.
    pub open_files: Option<Room>,
}

/// A limit that ends a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLimit {
    /// V8's own.
    Heap,
    /// The container's.
    Container,
    /// The machine has no more.
    Machine,
}

impl FirstLimit {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Container => "group",
            Self::Machine => "machine",
        }
    }
}

impl Limits {
    /// Works them out.
    #[must_use]
    pub fn of(report: &DiagnosticReport) -> Self {
        let container = container(report);
        let nearest = report
            .threads()
            .filter_map(|thread| old_generation(report, thread))
            .max_by(|one, other| fullness(one).total_cmp(&fullness(other)));
        Self {
            old_generation: nearest,
            container,
            machine: if container.is_none() { machine(report) } else { None },
            open_files: open_files(report),
        }
    }

    /// Says which limit is reached first where objects of JavaScript grow: they count for all.
    #[must_use]
    pub fn first(&self) -> Option<FirstLimit> {
        let rooms = [
            (FirstLimit::Heap, self.old_generation?),
            (FirstLimit::Container, self.container.unwrap_or(ENDLESS)),
            (FirstLimit::Machine, self.machine.unwrap_or(ENDLESS)),
        ];
        rooms.into_iter().min_by_key(|(_, room)| left(room)).map(|(first, _)| first)
    }
}

const ENDLESS: Room = Room { limit: u64::MAX, used: 0 };

fn left(room: &Room) -> u64 {
    room.limit.saturating_sub(room.used)
}

/// Returns how full something is: 1 where nothing is left.
pub(super) fn fullness(room: &Room) -> f64 {
    if room.limit == 0 { 0.0 } else { room.used as f64 / room.limit as f64 }
}

/// Returns what a thread's old generation has, and may have.
pub(super) fn old_generation(report: &DiagnosticReport, thread: &Thread) -> Option<Room> {
    Some(Room { used: old_used(&thread.heap)?, limit: old_limit(report, thread)? })
}

/// Returns the bytes of objects in spaces of the old generation.
pub(super) fn old_used(heap: &Heap) -> Option<u64> {
    const OTHERS: [&str; 3] = ["new_space", "new_large_object_space", "read_only_space"];
    let old = heap.spaces.iter().filter(|space| !OTHERS.contains(&space.name.as_str()));
    if heap.spaces.is_empty() { None } else { old.map(|space| space.used).try_fold(0_u64, |sum, used| Some(sum.saturating_add(used?))) }
}

/// Returns V8's limit on the old generation: as an option says, else what is left of the heap's for it where all is as V8 chooses.
fn old_limit(report: &DiagnosticReport, thread: &Thread) -> Option<u64> {
    let whole = thread.heap.limit?;
    // A worker with limits of its own.
    let is_own = report.thread.heap.limit != Some(whole);
    let option = |name: &str| if is_own { None } else { megabytes(report, name) };
    if let Some(limit) = option("max-old-space-size").filter(|limit| (1..=whole).contains(limit)) {
        return Some(limit);
    }
    let (most, ratio) = young_generation(report);
    let young = match option("max-semi-space-size") {
        Some(semi) => semi.saturating_mul(3),
        None if !is_own && value(report, "max-old-space-size-percentage").is_some() => most,
        // It follows from the old generation's: three semispaces, of which each is so small a part of it.
        None => most.min(whole.saturating_mul(3) / (ratio + 3)),
    };
    whole.checked_sub(young).filter(|limit| *limit > 0)
}

/// Returns the most that the young generation may have unless an option says so, and how many times larger than a semispace V8 makes the old
/// generation: measured, with control groups of 0.1 to 8 GB.
fn young_generation(report: &DiagnosticReport) -> (u64, u64) {
    let major = report.header.node.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    match major {
        Some(0..=23) => (48 * MEGABYTE, 128),
        Some(24 | 25) => (192 * MEGABYTE, 32),
        _ => (96 * MEGABYTE, 64),
    }
}

fn megabytes(report: &DiagnosticReport, name: &str) -> Option<u64> {
    value(report, name)?.parse::<u64>().ok()?.checked_mul(MEGABYTE)
}

/// Returns the value of an option of V8's: those of the command line count more than NODE_OPTIONS.
fn value<'r>(report: &'r DiagnosticReport, name: &str) -> Option<&'r str> {
    let variable = report.header.node_options.as_deref().unwrap_or_default();
    report.told().value(name).or_else(|| Told::of(variable.split_ascii_whitespace()).value(name))
}

/// Returns what a container lets the process have, and what it has. What else is in the container counts where the report tells it.
fn container(report: &DiagnosticReport) -> Option<Room> {
    let resources = &report.resources;
    let limit = resources.constrained.and_then(Bound::number).filter(|limit| resources.total.is_none_or(|total| *limit < total))?;
    let used = resources.available.filter(|left| *left <= limit).map(|left| limit - left).or(resources.rss)?;
    Some(Room { limit, used })
}

fn machine(report: &DiagnosticReport) -> Option<Room> {
    let limit = report.resources.total?;
    Some(Room { limit, used: limit.checked_sub(report.resources.free?)? })
}

fn open_files(report: &DiagnosticReport) -> Option<Room> {
    let limit = report.user_limits.open_files.and_then(Bound::number)?;
    let highest = report.threads().filter_map(|thread| thread.handles.as_ref()?.highest_descriptor).max()?;
    Some(Room { limit, used: highest.saturating_add(1) })
}
