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
    table: HashTable<Entry>,
    scratch: Vec<u8>,
}

/// A text of the table: most that differ, differ in the hash, and need not be looked at.
#[derive(Clone, Copy)]
struct Entry {
    text: u32,
    hash: u32,
}

impl Interner {
    /// Keeps a text, and returns where.
    pub(crate) fn text(&mut self, text: &str) -> StrIx {
        if text.bytes().all(is_plain) {
            return self.body(|body| body.extend_from_slice(text.as_bytes()));
        }
        self.units(text.encode_utf16())
    }

    /// Keeps a text of Latin-1 characters.
    pub(crate) fn latin1(&mut self, bytes: &[u8]) -> StrIx {
        if bytes.iter().all(|&byte| byte.is_ascii() && is_plain(byte)) {
            return self.body(|body| body.extend_from_slice(bytes));
        }
        self.units(bytes.iter().map(|&byte| u16::from(byte)))
    }

    /// Keeps a text of UTF-16 units, which may hold lone surrogates.
    pub(crate) fn units(&mut self, units: impl Iterator<Item = u16>) -> StrIx {
        self.body(|body| push_escaped_units(body, units))
    }

    /// Keeps a text whose JSON form `write` appends.
    fn body(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> StrIx {
        self.scratch.clear();
        write(&mut self.scratch);
        self.scratch.push(b'"');
        let hash = hash(&self.scratch);
        let (arena, starts, wraps, scratch) = (&self.arena, &self.starts, &self.wraps, &self.scratch);
        let same = |entry: &Entry| entry.hash == hash as u32 && arena[offset(starts, wraps, entry.text)..].starts_with(scratch);
        if let Some(&found) = self.table.find(spread(hash as u32), same) {
            return StrIx(found.text);
        }
        let text = self.starts.len() as u32;
        let start = self.arena.len();
        if start >> 32 > self.wraps.len() {
            self.wraps.push(text);
        }
        self.starts.push(start as u32);
        self.arena.extend_from_slice(&self.scratch);
        self.table.insert_unique(spread(hash as u32), Entry { text, hash: hash as u32 }, |entry| spread(entry.hash));
        StrIx(text)
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

/// Says whether a byte stands for itself in JSON.
fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// Makes a hash of 64 bits of one of 32: the table takes its slot from the low bits, and from the high ones what it compares first.
fn spread(hash: u32) -> u64 {
    u64::from(hash) | u64::from(hash.rotate_left(16)) << 32
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}
