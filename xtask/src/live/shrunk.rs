//! A process whose heap was large and is small: pages that V8 has let go are no part of its heap, and hide nothing of it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::end_to_end::checked;
use crate::killed::Killed;
use crate::workspace::{Profile, Workspace};

/// Nothing of such a process's heap may be more than V8 says by more than this: it runs meanwhile.
const SLACK: u64 = 1 << 20;

/// The heap is as large as V8 says, what V8 counts of it is found, and the rest is told apart.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let mut command = Command::new(workspace.node(line));
    command.arg("--expose-gc").arg(workspace.root.join("tests/live/shrunk.js")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Killed(command.spawn().context("cannot start the program")?);
    let mut text = String::new();
    BufReader::new(process.stdout.take().context("no output")?).read_line(&mut text)?;
    let told: Value = serde_json::from_str(&text)?;
    let ask = |words: &[&str]| -> Result<Value> {
        let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
        let output = command.args(words).arg(process.id().to_string()).args(["--json", "--limit", "0"]).output()?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        checked(&output.stdout)
    };
    let spaces = ask(&["spaces"])?;
    let rows = spaces["spaces"]["rows"].as_array().context("no spaces")?;
    let old = rows.iter().find(|row| row["space"] == "old_space").and_then(|row| row["committed"].as_u64()).context("no old space")?;
    let by_v8 = told["old"].as_u64().context("V8 says nothing")?;
    ensure!(old.abs_diff(by_v8) <= SLACK, "its old space has {old} bytes, V8 says {by_v8}");
    let ledger = ask(&["ledger"])?["footprint"].take();
    let of = |name: &str| ledger["uses"][name].as_u64().unwrap_or(0);
    ensure!(of("heap_garbage") <= 2 * SLACK, "{} bytes are garbage after a full collection", of("heap_garbage"));
    ensure!(ledger["old_generation"]["limit"].is_u64(), "V8's limit is not known: {ledger}");
    let (bytes, explained) = (ledger["bytes"].as_u64().unwrap_or(0), ledger["explained"].as_u64().unwrap_or(0));
    ensure!(explained * 100 >= bytes * 97, "{explained} of {bytes} bytes are explained");
    // What watches a process without stopping it reads the same counters.
    let watched = ask(&["watch", "--every", "500ms", "--for", "1s"])?;
    let floor =
        watched.pointer("/samples/rows/0/heap_old_used").and_then(Value::as_u64).context("its heap is unknown while it is watched")?;
    Ok(format!("old space {old} bytes, {floor} of the old generation in use, {} let go", of("heap_let_go")))
}
