//! The npm package: its rule and its bad input on every line of Node.js, leaks that are known, test runners, packing and types.
//!
//! What a part finds is said as it is found. Leaks are judged one process at a time on each core: they are measured.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::killed::{Killed, ended_within};
use crate::lanes;
use crate::setup;
use crate::stages::{Tally, tell};
use crate::workspace::{NODE_LINES, Profile, Workspace};

/// Programs that leak, and the same without their leak.
mod leaks;
/// Test runners, in a project that has the package from files.
mod runners;

/// The stage `npm`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    setup::tests(workspace)?;
    setup::runners(workspace)?;
    // Without symbolic links: modules are known by where they really lie, and a case looks for one of its own by its name.
    let scratch = fs::canonicalize(&workspace.scratch)?;
    let place = Place { workspace, heapwhy: workspace.heapwhy(Profile::Debug)?, scratch };
    let leaks = leaks::jobs(&place)?;
    let project = runners::project(&place)?;
    // The longest first.
    let mut jobs: Vec<Job> = runners::CHECKS.iter().map(|check| Job::Runner(check, &project)).collect();
    jobs.extend(NODE_LINES.map(Job::Own));
    jobs.extend(leaks.into_iter().map(Job::Leak));
    Ok(lanes::check_all(jobs, |job| [passes(&place, job)]))
}

/// What all checks need.
struct Place<'a> {
    workspace: &'a Workspace,
    heapwhy: PathBuf,
    scratch: PathBuf,
}

enum Job<'a> {
    /// The package's own tests.
    Own(u32),
    Leak(leaks::Job),
    Runner(&'static runners::Check, &'a Path),
}

fn passes(place: &Place<'_>, job: Job<'_>) -> bool {
    match job {
        Job::Own(line) => tell("the package's own tests", line, &own_tests(place, line)),
        Job::Leak(job) => tell(&job.name(), job.line, &job.check(place)),
        Job::Runner(check, project) => tell(check.name, check.line, &check.run(place, project)),
    }
}

/// Runs the tests that lie in the package, each file by itself: on Node.js 16 `--test` counts files.
fn own_tests(place: &Place<'_>, line: u32) -> Result<String> {
    let folder = place.workspace.root.join("npm/test");
    let mut said = Vec::new();
    for file in ["rule.test.js", "words.test.js", "bad-input.test.js"] {
        let told = ended(place.node(line).arg(folder.join(file)))?;
        ensure!(told.success, "{file} failed:\n{}", told.tail());
        // Both of the formats that `node:test` prints without being asked.
        let passed = told.text.lines().find_map(|line| line.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix("pass "));
        said.push(format!("{} of {file}", passed.context("no count of tests")?));
    }
    Ok(said.join(", "))
}

impl Place<'_> {
    /// Node.js of a line, with heapwhy at hand and nothing that changes what it does.
    fn node(&self, line: u32) -> Command {
        let mut command = Command::new(self.workspace.node(line));
        command.env("HEAPWHY_BIN", &self.heapwhy).env_remove("NODE_OPTIONS").env_remove("NODE_TEST_CONTEXT");
        command.env("TMPDIR", &self.scratch).env("NO_COLOR", "1").env_remove("FORCE_COLOR");
        command
    }
}

/// How a process ended, and what it has said.
struct Told {
    success: bool,
    text: String,
}

impl Told {
    /// The end of it.
    fn tail(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n")
    }
}

/// How long a check may take on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs a command to its end, and reads all that it says from a file: a pipe could be kept open by a child that was left behind.
fn ended(command: &mut Command) -> Result<Told> {
    let scratch = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(scratch.try_clone()?).stderr(scratch.try_clone()?);
    let mut child = Killed(command.spawn().context("cannot run it")?);
    let Some(status) = ended_within(&mut child, LIMIT)? else { bail!("was still running after {} s", LIMIT.as_secs()) };
    let mut scratch = scratch;
    std::io::Seek::rewind(&mut scratch)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut scratch, &mut bytes)?;
    Ok(Told { success: status.success(), text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
