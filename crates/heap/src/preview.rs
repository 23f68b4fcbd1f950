//! What a node is, as `util.inspect` would print it: one line, or its parts one by one.
//!
//! A snapshot does not hold everything: small integers are no objects and so are not in the file, nor are most other numbers, the time of
//! a Date, the flags of a RegExp. What is missing is shown in angle brackets (`<number>`), never invented. A core dump holds them (`Held`).

mod exact;

use std::fmt::Write as _;

use crate::duplicates::string_text;
use crate::graph::{Edge, HeapGraph, NodeId, NodeIx};
use crate::held::{Held, Part, Primitive};
use crate::kinds::{EdgeKind, NodeKind};
use crate::source::scopes;
use crate::source::scripts::unbound;
use crate::story::{Setting, calls};

/// How much of an object is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of one object.
    pub entries: usize,
    /// Characters of one string.
    pub text: usize,
    /// Characters of a one-line preview.
    pub line: usize,
    /// Nodes of a whole tree.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 100, text: 120, line: 160, nodes: 2_000 }
    }
}

/// An object taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What it is: `Map(3)`, `Session`, `[Function: f]`, `'text'`.
    pub(crate) head: String,
    /// Whether its entries stand in `[]`.
    pub(crate) is_list: bool,
    /// What it holds.
    pub(crate) entries: Vec<Entry>,
    /// How many more entries it has.
    pub(crate) more: u64,
}

/// One thing that an object holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// How: `name: `, `'key' => `; empty for an element.
    pub(crate) label: String,
    /// What.
    pub(crate) value: Value,
}

/// The value of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A node.
    Node(NodeIx),
    /// Words, for what the file does not hold.
    Words(&'static str),
    /// A value that is no node.
    Text(String),
}

/// A number that is not in the file.
const NUMBER: &str = "<number>";
/// A key or value that is not in the file: tables leave out small integers, booleans, null and undefined.
const PRIMITIVE: &str = "<number, boolean, null or undefined>";

/// Returns what a node is in one line: `Session { id: <number>, user: 'u1', tags: Array(2) }`. O(edges of the node).
#[must_use]
pub fn preview(setting: &Setting<'_>, node: NodeIx) -> String {
    preview_within(setting, node, Limits { entries: 8, text: 60, ..Limits::default() })
}

/// Returns what a node is in one line, within limits.
#[must_use]
pub fn preview_within(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> String {
    one_line(setting, parts(setting, node, limits), limits)
}

/// Writes an object that was taken apart in one line.
pub(crate) fn one_line(setting: &Setting<'_>, parts: Parts, limits: Limits) -> String {
    if parts.entries.is_empty() && parts.more == 0 {
        return parts.head;
    }
    let [open, close] = if parts.is_list { ["[", "]"] } else { ["{", "}"] };
    let mut line = format!("{} {open}", parts.head);
    let mut shown = 0;
    for entry in &parts.entries {
        let value = match entry.value {
            Value::Node(value) => head(setting, value, Limits { text: limits.text.min(40), ..limits }),
            Value::Words(words) => words.to_owned(),
            Value::Text(ref text) => text.clone(),
        };
        if shown > 0 && line.chars().count() + entry.label.chars().count() + value.chars().count() > limits.line {
            break;
        }
        let comma = if shown > 0 { "," } else { "" };
        let _ = write!(line, "{comma} {}{value}", entry.label);
        shown += 1;
    }
    let more = parts.more + (parts.entries.len() - shown) as u64;
    if more > 0 {
        let _ = write!(line, ", … {more} more");
    }
    line.push(' ');
    line.push_str(close);
    line
}

/// Returns what a node is without what it holds: `Map(3)`, `'text'`, `[Function: f app.js:3:1]`.
#[must_use]
pub fn head(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> String {
    parts(setting, node, Limits { entries: 0, ..limits }).head
}

/// Returns how an edge is written: `.name`, `[3]`, `(internal table)`.
#[must_use]
pub fn edge_label(graph: &HeapGraph, edge: Edge) -> String {
    let text = graph.edge_text(edge);
    match edge.kind {
        EdgeKind::PROPERTY => match symbol_name(&text) {
            Some(name) => format!("[Symbol({name})]"),
            None => format!(".{text}"),
        },
        EdgeKind::ELEMENT => format!("[{text}]"),
        EdgeKind::CONTEXT => format!("variable {text}"),
        EdgeKind::HIDDEN => format!("(field {text})"),
        _ => format!("({} {text})", graph.edge_kind_name(edge)),
    }
}

/// Takes a node apart. Collects at most `limits.entries` entries and counts the others. O(edges of the node).
pub(crate) fn parts(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> Parts {
    let graph = setting.graph();
    let words = |head: String| Parts { head, ..Parts::default() };
    match graph.kind(node) {
        kind if kind.is_string() => words(string(graph, node, limits.text)),
        NodeKind::NUMBER => words(number(graph, node).unwrap_or_else(|| NUMBER.to_owned())),
        NodeKind::BIGINT => words(big_integer(graph, node).map_or_else(|| "<bigint>".to_owned(), |value| format!("{value}n"))),
        NodeKind::SYMBOL => words(symbol(graph, node)),
        NodeKind::REGEXP => {
            let flags = graph.held(node, 0).and_then(|held| held.text).unwrap_or_default();
            properties(setting, node, format!("/{}/{flags}", cut(&graph.name(node), limits.text)), limits)
        }
        NodeKind::CLOSURE => properties(setting, node, function(setting, node), limits),
        NodeKind::HIDDEN => hidden(setting, node, limits),
        NodeKind::OBJECT => object(setting, node, limits),
        NodeKind::NATIVE => native(setting, node, limits),
        _ => internal(setting, node, limits),
    }
}

/// Adds entries until the limit is reached, and counts the rest.
struct Filler {
    parts: Parts,
    room: usize,
}

impl Filler {
    fn new(head: String, limits: Limits) -> Self {
        Self { parts: Parts { head, ..Parts::default() }, room: limits.entries }
    }

    fn push(&mut self, label: impl FnOnce() -> String, value: Value) {
        if self.parts.entries.len() < self.room {
            self.parts.entries.push(Entry { label: label(), value });
        } else {
            self.parts.more += 1;
        }
    }
}

/// Returns the text of a string in quotes, cut where it is long.
fn string(graph: &HeapGraph, node: NodeIx, limit: usize) -> String {
    // A character takes two units at most.
    let most = limit.saturating_add(1).saturating_mul(2);
    if let Some(text) = graph.held(node, most).and_then(|held| held.text) {
        return quote(&cut(&text, limit));
    }
    if graph.kind(node) == NodeKind::SLICED_STRING {
        let parent = graph.child(node, EdgeKind::INTERNAL, "parent");
        return parent
            .map_or_else(|| "<slice of a string>".to_owned(), |parent| format!("<slice of {}>", string(graph, parent, limit.min(40))));
    }
    let text = string_text(graph, node);
    let units = text.encode_utf16().count() as u64;
    let quoted = quote(&cut(&text, limit));
    let bytes = graph.raw_self_size(node).saturating_sub(16);
    if is_cut(graph, node, units) { format!("{quoted} <{bytes} bytes, the file has the first {units} characters>") } else { quoted }
}

/// Says whether the file holds only the start of a string: V8 writes the first 1,024 characters, and a flat string has 16 bytes and
/// then one or two for each character. A string of one byte each that is less than twice as long goes unnoticed.
pub(crate) fn is_cut(graph: &HeapGraph, node: NodeIx, units: u64) -> bool {
    graph.kind(node) == NodeKind::STRING && units >= 1024 && graph.raw_self_size(node).saturating_sub(16) > 2 * units + 8
}

/// Puts a text in single quotes, as JavaScript writes it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for char in text.chars() {
        match char {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// Keeps the first `limit` characters of a text.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Returns the primitive value of an object, where the source tells it.
fn number(graph: &HeapGraph, node: NodeIx) -> Option<String> {
    value_of(graph, node).or_else(|| Some(graph.held(node, 0)?.value?.to_string()))
}

/// Returns the digits of a big integer, where the source tells them.
fn big_integer(graph: &HeapGraph, node: NodeIx) -> Option<String> {
    value_of(graph, node).or_else(|| graph.held(node, usize::MAX)?.text)
}

/// Returns the value of a number, where the snapshot was taken with `exposeNumericValues`.
fn value_of(graph: &HeapGraph, node: NodeIx) -> Option<String> {
    graph.child(node, EdgeKind::INTERNAL, "value").map(|value| graph.name(value).into_owned())
}

fn symbol(graph: &HeapGraph, node: NodeIx) -> String {
    let name = graph.child(node, EdgeKind::INTERNAL, "name").map(|name| cut(&string_text(graph, name), 60));
    format!("Symbol({})", name.unwrap_or_default())
}

/// Returns the description of a symbol that names a property: `<symbol kEvents>`.
fn symbol_name(edge: &str) -> Option<&str> {
    edge.strip_prefix("<symbol")?.strip_suffix('>').map(str::trim)
}

fn function(setting: &Setting<'_>, node: NodeIx) -> String {
    let graph = setting.graph();
    let target = unbound(graph, node);
    let is_class = graph.edges(target).any(|edge| graph.strings().is(graph.name_ix(edge.to), "system / ClassPositions"));
    let word = if is_class && target == node { "class" } else { "Function:" };
    let place = setting.place(target).map_or_else(String::new, |place| format!(" {}", place.short()));
    format!("[{word} {}{place}]", function_name(setting, node))
}

/// Returns a function's name, that of the source where it was minified: `f`, `bound f`, `(anonymous)`. Of what is no function, its class.
#[must_use]
pub fn function_name(setting: &Setting<'_>, node: NodeIx) -> String {
    let graph = setting.graph();
    if graph.kind(node) != NodeKind::CLOSURE {
        return setting.class_of(node);
    }
    let target = unbound(graph, node);
    let name = setting.original_name(target).unwrap_or_else(|| graph.name(target).into_owned());
    let name = if name.is_empty() { "(anonymous)" } else { &*name };
    format!("{}{name}", if target == node { "" } else { "bound " })
}

/// Shows `undefined`, `null`, `true`, `false`, accessors, proxies; other internals by their name.
fn hidden(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> Parts {
    let graph = setting.graph();
    let name = graph.name(node);
    let words = |head: &str| Parts { head: head.to_owned(), ..Parts::default() };
    match &*name {
        "undefined" | "null" | "true" | "false" => words(&name),
        "system / Oddball" => {
            let text =
                graph.edges(node).map(|edge| graph.name(edge.to)).find(|text| matches!(&**text, "undefined" | "null" | "true" | "false"));
            words(text.as_deref().unwrap_or("<undefined, null or a boolean>"))
        }
        "system / AccessorPair" => {
            let has = |half| graph.child(node, EdgeKind::INTERNAL, half).is_some_and(|half| graph.kind(half) == NodeKind::CLOSURE);
            words(match (has("getter"), has("setter")) {
                (true, true) => "[Getter/Setter]",
                (false, true) => "[Setter]",
                _ => "[Getter]",
            })
        }
        "system / JSProxy" => {
            let mut filler = Filler::new("Proxy".to_owned(), limits);
            let halves = graph.edges(node).filter(|edge| edge.kind == EdgeKind::HIDDEN && graph.kind(edge.to) != NodeKind::ARRAY);
            for (edge, half) in halves.zip(["target: ", "handler: "]) {
                filler.push(|| half.to_owned(), Value::Node(edge.to));
            }
            filler.parts
        }
        _ => internal(setting, node, limits),
    }
}

/// Shows one of V8's own objects with everything that it refers to.
fn internal(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> Parts {
    let graph = setting.graph();
    let name = graph.name(node);
    let head = if name.is_empty() { setting.analysis.class_name(node).to_owned() } else { cut(&name, limits.text) };
    let mut filler = Filler::new(head, limits);
    for edge in graph.edges(node).filter(|edge| edge.kind != EdgeKind::WEAK) {
        filler.push(|| format!("{}: ", edge_label(graph, edge)), Value::Node(edge.to));
    }
    filler.parts
}

/// Shows a native object: its name, its size, its properties.
fn native(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> Parts {
    let graph = setting.graph();
    let name = graph.name(node);
    let head = match &*name {
        "system / JSArrayBufferData" => format!("<memory of an ArrayBuffer, {} bytes>", graph.raw_self_size(node)),
        _ => cut(&name, limits.text),
    };
    properties(setting, node, head, limits)
}

/// Shows an object; `[Object: null prototype]` where it inherits nothing.
fn object(setting: &Setting<'_>, node: NodeIx, limits: Limits) -> Parts {
    let held = setting.graph().held(node, 0).unwrap_or_default();
    let mut parts = object_of(setting, node, &held, limits);
    if held.has_no_prototype {
        parts.head = format!("[{}: null prototype]", parts.head);
    }
    parts
}

fn object_of(setting: &Setting<'_>, node: NodeIx, held: &Held, limits: Limits) -> Parts {
    let graph = setting.graph();
    let name = held.class.as_deref().map_or_else(|| graph.name(node), std::borrow::Cow::Borrowed);
    let builtin = held.builtin;
    match builtin.unwrap_or(&name) {
        "Array" | "Arguments" => array(setting, node, &name, limits),
        "Map" => table(setting, node, &name, 3, limits),
        "Set" => table(setting, node, &name, 2, limits),
        "WeakMap" | "WeakSet" => weak_table(setting, node, &name, builtin, limits),
        "WeakRef" => weak_ref(graph, node, limits),
        "Promise" => promise(graph, node, &name, limits),
        "Date" => properties(setting, node, exact::date(graph, node, &name), limits),
        "TypedArray" => exact::array(graph, node, &name, limits).unwrap_or_else(|| properties(setting, node, name.to_string(), limits)),
        "Number" | "String" | "Boolean" | "Symbol" | "BigInt" => boxed(setting, node, &name, limits),
        "ArrayBuffer" if held.is_detached => properties(setting, node, format!("{name} (detached)"), limits),
        "ArrayBuffer" | "SharedArrayBuffer" => properties(setting, node, array_buffer(graph, node, &name), limits),
        word if word.starts_with("system / Context") => context(graph, node, limits),
        _ => {
            if let Some(buffer) = graph.child(node, EdgeKind::INTERNAL, "buffer") {
                let seen = held.length.map_or("view".to_owned(), |seen| seen.to_string());
                let bytes = backing(graph, buffer).map_or_else(String::new, |bytes| format!(" <{seen} of {bytes} bytes>"));
                return properties(setting, node, format!("{name}{bytes}"), limits);
            }
            if let Some(place) = setting.waits_at(node) {
                return call(setting, node, &place, limits);
            }
            if let Some(message) = error_message(graph, node, builtin.unwrap_or(&name)) {
                return properties(setting, node, format!("{name}: {}", cut(&message, limits.text)), limits);
            }
            if let Some(list) = exact::array(graph, node, &name, limits) {
                return list;
            }
            let class = setting.analysis.class_name(node);
            let original = || setting.original_name(node).unwrap_or_else(|| class.to_owned());
            let head = if class.starts_with('{') { "Object".to_owned() } else { cut(&original(), limits.text) };
            with_missing_numbers(setting, node, properties(setting, node, head, limits), limits)
        }
    }
}

/// Shows a call that waits, by its function and the line.
fn call(setting: &Setting<'_>, node: NodeIx, place: &crate::source::Place, limits: Limits) -> Parts {
    let mut filler = Filler::new(setting.label(node), limits);
    filler.push(|| "waits at: ".to_owned(), Value::Text(place.to_string()));
    fill_properties(setting.graph(), node, &mut filler);
    filler.parts
}

/// Shows properties and elements, in the order of the file. The functions of accessors are shown once, as accessors.
fn properties(setting: &Setting<'_>, node: NodeIx, head: String, limits: Limits) -> Parts {
    let graph = setting.graph();
    let mut filler = Filler::new(head, limits);
    fill_properties(graph, node, &mut filler);
    filler.parts
}

fn fill_properties(graph: &HeapGraph, node: NodeIx, filler: &mut Filler) {
    let held = graph.held(node, filler.room).unwrap_or_default();
    for (index, value) in exact::elements(graph, node, &held) {
        filler.push(|| format!("{index}: "), value);
    }
    fill_named(graph, node, &held, filler);
    exact::fill_parts(graph, node, &held, filler);
}

fn fill_named(graph: &HeapGraph, node: NodeIx, held: &Held, filler: &mut Filler) {
    let mut numbers = exact::Names::of(held);
    for edge in exact::in_order(graph, node, held) {
        let text = graph.edge_text(edge);
        let is_half = (text.starts_with("get ") || text.starts_with("set ")) && is_accessor_half(graph, edge.to);
        // The text of an error's stack is told by its frames, or stands among the parts where it is the program's own.
        let is_told =
            text == "stack" && held.parts.iter().any(|(name, _)| name == "at" || name == "stack") && !graph.kind(edge.to).is_string();
        if text == "__proto__" || text == "callee" || is_half || is_told || exact::is_unseen(graph, &text, held) {
            continue;
        }
        numbers.before(&text, &mut |name, value| push_number(graph, held, filler, name, value));
        filler.push(|| property_label(&text), Value::Node(edge.to));
    }
    numbers.rest(&mut |name, value| push_number(graph, held, filler, name, value));
}

/// Adds a number, unless only V8 sees it: where in its script a SyntaxError is.
fn push_number(graph: &HeapGraph, held: &Held, filler: &mut Filler, name: &str, value: Primitive) {
    if !exact::is_unseen(graph, name, held) {
        filler.push(|| property_label(name), Value::Text(value.to_string()));
    }
}

fn property_label(name: &str) -> String {
    match symbol_name(name) {
        Some(name) => format!("[Symbol({name})]: "),
        None if name.starts_with('#') || is_identifier(name) => format!("{name}: "),
        None => format!("{}: ", quote(name)),
    }
}

fn is_accessor_half(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.kind(node) == NodeKind::CLOSURE || graph.strings().is(graph.name_ix(node), "system / FunctionTemplateInfo")
}

fn is_identifier(text: &str) -> bool {
    let starts = |char: char| char.is_alphabetic() || char == '_' || char == '$';
    text.starts_with(starts) && text.chars().all(|char| starts(char) || char.is_alphanumeric())
}

/// Adds the properties whose values are numbers, which are not in the file: the hidden class names them. Where other objects go on from
/// this hidden class, it is not told which names are this object's own: only those before one that is.
fn with_missing_numbers(setting: &Setting<'_>, node: NodeIx, mut parts: Parts, limits: Limits) -> Parts {
    let graph = setting.graph();
    if graph.held(node, 0).is_some() {
        return parts;
    }
    let Some(map) = graph.child(node, EdgeKind::INTERNAL, "map") else { return parts };
    let Some(descriptors) = graph.child(map, EdgeKind::INTERNAL, "descriptors") else { return parts };
    if graph.child(node, EdgeKind::INTERNAL, "properties").is_some_and(|table| graph.kind(table) == NodeKind::ARRAY) {
        return parts;
    }
    let present: rustc_hash::FxHashSet<String> =
        graph.edges(node).filter(|edge| edge.kind == EdgeKind::PROPERTY).map(|edge| graph.edge_text(edge).into_owned()).collect();
    let mut names: Vec<(u32, String)> = graph
        .edges(descriptors)
        .filter_map(|edge| Some((graph.edge_text(edge).parse().ok().filter(|slot| slot % 3 == 0)?, edge.to)))
        .filter(|&(_, name)| graph.kind(name) == NodeKind::STRING)
        .map(|(slot, name)| (slot, graph.name(name).into_owned()))
        .collect();
    names.sort_unstable();
    let goes_on = graph.edges(map).any(|edge| graph.edge_text(edge).starts_with("transition"));
    let own = if goes_on { names.iter().rposition(|(_, name)| present.contains(name)).map_or(0, |last| last + 1) } else { names.len() };
    for (_, name) in names.into_iter().take(own).filter(|(_, name)| !present.contains(name)) {
        if parts.entries.len() < limits.entries {
            parts.entries.push(Entry { label: format!("{name}: "), value: Value::Words(NUMBER) });
        } else {
            parts.more += 1;
        }
    }
    parts
}

/// Shows an array. Its length is not in the file: there is the last element that is, and the room that it has.
fn array(setting: &Setting<'_>, node: NodeIx, name: &str, limits: Limits) -> Parts {
    let graph = setting.graph();
    if let Some(list) = exact::array(graph, node, name, limits) {
        return list;
    }
    let last = graph.edges(node).filter(|edge| edge.kind == EdgeKind::ELEMENT).filter_map(|edge| match graph.edge_name(edge) {
        crate::EdgeName::Index(index) => Some(u64::from(index)),
        crate::EdgeName::Text(_) => None,
    });
    let known = last.max().map_or(0, |last| last + 1);
    let room = graph.child(node, EdgeKind::INTERNAL, "elements").map_or(0, |elements| graph.raw_self_size(elements).saturating_sub(16) / 8);
    let head = match (known, room) {
        (0, 0) => format!("{name}(0)"),
        (0, room) => format!("{name}(≤{room}) <numbers>"),
        (known, _) => format!("{name}({known})"),
    };
    let mut filler = Filler::new(head, limits);
    filler.parts.is_list = true;
    let mut next = 0;
    for (index, value) in exact::elements(graph, node, &Held::default()) {
        if index > next {
            filler.push(
                || format!("{}: ", if index == next + 1 { next.to_string() } else { format!("{next}–{}", index - 1) }),
                Value::Words("<number or hole>"),
            );
        }
        next = index.saturating_add(1);
        filler.push(String::new, value);
    }
    fill_named(graph, node, &Held::default(), &mut filler);
    filler.parts
}

/// Shows a Map or Set. Its table has three fields, then the buckets, then `width` fields for each entry, of which the last is a number.
fn table(setting: &Setting<'_>, node: NodeIx, name: &str, width: u64, limits: Limits) -> Parts {
    let graph = setting.graph();
    let Some(table) = graph.child(node, EdgeKind::INTERNAL, "table") else { return properties(setting, node, name.to_owned(), limits) };
    if let Some(exact) = exact::table(setting, name, (node, table), width, limits) {
        return exact;
    }
    // There is room for two entries in each bucket.
    let slots = graph.raw_self_size(table).saturating_sub(16) / 8;
    let buckets = slots.saturating_sub(3) / (1 + 2 * width);
    let first = 3 + buckets;
    let mut fields: Vec<(u64, NodeIx)> = graph
        .edges(table)
        .filter(|edge| edge.kind == EdgeKind::INTERNAL || edge.kind == EdgeKind::HIDDEN)
        .filter_map(|edge| Some((graph.edge_text(edge).parse::<u64>().ok()?.checked_sub(first)?, edge.to)))
        .collect();
    fields.sort_unstable();
    let mut filler = Filler::new(String::new(), limits);
    let mut count = 0_u64;
    let mut at = 0;
    while let Some(&(slot, target)) = fields.get(at) {
        let entry = slot / width;
        let value = fields.get(at + 1).filter(|&&(next, _)| next / width == entry).map(|&(_, value)| value);
        let key = (slot % width == 0).then_some(target);
        let value = if key.is_some() { value } else { Some(target) };
        count += 1;
        push_entry(setting, &mut filler, width == 3, key, value);
        at += if key.is_some() && value.is_some() { 2 } else { 1 };
    }
    let entries = fields.last().map_or(0, |&(slot, _)| slot / width + 1);
    let more = if entries > count { "≥" } else { "" };
    filler.parts.head = match count {
        0 if buckets > 0 && graph.edges(table).len() > 1 => format!("{name}(?)"),
        // What holds only numbers looks like what holds nothing.
        0 if buckets > 0 => format!("{name}(≤{})", 2 * buckets),
        _ => format!("{name}({more}{count})"),
    };
    fill_properties(graph, node, &mut filler);
    filler.parts
}

fn push_entry(setting: &Setting<'_>, filler: &mut Filler, is_map: bool, key: Option<NodeIx>, value: Option<NodeIx>) {
    let words = |node: Option<NodeIx>| node.map_or(Value::Words(PRIMITIVE), Value::Node);
    if !is_map {
        filler.push(String::new, words(key));
        return;
    }
    let label = || match key {
        Some(key) => format!("{} => ", head(setting, key, Limits { text: 40, ..Limits::default() })),
        None => format!("{PRIMITIVE} => "),
    };
    filler.push(label, words(value));
}

fn weak_table(setting: &Setting<'_>, node: NodeIx, name: &str, builtin: Option<&str>, limits: Limits) -> Parts {
    let graph = setting.graph();
    let mut filler = Filler::new(name.to_owned(), limits);
    let table = graph.child(node, EdgeKind::INTERNAL, "table");
    let is_set = builtin.unwrap_or(name) == "WeakSet";
    filler.parts.is_list = is_set;
    let mut seen = rustc_hash::FxHashSet::default();
    for edge in table.into_iter().flat_map(|table| graph.edges(table)).filter(|edge| edge.kind == EdgeKind::INTERNAL) {
        let text = graph.edge_text(edge);
        let Some(key) = text.split_once("part of key (").and_then(|(_, rest)| rest.split_once(") -> value (")).map(|(key, _)| key) else {
            continue;
        };
        if !seen.insert(text.to_string()) {
            continue;
        }
        let id = key.rsplit_once(" @").and_then(|(class, id)| Some((class, NodeId(id.parse().ok()?))));
        let words = id.map_or_else(|| key.to_owned(), |(class, id)| format!("{class} {id}"));
        match table.zip(id).filter(|_| is_set) {
            // What a set keeps is its keys.
            Some((table, (_, id))) => filler.push(String::new, exact::in_graph(graph, table, &Part::Object(id))),
            None => filler.push(|| format!("{words} => "), Value::Node(edge.to)),
        }
    }
    filler.parts.head = format!("{name}({})", seen.len());
    filler.parts
}

fn weak_ref(graph: &HeapGraph, node: NodeIx, limits: Limits) -> Parts {
    let mut filler = Filler::new("WeakRef".to_owned(), limits);
    if let Some(target) = graph.edge_named(node, "target").map(|edge| edge.to) {
        filler.push(String::new, Value::Node(target));
    }
    filler.parts
}

/// Shows a promise. Its state is not in a snapshot, but reactions tell that it is pending, and a result that it is not.
fn promise(graph: &HeapGraph, node: NodeIx, name: &str, limits: Limits) -> Parts {
    let held = graph.held(node, 0).unwrap_or_default();
    let result = graph.child(node, EdgeKind::INTERNAL, "reactions_or_result");
    let is_reaction = result.is_some_and(|result| calls::is_reaction(graph, result));
    let state = match (held.promise, result) {
        (Some(state), _) => state.word(),
        (None, Some(_)) if is_reaction => "pending",
        (None, Some(_)) => "settled",
        (None, None) => "pending, or settled with a primitive",
    };
    let mut filler = Filler::new(format!("{name} <{state}>"), limits);
    match (result.filter(|_| !is_reaction), held.value) {
        (Some(result), _) => filler.push(String::new, Value::Node(result)),
        (None, Some(value)) => filler.push(String::new, Value::Text(value.to_string())),
        (None, None) => {}
    }
    fill_properties(graph, node, &mut filler);
    filler.parts
}

fn boxed(setting: &Setting<'_>, node: NodeIx, name: &str, limits: Limits) -> Parts {
    let graph = setting.graph();
    let is_value =
        |kind: NodeKind| kind.is_string() || matches!(kind, NodeKind::NUMBER | NodeKind::SYMBOL | NodeKind::BIGINT | NodeKind::HIDDEN);
    let value = graph.edges(node).filter(|edge| edge.kind == EdgeKind::HIDDEN).map(|edge| edge.to).find(|&to| is_value(graph.kind(to)));
    let value = match (value, name) {
        (Some(value), _) => head(setting, value, limits),
        (None, "Boolean") => number(graph, node).unwrap_or_else(|| "<boolean>".to_owned()),
        (None, "Number") => number(graph, node).unwrap_or_else(|| NUMBER.to_owned()),
        // A prototype has no value.
        (None, _) => return properties(setting, node, name.to_owned(), limits),
    };
    properties(setting, node, format!("[{name}: {value}]"), limits)
}

fn array_buffer(graph: &HeapGraph, node: NodeIx, name: &str) -> String {
    backing(graph, node).map_or_else(|| name.to_owned(), |bytes| format!("{name}({bytes})"))
}

/// Returns how many bytes an ArrayBuffer has.
fn backing(graph: &HeapGraph, buffer: NodeIx) -> Option<u64> {
    graph.child(buffer, EdgeKind::INTERNAL, "backing_store").map(|store| graph.raw_self_size(store))
}

fn context(graph: &HeapGraph, node: NodeIx, limits: Limits) -> Parts {
    let function = scopes::function(graph, node).map_or_else(|| "variables".to_owned(), |name| format!("variables of {name}()"));
    let mut filler = Filler::new(function, limits);
    let held = graph.held(node, 0).unwrap_or_default();
    // Of blocks the source tells all variables, where it tells any.
    for (name, part) in &held.parts {
        let name = scopes::worded(std::slice::from_ref(name)).unwrap_or_default();
        let value = match exact::in_graph(graph, node, part) {
            Value::Node(value) => in_cell(graph, value),
            value => value,
        };
        filler.push(|| format!("{name}: "), value);
    }
    if !held.parts.is_empty() {
        return filler.parts;
    }
    let mut numbers = exact::Names::of(&held);
    for edge in graph.edges(node) {
        if let Some(name) = scopes::worded(&scopes::variables(graph, node, edge)) {
            numbers.before(&graph.edge_text(edge), &mut |name, value| filler.push(|| format!("{name}: "), Value::Text(value.to_string())));
            filler.push(|| format!("{name}: "), in_cell(graph, edge.to));
        }
    }
    numbers.rest(&mut |name, value| filler.push(|| format!("{name}: "), Value::Text(value.to_string())));
    filler.parts
}

/// Returns a variable's value: V8 14 keeps those that change in cells.
fn in_cell(graph: &HeapGraph, node: NodeIx) -> Value {
    if !graph.strings().is(graph.name_ix(node), "system / ContextCell") {
        return Value::Node(node);
    }
    if let Some(value) = graph.held(node, 0).and_then(|held| held.value) {
        return Value::Text(value.to_string());
    }
    let is_value =
        |to: NodeIx| matches!(graph.kind(to), NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::REGEXP) || graph.kind(to).is_string();
    let value = graph.edges(node).filter(|edge| edge.kind != EdgeKind::WEAK).map(|edge| edge.to).find(|&to| is_value(to));
    value.map_or(Value::Words("<number, boolean, null or undefined>"), Value::Node)
}

/// Returns the message of an error.
fn error_message(graph: &HeapGraph, node: NodeIx, name: &str) -> Option<String> {
    let message = graph.child(node, EdgeKind::PROPERTY, "message").filter(|&message| graph.kind(message).is_string())?;
    let is_error = name.ends_with("Error") || name.ends_with("Exception") || graph.child(node, EdgeKind::PROPERTY, "stack").is_some();
    is_error.then(|| string_text(graph, message))
}
