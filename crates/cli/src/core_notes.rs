//! What the index of a core says besides its graph: what was asked, with which program the core was read, and what the reading found.
//!
//! A graph made of the same core with another program, or of another part of its heaps, is another graph: such an index is passed over.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use v8mem::CoreFile;
use v8mem::basis::Basis;
use v8mem::graph::Scope;
use v8mem::liveness::Sums;
use v8mem::read::READING;

use crate::session::Session;

/// What of a core is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Which objects.
    pub(crate) scope: Scope,
    /// The number of the only isolate.
    pub(crate) isolate: Option<usize>,
    /// The program that was named.
    node: Option<Stamp>,
}

/// A file, and by what a change of it is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified_ns: u64,
}

/// The program in which V8 describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Program {
    /// It was at hand.
    Used(Stamp),
    /// It was not: none of these fitted.
    Missing(Vec<(PathBuf, Option<Stamp>)>),
}

/// What an index keeps of a reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CoreNotes {
    /// By which way of reading the graph was made.
    reading: u32,
    /// What was asked.
    pub(crate) asked: Asked,
    program: Program,
    /// What the layout rests on, and what the walk over all pages met.
    pub(crate) basis: Basis,
    /// How much is alive, and how much is not.
    pub(crate) sums: Sums,
}

impl Asked {
    /// Returns what the options ask for.
    pub(crate) fn of(session: &Session) -> Self {
        // A program that is not there is asked for nevertheless, and is to be missed.
        let node = session.global.node.as_deref().map(|path| Stamp::of(path).unwrap_or_else(|| Stamp::missing(path)));
        Self { scope: session.scope(), isolate: session.global.isolate, node }
    }

    /// As it is, of other objects.
    pub(crate) fn with(&self, scope: Scope) -> Self {
        Self { scope, ..self.clone() }
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let metadata = path.metadata().ok()?;
        let since_1970 = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Some(Self { bytes: metadata.len(), modified_ns: since_1970.as_nanos() as u64, path })
    }

    fn missing(path: &Path) -> Self {
        Self { path: path.to_owned(), bytes: 0, modified_ns: 0 }
    }

    fn is_still_true(&self) -> bool {
        Self::of(&self.path).as_ref() == Some(self)
    }
}

impl Program {
    fn of(core: &CoreFile) -> Self {
        if let Some(used) = core.binary().and_then(|binary| Stamp::of(binary.path())) {
            return Self::Used(used);
        }
        let candidates = core.images().into_iter().map(|image| PathBuf::from(image.path));
        Self::Missing(candidates.map(|path| (path.clone(), Stamp::of(&path))).collect())
    }

    fn is_still_true(&self) -> bool {
        match self {
            Self::Used(stamp) => stamp.is_still_true(),
            Self::Missing(candidates) => candidates.iter().all(|(path, stamp)| Stamp::of(path) == *stamp),
        }
    }
}

impl CoreNotes {
    /// Notes a reading.
    pub(crate) fn of(asked: Asked, core: &CoreFile, basis: Basis, sums: Sums) -> Self {
        Self { reading: READING, asked, program: Program::of(core), basis, sums }
    }

    /// As it is, of other objects.
    pub(crate) fn with(&self, scope: Scope) -> Self {
        Self { asked: self.asked.with(scope), ..self.clone() }
    }

    /// Says whether a reading for that question would find the same.
    pub(crate) fn answers(&self, asked: &Asked) -> bool {
        self.reading == READING && self.asked == *asked && self.program.is_still_true()
    }

    /// Returns the bytes that an index keeps; `None` where a path is no text.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// Reads what an index keeps.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
