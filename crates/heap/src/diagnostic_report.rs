//! A diagnostic report of Node.js (`process.report`, `--report-on-fatalerror`): totals of a process's memory, its limits, what it had open.
//!
//! Known are the reports of Node.js 16 to 26. What a report does not have is `None`: Node.js 16 tells no RSS, one of a process that died of a
//! fatal error outside of any realm has no handles and no workers. There are no objects in a report, and of the variables of the environment only `NODE_OPTIONS` is looked at.

mod command_line;
mod growth;
mod handles;
mod judgement;
mod limits;
mod parse;

use crate::problems::Problems;

use command_line::Told;

pub use growth::{Change, Difference, Growth, compare, difference};
pub use handles::{EndPoint, EndPoints, Handle, HandleCount, Handles, Role};
pub use judgement::judge;
pub use limits::{FirstLimit, Limits};
pub use parse::ReportError;

/// A report, and what was wrong with it.
pub type Read = (DiagnosticReport, Problems);

/// A diagnostic report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiagnosticReport {
    /// Which process wrote it, and why.
    pub header: Header,
    /// The thread that wrote it.
    pub thread: Thread,
    /// The workers of that thread, and theirs.
    pub workers: Vec<Thread>,
    /// Whether those are all: the list was read to its end.
    pub has_all_workers: bool,
    /// What the system counts of the process.
    pub resources: Resources,
    /// What the user may have (`ulimit`).
    pub user_limits: UserLimits,
}

/// Which process wrote a report, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What happened, in words: `Allocation failed - JavaScript heap out of memory`.
    pub event: Option<String>,
    /// What kind of event that is: `API`, `Signal`, `Exception`, `FatalError`, `OOMError`.
    pub trigger: Option<String>,
    /// When, in milliseconds since 1970.
    pub time: Option<u64>,
    /// The process's number, in its own container.
    pub pid: Option<u64>,
    /// The version of Node.js: `24.21.0`.
    pub node: Option<String>,
    /// The version of V8: `13.6.233.17-node.53`.
    pub v8: Option<String>,
    /// `x64`.
    pub arch: Option<String>,
    /// `linux`.
    pub platform: Option<String>,
    /// The machine's or container's name.
    pub host: Option<String>,
    /// The directory that it worked in.
    pub folder: Option<String>,
    /// The words of the command line, the first ones.
    pub command: Vec<String>,
    /// The variable `NODE_OPTIONS`.
    pub node_options: Option<String>,
}

/// A thread with a heap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thread {
    /// Node.js's number of it: 0 is the main thread. `None` in the report of a fatal error outside of any realm.
    pub id: Option<u64>,
    /// What a worker is called.
    pub name: Option<String>,
    /// Its heap.
    pub heap: Heap,
    /// The message of the error that the stack belongs to.
    pub message: Option<String>,
    /// The first frames of the JavaScript stack: `at boom (/srv/app.js:1:23)`.
    pub frames: Vec<String>,
    /// The first frames of the native stack that have a name.
    pub native: Vec<String>,
    /// What its loop waits for; `None` where the report does not tell.
    pub handles: Option<Handles>,
}

/// V8's totals of a heap, in bytes. Objects that are garbage but were not collected yet count as used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Pages (`heapTotal` of `process.memoryUsage()`).
    pub total: Option<u64>,
    /// Pages that are in memory, as V8 estimates it.
    pub committed: Option<u64>,
    /// Objects.
    pub used: Option<u64>,
    /// The most that the heap may have, its young generation included.
    pub limit: Option<u64>,
    /// Memory besides the heap that objects keep: ArrayBuffers, external strings, what add-ons report.
    pub external: Option<u64>,
    /// V8's own memory besides the heap.
    pub malloced: Option<u64>,
    /// Realms (native contexts).
    pub contexts: Option<u64>,
    /// Realms that were left, and are still held.
    pub detached: Option<u64>,
    /// Its spaces, in the file's order.
    pub spaces: Vec<Space>,
}

/// A space of a heap, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// `old_space`.
    pub name: String,
    /// Pages.
    pub size: Option<u64>,
    /// Pages that are in memory.
    pub committed: Option<u64>,
    /// Objects.
    pub used: Option<u64>,
}

/// The most that there may be of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// As much as there is.
    Unlimited,
    /// So much.
    Of(u64),
}

impl Bound {
    /// Returns the number, where there is one.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::Of(number) => Some(number),
        }
    }
}

/// What the system counts of a process. Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// What is in memory: RSS.
    pub rss: Option<u64>,
    /// The most that ever was.
    pub peak_rss: Option<u64>,
    /// The limit of the container; from Node.js 24 on, that on the address space where it is lower. Node.js 18 sees none in most containers.
    pub constrained: Option<Bound>,
    /// What is left of that limit, or of the machine.
    pub available: Option<u64>,
    /// What the machine has free.
    pub free: Option<u64>,
    /// What the machine has.
    pub total: Option<u64>,
    /// Seconds of processor time.
    pub cpu: Option<f64>,
    /// How long the process has run, in whole seconds, rounded down and at least one.
    pub up: Option<u64>,
}

/// Limits of the user (`ulimit`), the soft ones. Sizes in bytes: Node.js 16 to 20 call them kilobytes, and write bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// The address space (`ulimit -v`).
    pub address_space: Option<Bound>,
    /// Data (`ulimit -d`).
    pub data: Option<Bound>,
    /// Open files (`ulimit -n`).
    pub open_files: Option<Bound>,
}

impl DiagnosticReport {
    /// Returns all threads that the report tells of, the one that wrote it first.
    pub fn threads(&self) -> impl Iterator<Item = &Thread> {
        std::iter::once(&self.thread).chain(&self.workers)
    }

    /// Says whether V8 gave up for want of memory.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        let says = |text: &Option<String>, what: &str| text.as_ref().is_some_and(|text| text.contains(what));
        says(&self.header.trigger, "OOMError") || says(&self.header.event, "out of memory")
    }

    /// Says whether the process ended when this was written.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.header.trigger.as_deref(), Some("OOMError" | "FatalError" | "Exception"))
    }

    /// Says whether all heaps of the process are in the report: the main thread's and all workers'.
    #[must_use]
    pub fn has_all_heaps(&self) -> bool {
        self.thread.id == Some(0) && self.has_all_workers
    }

    /// Returns the bytes of RSS that are neither pages of a heap nor memory that objects keep besides; `None` where that is not known:
    /// external memory need not be in memory.
    #[must_use]
    pub fn unexplained(&self) -> Option<u64> {
        self.resources.rss?.checked_sub(self.sum(|heap| heap.committed)?)?.checked_sub(self.sum(|heap| heap.external)?)
    }

    /// Sums up over all threads; `None` where one does not tell.
    pub fn sum(&self, of: impl Fn(&Heap) -> Option<u64>) -> Option<u64> {
        self.threads().try_fold(0_u64, |sum, thread| Some(sum.saturating_add(of(&thread.heap)?)))
    }

    /// Returns the script that the process runs, where its arguments tell: `[eval]` for a text on the command line.
    #[must_use]
    pub fn script(&self) -> Option<&str> {
        self.told().script
    }

    fn told(&self) -> Told<'_> {
        Told::of(self.header.command.iter().skip(1).map(String::as_str))
    }
}

#[cfg(test)]
mod tests;
