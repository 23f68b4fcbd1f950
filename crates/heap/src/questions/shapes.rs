//! Objects by their properties: which class, and which names in which order.
//!
//! A snapshot knows only properties whose values are objects. A source that tells the others too (`Held`) is asked once for every hidden
//! class, and for every sequence of known names where objects of one hidden class differ in them.

use rustc_hash::FxHashMap;

use crate::analysis::HeapAnalysis;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::strings::StrIx;

/// What objects of one shape have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The class; of what is no object, the name of the group.
    pub(super) class: String,
    /// The names of properties, in the objects' order; `None` of what has none, such as strings.
    pub(super) properties: Option<Vec<String>>,
}

impl Shape {
    /// Returns how the shape is written: `Session {id, user}`.
    pub(super) fn title(&self) -> String {
        const SHOWN: usize = 12;
        let Some(properties) = &self.properties else { return self.class.clone() };
        let head = if self.class == "Object" { String::new() } else { format!("{} ", self.class) };
        if properties.is_empty() && !head.is_empty() {
            return self.class.clone();
        }
        let names: Vec<String> = properties.iter().take(SHOWN).map(|name| crate::classes::format_property(name)).collect();
        let more = if properties.len() > SHOWN { ", …" } else { "" };
        format!("{head}{{{}{more}}}", names.join(", "))
    }

    /// Says whether objects of it have a property.
    pub(super) fn has(&self, property: &str) -> bool {
        self.properties.iter().flatten().any(|name| name == property)
    }
}

/// The shape of every node.
pub(super) struct Shapes {
    /// By node: the place of its shape.
    pub(super) groups: Vec<u32>,
    /// The shapes, in the order in which the graph has them first.
    pub(super) shapes: Vec<Shape>,
}

/// A class and a sequence of names, by their strings' positions, and the hidden class where that says more.
type Rough = (u32, u32, Vec<u32>);

const NONE: u32 = u32::MAX;

impl Shapes {
    /// Finds the shape of every node. O(edges).
    pub(super) fn of(analysis: &HeapAnalysis) -> Self {
        let graph = analysis.graph();
        let (mut groups, first) = rough(analysis);
        let mut shapes: Vec<Shape> = first.iter().map(|&node| shape(analysis, node)).collect();
        let objects: Vec<usize> = (0..first.len()).filter(|&at| graph.kind(first[at]) == NodeKind::OBJECT).collect();
        let nodes: Vec<NodeIx> = objects.iter().map(|&at| first[at]).collect();
        graph.held_each(&nodes, 0, &mut |at, held| {
            if !held.names.is_empty() {
                shapes[objects[at]].properties = Some(held.names.into_iter().map(|(name, _)| name).collect());
            }
        });
        let mut known: FxHashMap<Shape, u32> = FxHashMap::default();
        let mut distinct = Vec::new();
        let number = |shape: Shape| {
            *known.entry(shape).or_insert_with_key(|shape| {
                distinct.push(shape.clone());
                distinct.len() as u32 - 1
            })
        };
        let numbers: Vec<u32> = shapes.into_iter().map(number).collect();
        groups.iter_mut().for_each(|group| *group = numbers[*group as usize]);
        Self { groups, shapes: distinct }
    }
}

/// Groups nodes by what the graph has of them. Returns the group of every node, and the first node of every group.
fn rough(analysis: &HeapAnalysis) -> (Vec<u32>, Vec<NodeIx>) {
    let graph = analysis.graph();
    let [map] = names::find(graph.strings(), ["map"]);
    let edge_names = graph.edge_names();
    let is_told = graph.held(graph.root(), 0).is_some();
    let mut known: FxHashMap<Rough, u32> = FxHashMap::default();
    let mut classes: FxHashMap<u32, u32> = FxHashMap::default();
    let (mut groups, mut first): (Vec<u32>, Vec<NodeIx>) = (Vec::with_capacity(graph.node_count()), Vec::new());
    for node in graph.nodes() {
        let next = first.len() as u32;
        let group = if graph.kind(node) == NodeKind::OBJECT {
            let (mut own, mut hidden) = (Vec::new(), NONE);
            for edge in graph.edges(node) {
                let name = edge_names[edge.ix.0 as usize];
                match edge.kind {
                    EdgeKind::PROPERTY => own.push(name),
                    EdgeKind::INTERNAL if is_told && map.is_some_and(|map| map.0 == name) => hidden = edge.to.0,
                    _ => {}
                }
            }
            *known.entry((graph.name_ix(node).0, hidden, own)).or_insert(next)
        } else {
            *classes.entry(analysis.class(node).0).or_insert(next)
        };
        if group == next {
            first.push(node);
        }
        groups.push(group);
    }
    (groups, first)
}

/// Returns the shape of a node, as far as the graph has it.
fn shape(analysis: &HeapAnalysis, node: NodeIx) -> Shape {
    let graph: &HeapGraph = analysis.graph();
    if graph.kind(node) != NodeKind::OBJECT {
        return Shape { class: analysis.class_name(node).to_owned(), properties: None };
    }
    let edge_names = graph.edge_names();
    let own = graph.edges(node).filter(|edge| edge.kind == EdgeKind::PROPERTY).map(|edge| edge_names[edge.ix.0 as usize]);
    let texts = own.map(|name| graph.strings().text(StrIx(name)).into_owned()).filter(|name| name != "__proto__");
    Shape { class: graph.name(node).into_owned(), properties: Some(texts.collect()) }
}
