//! The string table on its way out: the graph's own strings, and behind them those that other sections need.

use std::io::{self, Write};

use rustc_hash::FxHashMap;

use super::sink::Sink;
use crate::graph::HeapGraph;
use crate::strings::{StrIx, StringTable, push_escaped, push_escaped_units};

/// The strings of a file that is being written.
pub(super) struct OutStrings<'a> {
    table: &'a StringTable,
    /// Strings that the graph's own table does not hold: names of functions that allocated, and of their scripts.
    added: Vec<String>,
    places: FxHashMap<String, u64>,
}

impl<'a> OutStrings<'a> {
    pub(super) fn of(graph: &'a HeapGraph) -> Self {
        Self { table: graph.strings(), added: Vec::new(), places: FxHashMap::default() }
    }

    /// Returns the place of a string, at the end of the table where it is new.
    pub(super) fn place(&mut self, text: &str) -> u64 {
        if let Some(&known) = self.places.get(text) {
            return known;
        }
        let place = (self.table.len().max(1) + self.added.len()) as u64;
        self.added.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }

    /// Writes the section, one string a line as every V8 does.
    pub(super) fn write<W: Write>(&self, sink: &mut Sink<'_, W>) -> io::Result<()> {
        sink.text("\"strings\":[")?;
        let mut escaped = Vec::new();
        // Names refer to the first string where they have no own: there must be one.
        for ix in 0..self.table.len().max(1) as u32 {
            sink.text(if ix == 0 { "\"" } else { ",\n\"" })?;
            let raw = self.table.raw(StrIx(ix));
            if is_sound(raw) {
                sink.bytes(raw)?;
            } else {
                escaped.clear();
                push_escaped_units(&mut escaped, self.table.utf16(StrIx(ix)));
                sink.bytes(&escaped)?;
            }
            sink.text("\"")?;
        }
        for text in &self.added {
            escaped.clear();
            push_escaped(&mut escaped, text);
            sink.text(",\n\"")?;
            sink.bytes(&escaped)?;
            sink.text("\"")?;
        }
        sink.text("]")
    }
}

/// Says whether a body is JSON for certain, so that it can stand in a file as it is: printable ASCII with escapes that JSON knows.
fn is_sound(raw: &[u8]) -> bool {
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                Some(b'u') => {
                    let digits = bytes.as_slice().get(..4);
                    if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                        return false;
                    }
                }
                _ => return false,
            },
            b'"' | 0..0x20 | 0x80.. => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_sound_bodies() {
        for (raw, sound) in [
            (r"plain \n \u00e9 \ud83d \/", true),
            (r"bad \q", false),
            (r"short \u12", false),
            ("control \u{1}", false),
            ("not ASCII é", false),
            (r"ends in \", false),
            ("", true),
        ] {
            assert_eq!(is_sound(raw.as_bytes()), sound, "{raw}");
        }
    }
}
