//! What `doctor` tells of a process: which Node.js it is, which namespaces it has for itself, and which deadlines are known.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::{is_root, wait};
use crate::end_to_end::checked;
use crate::killed::Killed;
use crate::workspace::{Profile, Workspace, output, run};

/// Starts a program by a command.
fn start(workspace: &Workspace, line: u32, mut command: Command) -> Result<Killed> {
    command.arg(workspace.node(line)).args(["-e", "setInterval(() => {}, 1e6); console.log('ready')"]);
    let mut child = Killed(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the program")?);
    let mut ready = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut ready)?;
    ensure!(ready == "ready\n", "the program said {ready:?}");
    Ok(child)
}

/// Returns what doctor tells of a process.
fn told(workspace: &Workspace, process: &Killed) -> Result<Value> {
    let text = output(Command::new(workspace.heapwhy(Profile::Debug)?).args(["doctor", &process.id().to_string(), "--json"]))?;
    Ok(checked(&text)?["doctor"].clone())
}

/// Lists the namespaces that are, or are not, shared.
fn namespaces(doctor: &Value, shared: bool) -> Vec<&str> {
    let rows = doctor["namespaces"].as_array().into_iter().flatten();
    rows.filter(|row| row["shared"] == shared).filter_map(|row| row["kind"].as_str()).collect()
}

/// Beside us, and away from us.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let version = output(Command::new(workspace.node(line)).arg("--version"))?;
    let version = String::from_utf8(version)?.trim().trim_start_matches('v').to_owned();
    let mut watched = Command::new("env");
    watched.args(["-u", "WATCHDOG_PID", "WATCHDOG_USEC=20000000"]);
    let process = start(workspace, line, watched)?;
    let doctor = told(workspace, &process)?;
    ensure!(doctor["node"] == version.as_str() && doctor["node_by"] == "release", "Node.js {} is {}", version, doctor["node"]);
    ensure!(namespaces(&doctor, true).len() == 5, "{}", doctor["namespaces"]);
    let deadline = &doctor["deadlines"][0];
    ensure!(deadline["known"] == true && deadline["ms"] == 20_000.0, "{deadline}");
    ensure!(deadline["beaten_by"].as_array().is_some_and(|ways| ways.iter().any(|way| way == "fork")), "{deadline}");
    ensure!(doctor["best"] == "fork" && doctor["obstacle"].is_null(), "{doctor}");
    // As long as it is stopped nothing can be done, and no way is called the best.
    run(Command::new("kill").args(["-STOP", &process.id().to_string()]))?;
    wait("a stopped process", || Ok(told(workspace, &process)?["stopped"] == true))?;
    let doctor = told(workspace, &process)?;
    ensure!(doctor["best"].is_null() && doctor["obstacle"].is_string(), "{doctor}");
    if !is_root()? {
        return Ok(format!("Node.js {version}"));
    }
    let mut away = Command::new("unshare");
    away.args(["--net", "--mount"]);
    let doctor = told(workspace, &start(workspace, line, away)?)?;
    ensure!(namespaces(&doctor, false) == ["net", "mnt"], "{}", doctor["namespaces"]);
    Ok(format!("Node.js {version}, in namespaces of its own too"))
}
