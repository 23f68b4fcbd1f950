//! Processes that we start: in their own group, their output drained, ended and reaped whatever happens to us.
//!
//! On every path through our own code (return, error, panic) dropping the value kills the group and reaps the child. If we are
//! killed ourselves nothing of ours runs any more, so a long-running child must watch its stdin: it is a pipe whose other end
//! only we hold, and its end tells the child to exit.
//!
//! The group also keeps a terminal's Ctrl-C from the child: the caller decides what happens then, with its cancel flag.

use std::io;
use std::path::Path;
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use crate::inspector::InspectorUrl;
use crate::node::{FOREIGN_VARIABLES, NodeBinary};
use crate::output::Output;
use crate::wait::Patience;
use crate::{LiveError, Result};

/// How long a process may take until its inspector listens.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a process that was asked to end may take before it is killed.
const ENDING_LIMIT: Duration = Duration::from_secs(3);
/// How long the system may take to end a process that was killed.
const KILLING_LIMIT: Duration = Duration::from_secs(10);
/// How long the last output of an ended process may take to arrive.
const DRAINING_LIMIT: Duration = Duration::from_millis(500);

/// A child process with drained output. Killed with its group, and reaped, when dropped.
pub(crate) struct Child {
    child: process::Child,
    stdin: Option<ChildStdin>,
    stdout: Output,
    stderr: Output,
    reaped: Option<ExitStatus>,
}

impl Child {
    /// Starts a command. Its stdin is the caller's choice; a pipe is kept open until [`end`](Self::end) or drop.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        own_group(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let program = Path::new(command.get_program()).to_owned();
        let mut child = command.spawn().map_err(|source| LiveError::Spawn { program, source })?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map_or_else(|| Output::of(io::empty()), Output::of);
        let stderr = child.stderr.take().map_or_else(|| Output::of(io::empty()), Output::of);
        Ok(Self { child, stdin, stdout, stderr, reaped: None })
    }

    pub(crate) fn stdout(&self) -> &Output {
        &self.stdout
    }

    /// Returns what an ended process wrote last on stderr. The pipe ends a moment after its process.
    pub(crate) fn last_words(&self) -> String {
        let started = Instant::now();
        while !self.stderr.is_closed() && started.elapsed() < DRAINING_LIMIT {
            thread::sleep(Duration::from_millis(2));
        }
        self.stderr.last_words()
    }

    /// Waits until the process has ended by itself. Returns how, in words.
    pub(crate) fn wait(&mut self, patience: &Patience) -> Result<String> {
        loop {
            if let Some(status) = self.try_reap() {
                return Ok(in_words(status));
            }
            patience.check()?;
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Says how the process has ended, if it has.
    fn try_reap(&mut self) -> Option<ExitStatus> {
        if self.reaped.is_none() {
            self.reaped = self.child.try_wait().ok().flatten();
        }
        self.reaped
    }

    fn reap_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            let reaped = self.try_reap();
            if reaped.is_some() || started.elapsed() > limit {
                return reaped;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks the process to end by closing its stdin, kills it if it does not, and reaps it. Returns whether it ended by itself.
    fn end(&mut self) -> bool {
        self.stdin = None;
        let by_itself = self.reap_within(ENDING_LIMIT).is_some();
        self.kill();
        by_itself
    }

    fn kill(&mut self) {
        if self.reaped.is_none() {
            // The leader is not reaped yet, so the group's id cannot belong to anybody else.
            kill_group(&self.child);
            let _ = self.child.kill();
            self.reap_within(KILLING_LIMIT);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Which Node.js.
    pub node: &'a NodeBinary,
    /// The script, relative to `dir` or absolute.
    pub script: &'a Path,
    /// The script's arguments.
    pub args: &'a [String],
    /// The working directory.
    pub dir: &'a Path,
}

/// A Node.js process that we started, with its inspector listening on a loopback port that the system chose.
///
/// Dropped, it is killed and reaped. It must exit when its stdin ends, so that nothing stays behind if we are killed.
pub struct NodeProcess {
    child: Child,
    name: String,
}

impl NodeProcess {
    /// Starts a script. The environment is ours, without what would change how Node.js starts (`NODE_OPTIONS` and the like).
    ///
    /// The inspector's address is published on stderr only, not over HTTP: other users of the machine cannot look it up.
    pub fn spawn(launch: &Launch) -> Result<Self> {
        let mut command = Command::new(launch.node.path());
        command
            .args(["--inspect=127.0.0.1:0", "--inspect-publish-uid=stderr"])
            .arg(launch.script)
            .args(launch.args)
            .current_dir(launch.dir)
            .stdin(Stdio::piped());
        for name in FOREIGN_VARIABLES {
            command.env_remove(name);
        }
        let name = launch.script.file_name().unwrap_or(launch.script.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { child: Child::spawn(&mut command)?, name })
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.child.id()
    }

    /// Waits until the inspector listens. Returns its address.
    pub fn inspector_url(&mut self, cancel: &AtomicBool) -> Result<InspectorUrl> {
        let patience = Patience::new("waiting for the inspector to listen", START_LIMIT, cancel);
        let found = self.child.stderr.wait_for(InspectorUrl::in_line, &patience)?;
        found.map_or_else(|| Err(self.no_line(&patience, "an inspector's address on stderr")), Ok)
    }

    /// Waits for the first line on stdout from which `pick` makes something.
    pub fn wait_for_line<T>(&mut self, doing: &str, pick: impl Fn(&str) -> Option<T>, cancel: &AtomicBool) -> Result<T> {
        let patience = Patience::new(doing, START_LIMIT, cancel);
        let found = self.child.stdout.wait_for(pick, &patience)?;
        found.map_or_else(|| Err(self.no_line(&patience, "a certain line on stdout")), Ok)
    }

    /// Closes the process's stdin, waits for it to exit, kills it if it does not. Returns whether it exited by itself.
    #[must_use]
    pub fn stop(mut self) -> bool {
        self.child.end()
    }

    /// Turns an error of talking to the process into [`LiveError::Exited`] when the reason is that it has ended.
    #[must_use]
    pub fn explain(&mut self, error: LiveError) -> LiveError {
        let doing = match &error {
            LiveError::Connection { doing, .. } | LiveError::Protocol { doing, .. } => doing.clone(),
            _ => return error,
        };
        self.exited(&doing).unwrap_or(error)
    }

    fn no_line(&mut self, patience: &Patience, expected: &'static str) -> LiveError {
        let doing = patience.doing();
        self.exited(doing).unwrap_or_else(|| LiveError::protocol(doing, expected, &self.child.stderr.last_words()))
    }

    /// Returns the error that says how the process has ended, if it has. A connection ends a moment before its process does.
    fn exited(&mut self, doing: &str) -> Option<LiveError> {
        let status = self.child.reap_within(Duration::from_millis(500))?;
        let (program, doing, stderr) = (self.name.clone(), doing.to_owned(), self.child.last_words());
        Some(LiveError::Exited { program, status: in_words(status), doing, stderr })
    }
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(unix)]
fn kill_group(child: &process::Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_child: &process::Child) {}

#[cfg(unix)]
fn in_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(not(unix))]
fn in_words(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> Child {
        let mut command = Command::new("/bin/sh");
        Child::spawn(command.args(["-c", script]).stdin(Stdio::piped())).unwrap()
    }

    #[test]
    fn ends_by_itself_or_is_killed() {
        for (script, by_itself) in [("cat", true), ("exit 3", true), ("trap '' TERM; sleep 1000", false)] {
            let mut child = sh(script);
            assert_eq!(child.end(), by_itself, "{script}");
            assert!(child.reaped.is_some(), "{script}");
        }
    }

    #[test]
    fn its_children_go_with_it() {
        let child = sh("sleep 1000 & echo $!; wait");
        let cancel = AtomicBool::new(false);
        let patience = Patience::new("testing", Duration::from_secs(5), &cancel);
        let grandchild = child.stdout().wait_for(|line| line.parse::<u32>().ok(), &patience).unwrap().unwrap();
        let pipe = child.stdout().clone();
        drop(child);
        // The grandchild held the pipe's other end: its end shows that it is gone, wherever /proc is not.
        let ended = pipe.wait_for(|_| None::<()>, &Patience::new("testing", Duration::from_secs(5), &cancel));
        assert!(matches!(ended, Ok(None)), "process {grandchild} still runs");
    }

    #[test]
    fn a_status_is_told_in_words() {
        let cancel = AtomicBool::new(false);
        for (script, words) in [("exit 9", "exit code 9"), ("kill -9 $$", "signal 9")] {
            let patience = Patience::new("testing", Duration::from_secs(5), &cancel);
            assert_eq!(sh(script).wait(&patience).unwrap(), words);
        }
    }
}
