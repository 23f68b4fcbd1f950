//! A second look at a core comes from its indexes, and says what the first one said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::{Profile, Workspace};

/// Questions that a graph answers, numbers in objects and the rest of the process among them. `CORE` stands for the core.
const QUESTIONS: [&[&str]; 12] = [
    &["CORE"],
    &["classes", "CORE"],
    &["classes", "CORE", "--by", "shape"],
    &["classes", "CORE", "--dead"],
    &["classes", "CORE", "--isolate", "2"],
    &["instances", "CORE", "Map"],
    &["inspect", "CORE", "__KEEP.words"],
    &["why", "CORE", "EventTarget"],
    &["refs", "CORE", "__KEEP.needle"],
    &["contexts", "CORE"],
    &["promises", "CORE"],
    &["source", "CORE", "__KEEP.counters.1"],
];

/// The indexes of those questions.
const INDEXES: [&str; 6] = [".hwy", ".weak.hwy", ".dead.hwy", ".isolate2.hwy", ".isolate2.weak.hwy", ".isolate2.dead.hwy"];

/// Asks each question without indexes, with none there yet, and with those that the second look left.
pub(super) fn check(workspace: &Workspace, core: &Path) -> Result<()> {
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let ask = |question: &[&str], options: &[&str]| -> Result<String> {
        let mut command = Command::new(&heapwhy);
        for word in question {
            if *word == "CORE" {
                command.arg(core)
            } else {
                command.arg(word)
            };
        }
        // Doubts of the layout are told alike, and are not what is asked here.
        let output = command.args(["--json", "--partial-ok"]).args(options).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{question:?}: {}", said.chars().take(300).collect::<String>());
        Ok(String::from_utf8(output.stdout)?)
    };
    let alone: Vec<String> = QUESTIONS.iter().map(|question| ask(question, &["--no-index"])).collect::<Result<_>>()?;
    ensure!(INDEXES.iter().all(|index| !beside(core, index).exists()), "--no-index left an index");
    for look in ["the first", "the second"] {
        for (question, alone) in QUESTIONS.iter().zip(&alone) {
            ensure!(ask(question, &[])? == *alone, "{look} look with indexes says something else: {question:?}");
        }
        let missing: Vec<&&str> = INDEXES.iter().filter(|index| !beside(core, index).exists()).collect();
        ensure!(missing.is_empty(), "no index {missing:?}");
    }
    // Of another core, an index says nothing: the dates differ.
    let times = fs::metadata(core)?.modified()?;
    let before = fs::metadata(beside(core, ".hwy"))?.modified()?;
    fs::File::options().write(true).open(core)?.set_modified(times + std::time::Duration::from_secs(1))?;
    ask(QUESTIONS[1], &[]).context("a core that was touched")?;
    ensure!(fs::metadata(beside(core, ".hwy"))?.modified()? > before, "a stale index was used");
    let told: serde_json::Value = serde_json::from_str(&ask(&["index", "CORE"], &[])?)?;
    let others = told["also_written"].as_array().map_or(0, Vec::len);
    ensure!(told["output"]["what"] == "index" && others == 2, "`index` says: {told}");
    let missing = ask(QUESTIONS[1], &["--node", "no/such/program"]);
    ensure!(missing.is_err(), "a program that is not there was not missed");
    Ok(())
}

fn beside(core: &Path, index: &str) -> PathBuf {
    let mut name = core.as_os_str().to_owned();
    name.push(index);
    name.into()
}
