//! JSON that is read piece by piece, from files that may be large, cut or damaged: its events, and why there are no more.

use std::cell::Cell;
use std::io::{self, Read};

use json_event_parser::{JsonEvent, JsonParseError, JsonSyntaxError, ReaderJsonParser};

use crate::counted::Counted;

/// Why nothing more can be read.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The source cannot be read.
    Io(io::Error),
    /// It is sound up to its end, which comes after so many bytes.
    Cut { bytes: u64 },
    /// It is no JSON.
    Damaged { offset: u64, what: String },
}

/// Hands every event to `take`, until the end or its first error. O(bytes), with memory for one text, of `longest` bytes at most.
pub(crate) fn each_event<E: From<Broken>>(
    source: impl Read,
    longest: usize,
    mut take: impl FnMut(JsonEvent<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let bytes = Cell::new(0);
    let mut parser = ReaderJsonParser::new(Counted { source, bytes: &bytes }).with_max_buffer_size(longest);
    loop {
        match parser.parse_next() {
            Ok(JsonEvent::Eof) => return Ok(()),
            Ok(event) => take(event)?,
            Err(JsonParseError::Io(error)) => return Err(Broken::Io(error).into()),
            Err(JsonParseError::Syntax(error)) => return Err(broken(&error, bytes.get()).into()),
        }
    }
}

/// Tells a file that was cut from one that is no JSON: the first is sound up to its end.
fn broken(error: &JsonSyntaxError, bytes: u64) -> Broken {
    let offset = error.location().start.offset;
    if error.message().contains("end of file") || offset >= bytes {
        return Broken::Cut { bytes };
    }
    Broken::Damaged { offset, what: error.message().to_owned() }
}
