//! Compares what only the library answers: filters, duplicate strings, realms, the allocation timeline, retaining paths.

use anyhow::{Context, Result, ensure};
use heap::HeapAnalysis;
use heap::contexts::{NativeContexts, Owner};
use heap::duplicates::{StringContents, string_text};
use heap::filters::Filter;
use heap::paths::{PathLimits, retaining_paths};
use heap::questions::{Grouping, HistogramSort, histogram};
use heap::view::Cell;
use heap::{NodeIx, Silent};
use serde_json::{Value, json};
use std::path::Path;

use super::compare::Differences;

/// Reads a snapshot and compares all of its answers with the engine's report and paths.
pub(super) fn compare(file: &Path, report: &Value, paths: &Value) -> Result<Differences> {
    let (graph, problems) = heap::snapshot::read(file, &Silent)?;
    ensure!(problems.is_empty(), "a snapshot of the tests is damaged: {problems:?}");
    let analysis = HeapAnalysis::new(graph);
    analysis.prepare(&Silent)?;
    let mut found = Differences::default();
    filters(&mut found, &analysis, &report["filters"])?;
    duplicates(&mut found, &analysis, &report["duplicates"])?;
    realms(&mut found, &analysis, &report["contexts"]);
    samples(&mut found, &analysis, &report["samples"]);
    retaining(&mut found, &analysis, paths)?;
    Ok(found)
}

fn note_unless_equal(found: &mut Differences, kind: &str, what: &str, ours: &Value, theirs: &Value) {
    if ours != theirs {
        found.note(kind, || format!("{what}: heapwhy {}, DevTools {}", cut(ours), cut(theirs)));
    }
}

fn cut(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

/// How many nodes pass each of DevTools' filters, and their self sizes.
fn filters(found: &mut Differences, analysis: &HeapAnalysis, theirs: &Value) -> Result<()> {
    let theirs = theirs.as_object().context("the oracle gave no filters")?;
    for (name, counts) in theirs {
        let filter = Filter::parse(analysis.graph(), name).map_err(anyhow::Error::msg)?;
        let nodes = filter.apply(analysis);
        let table = histogram(analysis, Grouping::Class, &heap::source::NoFiles, HistogramSort::Retained, Some(&nodes), None, usize::MAX);
        let sum = |column: &str| -> u64 {
            let at = table.columns.iter().position(|known| known.name == column);
            let number = |row: &Vec<Cell>| match at.and_then(|at| row.get(at)) {
                Some(Cell::Number(number)) => *number,
                _ => 0,
            };
            table.rows.iter().map(number).sum()
        };
        let ours = json!({"count": sum("count"), "self": sum("self_size")});
        note_unless_equal(found, "filters", name, &ours, counts);
    }
    found.add_compared(format!("{} filters", theirs.len()));
    Ok(())
}

/// Groups of equal strings: how many, their sums, and those that retain most. Groups that retain the same have no order.
fn duplicates(found: &mut Differences, analysis: &HeapAnalysis, theirs: &Value) -> Result<()> {
    let groups = StringContents::of(analysis).groups(2, |_| true);
    let sum = |value: fn(&heap::duplicates::StringGroup) -> u64| groups.iter().map(value).sum::<u64>();
    let (count, size, retained) = (sum(|group| group.count), sum(|group| group.self_size), sum(|group| group.retained_size));
    let ours = [("groups", groups.len() as u64), ("count", count), ("self", size), ("retained", retained)];
    for (name, number) in ours {
        note_unless_equal(found, "duplicate strings", name, &json!(number), &theirs[name]);
    }
    let top = theirs["top"].as_array().context("the oracle gave no duplicate strings")?;
    let least = if top.len() == groups.len() { 0 } else { top.last().and_then(|group| group["retained"].as_u64()).unwrap_or(0) + 1 };
    let row = |text: &str, count: u64, size: u64, retained: u64| json!([text, count, size, retained]).to_string();
    let mut their_rows = Vec::new();
    for group in top {
        let number = |name: &str| group[name].as_u64().with_context(|| format!("a group has no {name}"));
        if number("retained")? >= least {
            their_rows.push(row(group["value"].as_str().unwrap_or_default(), number("count")?, number("self")?, number("retained")?));
        }
    }
    let large = groups.iter().filter(|group| group.retained_size >= least);
    let text = |group: &heap::duplicates::StringGroup| string_text(analysis.graph(), group.sample);
    let mut our_rows: Vec<String> = large.map(|group| row(&text(group), group.count, group.self_size, group.retained_size)).collect();
    our_rows.sort_unstable();
    their_rows.sort_unstable();
    for (our, their) in our_rows.iter().zip(&their_rows).filter(|(our, their)| our != their) {
        found.note("duplicate strings", || format!("heapwhy {}, DevTools {}", cut(&json!(our)), cut(&json!(their))));
    }
    note_unless_equal(found, "duplicate strings", "large groups", &json!(our_rows.len()), &json!(their_rows.len()));
    found.add_compared(format!("{} groups of strings", groups.len()));
    Ok(())
}

/// What belongs to which realm.
fn realms(found: &mut Differences, analysis: &HeapAnalysis, theirs: &Value) {
    let graph = analysis.graph();
    let mut contexts = Vec::new();
    let (mut shared, mut nobody) = (0, 0);
    for owned in NativeContexts::of(graph).sizes(analysis) {
        match owned.owner {
            Owner::Context(node) => contexts.push(json!({
                "nodeId": graph.id(node).0,
                "nodeName": graph.name(node),
                "attributedSize": owned.size,
                "retainedSize": analysis.retained_size(node),
                "selfSize": analysis.self_size(node),
            })),
            Owner::Shared => shared = owned.size,
            Owner::Nobody => nobody = owned.size,
        }
    }
    let id = |context: &Value| context["nodeId"].as_u64();
    contexts.sort_by_key(id);
    let mut theirs_sorted = theirs["nativeContexts"].as_array().cloned().unwrap_or_default();
    theirs_sorted.sort_by_key(id);
    for context in &mut theirs_sorted {
        context.as_object_mut().map(|context| context.remove("nodeIndex"));
    }
    found.add_compared(format!("{} realms", contexts.len()));
    note_unless_equal(found, "realms", "native contexts", &json!(contexts), &json!(theirs_sorted));
    note_unless_equal(found, "realms", "shared", &json!(shared), &theirs["sharedSize"]);
    note_unless_equal(found, "realms", "nobody's", &json!(nobody), &theirs["noAttributionSize"]);
}

/// The timeline: its ticks, and what was allocated between them and is still there.
fn samples(found: &mut Differences, analysis: &HeapAnalysis, theirs: &Value) {
    let samples = &analysis.graph().allocations().samples;
    if samples.is_empty() {
        note_unless_equal(found, "timeline", "whether there is one", &Value::Null, theirs);
        return;
    }
    let times: Vec<f64> = samples.iter().map(|sample| sample.timestamp_us as f64 / 1e3).collect();
    let ids: Vec<u64> = samples.iter().map(|sample| sample.last_assigned_id).collect();
    let mut sizes = vec![0_u64; samples.len()];
    let graph = analysis.graph();
    // Even ids are those of native objects, which are not numbered in the order of time.
    for node in graph.nodes().filter(|&node| graph.id(node).0 % 2 == 1) {
        let at = ids.partition_point(|&last| last < graph.id(node).0);
        if let Some(size) = sizes.get_mut(at) {
            *size += analysis.self_size(node);
        }
    }
    let as_numbers = |value: &Value| -> Vec<f64> { value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect() };
    let as_floats = |numbers: &[u64]| -> Vec<f64> { numbers.iter().map(|&number| number as f64).collect() };
    let pairs = [("timestamps", times), ("lastAssignedIds", as_floats(&ids)), ("sizes", as_floats(&sizes))];
    for (name, ours) in pairs {
        note_unless_equal(found, "timeline", name, &json!(ours), &json!(as_numbers(&theirs[name])));
    }
    found.add_compared(format!("{} ticks", samples.len()));
}

/// Retaining paths of the nodes for which the oracle was asked.
fn retaining(found: &mut Differences, analysis: &HeapAnalysis, theirs: &Value) -> Result<()> {
    let answers = theirs.as_array().context("the oracle gave no retaining paths")?;
    ensure!(!answers.is_empty(), "the oracle gave no retaining paths");
    let mut rows = 0;
    for answer in answers {
        let node = answer["node"].as_u64().and_then(|node| u32::try_from(node).ok()).context("a path has no node")?;
        let limit = |at: usize| answer["limits"][at].as_u64().and_then(|limit| usize::try_from(limit).ok()).context("a path has no limits");
        let limits = PathLimits { depth: limit(0)?, nodes: limit(1)?, siblings: limit(2)? };
        let ours = retaining_paths(analysis, NodeIx(node), limits);
        let edge = |found: &heap::paths::RetainingNode| found.edge.map(|edge| edge.ix.0);
        let our_rows: Vec<Value> = ours.nodes.iter().skip(1).map(|found| json!([found.depth, found.node.0, edge(found)])).collect();
        rows += our_rows.len();
        let their_rows = answer["rows"].as_array().context("a path has no rows")?;
        let id = analysis.graph().id(NodeIx(node));
        if let Some(at) = (0..our_rows.len().max(their_rows.len())).find(|&at| our_rows.get(at) != their_rows.get(at)) {
            let [our, their] = [&our_rows, their_rows].map(|rows| rows.get(at).cloned().unwrap_or_default());
            found.note("retaining paths", || format!("{id} row {at} of {}: heapwhy {our}, DevTools {their}", their_rows.len()));
        }
        for (name, ours) in ["depth", "nodes", "siblings"].into_iter().zip(ours.reached) {
            let theirs = answer["reached"][name].as_bool().unwrap_or(false);
            note_unless_equal(found, "limits of retaining paths", &format!("{id} {name}"), &json!(ours), &json!(theirs));
        }
    }
    found.add_compared(format!("{rows} hops of retaining paths"));
    Ok(())
}
