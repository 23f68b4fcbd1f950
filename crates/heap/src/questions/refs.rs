//! Who refers to an object, and to what it refers: edge by edge, as V8 wrote them or in a story's words.

use rustc_hash::FxHashSet;

use super::arena::Arena;
use super::distance_cell;
use crate::analysis::HeapAnalysis;
use crate::distance::Distance;
use crate::graph::{Edge, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::preview::{Limits, edge_label, head};
use crate::source::scripts::is_named;
use crate::story::words::{Around, Detail, Phrase, of_step};
use crate::story::{Setting, calls};
use crate::view::{ColumnKind, Table, TableColumn, Tree, TreeNode};

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Who refers to it.
    #[default]
    From,
    /// To what it refers.
    To,
}

/// Lists the edges of nodes as V8 wrote them: columns `id, name, edge, kind, retains, self_size, retained_size, distance, of, raw_id,
/// raw_edge`. `id` and `name` are the other end's, `of` is the node asked about; `retains` says whether the edge keeps its target alive:
/// `yes`, `weak`, `shortcut`, `ephemeron` (the value of a WeakMap lives as long as both table and key), `no` (DevTools leaves the edge out
/// of dominators). Edges that retain come first, then those of the nearest to the root. O(edges), the first time.
#[must_use]
pub fn refs(setting: &Setting<'_>, nodes: &[NodeIx], direction: Direction, limit: usize) -> Table {
    let found = nodes.iter().flat_map(|&of| edges(setting, of, direction)).collect();
    table(setting.analysis, found, direction, limit, |node| short(setting, node))
}

/// Returns the edges of a node as V8 wrote them.
fn edges(setting: &Setting<'_>, of: NodeIx, direction: Direction) -> Vec<Ref> {
    let (analysis, graph) = (setting.analysis, setting.graph());
    let one = |from, other, edge| Ref { of, other, from, edge, words: edge_label(graph, edge) };
    match direction {
        Direction::From => analysis.retainers(of).map(|(from, edge)| one(from, from, edge)).collect(),
        Direction::To => graph.edges(of).map(|edge| one(of, edge.to, edge)).collect(),
    }
}

fn short(setting: &Setting<'_>, node: NodeIx) -> String {
    head(setting, node, Limits { text: 60, ..Limits::default() })
}

/// As `refs`, in the words of a story: tables and other parts of an object are that object, `[value]` of a Map in place of `(internal 68)`
/// of an array. `kind` and `retains` are those of V8's last edge, `raw_edge`; `raw_id` is its other end.
#[must_use]
pub fn told_refs(setting: &Setting<'_>, nodes: &[NodeIx], direction: Direction, limit: usize) -> Table {
    let found = nodes.iter().flat_map(|&of| told(setting, of, direction)).collect();
    table(setting.analysis, found, direction, limit, |node| setting.head(node))
}

fn told(setting: &Setting<'_>, of: NodeIx, direction: Direction) -> Vec<Ref> {
    match direction {
        Direction::From => holders(setting, of),
        Direction::To => held(setting, of),
    }
}

/// Whose words references are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A story's, as `told_refs`.
    Story,
    /// V8's, as `refs`.
    Raw,
}

/// Shows who refers to a node, who refers to those, and so on, or the other way to what it refers: `depth` levels, as a tree of which each
/// node's `edge` is how it refers to the one above (below, the other way); columns `id, retained_size, distance`. A node that stands above
/// itself is a cycle and says `[Circular *1]`, the one above then `<ref *1>`; one that is shown in another branch says so: neither is
/// followed again. In a story's words, neither is a global object, a root or an object of V8's own. Each has at most `limits.entries`
/// children, those that retain first, and there are `limits.nodes` in all; what is left out is counted in `more`. O(edges of what is
/// shown).
#[must_use]
pub fn refs_tree(setting: &Setting<'_>, node: NodeIx, direction: Direction, words: Told, depth: usize, limits: Limits) -> Tree {
    let column = |name, title, kind| TableColumn { name, title, kind };
    let columns = vec![
        column("id", "id", ColumnKind::Node),
        column("retained_size", "retained", ColumnKind::Bytes),
        column("distance", "distance", ColumnKind::Count),
    ];
    let mut grower =
        Grower { setting, direction, words, limits, arena: Arena::default(), shown: FxHashSet::default(), circles: Vec::new() };
    grower.grow(node, depth);
    grower.arena.finish(Tree { name: "refs_tree", columns, roots: Vec::new() })
}

/// Makes a tree of references, breadth first.
struct Grower<'a> {
    setting: &'a Setting<'a>,
    direction: Direction,
    words: Told,
    limits: Limits,
    arena: Arena,
    /// Nodes that are followed somewhere.
    shown: FxHashSet<NodeIx>,
    /// Where nodes stand that lead to themselves.
    circles: Vec<usize>,
}

impl Grower<'_> {
    fn grow(&mut self, node: NodeIx, depth: usize) {
        let top = self.add(None, String::new(), node);
        self.shown.insert(node);
        let mut level = vec![(top, node)];
        for _ in 0..depth {
            let mut next = Vec::new();
            for (at, node) in level {
                self.expand(at, node, &mut next);
            }
            level = next;
        }
        for (nth, &at) in self.circles.iter().enumerate() {
            let node = self.arena.node(at);
            node.label = format!("<ref *{}> {}", nth + 1, node.label);
        }
    }

    fn expand(&mut self, at: usize, node: NodeIx, next: &mut Vec<(usize, NodeIx)>) {
        let mut found = match self.words {
            Told::Story => told(self.setting, node, self.direction),
            Told::Raw => edges(self.setting, node, self.direction),
        };
        sort(self.setting.analysis, &mut found);
        let room = self.limits.entries.min(self.limits.nodes.saturating_sub(self.arena.len()));
        self.arena.node(at).more = found.len().saturating_sub(room) as u64;
        for one in found.into_iter().take(room) {
            let above = self.arena.ancestor(at, one.other);
            let child = self.add(Some(at), one.words, one.other);
            if let Some(above) = above {
                let nth = self.circle(above);
                self.arena.node(child).label = format!("[Circular *{nth}]");
            } else if self.is_end(one.other) {
                // Nothing that a program did is above.
            } else if self.shown.insert(one.other) {
                next.push((child, one.other));
            } else {
                self.arena.node(child).label.push_str(" [in another branch]");
            }
        }
    }

    /// Says whether a story ends at a node: a global object, a root, V8's own objects.
    fn is_end(&self, node: NodeIx) -> bool {
        let graph = self.setting.graph();
        let is_own = matches!(graph.kind(node), NodeKind::SYNTHETIC | NodeKind::HIDDEN | NodeKind::OBJECT_SHAPE | NodeKind::CODE);
        let is_first = matches!(self.setting.analysis.distance(node), Distance::User(..=1)) && self.direction == Direction::From;
        self.words == Told::Story && (is_own || is_first)
    }

    fn circle(&mut self, above: usize) -> usize {
        let known = self.circles.iter().position(|&known| known == above);
        known.unwrap_or_else(|| {
            self.circles.push(above);
            self.circles.len() - 1
        }) + 1
    }

    fn add(&mut self, parent: Option<usize>, edge: String, node: NodeIx) -> usize {
        let analysis = self.setting.analysis;
        let cells = vec![analysis.graph().id(node).into(), analysis.retained_size(node).into(), distance_cell(analysis.distance(node))];
        let label = if self.words == Told::Story { self.setting.head(node) } else { short(self.setting, node) };
        self.arena.add(parent, node, TreeNode { edge, label, cells, ..TreeNode::default() })
    }
}

/// Puts references that retain first, then those of the nearest to the root.
fn sort(analysis: &HeapAnalysis, found: &mut [Ref]) {
    let is_strong = |row: &Ref| analysis.is_essential(row.from, row.edge);
    found.sort_by_cached_key(|row| (!is_strong(row), row.edge.kind == EdgeKind::WEAK, analysis.distance(row.other), row.other));
}

/// A reference that is shown.
struct Ref {
    of: NodeIx,
    /// The other end, as it is shown.
    other: NodeIx,
    /// Where V8's edge comes from.
    from: NodeIx,
    edge: Edge,
    words: String,
}

fn table(analysis: &HeapAnalysis, mut found: Vec<Ref>, direction: Direction, limit: usize, name: impl Fn(NodeIx) -> String) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("name", if direction == Direction::From { "holder" } else { "holds" }, ColumnKind::Text),
        ("edge", "by", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("retains", "retains", ColumnKind::Word),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("distance", "distance", ColumnKind::Count),
        ("of", "of", ColumnKind::Node),
        ("raw_id", "V8's id", ColumnKind::Node),
        ("raw_edge", "V8's edge", ColumnKind::Text),
    ];
    let mut table = Table::new("refs", &columns);
    let graph = analysis.graph();
    sort(analysis, &mut found);
    table.total_rows = found.len() as u64;
    for row in found.into_iter().take(limit) {
        let raw = if direction == Direction::From { row.from } else { row.edge.to };
        table.rows.push(vec![
            graph.id(row.other).into(),
            name(row.other).into(),
            row.words.into(),
            graph.edge_kind_name(row.edge).into(),
            retains(analysis, row.from, row.edge).into(),
            analysis.self_size(row.other).into(),
            analysis.retained_size(row.other).into(),
            distance_cell(analysis.distance(row.other)),
            graph.id(row.of).into(),
            graph.id(raw).into(),
            edge_label(graph, row.edge).into(),
        ]);
    }
    table
}

/// Returns who holds a node, with the words for how.
fn holders(setting: &Setting<'_>, of: NodeIx) -> Vec<Ref> {
    let analysis = setting.analysis;
    let mut found: Vec<Ref> = Vec::new();
    let mut direct: FxHashSet<NodeIx> = FxHashSet::default();
    for (from, edge) in analysis.retainers(of) {
        let steps = steps_to_part(setting, from);
        let other = steps.first().map_or(from, |step| step.from);
        if other == from && matches!(edge.kind, EdgeKind::PROPERTY | EdgeKind::ELEMENT) {
            direct.insert(from);
        }
        let words = words(setting, other, steps.into_iter().chain([Step { from, edge }]));
        found.push(Ref { of, other, from, edge, words });
    }
    // V8 writes what an array or object holds twice: from itself and from the part that has it.
    found.retain(|row| row.other == row.from || !direct.contains(&row.other));
    let mut seen: FxHashSet<(NodeIx, String)> = FxHashSet::default();
    found.retain(|row| row.other == row.from || seen.insert((row.other, row.words.clone())));
    found
}

/// Returns what a node holds, with the words for how.
fn held(setting: &Setting<'_>, of: NodeIx) -> Vec<Ref> {
    let graph = setting.graph();
    let mut found = Vec::new();
    for edge in graph.edges(of) {
        let first = Step { from: of, edge };
        let is_part = edge.kind == EdgeKind::INTERNAL && graph.kind(edge.to) == NodeKind::ARRAY && graph.kind(of) != NodeKind::ARRAY;
        if !is_part {
            found.push(Ref { of, other: edge.to, from: of, edge, words: words(setting, of, [first]) });
        } else if !matches!(&*graph.edge_text(edge), "elements" | "properties") {
            let below = graph.edges(edge.to).filter(|below| !is_named(graph, *below, setting.names.map));
            found.extend(below.map(|below| {
                let steps = [first, Step { from: edge.to, edge: below }];
                Ref { of, other: below.to, from: edge.to, edge: below, words: words(setting, of, steps) }
            }));
        }
    }
    found
}

/// Returns the steps from the object that a table, or what a promise keeps of a waiting function, is a part of: none where it is no part,
/// or one of several objects.
fn steps_to_part(setting: &Setting<'_>, part: NodeIx) -> Vec<Step> {
    /// Parts of parts.
    const DEEPEST: usize = 8;
    let (analysis, graph) = (setting.analysis, setting.graph());
    let mut steps = Vec::new();
    let mut at = part;
    while steps.len() < DEEPEST && (graph.kind(at) == NodeKind::ARRAY || calls::is_reaction(graph, at) || calls::is_capability(graph, at)) {
        let mut holders = analysis.retainers(at).filter(|&(from, edge)| analysis.is_essential(from, edge));
        let Some((from, edge)) = holders.next() else { break };
        if holders.any(|(other, _)| other != from) || graph.kind(from) == NodeKind::SYNTHETIC {
            break;
        }
        steps.push(Step { from, edge });
        at = from;
    }
    steps.reverse();
    steps
}

/// Returns the words of references in a row that come from `owner`; V8's for the last where there are none.
fn words(setting: &Setting<'_>, owner: NodeIx, steps: impl IntoIterator<Item = Step>) -> String {
    let around = Around { detail: Detail::Exact, owner: Some(owner), near: None, user: None };
    let mut phrase = Phrase::default();
    let mut last = None;
    for step in steps {
        last = Some(step.edge);
        if let Some(words) = of_step(setting, step, &around) {
            phrase.add(words);
        }
    }
    phrase.take().0.or_else(|| last.map(|edge| edge_label(setting.graph(), edge))).unwrap_or_default()
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
