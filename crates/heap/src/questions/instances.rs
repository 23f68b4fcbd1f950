//! The objects that a selector stands for, with their sizes.

use super::{distance_cell, top};
use crate::analysis::HeapAnalysis;
use crate::graph::NodeIx;
use crate::preview::preview;
use crate::story::Setting;
use crate::view::{ColumnKind, Table};

/// By what instances are sorted, largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceSort {
    /// What each retains.
    #[default]
    Retained,
    /// Self size.
    SelfSize,
    /// Id: the newest first, since V8 gives ids in rising order.
    Newest,
}

/// Lists nodes: columns `id, name, class, self_size, retained_size, distance, isolate`, where `name` is a one-line preview. O(nodes given).
#[must_use]
pub fn instances(setting: &Setting<'_>, nodes: &[NodeIx], sort: InstanceSort, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("name", "object", ColumnKind::Text),
        ("class", "class", ColumnKind::Text),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("distance", "distance", ColumnKind::Count),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("instances", &columns);
    let (analysis, graph) = (setting.analysis, setting.graph());
    for node in first_instances(analysis, nodes, sort, limit) {
        table.push(vec![
            graph.id(node).into(),
            preview(setting, node).into(),
            analysis.class_name(node).into(),
            analysis.self_size(node).into(),
            analysis.retained_size(node).into(),
            distance_cell(analysis.distance(node)),
            graph.isolate(node).map(u64::from).into(),
        ]);
    }
    table.total_rows = nodes.len() as u64;
    table
}

/// Returns the first `limit` of some objects in an order. O(objects).
#[must_use]
pub fn first_instances(analysis: &HeapAnalysis, nodes: &[NodeIx], sort: InstanceSort, limit: usize) -> Vec<NodeIx> {
    top(nodes.to_vec(), limit, |node| match sort {
        InstanceSort::Retained => analysis.retained_size(node),
        InstanceSort::SelfSize => analysis.self_size(node),
        InstanceSort::Newest => analysis.graph().id(node).0,
    })
}
