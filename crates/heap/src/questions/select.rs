//! What a question is about, as people write it: `@123`, `Session`, `app.js:12`, `cache.byId`.

use super::places;
use crate::analysis::HeapAnalysis;
use crate::classes::Class;
use crate::graph::{HeapGraph, NodeId, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::SourceFiles;
use crate::story::Setting;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// `@123`, `123`, or `0x7b`.
    Id(u64),
    /// A class's name, exactly.
    Class(String),
    /// Part of classes' names: `*ession*`.
    ClassPart(String),
    /// A file and a line, from 1: what was written there, and what the variables and properties hold that were.
    Line(String, u32),
    /// All objects of the shape of one, by its identity: `shape:@17`, `shape:0x1f3a4c0e8a10`.
    ShapeOf(u64),
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
    #[error("no object has the id {}", NodeId(*.0))]
    NoSuchId(u64),
    /// No class is named so.
    #[error("no class is called {name}")]
    NoSuchClass {
        /// What was asked for.
        name: String,
        /// Names that are close.
        candidates: Vec<String>,
    },
    /// Nothing that is in the snapshot was written there.
    #[error("nothing in the snapshot was written at {what}")]
    NothingThere {
        /// What was asked for.
        what: String,
        /// The nearest lines that stand for something.
        near: Vec<String>,
    },
    /// No script, and no source of one, has that name.
    #[error("no script in the snapshot is called {file}")]
    NoSuchFile {
        /// What was asked for.
        file: String,
        /// Names that are close.
        candidates: Vec<String>,
    },
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
        if let Ok(NodeId(id)) = text.parse() {
            return Self::Id(id);
        }
        if let Some(Ok(NodeId(id))) = text.strip_prefix("shape:").map(str::parse) {
            return Self::ShapeOf(id);
        }
        if let Some((file, line)) = text.trim_matches('"').rsplit_once(':')
            && let Ok(line) = line.parse()
            && !file.is_empty()
        {
            let file = file.trim_start_matches("./");
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

    /// Finds the nodes. O(nodes), O(edges) for paths. Classes are found by the names that they have in the script, and those that they had
    /// before they were minified, if `files` may be read that tell.
    ///
    /// # Errors
    /// What was not found, with candidates.
    pub fn resolve(&self, analysis: &HeapAnalysis, files: &dyn SourceFiles) -> Result<Selected, SelectorError> {
        let graph = analysis.graph();
        match self {
            Self::Id(id) => {
                let found = graph.find_id(NodeId(*id)).ok_or(SelectorError::NoSuchId(*id))?;
                Ok(Selected { nodes: vec![found], what: NodeId(*id).to_string() })
            }
            Self::Class(name) => class(analysis, files, name),
            Self::ClassPart(part) => class_part(analysis, files, part),
            Self::Line(file, line) => places::find(&Setting::new(analysis, files), &places::Line { file, line: *line }),
            Self::ShapeOf(id) => match super::objects::of_same_shape(analysis, NodeId(*id)) {
                nodes if nodes.is_empty() => Err(SelectorError::NoSuchId(*id)),
                nodes => Ok(Selected { nodes, what: format!("shape of {}", NodeId(*id)) }),
            },
            Self::Path(path) => by_path(graph, path).or_else(|error| class(analysis, files, &path.join(".")).map_err(|_| error)),
        }
    }
}

/// Collects the nodes of classes, and their names.
fn members(analysis: &HeapAnalysis, names: &[Option<String>]) -> (Vec<NodeIx>, Vec<String>) {
    let of = |node: NodeIx| names.get(analysis.classes().of(node).0 as usize).is_some_and(Option::is_some);
    let mut wanted: Vec<String> = names.iter().flatten().cloned().collect();
    wanted.sort_unstable();
    wanted.dedup();
    (analysis.graph().nodes().filter(|&node| of(node)).collect(), wanted)
}

/// Returns the name of every class whose name is wanted: that in the script, else that in the source.
fn wanted(analysis: &HeapAnalysis, files: &dyn SourceFiles, is_wanted: impl Fn(&str) -> bool) -> Vec<Option<String>> {
    let classes = analysis.classes();
    let in_script = |class: &Class| Some(&class.name).filter(|name| is_wanted(name)).cloned();
    let found: Vec<Option<String>> = classes.iter().map(|(_, class)| in_script(class)).collect();
    if found.iter().any(Option::is_some) {
        return found;
    }
    let setting = Setting::new(analysis, files);
    classes.iter().map(|(_, class)| setting.original_class(class).filter(|name| is_wanted(name))).collect()
}

fn class(analysis: &HeapAnalysis, files: &dyn SourceFiles, name: &str) -> Result<Selected, SelectorError> {
    let (nodes, _) = members(analysis, &wanted(analysis, files, |known| known == name));
    if !nodes.is_empty() {
        return Ok(Selected { nodes, what: format!("class {name}") });
    }
    // A plain object's interface hides its name: `Object` means all of them.
    let lower = name.to_lowercase();
    let close = wanted(analysis, files, |known| known.to_lowercase().contains(&lower));
    let mut close: Vec<(usize, String)> = close.into_iter().flatten().map(|known| (known.len(), known)).collect();
    close.sort_unstable();
    close.dedup();
    let candidates = close.into_iter().take(CANDIDATES).map(|(_, name)| name).collect();
    Err(SelectorError::NoSuchClass { name: name.to_owned(), candidates })
}

fn class_part(analysis: &HeapAnalysis, files: &dyn SourceFiles, part: &str) -> Result<Selected, SelectorError> {
    let lower = part.to_lowercase();
    let (nodes, names) = members(analysis, &wanted(analysis, files, |known| known.to_lowercase().contains(&lower)));
    match names.as_slice() {
        [] => Err(SelectorError::NoSuchClass { name: part.to_owned(), candidates: Vec::new() }),
        [only] => Ok(Selected { nodes, what: format!("class {only}") }),
        _ => Err(SelectorError::Ambiguous { text: part.to_owned(), candidates: names.into_iter().take(CANDIDATES).collect() }),
    }
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
