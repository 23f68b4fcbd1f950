//! A process that makes large objects all the time: V8 maps memory for each, and keeps it out of clones a moment later. None may be missing in an image.

use anyhow::{Context, Result, ensure};
use heap::{EdgeKind, HeapGraph, NodeIx, NodeKind};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use v8mem::CoreFile;
use v8mem::graph::Scope;
use v8mem::read::read_core;

use crate::killed::Killed;
use crate::workspace::{Profile, Workspace, output};

/// How many captures are made.
const CAPTURES: u32 = 12;

/// Every object that holds a large one has it in the image.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let mut command = Command::new(workspace.node(line));
    command.arg(workspace.root.join("tests/live/appearing.js")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Killed(command.spawn().context("cannot start the program")?);
    BufReader::new(process.stdout.take().context("no output")?).read_line(&mut String::new())?;
    let folder = workspace.scratch.join(format!("appearing-{line}"));
    fs::create_dir_all(&folder)?;
    let mut objects = 0;
    for nth in 0..CAPTURES {
        objects += captured(workspace, process.id(), &folder).with_context(|| format!("capture {nth}"))?;
    }
    fs::remove_dir_all(folder)?;
    Ok(format!("{objects} large objects in {CAPTURES} images"))
}

/// Captures it, and returns how many hold a large object.
fn captured(workspace: &Workspace, pid: u32, folder: &Path) -> Result<usize> {
    let goal = folder.join("core");
    let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
    output(command.args(["capture", &pid.to_string(), "--method", "fork", "--force", "-o"]).arg(&goal).stdin(Stdio::null()))?;
    let mut core = CoreFile::open(&goal)?;
    let binary = core.find_binary().context("the core leads to no program")?;
    core.set_binary(binary);
    let (graph, _, _) = read_core(&core, Scope::Live)?;
    let holders: Vec<NodeIx> = graph.nodes().filter(|&node| is_holder(&graph, node)).collect();
    ensure!(!holders.is_empty(), "nothing is held");
    let lacking = holders.iter().filter(|&&holder| elements(&graph, holder).is_none()).count();
    ensure!(lacking == 0, "{lacking} of {} large objects are not in the image", holders.len());
    Ok(holders.len())
}

/// Says whether a node is an object of the class, rather than the class or its prototype.
fn is_holder(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.kind(node) == NodeKind::OBJECT && graph.name(node) == "Held" && graph.child(node, EdgeKind::PROPERTY, "seen").is_some()
}

fn elements(graph: &HeapGraph, holder: NodeIx) -> Option<NodeIx> {
    let seen = graph.child(holder, EdgeKind::PROPERTY, "seen")?;
    graph.child(seen, EdgeKind::INTERNAL, "elements")
}
