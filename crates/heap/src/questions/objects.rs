//! Objects by shape, class or type: one that stands for each group, how many, how many properties, how many bytes.

use super::shapes::{Shape, Shapes};
use super::sums::{Sum, sums};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, Table};

/// By what objects are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectGrouping {
    /// By class and names of properties.
    #[default]
    Shape,
    /// By class.
    Class,
    /// By V8's type of node.
    Type,
}

/// Which objects are wanted, and how they are grouped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectQuery {
    /// How they are grouped.
    pub by: ObjectGrouping,
    /// Only those of a class, by its name in the script.
    pub class: Option<String>,
    /// Only those with a property of that name.
    pub property: Option<String>,
    /// Only those of a type, by V8's name of it: `object`, `closure`, `regexp`, `string`.
    pub kind: Option<String>,
}

/// Lists groups of objects: columns `id, group, shape, count, properties, self_size, retained_size, isolate`, those with most objects times properties first, as
/// `::findjsobjects` weighs them. `id` is the one that retains most, `shape` a word for `instances` that stands for all of them (`shape:17`), `properties` how many names objects of the
/// shape have: of a snapshot without those whose values are numbers. Unless types are asked for, only what a script can hold is listed, and no strings or numbers. O(edges).
#[must_use]
pub fn objects(setting: &Setting<'_>, query: &ObjectQuery, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("group", "objects", ColumnKind::Text),
        ("shape", "shape", ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("properties", "properties", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("objects", &columns);
    let graph = setting.graph();
    let Shapes { groups, shapes } = Shapes::of(setting.analysis);
    let wanted: Vec<bool> = shapes.iter().map(|shape| query.property.as_deref().is_none_or(|property| shape.has(property))).collect();
    let is_wanted = |node: NodeIx| is_listed(setting, query, node) && wanted[groups[node.at()] as usize];
    let sums = grouped(setting, query.by, &groups, shapes.len(), is_wanted);
    let mut found: Vec<(Sum, &Shape, u32)> = sums
        .into_iter()
        .filter(|sum| sum.count > 0)
        .map(|sum| (sum, groups[sum.largest.at()]))
        .map(|(sum, shape)| (sum, &shapes[shape as usize], shape))
        .collect();
    let properties = |shape: &Shape| shape.properties.as_ref().map(|names| names.len() as u64);
    found
        .sort_by_key(|(sum, shape, _)| (std::cmp::Reverse((sum.count * properties(shape).unwrap_or(0).max(1), sum.retained)), sum.largest));
    table.total_rows = found.len() as u64;
    for (sum, shape, number) in found.into_iter().take(limit) {
        let is_shape = query.by == ObjectGrouping::Shape;
        let name = match query.by {
            ObjectGrouping::Shape => shape.title(),
            ObjectGrouping::Class => setting.class_of(sum.largest),
            ObjectGrouping::Type => graph.node_kind_name(graph.kind(sum.largest)).to_owned(),
        };
        table.rows.push(vec![
            graph.id(sum.largest).into(),
            name.into(),
            if is_shape { format!("shape:{number}").into() } else { Cell::None },
            sum.count.into(),
            if is_shape { properties(shape).into() } else { Cell::None },
            sum.size.into(),
            sum.retained.into(),
            graph.isolate(sum.largest).map(u64::from).into(),
        ]);
    }
    table
}

/// Returns the nodes of a shape, by its number in `objects`; empty where there is no such shape. O(edges).
pub(super) fn of_shape(analysis: &crate::HeapAnalysis, shape: u32) -> Vec<NodeIx> {
    let groups = Shapes::of(analysis).groups;
    analysis.graph().nodes().filter(|node| groups[node.at()] == shape).collect()
}

fn grouped(setting: &Setting<'_>, by: ObjectGrouping, shapes: &[u32], count: usize, is_wanted: impl Fn(NodeIx) -> bool) -> Vec<Sum> {
    const KINDS: usize = 256;
    let analysis = setting.analysis;
    match by {
        ObjectGrouping::Shape => sums(analysis, count, |node| is_wanted(node).then(|| shapes[node.at()])),
        ObjectGrouping::Class => sums(analysis, analysis.classes().len(), |node| is_wanted(node).then(|| analysis.class(node).0)),
        ObjectGrouping::Type => sums(analysis, KINDS, |node| is_wanted(node).then(|| u32::from(setting.graph().kind(node).number()))),
    }
}

fn is_listed(setting: &Setting<'_>, query: &ObjectQuery, node: NodeIx) -> bool {
    let graph = setting.graph();
    let kind = graph.kind(node);
    let is_kind = match &query.kind {
        Some(wanted) => graph.node_kind_name(kind) == wanted,
        None => query.by == ObjectGrouping::Type || is_object(setting, node),
    };
    is_kind && query.class.as_ref().is_none_or(|class| setting.analysis.class_name(node) == class || *graph.name(node) == **class)
}

/// Says whether a script can hold a node as an object.
fn is_object(setting: &Setting<'_>, node: NodeIx) -> bool {
    let kind = setting.graph().kind(node);
    matches!(kind, NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::REGEXP) && setting.is_visible(node)
}
