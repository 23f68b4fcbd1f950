//! Packed streams: told apart by their first bytes, and unpacked as they are read. Several streams in one file count as one.
//!
//! Knows nothing of what is packed, nor how much of it may come out.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard: systemd-coredump's.
    Zstd,
    /// LZ4 frames: those of older ones.
    Lz4,
}

impl Packing {
    /// Says how a file is packed that begins so.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            _ => Self::Plain,
        }
    }

    /// Returns its name, which is also that of the program that unpacks it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "cat",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// Unpacks a stream while it is read. What does not fit the packing is an error of reading.
    pub(super) fn unpack<'r>(self, from: impl Read + 'r) -> Box<dyn Read + 'r> {
        let from = BufReader::with_capacity(64 << 10, from);
        match self {
            Self::Plain => Box::new(from),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
            Self::Zstd => Box::new(Zstd { from, decoder: FrameDecoder::new(), is_inside: false }),
            Self::Lz4 => Box::new(Lz4 { inner: Some(lz4_flex::frame::FrameDecoder::new(from)) }),
        }
    }
}

/// The largest window that is accepted, which is memory: that of `zstd --long`.
const MAX_WINDOW: u64 = 128 << 20;

/// Frames of zstd, one behind the other.
struct Zstd<R> {
    from: R,
    decoder: FrameDecoder,
    is_inside: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Goes to the next frame with contents. Returns whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        self.decoder.set_max_window_size(MAX_WINDOW);
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.from).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Compares the checksum at the end of a frame, where there is one.
    fn check(&self) -> io::Result<()> {
        let (told, counted) = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        match told {
            Some(told) if counted.is_some_and(|counted| counted != told) => Err(io::Error::other("a checksum does not fit its contents")),
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_inside {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    self.decoder.decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1)).map_err(io::Error::other)?;
                }
                let length = self.decoder.read(buffer)?;
                if length > 0 || buffer.is_empty() {
                    return Ok(length);
                }
                self.check()?;
                self.is_inside = false;
            }
            if !self.next_frame()? {
                return Ok(0);
            }
            self.is_inside = true;
        }
    }
}

/// Frames of LZ4, one behind the other, each with a decoder of its own: one decoder for frames of several block sizes mixes them up.
struct Lz4<R: Read> {
    /// `None` only after a panic in `read`.
    inner: Option<lz4_flex::frame::FrameDecoder<R>>,
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.inner {
            let length = frame.read(buffer)?;
            if length > 0 || buffer.is_empty() || frame.get_mut().fill_buf()?.is_empty() {
                return Ok(length);
            }
            let rest = self.inner.take().map(lz4_flex::frame::FrameDecoder::into_inner);
            self.inner = rest.map(lz4_flex::frame::FrameDecoder::new);
        }
        Ok(0)
    }
}
