//! The string table: JSON text as it stands in the file, unescaped only when somebody asks.
//!
//! V8 cuts strings at 1024 UTF-16 units (`--heap-snapshot-string-limit`), possibly between the halves of a surrogate pair, and writes
//! the lone half as `\udXXX`. Strings are therefore kept as raw JSON bodies (the bytes between the quotes), compared as UTF-16 where
//! order matters, and turned into `str` with U+FFFD in place of a lone surrogate.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::{memchr, memchr2};
use memmap2::Mmap;

use crate::column::Column;

/// The position of a string in its graph's string table. Means nothing in another graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StrIx(pub u32);

/// Bytes that stay where they are: owned, or mapped from a file.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Bytes in memory.
    Owned(Arc<Vec<u8>>),
    /// A range of a mapped file.
    Mapped {
        /// The map.
        map: Arc<Mmap>,
        /// First byte.
        at: usize,
        /// Number of bytes.
        len: usize,
    },
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped { map, at, len } => map.get(*at..*at + *len).unwrap_or_default(),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Owned(Arc::default())
    }
}

/// All strings of a graph, as JSON string bodies in one range of bytes.
#[derive(Clone, Debug, Default)]
pub struct StringTable {
    bytes: Bytes,
    /// Where each body starts, modulo 2^32.
    starts: Column<u32>,
    /// The positions in `starts` at which the true offset passes another multiple of 2^32: empty below 4 GiB of strings.
    wraps: Vec<u32>,
}

impl StringTable {
    /// Makes a table over `bytes`. Each string's body starts at `starts[i]` (plus 2^32 for every entry of `wraps` that is at or below
    /// `i`) and ends before the next unescaped quote, or where the bytes end.
    #[must_use]
    pub fn new(bytes: Bytes, starts: Column<u32>, wraps: Vec<u32>) -> Self {
        Self { bytes, starts, wraps }
    }

    /// Returns the number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Says whether there is no string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns the offset of each body modulo 2^32.
    #[must_use]
    pub fn starts(&self) -> &Column<u32> {
        &self.starts
    }

    /// Returns the positions at which offsets pass a multiple of 2^32.
    #[must_use]
    pub fn wraps(&self) -> &[u32] {
        &self.wraps
    }

    /// Returns the bytes that hold all bodies.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the JSON body of a string, escapes and all: the empty body for a position outside the table.
    #[inline]
    #[must_use]
    pub fn raw(&self, ix: StrIx) -> &[u8] {
        let Some(start) = self.offset(ix) else { return &[] };
        body(self.bytes.get(start..).unwrap_or_default())
    }

    /// Returns where a string's body starts in the bytes of the table.
    #[inline]
    pub(crate) fn offset(&self, ix: StrIx) -> Option<usize> {
        let low = *self.starts.get(ix.0 as usize)?;
        let wraps = if self.wraps.is_empty() { 0 } else { self.wraps.partition_point(|&wrap| wrap <= ix.0) };
        Some(low as usize + (wraps << 32))
    }

    /// Returns for each string the bytes from the start of its body on: for who can tell by the first few. O(1) a string.
    pub(crate) fn rests(&self) -> impl Iterator<Item = (StrIx, &[u8])> {
        let bytes: &[u8] = &self.bytes;
        let mut wraps = self.wraps.iter().peekable();
        let mut high = 0;
        (0..).zip(self.starts.iter()).map(move |(ix, &low)| {
            while wraps.next_if(|&&wrap| wrap <= ix).is_some() {
                high += 1_usize << 32;
            }
            (StrIx(ix), bytes.get(high + low as usize..).unwrap_or_default())
        })
    }

    /// Returns the string. Lone surrogates and bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(&self, ix: StrIx) -> Cow<'_, str> {
        let raw = self.raw(ix);
        if memchr(b'\\', raw).is_none() {
            return String::from_utf8_lossy(raw);
        }
        let units: Vec<u16> = utf16(raw).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    }

    /// Returns the string's UTF-16 units, exactly as JavaScript sees them.
    pub fn utf16(&self, ix: StrIx) -> impl Iterator<Item = u16> + '_ {
        utf16(self.raw(ix))
    }

    /// Says whether the string is `text`. Cheaper than comparing `text()`: nothing is allocated for bodies without escapes.
    #[must_use]
    pub fn is(&self, ix: StrIx, text: &str) -> bool {
        let raw = self.raw(ix);
        if memchr(b'\\', raw).is_none() { raw == text.as_bytes() } else { utf16(raw).eq(text.encode_utf16()) }
    }

    /// Says whether the string starts with `prefix`, which must hold nothing that JSON escapes.
    #[must_use]
    pub fn starts_with(&self, ix: StrIx, prefix: &str) -> bool {
        self.raw(ix).starts_with(prefix.as_bytes())
    }

    /// Finds the first string that is `text`. O(strings).
    #[must_use]
    pub fn find(&self, text: &str) -> Option<StrIx> {
        (0..self.len() as u32).map(StrIx).find(|&ix| self.is(ix, text))
    }
}

/// Returns the part of `bytes` before the first unescaped quote.
#[inline]
fn body(bytes: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return &bytes[..at];
        }
        at += 2;
    }
    bytes
}

/// Decodes a JSON string body into UTF-16 units. Escapes that JSON does not know stand for themselves; bytes that are not UTF-8
/// become U+FFFD.
pub(crate) fn utf16(raw: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let mut chunks = raw.utf8_chunks();
    let mut text = "".chars();
    let mut invalid = false;
    let mut low = None;
    std::iter::from_fn(move || {
        if let Some(unit) = low.take() {
            return Some(unit);
        }
        let next = loop {
            if let Some(next) = text.next() {
                break next;
            }
            if std::mem::take(&mut invalid) {
                break char::REPLACEMENT_CHARACTER;
            }
            let chunk = chunks.next()?;
            text = chunk.valid().chars();
            invalid = !chunk.invalid().is_empty();
        };
        if next == '\\' {
            return Some(escape(&mut text));
        }
        let mut units = [0; 2];
        let units = next.encode_utf16(&mut units);
        low = units.get(1).copied();
        units.first().copied()
    })
}

/// Reads what follows a backslash.
fn escape(text: &mut std::str::Chars<'_>) -> u16 {
    match text.next() {
        Some('n') => u16::from(b'\n'),
        Some('r') => u16::from(b'\r'),
        Some('t') => u16::from(b'\t'),
        Some('b') => 8,
        Some('f') => 12,
        Some('u') => {
            let digits = text.as_str().get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            match digits {
                Some(unit) => {
                    text.nth(3);
                    unit
                }
                None => u16::from(b'u'),
            }
        }
        Some(other) => other.encode_utf16(&mut [0; 2])[0],
        None => u16::from(b'\\'),
    }
}

/// Appends the JSON body of `text` to `bytes`: what `StringTable` reads back as `text`.
pub fn push_escaped(bytes: &mut Vec<u8>, text: &str) {
    push_escaped_units(bytes, text.encode_utf16());
}

/// Appends the JSON body of a string of UTF-16 units, which may hold lone surrogates (written as `\udXXX`).
pub fn push_escaped_units(bytes: &mut Vec<u8>, units: impl Iterator<Item = u16>) {
    for decoded in char::decode_utf16(units) {
        match decoded {
            Ok('"') => bytes.extend(b"\\\""),
            Ok('\\') => bytes.extend(b"\\\\"),
            Ok('\n') => bytes.extend(b"\\n"),
            Ok('\r') => bytes.extend(b"\\r"),
            Ok('\t') => bytes.extend(b"\\t"),
            Ok(control) if control < ' ' => bytes.extend(format!("\\u{:04x}", u32::from(control)).bytes()),
            Ok(other) => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            Err(lone) => bytes.extend(format!("\\u{:04x}", lone.unpaired_surrogate()).bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bodies: &str) -> StringTable {
        let mut starts = vec![];
        let mut at = 0;
        for body in bodies.split('"') {
            starts.push(at);
            at += body.len() as u32 + 1;
        }
        StringTable::new(Bytes::Owned(Arc::new(bodies.as_bytes().to_vec())), starts.into(), vec![])
    }

    #[test]
    fn unescapes_on_demand() {
        let strings = table(r#"plain"a\nb"\u00e9é"\ud83d\ude00"\ud83d"bad\q"tail"#);
        let texts: Vec<_> = (0..7).map(|ix| strings.text(StrIx(ix)).into_owned()).collect();
        assert_eq!(texts, ["plain", "a\nb", "éé", "😀", "\u{fffd}", "badq", "tail"]);
        assert!(strings.is(StrIx(3), "😀"));
        assert_eq!(strings.utf16(StrIx(4)).collect::<Vec<_>>(), [0xd83d]);
        assert_eq!(strings.raw(StrIx(99)), b"");
    }

    #[test]
    fn escaping_round_trips() {
        for text in ["", "a\"b\\c", "\u{1}\n\t\r", "😀 ü", "\u{7f}"] {
            let mut bytes = vec![];
            push_escaped(&mut bytes, text);
            let strings = StringTable::new(Bytes::Owned(Arc::new(bytes)), vec![0].into(), vec![]);
            assert_eq!(strings.text(StrIx(0)), text);
        }
    }
}
