//! `cargo xtask fuzz`: builds the fuzz targets with coverage, on the compiler at hand, and runs each for a while.
//!
//! What cargo-fuzz does, less the sanitizers, which need a nightly compiler and find only what `unsafe` code does wrong. Inputs that found
//! new paths stay in the ignored folder, `fuzz/corpus` has those that tests replay.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::say::say;
use crate::workspace::{Workspace, run};

const TARGETS: [&str; 4] = ["snapshot", "report", "index", "core"];

const SECONDS: u64 = 60;

/// The passes of LLVM that count what code a run reaches, as cargo-fuzz sets them; overflows are faults too.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions=on -Coverflow-checks=on";

/// Runs the targets that `arguments` name, or all.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[&str]) -> Result<ExitCode> {
    let (targets, seconds) = wanted(arguments)?;
    let built = build(workspace)?;
    let mut failed = false;
    for target in targets {
        say!("== {target}: {seconds} s");
        let found = workspace.cache.join("fuzz").join(target);
        let crashes = workspace.cache.join("fuzz/crashes");
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&crashes)?;
        let mut command = Command::new(built.join(target));
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/{target}-", crashes.display()));
        command.args(["-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1"]);
        command.arg(&found).arg(workspace.root.join("fuzz/corpus").join(target)).stdin(Stdio::null());
        if let Err(error) = run(&mut command) {
            say!("FAILED  {target}: {error:#}; the input is in {}", crashes.display());
            failed = true;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn wanted<'a>(arguments: &[&'a str]) -> Result<(Vec<&'a str>, u64)> {
    let (mut targets, mut seconds) = (Vec::new(), SECONDS);
    let mut left = arguments.iter();
    while let Some(&argument) = left.next() {
        if argument == "--seconds" {
            seconds = left.next().and_then(|number| number.parse().ok()).context("--seconds needs a number")?;
        } else {
            ensure!(TARGETS.contains(&argument), "no fuzz target is called {argument}; there are {}", TARGETS.join(", "));
            targets.push(argument);
        }
    }
    Ok((if targets.is_empty() { TARGETS.to_vec() } else { targets }, seconds))
}

/// Builds all targets, and returns the folder where they are. With `--target`, flags are not for build scripts.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let told = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let told = String::from_utf8(told.stdout)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not tell its host")?;
    let folder = workspace.cache.join("fuzz/target");
    let mut build = workspace.cargo(&["build", "--release", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--target", host]);
    run(build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &folder)).context("cannot build the fuzz targets")?;
    Ok(folder.join(host).join("release"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_arguments() {
        assert_eq!(wanted(&[]).unwrap(), (vec!["snapshot", "report", "index", "core"], SECONDS));
        assert_eq!(wanted(&["index", "--seconds", "5"]).unwrap(), (vec!["index"], 5));
        for wrong in [&["other"][..], &["--seconds"], &["--seconds", "x"]] {
            assert!(wanted(wrong).is_err(), "{wrong:?}");
        }
    }

    /// Every target that there is can be run by name.
    #[test]
    fn knows_all_targets() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets");
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(names, TARGETS);
    }
}
