//! Where a snapshot comes from: a file as it is, or, packed or through a pipe, a nameless copy that can be mapped.
//!
//! A core dump may come the same ways, packed or piped; it is opened here too, and read by another crate.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::graph::HeapGraph;
use crate::mapped::MappedFile;
use crate::problems::Problems;
use crate::progress::Progress;
use crate::snapshot::packing::Packing;
use crate::snapshot::read::{find_header, read_into};
use crate::snapshot::spool::{Spool, room};
use crate::snapshot::{Found, ReadError};

/// How ELF files begin: programs, libraries and core dumps.
const ELF: [u8; 4] = *b"\x7fELF";

/// Returns what packed a file, going by its first bytes: gzip, zstd or lz4. `None` for what `Input` does not unpack.
#[must_use]
pub fn packed_with(path: &Path) -> Option<&'static str> {
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(ELF.len() as u64).read_to_end(&mut head)).ok()?;
    Some(Packing::of(&head)).filter(|packing| *packing != Packing::Plain).map(Packing::name)
}

/// A snapshot or core dump that can be mapped.
#[derive(Debug)]
pub struct Input {
    /// What the user named; only for messages.
    path: PathBuf,
    file: File,
    bytes: u64,
    is_elf: bool,
    problems: Problems,
}

impl Input {
    /// Opens a file, unpacking it first if it is compressed (gzip, zstd, lz4: its first bytes tell); a pipe is copied first.
    ///
    /// # Errors
    /// When the file cannot be read, is packed and neither snapshot nor ELF file, or unpacks to more than there is room for.
    pub fn open(path: &Path, progress: &dyn Progress) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Self::of(path, file, progress)
    }

    /// As `open`, of a file that is open already, standard input for one. `path` is only for messages.
    ///
    /// # Errors
    /// As `open`.
    pub fn of(path: &Path, mut file: File, progress: &dyn Progress) -> Result<Self, ReadError> {
        let io_error = |source| ReadError::Io { path: path.to_owned(), source };
        let metadata = file.metadata().map_err(io_error)?;
        if metadata.is_dir() {
            return Err(io_error(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // Somebody else may have read the start of a file that is standard input; that part is then not ours.
        let is_seekable = metadata.is_file() && file.stream_position().map_err(io_error)? == 0;
        let total = if is_seekable { metadata.len() } else { 0 };
        if is_seekable && total == 0 {
            return Err(ReadError::Empty { path: path.to_owned() });
        }
        let mut magic = Vec::new();
        (&mut file).take(ELF.len() as u64).read_to_end(&mut magic).map_err(io_error)?;
        let packing = Packing::of(&magic);
        if is_seekable && packing == Packing::Plain {
            file.rewind().map_err(io_error)?;
            let is_elf = magic == ELF;
            return Ok(Self { path: path.to_owned(), file, bytes: total, is_elf, problems: Problems::default() });
        }
        if magic.is_empty() {
            return Err(ReadError::Empty { path: path.to_owned() });
        }
        let spooled = Spool { path, progress, packing, total, room: &room }.copy(Cursor::new(magic).chain(file))?;
        let is_elf = spooled.is_elf;
        Ok(Self { path: path.to_owned(), file: spooled.file, bytes: spooled.packed, is_elf, problems: spooled.problems })
    }

    /// Returns the size of what was named, in bytes: packed where it is packed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says whether it is an ELF file, as core dumps are, in place of a snapshot.
    #[must_use]
    pub fn is_elf(&self) -> bool {
        self.is_elf
    }

    /// Says what it is in place of a snapshot; `None` for what begins as one.
    #[must_use]
    pub fn other(&self) -> Option<Found> {
        find_header(&MappedFile::of(&self.file).ok()?).err()
    }

    /// Returns the file itself, unpacked, and what was wrong with the packing.
    #[must_use]
    pub fn into_file(self) -> (File, Problems) {
        (self.file, self.problems)
    }

    /// Reads it. See `snapshot::read`.
    ///
    /// # Errors
    /// As `snapshot::read`.
    pub fn read(self, progress: &dyn Progress) -> Result<(HeapGraph, Problems), ReadError> {
        let mapped = MappedFile::of(&self.file).map_err(|source| ReadError::Io { path: self.path.clone(), source })?;
        read_into(&self.path, mapped, progress, self.problems)
    }
}
