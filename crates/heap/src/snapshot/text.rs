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
    /// The place of the first byte that does not belong there.
    pub(super) damage: Option<usize>,
}

impl StringsRead {
    /// Returns no strings at all.
    pub(super) fn none() -> Self {
        Self {
            range: 0..0,
            starts: Buffer::default(),
            count: 0,
            wraps: Vec::new(),
            special: SpecialNames::with_room(0),
            is_whole: false,
            damage: None,
        }
    }
}

/// Finds where the `strings` array starts: the byte behind its `[`. Strings come last, so the search goes from the end. A string cannot
/// be mistaken for the key: quotes inside strings are escaped, and no string is followed by a colon.
/// Hands bytes that were searched to `forget`.
pub(super) fn find_strings(bytes: &[u8], forget: &dyn Fn(Range<usize>)) -> Option<usize> {
    const KEY: &[u8] = b"\"strings\"";
    let mut end = bytes.len();
    while end > 0 {
        let start = end.saturating_sub(FORGOTTEN_EVERY);
        // The key may stand across.
        let mut window = &bytes[start..(end + KEY.len()).min(bytes.len())];
        while let Some(at) = memmem::rfind(window, KEY) {
            let colon = skip_space(bytes, start + at + KEY.len());
            let bracket = skip_space(bytes, colon + 1);
            if bytes.get(colon) == Some(&b':') && bytes.get(bracket) == Some(&b'[') {
                return Some(bracket + 1);
            }
            window = &window[..at];
        }
        if end < bytes.len() {
            forget(start..end);
        }
        end = start;
    }
    None
}

/// After so many bytes, those that were read are given back: a file may hold more strings than there is memory.
const FORGOTTEN_EVERY: usize = 64 << 20;

/// Gives bytes back that were read, now and then.
struct Passed<'a> {
    at: usize,
    forget: &'a dyn Fn(Range<usize>),
}

impl Passed<'_> {
    #[inline]
    fn up_to(&mut self, at: usize) {
        if at.saturating_sub(self.at) >= FORGOTTEN_EVERY {
            (self.forget)(self.at..at);
            self.at = at;
        }
    }
}

/// Finds every string of the array that starts behind `[` at `at`, and hands bytes that were read to `forget`. O(bytes).
pub(super) fn read_strings(bytes: &[u8], at: usize, forget: &dyn Fn(Range<usize>)) -> StringsRead {
    let mut passed = Passed { at, forget };
    let mut starts = Starts { base: at, starts: Growing::default(), wraps: Vec::new() };
    let mut next = at;
    let mut damage = None;
    let is_whole = loop {
        next = skip_space(bytes, next);
        match bytes.get(next) {
            Some(b'"') => {}
            Some(b']') => break true,
            Some(b',') => {
                next += 1;
                continue;
            }
            Some(_) => {
                // V8 writes a string a line, and no string holds a line break: lines still tell them apart.
                starts = Starts { base: at, starts: Growing::default(), wraps: Vec::new() };
                damage = Some(next);
                next = read_lines(bytes, at, &mut starts);
                break bytes.get(next) == Some(&b']');
            }
            None => break false,
        }
        let Some(end) = closing_quote(bytes, next + 1) else { break false };
        starts.push(next + 1);
        next = end + 1;
        passed.up_to(next);
    };
    let Starts { starts, wraps, .. } = starts;
    let (count, starts) = (starts.len() as u32, starts.into_buffer());
    let special = special_names(bytes, at, &starts, &wraps, forget);
    StringsRead { range: at..next.min(bytes.len()), starts, count, wraps, special, is_whole, damage }
}

/// Where strings start, as offsets from the start of their section.
struct Starts {
    base: usize,
    starts: Growing<u32>,
    wraps: Vec<u32>,
}

impl Starts {
    #[inline]
    fn push(&mut self, start: usize) {
        if (start - self.base) >> 32 > self.wraps.len() {
            self.wraps.push(self.starts.len() as u32);
        }
        self.starts.push((start - self.base) as u32);
    }
}

/// Takes every line for a string. Returns the place of the `]` behind the last, or of the end.
fn read_lines(bytes: &[u8], at: usize, starts: &mut Starts) -> usize {
    let mut next = at;
    loop {
        let line = bytes.get(next..).unwrap_or_default();
        let length = memchr(b'\n', line);
        let quoted = usize::from(line.first() == Some(&b'"'));
        if length.is_some() || quoted == 1 {
            starts.push(next + quoted);
        }
        match length {
            Some(length) => next += length + 1,
            // Behind the last string: `"]}`.
            None => return next + memmem::rfind(line, b"]").unwrap_or(line.len()),
        }
    }
}

/// Looks for the strings that matter. Each ends before its closing quote, which the search above has found once already; finding it
/// again in bytes that are in the cache costs less than keeping it.
fn special_names(bytes: &[u8], at: usize, starts: &[u32], wraps: &[u32], forget: &dyn Fn(Range<usize>)) -> SpecialNames {
    let mut passed = Passed { at, forget };
    let mut special = SpecialNames::with_room(starts.len());
    let mut high = 0_usize;
    for (ix, &low) in starts.iter().enumerate() {
        while wraps.get(high).is_some_and(|&wrap| wrap as usize <= ix) {
            high += 1;
        }
        let start = at + (high << 32) + low as usize;
        passed.up_to(start);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: &str, expect: &[&str], is_whole: bool, damaged: bool) {
        let text = format!("\"strings\":[{section}");
        let read = read_strings(text.as_bytes(), "\"strings\":[".len(), &|_| ());
        let body = |&start: &u32| {
            let rest = &section[start as usize..];
            rest[..closing_quote(rest.as_bytes(), 0).unwrap_or(rest.len())].to_owned()
        };
        let found: Vec<String> = read.starts.iter().map(body).collect();
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), read.is_whole, read.damage.is_some()),
            (expect.to_vec(), is_whole, damaged)
        );
    }

    /// The file is searched in parts; the key may stand across two, and parts that were searched are given back.
    #[test]
    fn finds_the_section_wherever_it_stands() {
        let end = b"\"strings\":[\"a\"]}";
        for behind in [0, 1, 5, 9, 10, 20] {
            let mut bytes = b"\"strings\":[\"b\"],".to_vec();
            bytes.extend_from_slice(end);
            bytes.resize(bytes.len() + FORGOTTEN_EVERY - end.len() + behind, b' ');
            let forgotten = std::cell::Cell::new(0);
            let found = find_strings(&bytes, &|range| forgotten.set(forgotten.get() + range.len()));
            assert_eq!(found, Some(16 + 11), "{behind}");
            assert!(forgotten.get() < bytes.len());
        }
        assert_eq!(find_strings(b"{}", &|_| ()), None);
    }

    #[test]
    fn finds_strings_also_among_damage() {
        check("\"a\",\n\"b\\\"c\",\n\"\"]}", &["a", "b\\\"c", ""], true, false);
        check("\"a\",\"b\"]}", &["a", "b"], true, false);
        check("\"a\",\n\"b", &["a"], false, false);
        // A quote where there was none: the string is cut, those behind it keep their places.
        check("\"a\",\n\"one\"two\",\n\"c\",\n\"d\"]}", &["a", "one", "c", "d"], true, true);
        // No quote where there was one.
        check("\"a\",\n\"onex,\n\"c\",\n\"d\"]}", &["a", "onex,\n", "c", "d"], true, true);
    }
}
