//! The source text of functions and scripts, as the process holds it.

use crate::kind::Kind;
use crate::names::Names;
use crate::scope::Scope;
use crate::scripts::{LineColumn, Scripts};
use crate::text::Strings;
use crate::view::HeapView;

/// A piece of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The function's name; empty where it has none, and of scripts.
    pub name: String,
    /// The script's name.
    pub script: String,
    /// Where it begins.
    pub start: LineColumn,
    /// The text.
    pub text: String,
}

/// Longer scripts are cut, in UTF-16 units.
const MOST: usize = 64 << 20;
/// More bound functions around a function are damage.
const MOST_BOUND: usize = 16;
/// What stands before the parameters of a function: its name and these words.
const WORDS: [&str; 5] = ["function", "async", "get", "set", "*"];

/// Returns the source of a function, of what its closures share, of a generator's function, or of a script. `None` of other objects, and where V8
/// holds no text: of its own functions, and of Node's where they come from a start-up snapshot.
#[must_use]
pub fn source(heap: HeapView<'_, '_>, strings: Strings<'_, '_>, addr: u64) -> Option<SourceText> {
    let (at, scripts) = (heap.layout.at, Scripts::new(heap, strings));
    let mut addr = addr;
    for _ in 0..MOST_BOUND {
        addr = match heap.kind(addr)? {
            Kind::JsBoundFunction => heap.target(addr, at.bound_function)?,
            Kind::JsGenerator => heap.target(addr, at.generator_function)?,
            Kind::JsFunction => heap.target(addr, at.function_shared)?,
            Kind::SharedFunctionInfo => return of_function(heap, strings, &scripts, addr),
            Kind::Script => return of_script(heap, strings, &scripts, addr),
            _ => return None,
        };
    }
    None
}

fn of_script(heap: HeapView<'_, '_>, strings: Strings<'_, '_>, scripts: &Scripts<'_, '_>, script: u64) -> Option<SourceText> {
    let text = strings.of_word(heap.field(script, heap.layout.at.script_source)?, MOST)?;
    let start = LineColumn { line: 0, column: 0 };
    Some(SourceText { name: String::new(), script: scripts.name(script).unwrap_or_default(), start, text })
}

fn of_function(heap: HeapView<'_, '_>, strings: Strings<'_, '_>, scripts: &Scripts<'_, '_>, shared: u64) -> Option<SourceText> {
    let script = scripts.script(shared)?;
    let mut units = Vec::new();
    let source = heap.target(script, heap.layout.at.script_source)?;
    let name = Names::new(heap, strings).shared(shared);
    let (first, end) = (scripts.start(shared)? as usize, end(heap, shared)? as usize);
    if !strings.read(source, MOST, &mut units) || first > end || end > units.len() {
        return None;
    }
    let start = first - before(&String::from_utf16_lossy(&units[first.saturating_sub(512)..first]), &name);
    let text = String::from_utf16_lossy(&units[start..end]);
    let place = scripts.line_column(script, u32::try_from(start).ok()?)?;
    Some(SourceText { name, script: scripts.name(script).unwrap_or_default(), start: place, text })
}

/// Returns where a function ends in its script, in UTF-16 units.
fn end(heap: HeapView<'_, '_>, shared: u64) -> Option<u32> {
    let scope = heap.target(shared, heap.layout.at.shared_name).and_then(|scope| Scope::of(heap, scope));
    if let Some(end) = scope.and_then(|scope| scope.end(heap)) {
        return u32::try_from(end).ok();
    }
    heap.half(heap.uncompiled_data(shared)?, heap.layout.at.uncompiled_start + 4)
}

/// Returns how many UTF-16 units before its parameters a function begins: V8 counts from the parameters on.
fn before(text: &str, name: &str) -> usize {
    let mut rest = text;
    let mut start = text.len();
    let mut is_first = true;
    loop {
        let trimmed = rest.trim_end();
        let word = last_word(trimmed);
        let is_name = is_first && !name.is_empty() && (word == name || word.strip_prefix('#') == name.strip_prefix('#'));
        if word.is_empty() || !(is_name || WORDS.contains(&word)) {
            return text[start..].encode_utf16().count();
        }
        rest = &trimmed[..trimmed.len() - word.len()];
        start = rest.len();
        is_first = false;
    }
}

/// Returns the word at the end of a text: a name, or a star.
fn last_word(text: &str) -> &str {
    if text.ends_with('*') {
        return &text[text.len() - 1..];
    }
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$' | '#');
    let start = text.char_indices().rev().take_while(|&(_, char)| is_part(char)).last().map_or(text.len(), |(at, _)| at);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_begin_before_their_parameters() {
        for (text, name, expect) in [
            ("x = 1; function f", "f", "function f"),
            ("return async function* walk ", "walk", "async function* walk "),
            ("} static async load", "load", "async load"),
            ("get size", "size", "get size"),
            ("  #secret", "#secret", "#secret"),
            ("const f = ", "f", ""),
            ("const f = async ", "f", "async "),
            ("call(", "", ""),
            ("ü; function ä", "ä", "function ä"),
        ] {
            assert_eq!(before(text, name), expect.encode_utf16().count(), "{text}");
        }
    }
}
