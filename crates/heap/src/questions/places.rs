//! What a place in a source file stands for: the functions and the objects whose function or class was written there, and what the
//! variables and properties hold that were. Places are those that stories print: in the code that ran, and through source maps.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::select::{Selected, SelectorError};
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::scripts::{script_name, script_of};
use crate::source::{Place, scopes, text};
use crate::story::Setting;

/// How many near places and files an error names.
const NEAR: usize = 3;
/// Bytes of source text that are gone over, at most, to place variables of scripts that a source map maps.
const MOST_TEXT: usize = 1 << 30;

/// A line of a file, as somebody wrote it.
pub(super) struct Line<'a> {
    pub(super) file: &'a str,
    pub(super) line: u32,
}

impl Line<'_> {
    fn is_file(&self, place: &Place) -> bool {
        let file = place.file.strip_prefix("file://").unwrap_or(&place.file);
        let wanted = self.file.strip_prefix("file://").unwrap_or(self.file);
        file == wanted || file.strip_suffix(wanted).is_some_and(|rest| rest.ends_with(['/', '\\'])) || place.file_name() == wanted
    }

    /// Returns the line at which a place is in the file, in the original or in the code that ran.
    fn of(&self, place: &Place) -> Option<u32> {
        let places = std::iter::once(place).chain(place.generated.as_deref());
        places.into_iter().find(|place| self.is_file(place)).map(|place| place.line)
    }
}

/// Finds what was written on a line. O(locations + edges of contexts and located objects); the texts of the scripts are gone over once for
/// each name on the line, of scripts with a source map once for each variable.
pub(super) fn find(setting: &Setting<'_>, wanted: &Line<'_>) -> Result<Selected, SelectorError> {
    let what = format!("{}:{}", wanted.file, wanted.line);
    let (mut nodes, near) = located(setting, wanted);
    if near.is_empty() {
        return Err(SelectorError::NoSuchFile { file: wanted.file.to_owned(), candidates: files_like(setting, wanted.file) });
    }
    nodes.extend(variables(setting, wanted));
    nodes.extend(properties(setting, wanted));
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.is_empty() { Err(SelectorError::NothingThere { what, near: nearest(wanted, &near) }) } else { Ok(Selected { nodes, what }) }
}

/// Returns the functions and objects whose function or class was written on the line, and one of every other line of the file.
fn located(setting: &Setting<'_>, wanted: &Line<'_>) -> (Vec<NodeIx>, BTreeMap<u32, NodeIx>) {
    let mut known: FxHashMap<(u32, u32, u32), Option<u32>> = FxHashMap::default();
    let (mut nodes, mut lines) = (Vec::new(), BTreeMap::new());
    for location in setting.graph().locations().iter() {
        let key = location.at();
        let line = known.entry(key).or_insert_with(|| setting.place(location.node).and_then(|place| wanted.of(&place)));
        if let Some(line) = *line {
            lines.entry(line).or_insert(location.node);
            if line == wanted.line {
                nodes.push(location.node);
            }
        }
    }
    (nodes, lines)
}

/// Returns what the variables hold that were declared on the line.
fn variables(setting: &Setting<'_>, wanted: &Line<'_>) -> Vec<NodeIx> {
    let graph = setting.graph();
    let mut scripts: FxHashMap<NodeIx, Option<Names>> = FxHashMap::default();
    let mut gone_over = 0;
    let mut found = Vec::new();
    for (context, closure) in setting.scripts.contexts() {
        let Some(script) = script_of(graph, closure) else { continue };
        let Some(names) = scripts.entry(script).or_insert_with(|| Names::of(setting, wanted, script)) else { continue };
        for edge in graph.edges(context).filter(|edge| matches!(edge.kind, EdgeKind::CONTEXT | EdgeKind::HIDDEN)) {
            let variable = scopes::variables(graph, context, edge);
            let [name] = variable.as_slice() else { continue };
            if !names.may_be(name) || gone_over > MOST_TEXT {
                continue;
            }
            if names.on_line.is_none() {
                gone_over += names.length;
            }
            let declared = setting.variable(context, name, None);
            if declared.is_some_and(|declared| wanted.of(&declared.place) == Some(wanted.line)) {
                found.push(edge.to);
            }
        }
    }
    found
}

/// Returns what the properties hold that were first assigned on the line, of objects whose class was written in the file.
fn properties(setting: &Setting<'_>, wanted: &Line<'_>) -> Vec<NodeIx> {
    let graph = setting.graph();
    let mut scripts: FxHashMap<NodeIx, Option<Names>> = FxHashMap::default();
    let mut known: FxHashMap<(u32, u32, u32), bool> = FxHashMap::default();
    let mut found = Vec::new();
    for location in graph.locations().iter().filter(|location| graph.kind(location.node) == NodeKind::OBJECT) {
        let Some(script) = setting.scripts.by_id(location.script_id) else { continue };
        let Some(names) = scripts.entry(script).or_insert_with(|| Names::of(setting, wanted, script)) else { continue };
        for edge in graph.edges(location.node).filter(|edge| edge.kind == EdgeKind::PROPERTY) {
            let crate::EdgeName::Text(name) = graph.edge_name(edge) else { continue };
            let is_there = known.entry((location.script_id, location.line, name.0)).or_insert_with(|| {
                let text = graph.strings().text(name);
                let is_name = names.may_be(text.trim_start_matches('#')) && text != "__proto__";
                let place = is_name.then(|| setting.property_place(location.node, &text, None)).flatten();
                place.is_some_and(|place| wanted.of(&place) == Some(wanted.line))
            });
            if *is_there {
                found.push(edge.to);
            }
        }
    }
    found
}

/// The names that may stand on the line of one script.
struct Names {
    /// The words of the line; `None` where a source map lies in between.
    on_line: Option<FxHashSet<String>>,
    /// Bytes of the script's text.
    length: usize,
}

impl Names {
    /// Returns what may be meant of a script; `None` where it is another file.
    fn of(setting: &Setting<'_>, wanted: &Line<'_>, script: NodeIx) -> Option<Self> {
        let file = script_name(setting.graph(), script);
        let text = setting.text(&file, Some(script))?;
        let place = Place::new(file, wanted.line, 1);
        if wanted.is_file(&place) {
            let line = text::line_at(&text, wanted.line, usize::MAX).unwrap_or_default();
            let words = line.split(|char: char| !char.is_alphanumeric() && char != '_' && char != '$');
            return Some(Self { on_line: Some(words.map(str::to_owned).collect()), length: text.len() });
        }
        setting.originals.has_map(&place, &text).then(|| Self { on_line: None, length: text.len() })
    }

    fn may_be(&self, name: &str) -> bool {
        self.on_line.as_ref().is_none_or(|words| words.contains(name))
    }
}

/// Names the lines around that stand for something.
fn nearest(wanted: &Line<'_>, near: &BTreeMap<u32, NodeIx>) -> Vec<String> {
    let mut lines: Vec<u32> = near.keys().copied().collect();
    lines.sort_by_key(|&line| (line.abs_diff(wanted.line), line));
    lines.truncate(NEAR);
    lines.iter().map(|line| format!("{}:{line}", wanted.file)).collect()
}

/// Returns the names of scripts that resemble that of a file: with the same stem, or with it somewhere in the path.
fn files_like(setting: &Setting<'_>, file: &str) -> Vec<String> {
    let graph: &HeapGraph = setting.graph();
    let name = Place::new(file, 0, 0).file_name().to_lowercase();
    let stem = name.split('.').next().unwrap_or(&name).to_owned();
    let mut seen: FxHashSet<u32> = FxHashSet::default();
    let scripts = graph.locations().iter().filter(|location| seen.insert(location.script_id)).collect::<Vec<_>>();
    let mut like: Vec<String> = scripts.iter().filter_map(|location| setting.place(location.node)).map(|place| place.file).collect();
    like.retain(|known| !stem.is_empty() && known.to_lowercase().contains(&stem));
    like.sort_unstable_by_key(|known| (known.len(), known.clone()));
    like.dedup();
    like.truncate(NEAR);
    like
}
