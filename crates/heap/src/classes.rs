//! Classes: what the histogram groups by, exactly as DevTools names them.
//!
//! Objects go by their constructor's name, functions, code and strings by what they are; plain objects by the properties that many of
//! them share (*interface inference*): `{id, name}`. Two classes of one name that were written in different places are different classes.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::buffer::Buffer;
use crate::column::Column;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::NodeKind;
use crate::shapes::Shapes;
use crate::source::Location;
use crate::strings::StrIx;

/// A class's position in `Classes`. Means nothing in another analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassIx(pub u32);

/// A class: a name, and for objects whose class was written in a script, where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// The name that is shown.
    pub name: String,
    /// Script id, line and column (both from 0) of the class, where V8 knows them.
    pub place: Option<(u32, u32, u32)>,
}

impl Class {
    /// Returns DevTools' key of the class, by which classes of two snapshots are matched: `scriptId,line,column,name`, or `,name`.
    /// Script ids agree only between snapshots of one run of a process.
    #[must_use]
    pub fn key(&self) -> String {
        match self.place {
            Some((script, line, column)) => format!("{script},{line},{column},{}", self.name),
            None => format!(",{}", self.name),
        }
    }
}

/// A shape that many plain objects share, by which they are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name: `{id, name}`.
    pub name: String,
    /// The properties that an object must have, in UTF-16: names may hold lone surrogates.
    pub properties: Vec<Vec<u16>>,
}

/// All classes of a graph and the class of every node.
#[derive(Debug, Default)]
pub struct Classes {
    classes: Vec<Class>,
    of_node: Column<u32>,
    interfaces: Vec<Interface>,
}

impl Classes {
    /// Returns the number of classes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Says whether there is no class.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Returns a node's class.
    #[inline]
    #[must_use]
    pub fn of(&self, node: NodeIx) -> ClassIx {
        ClassIx(self.of_node[node.at()])
    }

    /// Returns a class.
    #[must_use]
    pub fn get(&self, class: ClassIx) -> &Class {
        &self.classes[class.0 as usize]
    }

    /// Returns every class with its position.
    pub fn iter(&self) -> impl Iterator<Item = (ClassIx, &Class)> {
        self.classes.iter().enumerate().map(|(ix, class)| (ClassIx(ix as u32), class))
    }

    /// Returns the interfaces by which plain objects were named: the most common first.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Names all nodes. `interfaces` are those of another snapshot, for comparing with it; `None` infers them from this one.
    pub(crate) fn of_graph(graph: &HeapGraph, shapes: &Shapes, detached: &[u32], interfaces: Option<&[Interface]>) -> Self {
        let interfaces = interfaces.map_or_else(|| infer(graph, shapes), <[Interface]>::to_vec);
        let mut namer = Namer { graph, classes: Vec::new(), by_class: FxHashMap::default(), by_name: FxHashMap::default() };
        let mut located = graph.locations().iter().peekable();
        let mut of_node = Buffer::from_fn(graph.node_count(), |node| {
            let location = located.next_if(|location| location.node.at() == node);
            namer.by_kind(NodeIx(node as u32), location)
        });
        for &node in detached {
            of_node[node as usize] = namer.detached(NodeIx(node));
        }
        let matcher = Matcher::new(graph, shapes, &interfaces);
        let mut of_shape: Vec<Option<u32>> = vec![None; shapes.len()];
        // Objects and locations both rise.
        let mut located = graph.locations().iter().peekable();
        for (object, shape) in shapes.objects() {
            while located.next_if(|location| location.node.0 < object).is_some() {}
            let location = located.next_if(|location| location.node.0 == object);
            let place = namer.place(NodeIx(object), location);
            let known = of_shape[shape as usize].filter(|_| place.is_none());
            let class = known.unwrap_or_else(|| {
                let name = matcher.best(shapes.properties(shape)).map_or("Object", |best| &interfaces[best].name);
                namer.class(name, place)
            });
            if place.is_none() {
                of_shape[shape as usize] = Some(class);
            }
            of_node[object as usize] = class;
        }
        Self { classes: namer.classes, of_node: of_node.into(), interfaces }
    }

    pub(crate) fn from_parts(classes: Vec<Class>, of_node: Column<u32>, interfaces: Vec<Interface>) -> Self {
        Self { classes, of_node, interfaces }
    }

    pub(crate) fn of_nodes(&self) -> &[u32] {
        &self.of_node
    }
}

/// Gives out class positions.
struct Namer<'a> {
    graph: &'a HeapGraph,
    classes: Vec<Class>,
    by_class: FxHashMap<Class, u32>,
    /// Classes without a place by what determines them: the kind for most nodes, the name's position for objects and natives.
    by_name: FxHashMap<(NodeKind, u32), u32>,
}

impl Namer<'_> {
    fn by_kind(&mut self, node: NodeIx, location: Option<Location>) -> u32 {
        let kind = self.graph.kind(node);
        let place = location.filter(|_| kind == NodeKind::OBJECT).map(place_of);
        let name = match kind {
            NodeKind::OBJECT | NodeKind::NATIVE => self.graph.name_ix(node).0,
            _ => 0,
        };
        if place.is_none()
            && let Some(&class) = self.by_name.get(&(kind, name))
        {
            return class;
        }
        let class = match kind {
            NodeKind::HIDDEN => self.class("(system)", None),
            NodeKind::CODE => self.class("(compiled code)", None),
            NodeKind::CLOSURE => self.class("Function", None),
            NodeKind::REGEXP => self.class("RegExp", None),
            NodeKind::OBJECT | NodeKind::NATIVE => self.class(&object_class(&self.graph.name(node)), place),
            other => self.class(&format!("({})", self.graph.node_kind_name(other)), None),
        };
        if place.is_none() {
            self.by_name.insert((kind, name), class);
        }
        class
    }

    /// Names a native node that was found to be detached: its name gets a prefix.
    fn detached(&mut self, node: NodeIx) -> u32 {
        self.class(&object_class(&format!("Detached {}", self.graph.name(node))), None)
    }

    /// Returns where the class of an object was written. Functions have a location too, but go by one class.
    fn place(&self, node: NodeIx, location: Option<Location>) -> Option<(u32, u32, u32)> {
        location.filter(|_| self.graph.kind(node) == NodeKind::OBJECT).map(place_of)
    }

    fn class(&mut self, name: &str, place: Option<(u32, u32, u32)>) -> u32 {
        match self.by_class.entry(Class { name: name.to_owned(), place }) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let ix = self.classes.len() as u32;
                self.classes.push(new.key().clone());
                *new.insert(ix)
            }
        }
    }
}

fn place_of(location: Location) -> (u32, u32, u32) {
    (location.script_id, location.line, location.column)
}

/// Returns the class of an object of that name: DOM elements go by their tag.
fn object_class(name: &str) -> String {
    let tag_from = if name.starts_with('<') {
        0
    } else if name.starts_with("Detached <") {
        10
    } else {
        return name.to_owned();
    };
    match name.get(tag_from..).and_then(|tag| tag.find(' ')) {
        Some(space) => format!("{}>", &name[..tag_from + space]),
        None => name.to_owned(),
    }
}

/// An interface's name ends before this many UTF-16 units, unless its first property alone is longer.
const MAX_NAME: usize = 120;

/// Infers interfaces: property sequences that at least two, and at least one in a thousand, plain objects share.
fn infer(graph: &HeapGraph, shapes: &Shapes) -> Vec<Interface> {
    let names = PropertyNames::new(graph);
    let mut counts = vec![0_u64; shapes.len()];
    let mut first_seen = vec![u32::MAX; shapes.len()];
    let mut total = 0_u64;
    for (nth, (_, shape)) in shapes.objects().enumerate() {
        counts[shape as usize] += 1;
        first_seen[shape as usize] = first_seen[shape as usize].min(nth as u32);
        total += 1;
    }
    // Long sequences that agree up to the limit of a name are one candidate.
    let mut candidates: FxHashMap<String, (u64, u32, Interface)> = FxHashMap::default();
    for shape in 0..shapes.len() as u32 {
        let Some(interface) = names.interface(shapes.properties(shape)) else { continue };
        let (count, seen) = (counts[shape as usize], first_seen[shape as usize]);
        match candidates.entry(interface.name.clone()) {
            Entry::Occupied(mut known) => {
                let (total, first, _) = known.get_mut();
                *total += count;
                *first = (*first).min(seen);
            }
            Entry::Vacant(new) => {
                new.insert((count, seen, interface));
            }
        }
    }
    // "at least one in a thousand" compares with a fraction: 1,500 objects ask for 1.5, hence 2.
    let enough = |count: u64| count >= 2 && count * 1000 >= total;
    let mut kept: Vec<_> = candidates.into_values().filter(|&(count, ..)| enough(count)).collect();
    kept.sort_unstable_by_key(|&(count, first, _)| (std::cmp::Reverse(count), first));
    kept.into_iter().map(|(.., interface)| interface).collect()
}

struct PropertyNames<'a> {
    graph: &'a HeapGraph,
}

impl<'a> PropertyNames<'a> {
    fn new(graph: &'a HeapGraph) -> Self {
        Self { graph }
    }

    /// Returns the candidate that an object with these properties makes; `None` without properties.
    fn interface(&self, properties: &[u32]) -> Option<Interface> {
        let mut name = String::from("{");
        let mut length = 1;
        let mut used = Vec::new();
        for &property in properties {
            let text = self.graph.strings().text(StrIx(property));
            let formatted = format_property(&text);
            let units = formatted.encode_utf16().count();
            if length > 1 && length + units > MAX_NAME {
                break;
            }
            if length != 1 {
                name.push_str(", ");
                length += 2;
            }
            name.push_str(&formatted);
            length += units;
            used.push(self.graph.strings().utf16(StrIx(property)).collect());
        }
        name.push('}');
        (!used.is_empty()).then_some(Interface { name, properties: used })
    }
}

/// Quotes a property name that would be misread in a list.
pub(crate) fn format_property(name: &str) -> String {
    if name.contains([',', '\'', '"', '{', '}']) { serde_json::Value::from(name).to_string() } else { name.to_owned() }
}

/// Finds the interface of an object.
struct Matcher {
    /// Which property of an interface a string is: equal strings are one property, wherever they stand in the table.
    property_of: FxHashMap<u32, u32>,
    /// For each interface its properties.
    wanted: Vec<Vec<u32>>,
    /// Interfaces by one of their properties, the one that the fewest of them have.
    by_property: FxHashMap<u32, Vec<usize>>,
}

impl Matcher {
    fn new(graph: &HeapGraph, shapes: &Shapes, interfaces: &[Interface]) -> Self {
        let mut numbers: FxHashMap<&[u16], u32> = FxHashMap::default();
        let mut uses: Vec<usize> = Vec::new();
        let mut wanted: Vec<Vec<u32>> = Vec::new();
        for interface in interfaces {
            let mut properties = Vec::new();
            for property in &interface.properties {
                let next = numbers.len() as u32;
                let number = *numbers.entry(property.as_slice()).or_insert(next);
                uses.resize(numbers.len(), 0);
                uses[number as usize] += 1;
                properties.push(number);
            }
            properties.sort_unstable();
            wanted.push(properties);
        }
        let mut by_property: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
        for (ix, properties) in wanted.iter().enumerate() {
            if let Some(&rarest) = properties.iter().min_by_key(|&&property| uses[property as usize]) {
                by_property.entry(rarest).or_default().push(ix);
            }
        }
        let mut text = Vec::new();
        let property_of = shapes.distinct_names(graph.strings().len()).filter_map(|name| {
            text.clear();
            text.extend(graph.strings().utf16(StrIx(name)));
            numbers.get(text.as_slice()).map(|&number| (name, number))
        });
        Self { property_of: property_of.collect(), wanted, by_property }
    }

    /// Returns the interface with the most properties that are all among `properties`, the most common one of several.
    fn best(&self, properties: &[u32]) -> Option<usize> {
        let mut has: Vec<u32> = properties.iter().filter_map(|property| self.property_of.get(property)).copied().collect();
        has.sort_unstable();
        let mut best: Option<(usize, std::cmp::Reverse<usize>)> = None;
        for &candidate in has.iter().filter_map(|property| self.by_property.get(property)).flatten() {
            let wanted = &self.wanted[candidate];
            let rank = (wanted.len(), std::cmp::Reverse(candidate));
            if best.is_none_or(|known| rank > known) && includes(&has, wanted) {
                best = Some(rank);
            }
        }
        best.map(|(_, std::cmp::Reverse(ix))| ix)
    }
}

/// Says whether all of `wanted` are among `has`, both sorted. A property that is wanted twice must be there twice: two symbols of one
/// description have one name.
fn includes(has: &[u32], wanted: &[u32]) -> bool {
    let mut has = has.iter();
    wanted.iter().all(|property| has.any(|other| other == property))
}
