//! Why a process was not captured. It goes on in every case.

use std::io;
use std::time::Duration;

use super::proc;
use super::threads::Refusal;

/// Why a process was not captured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is no process of that number.
    #[error("there is no process {pid}")]
    NoProcess {
        /// The number.
        pid: i32,
    },
    /// We may not look into it.
    #[error("cannot read the memory of pid {pid}: operation not permitted")]
    Denied {
        /// The process.
        pid: i32,
        /// The user that it runs as, where that can be told.
        user: Option<u32>,
        /// The user that we are.
        own_user: u32,
        /// The kernel's `yama.ptrace_scope`, where there is one.
        yama: Option<u32>,
    },
    /// Somebody else traces it: a debugger, or another capture.
    #[error("pid {pid} is traced by pid {tracer}")]
    Traced {
        /// The process.
        pid: i32,
        /// Who traces it.
        tracer: i32,
    },
    /// It is a thread of the kernel, has ended and was not waited for, or is stopped.
    #[error("pid {pid} cannot be captured: {why}")]
    Unfit {
        /// The process.
        pid: i32,
        /// Why.
        why: &'static str,
    },
    /// It ended, or became another program, before the capture was done.
    #[error("pid {pid} ended while {doing}")]
    Gone {
        /// The process.
        pid: i32,
        /// What was being done.
        doing: &'static str,
    },
    /// A thread did not stop in time. All were let go.
    #[error("thread {tid} of pid {pid} did not stop in time")]
    WouldNotStop {
        /// The process.
        pid: i32,
        /// The thread.
        tid: i32,
    },
    /// It stood still for as long as it may while it was read. It was let go.
    #[error("pid {pid} stood still for {} s while it was read: it was let go, and the capture given up", .limit.as_secs_f64())]
    HeldTooLong {
        /// The process.
        pid: i32,
        /// How long it may stand still.
        limit: Duration,
    },
    /// It cannot be made to clone itself.
    #[error("pid {pid} cannot be cloned: {why}")]
    NoFork {
        /// The process.
        pid: i32,
        /// Why.
        why: String,
    },
    /// The kernel refused it another process.
    #[error("the kernel refused pid {pid} a copy of itself: {source}")]
    Clone {
        /// The process.
        pid: i32,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The copy was ended before it was read: by the kernel, where memory is short, or by somebody.
    #[error("the copy of pid {pid} was ended before it was read")]
    CopyEnded {
        /// The process.
        pid: i32,
    },
    /// The system failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The image cannot be written.
    #[error("cannot write the image: {source}")]
    Write {
        /// Why.
        source: io::Error,
    },
    /// This system is none that processes can be captured on.
    #[error("processes are captured on Linux on x86-64 only")]
    Unsupported,
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl CaptureError {
    /// Tells why a thread could not be seized.
    pub(super) fn of_seizing(pid: i32, Refusal { source, tracer }: Refusal) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM) if tracer == 0 => Self::denied(pid),
            Some(libc::EPERM) if !is_own(tracer) => Self::Traced { pid, tracer },
            Some(libc::ESRCH) => Self::Gone { pid, doing: "seizing its threads" },
            _ => Self::Io { doing: "seizing its threads", source },
        }
    }

    /// Tells that a process may not be looked into.
    pub(super) fn denied(pid: i32) -> Self {
        let user = proc::status(pid).ok().map(|status| status.users[1]);
        let own_user = rustix::process::geteuid().as_raw();
        Self::Denied { pid, user, own_user, yama: yama() }
    }

    /// Tells why something of a process could not be read.
    pub(crate) fn of_reading(pid: i32, doing: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOENT | libc::ESRCH) => Self::Gone { pid, doing },
            Some(libc::EACCES | libc::EPERM) => Self::denied(pid),
            _ => Self::Io { doing, source },
        }
    }
}

/// Says whether a thread is one of this process.
fn is_own(tid: i32) -> bool {
    std::path::Path::new(&format!("/proc/self/task/{tid}")).exists()
}

/// Returns how far the kernel restricts tracing: 0 same user, 1 children only, 2 with a capability, 3 nobody. `None` where it does not.
pub(crate) fn yama() -> Option<u32> {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}
