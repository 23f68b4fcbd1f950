//! heapwhy from end to end on every line of Node.js: the demo, and the main questions about snapshots of a process that leaks.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::snapshots;
use crate::stages::Tally;
use crate::workspace::{NODE_LINES, Profile, TOOL_LINE, Workspace, output, run, run_within};

const LIMIT: Duration = Duration::from_secs(180);

type Check = fn(&Case) -> Result<()>;

/// The stage `end-to-end`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    let snapshots = snapshots::all(workspace)?;
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let scratch = workspace.cache.join("scratch");
    fs::create_dir_all(&scratch)?;
    let mut tally = Tally::default();
    for line in NODE_LINES {
        let grown = |step: &str| snapshots.iter().find(|one| one.name == format!("node{line}/growth-{step}")).map(|one| one.file.clone());
        let files: Vec<PathBuf> = ["1", "2", "3"].into_iter().filter_map(grown).collect();
        let tool = workspace.node(TOOL_LINE);
        let case = Case { node: workspace.node(line), tool, heapwhy: heapwhy.clone(), scratch: scratch.clone(), line, files };
        let checks: [(&str, Check); 5] = [
            ("demo", Case::demo),
            ("report on three snapshots", Case::growth),
            ("report on one snapshot", Case::report),
            ("why", Case::why),
            ("gzip", Case::gzip),
        ];
        for (name, check) in checks {
            let result = check(&case);
            println!("  {:<6} node {line}: {name}", if result.is_ok() { "ok" } else { "FAILED" });
            if let Err(error) = &result {
                println!("         {error:#}");
            }
            tally.add(result.is_ok());
        }
    }
    Ok(tally)
}

/// One line of Node.js and its snapshots of a process that leaks sessions and listeners, and has a bounded cache.
struct Case {
    node: PathBuf,
    tool: PathBuf,
    heapwhy: PathBuf,
    scratch: PathBuf,
    line: u32,
    files: Vec<PathBuf>,
}

impl Case {
    fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Value> {
        let mut command = Command::new(&self.heapwhy);
        let text = output(command.args(arguments).args(["--json", "--no-index"]).stdin(Stdio::null()))?;
        serde_json::from_slice(&text).context("the answer is not JSON")
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
        let report: Value = serde_json::from_slice(&fs::read(answer)?).context("the answer is not JSON")?;
        check_verdict(&report, "growing")?;
        let findings = findings(&report)?;
        let session = finding_of(findings, "Session")?;
        ensure!(names_file(session, "sessions.js"), "no place in sessions.js in {session}");
        ensure!(
            findings.iter().any(|finding| names_file(finding, "bus.js") || names_file(finding, "server.js")),
            "no finding about listeners"
        );
        check_innocent(findings, "Page")?;
        ensure!(snapshots_in(&folder)? == 3, "not three snapshots in {}", folder.display());
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

fn snapshots_in(folder: &Path) -> Result<usize> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(names.iter().filter(|path| path.extension().is_some_and(|extension| extension == "heapsnapshot")).count())
}

/// No process has `folder` in its command line.
fn check_nothing_runs(folder: &Path) -> Result<()> {
    let folder = folder.to_string_lossy();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // Processes come and go while we look.
        let Ok(command) = fs::read(path.join("cmdline")) else { continue };
        let command = String::from_utf8_lossy(&command);
        ensure!(!command.contains(&*folder), "process {} still runs: {}", path.display(), command.replace('\0', " "));
    }
    Ok(())
}
