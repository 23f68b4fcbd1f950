//! The `.heapsnapshot` format: reading it into a graph, and what can go wrong.
//!
//! A snapshot is JSON in a fixed order: a header that names the fields, two flat arrays of integers (nodes and edges) that make up most of
//! the file, small optional sections, and the strings. Generic JSON parsers build a tree as large as the file; this reader maps the file
//! and turns the text of the arrays straight into columns, on two threads.

mod edge_names;
mod edges;
mod header;
mod input;
mod nodes;
mod numbers;
mod packing;
mod read;
mod section;
mod small;
mod spool;
mod text;
pub mod write;

use std::io;
use std::path::PathBuf;

pub use input::{Input, packed_with};
pub use read::{read, read_mapped};

/// Why a file could not be read as a snapshot at all. Damage to what is a snapshot is not an error: it is reported as `Problems`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system refused: no such file, no permission, a directory.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file has no bytes: the process that wrote it was killed, or the disk was full.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a heap snapshot: {found}", path.display())]
    NotASnapshot {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: Found,
    },
    /// The header does not name what every snapshot has.
    #[error("{}: the header at byte {offset} is unusable: {what}", path.display())]
    BadHeader {
        /// The file.
        path: PathBuf,
        /// Where the header starts.
        offset: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// The packed stream is damaged from its start.
    #[error("{} is damaged {by}", path.display())]
    BadPacking {
        /// The file.
        path: PathBuf,
        /// What packed it: gzip, zstd or lz4.
        by: &'static str,
        /// What the unpacker said.
        source: io::Error,
    },
    /// It unpacks to so many times its size that it can only be meant to fill the disk.
    #[error("{} unpacks to {unpacked} bytes and more from {packed}", path.display())]
    Bomb {
        /// The file.
        path: PathBuf,
        /// What packed it: gzip, zstd or lz4.
        by: &'static str,
        /// How many packed bytes were read.
        packed: u64,
        /// How many bytes they made.
        unpacked: u64,
    },
    /// The disk has no room to unpack it, or to copy a stream.
    #[error("no room in {} for {}", folder.display(), path.display())]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Where it was to be unpacked.
        folder: PathBuf,
        /// How many bytes had been unpacked, where that is known.
        done: u64,
    },
    /// No temporary file can be made to unpack it into, or to copy a stream.
    #[error("cannot unpack {} in {}", path.display(), folder.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// Where it was to be unpacked.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More nodes or edges than a graph can hold.
    #[error("{} has {count} {what}, more than the {limit} that fit", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// `nodes` or `edges`.
        what: &'static str,
        /// How many it has.
        count: u64,
        /// How many fit.
        limit: u64,
    },
    /// The caller asked to stop.
    #[error("stopped before {} was read", path.display())]
    Cancelled {
        /// The file.
        path: PathBuf,
    },
}

/// What a file is that is not a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A sampling profile: `.heapprofile`.
    HeapProfile,
    /// A CPU profile: `.cpuprofile`.
    CpuProfile,
    /// A diagnostic report of Node.js.
    DiagnosticReport,
    /// Other JSON; the first key, where there is one.
    OtherJson(String),
    /// An ELF file: a core dump or a program.
    Elf,
    /// Compressed by something that this reader does not unpack.
    Compressed(&'static str),
    /// Nothing but zero bytes, as far as looked.
    Zeros,
    /// An index that heapwhy wrote.
    Index,
    /// Text that is not JSON.
    Text,
    /// None of these.
    Unknown,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HeapProfile => f.write_str("it is a sampling heap profile (.heapprofile)"),
            Self::CpuProfile => f.write_str("it is a CPU profile (.cpuprofile)"),
            Self::DiagnosticReport => f.write_str("it is a diagnostic report of Node.js"),
            Self::OtherJson(key) if key.is_empty() => f.write_str("it is other JSON"),
            Self::OtherJson(key) => write!(f, "it is other JSON, whose first key is {key:?}"),
            Self::Elf => f.write_str("it is an ELF file: a core dump or a program"),
            Self::Compressed(by) => write!(f, "it is compressed with {by}"),
            Self::Zeros => f.write_str("it holds only zero bytes"),
            Self::Index => f.write_str("it is an index that heapwhy wrote"),
            Self::Text => f.write_str("it is text, but not JSON"),
            Self::Unknown => f.write_str("its first bytes are those of no format that heapwhy knows"),
        }
    }
}
