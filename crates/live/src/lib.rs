//! Running Node.js processes: finding and starting Node, speaking its DevTools protocol, saving heap snapshots.
//!
//! This is the only crate that touches a process. Three rules hold everywhere: every wait has a limit and ends early when the
//! caller's cancel flag is set; what was started is ended and reaped on every path; what comes from a process or a file is
//! checked, never trusted.
//!
//! It renders nothing and does not look inside a snapshot: progress goes to callbacks, results are values, [`LiveError`] says
//! what happened, where, and what was expected.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod attach;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod capture;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod command;
pub mod demo;
mod error;
mod http;
mod inspector;
#[cfg(target_os = "linux")]
pub mod leaktest;
mod node;
mod output;
mod private_file;
mod process;
mod snapshot;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod sockets;
mod wait;

pub use error::LiveError;
pub use inspector::{Constructed, HeapSpace, Inspector, InspectorUrl, MemoryUsage, Query, Sampled, ThreadMemory, Worker};
pub use node::{NodeBinary, OLDEST_NODE};
pub use private_file::PrivateFile;
pub use process::{Launch, NodeProcess};
pub use snapshot::{SnapshotProgress, save_heap_snapshot, save_tracked};

/// What every function of this crate returns.
pub type Result<T, E = LiveError> = std::result::Result<T, E>;
