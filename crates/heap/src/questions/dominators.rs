//! The dominator tree: what would be freed with what, siblings of one class folded.

use rustc_hash::FxHashMap;

use super::arena::Arena;
use super::share;
use crate::analysis::HeapAnalysis;
use crate::classes::ClassIx;
use crate::graph::NodeIx;
use crate::preview::{Limits, head};
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};

/// Siblings of one class are folded from this many on.
const FOLD: usize = 3;

/// How many members of a fold are looked into for what is below.
const OPENED: usize = 2_000;

/// Shows what a node dominates, `depth` levels deep, the largest first: columns `id, count, self_size, retained_size, share`. Three
/// and more siblings of one class are one tree node, `Session × 200,000`, without an id; what is below them is folded too. At most
/// `limits.entries` children of each, and `limits.nodes` in all. O(what is shown, with its siblings).
#[must_use]
pub fn dominators(setting: &Setting<'_>, of: NodeIx, depth: usize, limits: Limits) -> Tree {
    let column = |name, title, kind| TableColumn { name, title, kind };
    let columns = vec![
        column("id", "id", ColumnKind::Node),
        column("count", "count", ColumnKind::Count),
        column("self_size", "self size", ColumnKind::Bytes),
        column("retained_size", "retained", ColumnKind::Bytes),
        column("share", "share", ColumnKind::Share),
    ];
    let mut arena = Arena::default();
    let top = arena.add(None, of, row(setting, &[of]));
    let mut level = vec![(top, vec![of])];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (at, members) in level {
            let mut groups = groups(setting.analysis, &members);
            let room = limits.entries.min(limits.nodes.saturating_sub(arena.len()));
            let left_out: usize = groups.iter().skip(room).map(Vec::len).sum();
            arena.node(at).more = left_out as u64;
            groups.truncate(room);
            for group in groups {
                let child = arena.add(Some(at), group[0], row(setting, &group));
                next.push((child, group));
            }
        }
        level = next;
    }
    arena.finish(Tree { name: "dominators", columns, roots: Vec::new() })
}

fn row(setting: &Setting<'_>, members: &[NodeIx]) -> TreeNode {
    let analysis = setting.analysis;
    let sum = |size: &dyn Fn(NodeIx) -> u64| members.iter().map(|&node| size(node)).sum::<u64>();
    let retained = sum(&|node| analysis.retained_size(node));
    let (label, id) = match members {
        [only] if *only == analysis.graph().root() => ("(root)".to_owned(), analysis.graph().id(*only).into()),
        [only] => (head(setting, *only, Limits { text: 60, ..Limits::default() }), analysis.graph().id(*only).into()),
        _ => (format!("{} × {}", setting.class_of(members[0]), grouped(members.len())), Cell::None),
    };
    let size = sum(&|node| analysis.self_size(node));
    let cells = vec![id, (members.len() as u64).into(), size.into(), retained.into(), share(analysis, retained)];
    TreeNode { label, cells, ..TreeNode::default() }
}

/// Writes a number with commas.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Groups what nodes dominate: classes with many as one, others node by node. Largest first.
fn groups(analysis: &HeapAnalysis, members: &[NodeIx]) -> Vec<Vec<NodeIx>> {
    let mut by_class: FxHashMap<ClassIx, Vec<NodeIx>> = FxHashMap::default();
    for &member in members.iter().take(OPENED) {
        for child in analysis.dominated(member) {
            by_class.entry(analysis.class(child)).or_default().push(child);
        }
    }
    let mut groups: Vec<Vec<NodeIx>> = Vec::new();
    for (_, mut nodes) in by_class {
        nodes.sort_by_key(|&node| (std::cmp::Reverse(analysis.retained_size(node)), node));
        if nodes.len() < FOLD {
            groups.extend(nodes.into_iter().map(|node| vec![node]));
            continue;
        }
        // One that outweighs all its siblings together stays visible.
        let total: u64 = nodes.iter().map(|&node| analysis.retained_size(node)).sum();
        if members.len() == 1 && analysis.retained_size(nodes[0]) * 2 > total && total > 0 {
            groups.push(vec![nodes.remove(0)]);
        }
        groups.push(nodes);
    }
    let size = |group: &[NodeIx]| group.iter().map(|&node| analysis.retained_size(node)).sum::<u64>();
    groups.sort_by_cached_key(|group| (std::cmp::Reverse(size(group)), group[0]));
    groups
}
