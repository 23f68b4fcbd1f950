//! Objects by shape, class or type: one that stands for each group, how many, how many properties, how many bytes.

use super::shapes::{Shape, Shapes};
use super::sums::{Sum, sums};
use crate::graph::{NodeId, NodeIx};
use crate::kinds::NodeKind;
use crate::story::Setting;
use crate::view::{ColumnKind, Table};

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

/// Objects that are listed together.
#[derive(Clone, Debug)]
pub struct ObjectGroup {
    /// One of them.
    pub id: NodeId,
    /// Their class, or type.
    pub class: String,
    /// The names of their properties, where they go by those.
    pub properties: Option<Vec<String>>,
    /// What `instances` calls them, where they go by their properties.
    pub shape: Option<String>,
    /// How many.
    pub count: u64,
    /// Their own sizes together, in bytes.
    pub size: u64,
    /// What they retain together, in bytes, where that is known.
    pub retained: Option<u64>,
    /// The isolate of that one, from 1, where there are several.
    pub isolate: Option<u32>,
}

impl ObjectGroup {
    fn weight(&self) -> u64 {
        self.count * self.properties.as_ref().map_or(0, |names| names.len() as u64).max(1)
    }
}

/// Lists groups of objects: columns `id, group, shape, count, properties, self_size, retained_size, isolate`, those with most objects times properties first, as
/// `::findjsobjects` weighs them. `id` is the one that retains most, `shape` a word for `instances` that stands for all of them (`shape:@17`),
/// `properties` how many names objects of the shape have: of a snapshot without those whose values are numbers. Unless types are asked for, only what a script can hold is listed, and no strings or numbers. O(edges).
#[must_use]
pub fn objects(setting: &Setting<'_>, query: &ObjectQuery, limit: usize) -> Table {
    let graph = setting.graph();
    let Shapes { groups, shapes } = Shapes::of(setting.analysis);
    let wanted: Vec<bool> = shapes.iter().map(|shape| query.property.as_deref().is_none_or(|property| shape.has(property))).collect();
    let is_wanted = |node: NodeIx| is_listed(setting, query, node) && wanted[groups[node.at()] as usize];
    let sums = grouped(setting, query.by, &groups, shapes.len(), is_wanted);
    let group = |sum: Sum| {
        let shape = &shapes[groups[sum.largest.at()] as usize];
        let is_shape = query.by == ObjectGrouping::Shape;
        ObjectGroup {
            id: graph.id(sum.largest),
            class: match query.by {
                ObjectGrouping::Shape => shape.class.clone(),
                ObjectGrouping::Class => setting.class_of(sum.largest),
                ObjectGrouping::Type => graph.node_kind_name(graph.kind(sum.largest)).to_owned(),
            },
            properties: shape.properties.clone().filter(|_| is_shape),
            shape: is_shape.then(|| format!("shape:{}", graph.id(sum.largest))),
            count: sum.count,
            size: sum.size,
            retained: Some(sum.retained),
            isolate: graph.isolate(sum.largest),
        }
    };
    list_objects(sums.into_iter().filter(|sum| sum.count > 0).map(group).collect(), limit)
}

/// Lists groups of objects that somebody has found, as `objects` does; without a column `retained_size` where that is not known.
#[must_use]
pub fn list_objects(mut groups: Vec<ObjectGroup>, limit: usize) -> Table {
    let is_retained = groups.iter().any(|group| group.retained.is_some());
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("group", "objects", ColumnKind::Text),
        ("shape", "shape", ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("properties", "properties", ColumnKind::Count),
        ("self_size", if is_retained { "self size" } else { "own size" }, ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|(name, ..)| is_retained || *name != "retained_size").collect();
    let mut table = Table::new("objects", &columns);
    groups.sort_by_key(|group| (std::cmp::Reverse((group.weight(), group.retained.unwrap_or(group.size))), group.id));
    table.total_rows = groups.len() as u64;
    for group in groups.into_iter().take(limit) {
        let properties = group.properties.as_ref().map(|names| names.len() as u64);
        let title = Shape { class: group.class, properties: group.properties }.title();
        let retained = is_retained.then(|| group.retained.into());
        let row = [group.id.into(), title.into(), group.shape.into(), group.count.into(), properties.into(), group.size.into()];
        table.rows.push(row.into_iter().chain(retained).chain([group.isolate.map(u64::from).into()]).collect());
    }
    table
}

/// Returns the nodes of the shape that an object has; empty where there is no such object. O(edges).
pub(super) fn of_same_shape(analysis: &crate::HeapAnalysis, object: NodeId) -> Vec<NodeIx> {
    let Some(node) = analysis.graph().find_id(object) else { return vec![] };
    let groups = Shapes::of(analysis).groups;
    analysis.graph().nodes().filter(|other| groups[other.at()] == groups[node.at()]).collect()
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
