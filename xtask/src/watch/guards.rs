//! Processes that really run into a limit: what `heapwhy guard` has kept of them says why.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::Watched;
use crate::end_to_end::checked;
use crate::killed::ended_within;
use crate::memory_group::MemoryGroup;
use crate::workspace::{Profile, Workspace, output};

/// How long a process may take to run into its limit.
const LIMIT: Duration = Duration::from_secs(120);
const ABORTED: i32 = 6;
/// Where V8 has no memory even for its last words.
const TRAPPED: i32 = 5;
const KILLED: i32 = 9;

/// V8 ends a process that leaks: the capture is there, whole, and names what leaks.
pub(super) fn heap(workspace: &Workspace, line: u32) -> Result<String> {
    let folder = folder(workspace, line)?;
    let mut process = Watched::start(workspace, line, &["--max-old-space-size=60".to_owned()])?;
    process.ask("none")?;
    let guard = guard(workspace, &folder, &[&process.pid().to_string(), "--json"])?;
    process.ask("leak 300")?;
    let told = ended(guard)?;
    let signal = process.ended()?;
    ensure!(matches!(signal, Some(ABORTED | TRAPPED)), "V8 has not ended it: it ended by {signal:?}");
    let kept = kept(workspace, &folder, &told, "heap", "Session")?;
    fs::remove_dir_all(folder)?;
    Ok(kept)
}

/// The kernel ends a process whose control group is full: the same.
pub(super) fn group(workspace: &Workspace, line: u32) -> Result<String> {
    const LEFT: u64 = 250_000_000;
    let Some(group) = MemoryGroup::make(&format!("test-{line}")) else { return Ok("no control group can be made here".to_owned()) };
    group.set_limit(LEFT)?;
    let folder = folder(workspace, line)?;
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo $$ > \"$0\"; exec \"$@\""]).arg(group.folder.join("cgroup.procs")).arg(workspace.node(line));
    let mut process = Watched::spawn(shell, workspace, &["--max-old-space-size=2000".to_owned()])?;
    process.ask("none")?;
    let guard = guard(workspace, &folder, &[&process.pid().to_string(), "--json"])?;
    process.ask("pour 500000")?;
    let told = ended(guard)?;
    ensure!(process.ended()? == Some(KILLED), "the kernel has not ended it");
    let kept = kept(workspace, &folder, &told, "rss", "Upload")?;
    fs::remove_dir_all(folder)?;
    Ok(kept)
}

/// A command is run as if guard were not there: its output, its exit code, signals.
pub(super) fn command(workspace: &Workspace, line: u32) -> Result<String> {
    let folder = folder(workspace, line)?;
    let node = workspace.node(line).to_string_lossy().into_owned();
    let run = |script: &str| guard(workspace, &folder, &["--", "sh", "-c", &format!("\"$0\" -e '{script}'; exit $?"), &node]);
    let output = waited(run("process.stdout.write(`out`); process.exitCode = 42")?)?;
    ensure!(
        output.status.code() == Some(42) && output.stdout == b"out",
        "{}: {:?}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    let direct = guard(
        workspace,
        &folder,
        &["--", &node, "-e", "process.on(`SIGTERM`, () => process.exit(7)); setInterval(() => {}, 1000); process.stdout.write(`.`)"],
    )?;
    std::thread::sleep(Duration::from_secs(2));
    Command::new("kill").args(["-TERM", &direct.id().to_string()]).status()?;
    let output = waited(direct)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(7), "{}: {said}", output.status);
    ensure!(said.contains("V8's limit of the old generation is"), "{said}");
    fs::remove_dir_all(folder)?;
    Ok("42, and 7 by a signal".to_owned())
}

fn folder(workspace: &Workspace, line: u32) -> Result<PathBuf> {
    let folder = workspace.scratch.join(format!("guard-{line}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(folder)
}

fn guard(workspace: &Workspace, folder: &Path, words: &[&str]) -> Result<Child> {
    let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
    command.arg("guard").arg("--dir").arg(folder).args(words);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // It looks before it is needed.
    std::thread::sleep(Duration::from_millis(500));
    Ok(child)
}

/// Waits, a limited time.
fn waited(mut child: Child) -> Result<Output> {
    if ended_within(&mut child, LIMIT)?.is_none() {
        child.kill()?;
        child.wait()?;
        bail!("guard was still running after {} s", LIMIT.as_secs());
    }
    Ok(child.wait_with_output()?)
}

/// Waits for the end of a guard whose process ends.
fn ended(child: Child) -> Result<Value> {
    let output = waited(child)?;
    ensure!(output.status.code() == Some(6), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    checked(&output.stdout)
}

/// Checks what was kept, and that it names a class.
fn kept(workspace: &Workspace, folder: &Path, told: &Value, cause: &str, class: &str) -> Result<String> {
    let mode = |path: &Path| Ok::<u32, std::io::Error>(fs::metadata(path)?.permissions().mode() & 0o777);
    ensure!(mode(folder)? == 0o700, "the folder has mode {:o}", mode(folder)?);
    let rows = told["captures"]["rows"].as_array().filter(|rows| !rows.is_empty()).with_context(|| format!("nothing was kept: {told}"))?;
    ensure!(fs::read_dir(folder)?.count() == rows.len(), "other files than {rows:?}");
    let mut pauses = Vec::new();
    for row in rows {
        ensure!(row["cause"] == cause, "{row}");
        let path = PathBuf::from(row["path"].as_str().context("no file")?);
        ensure!(mode(&path)? == 0o600, "{row} has mode {:o}", mode(&path)?);
        let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
        command.args(["classes", "--json", "--no-index", "--filter", class]).arg(&path).stdin(Stdio::null());
        let classes = checked(&output(&mut command)?)?;
        let rows = classes["classes"]["rows"].as_array().context("no classes")?;
        let found = rows.iter().find(|row| row["class"] == class).with_context(|| format!("no {class} in {}", path.display()))?;
        ensure!(classes["status"] == "complete", "{}", classes["warnings"]);
        ensure!(found["count"].as_u64() > Some(200), "{found}");
        pauses.push(format!("{} of {class}, {} µs by {}", found["count"], row["pause_us"], row["method"]));
    }
    Ok(pauses.join("; "))
}
