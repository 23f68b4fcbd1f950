//! Memory that stands still is read by a thread of its own, while the one that holds the process looks on.
//!
//! A disk can hang: the one that is written to, or the one that the process's own memory was swapped out to. Whoever waits for it can do
//! nothing else, and only the thread that stopped a process can let it go. So that one waits for nothing but the reader, and looks in between
//! at what may end the reading: that it takes too long, that the process has ended, that the caller wants to stop. A reader that is left
//! behind writes nothing more once its disk answers.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::CaptureError;
use super::image::{self, Amount, Source};

/// How often is looked at what may end the reading.
const LOOKS: Duration = Duration::from_millis(20);

/// Where an image is written: a file, or in tests something that hangs.
pub(super) trait Sink: Send + Sync {
    /// Sets its length.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Writes all of it at a place.
    fn put(&self, bytes: &[u8], at: u64) -> io::Result<()>;
}

impl Sink for File {
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }

    fn put(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }
}

/// A moment until which a process may be held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    /// How long that is from its stop.
    pub(super) limit: Duration,
    /// When it is over; `None` for a time that this clock does not have.
    pub(super) end: Option<Instant>,
}

impl Until {
    /// Begins with a stop.
    pub(super) fn after(stop: Instant, limit: Duration) -> Self {
        Self { limit, end: stop.checked_add(limit) }
    }
}

/// What may end the reading, and who hears of it.
pub(super) struct Watch<'a> {
    /// The process that is read, or of which the copy is that is read.
    pub(super) target: i32,
    /// Tells its end, where the kernel gave it.
    pub(super) alive: Option<OwnedFd>,
    /// Until when it may be held; `None` where it goes on meanwhile.
    pub(super) until: Option<Until>,
    /// Told how many bytes were read, and of how many.
    pub(super) progress: &'a dyn Fn(u64, u64),
    /// Stops the reading when set.
    pub(super) cancel: &'a AtomicBool,
}

impl Watch<'_> {
    /// Looks once.
    fn look(&self, shared: &Shared) -> Result<(), CaptureError> {
        self.tell(shared);
        if self.cancel.load(Ordering::Relaxed) {
            return Err(CaptureError::Cancelled);
        }
        // A copy must not outlive what it is a copy of: who ends a service waits for all of its processes.
        if self.has_ended() {
            return Err(self.gone());
        }
        match self.until {
            Some(Until { limit, end: Some(end) }) if Instant::now() >= end => Err(CaptureError::HeldTooLong { pid: self.target, limit }),
            _ => Ok(()),
        }
    }

    fn tell(&self, shared: &Shared) {
        (self.progress)(shared.done.load(Ordering::Relaxed), shared.total.load(Ordering::Relaxed));
    }

    fn gone(&self) -> CaptureError {
        CaptureError::Gone { pid: self.target, doing: "its memory was being read" }
    }

    /// Returns how long to wait for the next look.
    fn patience(&self) -> Duration {
        let left = self.until.and_then(|until| until.end).map(|end| end.saturating_duration_since(Instant::now()));
        left.map_or(LOOKS, |left| left.min(LOOKS))
    }

    fn has_ended(&self) -> bool {
        self.alive.as_ref().is_some_and(has_ended)
    }
}

/// Says whether the process behind a descriptor has ended.
fn has_ended(process: &OwnedFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

/// What the reader and the one that looks on tell each other.
#[derive(Default)]
struct Shared {
    done: AtomicU64,
    total: AtomicU64,
    is_given_up: AtomicBool,
}

impl Shared {
    fn go_on(&self, done: u64, total: u64) -> Result<(), CaptureError> {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
        if self.is_given_up.load(Ordering::Relaxed) { Err(CaptureError::Cancelled) } else { Ok(()) }
    }
}

/// Writes an image of memory that stands still. Returns when that is done, or when `watch` ends it: on time, whatever hangs.
pub(super) fn read(source: Source, out: Arc<dyn Sink>, watch: &Watch<'_>) -> Result<Amount, CaptureError> {
    let shared = Arc::new(Shared::default());
    let (send, receive) = mpsc::channel();
    let told = Arc::clone(&shared);
    let reader = move || {
        // Nobody listens any more where it was given up.
        let _ = send.send(image::write(&source, &*out, &mut |done, total| told.go_on(done, total)));
    };
    let reader = thread::Builder::new().name("reader".to_owned()).spawn(reader);
    let reader = reader.map_err(|source| CaptureError::Io { doing: "starting a thread that reads", source })?;
    let result = loop {
        match receive.recv_timeout(watch.patience()) {
            Ok(result) => break result,
            Err(RecvTimeoutError::Timeout) => watch.look(&shared).inspect_err(|_| shared.is_given_up.store(true, Ordering::Relaxed))?,
            // It panicked, which is a bug and is told as one.
            Err(RecvTimeoutError::Disconnected) => match reader.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return Err(CaptureError::Cancelled),
            },
        }
    };
    // It has nothing left to do: this does not wait for a disk.
    let _ = reader.join();
    watch.tell(&shared);
    match result {
        // Memory that is gone cannot be read: its end is why.
        Err(CaptureError::Io { .. }) if watch.has_ended() => Err(watch.gone()),
        _ if watch.cancel.load(Ordering::Relaxed) => Err(CaptureError::Cancelled),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, Write};
    use std::process::{Child, Command, Stdio};

    use super::super::{AtEnd, Captured, Method, Request, capture_into, proc};
    use super::*;

    /// A disk that hangs: a pipe that nobody reads.
    struct Hanging {
        writer: PipeWriter,
        _reader: PipeReader,
    }

    impl Sink for Hanging {
        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn put(&self, _: &[u8], _: u64) -> io::Result<()> {
            /// More than fits into a pipe.
            const MUCH: usize = 16 << 20;
            (&self.writer).write_all(&vec![0; MUCH])
        }
    }

    fn hanging() -> Arc<dyn Sink> {
        let (reader, writer) = io::pipe().unwrap();
        Arc::new(Hanging { writer, _reader: reader })
    }

    /// Captures a process that waits for what it is to read. Returns what came of it, after how long, and the process.
    fn captured(method: Method, out: Arc<dyn Sink>, cancel: &AtomicBool) -> (Result<Captured, CaptureError>, Duration, Child) {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while proc::stat(pid, "stat").unwrap().state != 'S' && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        let longest_stop = Duration::from_millis(300);
        let began = Instant::now();
        let result =
            capture_into(&Request { pid, method, longest_stop, progress: &|_, _| {}, hook: None, cancel, at_end: AtEnd::End }, out);
        let took = began.elapsed();
        let status = proc::status(pid).unwrap();
        // It may need a moment to fall asleep again, but nobody holds it.
        assert!(status.tracer == 0 && matches!(status.state, 'S' | 'R'), "{status:?}");
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        let _ = child.kill();
        let _ = child.wait();
        (result, took, child)
    }

    #[test]
    fn a_disk_that_hangs_holds_nobody() {
        let (result, took, child) = captured(Method::Stop, hanging(), &AtomicBool::new(false));
        let pid = i32::try_from(child.id()).unwrap();
        assert!(matches!(result, Err(CaptureError::HeldTooLong { pid: told, .. }) if told == pid), "{result:?}");
        assert!((300..3000).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn whoever_waits_for_a_disk_can_be_stopped() {
        for method in [Method::Stop, Method::Fork] {
            let (result, took, _) = captured(method, hanging(), &AtomicBool::new(true));
            assert!(matches!(result, Err(CaptureError::Cancelled)), "{method:?}: {result:?}");
            assert!(took.as_millis() < 3000, "{took:?}");
        }
    }

    #[test]
    fn a_file_holds_all_that_was_told() {
        let out = tempfile::tempfile().unwrap();
        let (result, _, _) = captured(Method::Stop, Arc::new(out.try_clone().unwrap()), &AtomicBool::new(false));
        let captured = result.unwrap();
        assert!(captured.bytes > 0 && out.metadata().unwrap().len() >= captured.bytes, "{captured:?}");
    }
}
