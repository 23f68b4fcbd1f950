//! Every text once, in the form that `StringTable` reads: for those who make graphs.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::decimal::digits;
use crate::numerals::{Numerals, parse_digits};
use crate::strings::{Bytes, StrIx, StringTable, push_escaped_units};

/// Collects texts.
#[derive(Default)]
pub(crate) struct Interner {
    arena: Vec<u8>,
    starts: Vec<u32>,
    wraps: Vec<u32>,
    table: HashTable<Entry>,
    /// Texts that are numbers, which are not in the table.
    numerals: Numerals,
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
        if is_plain(text.as_bytes()) { self.body(text.as_bytes()) } else { self.units(text.encode_utf16()) }
    }

    /// Keeps a text of Latin-1 characters.
    pub(crate) fn latin1(&mut self, bytes: &[u8]) -> StrIx {
        if is_plain(bytes) && bytes.is_ascii() { self.body(bytes) } else { self.units(bytes.iter().map(|&byte| u16::from(byte))) }
    }

    /// Keeps a text of UTF-16 units, which may hold lone surrogates.
    pub(crate) fn units(&mut self, units: impl Iterator<Item = u16>) -> StrIx {
        let mut body = std::mem::take(&mut self.scratch);
        body.clear();
        push_escaped_units(&mut body, units);
        let text = self.body(&body);
        self.scratch = body;
        text
    }

    /// Keeps the digits of a number, as `text` does. A heap may name millions of elements by numbers that rise: they cost no search.
    pub(crate) fn number(&mut self, number: u32) -> StrIx {
        if let Some(known) = self.numerals.get(number) {
            return StrIx(known);
        }
        digits(number.into(), |text| self.body(text))
    }

    /// Keeps a text that has this JSON form.
    fn body(&mut self, body: &[u8]) -> StrIx {
        match parse_digits(body) {
            Some(number) => self.numeral(number, body),
            None => self.other(body),
        }
    }

    fn numeral(&mut self, number: u32, body: &[u8]) -> StrIx {
        if let Some(known) = self.numerals.get(number) {
            return StrIx(known);
        }
        let text = self.append(body);
        self.numerals.insert(number, text);
        StrIx(text)
    }

    fn other(&mut self, body: &[u8]) -> StrIx {
        let hash = hash(body);
        let (arena, starts, wraps) = (&self.arena, &self.starts, &self.wraps);
        let same = |entry: &Entry| entry.hash == hash as u32 && is_at(&arena[offset(starts, wraps, entry.text)..], body);
        if let Some(&found) = self.table.find(spread(hash as u32), same) {
            return StrIx(found.text);
        }
        let text = self.append(body);
        self.table.insert_unique(spread(hash as u32), Entry { text, hash: hash as u32 }, |entry| spread(entry.hash));
        StrIx(text)
    }

    /// Adds a text that is not there yet.
    fn append(&mut self, body: &[u8]) -> u32 {
        let text = self.starts.len() as u32;
        let start = self.arena.len();
        if start >> 32 > self.wraps.len() {
            self.wraps.push(text);
        }
        self.starts.push(start as u32);
        self.arena.extend_from_slice(body);
        self.arena.push(b'"');
        text
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

/// Says whether a text stands at the beginning of some bytes, with its end.
fn is_at(bytes: &[u8], body: &[u8]) -> bool {
    bytes.strip_prefix(body).is_some_and(|rest| rest.first() == Some(&b'"'))
}

/// Says whether all bytes stand for themselves in JSON.
fn is_plain(bytes: &[u8]) -> bool {
    // Without an early end within a piece, compilers look at many bytes at once.
    let of = |piece: &[u8]| piece.iter().fold(true, |plain, &byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'));
    bytes.chunks(32).all(of)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps texts by each way that suits them, and returns where they are and how many are kept.
    fn keep(texts: &[&str]) -> (Vec<u32>, Vec<String>) {
        let mut interner = Interner::default();
        let mut places = vec![];
        for (nth, &text) in texts.iter().enumerate() {
            let latin1: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(letter).ok()).collect();
            let number = text.parse().ok().filter(|number: &u32| number.to_string() == text);
            places.push(match (nth % 4, latin1, number) {
                (0, Some(latin1), _) => interner.latin1(&latin1),
                (1, _, Some(number)) => interner.number(number),
                (2, ..) => interner.units(text.encode_utf16()),
                _ => interner.text(text),
            });
        }
        let strings = interner.finish();
        let kept = (0..strings.len() as u32).map(|text| strings.text(StrIx(text)).into_owned()).collect();
        (places.into_iter().map(|place| place.0).collect(), kept)
    }

    #[test]
    fn every_text_is_kept_once_whatever_it_looks_like() {
        let texts =
            ["", "a", "\"", "ü", "😀", "0", "00", "01", "7", "7a", "-1", "1e3", "4294967295", "4294967296", "999999999", "1000000000"];
        let long = "x".repeat(100);
        let all: Vec<&str> = texts.into_iter().chain([long.as_str(), "\u{1}", "a\\b", "12345678901234567890"]).collect();
        let again: Vec<&str> = (0..4).flat_map(|turn| all.iter().copied().cycle().skip(turn).take(all.len())).collect();
        let (places, kept) = keep(&again);
        let named: Vec<&str> = places.iter().map(|&place| kept[place as usize].as_str()).collect();
        assert_eq!((named, kept.len()), (again, all.len()));
    }
}
