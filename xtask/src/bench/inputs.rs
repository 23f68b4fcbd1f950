//! The snapshots that are measured: real programs, run for it and kept in `.cache/bench` until the program changes.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::replicate::replicate;
use crate::workspace::{Workspace, is_fresh, key_of, run_within};

const COPIES: u32 = 4;
const LIMIT: Duration = Duration::from_secs(900);

/// How large a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// About 18 MB, and a second one for diffs: two HTTP servers under load, Node.js 24.
    Small,
    /// About 45 MB: webpack with a finished compilation, Node.js 22.
    Medium,
    /// About 550 MB, 7.4 million nodes: an API server's object graph, Node.js 22.
    Large,
    /// Four copies of the large one in one file: not a real program, a test of scale.
    Huge,
}

impl Size {
    /// The size that has this name.
    pub(super) fn named(name: &str) -> Result<Self> {
        let found = [Self::Small, Self::Medium, Self::Large, Self::Huge].into_iter().find(|size| size.name() == name);
        found.with_context(|| format!("no size is named {name}"))
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Huge => "huge",
        }
    }
}

/// A snapshot, and for some a newer one of the same process.
pub(super) struct Input {
    pub(super) file: PathBuf,
    pub(super) newer: Option<PathBuf>,
}

/// Makes the input of a size, unless it is there.
pub(super) fn make(workspace: &Workspace, size: Size) -> Result<Input> {
    let folder = workspace.cache.join("bench");
    fs::create_dir_all(&folder)?;
    let alone = |file| Input { file, newer: None };
    match size {
        Size::Small => {
            let files = run_program(workspace, "server", 24, &["4000"], &["server", "server-2"])?;
            let [file, newer] = <[PathBuf; 2]>::try_from(files).ok().context("two snapshots of the server")?;
            Ok(Input { file, newer: Some(newer) })
        }
        Size::Medium => Ok(alone(run_program(workspace, "bundler", 22, &[], &["bundler"])?.remove(0))),
        Size::Large => Ok(alone(large(workspace)?)),
        Size::Huge => {
            let source = large(workspace)?;
            let file = folder.join("huge.heapsnapshot");
            let key = format!("{COPIES} copies of {} bytes", fs::metadata(&source)?.len());
            let stamp = folder.join("huge.made");
            if !file.exists() || !is_fresh(&stamp, &key) {
                eprintln!("making {}", file.display());
                replicate(&source, &file, COPIES)?;
                fs::write(stamp, key)?;
            }
            Ok(alone(file))
        }
    }
}

fn large(workspace: &Workspace) -> Result<PathBuf> {
    Ok(run_program(workspace, "bigjson", 22, &["289000", "8000"], &["json500"])?.remove(0))
}

/// Runs `bench/programs/NAME.js ARGUMENTS OUT...`.
fn run_program(workspace: &Workspace, name: &str, line: u32, arguments: &[&str], outs: &[&str]) -> Result<Vec<PathBuf>> {
    let folder = workspace.cache.join("bench");
    let source = workspace.root.join("bench/programs").join(name).with_extension("js");
    let files: Vec<PathBuf> = outs.iter().map(|out| folder.join(out).with_extension("heapsnapshot")).collect();
    let stamp = folder.join(format!("{name}.made"));
    let key = key_of(std::slice::from_ref(&source), &[arguments, outs].concat())?;
    if files.iter().all(|file| file.exists()) && is_fresh(&stamp, &key) {
        return Ok(files);
    }
    eprintln!("node {line}: {name}.js");
    // Where the program's packages are found.
    let program = workspace.modules("bench").parent().context("no folder of packages")?.join(name).with_extension("js");
    fs::copy(&source, &program)?;
    let mut command = Command::new(workspace.node(line));
    let unfinished: Vec<PathBuf> = files.iter().map(|file| file.with_extension("unfinished")).collect();
    command.arg("--max-old-space-size=8000").arg(&program).args(arguments).args(&unfinished);
    run_within(command.stdin(Stdio::null()).stdout(Stdio::null()), LIMIT)?;
    for (unfinished, file) in unfinished.iter().zip(&files) {
        check_written(unfinished)?;
        fs::rename(unfinished, file)?;
    }
    fs::write(stamp, key)?;
    Ok(files)
}

fn check_written(file: &Path) -> Result<()> {
    if fs::metadata(file).is_ok_and(|meta| meta.len() > 0) {
        return Ok(());
    }
    bail!("{} was not written", file.display())
}
