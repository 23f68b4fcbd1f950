//! Tells people on standard error how far long work is, and work that Ctrl-C was pressed.
//!
//! Work reports by setting numbers; a thread of its own prints them, so that a phase that never reports still shows life. Quick work
//! shows nothing. On a terminal: one line, redrawn. Elsewhere: a plain line every ten seconds.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use heap::{Phase, Progress};

use crate::render::{self, number};

/// Quick work shows nothing.
const FIRST_AFTER: Duration = Duration::from_millis(100);
/// How often the line is redrawn on a terminal.
const REDRAWN_EVERY: Duration = Duration::from_millis(150);
/// How often a line is printed elsewhere.
const PRINTED_EVERY: Duration = Duration::from_secs(10);

/// From when on a line says how long something takes whose end nobody knows.
const TOLD_AFTER: Duration = Duration::from_secs(2);

/// Whether Ctrl-C was pressed.
static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Whether everything waits for somebody to type: then there is nothing to stop in order.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Runs something that waits for standard input; Ctrl-C meanwhile ends the process at once.
pub(crate) fn while_waiting<T>(wait: impl FnOnce() -> T) -> T {
    WAITING.store(true, Ordering::Relaxed);
    let result = wait();
    WAITING.store(false, Ordering::Relaxed);
    result
}

/// Makes the first Ctrl-C stop the work in order and the second end the process at once.
pub(crate) fn watch_ctrl_c() {
    let pressed = || {
        if CANCELLED.swap(true, Ordering::Relaxed) || WAITING.load(Ordering::Relaxed) {
            render::to_stderr("\n");
            std::process::exit(130);
        }
        render::to_stderr("\nheapwhy: stopping; press Ctrl-C again to end at once\n");
    };
    // Without a handler Ctrl-C simply ends the process: nothing is lost but the partial answer.
    let _ = ctrlc::set_handler(pressed);
}

/// How often it is asked whether Ctrl-C was pressed.
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// Does work that cannot be asked to stop. Where Ctrl-C is pressed first, the work is left to end with the process: `None`.
pub(crate) fn unless_stopped<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    /// As the first thread's: paths are long.
    const STACK: usize = 8 << 20;
    let (send, receive) = mpsc::channel();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || send.send(work())).ok()?;
    loop {
        match receive.recv_timeout(ASKED_EVERY) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Timeout) if is_cancelled() => return None,
            Err(RecvTimeoutError::Timeout) => {}
            // It panicked, which is a bug and is told as one.
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(_) => return None,
            },
        }
    }
}

/// Waits until a moment. Says whether it has come: it has not where `is_over` said first that there is nothing to wait for any more.
pub(crate) fn wait_until(moment: Instant, mut is_over: impl FnMut() -> bool) -> bool {
    loop {
        if is_over() {
            return false;
        }
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(ASKED_EVERY));
    }
}

/// Says whether Ctrl-C was pressed.
pub(crate) fn is_cancelled() -> bool {
    CANCELLED.load(Ordering::Relaxed)
}

/// Returns the flag that Ctrl-C sets.
pub(crate) fn cancel_flag() -> &'static AtomicBool {
    &CANCELLED
}

/// The progress of one command, shown on standard error until it is dropped.
pub(crate) struct Console {
    shared: Arc<Shared>,
    /// The printing thread, which ends when its sender is dropped; `None` where nothing is shown.
    printer: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

struct Shared {
    /// The number of the current phase of an analysis; 0 for none.
    phase: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
    /// What is being done, and since when.
    current: Mutex<(&'static str, Instant)>,
    /// Whether a line stands on the terminal that must be erased before anything else is printed.
    drawn: AtomicBool,
}

impl Shared {
    fn begin(&self, title: &'static str) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = (title, Instant::now());
    }

    fn erase(&self) {
        if self.drawn.swap(false, Ordering::Relaxed) {
            render::to_stderr("\r\x1b[K");
        }
    }
}

impl Console {
    /// Starts to watch. `quiet` shows nothing and still hears Ctrl-C.
    pub(crate) fn start(quiet: bool) -> Self {
        let shared = Arc::new(Shared {
            phase: AtomicU8::new(0),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            current: Mutex::new(("working", Instant::now())),
            drawn: AtomicBool::new(false),
        });
        if quiet {
            return Self { shared, printer: Mutex::new(None) };
        }
        let (stop, stopped) = mpsc::channel();
        let seen = Arc::clone(&shared);
        let printer = std::thread::Builder::new().name("progress".to_owned()).spawn(move || print_until(&stopped, &seen));
        Self { shared, printer: Mutex::new(printer.ok().map(|printer| (stop, printer))) }
    }

    /// Tells how far work is that is no phase of an analysis. A `total` of 0 means that nobody knows.
    pub(crate) fn work(&self, title: &'static str, done: u64, total: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
        self.shared.total.store(total, Ordering::Relaxed);
        self.shared.phase.store(0, Ordering::Relaxed);
        let is_new = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner).0 != title;
        if is_new {
            self.shared.begin(title);
        }
    }

    /// Prints a line that stays, unless progress is not wanted.
    pub(crate) fn say(&self, line: &str) {
        if self.printer.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.shared.erase();
            render::to_stderr(&format!("{}\n", render::clean::clean(line)));
        }
    }

    /// Prints a line that must be read, whether progress is wanted or not.
    pub(crate) fn announce(&self, line: &str) {
        self.shared.erase();
        render::to_stderr(&format!("{}\n", render::clean::clean(line)));
    }
}

impl Console {
    /// Shows nothing more: what follows is the answer. Ctrl-C is still heard.
    pub(crate) fn finish(&self) {
        let printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, printer)) = printer {
            drop(stop);
            let _ = printer.join();
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Progress for Console {
    fn report(&self, phase: Phase, done: u64, total: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
        self.shared.total.store(total, Ordering::Relaxed);
        // Locks only where the phase changes: reports come from several threads and often.
        if self.shared.phase.swap(phase as u8 + 1, Ordering::Relaxed) != phase as u8 + 1 {
            self.shared.begin(phase.title());
        }
    }

    fn is_cancelled(&self) -> bool {
        is_cancelled()
    }
}

fn print_until(stopped: &mpsc::Receiver<()>, shared: &Shared) {
    let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let (mut wait, every) = if terminal { (FIRST_AFTER, REDRAWN_EVERY) } else { (PRINTED_EVERY, PRINTED_EVERY) };
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
        let line = line(shared);
        if terminal {
            shared.drawn.store(true, Ordering::Relaxed);
            render::to_stderr(&format!("\r\x1b[K{line}"));
        } else {
            render::to_stderr(&format!("{line}\n"));
        }
        wait = every;
    }
    shared.erase();
}

/// Returns `reading nodes and edges  42%  3 s left  1.2 GB used`.
fn line(shared: &Shared) -> String {
    let (title, since) = *shared.current.lock().unwrap_or_else(PoisonError::into_inner);
    let (done, total) = (shared.done.load(Ordering::Relaxed), shared.total.load(Ordering::Relaxed));
    let mut parts = vec![title.to_owned()];
    if total > 0 {
        let share = (done as f64 / total as f64).clamp(0.0, 1.0);
        parts.push(format!("{:.0}%", share * 100.0));
        let spent = since.elapsed().as_secs_f64();
        if share > 0.05 && share < 1.0 && spent > 0.5 {
            parts.push(format!("{:.0} s left", (spent * (1.0 - share) / share).max(1.0)));
        }
    }
    if since.elapsed() >= TOLD_AFTER && parts.len() < 3 {
        parts.push(format!("for {} s", since.elapsed().as_secs()));
    }
    if let Some(used) = resident_bytes() {
        parts.push(format!("{} used", number::bytes(used)));
    }
    parts.join("  ")
}

/// Returns how much memory this process uses, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
