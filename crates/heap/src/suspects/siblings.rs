//! Siblings: holders of one shape, that is, whose paths differ only in indices and keys. Twenty devices with a list each are one leak.
//!
//! Reason: what one line of code makes for each device, event or connection leaks in each of them. Limit: two instances of one class with
//! different duties look the same; that is why one that holds nearly all is told alone.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::paths::Step;
use crate::paths::keys::Keys;
use crate::story::{Lineage, Scene};

/// Where one of several holds more than this part of all, it is told alone.
const ALONE: f64 = 0.8;
/// So many siblings take in a stray.
const FAMILY: usize = 4;

/// Knows the shapes of holders in one snapshot.
pub(crate) struct Siblings<'a, 'b> {
    scene: &'b Scene<'a>,
    lineage: &'b Lineage,
    keys: Keys<'a>,
    shapes: FxHashMap<NodeIx, u64>,
}

impl<'a, 'b> Siblings<'a, 'b> {
    pub(crate) fn of(scene: &'b Scene<'a>, lineage: &'b Lineage) -> Self {
        Self { scene, lineage, keys: Keys::of(scene.graph()), shapes: FxHashMap::default() }
    }

    /// Returns the shape of a node's path: equal for siblings, also in other snapshots of the program. O(length of the path), once.
    pub(crate) fn shape(&mut self, node: NodeIx) -> u64 {
        let graph = self.scene.graph();
        let mut way: Vec<(NodeIx, Option<Step>)> = Vec::new();
        let mut at = node;
        let mut shape = loop {
            if let Some(&known) = self.shapes.get(&at) {
                break known;
            }
            // What hangs on a link of a list is as what hangs on its first.
            let head = self.lineage.head(at).filter(|&head| head != at && self.lineage.is_link(at));
            let step = self.scene.paths.parent(graph, at);
            match (head, step) {
                (Some(head), _) => (way.push((at, None)), at = head).1,
                (None, Some(step)) => (way.push((at, Some(step))), at = step.from).1,
                (None, None) => break self.root(at),
            }
        };
        for (node, step) in way.into_iter().rev() {
            if let Some(step) = step {
                shape = self.mixed(shape, node, step);
            }
            self.shapes.insert(node, shape);
        }
        shape
    }

    /// Sorts things by the shape of their holders and what they are of: each family has one shape. A stray whose path differs only above
    /// an object of the program's own class joins the family of at least `FAMILY` that hangs from that class in the same way.
    pub(crate) fn families<T>(&mut self, things: Vec<T>, key: impl Fn(&T) -> (NodeIx, u64)) -> Vec<Vec<T>> {
        let mut families: FxHashMap<(u64, u64), Vec<T>> = FxHashMap::default();
        for thing in things {
            let (holder, class) = key(&thing);
            families.entry((self.shape(holder), class)).or_default().push(thing);
        }
        let mut large: FxHashMap<(u64, u64), Vec<T>> = FxHashMap::default();
        let (families, strays): (Vec<_>, Vec<_>) = families.into_values().partition(|family| family.len() >= FAMILY);
        let mut rest = Vec::new();
        for family in families {
            match self.way(key(&family[0]).0) {
                Some(way) => large.entry((way, key(&family[0]).1)).or_default().extend(family),
                None => rest.push(family),
            }
        }
        for stray in strays {
            let (holder, class) = key(&stray[0]);
            match self.way(holder).and_then(|way| large.get_mut(&(way, class))) {
                Some(family) => family.extend(stray),
                None => rest.push(stray),
            }
        }
        rest.extend(large.into_values());
        rest
    }

    /// Returns how a node hangs from the nearest object above it that is of a class of its own.
    fn way(&mut self, node: NodeIx) -> Option<u64> {
        const LONGEST: usize = 8;
        let graph = self.scene.graph();
        let mut at = node;
        let mut way = 0;
        for _ in 0..LONGEST {
            let step = self.scene.paths.parent(graph, at)?;
            way = self.mixed(way, at, step);
            at = step.from;
            let is_own = |name: &str| !matches!(name, "Object" | "Array" | "Map" | "Set" | "WeakMap" | "SafeMap" | "SafeSet");
            if graph.kind(at) == NodeKind::OBJECT && self.scene.is_visible(at) && is_own(&graph.name(at)) {
                let mut hasher = FxHasher::default();
                hasher.write_u64(way);
                hasher.write(graph.strings().raw(graph.name_ix(at)));
                return Some(hasher.finish());
            }
        }
        None
    }

    fn root(&self, root: NodeIx) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write(self.scene.file(root).as_bytes());
        hasher.write(self.scene.graph().strings().raw(self.scene.graph().name_ix(root)));
        hasher.finish()
    }

    fn mixed(&mut self, above: u64, node: NodeIx, step: Step) -> u64 {
        let graph = self.scene.graph();
        let mut hasher = FxHasher::default();
        hasher.write_u64(above);
        hasher.write_u8(step.edge.kind.number());
        if !self.keys.is_data(step) {
            hasher.write(graph.edge_text(step.edge).as_bytes());
        }
        // All exported variables are held by the same name.
        if let Some(export) = self.scene.exported(step.from) {
            hasher.write(export.name().as_bytes());
        }
        hasher.write_u8(graph.kind(node).number());
        if !graph.kind(node).is_string() {
            hasher.write(graph.strings().raw(graph.name_ix(node)));
        }
        hasher.finish()
    }
}

/// Says whether siblings are told as one: several, none of which holds nearly all.
pub(crate) fn are_told_together(counts: impl Iterator<Item = u64>) -> bool {
    let (siblings, most, all) = counts.fold((0, 0, 0), |(siblings, most, all), count| (siblings + 1, count.max(most), all + count));
    siblings > 1 && (most as f64) < all as f64 * ALONE
}
