//! What one run of a command has at hand: the options that every command takes, progress, and limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use v8mem::graph::Scope;

use crate::args::Globals;
use crate::codes;
use crate::error::CommandError;
use crate::index_file::Unindexed;
use crate::progress::Console;

/// How many rows people get where they do not say.
const ROWS_FOR_PEOPLE: usize = 20;

/// One run of a command.
pub(crate) struct Session {
    /// The options that every command takes.
    pub(crate) global: Globals,
    /// Who hears how far the work is.
    pub(crate) progress: Console,
    /// What deserves an index once the answer is printed.
    unindexed: Mutex<Vec<Unindexed>>,
    /// Whether something has read standard input: there is only one.
    stdin_taken: AtomicBool,
}

impl Session {
    /// Starts a run.
    pub(crate) fn start(global: Globals) -> Self {
        let progress = Console::start(global.no_progress);
        Self { global, progress, unindexed: Mutex::new(Vec::new()), stdin_taken: AtomicBool::new(false) }
    }

    /// Claims standard input, which can be read by one `-` only.
    pub(crate) fn take_stdin(&self) -> Result<(), CommandError> {
        if !self.stdin_taken.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let what = "there is one standard input, and more than one - on the command line";
        Err(CommandError::new(&codes::USAGE, what)
            .why("in the place of FILE, - is a snapshot; behind it, - is a list of ids; a command can read one of them")
            .hint("put the other into a file"))
    }

    /// Remembers to write indexes when the answer is printed.
    pub(crate) fn index_later(&self, entries: Vec<Unindexed>) {
        self.unindexed.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
    }

    /// Writes the indexes that were put off. A folder that cannot be written to is no error: the next look is then as slow as this one.
    pub(crate) fn write_indexes(&self) {
        let waiting = std::mem::take(&mut *self.unindexed.lock().unwrap_or_else(PoisonError::into_inner));
        for entry in waiting {
            let _ = entry.write(self);
            // Freeing a large heap takes longer than leaving it to the end of the process.
            std::mem::forget(entry);
        }
    }

    /// Returns which objects of a core dump are looked at.
    pub(crate) fn scope(&self) -> Scope {
        match (self.global.weak, self.global.dead) {
            (true, _) => Scope::Weak,
            (_, true) => Scope::Dead,
            _ => Scope::Live,
        }
    }

    /// Returns how many rows to show: all for programs, a screenful for people, unless the options say.
    pub(crate) fn limit(&self, for_programs: bool) -> usize {
        self.limit_or(for_programs, ROWS_FOR_PEOPLE)
    }

    /// As `limit`, with another number of rows for people.
    pub(crate) fn limit_or(&self, for_programs: bool, for_people: usize) -> usize {
        match self.global.limit {
            Some(0) => usize::MAX,
            Some(limit) => limit,
            None if self.global.json || self.global.jsonl || for_programs => usize::MAX,
            None => for_people,
        }
    }
}
