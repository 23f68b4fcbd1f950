//! For every node the visible object that holds it, and the head of the list that it is a link of. One pass in path order, so that
//! growth and suspects can group millions of nodes by holder without walking a path twice.

use crate::bitset::Bitset;
use crate::graph::{EdgeName, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::story::scene::Scene;

/// No node.
const NONE: u32 = u32::MAX;

/// Who holds whom, in terms of objects that people know.
pub struct Lineage {
    /// The nearest visible node at or above each node; `NONE` without a path.
    visible: Vec<u32>,
    /// The first of the run of equally named objects that each visible node is in.
    heads: Vec<u32>,
    /// Nodes that are links of a list: not the first of their run, and no collections in a collection.
    links: Bitset,
}

impl Lineage {
    /// Goes over all nodes. O(nodes); 8 bytes a node.
    #[must_use]
    pub fn of(scene: &Scene<'_>) -> Self {
        let graph = scene.graph();
        let nodes = graph.node_count();
        let mut lineage = Self { visible: vec![NONE; nodes], heads: vec![NONE; nodes], links: Bitset::new(nodes) };
        for node in scene.paths.order() {
            let parent = scene.paths.parent_node(node);
            // Each open handle has a root of its own (`Node / FSEventWrap`): what holds them all is the root of roots.
            let is_group = graph.kind(node) == NodeKind::SYNTHETIC && !graph.strings().starts_with(graph.name_ix(node), "Node / ");
            let stands = scene.is_visible(node) || parent.is_none() || is_group;
            let above = parent.map_or(NONE, |parent| lineage.visible[parent.at()]);
            if !stands {
                lineage.visible[node.at()] = above;
                continue;
            }
            lineage.visible[node.at()] = node.0;
            let run = Some(NodeIx(above)).filter(|_| above != NONE).map_or(Run::None, |above| run(scene, above, node));
            lineage.heads[node.at()] = if run == Run::None { node.0 } else { lineage.heads[above as usize] };
            if run == Run::List {
                lineage.links.set(node.0);
            }
        }
        lineage
    }

    /// Returns the nearest visible node at or above a node.
    #[must_use]
    pub fn visible(&self, node: NodeIx) -> Option<NodeIx> {
        self.visible.get(node.at()).copied().filter(|&visible| visible != NONE).map(NodeIx)
    }

    /// Returns the visible node that holds a node.
    #[must_use]
    pub fn parent(&self, scene: &Scene<'_>, node: NodeIx) -> Option<NodeIx> {
        self.visible(scene.paths.parent_node(node)?)
    }

    /// Returns the object that holds a visible node, past the links of a list that the node is one of.
    #[must_use]
    pub fn holder(&self, scene: &Scene<'_>, node: NodeIx) -> Option<NodeIx> {
        let head = self.head(node)?;
        let parent = self.parent(scene, if self.is_link(node) { head } else { node })?;
        // A Map of Maps: the outer one is what grows.
        self.head(parent).or(Some(parent))
    }

    /// Returns the first of the run of equally named objects that a visible node is in.
    #[must_use]
    pub fn head(&self, node: NodeIx) -> Option<NodeIx> {
        self.heads.get(node.at()).copied().filter(|&head| head != NONE).map(NodeIx)
    }

    /// Says whether a node is a link of a list, not its first.
    #[must_use]
    pub fn is_link(&self, node: NodeIx) -> bool {
        self.links.get(node.0)
    }
}

/// How an object goes on a run of equally named ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    None,
    /// As a link of a list.
    List,
    /// As a collection in a collection.
    Nested,
}

fn run(scene: &Scene<'_>, above: NodeIx, node: NodeIx) -> Run {
    let graph = scene.graph();
    let names = &scene.names;
    let name = graph.name_ix(node);
    let both_objects = graph.kind(node) == NodeKind::OBJECT && graph.kind(above) == NodeKind::OBJECT;
    if !both_objects || name != graph.name_ix(above) {
        return Run::None;
    }
    if names.class_map.is(name) || names.class_set.is(name) || names.class_array.is(name) {
        return Run::Nested;
    }
    // Objects in objects of their class are mostly entries of a dictionary, or wrappers: only `next` behind `next`, or before it, is a list.
    let Some(step) = scene.paths.parent(graph, node) else { return Run::None };
    let edge = (step.edge.kind, graph.edge_name(step.edge));
    let before = scene.paths.parent(graph, above).map(|step| (step.edge.kind, graph.edge_name(step.edge)));
    let is_next = matches!(edge.1, EdgeName::Text(name) if names.next.is(name) || names.idle_next.is(name) || names.idle_prev.is(name));
    // Behind the newest of a list (`.tail`, `state`) another name leads on: `.prev`, `.parent`.
    let goes_on = || {
        let on = graph.edges(node).find(|on| (on.kind, graph.edge_name(*on)) == edge && edge.0 == EdgeKind::PROPERTY);
        on.is_some_and(|on| graph.name_ix(on.to) == name && scene.paths.parent_node(on.to) == Some(node))
    };
    if is_next || before == Some(edge) || goes_on() { Run::List } else { Run::None }
}
