//! A process that collects garbage most of the time is captured again where it was found inside a collection.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use v8mem::collection::Collection;
use v8mem::stack::stacks;
use v8mem::{Anatomy, CoreFile};

use crate::end_to_end::checked;
use crate::workspace::{Profile, Workspace};

/// How many captures are made.
const CAPTURES: u32 = 12;
/// How often one is made at most.
const ATTEMPTS: u64 = 3;

/// An image is from inside a collection only when every attempt was, and most are not.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let folder = workspace.scratch.join(format!("collecting-{line}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut command = Command::new(workspace.node(line));
    command.arg("--expose-gc").arg(workspace.root.join("tests/cores/known-heap.js")).args([folder.as_path(), Path::new("1000")]);
    command.env("WORKERS", "0").env("MODE", "minor").current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start the program")?;
    let checked = super::wait("the program", || Ok(folder.join("ready").exists())).and_then(|()| captures(workspace, child.id(), &folder));
    let _ = child.kill();
    child.wait()?;
    fs::remove_dir_all(folder)?;
    checked
}

fn captures(workspace: &Workspace, pid: u32, folder: &Path) -> Result<String> {
    let (mut again, mut inside) = (0, 0);
    for _ in 0..CAPTURES {
        let goal = folder.join("core");
        let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
        let output = command.args(["capture", &pid.to_string(), "--json", "--force", "-o"]).arg(&goal).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = checked(&output.stdout)?;
        let attempts = told["target"]["capture"]["attempts"].as_u64().context("no attempts")?;
        let mut core = CoreFile::open(&goal)?;
        let binary = core.find_binary().context("the core leads to no program")?;
        core.set_binary(binary);
        let found = Collection::find(&stacks(&core, &Anatomy::find(&core)?));
        ensure!(found.is_none() || attempts == ATTEMPTS, "{found:?} after {attempts} attempts");
        again += u32::from(attempts > 1);
        inside += u32::from(found.is_some());
    }
    ensure!(again > 0, "none of {CAPTURES} came inside a collection: the check proves nothing");
    Ok(format!("{again} of {CAPTURES} captures were made again, {inside} are from inside a collection"))
}
