//! Objects whose numbers the source tells: merged with what the graph holds, in the object's own order.

use rustc_hash::FxHashMap;

use super::{Filler, Limits, Parts, Value, fill_named, fill_properties, head};
use crate::EdgeName;
use crate::graph::{Edge, HeapGraph, NodeId, NodeIx};
use crate::held::{Held, Part, Primitive};
use crate::kinds::EdgeKind;
use crate::story::Setting;

/// The names of an object that were not passed yet, as one walks over its edges.
pub(super) struct Names<'a> {
    left: &'a [(String, Option<Primitive>)],
}

impl<'a> Names<'a> {
    pub(super) fn of(held: &'a Held) -> Self {
        Self { left: &held.names }
    }

    /// Passes on the values that come before the one to which an edge of that name leads.
    pub(super) fn before(&mut self, edge: &str, each: &mut dyn FnMut(&str, Primitive)) {
        if let Some(at) = self.left.iter().position(|(name, value)| value.is_none() && name == edge) {
            pass(&self.left[..at], each);
            self.left = &self.left[at + 1..];
        }
    }

    /// Passes on the values that come after all edges.
    pub(super) fn rest(self, each: &mut dyn FnMut(&str, Primitive)) {
        pass(self.left, each);
    }
}

fn pass(names: &[(String, Option<Primitive>)], each: &mut dyn FnMut(&str, Primitive)) {
    for (name, value) in names {
        if let Some(value) = value {
            each(name, *value);
        }
    }
}

/// Returns an object's properties in its own order where that is told: in a dictionary they stand in another.
pub(super) fn in_order(graph: &HeapGraph, node: NodeIx, held: &Held) -> Vec<Edge> {
    // V8 counts a property whose name is empty as its own.
    let is_property = |edge: &Edge| edge.kind == EdgeKind::PROPERTY || edge.kind == EdgeKind::INTERNAL && graph.edge_text(*edge).is_empty();
    let mut edges: Vec<Edge> = graph.edges(node).filter(is_property).collect();
    if !held.names.is_empty() {
        let places: FxHashMap<&str, usize> = held.names.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
        edges.sort_by_cached_key(|&edge| places.get(&*graph.edge_text(edge)).copied().unwrap_or(usize::MAX));
    }
    edges
}

/// Says whether only V8 sees a property: symbols of its own have no description (class positions, the stack of an error), and where the source tells
/// that, those of a program may have none either.
pub(super) fn is_unseen(graph: &HeapGraph, text: &str, held: &Held) -> bool {
    if !graph.has_holder() {
        return text == "<symbol>";
    }
    let unseen = held.unseen.iter().filter(|name| *name == text).count();
    unseen > 0 && unseen >= held.names.iter().filter(|(name, _)| name == text).count()
}

/// Returns the index of a part that is an element of a list.
fn element_of(name: &str, held: &Held) -> Option<u64> {
    held.length.and_then(|_| name.parse().ok())
}

/// Adds what an object has by names that its edges do not have.
pub(super) fn fill_parts(graph: &HeapGraph, node: NodeIx, held: &Held, filler: &mut Filler) {
    for (name, part) in held.parts.iter().filter(|(name, _)| element_of(name, held).is_none()) {
        let label = || match name.as_str() {
            "at" => "at ".to_owned(),
            address if address.starts_with("0x") => format!("{address} => "),
            name => format!("{name}: "),
        };
        filler.push(label, in_graph(graph, node, part));
    }
}

/// Returns a part as a value: an object of the graph by its node.
pub(super) fn in_graph(graph: &HeapGraph, node: NodeIx, part: &Part) -> Value {
    match part {
        Part::Value(value) => Value::Text(value.to_string()),
        Part::Words(words) => Value::Text(words.clone()),
        Part::Object(id) => {
            near(graph, node, *id).or_else(|| graph.find_id(*id)).map_or(Value::Text(format!("<object at {:#x}>", id.0)), Value::Node)
        }
    }
}

/// Finds an object one or two references away: what an object has is hardly ever elsewhere.
fn near(graph: &HeapGraph, node: NodeIx, id: NodeId) -> Option<NodeIx> {
    let targets = |from: NodeIx| graph.edges(from).map(|edge| edge.to);
    let is_it = |&to: &NodeIx| graph.id(to) == id;
    targets(node).find(is_it).or_else(|| targets(node).filter(|&to| graph.edges(to).len() < 1000).flat_map(targets).find(is_it))
}

/// Returns an object's elements by index, those that are nodes and those that are not; holes are left out. Of a sparse array, edges are in the order
/// of V8's table, which is that of hashes.
pub(super) fn elements(graph: &HeapGraph, node: NodeIx, held: &Held) -> Vec<(u64, Value)> {
    let edges = graph.edges(node).filter(|edge| edge.kind == EdgeKind::ELEMENT);
    let mut found: Vec<(u64, Value)> = edges
        .filter_map(|edge| match graph.edge_name(edge) {
            EdgeName::Index(index) => Some((u64::from(index), Value::Node(edge.to))),
            EdgeName::Text(_) => None,
        })
        .collect();
    found.extend(held.parts.iter().filter_map(|(name, part)| Some((element_of(name, held)?, in_graph(graph, node, part)))));
    let values = held.elements.iter().filter(|(_, value)| *value != Primitive::Hole);
    found.extend(values.map(|&(index, value)| (index, Value::Text(value.to_string()))));
    found.sort_by_key(|&(index, _)| index);
    found
}

/// Shows an array whose length is known; `None` where it is not.
pub(super) fn array(graph: &HeapGraph, node: NodeIx, name: &str, limits: Limits) -> Option<Parts> {
    let held = graph.held(node, limits.entries)?;
    let length = held.length?;
    let mut filler = Filler::new(format!("{name}({length})"), limits);
    filler.parts.is_list = true;
    let mut next = 0;
    for (index, value) in elements(graph, node, &held) {
        if filler.parts.entries.len() >= limits.entries {
            break;
        }
        if index > next {
            filler.push(String::new, empty(index - next));
        }
        filler.push(String::new, value);
        next = index + 1;
    }
    // What lies behind the last element that is shown: all empty, or more than there is room for.
    if length > next && filler.parts.entries.len() < limits.entries {
        filler.push(String::new, empty(length - next));
    } else {
        filler.parts.more += length.saturating_sub(next);
    }
    fill_named(graph, node, &held, &mut filler);
    Some(filler.parts)
}

fn empty(count: u64) -> Value {
    Value::Text(if count == 1 { "<1 empty item>".to_owned() } else { format!("<{count} empty items>") })
}

/// Shows a Map or Set whose table is known word by word: how many entries it has, how many were deleted and how many buckets there are, then
/// the buckets, then `width` words for each entry, of which the last leads on.
pub(super) fn table(setting: &Setting<'_>, name: &str, (node, table): (NodeIx, NodeIx), width: u64, limits: Limits) -> Option<Parts> {
    const HEADER: u64 = 3;
    let graph = setting.graph();
    let words = graph.raw_self_size(table) / 8;
    let mut slots: Vec<(u64, Value)> = elements_of_table(graph, table, words as usize)?;
    slots.sort_by_key(|&(slot, _)| slot);
    let number = |at: u64| match slots.get(at as usize) {
        Some((slot, Value::Text(text))) if *slot == at => text.parse::<u64>().ok(),
        _ => None,
    };
    let (present, deleted, buckets) = (number(0)?, number(1)?, number(2)?);
    let first = HEADER + buckets;
    let end = first + width * (present + deleted).min(words);
    let slot = |at: u64| slots.binary_search_by_key(&at, |&(slot, _)| slot).ok().map(|found| slots[found].1.clone());
    let mut filler = Filler::new(format!("{name}({present})"), limits);
    for at in (first..end).step_by(width as usize) {
        // A deleted entry has no key.
        let Some(key) = slot(at) else { continue };
        if width == 3 {
            filler.push(|| format!("{} => ", shown(setting, &key)), slot(at + 1).unwrap_or(Value::Words(super::PRIMITIVE)));
        } else {
            filler.push(String::new, key);
        }
    }
    fill_properties(graph, node, &mut filler);
    Some(filler.parts)
}

/// Returns the words of one of V8's tables.
fn elements_of_table(graph: &HeapGraph, table: NodeIx, most: usize) -> Option<Vec<(u64, Value)>> {
    let held = graph.held(table, most)?;
    let words = held.elements.iter().filter(|(_, value)| *value != Primitive::Hole);
    let mut found: Vec<(u64, Value)> = words.map(|&(slot, value)| (slot, Value::Text(value.to_string()))).collect();
    let edges = graph.edges(table).filter(|edge| matches!(edge.kind, EdgeKind::INTERNAL | EdgeKind::HIDDEN));
    found.extend(edges.filter_map(|edge| Some((graph.edge_text(edge).parse().ok()?, Value::Node(edge.to)))));
    Some(found)
}

fn shown(setting: &Setting<'_>, value: &Value) -> String {
    match value {
        Value::Node(node) => head(setting, *node, Limits { text: 40, ..Limits::default() }),
        Value::Words(words) => (*words).to_owned(),
        Value::Text(text) => text.clone(),
    }
}

/// Returns what a Date is, as JavaScript writes it in JSON.
pub(super) fn date(graph: &HeapGraph, node: NodeIx, name: &str) -> String {
    match graph.held(node, 0).and_then(|held| held.value) {
        Some(Primitive::Number(time)) if time.is_finite() => format!("{name} {}", iso(time)),
        Some(_) => format!("Invalid {name}"),
        None => format!("{name} <time not in the file>"),
    }
}

/// Writes a time in milliseconds since 1970. The calendar repeats after 400 years, which have 146,097 days; years start in March here, so
/// that a leap day is their last.
fn iso(time: f64) -> String {
    const DAY: i64 = 86_400_000;
    let time = time as i64;
    let (day, rest) = (time.div_euclid(DAY) + 719_468, time.rem_euclid(DAY));
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + 400 * era + i64::from(month <= 2);
    let (seconds, millis) = (rest / 1000, rest % 1000);
    // Other years than those of four digits have six and a sign.
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    format!("{year}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::HeapAnalysis;
    use crate::builder::{GraphBuilder, NewName, Node, Target};
    use crate::held::Holder;
    use crate::kinds::NodeKind;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (1_600_000_000_000.0, "2020-09-13T12:26:40.000Z"),
            (951_782_400_000.0, "2000-02-29T00:00:00.000Z"),
            (-1.0, "1969-12-31T23:59:59.999Z"),
            (4_107_542_399_999.0, "2100-02-28T23:59:59.999Z"),
            (-62_167_219_200_000.0, "0000-01-01T00:00:00.000Z"),
            (-62_198_755_200_000.0, "-000001-01-01T00:00:00.000Z"),
            (253_402_300_800_000.0, "+010000-01-01T00:00:00.000Z"),
            (-8_640_000_000_000_000.0, "-271821-04-20T00:00:00.000Z"),
        ];
        for (time, expect) in cases {
            assert_eq!(iso(time), expect);
        }
    }

    /// What a made-up source tells of a few nodes.
    struct Told(Vec<(u64, Held)>);

    impl Holder for Told {
        fn held(&self, id: NodeId, _most: usize) -> Held {
            self.0.iter().find(|(known, _)| *known == id.0).map(|(_, held)| held.clone()).unwrap_or_default()
        }

        fn held_each(&self, ids: &[NodeId], most: usize, each: &mut dyn FnMut(usize, Held)) {
            ids.iter().enumerate().for_each(|(at, &id)| each(at, self.held(id, most)));
        }

        fn extents(&self, _ids: &[NodeId], _each: &mut dyn FnMut(usize, Option<crate::held::Extent>)) -> bool {
            false
        }

        fn containing(&self, _ids: &[NodeId], _text: &str, _case: crate::held::Case, _each: &mut dyn FnMut(usize, Option<bool>)) -> bool {
            false
        }

        fn isolate(&self, _id: NodeId) -> Option<u32> {
            None
        }

        fn has_isolates(&self) -> bool {
            false
        }
    }

    #[test]
    fn numbers_stand_between_objects() {
        let number = |value: f64| Primitive::Number(value);
        let name = |name: &str, value: Option<f64>| (name.to_owned(), value.map(Primitive::Number));
        let mut builder = GraphBuilder::new();
        let mut node = |kind, name, id| builder.node(Node::new(kind, name, id, if id == 5 { 14 * 8 } else { 8 }));
        let root = node(NodeKind::SYNTHETIC, "", 1);
        let text = node(NodeKind::STRING, "text", 2);
        let object = node(NodeKind::OBJECT, "Session", 3);
        let array = node(NodeKind::OBJECT, "Array", 4);
        let table = node(NodeKind::ARRAY, "", 5);
        let map = node(NodeKind::OBJECT, "Map", 6);
        let boxed = node(NodeKind::NUMBER, "heap number", 7);
        let edges = [
            (root, EdgeKind::ELEMENT, NewName::Index(1), object),
            (root, EdgeKind::ELEMENT, NewName::Index(2), array),
            (root, EdgeKind::ELEMENT, NewName::Index(3), map),
            (object, EdgeKind::PROPERTY, NewName::Text("user"), text),
            (object, EdgeKind::PROPERTY, NewName::Text("boxed"), boxed),
            (array, EdgeKind::ELEMENT, NewName::Index(1), text),
            (map, EdgeKind::INTERNAL, NewName::Text("table"), table),
            (table, EdgeKind::INTERNAL, NewName::Text("6"), text),
        ];
        for (from, kind, name, to) in edges {
            builder.edge(from, kind, name, Target::Node(to));
        }
        // A table of one entry and one that was deleted, with two buckets: then key, value and what leads on, of each.
        let words = [number(1.0), number(1.0), number(2.0), number(-1.0), number(0.0), Primitive::Hole];
        let words: Vec<(u64, Primitive)> =
            (0..).zip(words).chain([(7, number(0.0)), (8, number(9.0)), (9, Primitive::Boolean(true))]).collect();
        let told = vec![
            (
                3,
                Held {
                    names: vec![name("id", Some(7.0)), name("user", None), name("boxed", None), name("#x", Some(0.5))],
                    ..Held::default()
                },
            ),
            (4, Held { elements: vec![(0, number(-0.0)), (5, number(3.0))], length: Some(8), ..Held::default() }),
            (5, Held { elements: words, ..Held::default() }),
            (7, Held { value: Some(number(1.25)), ..Held::default() }),
        ];
        let analysis = HeapAnalysis::new(builder.finish().0.with_holder(Box::new(Told(told))));
        let setting = Setting::new(&analysis, &crate::source::NoFiles);
        let shown = |node| crate::preview::preview(&setting, node);
        assert_eq!(shown(object), "Session { id: 7, user: 'text', boxed: 1.25, #x: 0.5 }");
        assert_eq!(shown(array), "Array(8) [ -0, 'text', <3 empty items>, 3, <2 empty items> ]");
        assert_eq!(shown(map), "Map(1) { 9 => true }");
        let few = Limits { entries: 2, ..Limits::default() };
        assert_eq!(crate::preview::preview_within(&setting, array, few), "Array(8) [ -0, 'text', … 6 more ]");
    }

    #[test]
    fn elements_stand_by_their_index_and_heads_say_what_an_object_is() {
        let mut builder = GraphBuilder::new();
        let mut node = |kind, name, id| builder.node(Node::new(kind, name, id, 16));
        let root = node(NodeKind::SYNTHETIC, "", 1);
        let [first, second] = [(2, "a"), (3, "b")].map(|(id, text)| node(NodeKind::STRING, text, id));
        let [sparse, numbered, bare, given, tasks, told_stack] =
            [(4, "Array"), (5, "Object"), (6, "Object"), (7, "ArrayBuffer"), (8, "Promise"), (9, "Error")]
                .map(|(id, name)| node(NodeKind::OBJECT, name, id));
        let getter = node(NodeKind::HIDDEN, "system / AccessorPair", 10);
        let element = |from, index, to| (from, EdgeKind::ELEMENT, NewName::Index(index), to);
        // As tables of sparse arrays have them: by hash.
        let edges = [element(sparse, 9, second), element(sparse, 0, first), element(numbered, 77, second), element(numbered, 5, first)];
        let all = [sparse, numbered, bare, given, tasks, told_stack];
        let roots = (1..).zip(all).map(|(nth, to)| element(root, nth, to));
        for (from, kind, name, to) in roots.chain(edges).chain([(told_stack, EdgeKind::PROPERTY, NewName::Text("stack"), getter)]) {
            builder.edge(from, kind, name, Target::Node(to));
        }
        let graph = builder.finish().0;
        let told = vec![
            (4, Held { length: Some(12), ..Held::default() }),
            (6, Held { has_no_prototype: true, ..Held::default() }),
            (7, Held { builtin: Some("ArrayBuffer"), is_detached: true, ..Held::default() }),
            (8, Held { builtin: Some("Promise"), class: Some("Task".to_owned()), ..Held::default() }),
            (
                9,
                Held {
                    names: vec![("<symbol>".to_owned(), Some(Primitive::Number(740.0)))],
                    unseen: vec!["<symbol>".to_owned()],
                    parts: vec![("stack".to_owned(), Part::Object(NodeId(3)))],
                    ..Held::default()
                },
            ),
        ];
        let analysis = HeapAnalysis::new(graph.with_holder(Box::new(Told(told))));
        let setting = Setting::new(&analysis, &crate::source::NoFiles);
        let check = |node, expect: &str| assert_eq!(crate::preview::preview(&setting, node), expect);
        check(sparse, "Array(12) [ 'a', <8 empty items>, 'b', <2 empty items> ]");
        check(numbered, "Object { 5: 'a', 77: 'b' }");
        check(bare, "[Object: null prototype]");
        check(given, "ArrayBuffer (detached)");
        check(tasks, "Task <pending, or settled with a primitive>");
        check(told_stack, "Error { stack: 'b' }");
    }

    #[test]
    fn what_no_edge_names_is_shown_by_the_names_that_the_source_tells() {
        let mut builder = GraphBuilder::new();
        let mut node = |kind, name, id| builder.node(Node::new(kind, name, id, 48));
        let root = node(NodeKind::SYNTHETIC, "", 1);
        let text = node(NodeKind::STRING, "text", 2);
        let error = node(NodeKind::OBJECT, "Error", 3);
        let regexp = node(NodeKind::REGEXP, "a+", 4);
        let arguments = node(NodeKind::OBJECT, "Arguments", 5);
        let block = node(NodeKind::OBJECT, "system / Context", 6);
        let object = node(NodeKind::OBJECT, "Object", 7);
        let accessor = node(NodeKind::HIDDEN, "system / AccessorPair", 8);
        let edges = [
            (error, EdgeKind::PROPERTY, NewName::Text("<symbol>"), text),
            (error, EdgeKind::PROPERTY, NewName::Text("stack"), accessor),
            (error, EdgeKind::PROPERTY, NewName::Text("message"), text),
            (arguments, EdgeKind::INTERNAL, NewName::Text("elements"), block),
            (block, EdgeKind::HIDDEN, NewName::Index(0), text),
            (object, EdgeKind::INTERNAL, NewName::Text(""), text),
            (object, EdgeKind::PROPERTY, NewName::Text("<symbol>"), text),
        ];
        let all = [error, regexp, arguments, block, object, accessor];
        let roots = (1..).zip(all).map(|(nth, to)| (root, EdgeKind::ELEMENT, NewName::Index(nth), to));
        for (from, kind, name, to) in roots.chain(edges) {
            builder.edge(from, kind, name, Target::Node(to));
        }
        let part = |name: &str, part: Part| (name.to_owned(), part);
        let number = |value: f64| Part::Value(Primitive::Number(value));
        let string = || Part::Object(NodeId(2));
        let names = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), None)).collect();
        let of_error = Held {
            names: names(&["stack", "message", "<symbol>"]),
            unseen: vec!["<symbol>".to_owned()],
            parts: vec![part("at", Part::Words("f (a.js:1:2)".to_owned()))],
            ..Held::default()
        };
        let told = vec![
            (3, of_error),
            (4, Held { text: Some("gi".to_owned()), ..Held::default() }),
            (5, Held { parts: vec![part("0", number(50.0)), part("1", string())], length: Some(2), ..Held::default() }),
            (6, Held { parts: vec![part("y", string()), part("x", number(6.0))], ..Held::default() }),
            (7, Held { names: names(&["", "<symbol>"]), ..Held::default() }),
        ];
        let analysis = HeapAnalysis::new(builder.finish().0.with_holder(Box::new(Told(told))));
        let setting = Setting::new(&analysis, &crate::source::NoFiles);
        let check = |node, expect: &str| assert_eq!(crate::preview::preview(&setting, node), expect);
        check(error, "Error: text { message: 'text', at f (a.js:1:2) }");
        check(regexp, "/a+/gi");
        check(arguments, "Arguments(2) [ 50, 'text' ]");
        check(block, "variables { y: 'text', x: 6 }");
        check(object, "Object { '': 'text', [Symbol()]: 'text' }");
    }
}
