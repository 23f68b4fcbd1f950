//! Where indexes stand and when they are used: beside the snapshot or core, under its name with `.hwy`.
//!
//! The format is `heap::index`'s. An index that cannot be used, or not be written, is no error unless the user asked for it by name. Of a
//! core there is one index for what is alive, one for what only weak references lead to, and one for garbage, each for all isolates or for one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heap::index::{Glance, IndexError, Key, Opened};
use heap::{HeapAnalysis, Problems};
use serde::{Deserialize, Serialize};
use v8mem::graph::Scope;

use crate::codes;
use crate::core_notes::{Asked, CoreNotes};
use crate::error::{CommandError, shown};
use crate::output;
use crate::session::Session;

/// Smaller files are read quickly enough to leave no files behind.
pub(crate) const SMALLEST: u64 = 16_000_000;

/// Returns where the index of a file stands, for what is asked.
fn beside(file: &Path, scope: Scope, isolate: Option<usize>) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    if let Some(number) = isolate {
        name.push(format!(".isolate{number}"));
    }
    name.push(match scope {
        Scope::Live => ".hwy",
        Scope::Weak => ".weak.hwy",
        Scope::Dead => ".dead.hwy",
    });
    PathBuf::from(name)
}

/// Opens the index of a file, where there is one that fits; of a core, with its notes.
pub(crate) fn find(file: &Path, asked: &Asked) -> Option<(Opened, Option<CoreNotes>)> {
    let place = place(file, asked)?;
    let opened = heap::index::open(&place, Some(&Key::of(file).ok()?)).ok()?;
    let notes = fitting(&opened.about, asked)?;
    Some((opened, notes))
}

/// Looks up the histogram in the index of a file, where there is one that fits; of a core, with its notes.
pub(crate) fn glance(file: &Path, asked: &Asked) -> Option<(Glance, Option<CoreNotes>)> {
    let place = place(file, asked)?;
    let glance = heap::index::glance(&place, Some(&Key::of(file).ok()?)).ok()?;
    let notes = fitting(&glance.about, asked)?;
    Some((glance, notes))
}

fn place(file: &Path, asked: &Asked) -> Option<PathBuf> {
    Some(beside(file, asked.scope, asked.isolate)).filter(|place| place.is_file())
}

/// Returns the notes of an index, if it answers what is asked: that of a snapshot has none, and answers all that can be asked of one.
fn fitting(about: &[u8], asked: &Asked) -> Option<Option<CoreNotes>> {
    if about.is_empty() {
        return Some(None);
    }
    CoreNotes::from_bytes(about).filter(|notes| notes.answers(asked)).map(Some)
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
        told.hint(format!("delete {} and give heapwhy what it is the index of: it writes a new one", shown(path)))
            .note("beware", "what `heapwhy capture` wrote is the index of nothing: keep it for the heapwhy that wrote it")
    })
}

/// What the graph of a process that was captured says of it besides: its strings say nothing any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The version of Node.js, such as `22.23.3`.
    pub(crate) node: Option<String>,
}

impl Origin {
    /// Returns the bytes that an index keeps.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what an index keeps; nothing where that is something else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }
}

/// An analysis that has no index yet.
pub(crate) struct Unindexed {
    /// The file that it was made of.
    pub(crate) file: PathBuf,
    /// The analysis.
    pub(crate) analysis: Arc<HeapAnalysis>,
    /// What was wrong with the file.
    pub(crate) problems: Problems,
    /// What is known of a core besides.
    pub(crate) notes: Option<CoreNotes>,
    /// What the file was when it was opened.
    pub(crate) key: Option<Key>,
}

impl Unindexed {
    /// Writes the index, and returns where and how large it is.
    pub(crate) fn write(&self, session: &Session) -> Result<(PathBuf, u64), CommandError> {
        let (place, about) = match &self.notes {
            Some(notes) => (beside(&self.file, notes.asked.scope, notes.asked.isolate), notes.to_bytes()),
            None => (beside(&self.file, Scope::Live, None), Some(vec![])),
        };
        let about = about.ok_or_else(|| {
            CommandError::new(&codes::WRITE_FAILED, format!("cannot write {}: its program's path is no text", shown(&place)))
        })?;
        let key = Key::of(&self.file).map_err(|error| output::read_failed(&self.file, &error))?;
        if self.key.is_some_and(|before| before != key) {
            let what = format!("{} was changed while it was read: no index of it was written", shown(&self.file));
            return Err(CommandError::new(&codes::WRITE_FAILED, what).retryable());
        }
        // What `capture` wrote is nobody's index, and cannot be made again.
        if matches!(heap::index::glance(&place, Some(&key)), Err(IndexError::Stale { made_of: Key::NONE, .. })) {
            let what = format!("{} is the capture of a process, and no index: it would be replaced", shown(&place));
            return Err(CommandError::new(&codes::OUTPUT_EXISTS, what).hint("give it another name; it must end in .hwy"));
        }
        let written = heap::index::write(&place, &self.analysis, &self.problems, &key, &about, &session.progress);
        let bytes = written.map_err(|error| output::failed(&place, &error))?;
        Ok((place, bytes))
    }
}
