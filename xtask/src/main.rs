//! `cargo xtask`: all tests with one command, the inputs that they need, and the benchmarks.
//!
//! It needs Rust, Node.js with npm and a C compiler; everything else it fetches through npm into `.cache/`, which git ignores.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "xtask is a command for people; only the product has rules for its output")]

mod bench;
mod cargo_tests;
mod cores;
mod csv;
mod end_to_end;
mod fixtures;
mod fuzz;
mod killed;
mod lanes;
mod layouts;
mod live;
mod memory_group;
mod npm;
mod oracle;
mod say;
mod setup;
mod snapshots;
mod stages;
mod watch;
mod workspace;
mod written;

use crate::say::say;
use anyhow::{Result, bail};
use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--only STAGE]   set up what the tests need and run all of them, or one stage
  test --list           the stages
  setup                 only fetch what the tests need
  snapshots             make the tests' snapshots, and what DevTools' engine says of them
  fixtures              make fixtures/shop anew, on which the README's commands are run
  oracle FILE...        compare heapwhy with DevTools' engine on any snapshots; two or more are also compared with each other
  cores NODE...         as the stage of that name, with any programs: dump each, compare the core with the process's own snapshot
  layouts NODE...       write what other binaries call their instance types into the table of the crate v8mem
  fuzz [TARGET] [--seconds N]
                        run the fuzz targets (snapshot, index, core, report), each for N seconds (60)
  bench snapshots [--size small|medium|large|huge] [--peers] [--repeat N]
                        measure heapwhy, and with --peers other tools, on snapshots of real programs
  bench cores [--size small|large] [--repeat N]
                        measure heapwhy on core dumps of a real program with a heap of 200 MB or 2 GB
  bench capture [--size small|medium|large|huge] [--node LINE] [--repeat N] [--peers]
                        how long a server stands still when it is captured, and with --peers by gcore and by Node's own ways";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    let workspace = Workspace::here()?;
    match arguments {
        ["test"] => return stages::run_all(&workspace),
        ["test", "--list"] => stages::list(),
        ["test", "--only", stage] => return stages::run_one(&workspace, stage),
        ["setup"] => setup::tests(&workspace)?,
        ["snapshots"] => snapshots::all(&workspace).map(|made| say!("{} snapshots", made.len()))?,
        ["fixtures"] => fixtures::make(&workspace)?,
        ["oracle", files @ ..] if !files.is_empty() => return oracle::compare_files(&workspace, files),
        ["cores", programs @ ..] if !programs.is_empty() => return cores::of_programs(&workspace, programs),
        ["layouts", programs @ ..] if !programs.is_empty() => layouts::add(&workspace, programs)?,
        ["fuzz", options @ ..] => return fuzz::fuzz(&workspace, options),
        ["bench", "snapshots", options @ ..] => bench::snapshots(&workspace, options)?,
        ["bench", "cores", options @ ..] => bench::core_dumps::run(&workspace, options)?,
        ["capture-and-die", pid, method, step] => live::capture_and_die(pid, method, step)?,
        ["bench", "capture", options @ ..] => bench::captures::run_all(&workspace, options)?,
        ["measure", out, "--", command @ ..] if !command.is_empty() => return bench::measure::measure_here(out, command),
        [] | ["help" | "--help" | "-h"] => say!("{USAGE}"),
        _ => bail!("unknown arguments: {}\n\n{USAGE}", arguments.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}
