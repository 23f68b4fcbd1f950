//! What heapwhy says of logs of garbage collections that real processes write, in both forms.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::{Command, Stdio};

use super::Case;
use crate::workspace::output;

/// What the program does, and what the floor of its heap does.
const MODES: [(&str, &str); 4] = [("growing", "growing"), ("filling", "filling-to-a-bound"), ("lazy", "lazy-gc"), ("flat", "flat")];

/// Checks each in both forms: one kind of log must say what the other says.
pub(super) fn check(case: &Case) -> Result<()> {
    for form in ["--trace-gc", "--trace-gc-nvp"] {
        for (mode, expect) in MODES {
            let told = judged(case, form, mode)?;
            ensure!(told["trend"] == expect, "{mode} by {form}: {told}");
            ensure!(told["full"].as_u64() >= Some(18) && told["thrashing"] == false, "{mode} by {form}: {told}");
        }
        let told = judged(case, form, "thrashing")?;
        ensure!(told["thrashing"] == true, "thrashing by {form}: {told}");
    }
    Ok(())
}

fn judged(case: &Case, form: &str, mode: &str) -> Result<Value> {
    let program = case.leaks.with_file_name("collecting.js");
    let mut command = Command::new(&case.node);
    // So V8 collects nothing by itself, in the middle of a step.
    let text = output(command.args(["--expose-gc", "--initial-heap-size=400", form]).arg(program).arg(mode).stdin(Stdio::null()))?;
    let log = case.scratch.join(format!("gc-{}.log", case.line));
    std::fs::write(&log, text)?;
    let answer = case.ask(&["gc".as_ref(), log.as_os_str()])?;
    if mode == MODES[0].0 {
        // Nobody has to say that it is one.
        ensure!(case.ask(&[&log])?["gc"] == answer["gc"], "{mode} by {form}: another answer without `gc`");
    }
    std::fs::remove_file(log)?;
    answer["gc"].get(0).cloned().context("no isolate")
}
