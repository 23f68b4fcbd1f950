//! An image of a running process: a core file of it, taken while it goes on.
//!
//! All threads are stopped, the process clones itself, copy-on-write, and goes on at once; the copy stands still and is read at leisure, then
//! ended and reaped. What is injected into the process needs nobody to finish it (`chain`), so that there is no moment at which our death, by
//! whatever signal, would leave it other than it was. Where it cannot clone itself, it can be read while it is stopped.
//!
//! Knows processes and the ELF format, nothing of V8 except that it keeps its heap out of clones.

mod bpf;
mod chain;
mod doctor;
mod error;
mod filter;
mod fork;
mod image;
pub(crate) mod limits;
mod notes;
mod packed;
mod pagemap;
mod peek;
mod places;
pub(crate) mod proc;
mod reading;
mod resident;
mod surroundings;
pub(crate) mod terminal;
mod threads;
mod trace;
mod vitals;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, getpriority_process, pidfd_open, setpriority_process};

pub use doctor::{Checkup, Prediction, examine};
pub use error::CaptureError;
pub use filter::Filtering;
pub use limits::{Group, in_memory, nameless, room};
pub use packed::{capture_packed, pack};
pub use peek::{Peek, Stretch};
pub use resident::{Resident, resident};
pub use surroundings::{Kind, Surroundings};
pub use vitals::{Vitals, vitals};

use fork::{Advice, Copy, Target};
use image::{Amount, Source};
use notes::{Facts, Thread};
use places::Places;
use proc::Mapping;
use reading::{Sink, Until, Watch};
use terminal::Unstoppable;
use threads::Threads;
use trace::{RegisterSet, Registers};

/// How a process is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It clones itself, and the copy is read: a pause of tens of milliseconds per gigabyte.
    Fork,
    /// It is read while it is stopped: a pause of about a second per gigabyte, and nothing is changed in it.
    Stop,
}

impl Method {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Stop => "stop",
        }
    }
}

/// What becomes of a capture whose process ends meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The copy ends with it: who ends a service waits for all of its processes, and its ports are held as long.
    End,
    /// The copy is read to its end: it is what the capture is for.
    ReadOn,
}

/// What to capture, and who hears of it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The process.
    pub pid: i32,
    /// How.
    pub method: Method,
    /// How long it may stand still while it is read, from its stop on ([`Method::Stop`]; a copy holds nobody). Then it is let go, and the capture is given
    /// up: on time, also where a disk hangs.
    pub longest_stop: Duration,
    /// Told how many bytes were read, and of how many.
    pub progress: &'a dyn Fn(u64, u64),
    /// Called between any two steps, with the step's name: tests kill there. `None` otherwise.
    pub hook: Option<&'a dyn Fn(&'static str)>,
    /// Stops the capture when set.
    pub cancel: &'a AtomicBool,
    /// What becomes of it where the process ends meanwhile.
    pub at_end: AtEnd,
}

/// What was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// How.
    pub method: Method,
    /// How long the process stood still.
    pub pause: Duration,
    /// How long it stood still in attempts before, which came at a bad moment.
    pub earlier_pauses: Duration,
    /// How long all of it took.
    pub took: Duration,
    /// How many bytes of memory were read.
    pub bytes: u64,
    /// How many bytes besides could not be: zeros in the image. Guard regions, files that became shorter, memory of devices.
    pub unreadable: u64,
    /// By how much memory grew while the copy was there: pages that either has written since, and the copy's page tables. Gone with the copy.
    pub growth: u64,
    /// How many threads the process has.
    pub threads: usize,
}

/// What a process is, as far as that can be told without touching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its program.
    pub program: PathBuf,
    /// Its arguments, the program's name first.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub folder: PathBuf,
    /// How long it has been running.
    pub up: Option<Duration>,
    /// Memory that it occupies, in bytes.
    pub resident: u64,
}

/// Looks at a process.
///
/// # Errors
/// When there is none of that number, or we may not look.
pub fn known(pid: i32) -> Result<Known, CaptureError> {
    let status = proc::status(pid).map_err(|_| CaptureError::NoProcess { pid })?;
    let failed = |source| CaptureError::of_reading(pid, "reading what it is", source);
    let link = |what: &str| fs::read_link(proc::path(pid, what));
    let arguments = fs::read(proc::path(pid, "cmdline")).map_err(failed)?;
    let arguments = arguments.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut arguments: Vec<String> = arguments.collect();
    arguments.pop();
    let program = match link("exe") {
        // A thread of the kernel has none.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(CaptureError::Unfit { pid, why: "it has no program of its own" });
        }
        other => other.map_err(failed)?,
    };
    Ok(Known { program, arguments, folder: link("cwd").unwrap_or_default(), up: up_time(pid), resident: status.resident })
}

/// Returns when a process was started, in ticks of the kernel's: with its number that tells it from any later one. `None` where there is none,
/// or where it has ended and waits for its parent to look.
#[must_use]
pub fn started(pid: i32) -> Option<u64> {
    let stat = proc::stat(pid, "stat").ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.started)
}

fn up_time(pid: i32) -> Option<Duration> {
    /// Linux counts in hundredths of a second here, whatever its own clock.
    const TICKS: f64 = 100.0;
    let started = proc::stat(pid, "stat").ok()?.started as f64 / TICKS;
    let now: f64 = fs::read_to_string("/proc/uptime").ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(now - started).ok()
}

/// Hears of steps.
#[derive(Clone, Copy)]
struct Hook<'a>(Option<&'a dyn Fn(&'static str)>);

impl Hook<'_> {
    fn at(self, step: &'static str) {
        if let Some(hook) = self.0 {
            hook(step);
        }
    }
}

/// How often a stop is tried again that came while V8 was changing its mappings.
const ATTEMPTS: u32 = 4;

/// Captures a process: its image is written into `out`, as a core file. The process goes on in every case.
///
/// The process is tied to the calling thread while it is stopped. Another one reads and writes: where its disk hangs, it is left behind with a
/// handle of `out`, and writes nothing more if the disk answers after all.
///
/// # Errors
/// Where the process cannot be looked into, stopped or cloned, or has ended, or stood still for too long, or the file cannot be written.
pub fn capture(request: &Request<'_>, out: &File) -> Result<Captured, CaptureError> {
    capture_into(request, Arc::new(out.try_clone().map_err(|source| CaptureError::Write { source })?))
}

fn capture_into(request: &Request<'_>, out: Arc<dyn Sink>) -> Result<Captured, CaptureError> {
    let began = Instant::now();
    let pid = request.pid;
    let subject = Subject::open(pid)?;
    let _unstoppable = Unstoppable::new();
    let hook = Hook(request.hook);
    let mut image = match request.method {
        Method::Fork => subject.fork(hook)?,
        Method::Stop => subject.stop(hook)?,
    };
    let Amount { read: bytes, unreadable } = image.write(request, out)?;
    let growth = image.growth();
    let (pause, threads) = (image.end(), image.facts.threads.len());
    hook.at("ended");
    let (method, earlier_pauses, took) = (request.method, image.earlier_pauses, began.elapsed());
    Ok(Captured { method, pause, earlier_pauses, took, bytes, unreadable, growth, threads })
}

/// A process that may be captured.
struct Subject {
    pid: i32,
    started: u64,
    memory: File,
}

impl Subject {
    /// Looks at a process without stopping it.
    fn open(pid: i32) -> Result<Self, CaptureError> {
        let status = proc::status(pid).map_err(|_| CaptureError::NoProcess { pid })?;
        let unfit = |why| Err(CaptureError::Unfit { pid, why });
        if status.tracer != 0 {
            return Err(CaptureError::Traced { pid, tracer: status.tracer });
        }
        match status.state {
            'Z' | 'X' => return unfit("it has ended, and its parent has not looked yet"),
            'T' | 't' => return unfit("it is stopped; `kill -CONT` lets it go on"),
            _ => {}
        }
        let started = proc::stat(pid, "stat").map_err(|_| CaptureError::NoProcess { pid })?.started;
        let failed = |source| CaptureError::of_reading(pid, "opening its memory", source);
        let memory = File::options().read(true).write(true).open(proc::path(pid, "mem")).map_err(failed)?;
        Ok(Self { pid, started, memory })
    }

    /// Stops it, lets it clone itself, and lets it go on.
    fn fork(&self, hook: Hook<'_>) -> Result<Image, CaptureError> {
        let pid = self.pid;
        let failed = |doing| move |source| CaptureError::of_reading(pid, doing, source);
        // A chain returns to where nobody called from, for which such hardware ends the process.
        if proc::status(pid).map_err(failed("reading what it is"))?.shadow_stack {
            return Err(CaptureError::NoFork { pid, why: "the hardware guards its return addresses (shadow stack)".to_owned() });
        }
        let mut earlier_pauses = Duration::ZERO;
        for attempt in 1.. {
            let mappings = proc::mappings(pid).map_err(failed("reading its mappings"))?;
            let mut advice = Advice::of(&proc::mappings_described(pid).map_err(failed("reading its mappings"))?);
            let no_place = || CaptureError::NoFork { pid, why: "its C library has no call that can be borrowed".to_owned() };
            let places = places::find(&self.memory, &mappings).ok_or_else(no_place)?;
            let mut stopped = self.stopped(hook)?;
            if !advice.covers(&stopped.mappings) && attempt < ATTEMPTS {
                earlier_pauses += stopped.release();
                continue;
            }
            if !advice.covers(&stopped.mappings) {
                // It changes them all the time: then it has to wait while they are read.
                advice = Advice::of(&proc::mappings_described(pid).map_err(failed("reading its mappings"))?);
            }
            let copy = stopped.fork(self, &places, &advice, hook).inspect_err(|_| {
                stopped.threads.release();
                fork::end_unheard_of(pid);
            })?;
            let pause = stopped.release();
            hook.at("released");
            copy.settle()?;
            hook.at("settled");
            let facts = self.facts(&stopped, Some(&copy))?;
            return Ok(Image { stopped, copy: Some(copy), facts: Arc::new(facts), pause, earlier_pauses });
        }
        Err(CaptureError::Gone { pid, doing: "stopping it" })
    }

    /// Stops it.
    fn stop(&self, hook: Hook<'_>) -> Result<Image, CaptureError> {
        let stopped = self.stopped(hook)?;
        let facts = Arc::new(self.facts(&stopped, None)?);
        Ok(Image { stopped, copy: None, facts, pause: Duration::ZERO, earlier_pauses: Duration::ZERO })
    }

    fn stopped(&self, hook: Hook<'_>) -> Result<Stopped, CaptureError> {
        let pid = self.pid;
        let urgent = Some(Urgent::new());
        let mut threads = Threads::seize(pid)?;
        hook.at("seized");
        let since = Instant::now();
        threads.stop()?;
        hook.at("stopped");
        // It may have become another program, or another process of the same number.
        let is_same = proc::stat(pid, "stat").is_ok_and(|stat| stat.started == self.started) && !self.is_another_program();
        if !is_same {
            return Err(CaptureError::Gone { pid, doing: "stopping it" });
        }
        let registers = threads.registers()?;
        let mappings = proc::mappings(pid).map_err(|source| CaptureError::of_reading(pid, "reading its mappings", source))?;
        let float = registers.iter().map(|(tid, _)| Float::of(*tid)).collect();
        Ok(Stopped { pid, threads, since, urgent, registers, float, mappings })
    }

    /// Says whether the memory that was opened is nobody's any more: a program that a process becomes has another.
    fn is_another_program(&self) -> bool {
        /// Whether anything is there does not matter.
        const ANYWHERE: u64 = 4096;
        // The kernel says of memory that is gone that it ends, and of a place where nothing is that it cannot be read.
        matches!(self.memory.read_at(&mut [0], ANYWHERE), Ok(0))
    }

    /// Tells what the process is. A copy is what its process was, which may have become another program since.
    fn facts(&self, stopped: &Stopped, copy: Option<&Copy>) -> Result<Facts, CaptureError> {
        let pid = self.pid;
        let failed = |source| CaptureError::of_reading(pid, "reading what it is", source);
        let same = copy.map_or(pid, |copy| copy.pid);
        let read = |what: &str| fs::read(proc::path(same, what)).map_err(failed);
        Ok(Facts {
            pid,
            status: proc::status(same).map_err(failed)?,
            stat: proc::stat(pid, "stat").map_err(failed)?,
            arguments: read("cmdline")?,
            auxiliary: read("auxv")?,
            threads: stopped.threads_as_they_were(),
        })
    }
}

/// The floating point registers of a thread, as they were and as `xsave` has them: empty where there are none to be had.
struct Float {
    plain: Vec<u8>,
    extended: Vec<u8>,
}

impl Float {
    fn of(tid: i32) -> Self {
        let read = |set| trace::register_set(tid, set).unwrap_or_default();
        Self { plain: read(RegisterSet::Float), extended: read(RegisterSet::Extended) }
    }
}

/// While a process stands still, we come first, where the system allows that: it waits for us at every step.
struct Urgent {
    before: Option<i32>,
}

impl Urgent {
    fn new() -> Self {
        const FIRST: i32 = -20;
        let before = getpriority_process(None).ok();
        let is_set = setpriority_process(None, FIRST).is_ok();
        Self { before: before.filter(|_| is_set) }
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            let _ = setpriority_process(None, before);
        }
    }
}

/// A process that stands still.
struct Stopped {
    pid: i32,
    threads: Threads,
    since: Instant,
    urgent: Option<Urgent>,
    registers: Vec<(i32, Registers)>,
    float: Vec<Float>,
    mappings: Vec<Mapping>,
}

impl Stopped {
    fn fork(&mut self, subject: &Subject, places: &Places, advice: &Advice, hook: Hook<'_>) -> Result<Copy, CaptureError> {
        let pid = self.pid;
        if !self.mappings.contains(&places.code) {
            return Err(CaptureError::Gone { pid, doing: "stopping it" });
        }
        let target = Target {
            pid,
            started: subject.started,
            memory: &subject.memory,
            mappings: &self.mappings,
            registers: &self.registers,
            places,
            advice,
        };
        fork::fork(&target, &mut self.threads, hook)
    }

    fn threads_as_they_were(&self) -> Vec<Thread> {
        let thread = |((tid, registers), float): (&(i32, Registers), &Float)| Thread {
            tid: *tid,
            registers: registers.clone(),
            float: float.plain.clone(),
            extended: float.extended.clone(),
        };
        self.registers.iter().zip(&self.float).map(thread).collect()
    }

    /// Lets it go on. Returns how long it stood still.
    fn release(&mut self) -> Duration {
        self.threads.release();
        let pause = self.since.elapsed();
        self.urgent = None;
        pause
    }
}

/// Memory that stands still: of the copy, or of the process itself.
struct Image {
    stopped: Stopped,
    copy: Option<Copy>,
    facts: Arc<Facts>,
    pause: Duration,
    earlier_pauses: Duration,
}

impl Image {
    fn write(&self, request: &Request<'_>, out: Arc<dyn Sink>) -> Result<Amount, CaptureError> {
        let target = self.facts.pid;
        let pid = self.copy.as_ref().map_or(target, |copy| copy.pid);
        let mappings = proc::mappings(pid).map_err(|source| match self.copy {
            Some(_) => CaptureError::CopyEnded { pid: target },
            None => CaptureError::of_reading(pid, "reading its mappings", source),
        })?;
        // Its end can be noticed by this, whatever process has its number then.
        let heeded = Pid::from_raw(target).filter(|_| request.at_end == AtEnd::End);
        let alive = heeded.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let until = if self.copy.is_some() { None } else { Some(Until::after(self.stopped.since, request.longest_stop)) };
        let watch = Watch { target, alive, until, progress: request.progress, cancel: request.cancel };
        let hook = Hook(request.hook);
        hook.at("reading");
        let read = reading::read(Source { pid, mappings, facts: Arc::clone(&self.facts) }, out, &watch);
        hook.at("read");
        match read {
            // What a copy that was killed has no more must not pass for what could not be read.
            Err(CaptureError::Io { .. }) | Ok(Amount { unreadable: 1.., .. }) if self.copy.as_ref().is_some_and(Copy::has_ended) => {
                Err(CaptureError::CopyEnded { pid: target })
            }
            other => other,
        }
    }

    fn growth(&self) -> u64 {
        let Some(copy) = &self.copy else { return 0 };
        let tables = proc::status(copy.pid).map_or(0, |status| status.page_tables);
        proc::own_bytes(copy.pid).unwrap_or(0) + tables
    }

    /// Ends the copy, or lets the process go on. Returns how long it stood still.
    fn end(&mut self) -> Duration {
        match &mut self.copy {
            Some(copy) => {
                copy.end();
                self.pause
            }
            None => self.stopped.release(),
        }
    }
}
