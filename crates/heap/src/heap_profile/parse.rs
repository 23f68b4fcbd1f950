//! Reading a profile's JSON piece by piece: `{"head": {"callFrame": …, "selfSize": …, "id": …, "children": […]}, "samples": […]}`.

use std::io::{self, Read};

use json_event_parser::JsonEvent;
use rustc_hash::FxHashMap;

use super::{CallFrame, HeapProfile, Stack};
use crate::json_stream::{Broken, each_event};

/// Why a profile was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The source cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It ends early.
    #[error("it ends at byte {offset}, in the middle")]
    Truncated {
        /// How many bytes there are.
        offset: u64,
    },
    /// It is not JSON, or a value is none that a profile has.
    #[error("at byte {offset}: {what}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// It is JSON, and no profile.
    #[error("it has no tree of call frames")]
    NotAProfile,
}

/// The longest text that is read: a script's name may be an address (data:) that holds all of it.
const LONGEST: usize = 16 << 20;

impl HeapProfile {
    /// Reads a profile. O(bytes), with memory for what is in it.
    ///
    /// # Errors
    /// Where it cannot be read, is cut, damaged, or something else.
    pub fn read(source: impl Read) -> Result<Self, ProfileError> {
        let mut reader = Reader::default();
        each_event(source, LONGEST, |event| reader.take(event))?;
        reader.finish()
    }
}

/// Where in the file a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    /// A stack, by its position.
    Stack(u32),
    /// The frame of a stack.
    Frame(u32),
    /// What a stack called.
    Children(u32),
    Samples,
    Sample,
    /// What nobody asks for.
    Other,
}

/// The keys that mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Head,
    Samples,
    CallFrame,
    SelfSize,
    Id,
    Children,
    FunctionName,
    Url,
    LineNumber,
    ColumnNumber,
    NodeId,
}

impl Key {
    fn of(text: &str) -> Self {
        match text {
            "head" => Self::Head,
            "samples" => Self::Samples,
            "callFrame" => Self::CallFrame,
            "selfSize" => Self::SelfSize,
            "id" => Self::Id,
            "children" => Self::Children,
            "functionName" => Self::FunctionName,
            "url" => Self::Url,
            "lineNumber" => Self::LineNumber,
            "columnNumber" => Self::ColumnNumber,
            "nodeId" => Self::NodeId,
            _ => Self::Other,
        }
    }
}

#[derive(Default)]
struct Reader {
    profile: HeapProfile,
    known: FxHashMap<CallFrame, u32>,
    /// Stacks by V8's number of them.
    ids: FxHashMap<u64, u32>,
    /// Samples by V8's number of the stack.
    samples: FxHashMap<u64, u64>,
    places: Vec<Place>,
    key: Key,
    frame: CallFrame,
}

impl Reader {
    fn take(&mut self, event: JsonEvent<'_>) -> Result<(), ProfileError> {
        match event {
            JsonEvent::ObjectKey(key) => self.key = Key::of(&key),
            JsonEvent::StartObject => self.start_object()?,
            JsonEvent::StartArray => self.start_array(),
            JsonEvent::EndObject | JsonEvent::EndArray => self.end(),
            JsonEvent::String(text) => self.text(&text),
            JsonEvent::Number(text) => self.number(&text),
            JsonEvent::Boolean(_) | JsonEvent::Null | JsonEvent::Eof => {}
        }
        Ok(())
    }

    fn enter(&mut self, place: Place) {
        self.places.push(place);
        self.key = Key::Other;
    }

    fn start_object(&mut self) -> Result<(), ProfileError> {
        let place = match (self.places.last().copied(), self.key) {
            (None, _) => Place::Top,
            (Some(Place::Top), Key::Head) if self.profile.stacks.is_empty() => Place::Stack(self.add(None)?),
            (Some(Place::Children(parent)), _) => Place::Stack(self.add(Some(parent))?),
            (Some(Place::Stack(stack)), Key::CallFrame) => Place::Frame(stack),
            (Some(Place::Samples), _) => Place::Sample,
            _ => Place::Other,
        };
        self.enter(place);
        Ok(())
    }

    fn start_array(&mut self) {
        let place = match (self.places.last().copied(), self.key) {
            (Some(Place::Stack(stack)), Key::Children) => Place::Children(stack),
            (Some(Place::Top), Key::Samples) => Place::Samples,
            _ => Place::Other,
        };
        self.enter(place);
    }

    fn end(&mut self) {
        self.key = Key::Other;
        if let Some(Place::Frame(stack)) = self.places.pop() {
            let frame = std::mem::take(&mut self.frame);
            let next = self.profile.frames.len() as u32;
            let at = *self.known.entry(frame).or_insert_with_key(|frame| {
                self.profile.frames.push(frame.clone());
                next
            });
            if let Some(stack) = self.profile.stacks.get_mut(stack as usize) {
                stack.frame = at;
            }
        }
    }

    fn add(&mut self, parent: Option<u32>) -> Result<u32, ProfileError> {
        // The last number stands for a stack that has no frame.
        let at = u32::try_from(self.profile.stacks.len()).ok().filter(|&at| at < u32::MAX - 1);
        let at = at.ok_or_else(|| ProfileError::Damaged { offset: 0, what: "it has more stacks than can be counted".to_owned() })?;
        self.profile.stacks.push(Stack { parent: parent.unwrap_or(at), frame: u32::MAX, bytes: 0, samples: 0 });
        Ok(at)
    }

    fn text(&mut self, text: &str) {
        if let Some(Place::Frame(_)) = self.places.last() {
            match self.key {
                Key::FunctionName => text.clone_into(&mut self.frame.function),
                Key::Url => text.clone_into(&mut self.frame.script),
                _ => {}
            }
        }
    }

    /// Takes a number. What is no count (negative, or not finite) is none: V8 writes -1 for a line that it does not know.
    fn number(&mut self, text: &str) {
        let number = text.parse::<u64>().ok().or_else(|| {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
            Some(number as u64)
        });
        let Some(number) = number else { return };
        let from_one = || u32::try_from(number).unwrap_or(0).saturating_add(1);
        match (self.places.last().copied(), self.key) {
            (Some(Place::Frame(_)), Key::LineNumber) => self.frame.line = from_one(),
            (Some(Place::Frame(_)), Key::ColumnNumber) => self.frame.column = from_one(),
            (Some(Place::Stack(stack)), Key::Id) => drop(self.ids.insert(number, stack)),
            (Some(Place::Stack(stack)), Key::SelfSize) => {
                if let Some(stack) = self.profile.stacks.get_mut(stack as usize) {
                    stack.bytes = number;
                }
            }
            (Some(Place::Sample), Key::NodeId) => *self.samples.entry(number).or_default() += 1,
            _ => {}
        }
    }

    fn finish(mut self) -> Result<HeapProfile, ProfileError> {
        let stacks = &mut self.profile.stacks;
        if stacks.is_empty() || self.profile.frames.is_empty() {
            return Err(ProfileError::NotAProfile);
        }
        for (id, count) in self.samples {
            let stack = self.ids.get(&id).and_then(|&at| stacks.get_mut(at as usize));
            if let Some(stack) = stack {
                stack.samples = stack.samples.saturating_add(count);
            }
        }
        if stacks.iter().any(|stack| stack.frame == u32::MAX) {
            let nobody = self.profile.frames.len() as u32;
            self.profile.frames.push(CallFrame::default());
            stacks.iter_mut().filter(|stack| stack.frame == u32::MAX).for_each(|stack| stack.frame = nobody);
        }
        Ok(self.profile)
    }
}

impl From<Broken> for ProfileError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Io(error) => Self::Io(error),
            Broken::Cut { bytes } => Self::Truncated { offset: bytes },
            Broken::Damaged { offset, what } => Self::Damaged { offset, what },
        }
    }
}
