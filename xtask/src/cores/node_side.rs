//! Node's side of a core: a program opens one of each handle, waits for requests that never end, and writes what it knows of them itself
//! (`process.getActiveResourcesInfo()`, its sockets' addresses, its child's id). What heapwhy reads must be the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use heap::suspects::{self, Options};
use heap::{HeapAnalysis, HeapGraph, Silent};
use serde_json::Value;
use v8mem::graph::Scope;
use v8mem::node_side::libuv::Detail;
use v8mem::node_side::{Environment, HandleWrap, Hold, NodeSide, NodeView, ReqWrap};
use v8mem::read::{Found, read_core};
use v8mem::{Anatomy, CoreFile, Memory, MemoryHolder};

use super::dump::{capture, gcore, wait};
use super::timers;
use crate::workspace::{NODE_LINES, Workspace};

/// Makes a core of the program, compares it with what the program wrote, and removes it.
pub(super) fn check(workspace: &Workspace, name: &str, node: &Path) -> Result<()> {
    let folder = workspace.scratch.join(format!("core-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let result = dump(workspace, "node-side.js", node, &folder).and_then(|core| compare(&core, &folder));
    fs::remove_dir_all(&folder)?;
    result
}

/// What a program had told before its core was made ends in this in the place of `json`.
pub(super) const BEFORE: &str = "before";

/// Runs a program of `tests/cores` until it stands still, and makes a core of it: by gcore, which takes ten times as long as a capture, on
/// the oldest line and of programs that are no line's.
pub(super) fn dump(workspace: &Workspace, program: &str, node: &Path, folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new(node);
    command.arg("--expose-gc").arg(workspace.root.join("tests/cores").join(program)).arg(folder).current_dir(folder);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start the program")?;
    let is_later = NODE_LINES.into_iter().skip(1).any(|line| workspace.node(line) == node);
    let made = wait(|| folder.join("ready").exists() || child.try_wait().is_ok_and(|status| status.is_some()))
        .and_then(|()| keep_told(folder))
        .and_then(|()| if is_later { capture(&child, folder) } else { gcore(&child, folder) });
    // The program's own child ends when its standard input does.
    let _ = child.kill();
    child.wait()?;
    made
}

/// Keeps what a program has told by now: it goes on, and may tell something else afterwards.
fn keep_told(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::copy(&path, path.with_extension(BEFORE))?;
        }
    }
    Ok(())
}

fn compare(core: &Path, folder: &Path) -> Result<()> {
    let truth: Value = serde_json::from_slice(&fs::read(folder.join("truth.json"))?)?;
    let mut file = CoreFile::open(core)?;
    file.set_binary(file.find_binary().context("the core leads to no program that describes V8")?);
    let (graph, found) = natives(&file, &folder.join("main.heapsnapshot")).context("objects of C++")?;
    lists(&file, &truth)?;
    verdicts(graph, &found, file, &truth).context("verdicts")
}

/// A program that closes what it opens has no handle that nobody can close, and no cycle through C++.
pub(super) fn healthy(analysis: &HeapAnalysis) -> Result<()> {
    let report = suspects::find(analysis, &Options { limit: usize::MAX, ..Options::default() }, &Silent)?;
    let is_bad = |rule: &str| matches!(rule, "unreachable-handle" | "wrapper-cycle");
    let bad: Vec<_> = report.findings.iter().filter(|finding| is_bad(finding.rule)).map(|finding| &finding.title).collect();
    ensure!(bad.is_empty(), "{bad:?}");
    Ok(())
}

/// What is open and what is waited for, in both isolates.
fn lists(file: &CoreFile, truth: &Value) -> Result<()> {
    let anatomy = Anatomy::find(file)?;
    let memory: &dyn Memory = file;
    let side = NodeSide::of(memory, &anatomy, file.binary());
    anatomy.look(memory, |heap| {
        let view = side.with(heap);
        let environments = view.environments();
        let [main, worker] = environments.as_slice() else { anyhow::bail!("environments: {environments:x?}") };
        ensure!((main.isolate, worker.isolate) == (0, 1), "the main isolate comes first");
        let (handles, requests) = open(view, main)?;
        resources(truth, &handles, &requests).context("the main thread")?;
        sockets(view, truth, &handles)?;
        details(truth, &handles)?;
        in_flight(truth, &requests)?;
        let (handles, requests) = open(view, worker)?;
        resources(&truth["worker"], &handles, &requests).context("the worker")?;
        let server = handles.iter().find(|handle| handle.name() == Some("TCPServerWrap")).context("the worker has no server")?;
        let fd = server.uv.as_ref().and_then(|uv| uv.fd).map(i64::from);
        ensure!(fd == truth["worker"]["fd"].as_i64(), "the worker's server: {server:x?}");
        Ok(())
    })
}

/// Objects of C++ with a wrapper: of each class as many as Node.js itself put into the main thread's snapshot.
fn natives(file: &CoreFile, snapshot: &Path) -> Result<(HeapGraph, Found)> {
    let (graph, _, found) = read_core(file, Scope::Live)?;
    let memory: &dyn Memory = file;
    let side = NodeSide::of(memory, &found.anatomy, file.binary());
    let in_core = found.anatomy.look(memory, |heap| {
        let view = side.with(heap);
        wrapped(&graph, |id| view.base_object(id).is_some_and(|object| object.isolate == 0 && object.hold != Hold::Traced))
    });
    let told = wrapped(&heap::snapshot::read(snapshot, &Silent)?.0, |_| true);
    ensure!(told.len() > 8, "the snapshot has only {told:?}");
    // A stripped program names no class of its own files: those count together.
    let unknown = in_core.get("Node / (unknown class)").copied().unwrap_or(0);
    let is_stripped = file.binary().is_some_and(|binary| binary.path().ends_with("node-stripped"));
    let unnamed: u64 = told.iter().filter(|(name, _)| !in_core.contains_key(*name)).map(|(_, count)| count).sum();
    let differs = |(name, count): (&String, &u64)| name != "Node / (unknown class)" && told.get(name) != Some(count);
    let agrees = !in_core.iter().any(differs) && unnamed == unknown && (unknown == 0 || is_stripped);
    ensure!(agrees, "the snapshot has {told:?}, the core {in_core:?}");
    Ok((graph, found))
}

/// The sockets and sessions that the program dropped are told of, and nothing else that is held by C++.
fn verdicts(graph: HeapGraph, found: &Found, file: CoreFile, truth: &Value) -> Result<()> {
    let is_named = !file.binary().is_some_and(|binary| binary.path().ends_with("node-stripped"));
    let analysis = HeapAnalysis::new(graph.with_holder(Box::new(MemoryHolder::new(file, found))));
    timers::resources(&analysis, truth)?;
    let report = suspects::find(&analysis, &Options { limit: usize::MAX, ..Options::default() }, &Silent)?;
    let told: Vec<_> = report.findings.iter().map(|finding| (finding.rule, finding.class.as_str(), Some(finding.count))).collect();
    let count = |class: &str| truth["leaked"][class].as_u64();
    ensure!(
        truth["leaked"]["alive"].as_u64() == count("UDPWrap").zip(count("JSBindingsConnection")).map(|(a, b)| a + b),
        "some are gone: {truth}"
    );
    let session = if is_named { "JSBindingsConnection" } else { "(unknown class)" };
    let expected = [("unreachable-handle", "UDPWrap", count("UDPWrap")), ("wrapper-cycle", session, count("JSBindingsConnection"))];
    for wanted in &expected {
        ensure!(told.contains(wanted), "no {wanted:?} in {told:?}");
    }
    ensure!(told.iter().all(|found| expected.contains(found)), "{told:?} are more than {expected:?}");
    let cycle = report.findings.iter().find(|finding| finding.rule == "wrapper-cycle").context("no cycle")?;
    let hops: Vec<&str> = cycle.story.hops.iter().map(|hop| hop.label.as_str()).collect();
    ensure!(hops.contains(&"Session") && hops.last() == Some(&"Connection"), "the cycle is told as {hops:?}");
    Ok(())
}

/// Counts the nodes by name that Node.js adds for objects of C++ with a wrapper.
fn wrapped(graph: &HeapGraph, is_wanted: impl Fn(u64) -> bool) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for node in graph.nodes().filter(|&node| graph.name(node).starts_with("Node / ")) {
        let leads = |edge: heap::Edge| matches!(&*graph.edge_text(edge), "native_to_javascript" | "wrapped");
        if graph.edges(node).any(leads) && is_wanted(graph.id(node).0) {
            *counts.entry(graph.name(node).into_owned()).or_default() += 1;
        }
    }
    counts
}

/// Everything that an environment has open and waits for.
fn open(view: NodeView<'_, '_>, environment: &Environment) -> Result<(Vec<HandleWrap>, Vec<ReqWrap>)> {
    ensure!(environment.is_named, "the environment's class is not known");
    let (handles, lost) = view.handles(environment);
    let (requests, lost_requests) = view.requests(environment);
    ensure!(lost + lost_requests == 0, "{lost} handles and {lost_requests} requests are lost");
    Ok((handles, requests))
}

/// What keeps the process running, by the names that Node.js itself gives it; timers are no handles.
fn resources(truth: &Value, handles: &[HandleWrap], requests: &[ReqWrap]) -> Result<()> {
    let told = texts(&truth["resources"]).into_iter().filter(|name| name != "Timeout" && name != "Immediate");
    let kept = handles.iter().filter(|handle| handle.uv.as_ref().is_some_and(|uv| uv.is_referenced() && !uv.is_closing()));
    let found = kept.map(|handle| handle.name().unwrap_or("unknown").to_owned());
    let found = found.chain(requests.iter().map(|request| request.object.class_name().unwrap_or("unknown").to_owned()));
    let (told, found) = (sorted(told), sorted(found));
    // Node.js 16.14 and later tell.
    ensure!(truth["resources"].is_null() || told == found, "the process says {told:?}, the core {found:?}");
    let held = handles.iter().map(|handle| &handle.object).chain(requests.iter().map(|request| &request.object));
    for object in held {
        ensure!(object.hold == Hold::Strong && object.references == Some(0), "{object:x?} is open, and nobody in C++ counts it");
    }
    Ok(())
}

/// Every socket of which the process knows the addresses, by its file descriptor.
fn sockets(view: NodeView<'_, '_>, truth: &Value, handles: &[HandleWrap]) -> Result<()> {
    let by_fd = |fd: &Value| {
        let is_it = |handle: &&HandleWrap| handle.uv.as_ref().and_then(|uv| uv.fd).map(i64::from) == fd.as_i64();
        handles.iter().find(is_it).with_context(|| format!("no handle has the file descriptor {fd}"))
    };
    let sockets = ["clients", "accepted"].iter().flat_map(|list| truth[list].as_array().into_iter().flatten());
    for socket in sockets {
        let handle = by_fd(&socket["fd"])?;
        let owner = view.owner(handle.object.wrapper).context("a socket without its object")?;
        let addresses = view.addresses(owner);
        let told = (socket["local"].as_str(), socket["peer"].as_str());
        ensure!((addresses.local.as_deref(), addresses.peer.as_deref()) == told, "{addresses:?}, not {socket}");
    }
    for server in ["server", "http"] {
        let handle = by_fd(&truth[server]["fd"])?;
        ensure!(handle.uv.as_ref().is_some_and(|uv| uv.state() == "listening"), "{handle:x?} is a server");
        let addresses = view.owner(handle.object.wrapper).map(|owner| view.addresses(owner)).unwrap_or_default();
        ensure!(addresses.local.as_deref() == Some("127.0.0.1:?"), "{addresses:?}: the kernel chose the port");
    }
    let udp = by_fd(&truth["udp"]["fd"])?;
    ensure!(udp.name() == Some("UDPWrap"), "{udp:x?} is a UDP socket");
    Ok(())
}

/// The watched folder, the child, the signal; and the sockets that were never bound, which wait for nothing.
fn details(truth: &Value, handles: &[HandleWrap]) -> Result<()> {
    let details: Vec<&Detail> = handles.iter().filter_map(|handle| handle.uv.as_ref()).map(|uv| &uv.detail).collect();
    let child = truth["child"].as_i64().and_then(|pid| i32::try_from(pid).ok()).context("no child")?;
    let watched = truth["watched"].as_str().context("no folder")?;
    for wanted in [Detail::Process(child), Detail::Signal(12), Detail::Path(watched.to_owned())] {
        ensure!(details.contains(&&wanted), "no {wanted:?} in {details:?}");
    }
    let is_idle = |handle: &&HandleWrap| {
        handle.name() == Some("UDPWrap") && handle.uv.as_ref().is_some_and(|uv| uv.state() == "inactive" && uv.fd.is_none())
    };
    let idle = handles.iter().filter(is_idle).count() as u64;
    ensure!(Some(idle) == truth["leaked"]["UDPWrap"].as_u64(), "{idle} sockets were never bound");
    Ok(())
}

/// The pipes that are being opened, the name that is being resolved, and the write that the kernel did not take.
fn in_flight(truth: &Value, requests: &[ReqWrap]) -> Result<()> {
    let known: Vec<_> = requests.iter().filter_map(|request| request.uv.as_ref()).collect();
    let targets = |operation| sorted(known.iter().filter(|uv| uv.operation == operation).filter_map(|uv| uv.target.clone()));
    let opened = targets(Some("open"));
    ensure!(opened == sorted(texts(&truth["fifos"]).into_iter()), "being opened: {opened:?}");
    let others = targets(None);
    ensure!(others == ["heapwhy.invalid"], "being resolved: {others:?}");
    ensure!(known.iter().any(|uv| uv.kind == "write" && uv.handle.is_some()), "no write is in flight: {known:?}");
    Ok(())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
