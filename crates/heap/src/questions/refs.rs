//! Who refers to an object, and to what it refers: edge by edge.

use super::distance_cell;
use crate::analysis::HeapAnalysis;
use crate::graph::{Edge, NodeIx};
use crate::kinds::EdgeKind;
use crate::preview::{Limits, edge_label, head};
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

/// Lists the edges of nodes: columns `id, name, edge, kind, retains, self_size, retained_size, distance, of`. `id` and `name` are the
/// other end's, `of` is the node asked about; `retains` says whether the edge keeps its target alive: `yes`, `weak`, `shortcut`,
/// `ephemeron` (the value of a WeakMap lives as long as both table and key), `no` (DevTools leaves the edge out of dominators).
/// Edges that retain come first, then those of the nearest to the root. O(edges), the first time.
#[must_use]
pub fn refs(analysis: &HeapAnalysis, nodes: &[NodeIx], direction: Direction, limit: usize) -> Table {
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
    ];
    let mut table = Table::new("refs", &columns);
    let graph = analysis.graph();
    let mut found: Vec<(NodeIx, NodeIx, Edge)> = Vec::new();
    for &node in nodes {
        match direction {
            Direction::From => found.extend(analysis.retainers(node).map(|(from, edge)| (node, from, edge))),
            Direction::To => found.extend(graph.edges(node).map(|edge| (node, edge.to, edge))),
        }
    }
    let source = |&(of, other, _): &(NodeIx, NodeIx, Edge)| if direction == Direction::From { other } else { of };
    let is_strong = |row: &(NodeIx, NodeIx, Edge)| analysis.is_essential(source(row), row.2);
    found.sort_by_cached_key(|row| (!is_strong(row), row.2.kind == EdgeKind::WEAK, analysis.distance(row.1), row.1));
    table.total_rows = found.len() as u64;
    for row in found.into_iter().take(limit) {
        let (of, other, edge) = row;
        let retains = retains(analysis, source(&row), edge);
        table.rows.push(vec![
            graph.id(other).into(),
            head(analysis, other, Limits { text: 60, ..Limits::default() }).into(),
            edge_label(graph, edge).into(),
            graph.edge_kind_name(edge).into(),
            retains.into(),
            analysis.self_size(other).into(),
            analysis.retained_size(other).into(),
            distance_cell(analysis.distance(other)),
            graph.id(of).into(),
        ]);
    }
    table
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
