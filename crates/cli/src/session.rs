//! What one run of a command has at hand: the options that every command takes, progress, and limits.

use crate::args::Globals;
use crate::progress::Console;

/// How many rows people get where they do not say.
const ROWS_FOR_PEOPLE: usize = 20;

/// One run of a command.
pub(crate) struct Session {
    /// The options that every command takes.
    pub(crate) global: Globals,
    /// Who hears how far the work is.
    pub(crate) progress: Console,
}

impl Session {
    /// Starts a run.
    pub(crate) fn start(global: Globals) -> Self {
        let progress = Console::start(global.no_progress);
        Self { global, progress }
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
            None if self.global.json || for_programs => usize::MAX,
            None => for_people,
        }
    }
}
