//! A source of bytes that tells how many were read of it.

use std::cell::Cell;
use std::io::{self, Read};

/// Counts what is read.
pub(crate) struct Counted<'c, R> {
    /// Where bytes come from.
    pub(crate) source: R,
    /// How many bytes it was.
    pub(crate) bytes: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}
