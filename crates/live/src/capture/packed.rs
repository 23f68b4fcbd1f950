//! A core file that is packed (zstd) while it is written: nothing of its plain size lies anywhere.
//!
//! An image is written from its start to its end; what is left out in between is zeros, which pack to next to nothing. heapwhy, and
//! `zstd -d`, give the plain file back.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use zstd::stream::write::Encoder;

use super::error::CaptureError;
use super::reading::Sink;
use super::{Captured, Request, capture_into};

/// The quickest level: of heaps the slower ones make no less.
const LEVEL: i32 = 1;
/// How much is packed at once.
const PIECE: usize = 1 << 20;

/// Captures a process as `capture` does, into a packed file.
///
/// # Errors
/// As `capture`.
pub fn capture_packed(request: &Request<'_>, out: &File) -> Result<Captured, CaptureError> {
    let packer = Arc::new(Packer::into(out).map_err(writing)?);
    let sink: Arc<dyn Sink> = Arc::<Packer>::clone(&packer);
    let captured = capture_into(request, sink)?;
    packer.finish().map_err(writing)?;
    Ok(captured)
}

/// Packs an image that lies in a file, of which holes are not read. `go_on` is told how many bytes are done, and of how many, and says whether to go on.
///
/// # Errors
/// What the system says; `Cancelled` where that was not to go on.
pub fn pack(image: &File, out: &File, go_on: &dyn Fn(u64, u64) -> bool) -> Result<(), CaptureError> {
    let packer = Packer::into(out).map_err(writing)?;
    let length = image.metadata().map_err(writing)?.len();
    packer.set_len(length).map_err(writing)?;
    let (mut at, mut piece) = (0, vec![0; PIECE]);
    while let Some(data) = next_data(image, at).map_err(writing)? {
        at = data.start;
        while at < data.end {
            if !go_on(at, length) {
                return Err(CaptureError::Cancelled);
            }
            let part = piece.get_mut(..(data.end - at).min(PIECE as u64) as usize).unwrap_or_default();
            image.read_exact_at(part, at).map_err(writing)?;
            packer.put(part, at).map_err(writing)?;
            at += part.len() as u64;
        }
    }
    packer.finish().map_err(writing)
}

fn writing(source: io::Error) -> CaptureError {
    CaptureError::Write { source }
}

/// Returns the next stretch of a file that is no hole.
fn next_data(file: &File, at: u64) -> io::Result<Option<std::ops::Range<u64>>> {
    match seek(file, SeekFrom::Data(at)) {
        Ok(start) => Ok(Some(start..seek(file, SeekFrom::Hole(start))?)),
        // So the kernel says that there is nothing but a hole.
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Packs what is written from the start on.
struct Packer(Mutex<Packing>);

struct Packing {
    /// `None` once it is finished.
    encoder: Option<Encoder<'static, File>>,
    /// How many bytes went in.
    at: u64,
    /// How many there are to be.
    length: u64,
}

impl Packer {
    fn into(out: &File) -> io::Result<Self> {
        let mut encoder = Encoder::new(out.try_clone()?, LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self(Mutex::new(Packing { encoder: Some(encoder), at: 0, length: 0 })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Packing) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is left. Without this the file is cut, and says so.
    fn finish(&self) -> io::Result<()> {
        self.with(|packing| {
            packing.fill(packing.length)?;
            packing.encoder.take().map_or(Ok(()), |encoder| encoder.finish().map(drop))
        })
    }
}

impl Sink for Packer {
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.with(|packing| packing.length = bytes);
        Ok(())
    }

    fn put(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.with(|packing| {
            packing.fill(at)?;
            packing.write(bytes)
        })
    }
}

impl Packing {
    /// Goes on to a place, over zeros.
    fn fill(&mut self, to: u64) -> io::Result<()> {
        if to < self.at {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an image that is packed is written in order"));
        }
        let zeros = vec![0; PIECE.min((to - self.at) as usize)];
        while self.at < to {
            let length = (to - self.at).min(PIECE as u64) as usize;
            self.write(zeros.get(..length).unwrap_or_default())?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let encoder = self.encoder.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        encoder.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    fn unpacked(mut file: File) -> Vec<u8> {
        file.rewind().unwrap();
        zstd::decode_all(file).unwrap()
    }

    #[test]
    fn gaps_are_zeros() {
        let out = tempfile::tempfile().unwrap();
        let packer = Packer::into(&out).unwrap();
        packer.set_len(3 * PIECE as u64 + 5).unwrap();
        packer.put(b"head", 0).unwrap();
        packer.put(b"tail", 2 * PIECE as u64 + 7).unwrap();
        assert_eq!(packer.put(b"back", 9).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        packer.finish().unwrap();
        let mut expect = vec![0; 3 * PIECE + 5];
        expect[..4].copy_from_slice(b"head");
        expect[2 * PIECE + 7..2 * PIECE + 11].copy_from_slice(b"tail");
        assert!(out.metadata().unwrap().len() < 1000);
        assert!(unpacked(out) == expect);
    }

    #[test]
    fn an_image_is_packed_whole_or_not() {
        let image = tempfile::tempfile().unwrap();
        image.set_len(5 * PIECE as u64).unwrap();
        image.write_all_at(&vec![7; PIECE + 3], PIECE as u64).unwrap();
        let out = tempfile::tempfile().unwrap();
        pack(&image, &out, &|done, total| done < total).unwrap();
        let mut expect = vec![0; 5 * PIECE];
        expect[PIECE..2 * PIECE + 3].fill(7);
        assert!(unpacked(out) == expect);
        let stopped = pack(&image, &tempfile::tempfile().unwrap(), &|_, _| false);
        assert!(matches!(stopped, Err(CaptureError::Cancelled)), "{stopped:?}");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let image = tempfile::tempfile().unwrap();
        image.write_all_at(b"x", 0).unwrap();
        let error = pack(&image, &full, &|_, _| true).unwrap_err();
        assert!(matches!(&error, CaptureError::Write { source } if source.kind() == io::ErrorKind::StorageFull), "{error:?}");
    }
}
