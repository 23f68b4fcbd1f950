//! The words of one reference, as people write it: `const cache`, `.byId`, `[value]`, `awaited in`; and which objects in between are V8's
//! own doing, so that a story is better without them.

use crate::graph::{Edge, EdgeName, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::source::scripts::unbound;
use crate::source::{Export, Place, scopes};
use crate::story::setting::{Declared, Setting};
use crate::story::{calls, roots};

/// An entry of a table of which nothing else is known.
pub(crate) const ENTRY: &str = "[entry]";

/// How much is said of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What holds for all like it: `[index]`, and where the property was first assigned.
    General,
    /// Just that reference: `[3]`.
    Exact,
}

/// What is known around a reference.
pub(crate) struct Around<'a> {
    pub(crate) detail: Detail,
    /// The object that people know to which the table or context belongs that the reference comes from.
    pub(crate) owner: Option<NodeIx>,
    /// The file that the path was last seen in.
    pub(crate) near: Option<&'a str>,
    /// The last function on the path.
    pub(crate) user: Option<NodeIx>,
}

/// A reference in words.
pub(crate) struct Words {
    pub(crate) text: String,
    /// Where the variable or property was written.
    pub(crate) place: Option<Place>,
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), place: None }
    }
}

/// The words of references in a row, of which all but the last lead into parts of one object.
#[derive(Default)]
pub(crate) struct Phrase {
    words: Vec<String>,
    place: Option<Place>,
}

impl Phrase {
    /// Adds the words of one reference.
    pub(crate) fn add(&mut self, Words { text, place }: Words) {
        const MOST: usize = 4;
        self.place = place.or(self.place.take());
        // Of an array in an array one entry is enough.
        let repeats = text == ENTRY && !self.words.is_empty();
        if self.words.len() < MOST && self.words.last() != Some(&text) && !repeats {
            let gap = if self.words.is_empty() || text.starts_with(['.', '[']) { "" } else { " " };
            self.words.push(format!("{gap}{text}"));
        }
    }

    /// Returns all words, if there are any, and the last place; and starts anew.
    pub(crate) fn take(&mut self) -> (Option<String>, Option<Place>) {
        let words = std::mem::take(&mut self.words);
        ((!words.is_empty()).then(|| words.concat()), self.place.take())
    }
}

/// Returns the words of a reference; `None` for one that only leads into a part of the same object as people see it.
pub(crate) fn of_step(setting: &Setting<'_>, step: Step, around: &Around<'_>) -> Option<Words> {
    let Step { from, edge } = step;
    let graph = setting.graph();
    let text: String = graph.edge_text(edge).chars().take(200).collect();
    if let Some(export) = setting.exported(from) {
        return Some(exported(setting, export));
    }
    if setting.exported(edge.to).is_some() {
        return None;
    }
    let is_from_context = setting.is_context(from);
    let names = if is_from_context { scopes::variables(graph, from, edge) } else { Vec::new() };
    if let Some(word) = scopes::worded(&names) {
        return Some(variable(setting, from, &names, word, around));
    }
    if let Some(words) = of_call(setting, step, around, &text) {
        return words;
    }
    match edge.kind {
        EdgeKind::PROPERTY => {
            let place = (around.detail == Detail::General).then(|| setting.property_place(from, &text, around.near)).flatten();
            Some(Words { text: property_word(&text), place })
        }
        EdgeKind::ELEMENT if around.detail == Detail::Exact => Some(Words { text: format!("[{text}]"), place: None }),
        EdgeKind::ELEMENT => Some("[index]".into()),
        EdgeKind::INTERNAL if graph.kind(from) == NodeKind::ARRAY => Some(entry_word(setting, around.owner, from, edge).into()),
        _ if is_silent(&text) || !setting.is_visible(edge.to) => None,
        EdgeKind::INTERNAL if graph.kind(from) == NodeKind::SYNTHETIC => {
            Some(Words { text: roots::member(&graph.name(from), &text), place: None })
        }
        EdgeKind::HIDDEN if is_from_context => Some("variable of a block".into()),
        EdgeKind::INTERNAL => Some(Words { text: format!("({text})"), place: None }),
        _ => Some("(internal)".into()),
    }
}

/// Says whether the object that a reference leads to is left out of a story although people know its like: an emitter's table of events
/// (`._events.tick`), the functions by which V8 goes on with an `await` or settles a promise, the promise of a call.
pub(crate) fn is_folded(setting: &Setting<'_>, Step { from, edge }: Step) -> bool {
    let graph = setting.graph();
    match graph.kind(edge.to) {
        NodeKind::CLOSURE => {
            calls::resumed(graph, edge.to).is_some() || (calls::is_reaction(graph, from) && calls::settled_by(graph, edge.to).is_some())
        }
        _ if edge.kind == EdgeKind::HIDDEN => calls::is_promise(graph, edge.to) && calls::called(graph, from).is_some(),
        _ => edge.kind == EdgeKind::PROPERTY && matches!(graph.edge_name(edge), EdgeName::Text(name) if setting.names.events.is(name)),
    }
}

fn variable(setting: &Setting<'_>, context: NodeIx, names: &[String], word: String, around: &Around<'_>) -> Words {
    let declared = match names {
        [name] if !name.starts_with('.') && name != "this" => setting.variable(context, name, around.user),
        [_] => return Words { text: word, place: None },
        _ => None,
    };
    match declared {
        Some(Declared { keyword, place, original }) => {
            Words { text: format!("{keyword} {}", original.unwrap_or(word)), place: Some(place) }
        }
        None => Words { text: format!("variable {word}"), place: None },
    }
}

fn exported(setting: &Setting<'_>, export: &Export) -> Words {
    let declared = setting.export(export);
    let place = declared.as_ref().map(|declared| declared.place.clone());
    let text = match (&export.variable, declared) {
        (None, _) => export.name().to_owned(),
        (Some(name), None) => format!("variable {name}"),
        (Some(name), Some(Declared { keyword, original, .. })) => format!("{keyword} {}", original.as_ref().unwrap_or(name)),
    };
    Words { text, place }
}

/// Words what bound functions, calls and promises hold; `None` where that is not what the reference is, `Some(None)` where it needs no words.
fn of_call(setting: &Setting<'_>, Step { from, edge }: Step, around: &Around<'_>, text: &str) -> Option<Option<Words>> {
    let graph = setting.graph();
    let to = edge.to;
    Some(match (edge.kind, text) {
        (EdgeKind::INTERNAL, "bound_this") => Some("bound this".into()),
        (EdgeKind::INTERNAL, "bound_function") => Some("bound function".into()),
        (EdgeKind::INTERNAL, "bindings") => None,
        (EdgeKind::INTERNAL, "extension") if calls::called(graph, to).is_some() => Some("awaited in".into()),
        (EdgeKind::INTERNAL, "function") if calls::called(graph, from) == Some(to) => Some("function".into()),
        (EdgeKind::INTERNAL, "receiver") if calls::called(graph, from).is_some() => Some("this".into()),
        (EdgeKind::INTERNAL, "reactions_or_result") if setting.is_visible(to) => Some("(result)".into()),
        (EdgeKind::INTERNAL, _) if graph.kind(from) == NodeKind::ARRAY && around.owner.is_some() => {
            let owner = around.owner?;
            let is_bound = graph.kind(owner) == NodeKind::CLOSURE && unbound(graph, owner) != owner;
            match (calls::called(graph, owner), is_bound) {
                (Some(_), _) => Some("local variable".into()),
                (None, true) => Some("bound argument".into()),
                (None, false) => return None,
            }
        }
        (EdgeKind::HIDDEN, _) if calls::called(graph, from).is_some() && calls::is_promise(graph, to) => None,
        (EdgeKind::HIDDEN, _) if calls::is_reaction(graph, from) => reaction_word(setting, to).map(Words::from),
        (EdgeKind::HIDDEN, _) if setting.is_context(from) && (calls::is_promise(graph, to) || calls::is_capability(graph, to)) => {
            Some("settles".into())
        }
        (EdgeKind::HIDDEN, _) if calls::is_capability(graph, from) => None,
        _ => return None,
    })
}

/// Words what a promise's reaction holds: the functions that were given to `then`, and the promise that `then` returned.
fn reaction_word(setting: &Setting<'_>, to: NodeIx) -> Option<&'static str> {
    let graph = setting.graph();
    let is_own = calls::resumed(graph, to).is_some() || calls::settled_by(graph, to).is_some();
    match graph.kind(to) {
        NodeKind::CLOSURE => (!is_own).then_some(".then()"),
        _ if calls::is_promise(graph, to) => Some(".then()"),
        _ if calls::is_capability(graph, to) || !setting.is_visible(to) => None,
        _ => Some("async context"),
    }
}

fn entry_word(setting: &Setting<'_>, owner: Option<NodeIx>, table: NodeIx, edge: Edge) -> &'static str {
    let is_collection = |name: &str| matches!(name, "Map" | "Set" | "WeakMap" | "SafeMap" | "SafeSet");
    let Some(owner) = owner.filter(|&owner| is_collection(&setting.graph().name(owner))) else { return ENTRY };
    match setting.is_key(owner, table, edge) {
        Some(true) if setting.names.class_set.is(setting.graph().name_ix(owner)) => ENTRY,
        Some(true) => "[key]",
        _ => "[value]",
    }
}

/// Says whether an internal edge leads to a part of the same object as people see it.
fn is_silent(name: &str) -> bool {
    matches!(name, "table" | "elements" | "properties" | "context" | "previous" | "hash_table" | "backing_store")
}

/// Writes a property as JavaScript does; symbols by their description.
pub(crate) fn property_word(name: &str) -> String {
    if let Some(symbol) = name.strip_prefix("<symbol ").and_then(|name| name.strip_suffix('>')) {
        return format!("[{symbol}]");
    }
    let is_identifier = |name: &str| {
        let name = name.strip_prefix('#').unwrap_or(name);
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    };
    if is_identifier(name) { format!(".{name}") } else { format!("[{}]", serde_json::Value::from(name)) }
}
