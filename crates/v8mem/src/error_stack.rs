//! The stack of an error, or of any object that `Error.captureStackTrace` was called with: where it was made, call by call.
//!
//! V8 keeps functions and places until somebody reads `error.stack`, and a text from then on, under a symbol of its own; what a program assigns to it
//! stands there too. Up to V8 13 each frame is an object; later all of them are in one array.

use crate::kind::Kind;
use crate::maps::{Map, smi, strong};
use crate::names::{NAME_LIMIT, Names};
use crate::scripts::Scripts;
use crate::stack::positions::in_source;
use crate::text::Strings;
use crate::version::V8Version;
use crate::view::HeapView;

/// `Error.stackTraceLimit` may be anything.
const MOST_FRAMES: usize = 1 << 10;
/// The longest text of a stack that is taken apart.
const MOST_TEXT: usize = 1 << 16;

/// What V8 keeps as a stack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ErrorStack {
    /// Frames, the innermost first: `readFile (node:fs:1:2)`. None where there is no stack.
    Frames(Vec<String>),
    /// A text in which no line is a frame, as programs assign it: the address of a string.
    Text(u64),
}

/// What V8 keeps in an object that may have a stack.
#[derive(Default)]
struct Kept {
    /// What stands under symbols of its own.
    values: Vec<u64>,
    /// The object's message.
    message: Option<u64>,
    /// Whether `stack` is an accessor, which reads one of the values.
    is_read_by_v8: bool,
}

/// Reads stacks.
pub(crate) struct Reader<'a, 'm> {
    heap: HeapView<'a, 'm>,
    strings: Strings<'a, 'm>,
    scripts: &'a Scripts<'a, 'm>,
    names: Names<'a, 'm>,
}

impl<'a, 'm> Reader<'a, 'm> {
    pub(crate) fn new(heap: HeapView<'a, 'm>, strings: Strings<'a, 'm>, scripts: &'a Scripts<'a, 'm>) -> Self {
        Self { heap, strings, scripts, names: Names::new(heap, strings) }
    }

    /// Returns the stack of the object at an address, at most so many of its frames.
    pub(crate) fn stack(&self, object: u64, map: &Map, most: usize) -> ErrorStack {
        let most = most.min(MOST_FRAMES);
        if most == 0 {
            return ErrorStack::Frames(vec![]);
        }
        let Kept { values, message, is_read_by_v8 } = self.kept(object, map);
        let mut frames = values.iter().map(|&value| self.of_text_or_array(value, most)).find(|frames| !frames.is_empty());
        if let Some(frames) = &mut frames {
            frames.truncate(most);
        }
        // Later versions keep the message a second time, under another symbol of their own.
        let mut texts = values.into_iter().filter(|&value| self.heap.kind(value) == Some(Kind::String) && message != Some(value));
        match (frames, texts.next()) {
            (None, Some(text)) if is_read_by_v8 => ErrorStack::Text(text),
            (frames, _) => ErrorStack::Frames(frames.unwrap_or_default()),
        }
    }

    fn kept(&self, object: u64, map: &Map) -> Kept {
        let mut kept = Kept::default();
        self.heap.properties(object, map, |property| {
            let key = strong(property.key).filter(|&key| matches!(self.heap.kind(key), Some(Kind::String | Kind::Symbol)));
            let Some(key) = key else { return true };
            if self.heap.kind(key) == Some(Kind::Symbol) {
                // Names of `#fields` have a description.
                let is_own = self.heap.is_private(key) && self.strings.key(key, NAME_LIMIT) == "<symbol>";
                kept.values.extend(strong(property.value).filter(|_| is_own).and_then(|value| self.in_data(value)));
            } else if self.strings.length(key).is_some_and(|length| length == 5 || length == 7) {
                match &*self.strings.key(key, NAME_LIMIT) {
                    "stack" => kept.is_read_by_v8 = property.accessor,
                    "message" => kept.message = strong(property.value),
                    _ => {}
                }
            }
            true
        });
        kept
    }

    /// Returns what V8 keeps: frames or a text, where that is in an object of its own.
    fn in_data(&self, value: u64) -> Option<u64> {
        let is_data = self.heap.kind(value) == Some(Kind::Struct) && self.is_stack_data(value);
        if is_data { self.heap.target(value, 8) } else { Some(value) }
    }

    fn of_text_or_array(&self, value: u64, most: usize) -> Vec<String> {
        match self.heap.kind(value) {
            Some(Kind::FixedArray) => self.of_array(value, most),
            Some(Kind::String) => self.of_text(value),
            _ => vec![],
        }
    }

    fn is_stack_data(&self, addr: u64) -> bool {
        self.heap.map_of(addr).is_some_and(|map| self.heap.layout.types.name(map.instance_type) == "ERROR_STACK_DATA")
    }

    /// Takes the text of a stack apart: frames begin with `at`.
    fn of_text(&self, text: u64) -> Vec<String> {
        let Some(text) = self.strings.text(text, MOST_TEXT) else { return vec![] };
        text.lines().filter_map(|line| Some(line.trim_start().strip_prefix("at ")?.to_owned())).collect()
    }

    fn of_array(&self, array: u64, most: usize) -> Vec<String> {
        let heap = self.heap;
        let at = &heap.layout.at;
        let length = heap.length(array).unwrap_or(0).min(MOST_FRAMES as u64 * at.trace_words);
        let is_function = |word: u64| strong(word).is_some_and(|addr| heap.kind(addr) == Some(Kind::JsFunction));
        // Where all frames are in one array, the third word of it is a function.
        if heap.element(array, at.trace_function).is_some_and(is_function) {
            let frame = |first: u64| self.frame(|word| heap.element(array, first + word));
            return (0..length).step_by(at.trace_words as usize).filter_map(frame).take(most).collect();
        }
        let frames = (0..length).map_while(|index| heap.element(array, index)).filter_map(strong);
        frames.filter_map(|frame| self.frame(|word| heap.field(frame, 8 + 8 * word))).take(most).collect()
    }

    /// Describes a frame by its words.
    fn frame(&self, word: impl Fn(u64) -> Option<u64>) -> Option<String> {
        const CONSTRUCTOR: i64 = 1 << 3;
        const ASYNC: i64 = 1 << 5;
        let at = &self.heap.layout.at;
        let function = strong(word(at.trace_function)?).filter(|&addr| self.heap.kind(addr) == Some(Kind::JsFunction))?;
        let shared = self.heap.target(function, at.function_shared)?;
        let flags = word(at.trace_flags).and_then(smi).unwrap_or(0);
        let name = self.names.debug_name(shared);
        let how = match flags {
            flags if flags & ASYNC != 0 => "async ",
            flags if flags & CONSTRUCTOR != 0 => "new ",
            _ => "",
        };
        let offset = word(at.trace_offset).and_then(smi).unwrap_or(-1);
        let place = word(at.trace_code).and_then(strong).and_then(|code| self.place(shared, code, offset, flags));
        Some(match (name.as_str(), place) {
            ("", Some(place)) => format!("{how}{place}"),
            (name, Some(place)) => format!("{how}{name} ({place})"),
            ("", None) => format!("{how}<anonymous>"),
            (name, None) => format!("{how}{name}"),
        })
    }

    /// Returns the place in the sources: of what was run at an offset, or where V8 has worked it out already, at a position.
    fn place(&self, shared: u64, code: u64, offset: i64, flags: i64) -> Option<String> {
        /// From this bit on, flags say that the position was worked out, or that the function is one of V8's.
        const WORKED_OUT: u32 = 6;
        let heap = self.heap;
        let script = self.scripts.script(shared)?;
        let name = self.strings.of_word(heap.field(script, heap.layout.at.script_name)?, NAME_LIMIT)?;
        let position = match self.bytecode(code) {
            // Node 26 says so of machine code too, whose offsets are no positions: which bit tells the two apart is not known.
            _ if flags >> WORKED_OUT != 0 && heap.layout.version >= V8Version::new(14, 6) => None,
            _ if flags >> WORKED_OUT != 0 => u32::try_from(offset).ok(),
            Some(bytecode) => in_source(heap, bytecode, offset.checked_add(heap.layout.at.bytecode_start as i64 - 1)?),
            None => None,
        };
        Some(match position.and_then(|position| self.scripts.line_column(script, position)) {
            Some(place) => format!("{name}:{}:{}", place.line + 1, place.column + 1),
            None => name,
        })
    }

    /// Returns the bytecode that a frame ran; since V8 12 a wrapper leads to it. Of machine code (Node 26 keeps that of its first compiler) the place
    /// stays unknown: its offsets are others.
    fn bytecode(&self, code: u64) -> Option<u64> {
        let is_bytecode = |&addr: &u64| self.heap.kind(addr) == Some(Kind::BytecodeArray);
        let is_wrapper =
            |&addr: &u64| self.heap.map_of(addr).is_some_and(|map| self.heap.layout.types.name(map.instance_type) == "BYTECODE_WRAPPER");
        let wrapped = || Some(code).filter(is_wrapper).and_then(|wrapper| self.heap.target(wrapper, 8));
        Some(code).filter(is_bytecode).or_else(|| wrapped().filter(is_bytecode))
    }
}
