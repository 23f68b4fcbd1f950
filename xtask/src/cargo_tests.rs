//! Cargo's tests: unit, property, documentation and command tests.
//!
//! Many a program of tests is one long test for one core. They are run side by side, which cargo does not do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::lanes;
use crate::say::say;
use crate::setup;
use crate::stages::Tally;
use crate::workspace::{NODE_LINES, Workspace, output};

/// Runs all of them and adds up what they report.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    setup::tests(workspace)?;
    let mut tally = lanes::check_all(test_programs(workspace)?, |program| each(tested(&program.name, &mut program.command(workspace))));
    each(tested("documentation", &mut workspace.cargo(&["test", "--workspace", "--doc", "--locked"]))).for_each(|passed| tally.add(passed));
    Ok(tally)
}

/// A program of tests.
struct TestProgram {
    /// What it is called, as people know it: its package and its target.
    name: String,
    program: PathBuf,
    /// The folder of its package, where cargo would run it.
    folder: PathBuf,
}

impl TestProgram {
    fn command(&self, workspace: &Workspace) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        if let Ok(nodes) = std::env::join_paths(NODE_LINES.map(|line| workspace.node(line))) {
            command.env("HEAPWHY_TEST_NODES", nodes);
        }
        command
    }
}

/// Builds all programs of tests, and lists them.
fn test_programs(workspace: &Workspace) -> Result<Vec<TestProgram>> {
    let arguments = ["test", "--workspace", "--locked", "--quiet", "--no-run", "--message-format=json-render-diagnostics"];
    let told = output(&mut workspace.cargo(&arguments))?;
    let messages = String::from_utf8(told)?.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let programs: Vec<TestProgram> = messages.iter().filter_map(test_program).collect();
    if programs.is_empty() {
        bail!("cargo has built no tests");
    }
    Ok(programs)
}

fn test_program(message: &Value) -> Option<TestProgram> {
    let program = message["executable"].as_str().filter(|_| message["profile"]["test"] == true)?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    let package = folder.file_name()?.to_string_lossy();
    let name = format!("{package} {}", message["target"]["name"].as_str()?);
    Some(TestProgram { name, program: program.into(), folder })
}

fn each(tally: Tally) -> impl Iterator<Item = bool> {
    [(true, tally.passed), (false, tally.failed)].into_iter().flat_map(|(passed, times)| std::iter::repeat_n(passed, times as usize))
}

/// Runs tests, and says how they went when they are through. An ignored test is a failed one.
fn tested(name: &str, command: &mut Command) -> Tally {
    let failed = Tally { passed: 0, failed: 1 };
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => {
            say!("{name}: cannot run: {error}");
            return failed;
        }
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut tally = Tally::default();
    for counts in out.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        let [passed, failed, ignored] = [" passed", " failed", " ignored"].map(|what| count_before(counts, what));
        tally.passed += passed;
        tally.failed += failed + ignored;
        say!("{name}: {counts}");
    }
    if output.status.success() {
        return tally;
    }
    say!("{name}: {}\n{out}{err}", output.status);
    if tally.failed == 0 { failed } else { tally }
}

/// The number that stands before `what`.
fn count_before(line: &str, what: &str) -> u32 {
    let number = line.split(what).next().and_then(|before| before.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::count_before;

    #[test]
    fn counts_are_read_from_cargos_line() {
        let line = "ok. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!([" passed", " failed", " ignored", " absent"].map(|what| count_before(line, what)), [12, 3, 1, 0]);
    }
}
