//! The header: which fields a node and an edge have, in which order, and how kinds are numbered.
//!
//! Nothing is assumed about positions: `meta.node_fields` and its like name every column. V8 writes seven fields a node with
//! `trace_node_id` up to Node 22, six without it since Node 24 (seven again while it tracks allocations), and Node 24 lists seven types
//! for six fields.

use serde::Deserialize;
use serde_json::Value;

use crate::kinds::{EdgeKind, NodeKind};

/// How many bytes of a file may be its header. V8's has about two thousand.
const MAX_HEADER: usize = 4 << 20;

/// How many fields a node or an edge may have. V8's have at most seven.
pub(super) const MAX_FIELDS: usize = 16;

/// The header as it stands in the file.
#[derive(Debug, Deserialize)]
struct Raw {
    meta: Meta,
    #[serde(default)]
    node_count: u64,
    #[serde(default)]
    edge_count: u64,
    #[serde(default)]
    root_index: u64,
    #[serde(default)]
    extra_native_bytes: u64,
    #[serde(default)]
    trace_function_count: u64,
}

#[derive(Debug, Deserialize)]
struct Meta {
    node_fields: Vec<String>,
    node_types: Vec<Value>,
    edge_fields: Vec<String>,
    edge_types: Vec<Value>,
    #[serde(default)]
    trace_function_info_fields: Vec<String>,
    #[serde(default)]
    trace_node_fields: Vec<String>,
    #[serde(default)]
    sample_fields: Vec<String>,
    #[serde(default)]
    location_fields: Vec<String>,
}

/// What the reader needs of the header.
#[derive(Debug)]
pub(super) struct Header {
    /// The header's own text.
    pub(super) text: String,
    /// The byte behind it.
    pub(super) end: usize,
    pub(super) node_count: u64,
    pub(super) edge_count: u64,
    pub(super) root_index: u64,
    pub(super) extra_native_bytes: u64,
    pub(super) function_count: u64,
    pub(super) node: NodeFields,
    pub(super) edge: EdgeFields,
    pub(super) node_kinds: Vec<NodeKind>,
    pub(super) new_node_kinds: Vec<String>,
    pub(super) edge_kinds: Vec<EdgeKind>,
    pub(super) new_edge_kinds: Vec<String>,
    pub(super) function_fields: Vec<String>,
    pub(super) trace_fields: Vec<String>,
    pub(super) sample_fields: Vec<String>,
    pub(super) location_fields: Vec<String>,
}

/// Where a node's fields stand in its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeFields {
    pub(super) count: usize,
    pub(super) kind: usize,
    pub(super) name: usize,
    pub(super) id: usize,
    pub(super) self_size: usize,
    pub(super) edge_count: usize,
    pub(super) trace: Option<usize>,
    pub(super) detachedness: Option<usize>,
}

/// Where an edge's fields stand in its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct EdgeFields {
    pub(super) count: usize,
    pub(super) kind: usize,
    pub(super) name: usize,
    pub(super) to: usize,
}

impl Header {
    /// Reads the header, an object that starts at `at`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read(bytes: &[u8], at: usize) -> Result<Self, String> {
        let window = &bytes[at..bytes.len().min(at + MAX_HEADER)];
        let mut values = serde_json::Deserializer::from_slice(window).into_iter::<Raw>();
        let raw = match values.next() {
            Some(Ok(raw)) => raw,
            Some(Err(error)) if error.is_eof() => return Err("it ends early".to_owned()),
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("it is missing".to_owned()),
        };
        let end = at + values.byte_offset();
        let Meta { node_fields, node_types, edge_fields, edge_types, .. } = &raw.meta;
        let (mut node, edge) = (NodeFields::of(node_fields)?, EdgeFields::of(edge_fields)?);
        if raw.trace_function_count == 0 {
            // Up to Node 22 the column is always there, and all zeros where allocations were not tracked.
            node.trace = None;
        }
        let (node_kinds, new_node_kinds) = node_kinds(&kind_names(node_types, node.kind, "node_types")?);
        let (edge_kinds, new_edge_kinds) = edge_kinds(&kind_names(edge_types, edge.kind, "edge_types")?);
        Ok(Self {
            text: String::from_utf8_lossy(&bytes[at..end]).into_owned(),
            end,
            node_count: raw.node_count,
            edge_count: raw.edge_count,
            root_index: raw.root_index,
            extra_native_bytes: raw.extra_native_bytes,
            function_count: raw.trace_function_count,
            node,
            edge,
            node_kinds,
            new_node_kinds,
            edge_kinds,
            new_edge_kinds,
            function_fields: raw.meta.trace_function_info_fields,
            trace_fields: raw.meta.trace_node_fields,
            sample_fields: raw.meta.sample_fields,
            location_fields: raw.meta.location_fields,
        })
    }
}

impl NodeFields {
    fn of(fields: &[String]) -> Result<Self, String> {
        let need = |name: &str| position(fields, name).ok_or_else(|| format!("meta.node_fields has no {name:?}"));
        if fields.len() > MAX_FIELDS {
            return Err(format!("meta.node_fields has {} fields, more than {MAX_FIELDS}", fields.len()));
        }
        Ok(Self {
            count: fields.len(),
            kind: need("type")?,
            name: need("name")?,
            id: need("id")?,
            self_size: need("self_size")?,
            edge_count: need("edge_count")?,
            trace: position(fields, "trace_node_id"),
            detachedness: position(fields, "detachedness"),
        })
    }
}

impl EdgeFields {
    fn of(fields: &[String]) -> Result<Self, String> {
        let need = |name: &str| position(fields, name).ok_or_else(|| format!("meta.edge_fields has no {name:?}"));
        if fields.len() > MAX_FIELDS {
            return Err(format!("meta.edge_fields has {} fields, more than {MAX_FIELDS}", fields.len()));
        }
        Ok(Self { count: fields.len(), kind: need("type")?, name: need("name_or_index")?, to: need("to_node")? })
    }
}

/// Returns the place of a name among fields.
pub(super) fn position(fields: &[String], name: &str) -> Option<usize> {
    fields.iter().position(|field| field == name)
}

/// Returns the names of kinds: the list that stands at the place of the `type` field.
fn kind_names(types: &[Value], at: usize, what: &str) -> Result<Vec<String>, String> {
    let names = types.get(at).and_then(Value::as_array).ok_or_else(|| format!("meta.{what}[{at}] is no list of names"))?;
    Ok(names.iter().map(|name| name.as_str().unwrap_or("unknown").to_owned()).collect())
}

/// Numbers node kinds our way; kinds that this build does not know keep their names.
fn node_kinds(names: &[String]) -> (Vec<NodeKind>, Vec<String>) {
    let mut new = Vec::new();
    let kinds = names.iter().map(|name| {
        NodeKind::from_name(name).unwrap_or_else(|| {
            new.push(name.clone());
            NodeKind::unknown(new.len() - 1)
        })
    });
    (kinds.collect(), new)
}

fn edge_kinds(names: &[String]) -> (Vec<EdgeKind>, Vec<String>) {
    let new = names.iter().filter(|name| EdgeKind::from_name(name).is_none()).cloned().collect();
    (names.iter().map(|name| EdgeKind::from_name(name).unwrap_or(EdgeKind::OTHER)).collect(), new)
}
