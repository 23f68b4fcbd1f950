//! An address space: the one thing that a dead process and a live one have in common.
//!
//! Knows nothing of files, processes or V8.

use std::fmt;
use std::sync::Arc;

/// A stretch of an address space with one set of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Whether the process could read it.
    pub readable: bool,
    /// Whether the process could write it.
    pub writable: bool,
    /// Whether the process could run it.
    pub executable: bool,
}

impl MemoryRange {
    /// Returns its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Says whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

/// An address whose contents nobody knows: not mapped in the process, or left out of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory at {addr:#x} ({len} bytes)")]
pub struct Unreadable {
    /// Where the read began.
    pub addr: u64,
    /// How many bytes were asked for.
    pub len: usize,
}

/// The memory of a process.
pub trait Memory: Sync {
    /// Returns what was mapped, sorted by address, without overlaps.
    fn ranges(&self) -> &[MemoryRange];

    /// Fills `into` from `addr`.
    ///
    /// # Errors
    /// When any byte of it is unknown. What `into` then holds is unspecified.
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Unreadable>;

    /// Returns the bytes themselves where they lie side by side in this process's memory.
    fn slice(&self, addr: u64, len: usize) -> Option<&[u8]>;

    /// Says that the bytes that were looked at so far are not needed any more, so that they need not stay in memory.
    fn forget(&self, _addr: u64, _len: usize) {}

    /// As `forget`, of all bytes.
    fn forget_all(&self) {}

    /// Returns the end of the bytes that are worth looking at from `addr` on, and where the next ones begin: holes of a sparse file read
    /// as zeros, and looking at gigabytes of them is a waste.
    fn next_data(&self, addr: u64, end: u64) -> Option<(u64, u64)> {
        (addr < end).then_some((addr, end))
    }
}

impl<M: Memory + Send + ?Sized> Memory for Arc<M> {
    fn ranges(&self) -> &[MemoryRange] {
        (**self).ranges()
    }

    fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        (**self).read(addr, into)
    }

    fn slice(&self, addr: u64, len: usize) -> Option<&[u8]> {
        (**self).slice(addr, len)
    }

    fn forget(&self, addr: u64, len: usize) {
        (**self).forget(addr, len);
    }

    fn forget_all(&self) {
        (**self).forget_all();
    }

    fn next_data(&self, addr: u64, end: u64) -> Option<(u64, u64)> {
        (**self).next_data(addr, end)
    }
}

impl dyn Memory + '_ {
    /// Returns the range around an address. O(log ranges).
    #[must_use]
    pub fn range_at(&self, addr: u64) -> Option<&MemoryRange> {
        let ranges = self.ranges();
        ranges.get(ranges.partition_point(|range| range.end <= addr)).filter(|range| range.start <= addr)
    }

    /// Reads a word.
    ///
    /// # Errors
    /// As `Memory::read`.
    #[inline]
    pub fn word(&self, addr: u64) -> Result<u64, Unreadable> {
        let mut bytes = [0; 8];
        self.read(addr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Reads four bytes.
    ///
    /// # Errors
    /// As `Memory::read`.
    #[inline]
    pub fn half(&self, addr: u64) -> Result<u32, Unreadable> {
        let mut bytes = [0; 4];
        self.read(addr, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads bytes up to a zero byte, at most `limit`.
    #[must_use]
    pub fn c_string(&self, addr: u64, limit: usize) -> Option<String> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while bytes.len() < limit {
            self.read(addr + bytes.len() as u64, &mut byte).ok()?;
            match byte[0] {
                0 => return String::from_utf8(bytes).ok(),
                other => bytes.push(other),
            }
        }
        None
    }
}

impl fmt::Display for MemoryRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = |has: bool, letter: char| if has { letter } else { '-' };
        let (r, w, x) = (right(self.readable, 'r'), right(self.writable, 'w'), right(self.executable, 'x'));
        write!(f, "{:012x}-{:012x} {r}{w}{x}", self.start, self.end)
    }
}
