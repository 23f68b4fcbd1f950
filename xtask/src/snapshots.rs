//! Makes the tests' snapshots: every program of `tests/programs` on every line of Node.js, and what DevTools' engine says of each.
//!
//! Both are kept until the program, its Node.js, or the oracle changes.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::oracle::Oracle;
use crate::setup;
use crate::workspace::{NODE_LINES, Workspace, is_fresh, key_of, run_within};

/// Programs, and the first line of Node.js that has what they show.
const PROGRAMS: [(&str, u32); 10] = [
    ("shapes", 16),
    ("collections", 16),
    ("texts", 16),
    ("runtime", 16),
    ("growth", 16),
    ("swelling", 16),
    ("stories", 16),
    ("minified", 16),
    ("timeline", 16),
    ("options", 18),
];

const LIMIT: Duration = Duration::from_secs(120);

/// A snapshot, and the truth about it.
pub(crate) struct Snapshot {
    /// The program that wrote it and the Node.js that ran it, as `node22/growth-1`.
    pub(crate) name: String,
    /// The snapshot.
    pub(crate) file: PathBuf,
    /// One row a node, by DevTools' engine.
    pub(crate) nodes: PathBuf,
    /// Classes and totals, by DevTools' engine.
    pub(crate) report: PathBuf,
    /// Retaining paths of some nodes, by DevTools' engine.
    pub(crate) paths: PathBuf,
}

/// What changed from one snapshot to another, by DevTools' engine: asked, unless its answer is there.
pub(crate) fn change(workspace: &Workspace, oracle: &Oracle, older: &Snapshot, newer: &Snapshot) -> Result<PathBuf> {
    let to = newer.name.replace('/', "-");
    let base = workspace.cache.join("truth").join(format!("{}-to-{to}", older.name));
    let (answer, stamp) = (base.with_extension("json"), base.with_extension("made"));
    let key = key_of(&[older.file.clone(), newer.file.clone()], &[oracle.key()])?;
    if !is_fresh(&stamp, &key) {
        oracle.ask(&["diff".as_ref(), older.file.as_ref(), newer.file.as_ref(), answer.as_ref()])?;
        fs::write(stamp, key)?;
    }
    Ok(answer)
}

/// Makes what is missing and returns all snapshots, by line of Node.js and name.
pub(crate) fn all(workspace: &Workspace) -> Result<&[Snapshot]> {
    if let Some(known) = workspace.snapshots.get() {
        return Ok(known);
    }
    let made = make(workspace)?;
    Ok(workspace.snapshots.get_or_init(|| made))
}

fn make(workspace: &Workspace) -> Result<Vec<Snapshot>> {
    setup::tests(workspace)?;
    let oracle = Oracle::new(workspace)?;
    let mut made = Vec::new();
    for line in NODE_LINES {
        for (program, _) in PROGRAMS.iter().filter(|(_, first)| line >= *first) {
            for file in run_program(workspace, line, program)? {
                made.push(truth(workspace, &oracle, line, file)?);
            }
        }
    }
    Ok(made)
}

/// Runs one program, unless its snapshots are there, and returns them.
fn run_program(workspace: &Workspace, line: u32, program: &str) -> Result<Vec<PathBuf>> {
    let script = workspace.root.join("tests/programs").join(program).with_extension("js");
    let node = workspace.node(line);
    let release = fs::read_to_string(workspace.modules("tests").join(format!("node{line}/package.json")))?;
    // Where the script lies is in the snapshot: stories look for its source there.
    let key = key_of(std::slice::from_ref(&script), &[&release, &script.to_string_lossy()])?;
    let folder = workspace.cache.join("snapshots").join(format!("node{line}"));
    let stamp = folder.join(format!("{program}.made"));
    if !is_fresh(&stamp, &key) {
        eprintln!("node {line}: {program}.js");
        fs::create_dir_all(&folder)?;
        for old in written_by(&folder, program)? {
            fs::remove_file(old)?;
        }
        let mut command = Command::new(node);
        command.arg(script).arg(folder.join(program)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        run_within(&mut command, LIMIT)?;
        fs::write(stamp, key)?;
    }
    let files = written_by(&folder, program)?;
    if files.is_empty() {
        bail!("{program}.js wrote no snapshot on Node.js {line}");
    }
    Ok(files)
}

/// The snapshots in `folder` named `program.*` or `program-*.*`.
fn written_by(folder: &Path, program: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_snapshot = path.extension().is_some_and(|e| e == "heapsnapshot" || e == "heaptimeline");
        if is_snapshot && stem.strip_prefix(program).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Asks DevTools' engine about a snapshot, unless its answer is there.
fn truth(workspace: &Workspace, oracle: &Oracle, line: u32, file: PathBuf) -> Result<Snapshot> {
    let stem = file.file_name().and_then(|name| name.to_str()).context("a snapshot's name is not text")?;
    let name = format!("node{line}/{}", stem.trim_end_matches(".heapsnapshot"));
    let base = workspace.cache.join("truth").join(&name);
    let with = |extension: &str| PathBuf::from(format!("{}.{extension}", base.display()));
    let (nodes, report, stamp) = (with("csv"), with("json"), with("made"));
    let key = key_of(std::slice::from_ref(&file), &[oracle.key()])?;
    if !is_fresh(&stamp, &key) {
        fs::create_dir_all(base.parent().context("no folder for the oracle's answer")?)?;
        oracle.ask(&["all".as_ref(), file.as_os_str(), base.as_os_str()])?;
        fs::write(stamp, key)?;
    }
    let (paths, stamp) = (with("paths.json"), with("paths.made"));
    let key = key_of(std::slice::from_ref(&file), &[&oracle.paths_key()?])?;
    if !is_fresh(&stamp, &key) {
        oracle.ask_paths(&file, &paths)?;
        fs::write(stamp, key)?;
    }
    Ok(Snapshot { name, file, nodes, report, paths })
}
