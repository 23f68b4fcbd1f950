//! One snapshot with what it takes to name its objects and places: known strings, scripts, source texts and maps.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::analysis::HeapAnalysis;
use crate::classes::Class;
use crate::graph::{Edge, EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::{KnownNames, Step};
use crate::preview::{Limits, head};
use crate::source::scripts::{script_name, script_of, script_source, unbound};
use crate::source::{Export, Originals, Owner, Place, Scripts, SourceFiles, SourceLine, awaiting, racing, text};
use crate::story::calls;

/// A variable: script, where a function stands that sees it, name.
type Variable = (NodeIx, Option<text::Position>, String);

/// A declaration of a variable that was found.
#[derive(Clone, Debug)]
pub struct Declared {
    /// `const`, `let`, `function`, …
    pub keyword: String,
    /// Where its name stands.
    pub place: Place,
    /// The name that it had before it was minified, where a source map tells another.
    pub original: Option<String>,
}

/// One snapshot, its objects and places ready to be named. Making one is O(strings + locations).
pub struct Setting<'a> {
    /// The snapshot.
    pub analysis: &'a HeapAnalysis,
    /// Known strings.
    pub names: KnownNames,
    /// Scripts of closures and contexts.
    pub scripts: Scripts<'a>,
    /// Source texts and maps.
    pub originals: Originals<'a>,
    /// Variables that were asked for.
    variables: Mutex<HashMap<Variable, Option<Declared>>>,
}

/// Longest name of a class, function or string that is shown.
const MAX_LABEL: usize = 120;

impl<'a> Setting<'a> {
    /// Makes a snapshot ready. O(strings + locations).
    #[must_use]
    pub fn new(analysis: &'a HeapAnalysis, files: &'a dyn SourceFiles) -> Self {
        let graph = analysis.graph();
        let names = KnownNames::of(graph.strings());
        let scripts = Scripts::of(graph);
        Self { analysis, names, scripts, originals: Originals::new(files), variables: Mutex::default() }
    }

    /// Returns the graph.
    #[inline]
    #[must_use]
    pub fn graph(&self) -> &'a HeapGraph {
        self.analysis.graph()
    }

    /// Says whether a node is a function's context.
    #[inline]
    #[must_use]
    pub fn is_context(&self, node: NodeIx) -> bool {
        self.graph().kind(node) == NodeKind::OBJECT && self.names.class_context.is(self.graph().name_ix(node))
    }

    /// Returns the variable that a node is of, where it is a cell of one that an ES module exports.
    #[inline]
    #[must_use]
    pub fn exported(&self, node: NodeIx) -> Option<&Export> {
        self.scripts.exports().at(node)
    }

    /// Says whether a node is where variables stand: a context, or the cell of an exported one.
    #[must_use]
    pub fn has_variables(&self, node: NodeIx) -> bool {
        self.is_context(node) || self.exported(node).is_some()
    }

    /// Returns the name of the variable that a step leads from; `None` for other steps.
    #[must_use]
    pub fn variable_of(&self, step: Step) -> Option<Cow<'_, str>> {
        if step.edge.kind == EdgeKind::CONTEXT {
            return Some(self.graph().edge_text(step.edge));
        }
        let export = self.exported(step.from)?;
        Some(export.variable.as_ref().map_or("the default export".into(), |name| Cow::Borrowed(name.as_str())))
    }

    /// Says whether people know the object: it is no part of another and none of V8's own.
    #[inline]
    #[must_use]
    pub fn is_visible(&self, node: NodeIx) -> bool {
        match self.graph().kind(node) {
            NodeKind::OBJECT => !self.is_context(node),
            NodeKind::NATIVE => !self.graph().strings().starts_with(self.graph().name_ix(node), "system / "),
            NodeKind::ARRAY | NodeKind::HIDDEN | NodeKind::CODE | NodeKind::SYNTHETIC | NodeKind::OBJECT_SHAPE => false,
            _ => true,
        }
    }

    /// Says whether a node is the global object: `global`, with the page's address behind it or, by Node 26, `(global*)`.
    #[inline]
    #[must_use]
    pub fn is_global(&self, node: NodeIx) -> bool {
        self.graph().kind(node) == NodeKind::OBJECT && self.graph().strings().starts_with(self.graph().name_ix(node), "global")
    }

    /// Returns the script that a function, context or object's class was written in.
    #[must_use]
    pub fn script(&self, node: NodeIx) -> Option<NodeIx> {
        let graph = self.graph();
        if graph.kind(node) == NodeKind::CLOSURE {
            return script_of(graph, node);
        }
        if self.is_context(node) {
            return script_of(graph, self.scripts.closure_in(node)?);
        }
        if let Some(export) = self.exported(node) {
            return script_of(graph, export.function);
        }
        self.scripts.by_id(graph.location(node)?.script_id)
    }

    /// Returns where the function, or the class of the object, was written; through the script's source map where it has one. Of a bound
    /// function that is where its target was.
    #[must_use]
    pub fn place(&self, node: NodeIx) -> Option<Place> {
        let location = self.graph().location(unbound(self.graph(), node))?;
        let place = self.scripts.place(location.at())?;
        Some(self.mapped(place, self.scripts.by_id(location.script_id)))
    }

    fn mapped(&self, place: Place, script: Option<NodeIx>) -> Place {
        if Owner::of_script(&place.file) == Owner::NodeCore {
            return place;
        }
        let text = self.text(&place.file, script);
        self.originals.of_place(&place, text.as_deref()).map_or(place, |original| original.place)
    }

    /// Returns a script's text: from disk where the caller allows it and it agrees with the snapshot's beginning, else the snapshot's.
    #[must_use]
    pub fn text(&self, file: &str, script: Option<NodeIx>) -> Option<Arc<str>> {
        let held = || script_source(self.graph(), script?).map(|(text, whole)| (text.into_owned(), whole));
        self.originals.text(file, held)
    }

    /// Returns the name that the function, or the class of the object, had in the source: `None` where it still has it, or no source map
    /// tells. O(bytes of the script), once a script.
    #[must_use]
    pub fn original_name(&self, node: NodeIx) -> Option<String> {
        let graph = self.graph();
        let node = unbound(graph, node);
        let is_named = matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE);
        let location = graph.location(node).filter(|_| is_named)?;
        self.original(location.at(), &graph.name(node))
    }

    /// Returns the name that a class had in the source, as `original_name` does.
    #[must_use]
    pub fn original_class(&self, class: &Class) -> Option<String> {
        self.original(class.place?, &class.name)
    }

    /// Returns where a class was written, through the script's source map where it has one.
    #[must_use]
    pub fn class_place(&self, class: &Class) -> Option<Place> {
        let at = class.place?;
        Some(self.mapped(self.scripts.place(at)?, self.scripts.by_id(at.0)))
    }

    /// Returns what people call a class of that name in the script: its name in the source, where all classes of the name have one.
    #[must_use]
    pub fn shown_class(&self, name: &str) -> String {
        let all = self.analysis.classes();
        let mut shown: Vec<Option<String>> =
            all.iter().filter(|(_, class)| class.name == name).map(|(_, class)| self.original_class(class)).collect();
        shown.dedup();
        match shown.as_slice() {
            [Some(original)] => original.clone(),
            _ => name.to_owned(),
        }
    }

    fn original(&self, at: (u32, u32, u32), generated: &str) -> Option<String> {
        let script = self.scripts.by_id(at.0);
        let place = self.scripts.place(at).filter(|place| Owner::of_script(&place.file) != Owner::NodeCore)?;
        let text = self.text(&place.file, script);
        self.originals.of_name(&place, generated, text.as_deref())
    }

    /// Finds the declaration of a variable of a context. `user` is a function that sees the variable, for contexts in which no function was
    /// made. Known ones are found again at once: many contexts are of one function.
    #[must_use]
    pub fn variable(&self, context: NodeIx, name: &str, user: Option<NodeIx>) -> Option<Declared> {
        self.variable_seen_by(self.scripts.closure_in(context).or(user)?, name)
    }

    fn variable_seen_by(&self, user: NodeIx, name: &str) -> Option<Declared> {
        let graph = self.graph();
        let user = unbound(graph, user);
        let script = script_of(graph, user)?;
        let inside = graph.location(user).map(|location| (location.line.saturating_add(1), location.column.saturating_add(1)));
        let key = (script, inside, name.to_owned());
        if let Some(known) = self.variables.lock().ok()?.get(&key) {
            return known.clone();
        }
        let found = self.declared(script, inside, name);
        self.variables.lock().ok()?.insert(key, found.clone());
        found
    }

    /// Finds the declaration of a variable that a module exports; of the value of an `export default` that statement.
    #[must_use]
    pub fn export(&self, export: &Export) -> Option<Declared> {
        if let Some(variable) = &export.variable {
            return self.variable_seen_by(export.function, variable);
        }
        let script = script_of(self.graph(), export.function)?;
        let (line, column) = text::default_export(&self.text(&export.file, Some(script))?)?;
        let place = self.mapped(Place::new(&*export.file, line, column), Some(script));
        Some(Declared { keyword: String::new(), place, original: None })
    }

    fn declared(&self, script: NodeIx, inside: Option<text::Position>, name: &str) -> Option<Declared> {
        let file = script_name(self.graph(), script);
        let text = self.text(&file, Some(script))?;
        let (keyword, (line, column)) = text::declaration(&text, name, inside)?;
        let place = Place::new(file, line, column);
        let original = self.originals.of_variable(&place, &text).filter(|original| original != name);
        Some(Declared { keyword: keyword.to_owned(), place: self.mapped(place, Some(script)), original })
    }

    /// Finds where the one call of one of these methods of a context's variable was written.
    #[must_use]
    pub fn call_place(&self, context: NodeIx, variable: &str, methods: &[&str]) -> Option<Place> {
        let script = self.script(context)?;
        let file = script_name(self.graph(), script);
        let (line, column) = text::call(&self.text(&file, Some(script))?, variable, methods)?;
        Some(self.mapped(Place::new(file, line, column), Some(script)))
    }

    /// Returns where a call waits, of an async function or a generator, where the source tells.
    #[must_use]
    pub fn waits_at(&self, call: NodeIx) -> Option<Place> {
        let function = calls::called(self.graph(), call)?;
        let (line, column) = self.graph().held(call, 0)?.suspended?;
        let script = script_of(self.graph(), unbound(self.graph(), function))?;
        Some(self.mapped(Place::new(script_name(self.graph(), script), line, column), Some(script)))
    }

    /// Finds the one line at which calls of an async function wait for what a variable holds, or wait at all.
    #[must_use]
    pub fn await_place(&self, function: NodeIx, variable: Option<&str>) -> Option<Place> {
        let location = self.graph().location(function)?;
        let script = script_of(self.graph(), function)?;
        let file = script_name(self.graph(), script);
        let start = (location.line.saturating_add(1), location.column.saturating_add(1));
        let (line, column) = awaiting(&self.text(&file, Some(script))?, start, variable)?;
        Some(self.mapped(Place::new(file, line, column), Some(script)))
    }

    /// Finds the one `Promise.race` that a promise takes part in which a context's variable holds.
    #[must_use]
    pub fn race_place(&self, context: NodeIx, variable: &str) -> Option<Place> {
        let script = self.script(context)?;
        let file = script_name(self.graph(), script);
        let (line, column) = racing(&self.text(&file, Some(script))?, variable)?;
        Some(self.mapped(Place::new(file, line, column), Some(script)))
    }

    /// Finds the one `require` of a script whose file is not written out.
    #[must_use]
    pub fn require_place(&self, file: &str) -> Option<Place> {
        let script = self.scripts.by_name(file);
        let (line, column) = text::requiring(&self.text(file, script)?)?;
        Some(self.mapped(Place::new(file, line, column), script))
    }

    /// Finds where a property was first assigned: behind the place of the holder's class, else in the file `near`.
    #[must_use]
    pub fn property_place(&self, holder: NodeIx, name: &str, near: Option<&str>) -> Option<Place> {
        let location = self.graph().location(holder).filter(|_| self.graph().kind(holder) == NodeKind::OBJECT);
        let script = location.and_then(|location| self.scripts.by_id(location.script_id));
        let file = script.map(|script| script_name(self.graph(), script)).or_else(|| near.map(str::to_owned))?;
        if Owner::of_script(&file) == Owner::NodeCore {
            return None;
        }
        let text = self.text(&file, script)?;
        let from = location.map_or(1, |location| location.line.saturating_add(1));
        let (line, column) = text::property(&text, name, from)?;
        Some(self.mapped(Place::new(file, line, column), script))
    }

    /// Returns the source line at a place.
    #[must_use]
    pub fn source_line(&self, place: &Place) -> Option<SourceLine> {
        const WIDTH: usize = 96;
        if let Some(generated) = &place.generated {
            let text = self.text(&generated.file, None);
            let original = self.originals.of_place(generated, text.as_deref())?;
            let line = original.text.or_else(|| text::line_at(&self.text(&place.file, None)?, place.line, WIDTH))?;
            return Some(SourceLine { place: place.clone(), text: line.chars().take(WIDTH).collect() });
        }
        let text = self.text(&place.file, None)?;
        let line = text::line_around(&text, place.line, place.column, WIDTH)?;
        Some(SourceLine { place: place.clone(), text: line })
    }

    /// Returns whose code a script is, with a package's version where it can be read.
    #[must_use]
    pub fn owner_of(&self, file: &str) -> Owner {
        Owner::of_script(file).with_version(file, self.originals.files())
    }

    /// Returns what people call a node: `Session`, `onTick()`, `Map`, `"text…"`.
    #[must_use]
    pub fn label(&self, node: NodeIx) -> String {
        let graph = self.graph();
        match graph.kind(node) {
            NodeKind::CLOSURE => self.function(node),
            _ if let Some(function) = calls::called(graph, node) => format!("{} call", self.function(function)),
            kind if kind.is_string() => "string".to_owned(),
            NodeKind::OBJECT if self.names.class_object.is(graph.name_ix(node)) => self.analysis.class_name(node).to_owned(),
            NodeKind::OBJECT | NodeKind::NATIVE if graph.name_ix(node).0 != 0 => match self.name(node) {
                name if name.is_empty() => "Object without a class".to_owned(),
                name => name,
            },
            _ => self.analysis.class_name(node).chars().take(MAX_LABEL).collect(),
        }
    }

    /// Returns what a node is in one line, for lists of objects: `Map(3)`, `'text'`, `[Function: f app.js:3:1]`, `submit() call`.
    #[must_use]
    pub fn head(&self, node: NodeIx) -> String {
        let graph = self.graph();
        let is_own = calls::called(graph, node).is_some() || calls::settled_by(graph, node).is_some();
        if is_own { self.label(node) } else { head(self, node, Limits { text: 60, ..Limits::default() }) }
    }

    /// Returns the name of a node's class, in the source where a source map tells.
    #[must_use]
    pub fn class_of(&self, node: NodeIx) -> String {
        let class = self.analysis.classes().get(self.analysis.class(node));
        self.original_class(class).unwrap_or_else(|| class.name.clone())
    }

    fn function(&self, closure: NodeIx) -> String {
        let target = unbound(self.graph(), closure);
        let bound = if target == closure { "" } else { "bound " };
        match &*self.name(target) {
            "" if calls::settled_by(self.graph(), target).is_some() => "resolve or reject function".to_owned(),
            "" => {
                self.place(target).map_or_else(|| "anonymous function".to_owned(), |place| format!("{bound}function at {}", place.short()))
            }
            name => format!("{bound}{name}()"),
        }
    }

    /// Returns a function's or class's name, that of the source where it was minified.
    fn name(&self, node: NodeIx) -> String {
        let name = self.original_name(node).unwrap_or_else(|| self.graph().name(node).into_owned());
        match name.char_indices().nth(MAX_LABEL) {
            Some((at, _)) if name.len() > MAX_LABEL => format!("{}…", &name[..at]),
            _ => name,
        }
    }

    /// Says whether an edge leads from a table of a Map or Set to one of its keys (`Some(true)`), to a value (`Some(false)`), or
    /// neither. V8's ordered hash tables hold three counts, the buckets, then key, value, link (Set: key, link) for each entry.
    #[must_use]
    pub fn is_key(&self, owner: NodeIx, table: NodeIx, edge: Edge) -> Option<bool> {
        let graph = self.graph();
        let EdgeName::Text(name) = graph.edge_name(edge) else { return None };
        let at: u64 = std::str::from_utf8(graph.strings().raw(name)).ok()?.parse().ok()?;
        let stride = if self.names.class_set.is(graph.name_ix(owner)) { 2 } else { 3 };
        // Size = header of two words, three counts, b buckets, 2b entries.
        let words = graph.raw_self_size(table) / 8;
        let buckets = words.checked_sub(5)? / (1 + 2 * stride);
        let place = at.checked_sub(3 + buckets).filter(|_| buckets.is_power_of_two())? % stride;
        (edge.kind == EdgeKind::INTERNAL && place < stride - 1).then_some(place == 0)
    }
}
