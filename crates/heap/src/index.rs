//! The index of a snapshot or a core (`.hwy`): its columns and what was computed of them, in a file that is opened by mapping it.
//!
//! An index holds all that an analysis holds, strings too: it answers without its input, but for what a graph leaves out (`held`). It is keyed to its input (size, time of
//! change, a hash of name, head and tail), and made for one version of this format and one byte order; whatever does not fit is a typed
//! error, upon which a caller reads the source.
//!
//! Nothing in it is believed. The header and the table of sections are checked first. `open` checks the columns of the graph itself, their
//! checksums and that every position in them lies within bounds, on two threads. Derived columns (distances, dominators, classes, …) are
//! checked in the same way when they are first needed, and computed anew where they are damaged. A graph made of an index that was
//! altered, even with checksums put right, can be wrong but does not lead out of bounds or in circles.

mod blob;
mod check;
mod layout;
mod load;
mod save;
mod stored;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::aggregates::Aggregate;
use crate::analysis::HeapAnalysis;
use crate::classes::Class;
use crate::problems::Problems;

pub use save::{fill, write};

/// The version of the format. Every change of the layout, or of what a section means, makes it higher.
pub const VERSION: u32 = 7;

/// What an index was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The input's size in bytes.
    pub size: u64,
    /// When the input was last changed: nanoseconds since 1970.
    pub modified_ns: u64,
    /// A hash of the input's file name and of its first and last 64 KiB.
    pub hash: u64,
}

/// How much of an input's head and tail makes its key.
const SAMPLE: u64 = 64 << 10;

impl Key {
    /// That of a graph which was made of no file: nothing is left that the index could be made of anew.
    pub const NONE: Self = Self { size: 0, modified_ns: 0, hash: 0 };

    /// Looks at an input. Reads at most 128 KiB.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let since_1970 = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut hasher = Xxh3::new();
        hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        let mut sample = Vec::new();
        Read::by_ref(&mut file).take(SAMPLE).read_to_end(&mut sample)?;
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(SAMPLE)))?;
        file.take(SAMPLE).read_to_end(&mut sample)?;
        hasher.update(&sample);
        Ok(Self { size: metadata.len(), modified_ns: since_1970.as_nanos() as u64, hash: hasher.digest() })
    }
}

/// Why an index cannot be used. In every case the way out is to read the source and write a new index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The system refused.
    #[error("cannot read the index {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not an index of heapwhy", path.display())]
    NotAnIndex {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version of heapwhy.
    #[error("the index {} has format {found}, this heapwhy reads {expected}", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The one that this build reads.
        expected: u32,
    },
    /// The file was written on a machine with another byte order.
    #[error("the index {} was made on a machine with another byte order", path.display())]
    OtherMachine {
        /// The file.
        path: PathBuf,
    },
    /// The index was made of another input, or of an earlier state of this one.
    #[error("the index {} was made of another file, or the file has changed since", path.display())]
    Stale {
        /// The file.
        path: PathBuf,
        /// What it was made of.
        made_of: Key,
    },
    /// The file ends early, or its contents are not what was written.
    #[error("the index {} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        what: String,
    },
}

/// What an index gives.
pub struct Opened {
    /// The analysis. Its columns lie in the file and are looked at when needed.
    pub analysis: HeapAnalysis,
    /// The damage that was met when the source was read.
    pub problems: Problems,
    /// What the index was made of.
    pub key: Key,
    /// What its writer knew besides: the bytes that were given to `write`.
    pub about: Vec<u8>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({:?}, {:?})", self.analysis.graph(), self.key)
    }
}

/// What an index says of its classes, without its graph.
#[derive(Clone, Debug)]
pub struct Glance {
    /// How many nodes the graph has.
    pub nodes: u64,
    /// How many edges it has.
    pub edges: u64,
    /// The size of everything in bytes: `HeapAnalysis::total_size`.
    pub total_size: u64,
    /// All classes, by `ClassIx`.
    pub classes: Vec<Class>,
    /// The sums of all classes, the largest retained size first: `HeapAnalysis::aggregates`.
    pub aggregates: Vec<Aggregate>,
    /// Where each class was written, `file:line:column`, by `ClassIx`.
    pub locations: Vec<Option<String>>,
    /// The version of Node.js, where the heap tells it.
    pub node_version: Option<String>,
    /// The damage that was met when the source was read.
    pub problems: Problems,
    /// What the index's writer knew besides: the bytes that were given to `write`.
    pub about: Vec<u8>,
}

/// Looks up the histogram. As `open`, but reads nothing of the size of the graph: takes the same time for any file.
///
/// # Errors
/// As `open`.
pub fn glance(path: &Path, key: Option<&Key>) -> Result<Glance, IndexError> {
    load::glance(path, key)
}

/// Opens an index. With a key, it must have been made of that input. Reads the columns of the graph once, on two threads, to check them;
/// copies only small things.
///
/// # Errors
/// When the index cannot be used, for whatever reason. Nothing has been lost then: the source can be read.
pub fn open(path: &Path, key: Option<&Key>) -> Result<Opened, IndexError> {
    load::open(path, key)
}

#[cfg(test)]
mod tests;
