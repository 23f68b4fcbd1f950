//! A memory of a few words, for tests.

use rustc_hash::FxHashMap;

use crate::memory::{Memory, MemoryRange, Unreadable};

/// Words at addresses; all others are unreadable.
#[derive(Clone, Default)]
pub(crate) struct Words(pub(crate) FxHashMap<u64, u64>);

impl Memory for Words {
    fn ranges(&self) -> &[MemoryRange] {
        &[]
    }

    fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let unreadable = Unreadable { addr, len: into.len() };
        let word = self.0.get(&(addr & !7)).ok_or(unreadable)?.to_le_bytes();
        let from = (addr & 7) as usize;
        into.copy_from_slice(word.get(from..from + into.len()).ok_or(unreadable)?);
        Ok(())
    }

    fn slice(&self, _addr: u64, _len: usize) -> Option<&[u8]> {
        None
    }
}
