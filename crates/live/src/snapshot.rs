//! Saving a heap snapshot of a running process: inspector on one side, a private file on the other.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::private_file::PrivateFile;
use crate::{Inspector, Result};

/// How far a heap snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotProgress {
    /// V8 was asked for it. From here on it writes it to the end, whoever still waits for that.
    Asked,
    /// V8 walks the heap. Its JavaScript stands still.
    Walking {
        /// Objects walked.
        done: u64,
        /// About how many there are.
        total: u64,
    },
    /// The snapshot's text is being sent.
    Sending {
        /// Bytes that have come. The total is not known before the end.
        bytes: u64,
    },
}

/// Takes a heap snapshot and saves it, readable by its owner only. Returns its size in bytes.
///
/// `path` appears, or is replaced, only when the snapshot is complete; on an error nothing is left.
pub fn save_heap_snapshot(inspector: &mut Inspector, path: &Path, progress: &dyn Fn(SnapshotProgress)) -> Result<u64> {
    save(path, |into| inspector.take_heap_snapshot(into, progress))
}

/// Tracks allocations for some time, then takes a heap snapshot with the stacks and saves it, as [`save_heap_snapshot`] does.
///
/// `told` hears how long it has been going on.
pub fn save_tracked(
    inspector: &mut Inspector,
    time: Duration,
    path: &Path,
    told: &dyn Fn(Duration),
    progress: &dyn Fn(SnapshotProgress),
) -> Result<u64> {
    save(path, |into| inspector.track_allocations(time, told, into, progress))
}

fn save(path: &Path, snapshot: impl FnOnce(&mut dyn FnMut(&str) -> Result<()>) -> Result<u64>) -> Result<u64> {
    let mut file = PrivateFile::create(path)?;
    snapshot(&mut |chunk| file.write_all(chunk.as_bytes()).map_err(|source| file.failed(source)))?;
    file.finish()
}
