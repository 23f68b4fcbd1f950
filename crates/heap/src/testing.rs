//! For tests of readers and writers: random graphs that use everything a graph can hold, and comparison of two graphs.

use std::sync::Arc;

use proptest::prelude::*;

use crate::allocations::{Allocations, Function, Sample, Stack};
use crate::column::Column;
use crate::graph::{Columns, Extras, HeapGraph, NodeIx, TARGET_BITS};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::Location;
use crate::strings::{Bytes, StrIx, StringTable, push_escaped_units};

/// One node: kind, name, size, detachedness, allocating stack.
type NewNode = (u8, u32, u64, u8, u32);
/// One edge: source, kind, name, target.
type NewEdge = (u32, u8, u32, u32);

/// Names of which analyses make something, among random ones.
const TELLING: [&str; 9] = [
    "<dummy>",
    "",
    "Object",
    "__proto__",
    "(map descriptors)",
    "system / NativeContext",
    "sloppy_function_map",
    "1 / part of key (Object @3) -> value (Array @5) pair in WeakMap (table @1)",
    "Detached <div a=\"b\">",
];

/// Strings of UTF-16 units: lone surrogates, quotes and control characters are likely.
fn strings() -> impl Strategy<Value = Vec<Vec<u16>>> {
    let unit =
        prop_oneof![4 => 0x20_u16..0x7f, 1 => 0_u16..0x20, 1 => 0xd7f0_u16..0xe010, 1 => any::<u16>(), 1 => Just(0x5c), 1 => Just(0x22)];
    let telling = TELLING.iter().map(|text| text.encode_utf16().collect());
    let telling: Vec<Vec<u16>> = telling.collect();
    prop::collection::vec(prop::collection::vec(unit, 0..12), 0..12).prop_map(move |more| telling.iter().cloned().chain(more).collect())
}

/// Returns graphs with `lone` things that only some sources have: unknown kinds, allocations, scripts of locations.
pub(crate) fn graphs() -> impl Strategy<Value = HeapGraph> {
    let nodes = prop::collection::vec((0_u8..18, any::<u32>(), sizes(), 0_u8..3, 0_u32..5), 1..24);
    let edges = prop::collection::vec((any::<u32>(), 0_u8..9, 0_u32..40, any::<u32>()), 0..80);
    let locations = prop::collection::vec((any::<u32>(), 0_u32..9, any::<u32>(), any::<u32>(), any::<Option<u32>>()), 0..5);
    let flags = (any::<bool>(), any::<bool>(), sizes());
    (strings(), nodes, edges, locations, allocations(), flags).prop_map(|(strings, nodes, edges, locations, allocations, flags)| {
        let (has_detachedness, has_scripts, native_bytes) = flags;
        let count = nodes.len() as u32;
        let mut locations: Vec<Location> = locations
            .into_iter()
            .map(|(node, script_id, line, column, script)| Location {
                node: NodeIx(node % count),
                script_id,
                line,
                column,
                script: script.filter(|script| has_scripts && script % count != 0).map(|script| NodeIx(script % count)),
            })
            .collect();
        locations.sort_by_key(|location| location.node);
        locations.dedup_by_key(|location| location.node);
        let mut extras =
            Extras { has_detachedness, native_bytes, locations: locations.into_iter().collect(), allocations, ..Extras::default() };
        extras.node_kinds = vec!["new kind".into(), "even newer \"kind\"".into()];
        extras.edge_kinds = vec!["loose".into(), "very loose".into()];
        build(&strings, &nodes, edges, extras)
    })
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0_u64), 1_u64..1000, Just(u64::from(u32::MAX)), (1_u64 << 32)..(1 << 40)]
}

fn allocations() -> impl Strategy<Value = Allocations> {
    let position = prop::option::of(0_u32..1000);
    let function = (0_u64..1000, "[a-z\"\\PC]{0,6}", "[a-z/.]{0,9}", 0_u32..99, position.clone(), position)
        .prop_map(|(id, name, script, script_id, line, column)| Function { id, name, script, script_id, line, column });
    let stack = (1_u32..99, 0_u32..3, 0_u64..1000, 0_u64..1_000_000, any::<u32>());
    let samples = prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 31), 0..4);
    let tracked =
        (prop::collection::vec(function, 1..4), prop::collection::vec(stack, 1..9), samples).prop_map(|(functions, stacks, samples)| {
            let mut preorder: Vec<Stack> = Vec::new();
            let mut open: Vec<u32> = Vec::new();
            for (at, (id, function, count, size, up)) in stacks.into_iter().enumerate() {
                // Preorder, as a reader meets them: the parent is the last stack or one of its callers.
                open.truncate(if open.is_empty() { 0 } else { up as usize % open.len() + 1 });
                preorder.push(Stack { id, function, count, size, parent: open.last().copied() });
                open.push(at as u32);
            }
            let samples = samples.into_iter().map(|(timestamp_us, last_assigned_id)| Sample { timestamp_us, last_assigned_id }).collect();
            Allocations { functions, stacks: preorder, node_stacks: Column::from(vec![1]), samples }
        });
    prop_oneof![Just(Allocations::default()), tracked]
}

fn build(strings: &[Vec<u16>], nodes: &[NewNode], edges: Vec<NewEdge>, mut extras: Extras) -> HeapGraph {
    let (mut arena, mut starts) = (Vec::new(), Vec::new());
    for units in strings {
        starts.push(arena.len() as u32);
        push_escaped_units(&mut arena, units.iter().copied());
        arena.push(b'"');
    }
    let (count, texts) = (nodes.len() as u32, strings.len() as u32);
    let mut edges: Vec<NewEdge> = edges.into_iter().map(|(from, kind, name, to)| (from % count, kind, name, to % count)).collect();
    edges.sort_by_key(|edge| edge.0);
    let mut first_edges = vec![0_u32; nodes.len() + 1];
    let (mut words, mut names) = (Vec::new(), Vec::new());
    for &(from, kind, name, to) in &edges {
        first_edges[from as usize + 1] += 1;
        let known = EdgeKind::from_number(kind.min(7));
        if known == EdgeKind::OTHER {
            extras.other_edges.push((words.len() as u32, kind - 7));
        }
        words.push(u32::from(known.number()) << TARGET_BITS | to);
        names.push(if known.has_index() { name } else { name % texts });
    }
    for at in 1..first_edges.len() {
        first_edges[at] += first_edges[at - 1];
    }
    if !extras.allocations.node_stacks.is_empty() {
        extras.allocations.node_stacks = nodes.iter().map(|node| node.4).collect::<Vec<_>>().into();
    }
    let detached = |state: u8| if extras.has_detachedness { state << 6 } else { 0 };
    let columns = Columns {
        kinds: nodes.iter().map(|node| node.0 | detached(node.3)).collect::<Vec<_>>().into(),
        names: nodes.iter().map(|node| node.1 % texts).collect::<Vec<_>>().into(),
        ids: (0..u64::from(count)).map(|at| at * 2 + 1).collect(),
        self_sizes: nodes.iter().map(|node| node.2).collect(),
        first_edges: first_edges.into_iter().collect(),
        edges: words.into(),
    };
    let strings = StringTable::new(Bytes::Owned(Arc::new(arena)), starts.into(), vec![]);
    HeapGraph::from_columns(columns, NodeIx(0), strings, Ok(names.into()), extras)
}

/// Says the first thing in which two graphs differ.
pub(crate) fn difference(a: &HeapGraph, b: &HeapGraph) -> Result<(), String> {
    let same = |what: &str, equal: bool| if equal { Ok(()) } else { Err(what.to_owned()) };
    same("counts", a.node_count() == b.node_count() && a.edge_count() == b.edge_count() && a.root() == b.root())?;
    for node in a.nodes() {
        let name = |graph: &HeapGraph| graph.strings().utf16(graph.name_ix(node)).collect::<Vec<_>>();
        let kind = |graph: &HeapGraph| graph.node_kind_name(graph.kind(node)).to_owned();
        same(&format!("name of {node:?}: {:?}, {:?}", a.name(node), b.name(node)), name(a) == name(b))?;
        same(&format!("kind of {node:?}: {}, {}", kind(a), kind(b)), kind(a) == kind(b))?;
        same("id", a.id(node) == b.id(node))?;
        same("size", a.raw_self_size(node) == b.raw_self_size(node))?;
        same("detachedness", a.detachedness(node) == b.detachedness(node))?;
        same("edge range", a.edge_range(node) == b.edge_range(node))?;
        for (left, right) in a.edges(node).zip(b.edges(node)) {
            same("edge", left == right && a.edge_kind_name(left) == b.edge_kind_name(right))?;
            same(&format!("name of {left:?}"), edge_name(a, left) == edge_name(b, right))?;
        }
    }
    same("native bytes", a.extra_native_bytes() == b.extra_native_bytes())?;
    same("has detachedness", a.has_detachedness() == b.has_detachedness())?;
    same(&format!("locations: {:?}, {:?}", a.locations(), b.locations()), a.locations() == b.locations())?;
    let (left, right) = (a.allocations(), b.allocations());
    same(&format!("functions: {:?}, {:?}", left.functions, right.functions), left.functions == right.functions)?;
    same(&format!("stacks: {:?}, {:?}", left.stacks, right.stacks), left.stacks == right.stacks)?;
    same("samples", left.samples == right.samples)?;
    same("stacks of nodes", *left.node_stacks == *right.node_stacks)
}

fn edge_name(graph: &HeapGraph, edge: crate::Edge) -> (Option<u32>, Vec<u16>) {
    match graph.edge_name(edge) {
        crate::EdgeName::Index(index) => (Some(index), Vec::new()),
        crate::EdgeName::Text(ix) => (None, graph.strings().utf16(StrIx(ix.0)).collect()),
    }
}

/// Returns a small graph made by hand: a root, a global object, a map with two sessions that share a name.
pub(crate) fn small() -> HeapGraph {
    use crate::builder::{GraphBuilder, NewName, Node, Target};
    let mut builder = GraphBuilder::new();
    let mut node = |kind, name: &str, id, size| builder.node(Node::new(kind, name, id, size));
    let root = node(NodeKind::SYNTHETIC, "", 1, 0);
    let global = node(NodeKind::OBJECT, "global", 3, 32);
    let map = node(NodeKind::OBJECT, "Map", 5, 24);
    let table = node(NodeKind::ARRAY, "(object elements)", 7, 64);
    let sessions = [9, 11].map(|id| node(NodeKind::OBJECT, "Object", id, 40));
    let name = node(NodeKind::STRING, "alice@example.com", 13, 40);
    let mut edge = |from, kind, name, to| builder.edge(from, kind, name, Target::Node(to));
    edge(root, EdgeKind::SHORTCUT, NewName::Text("global"), global);
    edge(global, EdgeKind::PROPERTY, NewName::Text("sessions"), map);
    edge(map, EdgeKind::INTERNAL, NewName::Text("table"), table);
    for (at, session) in (0..).zip(sessions) {
        edge(table, EdgeKind::HIDDEN, NewName::Index(at), session);
        edge(session, EdgeKind::PROPERTY, NewName::Text("name"), name);
        edge(session, EdgeKind::PROPERTY, NewName::Text("id"), name);
    }
    builder.location(Location { node: map, script_id: 7, line: 2, column: 11, script: None });
    builder.finish().0
}
