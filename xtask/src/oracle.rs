//! DevTools' own engine as the oracle: asks it about snapshots and compares its answers with heapwhy's, node by node and class by class.

mod compare;
mod questions;

use crate::say::say;
use anyhow::{Context, Result};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::lanes;
use crate::setup;
use crate::snapshots::{self, Snapshot};
use crate::stages::Tally;
use crate::workspace::{Profile, TOOL_LINE, Workspace, key_of, output, run};
use compare::Differences;

/// DevTools' engine, bundled and ready to be asked.
pub(crate) struct Oracle {
    node: PathBuf,
    script: PathBuf,
    paths_script: PathBuf,
    bundle: PathBuf,
    key: String,
}

impl Oracle {
    /// Bundles the engine if need be.
    pub(crate) fn new(workspace: &Workspace) -> Result<Self> {
        let bundle = setup::engine(workspace)?;
        let folder = workspace.root.join("tests/oracle");
        let script = folder.join("devtools.mjs");
        let paths_script = folder.join("paths.mjs");
        let key = key_of(&[bundle.clone(), script.clone(), folder.join("load.mjs")], &[])?;
        Ok(Self { node: workspace.node(TOOL_LINE), script, paths_script, bundle, key })
    }

    /// What the oracle's answers depend on, besides the snapshot.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Runs `devtools.mjs` with `arguments`.
    pub(crate) fn ask(&self, arguments: &[&OsStr]) -> Result<()> {
        self.run(&self.script, arguments)
    }

    /// Asks for the retaining paths of some nodes of a snapshot.
    pub(crate) fn ask_paths(&self, file: &Path, out: &Path) -> Result<()> {
        self.run(&self.paths_script, &[file.as_os_str(), out.as_os_str()])
    }

    /// What the answers of `ask_paths` depend on, besides the snapshot.
    pub(crate) fn paths_key(&self) -> Result<String> {
        key_of(std::slice::from_ref(&self.paths_script), &[&self.key])
    }

    fn run(&self, script: &Path, arguments: &[&OsStr]) -> Result<()> {
        let mut command = Command::new(&self.node);
        command.arg("--max-old-space-size=12000").arg(script).args(arguments);
        command.env("DEVTOOLS_ENGINE", &self.bundle).stdin(Stdio::null());
        run(&mut command).context("DevTools' engine failed")
    }
}

/// heapwhy, asked the same questions.
struct Ours {
    binary: PathBuf,
    scratch: PathBuf,
}

impl Ours {
    fn new(workspace: &Workspace, profile: Profile) -> Result<Self> {
        let scratch = workspace.scratch.clone();
        Ok(Self { binary: workspace.heapwhy(profile)?, scratch })
    }

    /// A file for what is asked of a snapshot.
    fn scratch_for(&self, name: &str, what: &str) -> PathBuf {
        self.scratch.join(format!("{}.{what}", name.replace('/', "-")))
    }

    fn nodes(&self, name: &str, file: &Path) -> Result<PathBuf> {
        let out = self.scratch_for(name, "nodes.csv");
        let mut command = Command::new(&self.binary);
        output(command.arg("convert").arg(file).args(["--to", "csv", "-o"]).arg(&out).stdin(Stdio::null()))?;
        Ok(out)
    }

    fn json(&self, arguments: &[&OsStr]) -> Result<Value> {
        let mut command = Command::new(&self.binary);
        let text = output(command.args(arguments).arg("--json").stdin(Stdio::null()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} --json is not JSON", arguments[0].display()))
    }

    fn compare_one(&self, snapshot: &Snapshot) -> Result<Differences> {
        let nodes = self.nodes(&snapshot.name, &snapshot.file)?;
        let mut found = compare::nodes(&nodes, &snapshot.nodes)?;
        fs::remove_file(nodes)?;
        let truth = read_json(&snapshot.report)?;
        found.append(compare::classes(&self.json(&["classes".as_ref(), snapshot.file.as_ref()])?, &truth)?);
        found.append(compare::statistics(&self.json(&["summary".as_ref(), snapshot.file.as_ref()])?, &truth)?);
        found.append(questions::compare(&snapshot.file, &truth, &read_json(&snapshot.paths)?)?);
        Ok(found)
    }

    fn compare_diff(&self, older: &Path, newer: &Path, truth: &Path) -> Result<Differences> {
        compare::diff(&self.json(&["diff".as_ref(), older.as_ref(), newer.as_ref()])?, &read_json(truth)?)
    }
}

fn read_json(path: &Path) -> Result<Value> {
    serde_json::from_slice(&fs::read(path)?).with_context(|| format!("{} is not JSON", path.display()))
}

/// The stage `oracle`: all snapshots of the tests, and the differences between those of one process.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    let snapshots = snapshots::all(workspace)?;
    let oracle = Oracle::new(workspace)?;
    let ours = Ours::new(workspace, Profile::Debug)?;
    let both = pairs(snapshots).into_iter().map(|(older, newer)| (older, Some(newer)));
    let jobs = snapshots.iter().map(|snapshot| (snapshot, None)).chain(both);
    Ok(lanes::check_all(jobs, |(snapshot, newer)| {
        [match newer {
            None => tell(&snapshot.name, ours.compare_one(snapshot)),
            Some(newer) => {
                let truth = snapshots::change(workspace, &oracle, snapshot, newer);
                let compared = truth.and_then(|truth| ours.compare_diff(&snapshot.file, &newer.file, &truth));
                tell(&format!("{} to {}", snapshot.name, newer.name), compared)
            }
        }]
    }))
}

/// Snapshots of one process, each with the next and the first with the last.
fn pairs(snapshots: &[Snapshot]) -> Vec<(&Snapshot, &Snapshot)> {
    let grown: Vec<&Snapshot> = snapshots.iter().filter(|one| one.name.contains("/growth-")).collect();
    let triples = grown.as_chunks::<3>().0;
    triples.iter().flat_map(|[first, second, third]| [(*first, *second), (*second, *third), (*first, *third)]).collect()
}

/// `cargo xtask oracle FILE...`.
pub(crate) fn compare_files(workspace: &Workspace, files: &[&str]) -> Result<ExitCode> {
    let oracle = Oracle::new(workspace)?;
    let ours = Ours::new(workspace, Profile::Release)?;
    let mut tally = Tally::default();
    for file in files {
        let base = ours.scratch.join("asked");
        oracle.ask(&["all".as_ref(), file.as_ref(), base.as_os_str()])?;
        let (nodes, report, paths) =
            (ours.scratch.join("asked.csv"), ours.scratch.join("asked.json"), ours.scratch.join("asked.paths.json"));
        oracle.ask_paths(file.as_ref(), &paths)?;
        let snapshot = Snapshot { name: (*file).to_owned(), file: file.into(), nodes, report, paths };
        tally.add(tell(file, ours.compare_one(&snapshot)));
    }
    for pair in files.windows(2) {
        let [older, newer] = [pair[0], pair[1]].map(Path::new);
        let truth = ours.scratch.join("asked.diff.json");
        let asked = oracle.ask(&["diff".as_ref(), older.as_ref(), newer.as_ref(), truth.as_ref()]);
        tally.add(tell(&format!("{} to {}", pair[0], pair[1]), asked.and_then(|()| ours.compare_diff(older, newer, &truth))));
    }
    say!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says how one comparison went; true if all is equal.
fn tell(name: &str, result: Result<Differences>) -> bool {
    match result {
        Ok(differences) if differences.is_empty() => {
            say!("  equal   {name}: {}", differences.compared());
            true
        }
        Ok(differences) => {
            say!("  DIFFERS {name}: {}\n{differences}", differences.compared());
            false
        }
        Err(error) => {
            say!("  FAILED  {name}: {error:#}");
            false
        }
    }
}
