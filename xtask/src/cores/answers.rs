//! What the questions answer of a program that knows what is to be found in it, in its main thread and in a worker: of its core, and where the
//! question is one of the graph, of its own snapshot too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use heap::held::Case;
use heap::preview::{Limits, preview};
use heap::questions::{
    FunctionRows, HistogramSort, ObjectQuery, PromiseQuery, Selector, closure, contexts, emitters, functions, objects, promises,
    text_holders,
};
use heap::source::NoFiles;
use heap::story::Setting;
use heap::view::{Cell, Table};
use heap::{HeapAnalysis, NodeIx, NodeKind, Silent};
use serde_json::Value;
use v8mem::atlas::{Atlas, Life, Thing};
use v8mem::graph::Scope;
use v8mem::inventory::inventory;
use v8mem::read::read_anatomy;
use v8mem::source::source;
use v8mem::spaces::spaces;
use v8mem::text::Strings;
use v8mem::words::find_words;
use v8mem::{Anatomy, CoreFile, Memory, MemoryHolder};

use super::node_side::{BEFORE, dump};
use super::{buffers, packed, timers};
use crate::workspace::{NODE_LINES, Workspace};

/// The program, for the lines on which its functions stand.
const PROGRAM: &str = include_str!("../../../tests/cores/answers.js");

/// Makes a core of the program, asks, and removes it.
pub(super) fn check(workspace: &Workspace, name: &str, node: &Path) -> Result<()> {
    let folder = workspace.scratch.join(format!("core-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let result = dump(workspace, "answers.js", node, &folder).and_then(|core| {
        compare(&core, &folder)?;
        // How a core is packed has nothing to do with what is in it, nor what an index holds with V8: one line is enough for that, and two.
        let is_of = |line: Option<&u32>| line.is_some_and(|&line| workspace.node(line) == node);
        let (is_oldest, is_newest) = (is_of(NODE_LINES.iter().min()), is_of(NODE_LINES.iter().max()));
        if is_oldest || is_newest {
            super::indexes::check(workspace, &core)?;
        }
        if is_oldest { packed::check(&core).context("packed") } else { Ok(()) }
    });
    fs::remove_dir_all(&folder)?;
    result
}

fn compare(core: &Path, folder: &Path) -> Result<()> {
    let told = |name: &str| -> Result<Value> { Ok(serde_json::from_slice(&fs::read(folder.join(name))?)?) };
    let truth = [told("main.json")?, told("worker.json")?];
    let open = || -> Result<CoreFile> {
        let mut file = CoreFile::open(core)?;
        file.set_binary(file.find_binary().context("the core leads to no program that describes V8")?);
        Ok(file)
    };
    let file = open()?;
    let anatomy = Anatomy::find(&file)?;
    ensure!(anatomy.isolates.len() == 2, "isolates: {:x?}", anatomy.isolates);
    let before = [told(&format!("main.{BEFORE}"))?, told(&format!("worker.{BEFORE}"))?];
    space_sizes(&file, &anatomy, [&before, &truth])?;
    let ([graph], problems, found) = read_anatomy(&open()?, anatomy.clone(), [Scope::Live])?;
    ensure!(problems.is_empty(), "problems: {:?}", problems.kept());
    let both = HeapAnalysis::new(graph.with_holder(Box::new(MemoryHolder::new(open()?, &found))));
    isolates(&both)?;
    for (nth, truth) in truth.iter().enumerate() {
        let mut one = anatomy.clone();
        ensure!(one.keep_isolate(nth), "no isolate {nth}");
        let ([graph], _, found) = read_anatomy(&file, one, [Scope::Live])?;
        let analysis = HeapAnalysis::new(graph.with_holder(Box::new(MemoryHolder::new(open()?, &found))));
        let of = || format!("isolate {}", nth + 1);
        of_graph(&analysis, true).with_context(of)?;
        timers::of_core(&analysis, &file, &found.anatomy, truth, core).with_context(of)?;
        buffers::of_program(&analysis, true).with_context(of)?;
        buffers::sum(&file, &found.anatomy, truth).with_context(of)?;
        sources(&file, &found.anatomy, &analysis, truth).with_context(of)?;
        let kind = if nth == 0 { "main" } else { "worker" };
        ensure!(realms(&analysis, kind) == 1, "{}: not one realm of the program", of());
        ensure!(realms(&analysis, "vm") == if nth == 0 { 2 } else { 0 }, "{}: realms of node:vm", of());
        words(&file, &anatomy, &analysis).with_context(of)?;
    }
    let snapshot = HeapAnalysis::new(heap::snapshot::read(&folder.join("main.heapsnapshot"), &Silent)?.0);
    ensure!(realms(&snapshot, "main") == 1 && realms(&snapshot, "vm") == 2, "realms of the snapshot");
    let answers = of_graph(&snapshot, false).and_then(|()| timers::of_snapshot(&snapshot));
    answers.and_then(|()| buffers::of_program(&snapshot, false)).context("the snapshot")
}

/// Finds what a path from the global object leads to.
pub(super) fn at(analysis: &HeapAnalysis, path: &str) -> Result<NodeIx> {
    let selected = Selector::parse(&format!("__KEEP.{path}")).resolve(analysis, &NoFiles)?;
    selected.nodes.first().copied().with_context(|| format!("nothing at {path}"))
}

/// Returns the rows of a table in which a column has a text.
pub(super) fn rows<'a>(table: &'a Table, column: &str, text: &str) -> Vec<BTreeMap<&'static str, &'a Cell>> {
    let named = table.rows.iter().map(|row| table.columns.iter().map(|column| column.name).zip(row).collect::<BTreeMap<_, _>>());
    named.filter(|row| row.get(column).is_some_and(|cell| matches!(cell, Cell::Text(found) if found == text))).collect()
}

/// Returns where in the program a text first stands: `…/answers.js:LINE:` and what follows.
pub(super) fn is_at(cell: &Cell, text: &str) -> Result<()> {
    let offset = PROGRAM.find(text).with_context(|| format!("the program has no {text}"))?;
    let end = format!("/answers.js:{}:", PROGRAM[..offset].matches('\n').count() + 1);
    ensure!(matches!(cell, Cell::Text(place) if place.contains(&end)), "{text} is at {cell:?}, not at {end}");
    Ok(())
}

/// What is the same in a core and in a snapshot, and of a core (`is_core`) more.
fn of_graph(analysis: &HeapAnalysis, is_core: bool) -> Result<()> {
    let setting = Setting::new(analysis, &NoFiles);
    let table = functions(&setting, FunctionRows::Functions, HistogramSort::Name, None, usize::MAX);
    let counted = rows(&table, "function", "counted");
    ensure!(counted.len() == 1 && *counted[0]["count"] == Cell::Number(37), "counted: {counted:?}");
    is_at(counted[0]["location"], "function counted")?;
    let bound = rows(&table, "function", "bound counted");
    ensure!(bound.len() == 1 && *bound[0]["count"] == Cell::Number(1), "bound: {bound:?}");
    variables(&setting, is_core)?;
    events(&setting)?;
    promised(&setting, is_core)?;
    shapes(&setting, is_core)?;
    if is_core {
        whole_texts(&setting)?;
        suspended(&setting)?;
    }
    let needles = text_holders(&setting, "needle-in-", Case::Told, usize::MAX);
    ensure!(!rows(&needles, "edge", ".needle").is_empty(), "nobody holds the needle: {:?}", needles.rows);
    Ok(())
}

/// The third counter sees a label, a count, what is in its block, and what the file shares.
fn variables(setting: &Setting<'_>, is_core: bool) -> Result<()> {
    let function = at(setting.analysis, "counters.3")?;
    let tree = closure(setting, &[function], Limits::default());
    let scopes = &tree.roots[0].children;
    let seen: BTreeMap<&str, &str> =
        scopes.iter().flat_map(|scope| &scope.children).map(|variable| (variable.edge.as_str(), variable.label.as_str())).collect();
    let is = |name: &str, label: &str| seen.get(name).is_some_and(|found| *found == label);
    ensure!(is("label:", "'counter-3'") && is("inBlock:", "Object") && is("shared:", "Object"), "variables: {seen:?}");
    ensure!(!is_core || is("count:", "4.5"), "the number is not told: {seen:?}");
    let names: Vec<&str> = scopes.iter().map(|scope| scope.label.as_str()).collect();
    ensure!(names.len() == 3 && names[1] == "variables of makeCounter()", "scopes: {names:?}");
    Ok(())
}

/// One object has this label, and two numbers, which are in no snapshot.
fn shapes(setting: &Setting<'_>, is_core: bool) -> Result<()> {
    let property = if is_core { "small" } else { "knownLabel" };
    let query = ObjectQuery { property: Some(property.to_owned()), ..ObjectQuery::default() };
    let table = objects(setting, &query, usize::MAX);
    let found = rows(&table, "group", if is_core { "{knownLabel, small, double}" } else { "{knownLabel}" });
    let id = Cell::Node(setting.graph().id(at(setting.analysis, "words")?).0);
    ensure!(found.len() == 1 && *found[0]["id"] == id && *found[0]["count"] == Cell::Number(1), "objects: {:?}", table.rows);
    ensure!(*found[0]["properties"] == Cell::Number(if is_core { 3 } else { 1 }), "objects: {found:?}");
    let Cell::Text(shape) = found[0]["shape"] else { anyhow::bail!("no shape: {found:?}") };
    let members = Selector::parse(shape).resolve(setting.analysis, &NoFiles)?.nodes;
    ensure!(members == [at(setting.analysis, "words")?], "{shape} stands for {members:?}");
    Ok(())
}

/// Texts are found far behind the beginning of a string, across its parts, and in a part of another string.
fn whole_texts(setting: &Setting<'_>) -> Result<()> {
    for (text, case, edge) in [
        ("flat-needle", Case::Told, ".flat"),
        ("straddling-needle", Case::Told, ".joined"),
        ("Straddling-NEEDLE", Case::Ignored, ".joined"),
        ("sliced-needle", Case::Told, ".sliced"),
    ] {
        let table = text_holders(setting, text, case, usize::MAX);
        let holder = Cell::Node(setting.graph().id(at(setting.analysis, "texts")?).0);
        let found = rows(&table, "edge", edge).into_iter().filter(|row| *row["id"] == holder).count();
        ensure!(found == 1, "{text} at {edge}: {found} of {:?}", table.rows);
    }
    Ok(())
}

fn events(setting: &Setting<'_>) -> Result<()> {
    for (path, event, listeners, function, text) in [
        ("emitter", "tick", 9, "onTick", "function onTick"),
        ("emitter", "done", 1, "onDone", "function onDone"),
        ("target", "stop", 3, "(anonymous)", "addEventListener('stop'"),
    ] {
        let id = Cell::Node(setting.graph().id(at(setting.analysis, path)?).0);
        let table = emitters(setting, Some(event), usize::MAX);
        let found: Vec<_> = rows(&table, "event", event).into_iter().filter(|row| *row["id"] == id).collect();
        ensure!(found.len() == 1 && *found[0]["listeners"] == Cell::Number(listeners), "{event}: {found:?}");
        ensure!(*found[0]["function"] == Cell::Text(function.to_owned()), "{event}: {found:?}");
        ensure!(found[0]["same"] == found[0]["listeners"], "{event}: closures of several functions: {found:?}");
        is_at(found[0]["location"], text)?;
    }
    Ok(())
}

fn promised(setting: &Setting<'_>, is_core: bool) -> Result<()> {
    let table = promises(setting, PromiseQuery::All, usize::MAX);
    let text = |text: &str| Cell::Text(text.to_owned());
    let (call, unknown) = (text("waitsForNever() call"), if is_core { "" } else { "unknown" });
    for (path, state, in_snapshot, reactions, value) in [
        ("never", "pending", "pending", 5, ""),
        ("fulfilled", "fulfilled", "unknown", 0, if is_core { "4217" } else { "" }),
        ("withObject", "fulfilled", "settled", 0, "Object"),
        ("rejected", "rejected", "settled", 0, "Error: on purpose"),
        ("waiting.2", "pending", "unknown", 0, unknown),
    ] {
        let id = Cell::Node(setting.graph().id(at(setting.analysis, path)?).0);
        let state = text(if is_core { state } else { in_snapshot });
        let row: BTreeMap<_, _> = match table.rows.iter().find(|row| row[0] == id) {
            Some(row) => table.columns.iter().map(|column| column.name).zip(row).collect(),
            None => anyhow::bail!("{path} is not listed"),
        };
        ensure!(*row["state"] == state && *row["reactions"] == Cell::Number(reactions), "{path}: {row:?}");
        let is_value = |cell: &Cell| matches!(cell, Cell::Text(found) if found == value) || value.is_empty() && *cell == Cell::None;
        ensure!(path.starts_with("waiting") || is_value(row["value"]), "{path}: {row:?}");
        ensure!(!path.starts_with("waiting") || *row["settled_by"] == call, "{path}: {row:?}");
        if path == "never" {
            ensure!(*row["waits"] == call, "{path}: {row:?}");
            // A snapshot holds the first 1,024 characters of a script, and no others are read here.
            is_at(row["location"], if is_core { "await keep.never" } else { "async function waitsForNever" })?;
        }
    }
    Ok(())
}

/// The five calls that wait say at which of two places they do.
fn suspended(setting: &Setting<'_>) -> Result<()> {
    let graph = setting.graph();
    let calls = graph.nodes().filter(|&node| graph.kind(node) == NodeKind::OBJECT && graph.name(node) == "Generator");
    let line = PROGRAM.find("await keep.never").map(|at| PROGRAM[..at].matches('\n').count() + 1).context("the program awaits nothing")?;
    let place = format!("/answers.js:{line}:3");
    let waiting = calls.filter(|&call| preview(setting, call).contains(&place)).count();
    ensure!(waiting == 5, "{waiting} calls wait at {place}");
    Ok(())
}

fn realms(analysis: &HeapAnalysis, kind: &str) -> usize {
    rows(&contexts(analysis, usize::MAX), "kind", kind).len()
}

/// With both isolates in one graph, rows say which is which, and places are those of the right script.
fn isolates(analysis: &HeapAnalysis) -> Result<()> {
    let setting = Setting::new(analysis, &NoFiles);
    let table = functions(&setting, FunctionRows::Functions, HistogramSort::Name, None, usize::MAX);
    let found = rows(&table, "function", "counted");
    let mut numbers: Vec<&Cell> = found.iter().map(|row| row["isolate"]).collect();
    numbers.sort_by_key(|cell| format!("{cell:?}"));
    ensure!(numbers == [&Cell::Number(1), &Cell::Number(2)], "isolates of a function: {found:?}");
    found.iter().try_for_each(|row| is_at(row["location"], "function counted"))?;
    let own = rows(&table, "function", "waitsForNever");
    ensure!(own.len() == 2, "functions: {own:?}");
    own.iter().try_for_each(|row| is_at(row["location"], "async function waitsForNever"))
}

/// Every space is as large as V8 said just before, beside a worker too; read-only memory, which isolates share from
/// Node.js 18 on, V8 counts nowhere.
fn space_sizes(file: &CoreFile, anatomy: &Anatomy, truths: [&[Value; 2]; 2]) -> Result<()> {
    let found = inventory(file, &mut anatomy.clone(), spaces)?;
    for nth in 0..2 {
        let [before, after] = truths.map(|truth| told_sizes(&truth[nth]));
        let (before, after) = (before?, after?);
        let own = found.iter().filter(|space| space.isolate == Some(nth));
        let own: BTreeMap<&str, u64> = own.map(|space| (space.space.name(), space.committed)).collect();
        // V8 may give a page back between the last telling and the core, and the program tells again after it.
        let names: BTreeSet<&str> = own.keys().chain(before.keys()).chain(after.keys()).copied().collect();
        for name in names {
            let [own, before, after] = [&own, &before, &after].map(|sizes| sizes.get(name).copied().unwrap_or(0));
            let is_between = (before.min(after)..=before.max(after)).contains(&own);
            ensure!(is_between, "isolate {}: {name} has {own} bytes, V8 says {before} before the core was made, {after} after", nth + 1);
        }
    }
    for space in &found {
        let used = space.alive.bytes + space.weakly.bytes + space.garbage.bytes + space.free + space.code + space.unknown;
        ensure!(used <= space.committed && space.committed < used + (space.pages << 15), "{space:?} does not add up to {used}");
    }
    Ok(())
}

/// The sizes of spaces, as V8 told them.
fn told_sizes(truth: &Value) -> Result<BTreeMap<&str, u64>> {
    let told = truth["spaces"].as_object().context("no spaces")?;
    let sizes = told.iter().map(|(name, size)| (name.as_str(), size.as_u64().unwrap_or(0)));
    Ok(sizes.filter(|&(_, size)| size > 0).collect())
}

/// The text of each function is what `toString` gives.
fn sources(file: &CoreFile, anatomy: &Anatomy, analysis: &HeapAnalysis, truth: &Value) -> Result<()> {
    let memory: &dyn Memory = file;
    let told = truth["sources"].as_array().context("no sources")?;
    for (nth, told) in told.iter().enumerate() {
        let function = analysis.graph().id(at(analysis, &format!("sources.{nth}"))?).0;
        let found = anatomy.look(memory, |heap| source(heap, Strings { heap, memory }, function)).context("no source")?;
        ensure!(Some(found.text.as_str()) == told.as_str(), "source {nth}: {:?}, not {told}", found.text);
        ensure!(found.script.ends_with("/answers.js"), "source {nth} is of {}", found.script);
    }
    Ok(())
}

/// The two known numbers are found where they are: one inside the object, one in a box of its own, which the object holds.
fn words(file: &CoreFile, anatomy: &Anatomy, analysis: &HeapAnalysis) -> Result<()> {
    let holder = analysis.graph().id(at(analysis, "words")?).0;
    inventory(file, &mut anatomy.clone(), |inventory| {
        let atlas = Atlas::new(file, inventory);
        let fields_with = |word: u64| -> Vec<(u64, String)> {
            let alive = find_words(file, &[word]).places.into_iter().filter_map(|(addr, _)| match atlas.at(addr).thing {
                Thing::Object { addr, field, life: Life::Reachable, .. } => Some((addr, field)),
                _ => None,
            });
            alive.collect()
        };
        let small = fields_with(123_454_321 << 32);
        ensure!(small.contains(&(holder, ".small".to_owned())), "the small integer of {holder:#x}: {small:x?}");
        let boxes = fields_with(4_217_421_742.5_f64.to_bits());
        let held = boxes.iter().filter(|(_, field)| field == "value").flat_map(|(addr, _)| fields_with(addr | 1));
        ensure!(held.into_iter().any(|found| found == (holder, ".double".to_owned())), "who holds the double: {boxes:x?}");
        fields(&atlas, file, anatomy, analysis.graph().id(at(analysis, "counters.3")?).0)?;
        let inside = atlas.at(holder + 9).thing;
        ensure!(matches!(&inside, Thing::Object { addr, field, .. } if *addr == holder && field == "properties"), "{inside:?}");
        Ok(())
    })?
}

/// Fields of V8's own objects have names: a function's context, and its map's prototype.
fn fields(atlas: &Atlas<'_, '_>, file: &CoreFile, anatomy: &Anatomy, function: u64) -> Result<()> {
    let (memory, offsets): (&dyn Memory, _) = (file, &anatomy.layout.at);
    let map = memory.word(function)? & !3;
    for (addr, expect) in [
        (function, "map"),
        (function + offsets.function_context, "context"),
        (function + offsets.function_shared, "shared function"),
        (function + offsets.function_code, "code"),
        (map + offsets.map_prototype, "prototype"),
        (map + offsets.map_descriptors, "descriptors"),
    ] {
        let thing = atlas.at(addr).thing;
        ensure!(matches!(&thing, Thing::Object { field, .. } if field == expect), "not {expect}: {thing:?}");
    }
    Ok(())
}
