//! Processes that change in the middle of a capture: they become another program, are stopped by SIGSTOP, or somebody else captures them too.

use anyhow::{Context, Result, bail, ensure};
use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use live::capture::{CaptureError, Method, nameless};

use super::server::Server;
use super::{Killed, captured, captured_into, wait};
use crate::workspace::{Profile, Workspace, run};

/// Steps at which a process that is captured runs, so that it can become another program.
const WHILE_IT_RUNS: [&str; 5] = ["seized", "released", "settled", "reading", "read"];

/// A process that becomes another program is either what it was, or gone: never a mixture. The other program is left alone.
pub(super) fn becomes(workspace: &Workspace, line: u32, addon: &Path) -> Result<String> {
    let mut told = Vec::new();
    for (method, steps) in [(Method::Fork, &WHILE_IT_RUNS[..]), (Method::Stop, &WHILE_IT_RUNS[..1])] {
        for step in steps {
            let came_of_it = becomes_at(workspace, line, addon, (method, step)).with_context(|| format!("{} {step}", method.name()))?;
            told.push(format!("{} {step} {came_of_it}", method.name()));
        }
    }
    Ok(told.join(", "))
}

fn becomes_at(workspace: &Workspace, line: u32, addon: &Path, (method, at): (Method, &str)) -> Result<&'static str> {
    /// By then it has read what it was told.
    const A_WHILE: Duration = Duration::from_millis(200);
    let mut command = Command::new(workspace.node(line));
    command.arg(workspace.root.join("tests/live/becoming.js")).arg(addon).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Killed(command.spawn().context("cannot start the program")?);
    BufReader::new(child.0.stdout.take().context("no output")?).read_line(&mut String::new())?;
    let (pid, input) = (child.0.id(), child.0.stdin.take().context("no input")?);
    let hook = |step: &'static str| {
        if step == at {
            let _ = (&input).write_all(b"become\n");
            std::thread::sleep(A_WHILE);
        }
    };
    let out = nameless(1 << 30)?;
    let came_of_it = match captured_into(&out, pid, method, Some(&hook)) {
        Ok(_) => "whole",
        Err(CaptureError::Gone { .. }) => "gone",
        Err(error) => bail!("{error}"),
    };
    // Once it is let go, nothing keeps it from becoming the other program; that is as untouched as if nobody had been there.
    wait("the other program", || Ok(program(pid)? == "sleep"))?;
    wait("the other program waits", || Ok(fs::read_to_string(format!("/proc/{pid}/wchan"))?.contains("sleep") && tasks(pid)? == 1))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    ensure!(status.contains("\nTracerPid:\t0\n") && status.contains("\nState:\tS"), "the other program: {status}");
    if came_of_it == "whole" {
        is_of_node(out, workspace, line)?;
    }
    Ok(came_of_it)
}

fn program(pid: u32) -> Result<String> {
    Ok(fs::read_to_string(format!("/proc/{pid}/comm"))?.trim().to_owned())
}

fn tasks(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/task"))?.count())
}

/// The image is that of Node.js, not of what came after it.
fn is_of_node(image: fs::File, workspace: &Workspace, line: u32) -> Result<()> {
    let core = v8mem::CoreFile::of(image)?;
    let program = core.program().context("no program in the image")?.path.clone();
    ensure!(Path::new(&program) == workspace.node(line), "the image is one of {program}");
    // The kernel keeps 80 bytes of it.
    ensure!(core.notes.arguments.contains("/bin/node "), "the image was started as {:?}", core.notes.arguments);
    Ok(())
}

/// A process that gets SIGSTOP at any step of its capture is stopped afterwards, and goes on as before when it is let.
pub(super) fn stops(workspace: &Workspace, line: u32) -> Result<String> {
    let server = Server::start(workspace, line)?;
    let pid = server.pid();
    let signal = |name: &str| run(Command::new("kill").args([name, &pid.to_string()]));
    let mut told = Vec::new();
    for method in [Method::Fork, Method::Stop] {
        let mut fatal = 1;
        loop {
            let seen = Cell::new(0);
            let hook = |_: &'static str| {
                seen.set(seen.get() + 1);
                if seen.get() == fatal {
                    let _ = signal("-STOP");
                }
            };
            captured(pid, method, Some(&hook)).with_context(|| format!("{}, stopped at step {fatal}", method.name()))?;
            if seen.get() < fatal {
                break;
            }
            wait("it stops", || Ok(state(pid)? == 'T'))?;
            signal("-CONT")?;
            server.is_as_before().with_context(|| format!("{}, stopped at step {fatal}", method.name()))?;
            fatal += 1;
        }
        told.push(format!("{} at {} steps", method.name(), fatal - 1));
    }
    Ok(told.join(", "))
}

fn state(pid: u32) -> Result<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status.lines().find_map(|line| line.strip_prefix("State:")?.trim().chars().next()).context("no state")
}

/// Somebody who captures a process that is being captured is told so where that is so, and both end well.
pub(super) fn twice(workspace: &Workspace, line: u32) -> Result<String> {
    let server = Server::start(workspace, line)?;
    let folder = workspace.scratch.join(format!("twice-{line}"));
    fs::create_dir_all(&folder)?;
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let other = |name: &str| {
        let mut command = Command::new(&heapwhy);
        command.args(["capture", &server.pid().to_string(), "--force", "--no-progress", "-o"]).arg(folder.join(name));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let mut told = Vec::new();
    for (at, is_held) in [("seized", true), ("stopped", true), ("injected", true), ("cloned", true), ("settled", false), ("reading", false)]
    {
        let second = Cell::new(None);
        let hook = |step: &'static str| {
            if step == at {
                second.set(Some(other("second").output()));
            }
        };
        captured(server.pid(), Method::Fork, Some(&hook)).with_context(|| format!("the first, {at}"))?;
        let output = second.take().with_context(|| format!("no step {at}"))??;
        let said = String::from_utf8_lossy(&output.stderr);
        let is_told = output.status.code() == Some(7) && said.contains("HW1405");
        ensure!(if is_held { is_told } else { output.status.success() }, "the second, {at}: {} {said}", output.status);
        server.is_as_before().with_context(|| at.to_owned())?;
        told.push(format!("{at} {}", if is_held { "HW1405" } else { "fine" }));
    }
    let together = together(&server, &other)?;
    fs::remove_dir_all(folder)?;
    Ok(format!("{}; {together}", told.join(", ")))
}

/// Two that know nothing of each other, again and again: each is done, or told HW1405.
fn together(server: &Server, other: &dyn Fn(&str) -> Command) -> Result<String> {
    const ROUNDS: u32 = 10;
    let mut refused = 0;
    for _ in 0..ROUNDS {
        for child in ["one", "two"].map(|name| other(name).spawn()).into_iter().collect::<Result<Vec<_>, _>>()? {
            let output = child.wait_with_output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            let is_told = output.status.code() == Some(7) && said.contains("HW1405");
            ensure!(output.status.success() || is_told, "{}: {said}", output.status);
            refused += u32::from(is_told);
        }
        server.is_as_before()?;
    }
    ensure!(refused <= ROUNDS, "{refused} of {} were refused", 2 * ROUNDS);
    Ok(format!("{ROUNDS} times two together, {refused} told HW1405"))
}
