//! The `strings` section: where each string starts. The strings themselves stay in the file.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use crate::buffer::{Buffer, Growing};
use crate::facts::SpecialNames;
use crate::snapshot::numbers::skip_space;

/// The strings of a file.
pub(super) struct StringsRead {
    /// The bytes of the section, from behind its `[`.
    pub(super) range: Range<usize>,
    /// Where each string's body starts, from the start of the section, modulo 2^32.
    pub(super) starts: Buffer<u32>,
    /// How many strings there are.
    pub(super) count: u32,
    /// Strings at which the true offset passes another multiple of 2^32.
    pub(super) wraps: Vec<u32>,
    /// The strings that analyses look for.
    pub(super) special: SpecialNames,
    /// Whether the array ends as it should.
    pub(super) is_whole: bool,
}

impl StringsRead {
    /// Returns no strings at all.
    pub(super) fn none() -> Self {
        Self { range: 0..0, starts: Buffer::default(), count: 0, wraps: Vec::new(), special: SpecialNames::with_room(0), is_whole: false }
    }
}

/// Finds where the `strings` array starts: the byte behind its `[`. Strings come last, so the search goes from the end. A string cannot
/// be mistaken for the key: quotes inside strings are escaped, and no string is followed by a colon.
pub(super) fn find_strings(bytes: &[u8]) -> Option<usize> {
    let mut end = bytes.len();
    while let Some(at) = memmem::rfind(&bytes[..end], b"\"strings\"") {
        let colon = skip_space(bytes, at + b"\"strings\"".len());
        let bracket = skip_space(bytes, colon + 1);
        if bytes.get(colon) == Some(&b':') && bytes.get(bracket) == Some(&b'[') {
            return Some(bracket + 1);
        }
        end = at;
    }
    None
}

/// Finds every string of the array that starts behind `[` at `at`. O(bytes).
pub(super) fn read_strings(bytes: &[u8], at: usize) -> StringsRead {
    let mut starts = Growing::default();
    let mut wraps = Vec::new();
    let mut next = at;
    let is_whole = loop {
        next = skip_space(bytes, next);
        match bytes.get(next) {
            Some(b'"') => {}
            Some(b']') => break true,
            Some(b',') => {
                next += 1;
                continue;
            }
            _ => break false,
        }
        let start = next + 1;
        if (start - at) >> 32 > wraps.len() {
            wraps.push(starts.len() as u32);
        }
        let Some(end) = closing_quote(bytes, start) else { break false };
        starts.push((start - at) as u32);
        next = end + 1;
    };
    let (count, starts) = (starts.len() as u32, starts.into_buffer());
    let special = special_names(bytes, at, &starts, &wraps);
    StringsRead { range: at..next.min(bytes.len()), starts, count, wraps, special, is_whole }
}

/// Looks for the strings that matter. Each ends before its closing quote, which the search above has found once already; finding it
/// again in bytes that are in the cache costs less than keeping it.
fn special_names(bytes: &[u8], at: usize, starts: &[u32], wraps: &[u32]) -> SpecialNames {
    let mut special = SpecialNames::with_room(starts.len());
    let mut high = 0_usize;
    for (ix, &low) in starts.iter().enumerate() {
        while wraps.get(high).is_some_and(|&wrap| wrap as usize <= ix) {
            high += 1;
        }
        let start = at + (high << 32) + low as usize;
        if !SpecialNames::may_matter(bytes.get(start).copied()) {
            continue;
        }
        if let Some(end) = closing_quote(bytes, start) {
            special.see(ix as u32, &bytes[start..end]);
        }
    }
    special
}

/// Returns the place of the quote that closes the string whose body starts at `at`.
#[inline]
fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found);
        }
        at = found + 2;
    }
}

/// Returns the place behind a JSON value that starts at `at`: a string, a number, a word, or anything in brackets. `None` where the
/// bytes end first. Iterative; O(bytes).
pub(super) fn skip_value(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = skip_space(bytes, at);
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = closing_quote(bytes, at + 1)? + 1,
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            _ => {
                let rest = &bytes[at..];
                at += rest.iter().position(|byte| b",]}: \n\r\t\"[{".contains(byte)).unwrap_or(rest.len());
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Reads a key and the colon behind it, from anywhere before the key. Returns the key and the place of its value.
pub(super) fn next_key(bytes: &[u8], at: usize) -> Option<(&str, usize)> {
    let mut at = skip_space(bytes, at);
    if bytes.get(at) == Some(&b',') {
        at = skip_space(bytes, at + 1);
    }
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let length = memchr(b'"', bytes.get(at + 1..)?)?;
    let key = std::str::from_utf8(&bytes[at + 1..at + 1 + length]).ok()?;
    let colon = skip_space(bytes, at + length + 2);
    (bytes.get(colon) == Some(&b':')).then(|| (key, skip_space(bytes, colon + 1)))
}
