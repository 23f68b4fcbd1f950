//! What a reader is given: a file, or a stream, which is copied into a nameless file so that it can be mapped, unpacked on the way.
//!
//! Copying is bounded, since a few packed kilobytes may hold gigabytes: what does not begin like a snapshot is not copied on, nothing
//! unpacks to absurdly much, and the disk keeps some room. A nameless file is gone however this process ends.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::graph::HeapGraph;
use crate::mapped::MappedFile;
use crate::problems::{ProblemKind, Problems};
use crate::progress::{Phase, Progress};
use crate::snapshot::ReadError;
use crate::snapshot::read::{find_header, read_into};

/// How a gzip stream begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much of a stream is looked at before it is copied on.
const LOOKED_AT: u64 = 64 << 10;

/// How often the disk is asked for its room: after so many bytes.
const ASKED_EVERY: u64 = 16 << 20;

/// Up to so many bytes, whatever unpacks may do so from as little as it likes.
const FREE_OF_RATIO: u64 = 64 << 20;

/// How many times its size a packed snapshot may unpack to. Real ones take 5 to 15 times, deflate allows about 1,030.
const HIGHEST_RATIO: u64 = 200;

/// The disk keeps a fiftieth of its size, and not more than so many bytes.
const KEPT_FREE: u64 = 256 << 20;

/// A snapshot that can be mapped.
#[derive(Debug)]
pub struct Input {
    /// What the user named; only for messages.
    path: PathBuf,
    file: File,
    bytes: u64,
    problems: Problems,
}

impl Input {
    /// Opens a file, unpacking it first if it is compressed with gzip; a pipe is copied first.
    ///
    /// # Errors
    /// When the file cannot be read, is packed, and not a snapshot, or unpacks to more than there is room for.
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
        if is_seekable && metadata.len() == 0 {
            return Err(ReadError::Empty { path: path.to_owned() });
        }
        let mut magic = Vec::new();
        (&mut file).take(GZIP.len() as u64).read_to_end(&mut magic).map_err(io_error)?;
        if is_seekable && magic != GZIP {
            file.rewind().map_err(io_error)?;
            return Ok(Self { path: path.to_owned(), file, bytes: metadata.len(), problems: Problems::default() });
        }
        if magic.is_empty() {
            return Err(ReadError::Empty { path: path.to_owned() });
        }
        let is_packed = magic == GZIP;
        let spool = Spool { path, progress, is_packed, room: &room };
        spool.copy(Cursor::new(magic).chain(file))
    }

    /// Returns the size of what was named, in bytes: packed where it is packed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
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

/// Copies a stream.
struct Spool<'a> {
    path: &'a Path,
    progress: &'a dyn Progress,
    is_packed: bool,
    /// Returns how many bytes may still be written to the disk of a file.
    room: &'a dyn Fn(&File) -> Option<u64>,
}

impl Spool<'_> {
    /// Copies a stream into a nameless file. A stream that breaks off is damage, not an error.
    fn copy(&self, from: impl Read) -> Result<Input, ReadError> {
        let mut spool = tempfile::tempfile().map_err(|source| self.no_spool(source))?;
        let mut counted = Counted { inner: from, bytes: 0 };
        let mut problems = Problems::default();
        let mut unpacked = 0;
        if self.is_packed {
            let mut unpacker = flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(64 << 10, &mut counted));
            while self.block(&mut unpacker, &mut spool, &mut unpacked, &mut problems)? {
                let packed = unpacker.get_ref().get_ref().bytes;
                if unpacked > FREE_OF_RATIO && unpacked / HIGHEST_RATIO > packed {
                    return Err(ReadError::Bomb { path: self.path.to_owned(), packed, unpacked });
                }
            }
        } else {
            while self.block(&mut counted, &mut spool, &mut unpacked, &mut problems)? {}
        }
        if unpacked == 0 {
            return Err(ReadError::Empty { path: self.path.to_owned() });
        }
        spool.rewind().map_err(|source| self.no_spool(source))?;
        Ok(Input { path: self.path.to_owned(), file: spool, bytes: counted.bytes, problems })
    }

    /// Copies the next part: a small one first, which is looked at. Returns whether there may be more.
    fn block(&self, from: &mut impl Read, spool: &mut File, done: &mut u64, problems: &mut Problems) -> Result<bool, ReadError> {
        let room = (self.room)(spool);
        if room.is_some_and(|room| room < ASKED_EVERY) {
            return Err(ReadError::NoRoom { path: self.path.to_owned(), folder: std::env::temp_dir(), done: *done });
        }
        let is_first = *done == 0;
        let end = *done + if is_first { LOOKED_AT } else { ASKED_EVERY };
        let mut head = Vec::new();
        let mut buffer = vec![0; 256 << 10];
        while *done < end {
            let wanted = buffer.len().min((end - *done) as usize);
            let length = match from.read(&mut buffer[..wanted]) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if *done > 0 => {
                    let what = if self.is_packed { "unpacking" } else { "reading" };
                    problems.add(ProblemKind::Truncated, None, format!("{what} broke off after {done} bytes: {error}"));
                    break;
                }
                Err(source) if self.is_packed => return Err(ReadError::BadGzip { path: self.path.to_owned(), source }),
                Err(source) => return Err(ReadError::Io { path: self.path.to_owned(), source }),
            };
            spool.write_all(&buffer[..length]).map_err(|source| self.no_spool(source))?;
            if is_first {
                head.extend_from_slice(&buffer[..length]);
            }
            *done += length as u64;
            self.progress.report(Phase::Unpacking, *done, 0);
            if self.progress.is_cancelled() {
                return Err(ReadError::Cancelled { path: self.path.to_owned() });
            }
        }
        if is_first && !head.is_empty() {
            find_header(&head).map_err(|found| ReadError::NotASnapshot { path: self.path.to_owned(), found })?;
        }
        Ok(*done == end)
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
fn room(file: &File) -> Option<u64> {
    let disk = rustix::fs::fstatvfs(file).ok()?;
    let total = disk.f_blocks.saturating_mul(disk.f_frsize);
    Some(disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(KEPT_FREE.min(total / 50)))
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::Silent;

    /// Packs a text and as many zeros.
    fn packed(text: &str, zeros: u64) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        io::copy(&mut io::repeat(b'0').take(zeros), &mut packer).unwrap();
        packer.finish().unwrap()
    }

    fn copied(bytes: &[u8], room: &dyn Fn(&File) -> Option<u64>) -> Result<Input, ReadError> {
        let spool = Spool { path: Path::new("a.gz"), progress: &Silent, is_packed: bytes.starts_with(&GZIP), room };
        spool.copy(Cursor::new(bytes))
    }

    #[test]
    fn what_is_no_snapshot_is_not_unpacked() {
        // 100 GB in less than 100 MB would take minutes: what is refused after its first bytes takes none.
        let endless = Spool { path: Path::new("-"), progress: &Silent, is_packed: false, room: &|_| None };
        let error = endless.copy(io::repeat(0)).unwrap_err();
        assert!(matches!(error, ReadError::NotASnapshot { .. }), "{error:?}");
        let error = copied(&packed("{\"name\":1}", 1 << 20), &|_| None).unwrap_err();
        assert!(matches!(error, ReadError::NotASnapshot { .. }), "{error:?}");
    }

    #[test]
    fn a_bomb_is_told_and_a_dense_snapshot_is_none() {
        let begin = "{\"snapshot\":{\"meta\":{}},\"nodes\":[";
        let error = copied(&packed(begin, 3 * FREE_OF_RATIO), &|_| None).unwrap_err();
        let ReadError::Bomb { packed: taken, unpacked, .. } = error else { panic!("{error:?}") };
        assert!(unpacked > FREE_OF_RATIO && unpacked <= FREE_OF_RATIO + ASKED_EVERY + LOOKED_AT, "{taken} {unpacked}");
        let whole = packed(begin, 1 << 20);
        assert_eq!(copied(&whole, &|_| None).unwrap().bytes(), whole.len() as u64);
    }

    #[test]
    fn the_disk_is_not_filled() {
        let begin = "{\"snapshot\":";
        let error = copied(&packed(begin, 1 << 20), &|_| Some(1000)).unwrap_err();
        assert!(matches!(error, ReadError::NoRoom { done: 0, .. }), "{error:?}");
        let error = copied(&packed(begin, 40 << 20), &|file| Some((32 << 20) - file.metadata().unwrap().len())).unwrap_err();
        let ReadError::NoRoom { done, .. } = error else { panic!("{error:?}") };
        assert_eq!(done, LOOKED_AT + ASKED_EVERY);
        assert!(room(&tempfile::tempfile().unwrap()).is_some());
    }

    #[test]
    fn damaged_streams() {
        let error = copied(&[0x1f, 0x8b, 1, 2, 3], &|_| None).unwrap_err();
        assert!(matches!(error, ReadError::BadGzip { .. }), "{error:?}");
        let whole = packed("{\"snapshot\":", 1 << 20);
        let cut = copied(&whole[..whole.len() - 9], &|_| None).unwrap();
        assert!(cut.problems.is_truncated());
        let empty = GzEncoder::new(Vec::new(), Compression::fast()).finish().unwrap();
        let error = copied(&empty, &|_| None).unwrap_err();
        assert!(matches!(error, ReadError::Empty { .. }), "{error:?}");
    }
}
