//! Where indexes stand and when they are used: beside the snapshot, under its name with `.hwy`.
//!
//! The format is `heap::index`'s. An index that cannot be used, or not be written, is no error unless the user asked for it by name.

use std::path::{Path, PathBuf};

use heap::index::{Glance, IndexError, Key, Opened};
use heap::{HeapAnalysis, Problems};

use crate::codes;
use crate::error::{CommandError, shown};
use crate::output;
use crate::session::Session;

/// Smaller snapshots are read quickly enough to leave no files behind.
pub(crate) const SMALLEST: u64 = 16_000_000;

/// Returns where the index of a snapshot stands.
pub(crate) fn beside(snapshot: &Path) -> PathBuf {
    let mut name = snapshot.as_os_str().to_owned();
    name.push(".hwy");
    PathBuf::from(name)
}

/// Opens the index of a snapshot, where there is one that fits.
pub(crate) fn find(snapshot: &Path) -> Option<Opened> {
    let place = beside(snapshot);
    if !place.is_file() {
        return None;
    }
    heap::index::open(&place, Some(&Key::of(snapshot).ok()?)).ok()
}

/// Looks up the histogram in the index of a snapshot, where there is one that fits.
pub(crate) fn glance(snapshot: &Path) -> Option<Glance> {
    let place = beside(snapshot);
    if !place.is_file() {
        return None;
    }
    heap::index::glance(&place, Some(&Key::of(snapshot).ok()?)).ok()
}

/// Opens an index that the user named.
pub(crate) fn named(path: &Path) -> Result<Opened, CommandError> {
    heap::index::open(path, None).map_err(|error| {
        let told = CommandError::new(&codes::INDEX_FILE, error.to_string());
        let told = match &error {
            IndexError::Io { source, .. } => return output::read_failed(path, source),
            IndexError::OtherVersion { .. } => told.why("an index belongs to one version of heapwhy"),
            IndexError::Damaged { .. } => told.note("likely", "it was copied or written only in part"),
            _ => told,
        };
        told.hint(format!("delete {} and give heapwhy the snapshot: it writes a new one", shown(path)))
    })
}

/// Writes the index of a snapshot, and returns where and how large it is.
pub(crate) fn write(
    snapshot: &Path,
    analysis: &HeapAnalysis,
    problems: &Problems,
    session: &Session,
) -> Result<(PathBuf, u64), CommandError> {
    let place = beside(snapshot);
    let key = Key::of(snapshot).map_err(|error| output::read_failed(snapshot, &error))?;
    let bytes = heap::index::write(&place, analysis, problems, &key, &session.progress).map_err(|error| output::failed(&place, &error))?;
    Ok((place, bytes))
}
