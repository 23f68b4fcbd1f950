//! Questions that are plain enough to be asked of an analysis right here: rows of objects, who refers to them, what they dominate.
//!
//! Everything deeper stands in `heap`. Nothing here prints; names are cleaned where they are rendered.

use heap::view::{Cell, ColumnKind, Table, TableColumn, Tree, TreeNode};
use heap::{Distance, Edge, EdgeKind, HeapAnalysis, NodeIx, NodeKind};

/// The longest preview of a string, in characters.
const PREVIEW: usize = 60;

/// Returns what a node is, with its id: `Session @123`, `"user-1" @124`, `function add @125`.
pub(crate) fn label(analysis: &HeapAnalysis, node: NodeIx) -> String {
    format!("{} {}", name(analysis, node), analysis.graph().id(node))
}

/// Returns what a node is: its class, a string's start, a function's name.
pub(crate) fn name(analysis: &HeapAnalysis, node: NodeIx) -> String {
    let graph = analysis.graph();
    match graph.kind(node) {
        kind if kind.is_string() => format!("\"{}\"", heap::duplicates::string_text(graph, node).chars().take(PREVIEW).collect::<String>()),
        NodeKind::CLOSURE if graph.name(node).is_empty() => "function (anonymous)".to_owned(),
        NodeKind::CLOSURE => format!("function {}", graph.name(node)),
        NodeKind::OBJECT | NodeKind::NATIVE => analysis.class_name(node).to_owned(),
        _ if graph.name(node).is_empty() => analysis.class_name(node).to_owned(),
        _ => graph.name(node).into_owned(),
    }
}

/// Returns an edge as people write it: `.byId`, `[3]`, `const cache`.
pub(crate) fn edge_label(analysis: &HeapAnalysis, edge: Edge) -> String {
    let graph = analysis.graph();
    let text = graph.edge_text(edge);
    match edge.kind {
        EdgeKind::PROPERTY => format!(".{text}"),
        EdgeKind::ELEMENT => format!("[{text}]"),
        EdgeKind::CONTEXT => format!("variable {text}"),
        EdgeKind::HIDDEN => format!("(field {text})"),
        _ => format!("({} {text})", graph.edge_kind_name(edge)),
    }
}

/// Returns a distance as a cell: nothing where only weak references lead there.
fn distance(analysis: &HeapAnalysis, node: NodeIx) -> Cell {
    match analysis.distance(node) {
        Distance::User(distance) | Distance::System(distance) => Cell::Number(u64::from(distance)),
        Distance::None => Cell::None,
    }
}

/// Returns where a node's function or class was written, as a cell.
pub(crate) fn location(analysis: &HeapAnalysis, node: NodeIx) -> Cell {
    let graph = analysis.graph();
    let Some(place) = graph.location(node) else { return Cell::None };
    let script = place.script.map(|script| heap::source::scripts::script_name(graph, script)).filter(|name| !name.is_empty());
    match script {
        Some(script) => Cell::Text(format!("{script}:{}:{}", place.line + 1, place.column + 1)),
        None => Cell::None,
    }
}

/// Lists nodes with their sizes.
pub(crate) fn instances(analysis: &HeapAnalysis, nodes: &[NodeIx], limit: usize) -> Table {
    let mut table = Table::new(
        "instances",
        &[
            ("id", "id", ColumnKind::Node),
            ("name", "object", ColumnKind::Text),
            ("self_size", "self size", ColumnKind::Bytes),
            ("retained_size", "retained", ColumnKind::Bytes),
            ("distance", "distance", ColumnKind::Count),
        ],
    );
    for &node in nodes.iter().take(limit) {
        table.push(vec![
            analysis.graph().id(node).into(),
            name(analysis, node).into(),
            analysis.self_size(node).into(),
            analysis.retained_size(node).into(),
            distance(analysis, node),
        ]);
    }
    table.total_rows = nodes.len() as u64;
    table
}

/// Lists who refers to nodes, and by which edge: those that retain most first, weak references last.
pub(crate) fn refs(analysis: &HeapAnalysis, nodes: &[NodeIx], limit: usize) -> Table {
    let graph = analysis.graph();
    let mut found: Vec<(NodeIx, NodeIx, Edge)> =
        nodes.iter().flat_map(|&node| analysis.retainers(node).map(move |(from, edge)| (node, from, edge))).collect();
    let is_weak = |kind: EdgeKind| kind == EdgeKind::WEAK || kind == EdgeKind::SHORTCUT;
    found.sort_by_key(|&(_, from, edge)| (is_weak(edge.kind), analysis.distance(from)));
    let mut table = Table::new(
        "refs",
        &[
            ("id", "id", ColumnKind::Node),
            ("name", "holder", ColumnKind::Text),
            ("edge", "refers by", ColumnKind::Text),
            ("kind", "kind", ColumnKind::Text),
            ("retained_size", "retained", ColumnKind::Bytes),
            ("distance", "distance", ColumnKind::Count),
            ("to", "to", ColumnKind::Node),
        ],
    );
    table.total_rows = found.len() as u64;
    let rows = found.iter().take(limit).map(|&(node, from, edge)| {
        vec![
            graph.id(from).into(),
            name(analysis, from).into(),
            edge_label(analysis, edge).into(),
            graph.edge_kind_name(edge).into(),
            analysis.retained_size(from).into(),
            distance(analysis, from),
            graph.id(node).into(),
        ]
    });
    table.rows = rows.collect();
    table
}

/// Returns the nodes that refer to others, each once.
pub(crate) fn holders(analysis: &HeapAnalysis, nodes: &[NodeIx]) -> Vec<NodeIx> {
    let mut holders: Vec<NodeIx> = nodes.iter().flat_map(|&node| analysis.retainers(node).map(|(from, _)| from)).collect();
    holders.sort_unstable();
    holders.dedup();
    holders
}

/// Shows what would be freed with what below some nodes, the largest first.
pub(crate) fn dominators(analysis: &HeapAnalysis, nodes: &[NodeIx], depth: usize, limit: usize) -> Tree {
    let column = |name, title, kind| TableColumn { name, title, kind };
    let columns = vec![column("retained_size", "retained", ColumnKind::Bytes), column("self_size", "self size", ColumnKind::Bytes)];
    let roots = nodes.iter().take(limit).map(|&node| dominated(analysis, node, depth, limit)).collect();
    Tree { name: "dominators", columns, roots }
}

/// Recursion is as deep as the caller asks, a handful of levels: see `commands::dominators`.
fn dominated(analysis: &HeapAnalysis, node: NodeIx, depth: usize, limit: usize) -> TreeNode {
    let mut below = if depth == 0 { Vec::new() } else { analysis.dominated(node) };
    below.sort_by_key(|&child| (std::cmp::Reverse(analysis.retained_size(child)), child));
    TreeNode {
        edge: String::new(),
        label: label(analysis, node),
        cells: vec![analysis.retained_size(node).into(), analysis.self_size(node).into()],
        more: below.len().saturating_sub(limit) as u64,
        children: below.iter().take(limit).map(|&child| dominated(analysis, child, depth - 1, limit)).collect(),
    }
}
