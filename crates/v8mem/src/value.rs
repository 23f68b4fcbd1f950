//! A tagged word as people read it, in one short piece: a number, a string, or a class with an address.

use std::fmt;

use crate::kind::Kind;
use crate::maps::{smi, strong};
use crate::names::Names;
use crate::view::HeapView;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// `undefined`, `null`, `true`, `false`.
    Word(String),
    /// A string: its first characters, and how many there are.
    Text(String, u64),
    /// Anything else, by class and address.
    Object(String, u64),
    /// What is no value: raw bytes, or memory that is not there.
    Unknown(u64),
}

/// So many characters of a string are shown.
const TEXT: usize = 60;

/// Reads what a word is.
#[must_use]
pub fn value(heap: HeapView<'_, '_>, names: &Names<'_, '_>, word: u64) -> Value {
    if let Some(number) = smi(word) {
        return Value::Number(number as f64);
    }
    let Some((addr, map)) = strong(word).and_then(|addr| Some((addr, heap.map_of(addr)?))) else { return Value::Unknown(word) };
    let at = &heap.layout.at;
    let text = |addr| names.strings().text(addr, TEXT);
    let read = match map.kind {
        Kind::HeapNumber => heap.field(addr, at.number_value).map(|bits| Value::Number(f64::from_bits(bits))),
        Kind::Oddball => heap.target(addr, at.oddball_string).and_then(text).map(Value::Word),
        Kind::String => text(addr).zip(names.strings().length(addr)).map(|(text, length)| Value::Text(text, length)),
        Kind::Symbol => Some(Value::Word(format!("Symbol({})", heap.target(addr, at.symbol_name).and_then(text).unwrap_or_default()))),
        Kind::JsFunction => Some(Value::Object(function(names, addr), addr)),
        kind if kind.is_js_object() || kind == Kind::JsProxy => Some(Value::Object(names.class(addr, &map).name.to_string(), addr)),
        kind => Some(Value::Object(format!("({kind:?})"), addr)),
    };
    read.unwrap_or(Value::Unknown(word))
}

fn function(names: &Names<'_, '_>, addr: u64) -> String {
    match names.function(addr) {
        name if name.is_empty() => "function".to_owned(),
        name => format!("function {name}"),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
            Self::Text(text, length) if (text.encode_utf16().count() as u64) < *length => write!(f, "'{text}…' ({length})"),
            Self::Text(text, _) => write!(f, "'{text}'"),
            Self::Object(class, addr) => write!(f, "{class} {addr:#x}"),
            Self::Unknown(word) => write!(f, "unknown ({word:#x})"),
        }
    }
}
