//! A leak has one fingerprint, whether it is seen in one snapshot or in three: what is silenced or compared with last week's stays so. And it is told by what
//! leaks and by a line of the program.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Case, findings};
use crate::workspace::run;

/// A kind of leak of `tests/programs/leaks.js`.
struct Kind {
    name: &'static str,
    /// The rule of the main finding, what stands in its title, and what in the line of source to look at.
    rule: &'static str,
    title: &'static str,
    look: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { name: "timers", rule: "timer-pile", title: "Pending timers · 1,200 Timeout", look: "setInterval" },
    Kind { name: "promises", rule: "pending-promise", title: "Promise that never settles · 1,200 promises() call", look: "await never" },
    Kind { name: "races", rule: "pending-promise", title: "Promise that never settles · 1,200 Promise", look: "Promise.race" },
    Kind { name: "targets", rule: "listener-pile", title: "Listeners of EventTarget 'tick' · 1,200 onTick()", look: "addEventListener" },
    Kind { name: "signals", rule: "listener-pile", title: " 'abort' · 1,200 onAbort()", look: "addEventListener" },
    Kind { name: "lists", rule: "linked-list", title: "Linked list at History.newest · 1,200 Entry", look: "newest" },
];

/// Checks the main findings of programs that leak, and of the demo, which has run before.
pub(super) fn check(case: &Case) -> Result<()> {
    let folder = case.scratch.join(format!("leaks-node{}", case.line));
    fs::create_dir_all(&folder)?;
    for kind in KINDS {
        let files = written(case, kind.name, &folder)?;
        check_files(case, &files, kind.rule).and_then(|finding| kind.check(&finding)).with_context(|| kind.name)?;
    }
    let modules = written(case, "modules", &folder)?;
    check_modules(&case.ask(&modules)?).context("modules")?;
    fs::remove_dir_all(&folder)?;
    let demo = case.scratch.join(format!("demo-node{}", case.line));
    let files: Vec<PathBuf> = (1..=3).map(|nth| demo.join(format!("{nth}.heapsnapshot"))).collect();
    check_files(case, &files, "unbounded-collection").context("the demo").map(|_| ())
}

/// Lets a program leak, and returns the snapshots that it writes.
fn written(case: &Case, kind: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut command = Command::new(&case.node);
    run(command.arg(&case.leaks).arg(kind).arg(folder).stdout(Stdio::null()))?;
    Ok((1..=3).map(|nth| folder.join(format!("{kind}-{nth}.heapsnapshot"))).collect())
}

impl Kind {
    /// Checks what a finding says: what leaks, and the line of source.
    fn check(&self, finding: &Value) -> Result<()> {
        let (title, look) = (finding["title"].as_str().unwrap_or_default(), finding["look"]["text"].as_str().unwrap_or_default());
        ensure!(title.contains(self.title), "the title is {title}, without {}", self.title);
        ensure!(look.contains(self.look), "the line to look at is {look:?}, without {}", self.look);
        Ok(())
    }
}

/// Checks that modules that were required ever more are found: one snapshot alone does not show it.
fn check_modules(three: &Value) -> Result<()> {
    let finding = findings(three)?.first().context("nothing grew")?;
    ensure!(finding["rule"] == "module-pile", "the rule is {}", finding["rule"]);
    let kind =
        Kind {
            name: "modules", rule: "module-pile", title: "Ever more modules in the module cache · 1,200 Module", look: "require(file)"
        };
    kind.check(finding)
}

/// Checks that the first findings in all snapshots and in the last alone are of that rule and have one fingerprint, and that how it grew
/// ends in the number of the title.
fn check_files(case: &Case, files: &[PathBuf], rule: &str) -> Result<Value> {
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
    Ok(three.clone())
}
