//! `heapwhy capture`: the image of a running process as a core file, which every command reads, and gdb too.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use heap::whole_file::WholeFile;

use crate::answer::{Answer, Section};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::open;
use crate::output;
use crate::running::{self, Dangers, Manner, Wish};
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `capture`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy capture 7073\n  heapwhy capture 7073 -o before.core --method stop\n  heapwhy 7073   without a file",
    after_help = "fork: the process clones itself and goes on after some tens of milliseconds for each gigabyte; the copy is read, and ended.\nstop: it is read while it is stopped, about a second for each gigabyte; nothing is changed in it. It is let go\non time, also where the disk hangs that is written to.\nThe file holds all that the process has in memory, passwords included: only you can read it (mode 0600).",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct CaptureArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: PathBuf,
    /// The file to write [default: core.PID]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// How: auto, fork, stop
    #[arg(long, value_name = "METHOD", default_value = "auto", hide_default_value = true, hide_possible_values = true)]
    method: Wish,
    /// Let it go, and write nothing, where it stands still for longer than this while it is read [default: 10, or three times what
    /// `heapwhy doctor` predicts if that is longer]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_pause: Option<Duration>,
    /// Capture it although `heapwhy doctor` tells of a danger
    #[arg(long)]
    accept_danger: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

/// Captures.
pub(crate) fn run(args: &CaptureArgs, session: &Session) -> Result<Answer, CommandError> {
    let Some(pid) = running::pid(&args.pid) else {
        let what = format!("{} is no process id", shown(&args.pid));
        return Err(CommandError::new(&codes::USAGE, what).hint("pgrep -a node   lists processes of Node.js"));
    };
    let goal = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("core.{pid}")));
    if !args.force && std::fs::symlink_metadata(&goal).is_ok() {
        let what = format!("{} exists: it would be replaced", shown(&goal));
        return Err(CommandError::new(&codes::OUTPUT_EXISTS, what).hint("--force replaces it; -o names another file"));
    }
    let failed = |error| output::failed(&goal, &error);
    let dangers = if args.accept_danger { Dangers::Accepted } else { Dangers::Refused };
    let manner = Manner { wish: args.method, dangers, longest_stop: args.max_pause };
    let mut file = WholeFile::beside(&goal).map_err(failed)?;
    let running = running::capture_into(pid, manner, file.file(), session)?;
    file.name(&goal).map_err(failed)?;
    let bytes = std::fs::metadata(&goal).map_err(failed)?.len();
    let written = Section::Written { path: goal.clone(), bytes, what: "core dump" };
    let answer = open::start(vec![open::target_of(&args.pid, running)], &[], session).headed().section(written);
    Ok(answer.next(format!("heapwhy {}", shell_path(&goal))))
}

/// Reads a number of seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|limit| !limit.is_zero()).ok_or_else(|| "it takes a number of seconds, such as 30 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read() {
        let cases = [("30", Some(30_000)), ("0.5", Some(500)), ("0", None), ("-1", None), ("1e300", None), ("NaN", None), ("soon", None)];
        for (text, expect) in cases {
            assert_eq!(seconds(text).ok(), expect.map(Duration::from_millis), "{text}");
        }
    }
}
