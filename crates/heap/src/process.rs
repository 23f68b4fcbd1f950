//! What the `process` object of Node.js says of the program whose heap a graph is.

use crate::graph::{Edge, EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::Place;
use crate::strings::StrIx;

/// What a source noted of the `process` object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Noted {
    /// Nothing.
    #[default]
    Nothing,
    /// The string that is its name, which others may have too.
    Name(StrIx),
    /// Itself, or that there is none.
    Object(Option<NodeIx>),
}

/// Finds the `process` object: the first object of that name with a version. O(nodes) where the source did not note it; O(strings) too where
/// it did not note the name.
#[must_use]
pub fn process(graph: &HeapGraph) -> Option<NodeIx> {
    let name = match graph.extras().process {
        Noted::Object(object) => return object,
        Noted::Name(name) => name,
        Noted::Nothing => graph.strings().find("process")?,
    };
    let is_process = |node: &NodeIx| graph.kind(*node) == NodeKind::OBJECT && graph.name_ix(*node) == name;
    graph.nodes().filter(is_process).take(8).find(|&node| text(graph, node, "version").is_some())
}

/// Returns the version of Node.js, without the `v`: `22.23.3`.
#[must_use]
pub fn node_version(graph: &HeapGraph) -> Option<String> {
    let version = text(graph, process(graph)?, "version")?;
    let version = version.strip_prefix('v')?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

/// Returns the file name of the program's main script, without its folders: `server.js`.
#[must_use]
pub fn main_script(graph: &HeapGraph) -> Option<String> {
    let argv = graph.child(process(graph)?, EdgeKind::PROPERTY, "argv")?;
    let is_first = |edge: &Edge| edge.kind == EdgeKind::ELEMENT && matches!(graph.edge_name(*edge), EdgeName::Index(1));
    // The array's content may be a store of its own.
    let elements = graph.child(argv, EdgeKind::INTERNAL, "elements");
    let found = elements.into_iter().chain(Some(argv)).find_map(|from| graph.edges(from).find(is_first));
    let path = found.map(|edge| edge.to).filter(|&text| graph.kind(text).is_string())?;
    let path = crate::duplicates::string_text(graph, path);
    Some(Place::new(path, 0, 0).file_name().to_owned()).filter(|name| !name.is_empty())
}

/// Returns a property of an object that is a string.
#[must_use]
pub fn text(graph: &HeapGraph, object: NodeIx, name: &str) -> Option<String> {
    let text = graph.child(object, EdgeKind::PROPERTY, name).filter(|&text| graph.kind(text).is_string())?;
    Some(crate::duplicates::string_text(graph, text))
}
