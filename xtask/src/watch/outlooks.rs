//! What `heapwhy watch` makes of a process that leaks, of one that does not, and of one that ends.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Watched;
use crate::end_to_end::checked;
use crate::workspace::{Profile, Workspace};

/// A leak is growth, as fast as the process itself says, and a limit is named.
pub(super) fn growing(workspace: &Workspace, line: u32) -> Result<String> {
    let mut process = Watched::start(workspace, line, &["--max-old-space-size=900".to_owned()])?;
    ["churn 300", "leak 400"].iter().try_for_each(|what| process.ask(what).map(drop))?;
    let (began, before) = (Instant::now(), process.ask("gc 1")?);
    let told = watch(workspace, &process, &["--every", "50ms", "--for", "6s"], |_| Ok(()))?;
    let after = process.ask("gc 1")?;
    let used = |told: &Value| told["heap"]["used_heap_size"].as_f64().context("no use");
    let rate = (used(&after)? - used(&before)?) / began.elapsed().as_secs_f64();
    let watched = &told["watch"];
    ensure!(watched["trend"] == "growing", "{watched}");
    let slope = watched["floor"]["slope"]["bytes_per_second"].as_f64().context("no slope")?;
    ensure!((rate * 0.5..rate * 2.0).contains(&slope), "{slope} bytes a second, the process says {rate}");
    ensure!(watched["reached"][0]["limit"] == "heap", "{}", watched["reached"]);
    let seconds = watched["reached"][0]["seconds"].as_f64().context("no time")?;
    let left = (900_u64 << 20) as f64 - used(&after)?;
    ensure!((left / rate * 0.4..left / rate * 2.5).contains(&seconds), "in {seconds} s, {} by the process itself", left / rate);
    ensure!(told["exit"] == 0 && told["samples"]["rows"].as_array().map_or(0, Vec::len) > 20, "exit {}", told["exit"]);
    Ok(format!("{} full collections, {slope:.0} bytes a second ({rate:.0})", watched["full_collections"]))
}

/// Garbage is no growth. Nor does a process that ends reach a limit: that is told by the exit code.
pub(super) fn steady(workspace: &Workspace, line: u32) -> Result<String> {
    let mut process = Watched::start(workspace, line, &["--max-old-space-size=300".to_owned()])?;
    ["grow 50000", "gc 2", "churn 200"].iter().try_for_each(|what| process.ask(what).map(drop))?;
    let metrics = workspace.scratch.join(format!("watched-{line}.prom"));
    let path = metrics.to_string_lossy().into_owned();
    let told = watch(workspace, &process, &["--every", "50ms", "--for", "60s", "--prometheus-file", &path], |pid| {
        let first = collections(&metrics, 0)?;
        collections(&metrics, first + 9)?;
        Command::new("kill").args(["-KILL", &pid.to_string()]).status()?;
        Ok(())
    })?;
    let watched = &told["watch"];
    ensure!(watched["trend"] == "flat" || watched["trend"] == "lazy-gc", "{watched}");
    ensure!(watched["reached"].as_array().is_some_and(Vec::is_empty), "{}", watched["reached"]);
    ensure!(told["exit"] == 6 && watched["ended"] == true, "exit {}: {watched}", told["exit"]);
    let text = std::fs::read_to_string(&metrics)?;
    std::fs::remove_file(metrics)?;
    let limit = format!("v8js_memory_heap_limit_bytes{{pid=\"{}\"}} {}", process.pid(), 300 << 20);
    ensure!(text.lines().any(|line| line == limit), "no {limit} in {text}");
    let is_sample = |line: &str| line.starts_with("# ") || line.rsplit_once("} ").is_some_and(|(_, value)| value.parse::<u64>().is_ok());
    ensure!(text.lines().filter(|line| !line.is_empty()).all(is_sample), "{text}");
    Ok(format!("{}, {} full collections", watched["trend"], watched["full_collections"]))
}

/// Waits until the last look saw at least so many full collections, and returns how many.
fn collections(metrics: &Path, least: u64) -> Result<u64> {
    const LIMIT: Duration = Duration::from_secs(50);
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(metrics).unwrap_or_default();
        let count = text.lines().find(|line| line.starts_with("heapwhy_full_collections_total{"));
        match count.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()) {
            Some(count) if count >= least => return Ok(count),
            _ => ensure!(began.elapsed() < LIMIT, "{least} full collections were not seen: {text}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Watches a process, does something meanwhile, and returns what was told, with the exit code beside.
fn watch(workspace: &Workspace, process: &Watched, options: &[&str], meanwhile: impl FnOnce(u32) -> Result<()>) -> Result<Value> {
    let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
    command.args(["watch", &process.pid().to_string(), "--json"]).args(options);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    meanwhile(process.pid())?;
    let output = child.wait_with_output()?;
    let mut told = checked(&output.stdout)?;
    told["exit"] = output.status.code().into();
    Ok(told)
}
