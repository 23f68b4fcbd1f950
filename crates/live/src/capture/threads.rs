//! All threads of a process, seized and stopped; let go when dropped, whatever happened.
//!
//! If this process dies, the kernel lets go of them: a stopped thread then goes on by itself, and restarts the system call that it was in.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::error::CaptureError;
use super::proc;
use super::trace::{self, Event, Registers};

/// How long threads may take to stop. One in the depths of a disk driver takes as long as the disk.
const LIMIT: Duration = Duration::from_millis(800);
/// How long a thread that was to be let go may take to stop for it.
const LETTING_GO: Duration = Duration::from_secs(2);
/// How long between two looks, after the first thousand, at whether something happened.
const NAP: Duration = Duration::from_micros(20);

/// A seized thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seized {
    tid: i32,
    stopped: bool,
}

/// The threads of a process.
#[derive(Debug)]
pub(super) struct Threads {
    pid: i32,
    seized: Vec<Seized>,
}

impl Threads {
    /// Starts to trace all threads. They go on.
    pub(super) fn seize(pid: i32) -> Result<Self, CaptureError> {
        let mut threads = Self { pid, seized: Vec::new() };
        // A thread may have been made while the others were listed.
        while threads.seize_new()? > 0 {}
        if threads.seized.is_empty() { Err(CaptureError::Gone { pid, doing: "seizing its threads" }) } else { Ok(threads) }
    }

    /// Traces one thread of a process.
    pub(super) fn seize_one(pid: i32, tid: i32) -> Result<Self, Refusal> {
        seize(tid)?;
        Ok(Self { pid, seized: vec![Seized { tid, stopped: false }] })
    }

    fn seize_new(&mut self) -> Result<usize, CaptureError> {
        let gone = |_| CaptureError::Gone { pid: self.pid, doing: "listing its threads" };
        let mut count = 0;
        for tid in proc::threads(self.pid).map_err(gone)? {
            if self.seized.iter().any(|thread| thread.tid == tid) {
                continue;
            }
            match seize(tid) {
                Ok(()) => {
                    self.seized.push(Seized { tid, stopped: false });
                    count += 1;
                }
                // It has ended since, or is about to: such a one is refused as if rights were missing.
                Err(refusal) if refusal.source.raw_os_error() == Some(libc::ESRCH) => {}
                Err(_) if !proc::is_alive(self.pid, tid) => {}
                Err(refusal) => return Err(CaptureError::of_seizing(self.pid, refusal)),
            }
        }
        Ok(count)
    }

    /// Stops all of them, and those that were made since.
    pub(super) fn stop(&mut self) -> Result<(), CaptureError> {
        loop {
            self.stop_seized()?;
            if self.seize_new()? == 0 {
                break;
            }
        }
        if self.seized.is_empty() { Err(CaptureError::Gone { pid: self.pid, doing: "stopping it" }) } else { Ok(()) }
    }

    /// Stops those that were seized.
    pub(super) fn stop_seized(&mut self) -> Result<(), CaptureError> {
        for thread in self.seized.iter().filter(|thread| !thread.stopped) {
            // One that has ended is noticed below.
            let _ = trace::interrupt(thread.tid);
        }
        self.wait_for_all(Instant::now() + LIMIT)
    }

    /// Waits for all at once: where a process is killed meanwhile, its first thread ends only when all others were seen to.
    fn wait_for_all(&mut self, until: Instant) -> Result<(), CaptureError> {
        let mut nap = Nap::default();
        loop {
            let mut met = Ok(());
            self.seized.retain_mut(|thread| match if thread.stopped { Ok(None) } else { trace::event(thread.tid) } {
                Ok(Some(Event::Stopped)) => {
                    thread.stopped = true;
                    true
                }
                Ok(Some(Event::Gone)) => false,
                Ok(Some(other)) => {
                    pass_on(thread.tid, other);
                    true
                }
                Ok(None) => true,
                Err(source) => {
                    met = Err(CaptureError::Io { doing: "waiting for its threads to stop", source });
                    true
                }
            });
            met?;
            match self.seized.iter().find(|thread| !thread.stopped) {
                None => return Ok(()),
                Some(thread) if Instant::now() > until => return Err(CaptureError::WouldNotStop { pid: self.pid, tid: thread.tid }),
                Some(_) => nap.take(),
            }
        }
    }

    /// Lets them go on. None is traced after this.
    pub(super) fn release(&mut self) {
        // The first thread is the program's own: it has waited longest.
        for thread in &mut self.seized {
            if thread.stopped && trace::detach(thread.tid, 0).is_ok() {
                thread.tid = 0;
            }
        }
        self.seized.retain(|thread| thread.tid != 0);
        // Of a process that was killed, the first thread ends last.
        for thread in std::mem::take(&mut self.seized).into_iter().rev() {
            let_go(thread.tid);
        }
    }

    /// Returns the ids of all that are stopped, the first thread first.
    pub(super) fn stopped(&self) -> impl Iterator<Item = i32> {
        self.seized.iter().filter(|thread| thread.stopped).map(|thread| thread.tid)
    }

    /// Returns the registers of all that are stopped.
    pub(super) fn registers(&self) -> Result<Vec<(i32, Registers)>, CaptureError> {
        let of = |tid| match trace::registers(tid) {
            Ok(registers) => Ok((tid, registers)),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {
                Err(CaptureError::Gone { pid: self.pid, doing: "reading its registers" })
            }
            Err(source) => Err(CaptureError::Io { doing: "reading its registers", source }),
        };
        self.stopped().map(of).collect()
    }

    /// Says that a thread runs again.
    pub(super) fn runs(&mut self, tid: i32) {
        self.seized.iter_mut().filter(|thread| thread.tid == tid).for_each(|thread| thread.stopped = false);
    }

    /// Says that a thread stands still again.
    pub(super) fn stands(&mut self, tid: i32) {
        self.seized.iter_mut().filter(|thread| thread.tid == tid).for_each(|thread| thread.stopped = true);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.release();
    }
}

/// Waits for the next event of a thread, a limited time.
pub(super) fn next_event(tid: i32, until: Instant) -> io::Result<Option<Event>> {
    let mut nap = Nap::default();
    loop {
        if let Some(event) = trace::event(tid)? {
            return Ok(Some(event));
        }
        if Instant::now() > until {
            return Ok(None);
        }
        nap.take();
    }
}

/// Why a thread could not be seized.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What the kernel said.
    pub(super) source: io::Error,
    /// Who traces it; 0 where nobody does.
    pub(super) tracer: i32,
}

/// Starts to trace a thread.
///
/// The kernel refuses one that somebody traces already, and one that may not be traced, with the same word. Where nobody traces it a moment
/// later, another tracer may just have let go: it is asked again before anybody is told that rights are missing.
fn seize(tid: i32) -> Result<(), Refusal> {
    /// Two who come and go at one pace have been seen to miss each other 26 times.
    const AGAIN: u32 = 200;
    let mut refused = 0;
    loop {
        let Err(source) = trace::seize(tid) else { return Ok(()) };
        let tracer = proc::status(tid).map_or(0, |status| status.tracer);
        if source.raw_os_error() != Some(libc::EPERM) || tracer != 0 || refused == AGAIN {
            return Err(Refusal { source, tracer });
        }
        refused += 1;
        thread::sleep(NAP);
    }
}

/// A wait between two looks. What is looked for mostly takes less than a nap does.
#[derive(Default)]
struct Nap {
    looks: u32,
}

impl Nap {
    fn take(&mut self) {
        const AWAKE: u32 = 1000;
        self.looks = self.looks.saturating_add(1);
        if self.looks < AWAKE { thread::yield_now() } else { thread::sleep(NAP) }
    }
}

/// Lets a thread go on that reported something that is not for us.
fn pass_on(tid: i32, event: Event) {
    let signal = if let Event::Signal(signal) = event { signal } else { 0 };
    // If it has ended meanwhile, the next look says so.
    let _ = trace::go_on(tid, signal);
}

/// Lets go of a thread that may be running or standing still: the kernel lets go of those only that stand still.
pub(super) fn let_go(tid: i32) {
    let until = Instant::now() + LETTING_GO;
    // One that stands still, and has said so before, says nothing more. One that has not been heard yet may be about to get a signal. In
    // this order, because a thread that stands still goes on for nobody else.
    if trace::signal_mask(tid).is_ok() {
        let signal = if let Ok(Some(Event::Signal(signal))) = trace::event(tid) { signal } else { 0 };
        if trace::detach(tid, signal).is_ok() {
            return;
        }
    }
    // One that has ended is not interrupted, but must be seen to: until then its process is not done.
    let _ = trace::interrupt(tid);
    // Whatever it reports, in that stop it can be let go; a signal that it was to get, it gets. One that was killed in between cannot, and
    // reports its end next.
    while let Ok(Some(event)) = next_event(tid, until) {
        let signal = if let Event::Signal(signal) = event { signal } else { 0 };
        if event == Event::Gone || trace::detach(tid, signal).is_ok() {
            return;
        }
    }
    // It would not stop. The kernel lets go of it when we end.
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn who_comes_as_another_lets_go_does_not_miss_rights() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let tid = i32::try_from(child.id()).unwrap();
        let round = || match Threads::seize(tid) {
            Ok(_) | Err(CaptureError::Traced { .. } | CaptureError::Io { .. }) => None,
            Err(error) => Some(error.to_string()),
        };
        let refused = thread::scope(|scope| {
            let rounds = || (0..3000).find_map(|_| round());
            [scope.spawn(rounds), scope.spawn(rounds)].map(|tracer| tracer.join().unwrap())
        });
        let _ = child.kill();
        let _ = child.wait();
        assert_eq!(refused, [None, None]);
    }

    #[test]
    fn a_signal_that_nobody_heard_of_is_delivered() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let tid = i32::try_from(child.id()).unwrap();
        trace::seize(tid).unwrap();
        assert_eq!(Some(proc::status(tid).unwrap().tracer), proc::own_thread(), "the kernel names the thread");
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while proc::stat(tid, "stat").unwrap().state != 't' && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        let_go(tid);
        // If it was lost, the child sleeps on.
        let found = loop {
            match child.try_wait().unwrap() {
                None if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
                found => break found,
            }
        };
        let _ = child.kill();
        let _ = child.wait();
        assert_eq!(found.and_then(|status| status.signal()), Some(libc::SIGTERM));
    }
}
