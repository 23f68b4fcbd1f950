//! Long work tells how far it is, and asks whether to go on.

use std::sync::atomic::{AtomicBool, Ordering};

/// The phases of long work, in the order in which they usually run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Unpacking a compressed file.
    Unpacking,
    /// Reading nodes and edges.
    Reading,
    /// Finding distances from the roots.
    Distances,
    /// Finding dominators and retained sizes.
    Dominators,
    /// Naming classes.
    Classes,
    /// Looking for leak patterns.
    Suspects,
    /// Writing a file.
    Writing,
}

impl Phase {
    /// Returns what a progress line says.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Unpacking => "unpacking",
            Self::Reading => "reading nodes and edges",
            Self::Distances => "measuring distances from the roots",
            Self::Dominators => "finding what retains what",
            Self::Classes => "naming classes",
            Self::Suspects => "looking for leaks",
            Self::Writing => "writing",
        }
    }
}

/// Listens to long work and can stop it. Called from several threads.
pub trait Progress: Sync {
    /// Hears that `done` of `total` steps of a phase are done.
    fn report(&self, phase: Phase, done: u64, total: u64);

    /// Says whether the work should stop as soon as it can.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Listens to nothing and never stops anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _phase: Phase, _done: u64, _total: u64) {}
}

/// Stops when the flag is set, and listens to nothing.
impl Progress for AtomicBool {
    fn report(&self, _phase: Phase, _done: u64, _total: u64) {}

    fn is_cancelled(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}
