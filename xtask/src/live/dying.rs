//! Captures that are killed at each of their steps, and processes that are killed at each step of their capture.

use anyhow::{Context, Result, ensure};
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use live::capture::Method;

use super::captured;
use super::server::Server;
use crate::say::say;
use crate::workspace::Workspace;

/// How a capture is called that kills itself: `cargo xtask capture-and-die PID METHOD STEP`.
pub(crate) fn capture_and_die(pid: &str, method: &str, step: &str) -> Result<()> {
    let (fatal, seen): (u32, _) = (step.parse()?, Cell::new(0));
    let hook = |_: &'static str| {
        seen.set(seen.get() + 1);
        if seen.get() == fatal {
            // The kernel ends a process that sends itself this before the call returns.
            let _ = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        }
    };
    let method = if method == "stop" { Method::Stop } else { Method::Fork };
    captured(pid.parse()?, method, Some(&hook))?;
    say!("{}", seen.get());
    Ok(())
}

/// Kills the capture of one server at each step, one after the other. The server is the same afterwards every time.
pub(super) fn captures(workspace: &Workspace, line: u32) -> Result<String> {
    let server = Server::start(workspace, line)?;
    let mut told = Vec::new();
    for method in ["fork", "stop"] {
        let mut step = 1;
        while dies(&server, method, step)? {
            server.is_as_before().with_context(|| format!("{method}, killed at step {step}"))?;
            step += 1;
        }
        server.is_as_before()?;
        ensure!(step > if method == "fork" { 12 } else { 3 }, "only {} steps", step - 1);
        told.push(format!("{method} at {} steps", step - 1));
    }
    Ok(told.join(", "))
}

/// Lets a capture run in a process of its own that kills itself at a step. Says whether it came to that step.
fn dies(server: &Server, method: &str, step: u32) -> Result<bool> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["capture-and-die", &server.pid().to_string(), method, &step.to_string()]);
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.signal() == Some(9) {
        return Ok(true);
    }
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(false)
}

/// Kills a server at steps of its capture: at every step on one line, at every fifth on the others, a new one each time.
pub(super) fn targets(workspace: &Workspace, line: u32) -> Result<String> {
    const THOROUGH: u32 = 22;
    let stride = if line == THOROUGH { 1 } else { 5 };
    let (mut fatal, mut killed) = (1, 0);
    loop {
        let mut server = Server::start(workspace, line)?;
        let (seen, pid) = (Cell::new(0), server.pid());
        let hook = |_: &'static str| {
            seen.set(seen.get() + 1);
            if seen.get() == fatal {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
        };
        let result = captured(pid, Method::Fork, Some(&hook));
        if seen.get() < fatal {
            result.context("nobody was killed")?;
            return Ok(format!("at {killed} steps"));
        }
        // At the last steps all has been read.
        if let Err(error) = result {
            let said = format!("{error:#}");
            ensure!(["ended", "cloned", "No such process", "refused"].iter().any(|word| said.contains(word)), "at step {fatal}: {said}");
        }
        server.kill();
        server.is_gone().with_context(|| format!("killed at step {fatal}"))?;
        killed += 1;
        fatal += stride;
    }
}
