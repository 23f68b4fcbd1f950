//! References of JavaScript objects: properties, elements, prototype, and what each kind of object has besides.

use heap::{EdgeKind, StrIx};

use super::emitter::{Emitter, target_of};
use super::recipes::{Field, Recipe};
use super::tags::Tag;
use crate::kind::Kind;
use crate::maps::{Map, TAG, smi, strong};
use crate::properties::At;

impl Emitter<'_, '_, '_> {
    /// Writes the references of a JavaScript object.
    pub(super) fn js_object(&mut self, addr: u64, map: &Map, recipe: &Recipe) {
        let at = self.heap.layout.at;
        let w = self.words;
        match map.kind {
            Kind::JsMap | Kind::JsSet | Kind::JsWeakMap | Kind::JsWeakSet => self.internal_field(w.table, addr, at.collection_table),
            Kind::JsPromise => self.internal_field(w.reactions_or_result, addr, at.promise_result),
            Kind::JsGenerator => {
                self.internal_field(w.function, addr, at.generator_function);
                self.internal_field(w.context, addr, at.generator_context);
                self.internal_field(w.receiver, addr, at.generator_receiver);
                self.internal_field(w.registers, addr, at.generator_registers);
            }
            Kind::JsWeakRef => {
                let word = self.heap.field(addr, at.weak_ref_target).unwrap_or(0);
                self.weak(w.target, word, Some(at.weak_ref_target));
            }
            _ => {}
        }
        self.own_properties(addr, map, recipe);
        self.own_elements(addr, map);
        if map.kind == Kind::JsApiObject {
            self.embedder_fields(addr, map);
        }
        self.named(EdgeKind::PROPERTY, w.proto, recipe.prototype, None);
        self.by_kind(addr, map);
        for (name, offset, tag) in [(w.properties, at.object_properties, Tag::Properties), (w.elements, at.object_elements, Tag::Elements)]
        {
            let word = self.heap.field(addr, offset).unwrap_or(0);
            self.tag(word, tag);
            self.internal(name, word, Some(offset));
        }
    }

    fn own_properties(&mut self, addr: u64, map: &Map, recipe: &Recipe) {
        let Some(fields) = &recipe.fields else { return self.dictionary_properties(addr, map) };
        let is_outside =
            |field: &Field| matches!(field, Field::Plain { at: At::Outside(_), .. } | Field::Accessor { at: At::Outside(_), .. });
        let outside = if fields.iter().any(is_outside) { self.heap.outside(addr) } else { None };
        for field in fields {
            match *field {
                Field::Plain { kind, name, at } => {
                    if let Some((word, offset)) = self.heap.value(addr, outside, at) {
                        self.named(kind, name, word, offset);
                    }
                }
                Field::Accessor { key, at } => {
                    if let Some((word, offset)) = self.heap.value(addr, outside, at) {
                        self.accessor(key, word, offset);
                    }
                }
            }
        }
    }

    fn dictionary_properties(&mut self, addr: u64, map: &Map) {
        let mut found = Vec::new();
        self.heap.properties(addr, map, |property| {
            found.push(property);
            true
        });
        for property in found {
            let Some(key) = strong(property.key) else { continue };
            if property.accessor {
                self.accessor(key, property.value, property.offset);
            } else {
                let (kind, name) = self.property_name(key);
                self.named(kind, name, property.value, property.offset);
            }
        }
    }

    fn accessor(&mut self, key: u64, word: u64, offset: Option<u64>) {
        let Some(pair) = target_of(self.heap, word, Kind::AccessorPair) else { return };
        let at = self.heap.layout.at;
        let name = self.key(key);
        self.named(EdgeKind::PROPERTY, name, word, offset);
        for (prefix, offset) in [("get ", at.getter), ("set ", at.setter)] {
            let word = self.heap.field(pair, offset).unwrap_or(0);
            if target_of(self.heap, word, Kind::Oddball).is_some() {
                continue;
            }
            let text = match self.heap.kind(key) {
                Some(Kind::String) => self.names.strings().text(key, crate::names::NAME_LIMIT).map(|text| format!("{prefix}{text}")),
                _ => None,
            };
            let name = match text {
                Some(text) => self.rows.text(&text),
                None => name,
            };
            self.named(EdgeKind::PROPERTY, name, word, None);
        }
    }

    fn own_elements(&mut self, addr: u64, map: &Map) {
        let at = self.heap.layout.at;
        let Some(elements) = self.heap.target(addr, at.object_elements) else { return };
        match self.heap.kind(elements) {
            Some(Kind::NumberDictionary) => self.dictionary_elements(elements),
            Some(Kind::FixedArray) if has_objects(map.elements_kind, at.dictionary_elements) => {
                let length = self.heap.length(elements).unwrap_or(0);
                let shown = match map.kind {
                    Kind::JsArray => self.heap.smi(addr, at.array_length).and_then(|length| u64::try_from(length).ok()).unwrap_or(0),
                    _ => length,
                };
                for (index, word) in (0..).zip(self.heap.elements(elements, shown.min(length))) {
                    if word & 1 == 1
                        && !self.is_hole(word)
                        && let Some(to) = self.node(word)
                    {
                        self.rows.indexed(EdgeKind::ELEMENT, index, to);
                    }
                }
            }
            _ => {}
        }
    }

    /// Elements by number: three words of every table, one more, then key, value and details.
    fn dictionary_elements(&mut self, table: u64) {
        const FIRST: u64 = 4;
        let length = self.heap.length(table).unwrap_or(0);
        for at in (FIRST..length.saturating_sub(2)).step_by(3) {
            let Some(key) = self.heap.element(table, at) else { return };
            let number = self.heap.layout.at.number_value;
            let index = match smi(key) {
                Some(index) => u32::try_from(index).ok(),
                None => target_of(self.heap, key, Kind::HeapNumber)
                    .and_then(|boxed| self.heap.field(boxed, number))
                    .map(|bits| f64::from_bits(bits) as u32),
            };
            let value = self.heap.element(table, at + 1).and_then(|word| self.node(word));
            if let (Some(index), Some(to)) = (index, value) {
                self.rows.indexed(EdgeKind::ELEMENT, index, to);
            }
        }
    }

    /// Fields that belong to C++: numbered, and seldom references.
    fn embedder_fields(&mut self, addr: u64, map: &Map) {
        let first = self.heap.layout.at.embedder_fields;
        let end = 8 * u64::from(map.inobject_start);
        for (nth, offset) in (0..).zip((first..end).step_by(8)) {
            let word = self.heap.field(addr, offset).unwrap_or(0);
            if word & 3 == 1 {
                let name = self.rows.number(nth);
                self.internal(name, word, Some(offset));
            }
        }
    }

    /// What single kinds of objects have besides.
    fn by_kind(&mut self, addr: u64, map: &Map) {
        let w = self.words;
        match map.kind {
            Kind::JsBoundFunction => self.bound_function(addr),
            Kind::JsFunction => self.function(addr, map),
            Kind::JsGlobalObject => self.field_of_kind(w.global_proxy, addr, map, Kind::JsGlobalProxy),
            Kind::JsTypedArray | Kind::JsDataView => self.field_of_kind(w.buffer, addr, map, Kind::JsArrayBuffer),
            _ => {}
        }
    }

    /// Writes the field, behind those of every object, that leads to an object of some kind: no version has two of them.
    fn field_of_kind(&mut self, name: StrIx, addr: u64, map: &Map, kind: Kind) {
        let heap = self.heap;
        let leads = |offset: &u64| heap.field(addr, *offset).is_some_and(|word| target_of(heap, word, kind).is_some());
        if let Some(offset) = (24..u64::from(map.size)).step_by(8).find(leads) {
            self.internal_field(name, addr, offset);
        }
    }

    fn bound_function(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        let w = self.words;
        let arguments = self.heap.field(addr, at.bound_arguments).unwrap_or(0);
        self.tag(arguments, Tag::BoundArguments);
        self.internal_field(w.bindings, addr, at.bound_arguments);
        self.internal_field(w.bound_this, addr, at.bound_this);
        self.internal_field(w.bound_function, addr, at.bound_function);
        let Some(arguments) = strong(arguments) else { return };
        for nth in 0..self.heap.length(arguments).unwrap_or(0).min(1 << 16) {
            let Some(word) = self.heap.element(arguments, nth) else { return };
            let name = self.rows.text(&format!("bound_argument_{nth}"));
            self.named(EdgeKind::SHORTCUT, name, word, None);
        }
    }

    fn function(&mut self, addr: u64, map: &Map) {
        const HAS_PROTOTYPE_SLOT: u8 = 1 << 7;
        let at = self.heap.layout.at;
        let w = self.words;
        if map.bits & HAS_PROTOTYPE_SLOT != 0 {
            let word = self.heap.field(addr, at.function_prototype).unwrap_or(0);
            if let Some(initial_map) = target_of(self.heap, word, Kind::Map) {
                let prototype = self.heap.field(initial_map, at.map_prototype).unwrap_or(0);
                self.named(EdgeKind::PROPERTY, w.prototype, prototype, None);
                self.internal(w.initial_map, word, Some(at.function_prototype));
            } else if !self.heap.is_hole(word) {
                self.named(EdgeKind::PROPERTY, w.prototype, word, Some(at.function_prototype));
            }
        }
        self.internal_field(w.feedback_cell, addr, at.function_feedback);
        let shared = self.heap.field(addr, at.function_shared).unwrap_or(0);
        self.tag(shared, Tag::SharedFunctionInfo);
        self.internal(w.shared, shared, Some(at.function_shared));
        self.internal_field(w.context, addr, at.function_context);
        if self.heap.pages.dispatch().is_none() {
            self.internal_field(w.code, addr, at.function_code);
        } else if let Some(code) = self.heap.code_of(addr) {
            self.internal(w.code, code | TAG, None);
        }
    }

    /// The memory behind an ArrayBuffer: a node of its own, shared by all buffers that lead to it.
    pub(super) fn backing_store(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        let (store, length) = (self.heap.field(addr, at.buffer_store), self.heap.field(addr, at.buffer_length));
        if let (Some(store), Some(length)) = (store.filter(|&store| store != 0), length) {
            let node = self.native(store, length, "system / JSArrayBufferData");
            self.rows.edge(EdgeKind::INTERNAL, self.words.backing_store, node);
        }
    }
}

/// Says whether elements of a kind are objects: not small integers alone, nor doubles.
fn has_objects(kind: u8, dictionary: u64) -> bool {
    const OBJECTS: [u8; 2] = [2, 3];
    // Above the doubles come arrays that cannot grow, are sealed or frozen: those of objects too.
    OBJECTS.contains(&kind) || (kind > 5 && u64::from(kind) < dictionary) || (u64::from(kind) > dictionary && kind < dictionary as u8 + 3)
}
