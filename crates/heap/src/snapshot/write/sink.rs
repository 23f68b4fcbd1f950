//! Text on its way out: a buffer, and numbers in decimal faster than `write!` makes them.

use crate::decimal::digits;
use std::io::{self, Write};

/// How many bytes are gathered before they are handed on.
const ENOUGH: usize = 256 << 10;

/// Gathers text for a writer.
pub(super) struct Sink<'a, W> {
    out: &'a mut W,
    buffer: Vec<u8>,
}

impl<'a, W: Write> Sink<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, buffer: Vec::with_capacity(ENOUGH + 64) }
    }

    /// Adds text.
    #[inline]
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Adds bytes.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < ENOUGH { Ok(()) } else { self.flush() }
    }

    /// Adds a number in decimal.
    #[inline]
    pub(super) fn number(&mut self, number: u64) -> io::Result<()> {
        digits(number, |text| self.bytes(text))
    }

    /// Adds a comma and a number.
    #[inline]
    pub(super) fn next(&mut self, number: u64) -> io::Result<()> {
        self.buffer.push(b',');
        self.number(number)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Hands on what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.out.flush()
    }
}
