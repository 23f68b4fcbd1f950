//! The values that the known program keeps: numbers of every kind in properties, elements, tables and variables, as `inspect` shows them.

use anyhow::{Context, Result, ensure};

use heap::held::Primitive;
use heap::preview::preview;
use heap::questions::Selector;
use heap::source::NoFiles;
use heap::story::Setting;
use heap::{HeapAnalysis, NodeIx};

/// What an object of a class holds: the property that numbers it, and properties that follow from the number.
type Formula = (&'static str, fn(f64) -> f64);

/// Classes, how many of each the program keeps at least, and the numbers in them.
const NUMBERS: [(&str, u64, &[Formula]); 7] = [
    ("Leaky", 1000, &[("id", |i| i), ("ratio", |i| i + 0.5)]),
    (
        "LeakyOut",
        1000,
        &[("id", |i| i), ("ratio", |i| i + 0.5), ("extra0", |_| 0.0), ("extra1", |_| 1.75), ("extra9", |_| 9.0), ("extra10", |_| 10.75)],
    ),
    ("SmiOnly", 1000, &[("a", |i| i), ("b", |i| -i), ("c", |i| 2.0 * i)]),
    ("DictMode", 1000, &[("keep", |i| i), ("dbl", |i| i + 0.125)]),
    ("Node2", 500, &[("v", |i| i)]),
    ("OldSub", 150, &[("alpha", |i| i), ("delta", |i| i)]),
    ("PrivateF", 100, &[("pub", |i| i), ("#two", |_| 2.0)]),
];

/// Objects by their path, and what they are in one line.
const SHOWN: [(&str, &str); 16] = [
    ("__KEEP.arrays.psmi", "Array(5) [ 1, 2, 3, 4, 5 ]"),
    ("__KEEP.arrays.pdbl", "Array(5) [ 1.5, 2.5, -0, NaN, 1e+300 ]"),
    ("__KEEP.arrays.pelem", "Array(6) [ 1, 'a', null, undefined, true, Object ]"),
    ("__KEEP.arrays.hsmi", "Array(3) [ 1, <1 empty item>, 3 ]"),
    ("__KEEP.arrays.hdbl", "Array(3) [ 1.5, <1 empty item>, 3.5 ]"),
    ("__KEEP.arrays.helem", "Array(3) [ 'x', <1 empty item>, Object ]"),
    ("__KEEP.arrays.dictArr", "Array(100001) [ <5 empty items>, 7, <99994 empty items>, 'far' ]"),
    ("__KEEP.arrays.frozen", "Array(3) [ 1, 2, 'f' ]"),
    ("__KEEP.arrays.bigdbl", "Array(50000) [ 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, … 49992 more ]"),
    ("__KEEP.arrays.queue", "Array(63) [ Object, Object, Object, Object, Object, Object, Object, Object, … 55 more ]"),
    (
        "__KEEP.mapdel",
        "Map(30) { 20 => 20.5, 21 => 21.5, 22 => 22.5, 23 => 23.5, 24 => 24.5, 25 => 25.5, 26 => 26.5, 27 => 27.5, … 22 more }",
    ),
    ("__KEEP.dates.0", "Date 2020-09-13T12:26:40.000Z"),
    ("__KEEP.indexed.3", "Indexed { 0: 3, 5: 'five', name2: 'ix3' }"),
    ("__KEEP.wrap.0", "[Number: 5]"),
    ("__KEEP.args", "Arguments(3) [ 1, 'two', Object, length: 3 ]"),
    ("__KEEP.repr.3", "Object { rp: 1.5 }"),
];

/// Checks all of them.
pub(super) fn check(analysis: &HeapAnalysis) -> Result<()> {
    for (class, count, formulas) in NUMBERS {
        numbers(analysis, class, count, formulas).with_context(|| format!("numbers of {class}"))?;
    }
    let setting = Setting::new(analysis, &NoFiles);
    for (path, expect) in SHOWN {
        let node = only(analysis, path)?;
        let shown = preview(&setting, node);
        ensure!(shown == expect, "{path}: {shown}, not {expect}");
    }
    variables(analysis)
}

/// Finds what a path from the global object leads to.
fn only(analysis: &HeapAnalysis, path: &str) -> Result<NodeIx> {
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

/// Every object with a number must hold what follows from it, and every number below `count` must be there.
fn numbers(analysis: &HeapAnalysis, class: &str, count: u64, formulas: &[Formula]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for node in of_class(analysis, class) {
        let Some(own) = number(analysis, node, formulas[0].0) else { continue };
        for (name, expect) in formulas {
            let found = number(analysis, node, name);
            ensure!(found == Some(expect(own)), "{name} of {}: {found:?}, not {}", analysis.graph().id(node), expect(own));
        }
        seen.insert(own as u64);
    }
    ensure!((0..count).all(|nth| seen.contains(&nth)), "{} of {count} are there", seen.len());
    Ok(())
}

/// The variables of the closures: `capNum` is a number in each context.
fn variables(analysis: &HeapAnalysis) -> Result<()> {
    let contexts = analysis.graph().nodes().filter(|&node| analysis.graph().name(node) == "system / Context");
    let found: Vec<f64> = contexts.filter_map(|node| number(analysis, node, "capNum")).collect();
    let all = (0..120).all(|nth| found.contains(&(f64::from(nth) * 1.5)));
    ensure!(all, "capNum: {} of 120 closures have theirs", found.len());
    Ok(())
}
