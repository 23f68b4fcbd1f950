//! Why the inspector of a running process was not opened, or not closed again. The process goes on in every case.

use std::net::SocketAddr;

use crate::LiveError;
use crate::capture::CaptureError;

/// Why a process was not attached to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// It cannot be looked into at all.
    #[error(transparent)]
    Process(#[from] CaptureError),
    /// Talking to its inspector failed.
    #[error(transparent)]
    Inspector(#[from] LiveError),
    /// Nothing in it waits for the signal, which would end it.
    #[error("SIGUSR1 would end pid {pid}: nothing in it waits for it")]
    Deadly {
        /// The process.
        pid: i32,
    },
    /// The program waits for the signal itself, so that it would do what the program makes of it and open no inspector.
    #[error("pid {pid} waits for SIGUSR1 itself: the signal would run the program's own code, and open no inspector")]
    OwnHandler {
        /// The process.
        pid: i32,
    },
    /// It cannot be told whether the program waits for the signal itself.
    #[error("cannot tell whether pid {pid} waits for SIGUSR1 itself, and what it would do then")]
    UnknownHandler {
        /// The process.
        pid: i32,
    },
    /// The signal does nothing in it.
    #[error("pid {pid} ignores SIGUSR1, which opens the inspector")]
    Deaf {
        /// The process.
        pid: i32,
    },
    /// It was started so that its inspector cannot be opened.
    #[error("the inspector of pid {pid} cannot be had: {why}")]
    Forbidden {
        /// The process.
        pid: i32,
        /// Why.
        why: &'static str,
    },
    /// Its inspector would be open to other machines.
    #[error("the inspector of pid {pid} would listen on {host}, not on this machine alone")]
    Exposed {
        /// The process.
        pid: i32,
        /// Where.
        host: String,
    },
    /// Somebody else listens where its inspector would.
    #[error("port {port} is taken, on which the inspector of pid {pid} would listen")]
    PortTaken {
        /// The process.
        pid: i32,
        /// The port.
        port: u16,
    },
    /// It is in another network, which we may not enter.
    #[error("pid {pid} is in another network (a container's), which we may not enter")]
    OtherNetwork {
        /// The process.
        pid: i32,
    },
    /// It was asked to open its inspector, and did not in time. It may still.
    #[error("pid {pid} did not open its inspector within {seconds} s")]
    NotOpened {
        /// The process.
        pid: i32,
        /// How long was waited.
        seconds: u64,
    },
    /// No inspector listens where it was said to.
    #[error("no inspector of pid {pid} listens on port {port}")]
    NotThere {
        /// The process.
        pid: i32,
        /// The port.
        port: u16,
    },
    /// What answers there is another process.
    #[error("the inspector at {address} is that of another process (pid {other}), not of pid {pid}")]
    Stranger {
        /// The process.
        pid: i32,
        /// Where.
        address: SocketAddr,
        /// What it says that it is.
        other: String,
    },
    /// It was asked to close its inspector again, and did not.
    #[error("the inspector of pid {pid} is still open at {address}")]
    StillOpen {
        /// The process.
        pid: i32,
        /// Where.
        address: SocketAddr,
    },
}
