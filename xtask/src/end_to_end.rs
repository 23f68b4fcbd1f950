//! heapwhy from end to end on every line of Node.js: the demo, and the main questions about snapshots of a process that leaks.

use crate::say::say;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::lanes;
use crate::snapshots;
use crate::stages::Tally;
use crate::workspace::{NODE_LINES, Profile, TOOL_LINE, Workspace, output, run, run_within};

/// The same check of JSON that the tests of the commands use.
#[allow(dead_code, reason = "those tests use more of it")]
#[path = "../../crates/cli/tests/cli/schema.rs"]
mod schema;

/// Diagnostic reports.
mod diagnostic_reports;
/// One fingerprint for one snapshot and for three.
mod fingerprints;
/// Logs of garbage collections.
mod gc_logs;
/// What the stories must say.
mod stories;
/// What grows in place.
mod swelling;

/// How long the demo may take. People wait for it; it takes a tenth of this on a quiet machine.
const LIMIT: Duration = Duration::from_secs(60);

type Check = fn(&Case) -> Result<()>;

/// The stage `end-to-end`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    let snapshots = snapshots::all(workspace)?;
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let mut cases = Vec::new();
    for line in NODE_LINES {
        let three = |program: &str| -> Vec<PathBuf> {
            let named = |step: &str| snapshots.iter().find(|one| one.name == format!("node{line}/{program}-{step}"));
            ["1", "2", "3"].into_iter().filter_map(named).map(|one| one.file.clone()).collect()
        };
        let (files, swelling) = (three("growth"), three("swelling"));
        let of = |program: &str| {
            let found = snapshots.iter().find(|one| one.name == format!("node{line}/{program}")).map(|one| one.file.clone());
            found.with_context(|| format!("no snapshot of {program}.js"))
        };
        let (node, tool, stories, minified) = (workspace.node(line), workspace.node(TOOL_LINE), of("stories")?, of("minified")?);
        let leaks = workspace.root.join("tests/programs/leaks.js");
        let scratch = workspace.scratch.join(format!("node{line}"));
        fs::create_dir_all(&scratch)?;
        let case = Case { node, tool, heapwhy: heapwhy.clone(), scratch, line, files, swelling, stories, minified, leaks };
        cases.extend(case_checks(Arc::new(case)));
    }
    Ok(lanes::check_all(cases, |(case, checks)| passes(&case, checks)))
}

/// Checks of one line of Node.js, in groups that have nothing to do with each other.
fn case_checks(case: Arc<Case>) -> [(Arc<Case>, Checks); 4] {
    [DEMO, LOGS, REPORTS, QUESTIONS].map(|checks| (Arc::clone(&case), checks))
}

type Checks = &'static [(&'static str, Check)];

/// The second looks at what the first leaves.
const DEMO: Checks = &[("demo", Case::demo), ("fingerprints", fingerprints::check)];
const LOGS: Checks = &[("logs of collections", gc_logs::check)];
const REPORTS: Checks = &[("diagnostic reports", diagnostic_reports::check)];
const QUESTIONS: Checks = &[
    ("report on three snapshots", Case::growth),
    ("report on one snapshot", Case::report),
    ("objects that grow in place", swelling::check),
    ("why", Case::why),
    ("stories", stories::check),
    ("source maps", stories::check_minified),
    ("diff", Case::diff),
    ("classes", Case::classes),
    ("gzip", Case::gzip),
];

/// Checks a group. Returns of each whether it passed.
fn passes(case: &Case, checks: Checks) -> Vec<bool> {
    let result_of = |(name, check): &(&str, Check)| {
        let result = check(case);
        match &result {
            Ok(()) => say!("  ok     node {}: {name}", case.line),
            Err(error) => say!("  FAILED node {}: {name}\n         {error:#}", case.line),
        }
        result.is_ok()
    };
    checks.iter().map(result_of).collect()
}

/// One line of Node.js and its snapshots of a process that leaks sessions and listeners, and has a bounded cache.
struct Case {
    node: PathBuf,
    tool: PathBuf,
    heapwhy: PathBuf,
    scratch: PathBuf,
    line: u32,
    files: Vec<PathBuf>,
    /// The snapshots that `swelling.js` wrote.
    swelling: Vec<PathBuf>,
    /// The snapshot that `stories.js` wrote.
    stories: PathBuf,
    /// The snapshot that `minified.js` wrote.
    minified: PathBuf,
    /// The program that leaks what it is told to.
    leaks: PathBuf,
}

impl Case {
    fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Value> {
        let mut command = Command::new(&self.heapwhy);
        let text = output(command.args(arguments).args(["--json", "--no-index"]).stdin(Stdio::null()))?;
        checked(&text)
    }

    fn last(&self) -> Result<&Path> {
        Ok(self.files.last().context("no snapshots of growth.js")?)
    }

    /// The demo finds its two leaks with their lines, leaves its cache in peace and no process behind.
    fn demo(&self) -> Result<()> {
        let folder = self.scratch.join(format!("demo-node{}", self.line));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let answer = self.scratch.join("demo.json");
        let mut command = Command::new(&self.heapwhy);
        command.args(["demo", "--json", "--no-progress", "--node"]).arg(&self.node).arg("--dir").arg(&folder);
        command.stdin(Stdio::null()).stdout(fs::File::create(&answer)?).stderr(Stdio::null());
        run_within(&mut command, LIMIT)?;
        let report = checked(&fs::read(answer)?)?;
        check_verdict(&report, "growing")?;
        let findings = findings(&report)?;
        let session = finding_of(findings, "Session")?;
        ensure!(names_file(session, "sessions.js"), "no place in sessions.js in {session}");
        ensure!(
            findings.iter().any(|finding| names_file(finding, "bus.js") || names_file(finding, "server.js")),
            "no finding about listeners"
        );
        check_innocent(findings, "Page")?;
        check_snapshots(&folder)?;
        check_nothing_runs(&folder)
    }

    fn growth(&self) -> Result<()> {
        let report = self.ask(&self.files)?;
        check_verdict(&report, "growing")?;
        finding_of(findings(&report)?, "Session")?;
        check_innocent(findings(&report)?, "Entry")
    }

    fn report(&self) -> Result<()> {
        let report = self.ask(&[self.last()?])?;
        ensure!(findings(&report)?.len() <= 3, "more than three suspects");
        ensure!(report["verdict"]["kind"] != "growing", "one snapshot cannot show growth");
        Ok(())
    }

    fn why(&self) -> Result<()> {
        let told = self.ask(&["why".as_ref(), self.last()?.as_os_str(), "Session".as_ref()])?;
        ensure!(told.to_string().contains("sessions"), "the story does not name the variable that holds the sessions");
        Ok(())
    }

    fn diff(&self) -> Result<()> {
        let words = std::iter::once(OsStr::new("diff")).chain(self.files.iter().map(|file| file.as_os_str()));
        let told = self.ask(&words.collect::<Vec<_>>())?;
        let session = row_of(&told["diff"], "Session")?;
        ensure!(session["count_delta"].as_i64().is_some_and(|delta| delta > 0), "sessions do not grow in {session}");
        Ok(())
    }

    fn classes(&self) -> Result<()> {
        let told = self.ask(&["classes".as_ref(), self.last()?.as_os_str()])?;
        let session = row_of(&told["classes"], "Session")?;
        let sizes = ["count", "self_size", "retained_size"].map(|column| session[column].as_u64());
        ensure!(sizes.iter().all(|size| size.is_some_and(|size| size > 0)), "no numbers in {session}");
        Ok(())
    }

    fn gzip(&self) -> Result<()> {
        let packed = self.scratch.join("packed.heapsnapshot.gz");
        let script =
            "const fs = require('fs'); fs.writeFileSync(process.argv[2], require('zlib').gzipSync(fs.readFileSync(process.argv[1])))";
        run(Command::new(&self.tool).args(["-e", script]).arg(self.last()?).arg(&packed))?;
        let [plain, packed] = [self.last()?, &packed].map(|file| self.ask(&["classes".as_ref(), file.as_os_str()]));
        ensure!(plain?["classes"] == packed?["classes"], "another answer for the packed file");
        Ok(())
    }
}

/// Reads an answer, which must be as `schema/report-1.json` says.
pub(crate) fn checked(text: &[u8]) -> Result<Value> {
    let value = serde_json::from_slice(text).context("the answer is not JSON")?;
    let faults = schema::faults(&value);
    ensure!(faults.is_empty(), "the answer does not fit the schema: {}", faults.join("; "));
    Ok(value)
}

fn row_of<'a>(table: &'a Value, class: &str) -> Result<&'a Value> {
    let rows = table["rows"].as_array().context("no table in the answer")?;
    rows.iter().find(|row| row["class"] == class).with_context(|| format!("no row about {class}"))
}

fn check_verdict(report: &Value, kind: &str) -> Result<()> {
    ensure!(report["verdict"]["kind"] == kind, "the verdict is {}, not {kind}", report["verdict"]);
    Ok(())
}

fn findings(report: &Value) -> Result<&Vec<Value>> {
    report["findings"].as_array().context("no findings in the report")
}

fn finding_of<'a>(findings: &'a [Value], class: &str) -> Result<&'a Value> {
    let found = findings.iter().find(|finding| finding["class"] == class);
    found.with_context(|| format!("no finding about {class} among {:?}", findings.iter().map(|one| &one["title"]).collect::<Vec<_>>()))
}

/// What does not grow without bound is no suspect.
fn check_innocent(findings: &[Value], class: &str) -> Result<()> {
    if let Some(finding) = findings.iter().find(|finding| finding["class"] == class) {
        bail!("the bounded cache is a suspect: {}", finding["title"]);
    }
    Ok(())
}

/// Says whether a finding names a place (file and line) in a file.
fn names_file(finding: &Value, file: &str) -> bool {
    let at = |place: &Value| {
        place["file"].as_str().is_some_and(|path| path.ends_with(file)) && place["line"].as_u64().is_some_and(|line| line > 0)
    };
    let hops = finding["path"].as_array().into_iter().flatten();
    at(&finding["location"]) || hops.into_iter().any(|hop| at(&hop["location"]))
}

/// Heaps hold secrets: the three snapshots are for nobody else to read.
fn check_snapshots(folder: &Path) -> Result<()> {
    for number in 1..=3 {
        let path = folder.join(format!("{number}.heapsnapshot"));
        let mode = fs::metadata(&path).with_context(|| format!("no {}", path.display()))?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{} has the mode {mode:o}", path.display());
    }
    Ok(())
}

/// No process runs in `folder` or has it in its command line.
fn check_nothing_runs(folder: &Path) -> Result<()> {
    let folder = folder.canonicalize()?;
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // Processes come and go while we look.
        let Ok(command) = fs::read(path.join("cmdline")) else { continue };
        let command = String::from_utf8_lossy(&command);
        let there = fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder));
        ensure!(
            !there && !command.contains(&*folder.to_string_lossy()),
            "process {} still runs: {}",
            path.display(),
            command.replace('\0', " ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_left_behind_is_found() {
        let folder = std::env::temp_dir().join(format!("xtask-left-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut left = Command::new("sleep").arg("60").current_dir(&folder).spawn().unwrap();
        let found = check_nothing_runs(&folder);
        left.kill().unwrap();
        left.wait().unwrap();
        let gone = check_nothing_runs(&folder);
        fs::remove_dir(&folder).unwrap();
        assert!(found.is_err());
        gone.unwrap();
    }
}
