//! `heapwhy diff PID --after`: one process captured several times tells what grows, also where somebody stops it or the process ends.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::end_to_end;
use crate::killed::Killed;
use crate::workspace::{Profile, Workspace, run};

/// Starts a process that grows.
fn start(workspace: &Workspace, line: u32) -> Result<Killed> {
    let mut command = Command::new(workspace.node(line));
    command.arg(workspace.root.join("tests/live/growing.js")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut growing = Killed(command.spawn().context("cannot start the program")?);
    let mut ready = String::new();
    BufReader::new(growing.stdout.take().context("no output")?).read_line(&mut ready)?;
    ensure!(ready == "ready\n", "the program said {ready:?}");
    Ok(growing)
}

/// heapwhy while it captures a process again and again.
struct Watching(Child);

impl Watching {
    fn start(workspace: &Workspace, pid: u32, after: &str) -> Result<Self> {
        let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
        command.args(["diff", &pid.to_string(), "--after", after, "--steps", "2", "--json"]);
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?))
    }

    /// Waits until it has captured the process so often, then does something, and returns how it ended and what it said.
    fn when_captured(mut self, times: u32, act: impl FnOnce(u32) -> Result<()>) -> Result<(ExitStatus, Value)> {
        let mut said = BufReader::new(self.0.stderr.take().context("no messages")?);
        let wanted = format!("captured {times} of 3");
        let mut line = String::new();
        while !line.starts_with(&wanted) {
            line.clear();
            ensure!(said.read_line(&mut line)? > 0, "it ended before it had captured the process {times} times");
        }
        act(self.0.id())?;
        // Nobody else reads what it says.
        let rest = std::thread::spawn(move || said.read_to_string(&mut String::new()));
        let mut text = String::new();
        self.0.stdout.take().context("no output")?.read_to_string(&mut text)?;
        let status = self.0.wait()?;
        drop(rest.join());
        Ok((status, end_to_end::checked(text.as_bytes())?))
    }
}

/// What grows is named, what is full is not; whoever stops early has what was known by then.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let mut growing = start(workspace, line)?;
    let pid = growing.id();
    let (status, whole) = Watching::start(workspace, pid, "2s")?.when_captured(1, |_| Ok(()))?;
    ensure!(status.success(), "{status}");
    let counts = grew(&whole)?;
    ensure!(captures(&whole)?.len() == 3 && counts.len() == 3, "not three captures: {}", whole["captures"]);
    let interrupt = |heapwhy: u32| run(Command::new("kill").args(["-INT", &heapwhy.to_string()]));
    let (status, stopped) = Watching::start(workspace, pid, "2s")?.when_captured(2, interrupt)?;
    ensure!(status.code() == Some(130) && stopped["status"] == "cancelled", "{status}, {}", stopped["status"]);
    ensure!(captures(&stopped)?.len() == 2 && grew(&stopped)?.len() == 2, "not two captures: {}", stopped["captures"]);
    let (status, alone) = Watching::start(workspace, pid, "10m")?.when_captured(1, |_| Ok(growing.kill()?))?;
    ensure!(status.code() == Some(6) && alone["status"] == "partial", "{status}, {}", alone["status"]);
    ensure!(captures(&alone)?.len() == 1, "not one capture: {}", alone["captures"]);
    Ok(format!("sessions {counts:?} in three captures; stopped by Ctrl-C and by the process's end"))
}

fn captures(report: &Value) -> Result<&Vec<Value>> {
    report.pointer("/captures/rows").and_then(Value::as_array).context("no captures")
}

/// The verdict must name the sessions and nothing else. Returns how many there were.
fn grew(report: &Value) -> Result<Vec<u64>> {
    ensure!(report["verdict"]["kind"] == "growing", "{}", report["verdict"]);
    let findings = report["findings"].as_array().context("no findings")?;
    let [only] = findings.as_slice() else { bail!("not one finding: {findings:?}") };
    ensure!(only["class"] == "Session" && only["location"]["file"].as_str().is_some_and(|file| file.ends_with("growing.js")), "{only}");
    let numbers = |what: &str| -> Vec<u64> { only["growth"][what].as_array().into_iter().flatten().filter_map(Value::as_u64).collect() };
    let (counts, bytes) = (numbers("counts"), numbers("bytes"));
    // All sessions are of one size, also those that V8 has moved since they were captured first.
    let sizes: Vec<u64> = bytes.iter().zip(&counts).map(|(bytes, count)| bytes / count.max(&1)).collect();
    let (least, most) = (sizes.iter().min().copied().unwrap_or(0), sizes.iter().max().copied().unwrap_or(0));
    ensure!(least > 0 && most * 4 < least * 5, "bytes of each session: {sizes:?}, of {counts:?}");
    ensure!(counts.windows(2).all(|pair| pair[1] > pair[0]), "they do not grow: {counts:?}");
    Ok(counts)
}
