//! The only code that writes to standard output: answers as text or JSON, errors and warnings for people on standard error.
//!
//! Knows nothing of heaps and commands, only of `Answer`, `CommandError` and the views of `heap::view`.

pub(crate) mod clean;
mod error_text;
pub(crate) mod json;
pub(crate) mod number;
mod report;
pub(crate) mod samples;
pub(crate) mod style;
mod table;
mod text;
mod tree;

use std::io::{self, BufWriter, Write};

use crate::answer::Answer;
use crate::error::CommandError;
use crate::exit::Exit;
use style::Style;

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// Rows of tables, a JSON object a line.
    JsonLines,
}

/// Writes an answer to standard output, and its warnings, in text, to standard error. Returns how the process ends.
///
/// A reader that has seen enough (`| head`) is success: the rest is dropped silently.
pub(crate) fn answer(answer: &Answer, format: Format, style: &Style) -> Exit {
    let written = match format {
        Format::Json => to_stdout(style, |out| json::answer(out, answer)),
        Format::JsonLines => {
            to_stderr(&error_text::damage(answer, style));
            to_stdout(style, |out| json::rows(out, answer))
        }
        Format::Text => {
            to_stderr(&error_text::damage(answer, style));
            to_stdout(style, |out| text::answer(out, answer, style))
        }
    };
    match written {
        Ok(()) => answer.exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(failure) => {
            let code = if failure.kind() == io::ErrorKind::StorageFull { &crate::codes::DISK_FULL } else { &crate::codes::WRITE_FAILED };
            let error = CommandError::new(code, format!("cannot write to standard output: {failure}")).retryable();
            to_stderr(&error_text::error(&error, style));
            error.exit()
        }
    }
}

/// Writes an error: to standard error for people, in the envelope to standard output for programs. Returns how the process ends.
pub(crate) fn error(error: &CommandError, format: Format, style: &Style) -> Exit {
    match format {
        Format::Json => drop(to_stdout(style, |out| json::error(out, error))),
        Format::Text | Format::JsonLines => to_stderr(&error_text::error(error, style)),
    }
    error.exit()
}

/// Writes text as it is: help, completions, manual pages.
pub(crate) fn raw(text: &str, exit: Exit) -> Exit {
    let written = io::stdout().lock().write_all(text.as_bytes());
    match written {
        Err(failure) if failure.kind() != io::ErrorKind::BrokenPipe => Exit::Unreadable,
        _ => exit,
    }
}

/// Writes a message for people to standard error. Nobody is left to tell when that fails.
pub(crate) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn to_stdout(style: &Style, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let choice = if style.colour { anstream::ColorChoice::AlwaysAnsi } else { anstream::ColorChoice::Never };
    // Text is already without escapes where colour is off: the stream only switches old Windows consoles.
    let stdout: Box<dyn Write> =
        if style.colour { Box::new(anstream::AutoStream::new(io::stdout(), choice)) } else { Box::new(io::stdout().lock()) };
    let mut out = BufWriter::with_capacity(64 * 1024, stdout);
    write(&mut out)?;
    out.flush()
}
