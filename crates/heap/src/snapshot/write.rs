//! Writes a graph as a `.heapsnapshot` that DevTools and memlab load.
//!
//! The layout is V8's: header, nodes, edges, what allocation tracking recorded, samples, locations, strings. Nothing here is shared with
//! the reader, so that each proves the other. Text goes out as it is made: memory does not grow with the file.
//!
//! What the format cannot hold: identities above 32 bits (addresses, where a core dump was the source). DevTools keeps 32 of them, so such
//! graphs are numbered anew, by position.

mod sections;
mod sink;
mod strings;

use std::io::{self, Write};

use crate::graph::{HeapGraph, NodeIx, TARGET_BITS};
use crate::kinds::{EdgeKind, NodeKind};
use sink::Sink;
use strings::OutStrings;

/// How records are set apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// One record a line, as Node 16 to 22 write.
    Lines,
    /// Without a single newline, as Node 24 and later write.
    #[default]
    Compact,
}

/// Whether nodes have the column `trace_node_id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceIds {
    /// Only where allocations were tracked, as Node 24 and later.
    #[default]
    WhenTracked,
    /// Always, as Node 16 to 22.
    Always,
}

/// How to write a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// How records are set apart.
    pub records: Records,
    /// Whether nodes have the column `trace_node_id`.
    pub trace_ids: TraceIds,
}

/// Writes a graph. O(nodes + edges + bytes of strings); memory for a buffer only.
///
/// # Errors
/// What `out` says.
pub fn write(graph: &HeapGraph, out: &mut impl Write, options: &WriteOptions) -> io::Result<()> {
    let layout = Layout::of(graph, options);
    let mut sink = Sink::new(out);
    let mut strings = OutStrings::of(graph);
    header(&mut sink, graph, &layout)?;
    nodes(&mut sink, graph, &layout)?;
    edges(&mut sink, graph, &layout)?;
    sections::functions(&mut sink, graph, &mut strings)?;
    sections::trace_tree(&mut sink, graph)?;
    sections::samples(&mut sink, graph)?;
    sections::locations(&mut sink, graph, &layout)?;
    strings.write(&mut sink)?;
    sink.text("}\n")?;
    sink.finish()
}

/// What differs from one file to the next.
struct Layout {
    records: Records,
    has_trace_ids: bool,
    has_detachedness: bool,
    has_scripts: bool,
    /// Whether identities do not fit the format, and positions stand in for them.
    renumber: bool,
    node_kinds: Vec<String>,
    edge_kinds: Vec<String>,
    /// The number of the kind of edges of which the source said no kind.
    unnamed_edges: u8,
}

impl Layout {
    fn of(graph: &HeapGraph, options: &WriteOptions) -> Self {
        let last_kind = graph.nodes().map(|node| graph.kind(node).number()).max().unwrap_or(0);
        // V8 lists all kinds up to `object shape` whether they occur or not.
        let last_kind = last_kind.max(NodeKind::OBJECT_SHAPE.number());
        let node_kinds = (0..=last_kind).map(|kind| graph.node_kind_name(NodeKind::from_number(kind)).to_owned()).collect();
        let known = (0..EdgeKind::OTHER.number()).map(|kind| EdgeKind::from_number(kind).name().to_owned());
        let mut edge_kinds: Vec<String> = known.chain(graph.extras().edge_kinds.iter().cloned()).collect();
        let others = graph.columns().edges.iter().filter(|&&word| word >> TARGET_BITS == u32::from(EdgeKind::OTHER.number())).count();
        // Edges of which the source did not say what kind they are: damage, where a kind has no name.
        let unnamed_edges = edge_kinds.len() as u8;
        if others > graph.extras().other_edges.len() {
            edge_kinds.push(EdgeKind::OTHER.name().to_owned());
        }
        Self {
            records: options.records,
            has_trace_ids: options.trace_ids == TraceIds::Always || !graph.allocations().node_stacks.is_empty(),
            has_detachedness: graph.has_detachedness(),
            has_scripts: graph.locations().iter().any(|location| location.script.is_some()),
            renumber: graph.nodes().any(|node| graph.id(node).0 > u64::from(u32::MAX)),
            node_kinds,
            edge_kinds,
            unnamed_edges,
        }
    }

    fn node_fields(&self) -> Vec<&'static str> {
        let mut fields = vec!["type", "name", "id", "self_size", "edge_count"];
        fields.extend(self.has_trace_ids.then_some("trace_node_id"));
        fields.extend(self.has_detachedness.then_some("detachedness"));
        fields
    }

    /// Returns the number by which other sections refer to a node.
    fn node_index(&self, node: NodeIx) -> u64 {
        u64::from(node.0) * self.node_fields().len() as u64
    }

    /// Returns what stands before a record that is not the first of its section, or behind the last.
    fn line_end(&self) -> &'static str {
        match self.records {
            Records::Lines => "\n",
            Records::Compact => "",
        }
    }
}

/// Writes the header. Its counts are exact.
fn header<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph, layout: &Layout) -> io::Result<()> {
    let json = |value: serde_json::Value| value.to_string();
    let fields = layout.node_fields();
    let mut types = vec![serde_json::Value::from(layout.node_kinds.clone()), "string".into()];
    types.extend(fields.iter().skip(2).map(|_| serde_json::Value::from("number")));
    let mut location_fields = vec!["object_index", "script_id", "line", "column"];
    location_fields.extend(layout.has_scripts.then_some("script_object_index"));
    sink.text("{\"snapshot\":{\"meta\":{\"node_fields\":")?;
    sink.text(&json(fields.into()))?;
    sink.text(",\"node_types\":")?;
    sink.text(&json(types.into()))?;
    sink.text(",\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\"edge_types\":[")?;
    sink.text(&json(layout.edge_kinds.clone().into()))?;
    sink.text(",\"string_or_number\",\"node\"],\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\",")?;
    sink.text("\"line\",\"column\"],\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],")?;
    sink.text("\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],\"location_fields\":")?;
    sink.text(&json(location_fields.into()))?;
    sink.text("},\"node_count\":")?;
    sink.number(graph.node_count() as u64)?;
    sink.text(",\"edge_count\":")?;
    sink.number(graph.edge_count() as u64)?;
    sink.text(",\"trace_function_count\":")?;
    sink.number(graph.allocations().functions.len() as u64)?;
    sink.text(",\"extra_native_bytes\":")?;
    sink.number(graph.extra_native_bytes())?;
    if graph.root() != NodeIx(0) {
        // V8's root is always the first node and the key is left out.
        sink.text(",\"root_index\":")?;
        sink.number(layout.node_index(graph.root()))?;
    }
    sink.text("},\n")
}

fn nodes<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph, layout: &Layout) -> io::Result<()> {
    let stacks = &graph.allocations().node_stacks;
    let strings = graph.strings().len() as u32;
    sink.text("\"nodes\":[")?;
    for node in graph.nodes() {
        if node.0 > 0 {
            sink.text(",")?;
        }
        sink.number(u64::from(graph.kind(node).number()))?;
        sink.next(u64::from(within(graph.name_ix(node).0, strings)))?;
        sink.next(if layout.renumber { u64::from(node.0) * 2 + 1 } else { graph.id(node).0 })?;
        sink.next(graph.raw_self_size(node))?;
        sink.next(u64::from(graph.edge_range(node).len() as u32))?;
        if layout.has_trace_ids {
            sink.next(u64::from(stacks.get(node.at()).copied().unwrap_or(0)))?;
        }
        if layout.has_detachedness {
            sink.next(graph.detachedness(node) as u64)?;
        }
        sink.text(layout.line_end())?;
    }
    sink.text("],\n")
}

fn edges<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph, layout: &Layout) -> io::Result<()> {
    let names = graph.edge_names();
    let strings = graph.strings().len() as u32;
    let fields = layout.node_fields().len() as u64;
    let mut others = graph.extras().other_edges.iter().peekable();
    sink.text("\"edges\":[")?;
    for node in graph.nodes() {
        for edge in graph.edges(node) {
            let mut kind = edge.kind.number();
            if edge.kind == EdgeKind::OTHER {
                // Both run in the order of edges.
                while others.next_if(|other| other.0 < edge.ix.0).is_some() {}
                kind = others.next_if(|other| other.0 == edge.ix.0).map_or(layout.unnamed_edges, |other| kind + other.1);
            }
            if edge.ix.0 > 0 {
                sink.text(",")?;
            }
            sink.number(u64::from(kind))?;
            let name = names.get(edge.ix.0 as usize).copied().unwrap_or(0);
            sink.next(u64::from(if edge.kind.has_index() { name } else { within(name, strings) }))?;
            sink.next(u64::from(edge.to.0) * fields)?;
            sink.text(layout.line_end())?;
        }
    }
    sink.text("],\n")
}

/// Returns a string's position, the first string's where there is no such.
fn within(name: u32, strings: u32) -> u32 {
    if name < strings { name } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{difference, graphs, small};
    use crate::{Silent, snapshot};

    fn written(graph: &HeapGraph, options: &WriteOptions) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(graph, &mut bytes, options).unwrap();
        bytes
    }

    fn read_back(bytes: &[u8]) -> HeapGraph {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let (graph, problems) = snapshot::read(Path::new(file.path()), &Silent).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        graph
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_written_reads_back(graph in graphs(), lines: bool, always: bool) {
            let options = WriteOptions {
                records: if lines { Records::Lines } else { Records::Compact },
                trace_ids: if always { TraceIds::Always } else { TraceIds::WhenTracked },
            };
            let bytes = written(&graph, &options);
            let json: serde_json::Value = serde_json::from_slice(&without_lone_surrogates(&bytes)).unwrap();
            prop_assert_eq!(json["snapshot"]["node_count"].as_u64(), Some(graph.node_count() as u64));
            let again = read_back(&bytes);
            if always && graph.allocations().node_stacks.is_empty() {
                prop_assert!(again.allocations().node_stacks.iter().all(|&stack| stack == 0));
                prop_assert_eq!(again.node_count(), graph.node_count());
            } else {
                prop_assert_eq!(difference(&graph, &again), Ok(()));
            }
        }
    }

    /// Replaces escaped surrogates, which the JSON parser of the test refuses where they stand alone.
    fn without_lone_surrogates(bytes: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(bytes).unwrap();
        ["\\ud8", "\\ud9", "\\uda", "\\udb", "\\udc", "\\udd", "\\ude", "\\udf"]
            .iter()
            .fold(text.to_owned(), |text, half| text.replace(half, "\\u00"))
            .into_bytes()
    }

    #[test]
    fn a_small_file() {
        let options = WriteOptions { records: Records::Lines, trace_ids: TraceIds::WhenTracked };
        let text = String::from_utf8(written(&small(), &options)).unwrap();
        let (_, sections) = text.split_once("\"nodes\":").unwrap();
        let expected = r#"[9,0,1,0,1,0
,3,1,3,32,1,0
,3,2,5,24,1,0
,1,3,7,64,2,0
,3,4,9,40,2,0
,3,4,11,40,2,0
,2,5,13,40,0,0
],
"edges":[5,1,6
,2,6,12
,3,7,18
,4,0,24
,4,1,30
,2,8,36
,2,9,36
,2,8,36
,2,9,36
],
"trace_function_infos":[],
"trace_tree":[],
"samples":[],
"locations":[12,7,2,11
],
"strings":["",
"global",
"Map",
"(object elements)",
"Object",
"alice@example.com",
"sessions",
"table",
"name",
"id"]}
"#;
        assert_eq!(sections, expected);
    }

    #[test]
    fn addresses_become_numbers() {
        use crate::builder::{GraphBuilder, Node};
        let mut builder = GraphBuilder::new();
        builder.node(Node::new(NodeKind::SYNTHETIC, "", 0x7fff_0000_1234, 0));
        builder.node(Node::new(NodeKind::OBJECT, "Object", 0x7fff_0000_5678, 0));
        let graph = read_back(&written(&builder.finish().0, &WriteOptions::default()));
        assert_eq!(graph.nodes().map(|node| graph.id(node).0).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut out = &mut [0_u8; 100][..];
        assert!(write(&small(), &mut out, &WriteOptions::default()).is_err());
    }
}
