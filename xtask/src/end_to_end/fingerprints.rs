//! A leak has one fingerprint, whether it is seen in one snapshot or in three: what is silenced or compared with last week's stays so.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Case, findings};
use crate::workspace::run;

/// Kinds of leaks of `tests/programs/leaks.js`, and the rule of each one's main finding.
const KINDS: &[(&str, &str)] = &[("timers", "timer-pile"), ("promises", "pending-promise")];

/// Checks the main findings of programs that leak, and of the demo, which has run before.
pub(super) fn check(case: &Case) -> Result<()> {
    let folder = case.scratch.join(format!("leaks-node{}", case.line));
    fs::create_dir_all(&folder)?;
    for (kind, rule) in KINDS {
        let mut command = Command::new(&case.node);
        run(command.arg(&case.leaks).arg(kind).arg(&folder).stdout(Stdio::null()))?;
        let files: Vec<PathBuf> = (1..=3).map(|nth| folder.join(format!("{kind}-{nth}.heapsnapshot"))).collect();
        check_files(case, &files, rule).with_context(|| format!("{kind}.js"))?;
    }
    fs::remove_dir_all(&folder)?;
    let demo = case.scratch.join(format!("demo-node{}", case.line));
    let files: Vec<PathBuf> = (1..=3).map(|nth| demo.join(format!("{nth}.heapsnapshot"))).collect();
    check_files(case, &files, "unbounded-collection").context("the demo")
}

/// Checks that the first findings in all snapshots and in the last alone are of that rule and have one fingerprint, and that how it grew
/// ends in the number of the title.
fn check_files(case: &Case, files: &[PathBuf], rule: &str) -> Result<()> {
    let (three, one) = (case.ask(files)?, case.ask(&files[files.len() - 1..])?);
    let (three, one) = (findings(&three)?.first().context("nothing grew")?, findings(&one)?.first().context("no suspect")?);
    ensure!(three["rule"] == rule && one["rule"] == rule, "the rules are {} and {}, not {rule}", three["rule"], one["rule"]);
    ensure!(
        three["id"] == one["id"],
        "{} is {} in three snapshots, but {} is {} in one",
        three["title"],
        three["id"],
        one["title"],
        one["id"]
    );
    let last = three["growth"]["bytes"].as_array().and_then(|bytes| bytes.last());
    ensure!(last == Some(&three["bytes"]), "{} grew to {last:?} bytes, and {} are told", three["title"], three["bytes"]);
    Ok(())
}
