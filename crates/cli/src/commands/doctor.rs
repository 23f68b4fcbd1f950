//! `heapwhy doctor`: what a capture of a process would need and cost. Changes nothing.

use std::path::PathBuf;

use clap::Args;

use crate::answer::Answer;
use crate::error::CommandError;
use crate::running;
use crate::session::Session;

/// Options of `doctor`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy doctor 7073\n  heapwhy doctor 7073 --json | jq -r .doctor.best",
    after_help = "Nothing is changed, and nothing stopped; but where its system calls are filtered (seccomp), one of its threads is stopped for less than a millisecond to read the filter. What it costs is a prediction from measurements: 80 ms for each gigabyte (GiB) by a copy, 1.2 s while it is stopped.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct DoctorArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: PathBuf,
}

/// Examines.
pub(crate) fn run(args: &DoctorArgs, _session: &Session) -> Result<Answer, CommandError> {
    let pid = running::named(&args.pid)?;
    let (section, obstacle) = running::examined(pid)?;
    let answer = Answer::default().section(section);
    Ok(match obstacle {
        Some(obstacle) => answer.next(format!("heapwhy doctor {pid}   # again: {obstacle}, and cannot be captured before that ends")),
        None => answer.next(format!("heapwhy {pid}")).next(format!("heapwhy capture {pid}")),
    })
}
