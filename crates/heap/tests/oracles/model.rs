//! Small random heaps as plain lists, which the oracles read and from which the graph is built.
//!
//! Node and edge names are drawn from those that DevTools' rules look at, so that small graphs meet every rule.

use std::fmt;

use heap::builder::{NewName, Node, Target};
use heap::{Detachedness, EdgeKind, GraphBuilder, HeapAnalysis, Location, NodeId, NodeIx, NodeKind};
use proptest::prelude::*;

/// What nodes there can be: kind and name. The first is the most common.
const NODES: &[(NodeKind, &str)] = &[
    (NodeKind::OBJECT, "Object"),
    (NodeKind::OBJECT, "Object"),
    (NodeKind::OBJECT, "A"),
    (NodeKind::ARRAY, ""),
    (NodeKind::HIDDEN, "system / Map"),
    (NodeKind::OBJECT, "Array"),
    (NodeKind::STRING, "text"),
    (NodeKind::STRING, ""),
    (NodeKind::CONS_STRING, "(concatenated string)"),
    (NodeKind::CLOSURE, "f"),
    (NodeKind::NATIVE, "system / JSArrayBufferData"),
    (NodeKind::NATIVE, "system / ExternalStringData"),
    (NodeKind::NATIVE, "Detached <div id=1>"),
    (NodeKind::NATIVE, "<div id=1>"),
    (NodeKind::NATIVE, "V8EventListener"),
    (NodeKind::HIDDEN, "system / NativeContext"),
    (NodeKind::OBJECT, "system / NativeContext / x"),
    (NodeKind::OBJECT, "system / Context / f"),
    (NodeKind::SYNTHETIC, "(GC roots)"),
    (NodeKind::SYNTHETIC, "(Internalized strings)"),
    (NodeKind::SYNTHETIC, "(Document DOM trees)"),
    (NodeKind::ARRAY, "(map descriptors)"),
    (NodeKind::NUMBER, "bool"),
    (NodeKind::STRING, "true"),
    (NodeKind::NUMBER, "int"),
    (NodeKind::STRING, "12"),
];

const EDGE_KINDS: &[EdgeKind] = &[
    EdgeKind::PROPERTY,
    EdgeKind::INTERNAL,
    EdgeKind::ELEMENT,
    EdgeKind::WEAK,
    EdgeKind::HIDDEN,
    EdgeKind::CONTEXT,
    EdgeKind::SHORTCUT,
    EdgeKind::PROPERTY,
    EdgeKind::INTERNAL,
];

const PROPERTIES: &[&str] = &["a", "b", "c", "__proto__", "code", "1"];
const INTERNALS: &[&str] = &[
    "map",
    "native_context",
    "elements",
    "first",
    "second",
    "value",
    "truncated",
    "length",
    "hash",
    "sloppy_function_map",
    "app / DevTools console",
];

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) kind: NodeKind,
    pub(crate) name: &'static str,
    pub(crate) id: u64,
    pub(crate) size: u64,
    pub(crate) state: Detachedness,
    pub(crate) place: Option<(u32, u32, u32)>,
}

/// An edge: from, kind, name, to.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) kind: EdgeKind,
    pub(crate) name: String,
    pub(crate) to: usize,
}

/// A heap.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) things: Vec<Thing>,
    pub(crate) links: Vec<Link>,
    pub(crate) extra: u64,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ix, Thing { kind, name, id, size, state, place }) in self.things.iter().enumerate() {
            let kind = kind.known_name().unwrap_or_default();
            writeln!(f, "{ix}: {kind} {name:?} @{id} {size} {state:?} {place:?}")?;
            for link in self.from(ix) {
                writeln!(f, "    {} {:?} -> {}", link.kind.name(), link.name, link.to)?;
            }
        }
        Ok(())
    }
}

impl Model {
    pub(crate) fn analysis(&self) -> HeapAnalysis {
        let mut builder = GraphBuilder::new();
        for thing in &self.things {
            let node = Node::new(thing.kind, thing.name, thing.id, thing.size);
            builder.node(Node { detachedness: thing.state, ..node });
        }
        for (ix, thing) in self.things.iter().enumerate() {
            if let Some((script_id, line, column)) = thing.place {
                builder.location(Location { node: NodeIx(ix as u32), script_id, line, column, script: None });
            }
        }
        for link in &self.links {
            let to = Target::Id(NodeId(self.things[link.to].id));
            builder.edge(NodeIx(link.from as u32), link.kind, NewName::Text(&link.name), to);
        }
        builder.extra_native_bytes(self.extra);
        let (graph, problems) = builder.finish();
        assert!(problems.is_empty());
        HeapAnalysis::new(graph)
    }

    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    /// Returns the links from a node, in order.
    pub(crate) fn from(&self, node: usize) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.from == node)
    }

    /// Returns the links to a node.
    pub(crate) fn to(&self, node: usize) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.to == node)
    }
}

/// Raw choices for one node: its entry in `NODES`, size, state, place.
type RawThing = (usize, u64, u8, u8);
/// Raw choices for one edge: from, kind, name, to.
type RawLink = (usize, usize, usize, usize);

fn thing(ix: usize, (choice, size, state, place): RawThing) -> Thing {
    let (kind, name) = NODES[choice % NODES.len()];
    let state = match state {
        0 => Detachedness::Attached,
        1 => Detachedness::Detached,
        _ => Detachedness::Unknown,
    };
    let place = (place < 3).then_some((u32::from(place), 1, 2));
    // Ids neither rise nor agree with positions.
    Thing { kind, name, id: (ix as u64 * 7919) % 1009 * 2 + 1, size: size * 8, state, place }
}

fn link(nodes: usize, (from, kind, name, to): RawLink) -> Link {
    let kind = EDGE_KINDS[kind % EDGE_KINDS.len()];
    let name = match kind {
        EdgeKind::ELEMENT | EdgeKind::HIDDEN => (name % 6).to_string(),
        EdgeKind::INTERNAL => INTERNALS[name % INTERNALS.len()].to_owned(),
        _ => PROPERTIES[name % PROPERTIES.len()].to_owned(),
    };
    Link { from: from % nodes, kind, name, to: to % nodes }
}

/// Adds both halves of a WeakMap entry, in either order.
fn ephemeron(links: &mut Vec<Link>, things: &[Thing], (key, table, value, first): RawLink) {
    let [key, table, value] = [key, table, value].map(|ix| ix % things.len());
    // The rule for descriptors goes before that for WeakMap entries, but no table is one.
    if [key, table].iter().any(|&ix| things[ix].name == "(map descriptors)") {
        return;
    }
    let id = |ix: usize| things[ix].id;
    let name = format!(" / part of key (K @{}) -> value (V @{}) pair in WeakMap (table @{})", id(key), id(value), id(table));
    let half = |from: usize, nth: usize| Link { from, kind: EdgeKind::INTERNAL, name: format!("{nth}{name}"), to: value };
    let at = first % (links.len() + 1);
    links.insert(at, half(key, 1));
    links.push(half(table, 2));
}

prop_compose! {
    /// Makes heaps of up to 24 nodes. Most root edges lead to roots of the page or of V8.
    pub(crate) fn heaps()(
        raw in prop::collection::vec((0..NODES.len() * 2, 0..5_u64, 0..12_u8, 0..20_u8), 2..24),
        roots in prop::collection::vec((0..64_usize, 0..3_usize), 0..4),
        raw_links in prop::collection::vec((0..64_usize, 0..64_usize, 0..64_usize, 0..64_usize), 0..60),
        entries in prop::collection::vec((0..64_usize, 0..64_usize, 0..64_usize, 0..64_usize), 0..3),
        extra in 0..100_u64,
    ) -> Model {
        let mut things: Vec<Thing> = raw.into_iter().enumerate().map(|(ix, raw)| thing(ix, raw)).collect();
        things[0] = Thing { kind: NodeKind::SYNTHETIC, name: "", size: 0, state: Detachedness::Unknown, place: None, ..things[0] };
        let mut links: Vec<Link> = raw_links.into_iter().map(|raw| link(things.len(), raw)).collect();
        for (to, kind) in roots {
            let kind = [EdgeKind::SHORTCUT, EdgeKind::ELEMENT, EdgeKind::ELEMENT][kind];
            links.push(Link { from: 0, kind, name: "1".to_owned(), to: to % things.len() });
        }
        for entry in entries {
            ephemeron(&mut links, &things, entry);
        }
        Model { things, links, extra }
    }
}

prop_compose! {
    /// Makes heaps of plain objects with few properties, so that many share a shape.
    pub(crate) fn plain_objects()(
        objects in prop::collection::vec(prop::collection::vec(0..4_usize, 0..4), 2..12),
    ) -> Model {
        let thing = |ix| Thing { kind: NodeKind::OBJECT, name: "Object", id: ix, size: 8, state: Detachedness::Unknown, place: None };
        let root = Thing { kind: NodeKind::SYNTHETIC, name: "", ..thing(1000) };
        let things = [root].into_iter().chain((0..objects.len() as u64).map(thing)).collect();
        let link = |from: usize, name: usize| Link { from, kind: EdgeKind::PROPERTY, name: PROPERTIES[name].to_owned(), to: 1 };
        let links = objects.iter().enumerate().flat_map(|(ix, names)| names.iter().map(move |&name| link(ix + 1, name))).collect();
        Model { things, links, extra: 0 }
    }
}
