//! Who keeps an object, in the words of a program: `globalThis.__KEEP.big`, `const pages in server.js`, `Session.chunks[index]`.

use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::{Root, Step};
use crate::source::Owner as Whose;
use crate::story::words::{Around, Detail, of_step};
use crate::story::{Scene, is_indexed};

/// The nearest thing that a program has a name for on the best path to an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// The reference, from that thing on.
    pub(super) words: String,
    /// The last object of a class of the program's own, or the first object, on the way.
    pub(super) node: NodeIx,
}

/// How many references are looked at.
const FURTHEST: usize = 24;
/// How many are told.
const MOST: usize = 4;

/// Finds the owner of an object: goes up its best path past collections, plain objects and whatever `is_part` takes for a part of it, until
/// there is an object of some class, a variable, or a root. `None` where no path leads to it. O(1).
pub(super) fn owner(scene: &Scene<'_>, object: NodeIx, is_part: impl Fn(NodeIx) -> bool) -> Option<Owner> {
    let (graph, mut at) = (scene.graph(), object);
    let mut words: Vec<String> = Vec::new();
    for _ in 0..FURTHEST {
        let Some(step) = scene.paths.parent(graph, at) else { return root(scene, at, words) };
        at = step.from;
        let is_inside = is_part(at) && scene.is_visible(at);
        if is_inside {
            // How a view refers to its buffer is nobody's reference.
            words.clear();
            continue;
        }
        words.extend(word(scene, step));
        if words.len() >= MOST || is_named(scene, at) {
            return Some(told(scene, at, words));
        }
    }
    Some(told(scene, at, words))
}

/// Returns the words of one reference; an index stands for all.
fn word(scene: &Scene<'_>, step: Step) -> Option<String> {
    if step.edge.kind == EdgeKind::ELEMENT || (step.edge.kind == EdgeKind::PROPERTY && is_indexed(scene, step.edge)) {
        return Some("[index]".to_owned());
    }
    let owner = scene.visible_at_or_above(step.from);
    let around = Around { detail: Detail::Exact, owner: Some(owner), near: None, user: None };
    of_step(scene, step, &around).map(|words| words.text)
}

/// Says whether the program has a name for what an object is: it is of some class, or holds variables.
fn is_named(scene: &Scene<'_>, node: NodeIx) -> bool {
    let graph = scene.graph();
    let is_plain = |name: &str| {
        matches!(
            name,
            "Object" | "Array" | "Map" | "Set" | "WeakMap" | "WeakSet" | "SafeMap" | "SafeSet" | "SafeWeakMap" | "Generator" | "Promise"
        )
    };
    scene.has_variables(node)
        || (scene.is_visible(node) && graph.kind(node) != NodeKind::OBJECT)
        || (scene.is_visible(node) && !is_plain(&graph.name(node)))
}

fn told(scene: &Scene<'_>, at: NodeIx, words: Vec<String>) -> Owner {
    let graph = scene.graph();
    let words: Vec<String> = words.into_iter().rev().collect();
    if scene.has_variables(at) {
        let file = scene.file(at);
        let short = if Whose::of_script(&file) == Whose::NodeCore { Some(&*file) } else { file.rsplit('/').next() };
        let file = short.filter(|file| !file.is_empty()).map_or_else(String::new, |file| format!(" in {file}"));
        // A variable comes first, and tells more than the function's context that has it.
        return Owner { words: joined("", &words) + &file, node: at };
    }
    let label = match scene.paths.roots.at(at) {
        Some(Root::Global) => "globalThis".to_owned(),
        _ if graph.kind(at) == NodeKind::SYNTHETIC => graph.name(at).into_owned(),
        _ => scene.label(at),
    };
    Owner { words: joined(&label, &words), node: at }
}

fn root(scene: &Scene<'_>, at: NodeIx, words: Vec<String>) -> Option<Owner> {
    scene.paths.is_reached(at).then(|| told(scene, at, words))
}

/// Puts references in a row behind a name.
fn joined(label: &str, words: &[String]) -> String {
    words.iter().fold(label.to_owned(), |text, word| {
        let gap = if text.is_empty() || word.starts_with(['.', '[']) { "" } else { " " };
        format!("{text}{gap}{word}")
    })
}
