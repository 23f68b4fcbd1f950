//! Core dumps of a program whose contents are known, on every line of Node.js: held to the snapshot that the program wrote of itself.
//!
//! The program keeps a fixed number of objects of many classes, writes a heap snapshot, then stands still to be dumped by gcore, or aborts,
//! throws, computes, makes garbage or collects it, and is dumped by the kernel. What a class counts in the core, after everything unreachable is left out, must be what it counts in the
//! snapshot; `classes.rs` lists the names of which that cannot be true, and why.

mod answers;
mod buffers;
mod census;
mod classes;
mod code;
pub(crate) mod dump;
mod indexes;
mod node_side;
mod packed;
mod routes;
mod spaces;
mod stacks;
mod timers;
mod values;

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use heap::{EdgeKind, HeapAnalysis, HeapGraph, NodeKind, Silent};
use v8mem::collection::Collection;
use v8mem::graph::Scope;
use v8mem::marking::Lost;
use v8mem::read::{Found, read_anatomy, read_scopes};
use v8mem::{Anatomy, CoreFile, MemoryHolder, Tables};

use crate::lanes;
use crate::say::say;
use crate::setup;
use crate::stages::Tally;
use crate::workspace::{NODE_LINES, Workspace, run};
use classes::{classes, differences, other_sizes};
use dump::{How, dump};

/// Classes that the program keeps, and how many of each.
const KEPT: [(&str, u64); 18] = [
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
    ("SubSet", 30),
    ("SubBytes", 20),
    ("ModuleThing", 40),
    ("VmThing", 30),
    ("Indexed", 25),
    ("Conn", 6),
];

/// The lines of Node.js that compile by Maglev.
const MAGLEV: [u32; 2] = [24, 26];

/// Releases besides the newest of each even line, by their names in `tests/releases/package.json`.
const RELEASES: [&str; 5] = ["node16-oldest", "node18-oldest", "node21", "node23", "node25"];

/// Those of odd lines: they run the program that answers questions too, which has a worker, and with that other pages and more code of Sparkplug's.
const ODD: [&str; 3] = ["node21", "node23", "node25"];

/// A process to be dumped.
struct Subject {
    /// Its name in messages, and of its folder.
    name: String,
    /// The program.
    node: PathBuf,
    /// How the core comes about.
    how: How,
    /// Whether all tables must have its V8.
    tables: Tabled,
}

/// What the tables of this build must have of a V8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tabled {
    /// Its column, and where its isolates keep their roots.
    All,
    /// Perhaps nothing: somebody named the program.
    Perhaps,
}

/// `cargo xtask test --only cores`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    setup::tests(workspace)?;
    setup::releases(workspace)?;
    setup::gdb()?;
    setup::packers()?;
    let of_line = |line: u32, how| Subject { name: format!("{line}-{how:?}"), node: workspace.node(line), how, tables: Tabled::All };
    let mut subjects: Vec<Subject> = NODE_LINES.into_iter().flat_map(|line| dump::ALL.map(|how| of_line(line, how))).collect();
    // Node.js has Maglev from 24 on: 22 knows the flag, and does not compile by it.
    subjects.retain(|subject| subject.how != How::Maglev || MAGLEV.iter().any(|line| subject.node == workspace.node(*line)));
    let node = |name: &str| workspace.modules("releases").join(name).join("bin/node");
    let of_release = |name: &str, how| Subject { name: format!("{name}-{how:?}"), node: node(name), how, tables: Tabled::All };
    subjects.extend(RELEASES.map(|name| of_release(name, How::Abort)));
    // V8 9.0 ends itself where Sparkplug compiles all.
    subjects.extend(ODD.map(|name| of_release(name, How::Sparkplug)));
    let stripped = strip(workspace)?;
    subjects.push(Subject { name: "stripped".to_owned(), node: stripped.clone(), how: How::Abort, tables: Tabled::All });
    let mut standing: Vec<Job> = NODE_LINES.into_iter().flat_map(|line| standing(&format!("{line}-side"), &workspace.node(line))).collect();
    standing.extend(self::standing("stripped-side", &stripped));
    standing.extend(ODD.map(|name| Job::Answers(format!("{name}-answers"), node(name))));
    let tally = check_all(workspace, standing.into_iter().chain(subjects.into_iter().map(Job::Moment)));
    fs::remove_file(stripped)?;
    Ok(tally)
}

/// Captures the program while it waits, and compares as with a core. Returns what the layout rests on.
pub(crate) fn captured(workspace: &Workspace, line: u32) -> Result<String> {
    check(workspace, &Subject { name: format!("{line}-captured"), node: workspace.node(line), how: How::Capture, tables: Tabled::All })
}

/// What is checked of one core.
enum Job {
    /// That it holds what the process's own snapshot does.
    Moment(Subject),
    /// Node's side of a program that stands still: its name here, and its Node.js.
    NodeSide(String, PathBuf),
    /// What the questions answer of a program that stands still.
    Answers(String, PathBuf),
}

impl Job {
    /// What it is called, and what was found.
    fn check(&self, workspace: &Workspace) -> (String, Result<String>) {
        let nothing = |()| "as the program says".to_owned();
        match self {
            Self::Moment(subject) => (format!("{} {:?}", subject.node.display(), subject.how), check(workspace, subject)),
            Self::NodeSide(name, node) => (format!("{} Node's side", node.display()), node_side::check(workspace, name, node).map(nothing)),
            Self::Answers(name, node) => (format!("{} answers", node.display()), answers::check(workspace, name, node).map(nothing)),
        }
    }
}

/// Those of a program that stands still.
fn standing(name: &str, node: &Path) -> [Job; 2] {
    [Job::Answers(format!("{name}-answers"), node.to_owned()), Job::NodeSide(name.to_owned(), node.to_owned())]
}

/// Makes a copy of the newest Node.js without its table of symbols: what is left is what it exports, fewer than of older ones.
fn strip(workspace: &Workspace) -> Result<PathBuf> {
    let newest = NODE_LINES.into_iter().max().context("no Node.js")?;
    let copy = workspace.scratch.join("node-stripped");
    run(Command::new("strip").arg("-o").arg(&copy).arg(workspace.node(newest))).context("cannot strip a program")?;
    Ok(copy)
}

/// `cargo xtask cores NODE…`: the same for any programs.
pub(crate) fn of_programs(workspace: &Workspace, programs: &[&str]) -> Result<ExitCode> {
    setup::gdb()?;
    let mut subjects = Vec::new();
    for (nth, program) in programs.iter().enumerate() {
        let node = fs::canonicalize(program)?;
        let subject = |how| Subject { name: format!("named-{nth}-{how:?}"), node: node.clone(), how, tables: Tabled::Perhaps };
        subjects.extend([How::Gcore, How::Inlined].map(subject));
    }
    let mut jobs: Vec<Job> = subjects.into_iter().map(Job::Moment).collect();
    for (nth, program) in programs.iter().enumerate() {
        jobs.extend(standing(&format!("named-{nth}-side"), &fs::canonicalize(program)?));
    }
    let tally = check_all(workspace, jobs);
    say!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each has a folder and processes of its own.
fn check_all(workspace: &Workspace, jobs: impl IntoIterator<Item = Job>) -> Tally {
    lanes::check_all(jobs, |job| {
        let began = Instant::now();
        let (what, checked) = job.check(workspace);
        let took = began.elapsed().as_secs_f64();
        match &checked {
            Ok(found) => say!("ok      {what}: {found} ({took:.1} s)"),
            Err(error) => say!("FAILED  {what}: {error:#}"),
        }
        [checked.is_ok()]
    })
}

/// Makes one core, compares it, and removes it. Returns what the layout rests on.
fn check(workspace: &Workspace, subject: &Subject) -> Result<String> {
    let folder = workspace.scratch.join(format!("core-{}", subject.name));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let result = moment(workspace, subject, &folder).and_then(|core| compare(core, &folder, subject));
    fs::remove_dir_all(&folder)?;
    result
}

/// Dumps the program until that was in the moment that is wanted.
fn moment(workspace: &Workspace, subject: &Subject, folder: &Path) -> Result<CoreFile> {
    const ATTEMPTS: u32 = 20;
    for _ in 0..ATTEMPTS {
        let core = open(&dump(workspace, subject, folder)?)?;
        let wanted = match subject.how {
            How::Minor => Some(Collection::Young),
            How::Major => Some(Collection::Full),
            _ => return Ok(core),
        };
        if Collection::find(&v8mem::stack::stacks(&core, &Anatomy::find(&core)?)) == wanted {
            return Ok(core);
        }
        fs::remove_dir_all(folder)?;
        fs::create_dir_all(folder)?;
    }
    bail!("{ATTEMPTS} cores, and none was inside the collection that is wanted");
}

fn open(path: &Path) -> Result<CoreFile> {
    let mut core = CoreFile::open(path)?;
    let binary = core.find_binary().context("the core leads to no program that describes V8")?;
    core.set_binary(binary);
    Ok(core)
}

fn compare(file: CoreFile, folder: &Path, subject: &Subject) -> Result<String> {
    let how = subject.how;
    let ([graph, weak, dead], problems, found) = read_scopes(&file, [Scope::Live, Scope::Weak, Scope::Dead])?;
    ensure!(problems.is_empty(), "problems: {:?}", problems.kept());
    // V8 14 claims an object by writing where it goes, and copies it then: in between it has neither a map nor a copy. Each thread has one such
    // at most, and only while young objects are being moved.
    let claimed = if found.basis.moved.is_some() && how.is_busy() { file.notes.threads.len() as u64 } else { 0 };
    let Lost { moving, astray } = found.basis.lost;
    ensure!(moving == 0 && astray <= claimed, "references to no object: {:?}", found.basis.lost);
    stacks::check(&file, &found.anatomy, folder, how)?;
    let rests_on = rests_on(&found, subject.tables)?;
    attributed(&found, how)?;
    garbage(&found, how, &classes(&weak), &classes(&dead))?;
    let snapshot = HeapAnalysis::new(heap::snapshot::read(&folder.join("main.heapsnapshot"), &Silent)?.0);
    roots(&graph, snapshot.graph(), &found, how)?;
    let truth = classes(snapshot.graph());
    let mut counts = classes(&graph);
    if how.is_abort() {
        unknown_version(&file, &found, &counts)?;
    }
    made_since(how, &mut counts)?;
    for (class, count) in KEPT {
        // A prototype that is an object of the class it extends counts too. Node.js 16 calls a subclass of Map a Map.
        let seen = counts.get(class).copied().unwrap_or(0);
        let named = truth.get(class).is_some_and(|&told| told >= count);
        ensure!(!named || (count..=count + 1).contains(&seen), "{class}: {seen} in the core, {count} kept by the program");
    }
    let differences = differences(&counts, &truth);
    ensure!(differences.is_empty(), "{}", differences.join("; "));
    let sizes = other_sizes(&graph, snapshot.graph());
    ensure!(sizes.is_empty(), "{}", sizes.join("; "));
    let code = code::differences(&graph, snapshot.graph(), how, found.anatomy.layout.version);
    let knows_builtins = !found.anatomy.builtins.is_empty();
    ensure!(code.is_empty() || !knows_builtins, "{}", code.join("; "));
    if how.goes_on() {
        spaces::check(&file, &found.anatomy, folder)?;
    }
    let counted = census::Counted::of(&file, &found.anatomy)?;
    let analysis = HeapAnalysis::new(graph.with_holder(Box::new(MemoryHolder::new(file, &found))));
    counted.compare(&analysis)?;
    values::check(&analysis, folder)?;
    routes::check(&analysis, &snapshot, folder)?;
    node_side::healthy(&analysis)?;
    Ok(rests_on)
}

/// Takes out of the counts what the program made on purpose since it wrote its snapshot.
fn made_since(how: How, counts: &mut BTreeMap<String, u64>) -> Result<()> {
    const KEPT_BRIEFLY: u64 = 20_000;
    // The stack may still hold the last arrays but one, and the one that grows.
    let brief = counts.remove("Brief").unwrap_or(0);
    let least = if matches!(how, How::Minor | How::Major) { KEPT_BRIEFLY } else { 0 };
    let most = if how.is_busy() { 4 * KEPT_BRIEFLY } else { 0 };
    ensure!((least..=most + 1).contains(&brief), "{brief} objects that are kept briefly");
    if how == How::Throw {
        let errors = counts.get_mut("Error").context("the error that was thrown is not there")?;
        *errors -= 1;
    }
    Ok(())
}

/// The core must agree with the layout. Returns what that rests on.
fn rests_on(found: &Found, tables: Tabled) -> Result<String> {
    let in_tables = found.anatomy.layout.is_known && found.anatomy.isolates.iter().all(|isolate| isolate.checked);
    ensure!(tables == Tabled::Perhaps || in_tables, "not in the tables: {}, {:x?}", found.basis, found.anatomy.isolates);
    ensure!(found.anatomy.isolates.len() == 1, "isolates: {:x?}", found.anatomy.isolates);
    let (_, good, all) = found.basis.free;
    ensure!(f64::from(good) > 0.9 * f64::from(all), "only {good} of {all} free stretches end where an object begins");
    let (symbols, all) = found.anatomy.layout.from_symbols();
    let known = if found.anatomy.layout.is_known { "known" } else { "not in the tables" };
    Ok(format!(
        "V8 {} ({known}), {symbols} of {all} numbers from its symbols, roots {} bytes into the isolate",
        found.anatomy.layout.version,
        found.anatomy.isolates[0].roots - found.anatomy.isolates[0].addr
    ))
}

/// At least 99 % of the bytes of all pages are objects or free. Where threads of a collection make objects is not always known, and
/// what is left of those areas holds what was there before.
fn attributed(found: &Found, how: How) -> Result<()> {
    let walk = &found.basis.walk;
    let known = walk.object_bytes + walk.free_bytes + walk.unused_bytes + walk.idle_bytes + walk.open_bytes + walk.moved_bytes;
    let least = if how.is_busy() { 98 } else { 99 };
    // Machine code is walked exactly, or not at all.
    let unknown = walk.skipped_bytes + walk.code_bytes;
    ensure!(how.is_busy() || walk.code_bytes == 0, "{} bytes of machine code are not attributed", walk.code_bytes);
    ensure!(known * 100 >= (known + unknown) * least, "less than {least} % of the heap is attributed: {walk:?}");
    Ok(())
}

/// Without the table of its V8, a core must be read as with it, or the reading must be doubted.
fn unknown_version(file: &CoreFile, found: &Found, known: &BTreeMap<String, u64>) -> Result<()> {
    let anatomy = Anatomy::find_with(file, Tables::without(found.anatomy.layout.version))?;
    let ([graph], problems, _) = read_anatomy(file, anatomy, [Scope::Live])?;
    let counts = classes(&graph);
    let differing = known.keys().chain(counts.keys()).find(|name| known.get(*name) != counts.get(*name));
    if let Some(name) = differing.filter(|_| problems.is_empty()) {
        bail!("{name}: {:?}, but {:?} without a table of this V8, which is not doubted", known.get(name), counts.get(name));
    }
    Ok(())
}

/// The program collects all garbage before it waits, and drops 5,000 objects before it aborts: they are garbage, and what WeakRefs lead to is
/// kept by others too.
fn garbage(found: &Found, how: How, weak: &BTreeMap<String, u64>, dead: &BTreeMap<String, u64>) -> Result<()> {
    let sums = found.sums;
    let heap = sums.reachable.bytes + sums.weakly.bytes + sums.garbage.bytes;
    let dropped = dead.get("Leaky").copied().unwrap_or(0);
    match how.is_abort() {
        true => ensure!((5000..=5003).contains(&dropped), "{dropped} of 5,000 dropped objects are garbage"),
        false => ensure!(dropped == 0, "{dropped} of the objects that are kept are garbage"),
    }
    if how.goes_on() {
        ensure!(sums.garbage.bytes * 20 < heap, "{} of {heap} bytes are garbage, just after a collection", sums.garbage.bytes);
    }
    ensure!(sums.weakly.bytes * 20 < heap, "{} of {heap} bytes are only weakly reachable", sums.weakly.bytes);
    for (class, _) in KEPT {
        ensure!(!weak.contains_key(class), "{class}: some are only weakly reachable");
    }
    Ok(())
}

/// Returns the groups of roots, with how many members each has.
fn synthetic(graph: &HeapGraph) -> Vec<(String, usize)> {
    let groups = graph.nodes().take_while(|&node| graph.kind(node) == NodeKind::SYNTHETIC);
    groups.map(|node| (graph.name(node).into_owned(), graph.edges(node).len())).collect()
}

/// Node.js has a handle scope open while it waits and when it aborts, holds hundreds of strings by eternal handles, and runs on a stack.
fn roots(graph: &HeapGraph, snapshot: &HeapGraph, found: &Found, how: How) -> Result<()> {
    let groups = synthetic(graph);
    let members = |is: &dyn Fn(&str) -> bool| groups.iter().filter(|(name, _)| is(name)).map(|(_, count)| *count).sum::<usize>();
    let handles = members(&|name| name == "(Handle scope)");
    // What parses a text holds handles of its own, and so does what puts a stack into words.
    let most = if how == How::Throw { 600 } else { 200 };
    ensure!((1..most).contains(&handles), "{handles} handles in open scopes");
    let truth: BTreeMap<String, usize> = synthetic(snapshot).into_iter().collect();
    // Handles come and go a little while the program waits; those that are never given up only come.
    for (name, fewer, more) in [("(Builtins)", 0, 0), ("(Eternal handles)", 0, 10), ("(Traced handles)", 2, 2)] {
        let (own, told) = (members(&|group| group == name), truth.get(name).copied().unwrap_or(0));
        let unnamed = name == "(Builtins)" && found.anatomy.builtins.is_empty();
        let is_close = (told.saturating_sub(fewer)..=told + more).contains(&own) && (own > 0 || told == 0);
        ensure!(is_close || unnamed, "{name}: {own} in the core, {told} in the snapshot");
    }
    ensure!(realms(graph) == realms(snapshot), "the root of all leads to {:?}, in the snapshot to {:?}", realms(graph), realms(snapshot));
    ensure!(members(&|name| name.starts_with("(thread ") && name.ends_with(" stack)")) > 10, "no stack: {groups:?}");
    Ok(())
}

/// What the root of all roots leads to by shortcuts: the realm of the program, or its global object, and none of `node:vm`.
fn realms(graph: &HeapGraph) -> Vec<(NodeKind, String)> {
    let shortcuts = graph.edges(graph.root()).filter(|edge| edge.kind == EdgeKind::SHORTCUT);
    shortcuts.map(|edge| (graph.kind(edge.to), graph.name(edge.to).into_owned())).collect()
}
