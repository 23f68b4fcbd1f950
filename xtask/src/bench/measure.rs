//! Measures one process and its threads: wall time, CPU time, peak resident memory.
//!
//! The kernel's count of peak memory is the largest of all children ever waited for, so each measurement has a parent of its own:
//! `xtask measure OUT -- COMMAND`.

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::workspace::Workspace;

/// What a process took.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of all its threads, in user and system mode.
    pub(crate) cpu: f64,
    /// The most bytes that it had resident.
    pub(crate) peak_rss: u64,
}

impl Measure {
    /// The median of each value by itself.
    pub(crate) fn median(measures: &[Self]) -> Self {
        fn middle<T: Copy>(measures: &[Measure], get: impl Fn(&Measure) -> T, compare: impl Fn(&T, &T) -> std::cmp::Ordering) -> T {
            let mut values: Vec<T> = measures.iter().map(get).collect();
            values.sort_by(compare);
            values[values.len() / 2]
        }
        Self {
            wall: middle(measures, |m| m.wall, f64::total_cmp),
            cpu: middle(measures, |m| m.cpu, f64::total_cmp),
            peak_rss: middle(measures, |m| m.peak_rss, u64::cmp),
        }
    }
}

/// Runs `command` and measures it; fails if it fails or answers nothing.
pub(crate) fn measure(workspace: &Workspace, command: &[OsString], variables: &[(&str, PathBuf)]) -> Result<Measure> {
    let out = workspace.scratch.join("measure.json");
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("measure").arg(&out).arg("--").args(command).envs(variables.iter().map(|(name, value)| (name, value)));
    let output = child.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.lines().find(|line| line.to_lowercase().contains("error")).unwrap_or("it ended without success").trim());
    }
    if output.stdout.is_empty() {
        bail!("it answered nothing");
    }
    let measured: Value = serde_json::from_slice(&fs::read(out)?)?;
    let number = |name: &str| measured[name].as_f64().with_context(|| format!("no {name} measured"));
    Ok(Measure { wall: number("wall")?, cpu: number("cpu")?, peak_rss: measured["peak_rss"].as_u64().context("no peak_rss measured")? })
}

/// `xtask measure OUT -- COMMAND`: runs the command as its only child.
pub(crate) fn measure_here(out: &str, command: &[&str]) -> Result<ExitCode> {
    let started = Instant::now();
    let status = Command::new(command[0]).args(&command[1..]).status().with_context(|| format!("error: cannot run {}", command[0]))?;
    let wall = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    // Linux counts kilobytes.
    let peak_rss = u64::try_from(usage.max_rss())? * 1024;
    fs::write(out, json!({ "wall": wall, "cpu": cpu, "peak_rss": peak_rss }).to_string())?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
