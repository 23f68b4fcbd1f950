//! The values that the known program keeps, as `inspect` shows them: held to what JavaScript itself says of each (`tests/cores/told.js`), and to
//! what the program is known to have written where JavaScript cannot say it: variables, locals of functions that wait, entries of WeakMaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use heap::held::{Part, Primitive};
use heap::preview::{Limits, preview, preview_within};
use heap::questions::Selector;
use heap::source::NoFiles;
use heap::story::Setting;
use heap::{EdgeKind, EdgeName, HeapAnalysis, NodeIx};
use serde_json::Value;

/// Objects by their path, and what they are in one line.
const SHOWN: [(&str, &str); 21] = [
    ("__KEEP.args", "Arguments(3) [ 1, 'two', Object, length: 3 ]"),
    ("__KEEP.proxy", "Proxy { target: Object, handler: Object }"),
    ("__KEEP.proxyOf", "Proxy { target: Proxy, handler: Object }"),
    ("__KEEP.revoked", "Proxy"),
    ("__KEEP.wrap.0", "[Number: 5]"),
    ("__KEEP.wrap.1", "[String: 'strobj']"),
    ("__KEEP.wrap.2", "[Boolean: true]"),
    ("__KEEP.wrap.3", "[Symbol: Symbol(w)]"),
    ("__KEEP.wrap.4", "[BigInt: 7n]"),
    ("__KEEP.dv", "DataView <64 of 4096 bytes>"),
    ("__KEEP.res.0", "/foo.*bar/gi { lastIndex: 6 }"),
    ("__KEEP.res.1", "/dyn1000/u { lastIndex: 0 }"),
    ("__KEEP.sloppy", "Arguments(3) [ 50, Object, 3, length: 3 ]"),
    ("__KEEP.gone", "Uint8Array(0)"),
    ("__KEEP.ws", "WeakSet(100) [ Object, Object, Object, Object, Object, Object, Object, Object, … 92 more ]"),
    ("__KEEP.ab", "ArrayBuffer(4096)"),
    ("__KEEP.given", "ArrayBuffer (detached)"),
    ("__KEEP.subprom", "SubProm <pending>"),
    ("__KEEP.own", "TypeError: own { message: 'own', stack: 'my own words' }"),
    ("__KEEP.sparse", "Array(5000001) [ 'zero', <99999 empty items>, 'big', <4899999 empty items>, Object ]"),
    ("__KEEP.numbered", "Object { 0: 'e0', 5: 'e5', 77: 'e77', 1000000: 'e1m', a: 1 }"),
];

/// As much as `told.js` tells.
const LIMITS: Limits = Limits { entries: 200, text: usize::MAX / 4, line: usize::MAX, nodes: 2_000 };

/// Checks all of them. `folder` holds what the program told.
pub(super) fn check(analysis: &HeapAnalysis, folder: &Path) -> Result<()> {
    let setting = Setting::new(analysis, &NoFiles);
    told(&setting, folder)?;
    for (path, expect) in SHOWN {
        let shown = preview(&setting, only(analysis, path)?);
        ensure!(shown == expect, "{path}: {shown}, not {expect}");
    }
    let captured = preview_within(&setting, only(analysis, "__KEEP.captured")?, LIMITS);
    ensure!(captured.starts_with("Object { tag: 'cap', at "), "captured: {captured}");
    numbered(analysis, "Node2", "v", 500)?;
    numbered(analysis, "Holdings", "hi", 12)?;
    named_parts(&setting)?;
    traced(&setting, folder)?;
    variables(&setting)?;
    waiting(analysis)?;
    weak_entries(analysis)
}

/// Returns what the program told, by the path from `__KEEP`: one line, or one for each element of an array.
pub(super) fn lines(folder: &Path) -> Result<BTreeMap<String, Value>> {
    Ok(serde_json::from_slice(&fs::read(folder.join("told.json"))?)?)
}

/// Returns the objects at a path, each with its line: the elements of the array that is there, or what is there itself.
pub(super) fn members<'l>(analysis: &HeapAnalysis, path: &str, lines: &'l Value) -> Result<Vec<(String, NodeIx, &'l str)>> {
    let node = only(analysis, &format!("__KEEP.{path}"))?;
    let Some(lines) = lines.as_array() else { return Ok(vec![(path.to_owned(), node, lines.as_str().context("no line")?)]) };
    let graph = analysis.graph();
    let elements: BTreeMap<u32, NodeIx> = graph
        .edges(node)
        .filter(|edge| edge.kind == EdgeKind::ELEMENT)
        .filter_map(|edge| match graph.edge_name(edge) {
            EdgeName::Index(index) => Some((index, edge.to)),
            EdgeName::Text(_) => None,
        })
        .collect();
    let member = |(nth, line): (u32, &'l Value)| {
        let name = format!("{path}.{nth}");
        let node = elements.get(&nth).copied().with_context(|| format!("nothing at {name}"))?;
        Ok((name, node, line.as_str().context("no line")?))
    };
    (0..).zip(lines).map(member).collect()
}

fn told(setting: &Setting<'_>, folder: &Path) -> Result<()> {
    let mut count = 0;
    for (path, lines) in lines(folder)? {
        for (name, node, line) in members(setting.analysis, &path, &lines)? {
            let shown = preview_within(setting, node, LIMITS);
            let is_same = line.strip_suffix('…').map_or(shown == line, |start| shown.starts_with(start));
            let cut = |text: &str| text.chars().take(1000).collect::<String>();
            ensure!(is_same, "{name}: {}, JavaScript says {}", cut(&shown), cut(line));
            count += 1;
        }
    }
    ensure!(count > 6000, "the program told {count} lines only");
    Ok(())
}

/// Finds what a path from the global object leads to.
pub(super) fn only(analysis: &HeapAnalysis, path: &str) -> Result<NodeIx> {
    let selected = Selector::parse(path).resolve(analysis, &NoFiles)?;
    selected.nodes.first().copied().with_context(|| format!("nothing at {path}"))
}

fn of_class<'a>(analysis: &'a HeapAnalysis, class: &'a str) -> impl Iterator<Item = NodeIx> + 'a {
    analysis.graph().nodes().filter(move |&node| analysis.graph().name(node) == class && analysis.class_name(node) == class)
}

/// Returns a number that an object holds, in itself or in a box of its own.
fn number(analysis: &HeapAnalysis, node: NodeIx, name: &str) -> Option<f64> {
    let graph = analysis.graph();
    let held = graph.held(node, 0)?;
    let value = match held.names.iter().find(|(known, _)| known == name)?.1 {
        Some(value) => value,
        None => graph.held(graph.edge_named(node, name)?.to, 0)?.value?,
    };
    if let Primitive::Number(value) = value { Some(value) } else { None }
}

/// The objects of a class are numbered by a property: every number below `count` must be there.
fn numbered(analysis: &HeapAnalysis, class: &str, property: &str, count: u64) -> Result<()> {
    let seen: BTreeSet<u64> = of_class(analysis, class).filter_map(|node| number(analysis, node, property)).map(|own| own as u64).collect();
    ensure!((0..count).eq(seen), "{class}: not one of each number");
    Ok(())
}

/// The variables of closures: one of few in each of 120 contexts, 80 in one, and those of a module.
fn variables(setting: &Setting<'_>) -> Result<()> {
    let graph = setting.graph();
    let context = |path: &str| -> Result<NodeIx> {
        let function = only(setting.analysis, &format!("__KEEP.{path}"))?;
        graph.child(function, EdgeKind::INTERNAL, "context").with_context(|| format!("{path} has no context"))
    };
    for nth in 0..120 {
        let shown = preview(setting, context(&format!("closures.{nth}"))?);
        let number = Primitive::Number(f64::from(nth) * 1.5);
        let expect = format!("variables of mk() {{ capBig: Object, capStr: 'cs{nth}', capNum: {number} }}");
        ensure!(shown == expect, "{shown}, not {expect}");
    }
    let many = (0..80).map(|nth| match nth % 4 {
        0 => format!("v{nth}: {nth}"),
        1 => format!("v{nth}: {nth}.25"),
        2 => format!("v{nth}: 't{nth}'"),
        _ => format!("v{nth}: Object"),
    });
    let expect = format!(" {{ {} }}", many.collect::<Vec<_>>().join(", "));
    let shown = preview_within(setting, context("v80")?, LIMITS);
    ensure!(shown.ends_with(&expect), "{shown}, not {expect}");
    let module = preview(setting, context("esm.peek")?);
    ensure!(module.contains("hidden: Object") && module.contains("count: 4217"), "variables of the module: {module}");
    Ok(())
}

/// What has names in V8's memory that V8's snapshots do not give: variables of a block that hide others, locals of a generator, what is passed to the
/// callback of a FinalizationRegistry, what a module exports.
fn named_parts(setting: &Setting<'_>) -> Result<()> {
    let graph = setting.graph();
    let check = |path: &str, node: NodeIx, expect: &str| {
        let shown = preview(setting, node);
        ensure!(shown.contains(expect), "{path}: {shown}, not {expect}");
        Ok(())
    };
    let at = |path: &str| only(setting.analysis, &format!("__KEEP.{path}"));
    let block = graph.child(at("shadow")?, EdgeKind::INTERNAL, "context").context("no context")?;
    check("shadow", block, "variables { y: 'block', x: 6 }")?;
    check("gen", at("gen")?, "local: Object")?;
    check("registry", at("registry")?, " => Holdings")?;
    check("space", at("space")?, "exported: 'of-the-module'")
}

/// The stack of an error that nobody has looked at leads where the text of another says, that was made in the same place.
fn traced(setting: &Setting<'_>, folder: &Path) -> Result<()> {
    let frames = |nth: u32| -> Result<Vec<String>> {
        let error = only(setting.analysis, &format!("__KEEP.traced.{nth}"))?;
        let held = setting.graph().held(error, 100).context("nothing is told")?;
        let frame = |(name, part): (String, Part)| match part {
            Part::Words(words) if name == "at" => Some(words),
            _ => None,
        };
        Ok(held.parts.into_iter().filter_map(frame).collect())
    };
    let text = fs::read_to_string(folder.join("traced.txt"))?;
    let told: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("at ")).collect();
    ensure!(frames(1)? == told, "a stack that was read: {:?}", frames(1)?);
    let place = |frame: &str| frame.rsplit_once('(').map_or(frame, |(_, place)| place).trim_end_matches(')').to_owned();
    // Every place is the one that V8 tells, or only its file: of machine code, which Node 26 keeps, the line is not known.
    let found = frames(0)?;
    let has_line = |place: &str| place.rsplit_once(':').is_some_and(|(_, column)| column.parse::<u32>().is_ok());
    let pairs = || found.iter().zip(&told).map(|(found, told)| (place(found), place(told)));
    let is_right = |(found, told): (String, String)| {
        !told.contains(".js:") || found == told || !has_line(&found) && told.starts_with(&format!("{found}:"))
    };
    let some_line = pairs().any(|(found, told)| has_line(&found) && found == told);
    ensure!(told.len() > 5 && found.len() == told.len() && pairs().all(is_right) && some_line, "a stack: {found:?}, not {told:?}");
    Ok(())
}

/// Functions that wait keep their locals: each of 15 has an object with its number, and a generator has one.
fn waiting(analysis: &HeapAnalysis) -> Result<()> {
    let graph = analysis.graph();
    let locals = |function: &str, property: &str| -> BTreeSet<u64> {
        let is_call = |&node: &NodeIx| {
            graph.child(node, EdgeKind::INTERNAL, "function").is_some_and(|found| graph.name(found) == function)
                && graph.child(node, EdgeKind::INTERNAL, "parameters_and_registers").is_some()
        };
        let registers = graph.nodes().filter(is_call).filter_map(|call| graph.child(call, EdgeKind::INTERNAL, "parameters_and_registers"));
        let held = registers.flat_map(|registers| graph.edges(registers)).filter_map(|edge| number(analysis, edge.to, property));
        held.map(|number| number as u64).collect()
    };
    ensure!(locals("asyncFn", "inAsync").into_iter().eq(0..15), "locals of async functions: {:?}", locals("asyncFn", "inAsync"));
    ensure!(locals("genFn", "inGen").into_iter().eq(1..2), "locals of a generator");
    Ok(())
}

/// Each of the hundred keys of the WeakMap leads to its value, and the WeakMap shows them all.
fn weak_entries(analysis: &HeapAnalysis) -> Result<()> {
    let graph = analysis.graph();
    let table = only(analysis, "__KEEP.wm").and_then(|map| graph.child(map, EdgeKind::INTERNAL, "table").context("no table"))?;
    let mut keys = BTreeSet::new();
    for nth in 0..100 {
        let key = only(analysis, &format!("__KEEP.wmkeys.{nth}"))?;
        let end = format!("pair in WeakMap (table @{})", graph.id(table).0);
        let values = graph.edges(key).filter(|edge| graph.edge_text(*edge).ends_with(&end));
        let values: Vec<_> = values.map(|edge| number(analysis, edge.to, "wv")).collect();
        ensure!(values == [Some(f64::from(nth))], "the value of key {nth}: {values:?}");
        keys.insert(format!("Object {}", graph.id(key)));
    }
    let setting = Setting::new(analysis, &NoFiles);
    let shown = preview(&setting, only(analysis, "__KEEP.wm")?);
    let inside = shown.strip_prefix("WeakMap(100) { ").with_context(|| shown.clone())?;
    let names: Vec<&str> = inside.split(", ").filter_map(|entry| entry.split_once(" => ")).map(|(key, _)| key).collect();
    ensure!(names.len() > 1 && names.iter().all(|&name| keys.contains(name)), "{shown}");
    Ok(())
}
