//! Tells the numbers that objects hold, other values that are no nodes, and what objects of C++ are up to, out of the memory they came
//! from: one object at a time.

use heap::NodeId;
use heap::held::{Case, Extent, Held, Holder, Part, Primitive, PromiseState};

use crate::anatomy::Anatomy;
use crate::big_integer;
use crate::error_stack::{self, ErrorStack};
use crate::extents;
use crate::kind::Kind;
use crate::maps::{Map, pointer, smi, strong};
use crate::memory::Memory;
use crate::names::{NAME_LIMIT, Names};
use crate::node_side::{NodeSide, NodeView};
use crate::parts;
use crate::properties::{Property, Representation};
use crate::read::Found;
use crate::scope::Scope;
use crate::scripts::Scripts;
use crate::search::Search;
use crate::suspended;
use crate::text::Strings;
use crate::typed_arrays;
use crate::version::V8Version;
use crate::view::HeapView;

/// A memory that was read before, kept for what its graph leaves out.
pub struct MemoryHolder<M> {
    memory: M,
    anatomy: Anatomy,
}

impl<M: Memory + Send> MemoryHolder<M> {
    /// Keeps a memory together with what was found in it.
    #[must_use]
    pub fn new(memory: M, found: &Found) -> Self {
        Self::of(memory, found.anatomy.clone())
    }

    /// As `new`, where nothing but the anatomy is at hand.
    #[must_use]
    pub fn of(memory: M, anatomy: Anatomy) -> Self {
        Self { memory, anatomy }
    }

    /// Returns the memory.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Returns its anatomy.
    pub fn anatomy(&self) -> &Anatomy {
        &self.anatomy
    }
}

impl<M: Memory + Send> Holder for MemoryHolder<M> {
    fn held(&self, id: NodeId, most: usize) -> Held {
        let mut found = Held::default();
        self.held_each(&[id], most, &mut |_, held| found = held);
        found
    }

    fn held_each(&self, ids: &[NodeId], most: usize, each: &mut dyn FnMut(usize, Held)) {
        let memory: &dyn Memory = &self.memory;
        let side = NodeSide::without_handles(memory, &self.anatomy);
        self.anatomy.look(memory, |heap| {
            let strings = Strings { heap, memory };
            let scripts = Scripts::new(heap, strings);
            let reader = Reader { heap, strings, scripts: &scripts, most };
            for (at, id) in ids.iter().enumerate() {
                let held = match heap.map_of(id.0) {
                    Some(map) => reader.object(id.0, &map),
                    None => native(side.with(heap), id.0),
                };
                each(at, held);
            }
        });
    }

    fn extents(&self, ids: &[NodeId], each: &mut dyn FnMut(usize, Option<Extent>)) -> bool {
        let memory: &dyn Memory = &self.memory;
        self.anatomy.look(memory, |heap| {
            for (at, id) in ids.iter().enumerate() {
                each(at, extents::of(heap, memory, id.0));
            }
        });
        true
    }

    fn containing(&self, ids: &[NodeId], text: &str, case: Case, each: &mut dyn FnMut(usize, Option<bool>)) -> bool {
        let memory: &dyn Memory = &self.memory;
        let search = Search::new(text, case);
        self.anatomy.look(memory, |heap| {
            for (at, id) in ids.iter().enumerate() {
                each(at, search.is_in(Strings { heap, memory }, id.0));
            }
        });
        true
    }

    fn isolate(&self, id: NodeId) -> Option<u32> {
        let isolate = self.has_isolates().then(|| self.anatomy.isolate_of(id.0))??;
        Some(isolate as u32 + 1)
    }

    fn has_isolates(&self) -> bool {
        self.anatomy.isolates.len() > 1
    }
}

/// Reads one object.
#[derive(Clone, Copy)]
struct Reader<'a, 'm> {
    heap: HeapView<'a, 'm>,
    strings: Strings<'a, 'm>,
    scripts: &'a Scripts<'a, 'm>,
    most: usize,
}

/// Returns what an object of C++ holds: libuv's state of a handle, or whether a request is in flight.
fn native(view: NodeView<'_, '_>, addr: u64) -> Held {
    let Some(object) = view.base_object(addr) else { return Held::default() };
    let boolean = |(name, is): (&str, bool)| (name.to_owned(), Some(Primitive::Boolean(is)));
    let names = match view.uv_handle(&object) {
        Some(uv) => {
            let state = [("active", uv.is_active()), ("closing", uv.is_closing()), ("referenced", uv.is_referenced())];
            let fd = uv.fd.map(|fd| ("fd".to_owned(), Some(Primitive::Number(f64::from(fd)))));
            state.map(boolean).into_iter().chain(fd).collect()
        }
        None => vec![boolean(("in_flight", view.is_in_flight(&object)))],
    };
    Held { names, ..Held::default() }
}

/// What stands for a hole in an array of doubles.
const HOLE_NAN: u64 = 0xfff7_ffff_fff7_ffff;

impl Reader<'_, '_> {
    fn object(self, addr: u64, map: &Map) -> Held {
        match map.kind {
            Kind::HeapNumber => Held { value: self.double(addr), ..Held::default() },
            Kind::String => Held { text: self.strings.whole(addr, self.most), ..Held::default() },
            Kind::BigInt => Held { text: big_integer::digits(self.heap, addr), ..Held::default() },
            Kind::Context => Held { names: self.variables(addr), parts: self.named(self.parts().block(addr)), ..Held::default() },
            kind if kind.is_js_object() => self.js_object(addr, map),
            _ if self.heap.is_context_cell(map) => Held { value: self.cell(addr), ..Held::default() },
            kind if kind.is_fixed_array() => Held { elements: self.words(addr), ..Held::default() },
            _ => Held::default(),
        }
    }

    fn js_object(self, addr: u64, map: &Map) -> Held {
        let at = &self.heap.layout.at;
        let listed = self.heap.listed(addr, map);
        let key = |key: u64| self.strings.key(key, NAME_LIMIT);
        let unseen = listed.iter().filter(|&&(name, property)| self.is_unseen(name, property)).map(|&(name, _)| key(name)).collect();
        let names = listed.into_iter().map(|(name, property)| (key(name), self.property(property))).collect();
        let length = match map.kind {
            Kind::JsArray => self.heap.field(addr, at.array_length).and_then(|word| self.number(word)).map(|length| length as u64),
            _ => None,
        };
        let value = match map.kind {
            Kind::JsPrimitiveWrapper => self.heap.field(addr, at.wrapper_value).and_then(|word| self.primitive(word)),
            Kind::JsDate => self.heap.field(addr, at.date_value).and_then(|word| self.time(word)).map(Primitive::Number),
            _ => None,
        };
        let promise = (map.kind == Kind::JsPromise).then(|| self.promise(addr)).flatten();
        let settled = promise.is_some_and(|state| state != PromiseState::Pending);
        let result = || self.heap.field(addr, at.promise_result).and_then(|word| self.primitive(word));
        let value = if settled { result() } else { value };
        let backing = self.heap.target(addr, at.object_elements);
        let is_list = |&elements: &u64| map.kind == Kind::JsArguments && self.heap.kind(elements) == Some(Kind::FixedArray);
        let parts = self.named(self.parts().of(addr, map)).into_iter().chain(self.stack(addr, map)).collect();
        let length = length.or_else(|| self.heap.length(backing.filter(is_list)?));
        let length = length.or_else(|| (map.kind == Kind::JsArguments).then(|| self.parts().passed(addr))?);
        let (length, elements) = match map.kind {
            Kind::JsTypedArray => self.typed(addr, map),
            Kind::JsDataView => (extents::of_view(self.heap, addr, map).map(|(_, length)| length), vec![]),
            _ => (length, backing.map(|elements| self.elements(elements, length)).unwrap_or_default()),
        };
        let suspended = if map.kind == Kind::JsGenerator { suspended::place(self.heap, self.scripts, addr) } else { None };
        let suspended = suspended.map(|place| (place.line + 1, place.column + 1));
        let text = if map.kind == Kind::JsRegExp { self.flags(addr) } else { None };
        Held {
            names,
            elements,
            length,
            value,
            promise,
            suspended,
            text,
            parts,
            unseen,
            builtin: builtin(map.kind),
            class: self.class(addr, map),
            is_detached: map.kind == Kind::JsArrayBuffer && extents::is_detached(self.heap, addr),
            has_no_prototype: self.heap.field(map.addr, at.map_prototype).and_then(|word| self.oddball(word)) == Some(Primitive::Null),
        }
    }

    /// Returns the name of an object's constructor, where snapshots call it by the tag of a class of JavaScript's own.
    fn class(self, addr: u64, map: &Map) -> Option<String> {
        let is_by_tag = self.heap.layout.version < V8Version::new(10, 0) && builtin(map.kind).is_some();
        let names = is_by_tag.then(|| Names::new(self.heap, self.strings))?;
        // What was named by its constructor has one.
        let is_tagged = names.class(addr, map).constructor.is_none();
        is_tagged.then(|| names.constructed(addr, map)).flatten().map(|class| class.name.to_string())
    }

    fn parts(&self) -> parts::Reader<'_, '_> {
        parts::Reader { heap: self.heap, strings: self.strings, most: self.most }
    }

    /// Returns words with names as those see them who have the graph only.
    fn named(self, words: Vec<parts::Named>) -> Vec<(String, Part)> {
        let part = |word: u64| self.primitive(word).map(Part::Value).or_else(|| pointer(word).map(|addr| Part::Object(NodeId(addr))));
        words.into_iter().filter_map(|(name, word)| Some((name, part(word)?))).collect()
    }

    /// Returns the stack of an error, or of what `Error.captureStackTrace` was called with: its frames, or a text of the program's own.
    fn stack(self, addr: u64, map: &Map) -> Vec<(String, Part)> {
        match error_stack::Reader::new(self.heap, self.strings, self.scripts).stack(addr, map, self.most) {
            ErrorStack::Frames(frames) => frames.into_iter().map(|frame| ("at".to_owned(), Part::Words(frame))).collect(),
            ErrorStack::Text(text) => vec![("stack".to_owned(), Part::Object(NodeId(text)))],
        }
    }

    /// Says whether only V8 sees a property: its symbol is private and no `#name`, and has no description, or leads to the scope of a class
    /// with methods of such names.
    fn is_unseen(self, key: u64, property: Property) -> bool {
        let is_private = self.heap.kind(key) == Some(Kind::Symbol) && self.heap.is_private(key);
        let is_scope = || strong(property.value).and_then(|value| self.heap.kind(value)) == Some(Kind::Context);
        is_private && (self.strings.key(key, NAME_LIMIT) == "<symbol>" || is_scope())
    }

    /// Returns the flags of a regular expression, in the order in which JavaScript writes them.
    fn flags(self, addr: u64) -> Option<String> {
        const FLAGS: [(char, i64); 9] = [
            ('d', 1 << 7),
            ('g', 1),
            ('i', 1 << 1),
            ('l', 1 << 6),
            ('m', 1 << 2),
            ('s', 1 << 5),
            ('u', 1 << 4),
            ('v', 1 << 8),
            ('y', 1 << 3),
        ];
        let bits = self.heap.smi(addr, self.heap.layout.at.regexp_flags)?;
        Some(FLAGS.iter().filter(|(_, bit)| bits & bit != 0).map(|&(letter, _)| letter).collect())
    }

    fn typed(self, addr: u64, map: &Map) -> (Option<u64>, Vec<(u64, Primitive)>) {
        let found = typed_arrays::elements(self.heap, self.strings.memory, addr, map, self.most);
        found.map_or_else(Default::default, |(length, elements)| (Some(length), elements))
    }

    /// Returns a promise's state: the two lowest bits of its flags.
    fn promise(self, addr: u64) -> Option<PromiseState> {
        match self.heap.smi(addr, self.heap.layout.at.promise_flags)? & 3 {
            0 => Some(PromiseState::Pending),
            1 => Some(PromiseState::Fulfilled),
            2 => Some(PromiseState::Rejected),
            _ => None,
        }
    }

    /// Returns what the cell of a variable holds, where that is a number or an oddball.
    fn cell(self, addr: u64) -> Option<Primitive> {
        const INTEGER: u32 = 2;
        const DOUBLE: u32 = 3;
        let at = &self.heap.layout.at;
        match self.heap.half(addr, at.context_cell_state)? {
            INTEGER => self.heap.half(addr, at.context_cell_number).map(|bits| Primitive::Number(f64::from(bits as i32))),
            DOUBLE => self.heap.field(addr, at.context_cell_number).map(|bits| Primitive::Number(f64::from_bits(bits))),
            _ => self.primitive(self.heap.field(addr, at.context_cell_value)?),
        }
    }

    /// Returns what a word is, where that is no object of the graph.
    fn primitive(self, word: u64) -> Option<Primitive> {
        self.number(word).map(Primitive::Number).or_else(|| self.oddball(word))
    }

    /// Returns a property's value where it has no edge: a small integer, or a double of a field that holds only such.
    fn property(self, property: Property) -> Option<Primitive> {
        if property.accessor {
            return None;
        }
        match property.representation {
            Representation::Double => self.number(property.value).map(Primitive::Number),
            _ => integer(property.value),
        }
    }

    fn variables(self, context: u64) -> Vec<(String, Option<Primitive>)> {
        let scope = self.heap.element(context, 0).and_then(strong).and_then(|scope| Scope::of(self.heap, scope));
        let Some(scope) = scope else { return vec![] };
        let variables = scope.variables(self.heap).into_iter().chain(scope.function_variable(self.heap));
        variables.map(|(name, place)| (self.strings.key(name, NAME_LIMIT), self.heap.element(context, place).and_then(integer))).collect()
    }

    /// Returns the elements of an object that are numbers.
    fn elements(self, elements: u64, length: Option<u64>) -> Vec<(u64, Primitive)> {
        let present = self.heap.length(elements).unwrap_or(0).min(length.unwrap_or(u64::MAX));
        let words = (0..present).map_while(|index| Some((index, self.heap.element(elements, index)?)));
        match self.heap.kind(elements) {
            Some(Kind::FixedArray) => words.filter_map(|(index, word)| Some((index, integer(word)?))).take(self.most).collect(),
            Some(Kind::DoubleArray) => {
                let double = |(index, bits)| (bits != HOLE_NAN).then(|| (index, Primitive::Number(f64::from_bits(bits))));
                words.filter_map(double).take(self.most).collect()
            }
            Some(Kind::NumberDictionary) => self.in_dictionary(elements),
            _ => vec![],
        }
    }

    /// Elements by number: three words of every table, one more, then key, value and details.
    fn in_dictionary(self, table: u64) -> Vec<(u64, Primitive)> {
        let end = self.heap.length(table).unwrap_or(0).saturating_sub(2);
        let pairs = (4..end).step_by(3).map_while(|at| Some((self.heap.element(table, at)?, self.heap.element(table, at + 1)?)));
        let mut found: Vec<_> = pairs.filter_map(|(key, value)| Some((self.number(key)? as u64, integer(value)?))).collect();
        found.sort_by_key(|&(index, _)| index);
        found.truncate(self.most);
        found
    }

    /// Returns the words of one of V8's tables that have no edge, or none that V8 shows.
    fn words(self, table: u64) -> Vec<(u64, Primitive)> {
        let words = (0..self.heap.length(table).unwrap_or(0)).map_while(|index| Some((index, self.heap.element(table, index)?)));
        words.filter_map(|(index, word)| Some((index, integer(word).or_else(|| self.oddball(word))?))).take(self.most).collect()
    }

    fn oddball(self, word: u64) -> Option<Primitive> {
        const FALSE: i64 = 0;
        const TRUE: i64 = 1;
        const NULL: i64 = 3;
        if self.heap.is_hole(word) {
            return Some(Primitive::Hole);
        }
        match self.heap.oddball(strong(word)?)? {
            FALSE => Some(Primitive::Boolean(false)),
            TRUE => Some(Primitive::Boolean(true)),
            NULL => Some(Primitive::Null),
            other => (other == self.heap.layout.at.undefined as i64).then_some(Primitive::Undefined),
        }
    }

    /// Returns the number that a word is or leads to.
    fn number(self, word: u64) -> Option<f64> {
        match smi(word) {
            Some(value) => Some(value as f64),
            None => match self.double(strong(word)?)? {
                Primitive::Number(value) => Some(value),
                _ => None,
            },
        }
    }

    /// Returns the time of a Date: since V8 12.9 a raw double, a number before.
    fn time(self, word: u64) -> Option<f64> {
        let is_raw = self.heap.layout.version >= V8Version::new(12, 9);
        if is_raw { Some(f64::from_bits(word)) } else { self.number(word) }
    }

    fn double(self, addr: u64) -> Option<Primitive> {
        let boxed = self.heap.kind(addr) == Some(Kind::HeapNumber);
        boxed.then(|| self.heap.field(addr, self.heap.layout.at.number_value)).flatten().map(|bits| Primitive::Number(f64::from_bits(bits)))
    }
}

/// Returns the class of JavaScript's own whose objects are of a kind.
fn builtin(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::JsArray => Some("Array"),
        Kind::JsMap => Some("Map"),
        Kind::JsSet => Some("Set"),
        Kind::JsWeakMap => Some("WeakMap"),
        Kind::JsWeakSet => Some("WeakSet"),
        Kind::JsWeakRef => Some("WeakRef"),
        Kind::JsDate => Some("Date"),
        Kind::JsPromise => Some("Promise"),
        Kind::JsError => Some("Error"),
        Kind::JsArrayBuffer => Some("ArrayBuffer"),
        Kind::JsTypedArray => Some("TypedArray"),
        _ => None,
    }
}

fn integer(word: u64) -> Option<Primitive> {
    smi(word).map(|value| Primitive::Number(value as f64))
}
