//! `cargo xtask bench capture`: how long a running server stands still when it is captured, against other ways to look into its heap.
//!
//! By the clock of who captures, and by the server's own event loop, which beats every millisecond; and by how much its memory grew.

use anyhow::{Context, Result, bail};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use live::capture::Method;

use crate::live::{Server, captured};
use crate::say::say;
use crate::setup;
use crate::workspace::{Workspace, run};

/// How large a heap: its name, and how many objects make it.
const SIZES: [(&str, u32); 4] = [("small", 1_300_000), ("medium", 2_800_000), ("large", 5_600_000), ("huge", 17_500_000)];

/// Runs the benchmark and prints its table.
pub(crate) fn run_all(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let (mut size, mut repeat, mut line, mut peers) = (SIZES[0], 5, 22, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--size" => {
                let name = words.next().context("--size needs small, medium, large or huge")?;
                size = SIZES.into_iter().find(|size| size.0 == *name).with_context(|| format!("no size is named {name}"))?;
            }
            "--repeat" => repeat = words.next().context("--repeat needs a number")?.parse()?,
            "--node" => line = words.next().context("--node needs a line, such as 22")?.parse()?,
            "--peers" => peers = true,
            _ => bail!("unknown option {word}"),
        }
    }
    setup::tests(workspace)?;
    let server = Server::start_with(workspace, line, size.1)?;
    let resident = memory(server.pid(), "VmRSS:")?;
    say!("node {line}, {:.0} MB in memory, {repeat} repeats; longest of all for the event loop, median for the pause", mb(resident));
    say!("{:<34} {:>10} {:>12} {:>14} {:>12}", "", "pause ms", "loop ms", "ms/GiB pause", "grew MB");
    for (name, method) in [("heapwhy, by a copy", Method::Fork), ("heapwhy, while it is stopped", Method::Stop)] {
        measure(&server, name, repeat, resident, || {
            let taken = captured(server.pid(), method, None)?;
            Ok((taken.pause, taken.growth))
        })?;
    }
    if peers {
        measure(&server, "gcore", 1, resident, || gcore(workspace, &server))?;
        for (name, path) in [("HeapProfiler.takeHeapSnapshot", "/inspector/1"), ("v8.writeHeapSnapshot", "/snapshot/1")] {
            measure(&server, name, 1, resident, || asked(&server, path, resident))?;
        }
    }
    Ok(())
}

/// Does something a few times, and prints a row.
fn measure(server: &Server, name: &str, repeat: u32, resident: u64, act: impl Fn() -> Result<(Duration, u64)>) -> Result<()> {
    let (mut pauses, mut growths) = (Vec::new(), Vec::new());
    std::thread::sleep(Duration::from_millis(200));
    server.number("/gap/1")?;
    for _ in 0..repeat {
        let (pause, growth) = act()?;
        pauses.push(pause);
        growths.push(growth);
        std::thread::sleep(Duration::from_millis(200));
    }
    pauses.sort();
    let longest = server.number("/gap/1")?;
    let pause = pauses.get(pauses.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    let growth = growths.iter().max().copied().unwrap_or(0);
    say!("{name:<34} {pause:>10.1} {longest:>12.1} {:>14.0} {:>12.1}", pause / (resident as f64 / (1u64 << 30) as f64), mb(growth));
    Ok(())
}

fn gcore(workspace: &Workspace, server: &Server) -> Result<(Duration, u64)> {
    setup::gdb()?;
    let started = Instant::now();
    let goal = workspace.scratch.join("gcore");
    run(Command::new("gcore").arg("-o").arg(&goal).arg(server.pid().to_string()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let took = started.elapsed();
    fs::remove_file(workspace.scratch.join(format!("gcore.{}", server.pid())))?;
    Ok((took, 0))
}

/// Lets the server look into itself: it stands still all the while.
fn asked(server: &Server, path: &str, resident: u64) -> Result<(Duration, u64)> {
    let started = Instant::now();
    server.ask_patiently(path)?;
    Ok((started.elapsed(), memory(server.pid(), "VmHWM:")?.saturating_sub(resident)))
}

fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
