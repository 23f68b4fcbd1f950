//! What a question is about, as people write it: `@123`, `Session`, `app.js:12`, `cache.byId`.

use crate::analysis::HeapAnalysis;
use crate::classes::ClassIx;
use crate::graph::{HeapGraph, NodeId, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::Place;
use crate::source::scripts::script_of;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// `@123`, or `123`.
    Id(u64),
    /// A class's name, exactly.
    Class(String),
    /// Part of classes' names: `*ession*`.
    ClassPart(String),
    /// A file and a line, from 1: what was written there.
    Line(String, u32),
    /// Properties or variables, one after the other: from the global object, or from whatever has the first.
    Path(Vec<String>),
}

/// What a selector stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The nodes, in node order.
    pub nodes: Vec<NodeIx>,
    /// What they are, for people: `class Session`.
    pub what: String,
}

/// Why a selector stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// No node has the id.
    #[error("no object has the id @{0}")]
    NoSuchId(u64),
    /// No class is named so.
    #[error("no class is called {name}")]
    NoSuchClass {
        /// What was asked for.
        name: String,
        /// Names that are close.
        candidates: Vec<String>,
    },
    /// Nothing was written there.
    #[error("nothing in the snapshot was written at {0}")]
    NothingThere(String),
    /// Several classes have the text in their names.
    #[error("{text} is part of several class names")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// The names.
        candidates: Vec<String>,
    },
    /// No object has such properties.
    #[error("no object is reached by {0}")]
    NoSuchPath(String),
}

/// How many candidates an error lists.
const CANDIDATES: usize = 8;

impl Selector {
    /// Reads what was written. Everything is a selector: what fits nothing else is a class name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let digits = text.strip_prefix('@').unwrap_or(text);
        if let Ok(id) = digits.parse() {
            return Self::Id(id);
        }
        if let Some((file, line)) = text.trim_matches('"').rsplit_once(':')
            && let Ok(line) = line.parse()
            && !file.is_empty()
        {
            // `file.js:12:3` names a line too.
            return match file.rsplit_once(':').map(|(file, line)| (file, line.parse())) {
                Some((file, Ok(line))) => Self::Line(file.to_owned(), line),
                _ => Self::Line(file.to_owned(), line),
            };
        }
        if let Some(part) = text.strip_prefix('*').or_else(|| text.strip_suffix('*')) {
            return Self::ClassPart(part.trim_matches('*').to_owned());
        }
        let is_word = |word: &str| !word.is_empty() && !word.contains([' ', '/', '{', '(', ',']);
        if text.contains('.') && text.split('.').all(is_word) {
            return Self::Path(text.split('.').map(str::to_owned).collect());
        }
        Self::Class(text.to_owned())
    }

    /// Finds the nodes. O(nodes), O(edges) for paths.
    ///
    /// # Errors
    /// What was not found, with candidates.
    pub fn resolve(&self, analysis: &HeapAnalysis) -> Result<Selected, SelectorError> {
        let graph = analysis.graph();
        match self {
            Self::Id(id) => {
                let found = graph.find_id(NodeId(*id)).ok_or(SelectorError::NoSuchId(*id))?;
                Ok(Selected { nodes: vec![found], what: format!("@{id}") })
            }
            Self::Class(name) => class(analysis, name),
            Self::ClassPart(part) => class_part(analysis, part),
            Self::Line(file, line) => written_at(graph, file, *line),
            Self::Path(path) => by_path(graph, path).or_else(|error| class(analysis, &path.join(".")).map_err(|_| error)),
        }
    }
}

/// Collects the nodes of classes.
fn members(analysis: &HeapAnalysis, wanted: impl Fn(&str) -> bool) -> (Vec<NodeIx>, Vec<String>) {
    let classes = analysis.classes();
    let mut names: Vec<String> = Vec::new();
    let mut is_wanted = vec![false; classes.len()];
    for (ClassIx(ix), class) in classes.iter().filter(|(_, class)| wanted(&class.name)) {
        is_wanted[ix as usize] = true;
        names.push(class.name.clone());
    }
    names.sort_unstable();
    names.dedup();
    let nodes = analysis.graph().nodes().filter(|&node| is_wanted[classes.of(node).0 as usize]).collect();
    (nodes, names)
}

fn class(analysis: &HeapAnalysis, name: &str) -> Result<Selected, SelectorError> {
    let (nodes, _) = members(analysis, |known| known == name);
    if !nodes.is_empty() {
        return Ok(Selected { nodes, what: format!("class {name}") });
    }
    // A plain object's interface hides its name: `Object` means all of them.
    let lower = name.to_lowercase();
    let mut close: Vec<(usize, String)> = analysis
        .classes()
        .iter()
        .map(|(_, class)| class.name.clone())
        .filter(|known| known.to_lowercase().contains(&lower))
        .map(|known| (known.len(), known))
        .collect();
    close.sort_unstable();
    close.dedup();
    let candidates = close.into_iter().take(CANDIDATES).map(|(_, name)| name).collect();
    Err(SelectorError::NoSuchClass { name: name.to_owned(), candidates })
}

fn class_part(analysis: &HeapAnalysis, part: &str) -> Result<Selected, SelectorError> {
    let lower = part.to_lowercase();
    let (nodes, names) = members(analysis, |known| known.to_lowercase().contains(&lower));
    match names.as_slice() {
        [] => Err(SelectorError::NoSuchClass { name: part.to_owned(), candidates: Vec::new() }),
        [only] => Ok(Selected { nodes, what: format!("class {only}") }),
        _ => Err(SelectorError::Ambiguous { text: part.to_owned(), candidates: names.into_iter().take(CANDIDATES).collect() }),
    }
}

/// Finds the functions and objects whose function or class was written on a line of a file, given by the end of its path.
fn written_at(graph: &HeapGraph, file: &str, line: u32) -> Result<Selected, SelectorError> {
    let what = format!("{file}:{line}");
    let on_line = || graph.locations().iter().filter(|location| location.line + 1 == line);
    let mut scripts: rustc_hash::FxHashMap<u32, bool> = rustc_hash::FxHashMap::default();
    for location in on_line().filter(|location| graph.kind(location.node) == NodeKind::CLOSURE) {
        scripts.entry(location.script_id).or_insert_with(|| {
            let place = script_of(graph, location.node).map(|script| Place::new(graph.name(script), line, 0));
            place.is_some_and(|place| place.file == file || place.file.ends_with(&format!("/{file}")) || place.file_name() == file)
        });
    }
    let mut nodes: Vec<NodeIx> =
        on_line().filter(|location| scripts.get(&location.script_id) == Some(&true)).map(|location| location.node).collect();
    nodes.sort_unstable();
    if nodes.is_empty() { Err(SelectorError::NothingThere(what)) } else { Ok(Selected { nodes, what }) }
}

/// Follows names from the global object, or else from every node that has the first.
fn by_path(graph: &HeapGraph, path: &[String]) -> Result<Selected, SelectorError> {
    let what = path.join(".");
    let step = |node: NodeIx, name: &str| -> Option<NodeIx> {
        graph
            .edges(node)
            .filter(|edge| matches!(edge.kind, EdgeKind::PROPERTY | EdgeKind::CONTEXT | EdgeKind::ELEMENT))
            .find(|&edge| graph.edge_text(edge) == name)
            .map(|edge| edge.to)
    };
    let follow = |from: NodeIx| path.iter().try_fold(from, |node, name| step(node, name));
    let globals = graph.edges(graph.root()).filter(|edge| edge.kind == EdgeKind::SHORTCUT).map(|edge| edge.to);
    if let Some(found) = globals.into_iter().find_map(follow) {
        return Ok(Selected { nodes: vec![found], what });
    }
    let is_holder = |node: NodeIx| matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::NATIVE);
    let mut nodes: Vec<NodeIx> = graph.nodes().filter(|&node| is_holder(node)).filter_map(follow).collect();
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.is_empty() { Err(SelectorError::NoSuchPath(what)) } else { Ok(Selected { nodes, what }) }
}
