//! `cargo xtask test`: the stages, one after the other, each with its own result; nothing is skipped.

use crate::say::say;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::workspace::{Workspace, run};
use crate::{cargo_tests, cores, end_to_end, live, npm, oracle, setup, snapshots, watch, written};

/// How many passed and failed.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Passed.
    pub(crate) passed: u32,
    /// Failed.
    pub(crate) failed: u32,
}

impl Tally {
    /// Counts one more.
    pub(crate) fn add(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Says how a check went. Returns whether it passed.
pub(crate) fn tell(name: &str, line: u32, result: &Result<String>) -> bool {
    match result {
        Ok(what) => say!("ok      node {line} {name}: {what}"),
        Err(error) => say!("FAILED  node {line} {name}: {error:#}"),
    }
    result.is_ok()
}

struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<Tally>,
}

const STAGES: &[Stage] = &[
    Stage { name: "setup", about: "fetch Node.js 16 to 26, DevTools' engine and memlab through npm", run: fetch },
    Stage { name: "fmt", about: "cargo fmt --check", run: |workspace| cargo(workspace, &["fmt", "--all", "--", "--check"]) },
    Stage { name: "clippy", about: "cargo clippy, warnings are errors", run: clippy },
    Stage { name: "house", about: "every source file says what it knows, and none is too long", run: house },
    Stage {
        name: "test",
        about: "unit, property, documentation and command tests, those with a real Node.js on every line",
        run: cargo_tests::stage,
    },
    Stage { name: "snapshots", about: "make snapshots on every Node.js; DevTools' engine reads each", run: make_snapshots },
    Stage {
        name: "oracle",
        about: "every node, class, change, filter, string, realm and retaining path is what DevTools' engine says",
        run: oracle::stage,
    },
    Stage { name: "written", about: "what heapwhy writes, DevTools' engine and memlab load", run: written::stage },
    Stage { name: "cores", about: "core dumps of every Node.js hold what the process's own snapshot does", run: cores::stage },
    Stage {
        name: "live",
        about: "running processes are captured, hold what their own snapshot does, and are none the worse for it",
        run: live::stage,
    },
    Stage {
        name: "attach",
        about: "running processes are asked over their inspector, on every Node.js, which is closed again on every path",
        run: live::attaching::stage,
    },
    Stage { name: "watch", about: "what is said of running processes from outside is what they say themselves", run: watch::stage },
    Stage { name: "end-to-end", about: "the demo and the main questions, on every Node.js", run: end_to_end::stage },
    Stage { name: "npm", about: "the npm package's leak tests: known leaks, runners, bad input, on every Node.js", run: npm::stage },
];

/// `cargo xtask test --list`.
pub(crate) fn list() {
    for Stage { name, about, .. } in STAGES {
        say!("{name:<10} {about}");
    }
}

/// `cargo xtask test --only STAGE`.
pub(crate) fn run_one(workspace: &Workspace, name: &str) -> Result<ExitCode> {
    let stage = STAGES.iter().find(|stage| stage.name == name).with_context(|| format!("no stage is named {name}; see --list"))?;
    Ok(run_stages(workspace, std::slice::from_ref(stage)))
}

/// `cargo xtask test`.
pub(crate) fn run_all(workspace: &Workspace) -> Result<ExitCode> {
    Ok(run_stages(workspace, STAGES))
}

fn run_stages(workspace: &Workspace, stages: &[Stage]) -> ExitCode {
    let mut results = Vec::new();
    for stage in stages {
        say!("== {}: {}", stage.name, stage.about);
        let started = Instant::now();
        let tally = (stage.run)(workspace).unwrap_or_else(|error| {
            say!("error: {error:#}");
            Tally { passed: 0, failed: 1 }
        });
        results.push((stage.name, tally, started.elapsed().as_secs_f64()));
    }
    let mut total = Tally::default();
    say!();
    for (name, tally, seconds) in results {
        let verdict = if tally.failed == 0 { "ok" } else { "FAILED" };
        say!("{verdict:<6}  {name:<10}  {seconds:>6.1} s  {tally}");
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    say!("{total}");
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const ONE: Tally = Tally { passed: 1, failed: 0 };

fn fetch(workspace: &Workspace) -> Result<Tally> {
    setup::memlab(workspace)?;
    setup::engine(workspace).map(|_| ONE)
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<Tally> {
    run(&mut workspace.cargo(arguments)).map(|()| ONE)
}

fn clippy(workspace: &Workspace) -> Result<Tally> {
    cargo(workspace, &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])
}

fn make_snapshots(workspace: &Workspace) -> Result<Tally> {
    let count = u32::try_from(snapshots::all(workspace)?.len())?;
    Ok(Tally { passed: count, failed: 0 })
}

const MAX_LINES: usize = 800;

/// Checks what STYLE.md asks of files: a first line that says what the file knows, and no more than 800 lines.
fn house(workspace: &Workspace) -> Result<Tally> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask"] {
        sources(&workspace.root.join(folder), &mut files)?;
    }
    if files.is_empty() {
        bail!("no source files");
    }
    let mut tally = Tally::default();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let complaint = match text.lines().count() {
            lines if lines > MAX_LINES => Some(format!("has {lines} lines, more than {MAX_LINES}")),
            _ if !text.starts_with("//!") => Some("does not begin with //! and what it knows".to_owned()),
            _ => None,
        };
        if let Some(complaint) = &complaint {
            say!("{} {complaint}", file.strip_prefix(&workspace.root).unwrap_or(&file).display());
        }
        tally.add(complaint.is_none());
    }
    Ok(tally)
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
