//! The parts of `profile.proto` that every profile has: texts by number, what values mean, and functions at their places.

use rustc_hash::FxHashMap;

use super::protobuf::Message;

/// Texts, each once; the first is the empty one.
pub(super) struct Strings {
    texts: Vec<String>,
    places: FxHashMap<String, u64>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { texts: vec![String::new()], places: FxHashMap::from_iter([(String::new(), 0)]) }
    }
}

impl Strings {
    /// Returns the number of a text.
    pub(super) fn place(&mut self, text: &str) -> u64 {
        if let Some(&known) = self.places.get(text) {
            return known;
        }
        let place = self.texts.len() as u64;
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }

    /// Adds a `ValueType`.
    pub(super) fn value_type(&mut self, profile: &mut Message, field: u32, kind: &str, unit: &str) {
        let (kind, unit) = (self.place(kind), self.place(unit));
        profile.message(field, |value| {
            value.number(1, kind);
            value.number(2, unit);
        });
    }

    /// Adds a `Location` and its `Function`, both with the same number: a name, a file and a line, from 1.
    pub(super) fn location(&mut self, profile: &mut Message, id: u64, (name, file, line): (&str, &str, u32)) {
        let (name, file, line) = (self.place(name), self.place(file), u64::from(line));
        profile.message(4, |location| {
            location.number(1, id);
            location.message(4, |at| {
                at.number(1, id);
                at.number(2, line);
            });
        });
        profile.message(5, |function| {
            function.number(1, id);
            function.number(2, name);
            function.number(3, name);
            function.number(4, file);
            function.number(5, line);
        });
    }

    /// Adds all texts.
    pub(super) fn finish(&self, profile: &mut Message) {
        self.texts.iter().for_each(|text| profile.bytes(6, text.as_bytes()));
    }
}
