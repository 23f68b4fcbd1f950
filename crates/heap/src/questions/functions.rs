//! Functions by the closures that there are of each: how many, where they were written, what they keep.

use rustc_hash::FxHashMap;

use super::HistogramSort;
use super::sums::{Sum, sums};
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::preview::function_name;
use crate::source::scripts::{internal, unbound};
use crate::story::Setting;
use crate::view::{ColumnKind, Table};

/// What is one row of the list of functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FunctionRows {
    /// All closures of one function together.
    #[default]
    Functions,
    /// Every closure by itself.
    Closures,
}

/// Lists functions: columns `id, function, count, self_size, retained_size, location, isolate`. All closures of one function (one
/// SharedFunctionInfo) are one row; `id` is the one that retains most, `retained_size` what they retain together, each byte counted once. What
/// `bind` makes is a row for each function that was bound. `filter` keeps those whose name or place contains it, whatever the case. O(nodes).
#[must_use]
pub fn functions(setting: &Setting<'_>, rows: FunctionRows, sort: HistogramSort, filter: Option<&str>, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("function", "function", ColumnKind::Text),
        ("count", "closures", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("location", "location", ColumnKind::Location),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("functions", &columns);
    let graph = setting.graph();
    let place = |closure| setting.place(closure).map(|place| place.to_string());
    let filter = filter.map(str::to_lowercase);
    let is_wanted = |text: &str| filter.as_ref().is_some_and(|filter| text.to_lowercase().contains(filter));
    let mut found: Vec<(String, Sum)> =
        groups(setting, rows).into_iter().map(|group| (function_name(setting, group.largest), group)).collect();
    if filter.is_some() {
        found.retain(|(name, group)| is_wanted(name) || place(group.largest).is_some_and(|place| is_wanted(&place)));
    }
    found.sort_by(|(a, one), (b, other)| {
        let by = |group: &Sum| match sort {
            HistogramSort::Retained => group.retained,
            HistogramSort::SelfSize => group.size,
            HistogramSort::Count => group.count,
            HistogramSort::Name => 0,
        };
        by(other).cmp(&by(one)).then_with(|| a.cmp(b)).then(one.largest.cmp(&other.largest))
    });
    table.total_rows = found.len() as u64;
    for (name, group) in found.into_iter().take(limit) {
        table.rows.push(vec![
            graph.id(group.largest).into(),
            name.into(),
            group.count.into(),
            group.size.into(),
            group.retained.into(),
            place(group.largest).into(),
            graph.isolate(group.largest).map(u64::from).into(),
        ]);
    }
    table
}

/// Gives every function a number, and sums up its closures.
fn groups(setting: &Setting<'_>, rows: FunctionRows) -> Vec<Sum> {
    let graph = setting.graph();
    let mut known: FxHashMap<(NodeIx, bool), u32> = FxHashMap::default();
    let mut numbers: FxHashMap<NodeIx, u32> = FxHashMap::default();
    for node in graph.nodes().filter(|&node| graph.kind(node) == NodeKind::CLOSURE) {
        let target = unbound(graph, node);
        let shared = internal(graph, target, setting.names.shared).filter(|_| rows == FunctionRows::Functions);
        let key = shared.map_or((node, false), |shared| (shared, target != node));
        let next = known.len() as u32;
        numbers.insert(node, *known.entry(key).or_insert(next));
    }
    let sums = sums(setting.analysis, known.len(), |node| numbers.get(&node).copied());
    sums.into_iter().filter(|sum| sum.count > 0).collect()
}
