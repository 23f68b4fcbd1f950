//! Test runners, each in a project that has the package from the file that `npm pack` made: a leak fails with its path, the rest passes.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, copy, ended};
use crate::workspace::{TOOL_LINE, output, run};

/// A runner on a line of Node.js.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) line: u32,
    /// What Node.js is told to run, in the project.
    arguments: &'static [&'static str],
    /// What it must say, besides the leak's story.
    says: &'static [&'static str],
    sample: Sample,
}

/// What the samples hold.
#[derive(Clone, Copy, PartialEq)]
enum Sample {
    /// One test that must fail with a path to the guilty line.
    Leaks,
    /// No leak: all must pass.
    Fixed,
}

const JEST: &[&str] = &["node_modules/jest/bin/jest.js", "--ci", "--runInBand", "--runTestsByPath", "jest.test.js"];
const MOCHA: &[&str] = &["node_modules/mocha/bin/mocha.js", "mocha.test.js"];
const TAP: &[&str] = &[
    "node_modules/tap/dist/esm/run.mjs",
    "--disable-coverage",
    "--allow-empty-coverage",
    "--timeout=200",
    "--reporter=tap",
    "tap.test.js",
];
const FORKS: &[&str] = &["node_modules/vitest/vitest.mjs", "run", "--pool=forks", "vitest.test.mjs"];
const THREADS: &[&str] = &["node_modules/vitest/vitest.mjs", "run", "--pool=threads", "vitest.test.mjs"];
const VM_FORKS: &[&str] = &["node_modules/vitest/vitest.mjs", "run", "--pool=vmForks", "vitest.test.mjs"];
const OWN: &[&str] = &["--test", "node.test.mjs"];

/// A check whose samples leak.
const fn leaks(name: &'static str, line: u32, arguments: &'static [&'static str], says: &'static [&'static str]) -> Check {
    Check { name, line, arguments, says, sample: Sample::Leaks }
}

/// All checks, the longest first.
pub(super) const CHECKS: &[Check] = &[
    leaks("Jest", 24, JEST, &["1 failed, 5 passed"]),
    leaks("Vitest, forks with contexts", 24, VM_FORKS, &["1 failed | 5 passed"]),
    leaks("Jest", 18, JEST, &["1 failed, 5 passed"]),
    leaks("tap", 24, TAP, &["not ok 1 - tap.test.js", "# Subtest: a planted leak is found"]),
    leaks("Vitest, threads", 26, THREADS, &["1 failed | 5 passed"]),
    leaks("Vitest, forks", 22, FORKS, &["1 failed | 5 passed"]),
    leaks("Mocha", 20, MOCHA, &["4 passing", "1 failing"]),
    leaks("Mocha", 26, MOCHA, &["4 passing", "1 failing"]),
    // Node.js 16 counts files, and names the test that failed.
    leaks("node:test", 16, OWN, &["registered: leaks"]),
    leaks("node:test", 18, OWN, &["# pass 4", "# fail 1"]),
    leaks("node:test", 20, OWN, &["pass 4", "fail 1"]),
    leaks("node:test", 22, OWN, &["pass 4", "fail 1"]),
    leaks("node:test", 24, OWN, &["pass 4", "fail 1"]),
    leaks("node:test", 26, OWN, &["pass 4", "fail 1"]),
    Check { name: "node:test, fixed", line: 24, arguments: OWN, says: &["pass 5", "fail 0"], sample: Sample::Fixed },
    Check { name: "Jest, fixed", line: 24, arguments: JEST, says: &["Tests:       6 passed"], sample: Sample::Fixed },
    plain("imported and required", 16, &["both.mjs"], &["12 functions and classes"]),
    plain("imported and required", 26, &["both.mjs"], &["12 functions and classes"]),
    plain("types", TOOL_LINE, &["node_modules/typescript/bin/tsc", "--noEmit", "-p", "."], &[]),
];

/// A program that must end well.
const fn plain(name: &'static str, line: u32, arguments: &'static [&'static str], says: &'static [&'static str]) -> Check {
    Check { name, line, arguments, says, sample: Sample::Fixed }
}

impl Check {
    pub(super) fn run(&self, place: &Place<'_>, project: &Path) -> Result<String> {
        let mut command = place.node(self.line);
        command.current_dir(project).args(self.arguments).env("CI", "1");
        if self.sample == Sample::Fixed {
            command.env("HEAPWHY_SAMPLES", "fixed");
        }
        let told = ended(&mut command)?;
        ensure!(told.success == (self.sample == Sample::Fixed), "the exit code is wrong:\n{}", told.tail());
        let mut said = self.says.to_vec();
        if self.sample == Sample::Leaks {
            // The signal and its rate, the variable that holds, the line of the class.
            said.extend(["leak: every call leaves 2 objects behind", "const sessions", "leaky.js:", "cut here", "Session"]);
        }
        let text = plainly(&told.text);
        for words in &said {
            ensure!(text.contains(words), "does not say \"{words}\":\n{}", told.tail());
        }
        Ok(self.says.join(", "))
    }
}

/// A text without colours, which some runners print whatever they are told.
fn plainly(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

/// Packs the package and installs it from the file into an empty project, beside the runners and the samples.
pub(super) fn project(place: &Place<'_>) -> Result<PathBuf> {
    let root = &place.workspace.root;
    let project = place.scratch.join("project");
    copy(&root.join("tests/runners/samples"), &project)?;
    fs::write(project.join("package.json"), r#"{ "name": "project", "private": true }"#)?;
    fs::write(
        project.join("tsconfig.json"),
        r#"{ "compilerOptions": { "strict": true, "module": "nodenext", "target": "es2022", "types": [] }, "files": ["types.mts", "types.cts"] }"#,
    )?;
    let packed = pack(&root.join("npm"), &place.scratch)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"]).arg(packed).current_dir(&project);
    run(npm.env("NODE_OPTIONS", "").stdout(std::process::Stdio::null())).context("the package cannot be installed from its file")?;
    link_modules(&place.workspace.modules("runners"), &project.join("node_modules"))?;
    Ok(project)
}

/// Packs the package, and checks what is in it: no tests, no install script, no dependency.
fn pack(package: &Path, to: &Path) -> Result<PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--json", "--pack-destination"]).arg(to).current_dir(package).env("NODE_OPTIONS", "");
    let told: serde_json::Value = serde_json::from_slice(&output(&mut npm)?).context("npm pack said no JSON")?;
    // npm 11 prints a list, later ones an object by name.
    let packed = told.get(0).or_else(|| told.get("heapwhy")).context("nothing was packed")?;
    let names: Vec<&str> = packed["files"].as_array().into_iter().flatten().filter_map(|file| file["path"].as_str()).collect();
    for needed in ["package.json", "index.cjs", "index.mjs", "index.d.ts", "index.d.mts", "lib/rule.js"] {
        ensure!(names.contains(&needed), "{needed} is not packed: {names:?}");
    }
    ensure!(!names.iter().any(|name| name.starts_with("test") || name.starts_with("vectors")), "tests are packed: {names:?}");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(package.join("package.json"))?)?;
    ensure!(manifest.get("scripts").is_none() && manifest.get("dependencies").is_none(), "the package has scripts or dependencies");
    Ok(to.join(packed["filename"].as_str().context("no name of the packed file")?))
}

/// Links the runners into the project's modules: they are installed once for all runs.
fn link_modules(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let link = to.join(entry.file_name());
        if !link.exists() {
            symlink(entry.path(), link)?;
        }
    }
    Ok(())
}
