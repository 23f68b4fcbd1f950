//! The memory of a process that runs as an address space: what is read may be half of one moment and half of the next.

use live::capture::{Peek, Stretch};
use v8mem::Memory;
use v8mem::memory::{MemoryRange, Unreadable};

/// The memory of a process that runs.
pub(crate) struct Living<'p> {
    /// The process.
    pub(crate) peek: &'p Peek,
    /// What of it is to be searched; none where all that is wanted is found by its address.
    pub(crate) ranges: &'p [MemoryRange],
}

/// Returns a stretch of a process's memory as a range.
pub(crate) fn range(stretch: &Stretch) -> MemoryRange {
    let [readable, writable, executable] = stretch.rights;
    MemoryRange { start: stretch.start, end: stretch.end, readable, writable, executable }
}

impl Memory for Living<'_> {
    fn ranges(&self) -> &[MemoryRange] {
        self.ranges
    }

    fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let len = into.len();
        self.peek.read(addr, into).map_err(|_| Unreadable { addr, len })
    }

    fn slice(&self, _addr: u64, _len: usize) -> Option<&[u8]> {
        None
    }
}
