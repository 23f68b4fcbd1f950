//! One file a command: its options, and how its answer is made of questions to `heap`.
//!
//! Commands print nothing and do not know whether people or programs read their answer.

pub(crate) mod classes;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod man;
pub(crate) mod report;

use crate::answer::Answer;
use crate::args::Command;
use crate::error::CommandError;
use crate::session::Session;

/// Runs a command.
pub(crate) fn run(command: &Command, session: &Session) -> Result<Answer, CommandError> {
    match command {
        Command::Classes(args) => classes::run(args, session),
        Command::Demo(args) => demo::run(args, session),
        Command::Explain(args) => explain::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
