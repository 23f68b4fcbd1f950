//! Who refers to an object, and to what it refers: edge by edge, as V8 wrote them or in a story's words.

use rustc_hash::FxHashSet;

use super::distance_cell;
use crate::analysis::HeapAnalysis;
use crate::graph::{Edge, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::preview::{Limits, edge_label, head};
use crate::source::scripts::is_named;
use crate::story::words::{Around, Detail, Phrase, of_step};
use crate::story::{Setting, calls};
use crate::view::{ColumnKind, Table};

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Who refers to it.
    #[default]
    From,
    /// To what it refers.
    To,
}

/// Lists the edges of nodes as V8 wrote them: columns `id, name, edge, kind, retains, self_size, retained_size, distance, of, raw_id,
/// raw_edge`. `id` and `name` are the other end's, `of` is the node asked about; `retains` says whether the edge keeps its target alive:
/// `yes`, `weak`, `shortcut`, `ephemeron` (the value of a WeakMap lives as long as both table and key), `no` (DevTools leaves the edge out
/// of dominators). Edges that retain come first, then those of the nearest to the root. O(edges), the first time.
#[must_use]
pub fn refs(setting: &Setting<'_>, nodes: &[NodeIx], direction: Direction, limit: usize) -> Table {
    let (analysis, graph) = (setting.analysis, setting.graph());
    let mut found: Vec<Ref> = Vec::new();
    for &of in nodes {
        let one = |from, other, edge| Ref { of, other, from, edge, words: edge_label(graph, edge) };
        match direction {
            Direction::From => found.extend(analysis.retainers(of).map(|(from, edge)| one(from, from, edge))),
            Direction::To => found.extend(graph.edges(of).map(|edge| one(of, edge.to, edge))),
        }
    }
    table(analysis, found, direction, limit, |node| head(setting, node, Limits { text: 60, ..Limits::default() }))
}

/// As `refs`, in the words of a story: tables and other parts of an object are that object, `[value]` of a Map in place of `(internal 68)`
/// of an array. `kind` and `retains` are those of V8's last edge, `raw_edge`; `raw_id` is its other end.
#[must_use]
pub fn told_refs(setting: &Setting<'_>, nodes: &[NodeIx], direction: Direction, limit: usize) -> Table {
    let found = nodes.iter().flat_map(|&of| match direction {
        Direction::From => holders(setting, of),
        Direction::To => held(setting, of),
    });
    table(setting.analysis, found.collect(), direction, limit, |node| setting.head(node))
}

/// A reference that is shown.
struct Ref {
    of: NodeIx,
    /// The other end, as it is shown.
    other: NodeIx,
    /// Where V8's edge comes from.
    from: NodeIx,
    edge: Edge,
    words: String,
}

fn table(analysis: &HeapAnalysis, mut found: Vec<Ref>, direction: Direction, limit: usize, name: impl Fn(NodeIx) -> String) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("name", if direction == Direction::From { "holder" } else { "holds" }, ColumnKind::Text),
        ("edge", "by", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("retains", "retains", ColumnKind::Text),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("distance", "distance", ColumnKind::Count),
        ("of", "of", ColumnKind::Node),
        ("raw_id", "V8's id", ColumnKind::Node),
        ("raw_edge", "V8's edge", ColumnKind::Text),
    ];
    let mut table = Table::new("refs", &columns);
    let graph = analysis.graph();
    let is_strong = |row: &Ref| analysis.is_essential(row.from, row.edge);
    found.sort_by_cached_key(|row| (!is_strong(row), row.edge.kind == EdgeKind::WEAK, analysis.distance(row.other), row.other));
    table.total_rows = found.len() as u64;
    for row in found.into_iter().take(limit) {
        let raw = if direction == Direction::From { row.from } else { row.edge.to };
        table.rows.push(vec![
            graph.id(row.other).into(),
            name(row.other).into(),
            row.words.into(),
            graph.edge_kind_name(row.edge).into(),
            retains(analysis, row.from, row.edge).into(),
            analysis.self_size(row.other).into(),
            analysis.retained_size(row.other).into(),
            distance_cell(analysis.distance(row.other)),
            graph.id(row.of).into(),
            graph.id(raw).into(),
            edge_label(graph, row.edge).into(),
        ]);
    }
    table
}

/// Returns who holds a node, with the words for how.
fn holders(setting: &Setting<'_>, of: NodeIx) -> Vec<Ref> {
    let analysis = setting.analysis;
    let mut found: Vec<Ref> = Vec::new();
    let mut direct: FxHashSet<NodeIx> = FxHashSet::default();
    for (from, edge) in analysis.retainers(of) {
        let steps = steps_to_part(setting, from);
        let other = steps.first().map_or(from, |step| step.from);
        if other == from && matches!(edge.kind, EdgeKind::PROPERTY | EdgeKind::ELEMENT) {
            direct.insert(from);
        }
        let words = words(setting, other, steps.into_iter().chain([Step { from, edge }]));
        found.push(Ref { of, other, from, edge, words });
    }
    // V8 writes what an array or object holds twice: from itself and from the part that has it.
    found.retain(|row| row.other == row.from || !direct.contains(&row.other));
    let mut seen: FxHashSet<(NodeIx, String)> = FxHashSet::default();
    found.retain(|row| row.other == row.from || seen.insert((row.other, row.words.clone())));
    found
}

/// Returns what a node holds, with the words for how.
fn held(setting: &Setting<'_>, of: NodeIx) -> Vec<Ref> {
    let graph = setting.graph();
    let mut found = Vec::new();
    for edge in graph.edges(of) {
        let first = Step { from: of, edge };
        let is_part = edge.kind == EdgeKind::INTERNAL && graph.kind(edge.to) == NodeKind::ARRAY && graph.kind(of) != NodeKind::ARRAY;
        if !is_part {
            found.push(Ref { of, other: edge.to, from: of, edge, words: words(setting, of, [first]) });
        } else if !matches!(&*graph.edge_text(edge), "elements" | "properties") {
            let below = graph.edges(edge.to).filter(|below| !is_named(graph, *below, setting.names.map));
            found.extend(below.map(|below| {
                let steps = [first, Step { from: edge.to, edge: below }];
                Ref { of, other: below.to, from: edge.to, edge: below, words: words(setting, of, steps) }
            }));
        }
    }
    found
}

/// Returns the steps from the object that a table, or what a promise keeps of a waiting function, is a part of: none where it is no part,
/// or one of several objects.
fn steps_to_part(setting: &Setting<'_>, part: NodeIx) -> Vec<Step> {
    /// Parts of parts.
    const DEEPEST: usize = 8;
    let (analysis, graph) = (setting.analysis, setting.graph());
    let mut steps = Vec::new();
    let mut at = part;
    while steps.len() < DEEPEST && (graph.kind(at) == NodeKind::ARRAY || calls::is_reaction(graph, at) || calls::is_capability(graph, at)) {
        let mut holders = analysis.retainers(at).filter(|&(from, edge)| analysis.is_essential(from, edge));
        let Some((from, edge)) = holders.next() else { break };
        if holders.any(|(other, _)| other != from) || graph.kind(from) == NodeKind::SYNTHETIC {
            break;
        }
        steps.push(Step { from, edge });
        at = from;
    }
    steps.reverse();
    steps
}

/// Returns the words of references in a row that come from `owner`; V8's for the last where there are none.
fn words(setting: &Setting<'_>, owner: NodeIx, steps: impl IntoIterator<Item = Step>) -> String {
    let around = Around { detail: Detail::Exact, owner: Some(owner), near: None, user: None };
    let mut phrase = Phrase::default();
    let mut last = None;
    for step in steps {
        last = Some(step.edge);
        if let Some(words) = of_step(setting, step, &around) {
            phrase.add(words);
        }
    }
    phrase.take().0.or_else(|| last.map(|edge| edge_label(setting.graph(), edge))).unwrap_or_default()
}

fn retains(analysis: &HeapAnalysis, from: NodeIx, edge: Edge) -> &'static str {
    match edge.kind {
        EdgeKind::WEAK => "weak",
        EdgeKind::SHORTCUT if from != analysis.graph().root() => "shortcut",
        _ if analysis.graph().facts().ephemeron(edge.ix.0).is_some() => "ephemeron",
        _ if analysis.is_essential(from, edge) => "yes",
        _ => "no",
    }
}
