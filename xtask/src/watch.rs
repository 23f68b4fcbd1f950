//! Processes that are watched from outside: what is said of them is what they say of themselves.

mod counters;
mod guards;
mod outlooks;

use anyhow::{Context, Result};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::killed::{Killed, ended_within};
use crate::lanes;
use crate::setup;
use crate::stages::{Tally, tell};
use crate::workspace::{NODE_LINES, Workspace};

/// `cargo xtask test --only watch`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    setup::tests(workspace)?;
    let apart: [(&str, Check); 3] = [("not growing", outlooks::steady), ("counters", counters::check), ("a command", guards::command)];
    let jobs = apart.into_iter().flat_map(|(name, check)| NODE_LINES.map(|line| (name, line, check)));
    let mut tally = lanes::check_all(jobs, |(name, line, check)| [tell(name, line, &check(workspace, line))]);
    // How fast a process grows is part of what is asked, and a guard must be faster: these have the machine for themselves.
    let alone: [(&str, Check); 3] = [
        ("growing", outlooks::growing),
        ("guarded against V8's limit", guards::heap),
        ("guarded against its control group's", guards::group),
    ];
    for (name, check) in alone {
        NODE_LINES.into_iter().for_each(|line| tally.add(tell(name, line, &check(workspace, line))));
    }
    Ok(tally)
}

/// A check of one line of Node.js.
type Check = fn(&Workspace, u32) -> Result<String>;

/// A process that does what it is told, and says what V8 counts.
struct Watched {
    child: Killed,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Watched {
    /// Starts one, with more options of Node.js.
    fn start(workspace: &Workspace, line: u32, options: &[String]) -> Result<Self> {
        Self::spawn(Command::new(workspace.node(line)), workspace, options)
    }

    /// Starts one by a command that takes more words.
    fn spawn(mut command: Command, workspace: &Workspace, options: &[String]) -> Result<Self> {
        command.arg("--expose-gc").args(options).arg(workspace.root.join("tests/live/watched.js"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("cannot start it")?;
        let (told, says) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        Ok(Self { child: Killed(child), told, says: BufReader::new(says) })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to do something, and returns what V8 counts afterwards.
    fn ask(&mut self, command: &str) -> Result<Value> {
        writeln!(self.told, "{command}")?;
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("{command}: it said {line:?}"))
    }
}

impl Watched {
    /// The signal by which it has ended, or is about to.
    fn ended(&mut self) -> Result<Option<i32>> {
        const LIMIT: Duration = Duration::from_secs(30);
        let status = ended_within(&mut self.child, LIMIT)?.context("it has not ended")?;
        Ok(status.signal())
    }
}
