//! What goes wrong, as people and programs are told: what, why, what to try, a stable code and an exit code.
//!
//! Knows the shape of an error, not how it is printed (`render`) nor the long explanation of a code (`codes`).

use std::path::Path;

use crate::codes::Code;
use crate::exit::Exit;

/// A command's failure.
#[derive(Clone, Debug)]
pub(crate) struct CommandError {
    /// Its stable code, which also decides the exit code.
    pub(crate) code: &'static Code,
    /// One line: what could not be done, and with what.
    pub(crate) what: String,
    /// Labelled lines below: `why`, `try`, `found`.
    pub(crate) notes: Vec<(&'static str, String)>,
    /// Whether the same command may work later.
    pub(crate) retry: bool,
}

impl CommandError {
    /// Starts an error.
    pub(crate) fn new(code: &'static Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), notes: Vec::new(), retry: false }
    }

    /// Adds the reason.
    pub(crate) fn why(self, text: impl Into<String>) -> Self {
        self.note("why", text)
    }

    /// Adds something to try.
    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        self.note("try", text)
    }

    /// Adds a labelled line.
    pub(crate) fn note(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.notes.push((label, text.into()));
        self
    }

    /// Says that the same command may work later.
    pub(crate) fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }

    /// Returns how the process ends.
    pub(crate) fn exit(&self) -> Exit {
        self.code.exit
    }

    /// Returns what to try, as one text; empty where nothing helps.
    pub(crate) fn hints(&self) -> String {
        let hints: Vec<&str> = self.notes.iter().filter(|(label, _)| *label == "try").map(|(_, text)| text.as_str()).collect();
        hints.join("\n")
    }
}

/// Returns a path as people are told of it.
pub(crate) fn shown(path: &Path) -> String {
    if crate::open::is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}
