//! Copies a stream into a nameless file, so that it can be mapped, unpacking it on the way.
//!
//! Copying is bounded, since a few packed kilobytes may hold gigabytes: what does not begin like a snapshot or a core dump is not copied
//! on, nothing unpacks to absurdly much, and the disk keeps some room. Pages of zeros, of which core dumps are full, become holes. A
//! nameless file is gone however this process ends, and nobody else can open it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::counted::Counted;
use crate::gc_log::GcLog;
use crate::problems::{ProblemKind, Problems};
use crate::progress::{Phase, Progress};
use crate::snapshot::packing::Packing;
use crate::snapshot::read::find_header;
use crate::snapshot::{Found, ReadError};

/// How much of a stream is looked at before it is copied on.
const LOOKED_AT: u64 = 64 << 10;

/// How often the disk is asked for its room: after so many bytes.
const ASKED_EVERY: u64 = 16 << 20;

/// Up to so many bytes, whatever unpacks may do so from as little as it likes.
const FREE_OF_RATIO: u64 = 64 << 20;

/// How many times its size a packed file may take on the disk. Real snapshots take 5 to 15 times, deflate allows about 1,030.
const HIGHEST_RATIO: u64 = 200;

/// How many times its size a packed file may be long when zeros count too, which take time and no disk: gcore writes every page that a
/// process has ever reserved.
const HIGHEST_LENGTH_RATIO: u64 = 20_000;

/// The disk keeps a fiftieth of its size, and not more than so many bytes.
const KEPT_FREE: u64 = 256 << 20;

/// Copies a stream.
pub(super) struct Spool<'a> {
    /// What the user named; only for messages.
    pub(super) path: &'a Path,
    /// Told how far it is.
    pub(super) progress: &'a dyn Progress,
    /// How the stream is packed.
    pub(super) packing: Packing,
    /// How many packed bytes there are; 0 where nobody knows.
    pub(super) total: u64,
    /// Returns how many bytes may still be written to the disk of a file.
    pub(super) room: &'a dyn Fn(&File) -> Option<u64>,
}

/// A stream that was copied.
#[derive(Debug)]
pub(super) struct Spooled {
    /// The copy, unpacked.
    pub(super) file: File,
    /// How many bytes the stream had.
    pub(super) packed: u64,
    /// Whether it begins as ELF files do.
    pub(super) is_elf: bool,
    /// What was wrong with the stream.
    pub(super) problems: Problems,
}

/// What one copy has come to.
struct Copying<'c> {
    sparse: Sparse,
    /// How many packed bytes were read.
    packed: &'c Cell<u64>,
    is_elf: bool,
    problems: Problems,
}

impl Spool<'_> {
    /// Copies a stream into a nameless file. A stream that breaks off is damage, not an error.
    pub(super) fn copy(&self, from: impl Read) -> Result<Spooled, ReadError> {
        let file = nameless().map_err(|source| self.no_spool(source))?;
        let packed = Cell::new(0);
        let mut copying =
            Copying { sparse: Sparse { file, len: 0, stored: 0 }, packed: &packed, is_elf: false, problems: Problems::default() };
        let mut from = self.packing.unpack(Counted { source: from, bytes: &packed });
        while self.block(&mut from, &mut copying)? {
            self.check_ratio(&copying)?;
        }
        drop(from);
        let Copying { sparse, is_elf, problems, .. } = copying;
        if sparse.len == 0 {
            return Err(ReadError::Empty { path: self.path.to_owned() });
        }
        let file = sparse.finish().map_err(|source| self.no_spool(source))?;
        Ok(Spooled { file, packed: packed.get(), is_elf, problems })
    }

    fn check_ratio(&self, copying: &Copying<'_>) -> Result<(), ReadError> {
        let (len, stored, packed) = (copying.sparse.len, copying.sparse.stored, copying.packed.get());
        let absurd = stored > FREE_OF_RATIO && stored / HIGHEST_RATIO > packed;
        let endless = len > FREE_OF_RATIO * (HIGHEST_LENGTH_RATIO / HIGHEST_RATIO) && len / HIGHEST_LENGTH_RATIO > packed;
        match self.packing {
            Packing::Plain => Ok(()),
            _ if absurd || endless => Err(ReadError::Bomb { path: self.path.to_owned(), by: self.packing.name(), packed, unpacked: len }),
            _ => Ok(()),
        }
    }

    /// Copies the next part: a small one first, which is looked at. Returns whether there may be more.
    fn block(&self, from: &mut impl Read, copying: &mut Copying<'_>) -> Result<bool, ReadError> {
        let done = copying.sparse.len;
        if (self.room)(&copying.sparse.file).is_some_and(|room| room < ASKED_EVERY) {
            return Err(ReadError::NoRoom { path: self.path.to_owned(), folder: std::env::temp_dir(), done });
        }
        let end = done + if done == 0 { LOOKED_AT } else { ASKED_EVERY };
        let mut buffer = vec![0; PIECE];
        while copying.sparse.len < end {
            let wanted = buffer.len().min((end - copying.sparse.len) as usize);
            let length = self.fill(from, &mut buffer[..wanted], copying)?;
            let piece = &buffer[..length];
            if copying.sparse.len == 0 && length > 0 {
                copying.is_elf = self.look_at(piece)?;
            }
            copying.sparse.write(piece).map_err(|source| self.no_spool(source))?;
            match self.total {
                0 => self.progress.report(Phase::Unpacking, copying.sparse.len, 0),
                total => self.progress.report(Phase::Unpacking, copying.packed.get(), total),
            }
            if self.progress.is_cancelled() {
                return Err(ReadError::Cancelled { path: self.path.to_owned() });
            }
            if length < wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says whether what begins so is an ELF file; an error if it is no snapshot either, nor a profile, a report or a log, which others read.
    fn look_at(&self, head: &[u8]) -> Result<bool, ReadError> {
        match find_header(head) {
            Ok(_) | Err(Found::HeapProfile | Found::DiagnosticReport) => Ok(false),
            // A line of a log begins as a list of JSON does.
            Err(Found::Text | Found::OtherJson(_)) if GcLog::is_log(head) => Ok(false),
            Err(Found::Elf) => Ok(true),
            Err(found) => Err(ReadError::NotASnapshot { path: self.path.to_owned(), found }),
        }
    }

    /// Reads until the buffer is full. Less is the end of the stream, or of what can be read of it.
    fn fill(&self, from: &mut impl Read, into: &mut [u8], copying: &mut Copying<'_>) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < into.len() {
            match from.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let done = copying.sparse.len + filled as u64;
                    self.broke_off(done, error, &mut copying.problems)?;
                    break;
                }
            }
        }
        Ok(filled)
    }

    fn broke_off(&self, done: u64, source: io::Error, problems: &mut Problems) -> Result<(), ReadError> {
        let (path, by) = (self.path.to_owned(), self.packing.name());
        match self.packing {
            Packing::Plain if done == 0 => return Err(ReadError::Io { path, source }),
            _ if done == 0 => return Err(ReadError::BadPacking { path, by, source }),
            _ => {}
        }
        let what = if self.packing == Packing::Plain { "reading" } else { "unpacking" };
        problems.add(ProblemKind::Truncated, None, format!("{what} broke off after {done} bytes: {source}"));
        Ok(())
    }

    /// Returns the error for a nameless file that cannot be made or filled. Its name is nobody's business: it has none.
    fn no_spool(&self, source: io::Error) -> ReadError {
        let (path, folder) = (self.path.to_owned(), std::env::temp_dir());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ReadError::NoRoom { path, folder, done: 0 },
            _ => ReadError::Spool { path, folder, source: crate::whole_file::without_name(source) },
        }
    }
}

/// Returns how many bytes may still be written to the disk of a file; `None` where the system does not say.
pub(super) fn room(file: &File) -> Option<u64> {
    let disk = rustix::fs::fstatvfs(file).ok()?;
    let total = disk.f_blocks.saturating_mul(disk.f_frsize);
    Some(disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(KEPT_FREE.min(total / 50)))
}

/// Makes a file without a name that only its user may read, even through `/proc`.
fn nameless() -> io::Result<File> {
    let file = tempfile::tempfile()?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    Ok(file)
}

/// How much is read at once: whole pages.
const PIECE: usize = 256 << 10;
const PAGE: usize = 4096;

/// A file in which pages of zeros are holes.
struct Sparse {
    file: File,
    /// How long it is, holes counted.
    len: u64,
    /// How many bytes of it are on the disk.
    stored: u64,
}

impl Sparse {
    /// Appends bytes. All calls but the last one append whole pages.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_zero = |page: &&[u8]| page.len() == PAGE && page.iter().all(|&byte| byte == 0);
        let mut pages = bytes.chunks(PAGE).peekable();
        let mut at = 0;
        while at < bytes.len() {
            let mut length = 0;
            while let Some(page) = pages.next_if(is_zero) {
                length += page.len();
            }
            at += length;
            self.len += length as u64;
            let from = at;
            while let Some(page) = pages.next_if(|page| !is_zero(page)) {
                at += page.len();
            }
            if from < at {
                self.file.seek(SeekFrom::Start(self.len))?;
                self.file.write_all(&bytes[from..at])?;
                self.len += (at - from) as u64;
                self.stored += (at - from) as u64;
            }
        }
        Ok(())
    }

    /// Gives the file its length, for it may end in a hole.
    fn finish(mut self) -> io::Result<File> {
        self.file.set_len(self.len)?;
        self.file.rewind()?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests;
