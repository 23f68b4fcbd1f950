//! What a closure sees: the variables of every scope around it, from the inside out.

use rustc_hash::FxHashSet;

use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};
use crate::preview::{Limits, Parts, Value, head, parts};
use crate::source::scripts::{internal, unbound};
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};

/// More scopes around a function are not followed: a chain that long is damage.
const SCOPES: usize = 1000;

/// Shows the variables that functions see: a tree `closure` with columns `id, retained_size, location, isolate`. Below every function stand its scopes, the
/// innermost first, and below each scope its variables, `edge` being their names. Only variables that some closure uses are in a heap at
/// all; V8 keeps the others on the stack. Of an object that is no function, what is shown is its own scopes if it is a scope, else nothing. O(variables).
#[must_use]
pub fn closure(setting: &Setting<'_>, functions: &[NodeIx], limits: Limits) -> Tree {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("location", "location", ColumnKind::Location),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let columns = columns.map(|(name, title, kind)| TableColumn { name, title, kind }).to_vec();
    let roots = functions.iter().map(|&function| of_function(setting, function, limits)).collect();
    Tree { name: "closure", columns, roots }
}

fn of_function(setting: &Setting<'_>, function: NodeIx, limits: Limits) -> TreeNode {
    let graph = setting.graph();
    let (target, scopes) = (unbound(graph, function), scopes(setting, function));
    let place = setting.place(target).map(|place| place.to_string());
    let cells = vec![
        graph.id(function).into(),
        setting.analysis.retained_size(function).into(),
        place.into(),
        graph.isolate(function).map(u64::from).into(),
    ];
    let children = scopes.into_iter().map(|scope| of_scope(setting, scope, limits)).collect();
    TreeNode { label: head(setting, function, limits), cells, children, ..TreeNode::default() }
}

fn of_scope(setting: &Setting<'_>, scope: NodeIx, limits: Limits) -> TreeNode {
    let graph = setting.graph();
    let Parts { head: label, entries, more, .. } = parts(setting, scope, limits);
    let children = entries.into_iter().map(|entry| {
        let edge = entry.label.trim_end().to_owned();
        match entry.value {
            Value::Node(node) => TreeNode { edge, label: head(setting, node, limits), cells: cells(setting, node), ..TreeNode::default() },
            Value::Words(words) => TreeNode { edge, label: words.to_owned(), cells: vec![Cell::None; 4], ..TreeNode::default() },
            Value::Text(label) => TreeNode { edge, label, cells: vec![Cell::None; 4], ..TreeNode::default() },
        }
    });
    let cells = vec![graph.id(scope).into(), setting.analysis.retained_size(scope).into(), Cell::None, Cell::None];
    TreeNode { label, cells, children: children.collect(), more, ..TreeNode::default() }
}

fn cells(setting: &Setting<'_>, node: NodeIx) -> Vec<Cell> {
    let graph = setting.graph();
    let is_object = matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::NATIVE);
    let retained = is_object.then(|| setting.analysis.retained_size(node));
    vec![graph.id(node).into(), retained.into(), Cell::None, Cell::None]
}

/// Returns the contexts that a function sees, the innermost first, without the realm at the end.
pub(crate) fn scopes(setting: &Setting<'_>, function: NodeIx) -> Vec<NodeIx> {
    let graph = setting.graph();
    let target = unbound(graph, function);
    let first = if setting.is_context(function) { Some(function) } else { internal(graph, target, setting.names.context) };
    let mut seen = FxHashSet::default();
    let outer = |&scope: &NodeIx| internal(graph, scope, setting.names.previous);
    let chain = std::iter::successors(first, outer).take(SCOPES);
    chain
        .take_while(|&scope| setting.is_context(scope) && seen.insert(scope))
        .filter(|&scope| graph.edges(scope).any(|edge| edge.kind != EdgeKind::WEAK))
        .collect()
}
