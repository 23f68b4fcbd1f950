//! Core dumps of a program whose contents are known, on every line of Node.js: held to the snapshot that the program wrote of itself.
//!
//! The program keeps a fixed number of objects of many classes, writes a heap snapshot, then stands still to be dumped by gcore, or aborts
//! and is dumped by the kernel. What a class counts in the core, after everything unreachable is left out, must be what it counts in the
//! snapshot; `EXPECTED` lists the names of which that cannot be true, and why.

mod values;

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use heap::{HeapAnalysis, HeapGraph, NodeKind, Silent};
use v8mem::graph::Scope;
use v8mem::read::{Found, read_core};
use v8mem::{CoreFile, MemoryHolder, NodeBinary};

use crate::say::say;
use crate::setup;
use crate::stages::Tally;
use crate::workspace::{NODE_LINES, Workspace, run};

/// Names that may differ, how far, and why. All other names must have the same count.
const EXPECTED: [(&str, u64, &str); 11] = [
    ("Object", 60, "the program makes objects after its snapshot, and Node.js does while it writes the file"),
    ("Array", 40, "as above"),
    ("(closure)", 40, "as above"),
    ("ArrayBuffer", 2, "the buffer through which the snapshot is written"),
    ("Uint8Array", 2, "as above"),
    ("Buffer", 2, "as above, on Node.js 16"),
    ("Timeout", 2, "the timer in whose callback the snapshot is written"),
    ("TimersList", 2, "as above"),
    ("BaseObject", 60, "Node.js 16 names objects after their template, which is not read"),
    ("Tag", 2, "a WebAssembly name that only V8's own lookup finds (Node.js 22 and later)"),
    ("global", 4, "Node.js 26 names the global object and its proxy after their realm"),
];

/// Classes that the program keeps, and how many of each.
const KEPT: [(&str, u64); 14] = [
    ("Leaky", 1000),
    ("LeakyOut", 1000),
    ("SmiOnly", 1000),
    ("DoubleOnly", 1000),
    ("DictMode", 1000),
    ("PrivateF", 100),
    ("Node2", 500),
    ("OldCtor", 200),
    ("OldSub", 150),
    ("Sub1", 50),
    ("SubArr", 50),
    ("SubErr", 20),
    ("Indexed", 25),
    ("Conn", 6),
];

/// How a core comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// `gcore` of the process while it waits.
    Gcore,
    /// `process.abort()`, and the kernel writes it.
    Abort,
}

/// `cargo xtask test --only cores`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    setup::tests(workspace)?;
    setup::gdb()?;
    let mut tally = Tally::default();
    for line in NODE_LINES {
        for how in [How::Gcore, How::Abort] {
            let checked = check(workspace, line, how);
            if let Err(error) = &checked {
                say!("node {line}, {how:?}: {error:#}");
            }
            tally.add(checked.is_ok());
        }
    }
    Ok(tally)
}

/// Makes one core, compares it, and removes it.
fn check(workspace: &Workspace, line: u32, how: How) -> Result<()> {
    let folder = workspace.scratch.join(format!("core-{line}-{how:?}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let result = dump(workspace, line, how, &folder).and_then(|core| compare(&core, &folder.join("main.heapsnapshot")));
    fs::remove_dir_all(&folder)?;
    result
}

const LIMIT: Duration = Duration::from_secs(120);

fn dump(workspace: &Workspace, line: u32, how: How, folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new("sh");
    // The shell lifts the limit on core files for the program alone.
    command.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]).arg(workspace.node(line)).arg("--expose-gc");
    command.arg(workspace.root.join("tests/cores/known-heap.js")).args([folder, Path::new("1000")]).current_dir(folder);
    command.env("WORKERS", "0").env("MODE", if how == How::Abort { "abort" } else { "" });
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start the program")?;
    let made = match how {
        How::Gcore => gcore(&child, folder),
        How::Abort => kernel(&mut child, folder),
    };
    let _ = child.kill();
    child.wait()?;
    made
}

fn gcore(child: &Child, folder: &Path) -> Result<PathBuf> {
    wait(|| folder.join("ready").exists())?;
    let pid = child.id().to_string();
    run(Command::new("gcore").arg("-o").arg(folder.join("core")).arg(&pid).stdout(Stdio::null()).stderr(Stdio::null()))?;
    Ok(folder.join(format!("core.{pid}")))
}

fn kernel(child: &mut Child, folder: &Path) -> Result<PathBuf> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if pattern.starts_with('|') || pattern.starts_with('/') {
        bail!("this machine sends cores elsewhere (core_pattern {}): sysctl -w kernel.core_pattern=core", pattern.trim());
    }
    wait(|| child.try_wait().is_ok_and(|status| status.is_some()))?;
    let is_core = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"));
    fs::read_dir(folder)?.flatten().map(|entry| entry.path()).find(is_core).context("the kernel wrote no core")
}

fn wait(mut done: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !done() {
        ensure!(started.elapsed() < LIMIT, "the program was not ready after {} s", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn compare(core: &Path, snapshot: &Path) -> Result<()> {
    let mut file = CoreFile::open(core)?;
    let program = file.program().context("the core names no program")?.path.clone();
    let binary = NodeBinary::open(Path::new(&program), file.notes.entry)?;
    ensure!(file.build_id().as_deref() == binary.build_id(), "the core's build-id is not its program's");
    file.set_binary(binary);
    let (graph, problems, found) = read_core(&file, Scope::Live)?;
    ensure!(problems.is_empty(), "problems: {:?}", problems.kept());
    rests_on(&found)?;
    let truth = classes(&heap::snapshot::read(snapshot, &Silent)?.0);
    let counts = classes(&graph);
    for (class, count) in KEPT {
        // A prototype that is an object of the class it extends counts too. Node.js 16 calls a subclass of Map a Map.
        let seen = counts.get(class).copied().unwrap_or(0);
        let named = truth.get(class).is_some_and(|&told| told >= count);
        ensure!(!named || (count..=count + 1).contains(&seen), "{class}: {seen} in the core, {count} kept by the program");
    }
    let names = truth.keys().chain(counts.keys());
    let differ = |name: &&String| truth.get(*name) != counts.get(*name);
    for name in names.filter(differ) {
        let (core, snapshot) = (counts.get(name).copied().unwrap_or(0), truth.get(name).copied().unwrap_or(0));
        let allowed = EXPECTED.iter().find(|(expected, ..)| expected == name).map_or(0, |&(_, allowed, _)| allowed);
        ensure!(core.abs_diff(snapshot) <= allowed, "{name}: {core} in the core, {snapshot} in the snapshot");
    }
    values::check(&HeapAnalysis::new(graph.with_holder(Box::new(MemoryHolder::new(file, &found)))))
}

/// The layout of a line that is tested must be known, and the core must agree with it.
fn rests_on(found: &Found) -> Result<()> {
    ensure!(found.layout.is_known(), "V8 {} is not in the tables", found.layout.version);
    ensure!(found.isolates.len() == 1 && found.isolates[0].checked, "isolates: {:x?}", found.isolates);
    let (_, good, all) = found.free_unit;
    ensure!(f64::from(good) > 0.9 * f64::from(all), "only {good} of {all} free stretches end where an object begins");
    ensure!(found.walk.skipped_bytes * 50 < found.walk.object_bytes, "skipped too much: {:?}", found.walk);
    Ok(())
}

/// Counts objects by name: functions and regular expressions together, for their names are their own.
fn classes(graph: &HeapGraph) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for node in graph.nodes() {
        let name = match graph.kind(node) {
            NodeKind::CLOSURE => "(closure)".to_owned(),
            NodeKind::REGEXP => "(regexp)".to_owned(),
            NodeKind::OBJECT => graph.name(node).into_owned(),
            _ => continue,
        };
        // What stands behind a slash is V8's or Node's word for a global object; Node.js 26 puts the realm in brackets.
        let is_special = name.starts_with("(closure") || name.starts_with("(regexp");
        let short = if is_special { &name } else { name.split(" / ").next().and_then(|name| name.split(" (").next()).unwrap_or_default() };
        if !short.is_empty() && short != "system" {
            *counts.entry(short.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}
