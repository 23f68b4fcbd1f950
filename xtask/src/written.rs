//! The snapshots that heapwhy writes are loaded by DevTools' engine and by memlab, which say of them what they say of the originals.

use crate::say::say;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::oracle::Oracle;
use crate::stages::Tally;
use crate::workspace::{Profile, TOOL_LINE, Workspace, output};
use crate::{setup, snapshots};

/// Which snapshots are written anew: objects of all kinds from every Node.js, and texts of all kinds from the newest.
const WRITTEN: [&str; 7] =
    ["node16/shapes", "node18/shapes", "node20/shapes", "node22/shapes", "node24/shapes", "node26/shapes", "node26/texts"];

/// The stage `written`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    let snapshots = snapshots::all(workspace)?;
    let oracle = Oracle::new(workspace)?;
    let memlab = Memlab::new(workspace)?;
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let scratch = workspace.scratch.clone();
    let (file, nodes) = (scratch.join("written.heapsnapshot"), scratch.join("written.csv"));
    let mut tally = Tally::default();
    for name in WRITTEN {
        let original = snapshots.iter().find(|one| one.name == name).with_context(|| format!("there is no snapshot {name}"))?;
        let mut convert = Command::new(&heapwhy);
        convert.arg("convert").arg(&original.file).args(["--to", "heapsnapshot", "--force", "--no-index", "-o"]).arg(&file);
        output(convert.stdin(Stdio::null()))?;
        let by_devtools = oracle.ask(&["nodes".as_ref(), file.as_os_str(), nodes.as_os_str()]).and_then(|()| {
            ensure!(fs::read(&nodes)? == fs::read(&original.nodes)?, "DevTools' engine tells the written file from the original");
            Ok(())
        });
        let by_memlab = memlab.compare(&original.file, &file);
        for (tool, result) in [("DevTools", by_devtools), ("memlab", by_memlab)] {
            say!("  {:<6} {name}: {tool}", if result.is_ok() { "ok" } else { "FAILED" });
            if let Err(error) = &result {
                say!("         {error:#}");
            }
            tally.add(result.is_ok());
        }
    }
    fs::remove_file(&file)?;
    fs::remove_file(&nodes)?;
    Ok(tally)
}

/// memlab, asked what is in a snapshot.
struct Memlab {
    node: PathBuf,
    script: PathBuf,
    modules: PathBuf,
    answer: PathBuf,
}

impl Memlab {
    fn new(workspace: &Workspace) -> Result<Self> {
        setup::memlab(workspace)?;
        let modules = workspace.modules("memlab").parent().context("no folder for memlab")?.to_owned();
        let (script, answer) = (workspace.root.join("tests/memlab/load.mjs"), workspace.scratch.join("memlab.json"));
        Ok(Self { node: workspace.node(TOOL_LINE), script, modules, answer })
    }

    fn ask(&self, file: &Path) -> Result<Value> {
        let mut command = Command::new(&self.node);
        output(command.arg(&self.script).arg(file).arg(&self.answer).env("MEMLAB", &self.modules).stdin(Stdio::null()))?;
        serde_json::from_slice(&fs::read(&self.answer)?).context("memlab's answer is not JSON")
    }

    fn compare(&self, original: &Path, written: &Path) -> Result<()> {
        let [original, written] = [self.ask(original)?, self.ask(written)?];
        ensure!(original["nodes"].as_u64().is_some_and(|nodes| nodes > 0), "memlab found no nodes");
        for count in ["nodes", "edges"] {
            ensure!(original[count] == written[count], "memlab: {} {count}, in the written file {}", original[count], written[count]);
        }
        ensure!(original["names"] == written["names"], "memlab: other sizes in the written file");
        Ok(())
    }
}
