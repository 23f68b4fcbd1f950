//! Every text once, in the form that `StringTable` reads: for those who make graphs.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::strings::{Bytes, StrIx, StringTable, push_escaped_units};

/// Collects texts.
#[derive(Default)]
pub(crate) struct Interner {
    arena: Vec<u8>,
    starts: Vec<u32>,
    wraps: Vec<u32>,
    table: HashTable<u32>,
    scratch: Vec<u8>,
}

impl Interner {
    /// Keeps a text, and returns where.
    pub(crate) fn text(&mut self, text: &str) -> StrIx {
        self.units(text.encode_utf16())
    }

    /// Keeps a text of UTF-16 units, which may hold lone surrogates.
    pub(crate) fn units(&mut self, units: impl Iterator<Item = u16>) -> StrIx {
        self.scratch.clear();
        push_escaped_units(&mut self.scratch, units);
        self.scratch.push(b'"');
        let hash = hash(&self.scratch);
        let (arena, starts, wraps, scratch) = (&self.arena, &self.starts, &self.wraps, &self.scratch);
        let same = |ix: &u32| arena[offset(starts, wraps, *ix)..].starts_with(scratch);
        if let Some(&ix) = self.table.find(hash, same) {
            return StrIx(ix);
        }
        let ix = self.starts.len() as u32;
        let start = self.arena.len();
        if start >> 32 > self.wraps.len() {
            self.wraps.push(ix);
        }
        self.starts.push(start as u32);
        self.arena.extend_from_slice(&self.scratch);
        let (arena, starts, wraps) = (&self.arena, &self.starts, &self.wraps);
        self.table.insert_unique(hash, ix, |&ix| {
            let from = &arena[offset(starts, wraps, ix)..];
            self::hash(&from[..=end(from)])
        });
        StrIx(ix)
    }

    /// Returns all texts.
    pub(crate) fn finish(self) -> StringTable {
        StringTable::new(Bytes::Owned(Arc::new(self.arena)), self.starts.into(), self.wraps)
    }
}

/// Returns where a text starts: starts are kept in four bytes, and `wraps` says from which text on another 4 GiB must be added.
fn offset(starts: &[u32], wraps: &[u32], ix: u32) -> usize {
    let over = wraps.partition_point(|&wrap| wrap <= ix) as u64;
    (over << 32 | u64::from(starts[ix as usize])) as usize
}

/// Returns where the quote is that ends a text.
fn end(from: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = from.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    from.len().saturating_sub(1)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}
