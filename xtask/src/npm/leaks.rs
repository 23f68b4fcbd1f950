//! Programs that leak, and the same programs without their leak: the verdict must be right, and a leak's reason be there.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Place, copy, ended};
use crate::workspace::{NODE_LINES, TOOL_LINE, run};

/// Cases that run on every line: objects, strings, external memory, references of addons. All cases on all lines take half an hour of two
/// cores (`XTASK_LEAKS=all` runs them).
const EVERYWHERE: [&str; 5] = ["global-array", "map-cache", "memo-strings", "buffer-external", "napi-ref"];

/// One case in one of its two variants, on one line.
pub(super) struct Job {
    case: String,
    variant: &'static str,
    pub(super) line: u32,
    flags: Vec<String>,
    /// `leak` or `ok`.
    expected: String,
    folder: PathBuf,
}

/// All jobs of a run.
pub(super) fn jobs(place: &Place<'_>) -> Result<Vec<Job>> {
    let folder = corpus(place)?;
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?)?;
    let all = std::env::var_os("XTASK_LEAKS").is_some_and(|which| which == "all");
    let mut jobs = Vec::new();
    for case in manifest.as_array().context("no cases")? {
        let name = case["id"].as_str().context("a case without a name")?;
        if !all && !EVERYWHERE.contains(&name) {
            continue;
        }
        for line in NODE_LINES.into_iter().filter(|line| case["expected"][line.to_string()].is_object()) {
            for variant in ["leak", "fixed"] {
                let expected = case["expected"][line.to_string()][variant].as_str().context("no verdict")?.to_owned();
                let flags = case["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
                jobs.push(Job { case: name.to_owned(), variant, line, flags, expected, folder: folder.clone() });
            }
        }
    }
    ensure!(jobs.len() >= 2 * EVERYWHERE.len() * NODE_LINES.len(), "only {} cases", jobs.len());
    Ok(jobs)
}

/// Copies the programs, and builds the addon that some of them need.
fn corpus(place: &Place<'_>) -> Result<PathBuf> {
    let folder = place.scratch.join("leaks");
    copy(&place.workspace.root.join("tests/leaks"), &folder)?;
    let headers = place.workspace.modules("tests").join(format!("node{TOOL_LINE}/include/node"));
    let (source, addon) = (folder.join("addon/leak.c"), folder.join("addon/leak.node"));
    run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-I"]).arg(headers).arg(source).arg("-o").arg(addon))
        .context("the addon cannot be built")?;
    Ok(folder)
}

impl Job {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.case, self.variant)
    }

    /// Judges the program, and checks the verdict.
    pub(super) fn check(&self, place: &Place<'_>) -> Result<String> {
        let mut command = place.node(self.line);
        command.args(&self.flags).arg(self.folder.join("judge.js")).args([&self.case, self.variant, "{}"]);
        command.env("HEAPWHY_PACKAGE", place.workspace.root.join("npm"));
        let told = ended(&mut command)?;
        let answer = told.text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let Some(answer) = answer.filter(|_| told.success) else { bail!("no verdict: {}", told.tail()) };
        let expected = if self.expected == "leak" { "leak" } else { "no leak" };
        let (verdict, why) = (answer["verdict"].as_str().unwrap_or_default(), answer["why"].as_str().unwrap_or_default());
        ensure!(verdict == expected, "the verdict is {verdict} ({why}), not {expected}: {}", answer["grew"]);
        if expected == "leak" {
            let reason = &answer["reason"];
            ensure!(reason["lines"].is_array() || reason["lacking"].is_string(), "a leak without a reason: {reason}");
        }
        Ok(format!("{verdict}, {} calls, {:.2} CPU s", answer["calls"], answer["cpu"].as_f64().unwrap_or_default()))
    }
}
