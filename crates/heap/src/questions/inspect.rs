//! An object printed as `util.inspect` would, to some depth, as a tree.

use super::arena::Arena;
use crate::graph::NodeIx;
use crate::preview::{self, Limits, Parts, Value};
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};

/// Prints an object: every tree node is one value, its `edge` how the object holds it (`name:`, `'key' =>`), columns `id,
/// retained_size`. An object that holds one above it says `[Circular *1]`, and that one is marked `<ref *1>`. Objects at `depth` are
/// shown in one line. At most `limits.nodes` tree nodes; what is left out is counted in `more`.
#[must_use]
pub fn inspect(setting: &Setting<'_>, node: NodeIx, depth: usize, limits: Limits) -> Tree {
    let mut printer = Printer { setting, arena: Arena::default(), limits, circles: Vec::new() };
    printer.run(node, depth);
    let column = |name, title, kind| TableColumn { name, title, kind };
    let columns = vec![column("id", "id", ColumnKind::Node), column("retained_size", "retained", ColumnKind::Bytes)];
    printer.arena.finish(Tree { name: "object", columns, roots: Vec::new() })
}

struct Printer<'a> {
    setting: &'a Setting<'a>,
    arena: Arena,
    limits: Limits,
    /// Objects that something below them refers to, in the order met.
    circles: Vec<usize>,
}

impl Printer<'_> {
    fn run(&mut self, node: NodeIx, depth: usize) {
        let parts = preview::parts(self.setting, node, self.limits);
        let top = self.add(None, String::new(), node, &parts);
        let mut level = vec![(top, parts)];
        for _ in 0..depth {
            let mut next = Vec::new();
            for (at, parts) in level {
                self.expand(at, parts, &mut next);
            }
            level = next;
        }
        // What is deeper is shown in one line.
        for (at, parts) in level.into_iter().filter(|(_, parts)| !parts.entries.is_empty()) {
            self.arena.node(at).label = preview::one_line(self.setting, parts, Limits { text: 40, line: 100, ..self.limits });
        }
        for (nth, &at) in self.circles.iter().enumerate() {
            let node = self.arena.node(at);
            node.label = format!("<ref *{}> {}", nth + 1, node.label);
        }
    }

    fn add(&mut self, parent: Option<usize>, edge: String, node: NodeIx, parts: &Parts) -> usize {
        let is_object = !parts.entries.is_empty() || parts.more > 0;
        let retained = if is_object { self.setting.analysis.retained_size(node).into() } else { Cell::None };
        let cells = vec![self.setting.analysis.graph().id(node).into(), retained];
        self.arena.add(parent, node, TreeNode { edge, label: parts.head.clone(), cells, ..TreeNode::default() })
    }

    fn expand(&mut self, at: usize, parts: Parts, next: &mut Vec<(usize, Parts)>) {
        let mut more = parts.more;
        for mut entry in parts.entries {
            entry.label.truncate(entry.label.trim_end().len());
            if self.arena.len() >= self.limits.nodes {
                more += 1;
                continue;
            }
            match entry.value {
                Value::Words(words) => self.text(at, entry.label, words.to_owned()),
                Value::Text(text) => self.text(at, entry.label, text),
                Value::Node(node) => match self.arena.ancestor(at, node) {
                    Some(above) => self.circle(at, entry.label, node, above),
                    None => {
                        let parts = preview::parts(self.setting, node, self.limits);
                        let child = self.add(Some(at), entry.label, node, &parts);
                        next.push((child, parts));
                    }
                },
            }
        }
        self.arena.node(at).more = more;
    }

    /// Adds what stands for no node.
    fn text(&mut self, at: usize, edge: String, label: String) {
        let cells = vec![Cell::None, Cell::None];
        self.arena.add(Some(at), NodeIx(u32::MAX), TreeNode { edge, label, cells, ..TreeNode::default() });
    }

    fn circle(&mut self, at: usize, edge: String, node: NodeIx, above: usize) {
        let nth = self.circles.iter().position(|&known| known == above).unwrap_or_else(|| {
            self.circles.push(above);
            self.circles.len() - 1
        });
        let cells = vec![self.setting.analysis.graph().id(node).into(), Cell::None];
        self.arena.add(Some(at), node, TreeNode { edge, label: format!("[Circular *{}]", nth + 1), cells, ..TreeNode::default() });
    }
}
