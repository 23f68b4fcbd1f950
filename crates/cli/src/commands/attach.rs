//! `heapwhy attach`: asking a running process over its inspector, which is opened for it and closed again.

mod memory;
mod query;
mod sample;
mod track;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::answer::Answer;
use crate::attached::{self, Way};
use crate::error::CommandError;
use crate::quantities::span;
use crate::running::{self, Dangers};
use crate::session::Session;

/// Options of `attach`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy attach 7073                what each thread says of its memory\n  heapwhy attach 7073 query Session\n  heapwhy attach 7073 sample --for 30s -o now.heapprofile\n  heapwhy attach 7073 track --accept-danger",
    after_help = "The process gets SIGUSR1, and Node.js opens its inspector on 127.0.0.1. Before that heapwhy makes sure that the signal does nothing else. While the inspector is open, whoever reaches it can run code as the process: any user of the machine, any container of the same pod. It is closed again at the end, also after an error or Ctrl-C, and left open where it was open before. Where heapwhy itself is killed it stays open: `heapwhy attach PID close` closes it.\n\nNode.js writes some lines to the standard error of the process: Debugger listening, Debugger attached. That cannot be avoided.\n\n`heapwhy PID` answers most questions from outside, without any of this.",
    help_template = crate::args::TEMPLATE,
    subcommand_value_name = "QUESTION",
    args_conflicts_with_subcommands = false
)]
pub(crate) struct AttachArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: PathBuf,
    #[command(flatten)]
    how: How,
    #[command(subcommand)]
    question: Option<Question>,
}

/// How to reach it.
#[derive(Args, Clone, Debug)]
struct How {
    /// Ask this worker, by the number that Node.js gives it (threadId) [default: the main thread]
    #[arg(long, value_name = "N", global = true)]
    worker: Option<u64>,
    /// The port of an inspector that is open already [default: found out, or opened]
    #[arg(long, value_name = "PORT", global = true)]
    port: Option<u16>,
    /// Do also what may exhaust the process's memory, and send the signal where nobody can tell what it does
    #[arg(long, global = true)]
    accept_danger: bool,
}

/// What to ask.
#[derive(Subcommand, Debug)]
enum Question {
    /// What each thread says of its memory: totals, V8's heap, its spaces (the default)
    Memory,
    /// The objects of a class, found by V8: how many, of which classes, and a few of them
    Query(query::QueryArgs),
    /// Where memory that is still in use was allocated, by sampling for some time
    Sample(sample::SampleArgs),
    /// Who made the objects that are left, of every allocation in some time
    Track(track::TrackArgs),
    /// Close an inspector that was left open
    Close,
}

/// Asks.
pub(crate) fn run(args: &AttachArgs, session: &Session) -> Result<Answer, CommandError> {
    let pid = running::named(&args.pid)?;
    let way = Way { pid, port: args.how.port, dangers: Dangers::of(args.how.accept_danger) };
    match &args.question {
        None | Some(Question::Memory) => memory::run(&way, args.how.worker, session),
        Some(Question::Query(query)) => query::run(query, &way, args.how.worker, session),
        Some(Question::Sample(sample)) => sample::run(sample, &way, args.how.worker, session),
        Some(Question::Track(track)) => track::run(track, &way, args.how.worker, session),
        Some(Question::Close) => attached::close(&way, session),
    }
}

/// Reads a time of a day at most.
fn time(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    span(text).and_then(|time| if time > DAY { Err("at most a day".to_owned()) } else { Ok(time) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let cases = [
            ("30", Some(30_000)),
            ("30s", Some(30_000)),
            ("1.5m", Some(90_000)),
            ("500ms", Some(500)),
            ("2h", Some(7_200_000)),
            ("0", None),
            ("-1", None),
            ("", None),
            ("s", None),
            ("5 years", None),
            ("999999h", None),
            ("1.2.3", None),
        ];
        for (text, expect) in cases {
            assert_eq!(time(text).ok(), expect.map(Duration::from_millis), "{text:?}");
        }
    }
}
