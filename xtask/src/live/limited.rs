//! Captures of processes that may have little memory: by a limit of their own (RLIMIT_AS), and by that of their control group.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use live::capture::{CaptureError, Method, nameless};

use super::server::Server;
use super::{captured, captured_into};
use crate::memory_group::MemoryGroup;
use crate::workspace::{Workspace, run};

/// A process that may have no more addresses is cloned all the same: the copy has its own, of the same number.
fn addresses(workspace: &Workspace, line: u32) -> Result<String> {
    /// So much it may need itself meanwhile.
    const ROOM: u64 = 16 << 20;
    let server = Server::start(workspace, line)?;
    let limit = |bytes: &str| run(Command::new("prlimit").args(["--pid", &server.pid().to_string(), &format!("--as={bytes}:")]));
    let size = kilobytes(server.pid(), "VmSize")? << 10;
    limit(&(size + ROOM).to_string())?;
    let result = [Method::Fork, Method::Stop].map(|method| captured(server.pid(), method, None));
    limit("unlimited")?;
    let bytes = result.into_iter().map(|one| one.map(|captured| captured.bytes)).collect::<Result<Vec<_>>>()?;
    ensure!(bytes.iter().all(|&bytes| bytes > 10 << 20), "only {bytes:?} bytes were read");
    server.is_as_before()?;
    Ok(format!("RLIMIT_AS {} MB: captured", (size + ROOM) >> 20))
}

fn kilobytes(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// Where memory is short because a process and its copy write, the copy goes, and the process stays.
fn group(workspace: &Workspace, line: u32) -> Result<String> {
    /// Enough for a group in which the kernel takes the copy first: it counts pages of files too, which a copy has none of.
    const OBJECTS: u32 = 500_000;
    /// So much is left of the limit: less than the process writes to while the copy is held.
    const LEFT: u64 = 12 << 20;
    const PATIENCE: Duration = Duration::from_secs(30);
    let Some(group) = MemoryGroup::make("limited") else { return Ok("no control group can be made here".to_owned()) };
    let mut command = Command::new("sh");
    // The shell goes into the group, and what it becomes is there from its first page on.
    command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(group.folder.join("cgroup.procs"));
    let server = Server::start_by(command, workspace, line, OBJECTS)?;
    group.set_limit(group.used()? + LEFT)?;
    let hook = |step: &'static str| {
        let began = Instant::now();
        // The copy is held until the kernel has ended it, which is seen by how much is used.
        while step == "reading" && began.elapsed() < PATIENCE && copies(server.pid()) > 0 {
            let _ = server.ask("/chaos/1");
        }
    };
    let result = captured_into(&nameless(1 << 30)?, server.pid(), Method::Fork, Some(&hook));
    group.set_limit(1 << 40)?;
    let told = match result {
        Err(error @ CaptureError::CopyEnded { .. }) => error.to_string(),
        Err(error) => bail!("{error}"),
        Ok(_) => bail!("the copy lived: the check proves nothing"),
    };
    server.is_as_before().context("the server, whose copy was ended")?;
    drop(server);
    Ok(format!("control group with {} MB left: {told}", LEFT >> 20))
}

/// How many children of a process stand still for somebody who traces them.
fn copies(pid: u32) -> usize {
    let children = |task: &fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map(|tasks| tasks.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let children: Vec<String> =
        tasks.iter().flat_map(|task| children(task).split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let is_held = |child: &&String| fs::read_to_string(format!("/proc/{child}/status")).is_ok_and(|status| status.contains("State:\tt"));
    children.iter().filter(is_held).count()
}

/// Both.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    Ok(format!("{}; {}", addresses(workspace, line).context("RLIMIT_AS")?, group(workspace, line).context("control group")?))
}
