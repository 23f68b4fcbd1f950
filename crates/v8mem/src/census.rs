//! Objects counted by class, by class and properties, or by V8's type, straight from the table of all objects: no graph is made.
//!
//! What objects of one map have in common is found once. Only objects that say themselves what they are, those in dictionary mode for the
//! most part, are looked at one by one. Counts are those of the graph; sizes are objects' own, without the arrays that hold their elements.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::graph::Scope;
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::liveness::Sum;
use crate::maps::Map;
use crate::memory::Memory;
use crate::names::{NAME_LIMIT, Names};
use crate::objects::ObjIx;

/// By what objects are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Class and names of properties.
    Shape,
    /// Class.
    Class,
    /// V8's instance type: all objects, not only those that a script can hold.
    Type,
}

/// Which objects are counted, and how.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    /// By what.
    pub by: By,
    /// Which, by what keeps them.
    pub scope: Scope,
    /// Only those of a class; functions also by their own names.
    pub class: Option<&'q str>,
    /// Only those with a property of that name.
    pub property: Option<&'q str>,
    /// Only those of which this holds.
    pub kind: fn(Kind) -> bool,
}

/// Objects that are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their class, or type.
    pub name: String,
    /// The names of their properties, in their order, where that was asked and they may have some.
    pub properties: Option<Vec<String>>,
    /// The address of the largest.
    pub largest: u64,
    /// Its size in bytes.
    largest_size: u64,
    /// How many, and their own sizes.
    pub sum: Sum,
}

/// Counts objects. `memory` gets back what was looked at. O(objects of the heap).
#[must_use]
pub fn census(inventory: Inventory<'_, '_>, query: &Query<'_>) -> Vec<Group> {
    let heap = inventory.heap;
    let chosen = inventory.liveness.of_scope(query.scope);
    let mut counter = Counter::new(inventory, query);
    let mut of_map: Vec<Option<Place>> = vec![None; heap.maps.len()];
    for (object, addr) in heap.objects.iter().filter(|&(object, _)| chosen.get(object.0)) {
        let ix = heap.objects.map(object).0 as usize;
        let place = match of_map.get(ix).copied().flatten() {
            Some(Place::EachOwn) => counter.own_place(object, addr),
            Some(known) => known,
            None => {
                let place = counter.place_of_map(object, addr);
                of_map[ix] = Some(place);
                if place == Place::EachOwn { counter.own_place(object, addr) } else { place }
            }
        };
        if let Place::Group(group) = place {
            counter.count(group, addr, heap.objects.size(object));
        }
    }
    counter.groups
}

/// Where an object is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nowhere.
    Nowhere,
    /// In a group.
    Group(u32),
    /// Each object of the map must be asked.
    EachOwn,
}

struct Counter<'a, 'm, 'q> {
    inventory: Inventory<'a, 'm>,
    query: &'q Query<'q>,
    names: Names<'a, 'm>,
    groups: Vec<Group>,
    known: FxHashMap<(String, Option<Vec<String>>), u32>,
    /// The page in which an object was looked at last.
    page: Option<u64>,
}

impl<'a, 'm, 'q> Counter<'a, 'm, 'q> {
    fn new(inventory: Inventory<'a, 'm>, query: &'q Query<'q>) -> Self {
        let names = Names::new(inventory.heap, inventory.strings);
        Self { inventory, query, names, groups: Vec::new(), known: FxHashMap::default(), page: None }
    }

    /// Finds out where objects of a map are counted, of which one is at hand.
    fn place_of_map(&mut self, object: ObjIx, addr: u64) -> Place {
        let heap = self.inventory.heap;
        let map = heap.maps.get(heap.objects.map(object));
        if !(self.query.kind)(map.kind) {
            return Place::Nowhere;
        }
        if self.query.by == By::Type && self.query.class.is_none() && self.query.property.is_none() {
            return self.group(self.type_name(&map), None);
        }
        if !map.kind.is_js_object() {
            return Place::Nowhere;
        }
        let is_function = matches!(map.kind, Kind::JsFunction | Kind::JsBoundFunction | Kind::JsRegExp);
        let differs = match map.kind {
            // Their own names are what a class may be asked for.
            _ if is_function => self.query.class.is_some(),
            _ => !self.names.class_and_scope(addr, &map).1 || map.is_dictionary(heap.layout) && self.wants_properties(),
        };
        if differs { Place::EachOwn } else { self.own_place(object, addr) }
    }

    /// Finds out where one object is counted.
    fn own_place(&mut self, object: ObjIx, addr: u64) -> Place {
        let heap = self.inventory.heap;
        self.look_at(addr);
        let map = heap.maps.get(heap.objects.map(object));
        let class = match map.kind {
            Kind::JsFunction | Kind::JsBoundFunction => "Function".to_owned(),
            Kind::JsRegExp => "RegExp".to_owned(),
            _ => self.names.object(addr, &map).to_string(),
        };
        let is_wanted = |wanted: &str| class == wanted || map.kind == Kind::JsFunction && self.names.function(addr) == wanted;
        if !self.query.class.is_none_or(is_wanted) {
            return Place::Nowhere;
        }
        let properties = self.wants_properties().then(|| self.properties(addr, &map)).flatten();
        if let Some(wanted) = self.query.property
            && !properties.iter().flatten().any(|name| name == wanted)
        {
            return Place::Nowhere;
        }
        match self.query.by {
            By::Type => self.group(self.type_name(&map), None),
            By::Class => self.group(class, None),
            By::Shape => self.group(class, properties),
        }
    }

    fn type_name(&self, map: &Map) -> String {
        self.inventory.heap.layout.types.name(map.instance_type).to_owned()
    }

    fn wants_properties(&self) -> bool {
        self.query.by == By::Shape || self.query.property.is_some()
    }

    /// Returns the names of an object's properties; functions and regular expressions are told apart by nothing but their class.
    fn properties(&self, addr: u64, map: &Map) -> Option<Vec<String>> {
        if matches!(map.kind, Kind::JsFunction | Kind::JsBoundFunction | Kind::JsRegExp) {
            return None;
        }
        let listed = self.inventory.heap.listed(addr, map).into_iter();
        Some(listed.map(|(key, _)| self.inventory.strings.key(key, NAME_LIMIT)).collect())
    }

    fn group(&mut self, name: String, properties: Option<Vec<String>>) -> Place {
        let next = self.groups.len() as u32;
        Place::Group(match self.known.entry((name, properties)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let (name, properties) = new.key().clone();
                self.groups.push(Group { name, properties, largest: 0, largest_size: 0, sum: Sum::default() });
                *new.insert(next)
            }
        })
    }

    fn count(&mut self, group: u32, addr: u64, size: u64) {
        let Some(group) = self.groups.get_mut(group as usize) else { return };
        if group.sum.objects == 0 || size > group.largest_size {
            (group.largest, group.largest_size) = (addr, size);
        }
        group.sum.objects += 1;
        group.sum.bytes += size;
    }

    /// Gives the page back that was looked at before. Objects come by address.
    fn look_at(&mut self, addr: u64) {
        let memory: &dyn Memory = self.inventory.strings.memory;
        let base = self.inventory.heap.pages.page(addr).map(|page| page.base);
        if base != self.page
            && let Some(left) = std::mem::replace(&mut self.page, base)
        {
            self.inventory.heap.pages.forget(memory, left);
        }
    }
}
