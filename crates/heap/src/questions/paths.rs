//! Every way in which an object is kept alive, as a tree of retainers.

use super::{arena::Arena, distance_cell};
use crate::graph::NodeIx;
use crate::paths::{PathLimits, RetainingNode, retaining_paths};
use crate::preview::{Limits, edge_label, head};
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};

/// Shows who keeps a node alive, up to the roots: DevTools' retaining paths. The node is at the top, its retainers are its children, each
/// with the `edge` by which it refers to the one above it; columns `id, kind, distance, retained_size`. `more` counts the retainers that a
/// limit left out. O(limits.nodes x siblings).
#[must_use]
pub fn retainers_tree(setting: &Setting<'_>, node: NodeIx, limits: PathLimits) -> Tree {
    let analysis = setting.analysis;
    let column = |name, title, kind| TableColumn { name, title, kind };
    let columns = vec![
        column("id", "id", ColumnKind::Node),
        column("kind", "kind", ColumnKind::Text),
        column("distance", "distance", ColumnKind::Count),
        column("retained_size", "retained", ColumnKind::Bytes),
    ];
    let mut arena = Arena::default();
    // Where in the tree the last node of each depth stands: a node's parent is the last one less deep.
    let mut last: Vec<usize> = Vec::new();
    for found in retaining_paths(analysis, node, limits).nodes {
        last.truncate(found.depth);
        let at = arena.add(last.last().copied(), found.node, row(setting, &found));
        last.push(at);
    }
    arena.finish(Tree { name: "paths", columns, roots: Vec::new() })
}

fn row(setting: &Setting<'_>, found: &RetainingNode) -> TreeNode {
    let (analysis, graph) = (setting.analysis, setting.graph());
    let cells = vec![
        graph.id(found.node).into(),
        found.edge.map_or(Cell::None, |edge| graph.edge_kind_name(edge).into()),
        distance_cell(analysis.distance(found.node)),
        analysis.retained_size(found.node).into(),
    ];
    TreeNode {
        edge: found.edge.map_or_else(String::new, |edge| edge_label(graph, edge)),
        label: head(setting, found.node, Limits { text: 60, ..Limits::default() }),
        cells,
        children: Vec::new(),
        more: found.left_out as u64,
    }
}
