//! References of V8's own objects: maps, functions' common parts, scripts, contexts, cells and tables.

use heap::EdgeKind;

use super::emitter::{Emitter, target_of};
use super::tags::Tag;
use crate::kind::Kind;
use crate::maps::{Map, strong};
use crate::scope::Scope;

/// An entry of a WeakMap or WeakSet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// The key's address.
    pub(super) key: u64,
    /// The word that leads to the value.
    pub(super) value: u64,
    /// The table's address.
    pub(super) table: u64,
}

impl Emitter<'_, '_, '_> {
    /// Finds the keys of all WeakMaps, whose nodes are written before or after the tables.
    pub(super) fn note_pairs(&mut self, table: u64) {
        for (_, key, value) in self.heap.ephemerons(table) {
            if let (Some(_), Some(_), Some(key)) = (self.node(key), self.node(value), strong(key)) {
                self.pairs.entry(key).or_default().push(Pair { key, value, table });
            }
        }
    }

    pub(super) fn map(&mut self, addr: u64, _meta: &Map) {
        let at = self.heap.layout.at;
        let w = self.words;
        self.transitions(addr);
        self.internal_field(w.descriptors, addr, at.map_descriptors);
        self.internal_field(w.prototype, addr, at.map_prototype);
        let word = self.heap.field(addr, at.map_constructor).unwrap_or(0);
        let name = match strong(word).and_then(|target| self.heap.kind(target)) {
            Some(Kind::NativeContext) => w.native_context,
            Some(Kind::Map) => w.back_pointer,
            Some(Kind::Struct) => w.constructor_function_data,
            _ => w.constructor,
        };
        self.internal(name, word, Some(at.map_constructor));
        let dependent = self.heap.field(addr, at.map_dependent_code).unwrap_or(0);
        self.tag(dependent, Tag::DependentCode);
        self.internal(w.dependent_code, dependent, Some(at.map_dependent_code));
        let validity = self.heap.field(addr, at.map_validity_cell).unwrap_or(0);
        if target_of(self.heap, validity, Kind::Cell).is_some() {
            self.tag(validity, Tag::ValidityCell);
        }
    }

    /// Tags the users of a prototype, which are in arrays; a module's namespace may stand beside them.
    pub(super) fn prototype_info(&mut self, addr: u64) {
        for nth in 1..=4 {
            let word = self.heap.field(addr, 8 * nth).unwrap_or(0);
            if matches!(strong(word).and_then(|target| self.heap.kind(target)), Some(Kind::WeakArrayList | Kind::FixedArray)) {
                self.tag(word, Tag::PrototypeUsers);
            }
        }
    }

    /// The transitions of a map: prototypes that objects of it were given, then other maps.
    pub(super) fn transition_array(&mut self, addr: u64) {
        let prototypes = self.heap.element(addr, 0).unwrap_or(0);
        self.tag(prototypes, Tag::PrototypeTransitions);
        self.weak_array(addr, 16);
    }

    /// A map's transitions: one map, held weakly, a table of them, or what a prototype's map keeps.
    fn transitions(&mut self, addr: u64) {
        let offset = self.heap.layout.at.map_transitions;
        let w = self.words;
        let word = self.heap.field(addr, offset).unwrap_or(0);
        if word & 3 == 3 {
            return self.weak(w.transition, word, Some(offset));
        }
        match strong(word).and_then(|target| self.heap.kind(target)) {
            Some(Kind::TransitionArray) => {
                self.tag(word, Tag::TransitionArray);
                self.internal(w.transitions, word, Some(offset));
            }
            Some(Kind::FixedArray) => {
                self.tag(word, Tag::Transition);
                self.internal(w.transition, word, Some(offset));
            }
            Some(Kind::PrototypeInfo) => self.internal(w.prototype_info, word, Some(offset)),
            _ => {}
        }
    }

    pub(super) fn shared_function_info(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        let w = self.words;
        self.internal_field(w.name_or_scope_info, addr, at.shared_name);
        let version = self.heap.layout.version.major;
        if version >= 12 {
            self.tag(addr | 1, Tag::SharedFunctionInfo);
        }
        self.internal_field(if version < 12 { w.script_or_debug_info } else { w.script }, addr, at.shared_script);
        if version < 13 {
            self.internal_field(w.function_data, addr, at.shared_data);
        } else {
            self.internal_field(w.trusted_function_data, addr, at.shared_data);
            self.internal_field(w.untrusted_function_data, addr, at.shared_untrusted_data);
        }
        self.internal_field(w.outer_scope_info, addr, at.shared_metadata);
    }

    pub(super) fn script(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        let w = self.words;
        self.internal_field(w.source, addr, at.script_source);
        self.internal_field(w.name, addr, at.script_name);
        self.internal_field(w.context_data, addr, at.script_context_data);
        let ends = self.heap.field(addr, at.script_line_ends).unwrap_or(0);
        self.tag(ends, Tag::LineEnds);
        self.internal(w.line_ends, ends, Some(at.script_line_ends));
        for (offset, tag) in [(at.script_infos, Tag::Infos), (at.script_host_options, Tag::HostOptions)] {
            let word = self.heap.field(addr, offset).unwrap_or(0);
            self.tag(word, tag);
        }
    }

    /// Tags what a boilerplate, an enum cache or a prototype's data consists of.
    pub(super) fn parts(&mut self, addr: u64, tag: Tag, fields: u64) {
        for nth in 1..=fields {
            let word = self.heap.field(addr, 8 * nth).unwrap_or(0);
            self.tag(word, tag);
        }
    }

    /// Tags the table that holds the names of a scope with many variables.
    pub(super) fn names_in_table(&mut self, addr: u64) {
        for offset in (24..64).step_by(8) {
            let word = self.heap.field(addr, offset).unwrap_or(0);
            if target_of(self.heap, word, Kind::HashTable).is_some() {
                self.tag(word, Tag::ContextLocalNames);
            }
        }
    }

    pub(super) fn property_cell(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        self.internal_field(self.words.value, addr, at.property_cell_value);
        let dependent = self.heap.field(addr, at.property_cell_value + 8).unwrap_or(0);
        self.tag(dependent, Tag::DependentCode);
        self.internal(self.words.dependent_code, dependent, Some(at.property_cell_value + 8));
    }

    pub(super) fn allocation_site(&mut self, addr: u64) {
        let w = self.words;
        self.internal_field(w.transition_info, addr, 8);
        self.internal_field(w.nested_site, addr, 16);
        let dependent = self.heap.field(addr, 24).unwrap_or(0);
        self.tag(dependent, Tag::DependentCode);
        self.internal(w.dependent_code, dependent, Some(24));
    }

    pub(super) fn feedback_vector(&mut self, addr: u64) {
        let first = self.heap.layout.at.feedback_slots;
        let slots = u64::from(self.heap.half(addr, 8).unwrap_or(0));
        for slot in 0..slots {
            let Some(word) = self.heap.field(addr, first + 8 * slot) else { return };
            let kind = strong(word).and_then(|target| self.heap.kind(target));
            if matches!(kind, Some(Kind::WeakFixedArray | Kind::FixedArray)) {
                self.tag(word, Tag::Feedback);
            }
        }
    }

    pub(super) fn descriptors(&mut self, addr: u64) {
        let first = self.heap.layout.at.descriptors_start;
        self.internal_field(self.words.enum_cache, addr, first - 8);
        let entries = u64::from(self.heap.pages.short(addr + 8).unwrap_or(0));
        self.numbered(addr, first, 3 * entries);
    }

    pub(super) fn weak_array(&mut self, addr: u64, header: u64) {
        let length = self.heap.length(addr).unwrap_or(0);
        self.numbered(addr, header, length);
    }

    /// Words that may be weak, named by their number.
    fn numbered(&mut self, addr: u64, first: u64, count: u64) {
        for nth in 0..count {
            let offset = first + 8 * nth;
            let Some(word) = self.heap.field(addr, offset) else { return };
            if word & 1 == 0 || word == 3 {
                continue;
            }
            self.numbered_field(nth as u32, word, offset, word & 3 == 3);
        }
    }

    /// Says whether an array is one of those that V8 12 and later keep apart from the heap that scripts may corrupt.
    pub(super) fn is_trusted(&self, map: &Map) -> bool {
        let name = self.heap.layout.types.name(map.instance_type);
        name.starts_with("TRUSTED") || name.starts_with("PROTECTED")
    }

    pub(super) fn fixed_array(&mut self, addr: u64) {
        let heap = self.heap;
        let length = heap.length(addr).unwrap_or(0);
        let is_cache = self.survey.caches.contains(&addr);
        for (nth, word) in (0..).zip(heap.elements(addr, length)) {
            if word & 3 == 1 {
                self.numbered_field(nth, word, 16 + 8 * u64::from(nth), is_cache);
            }
        }
    }

    /// Writes a field that has a number for a name, in digits.
    fn numbered_field(&mut self, number: u32, word: u64, offset: u64, is_weak: bool) {
        if let Some(to) = self.essential(word) {
            let name = self.rows.number(number);
            self.rows.edge(if is_weak { EdgeKind::WEAK } else { EdgeKind::INTERNAL }, name, to);
            self.mark(Some(offset));
        }
    }

    /// Bytecode: constants in arrays of arrays, then tables of bytes.
    pub(super) fn bytecode(&mut self, addr: u64) {
        let end = self.heap.layout.at.bytecode_start & !7;
        for offset in (16..end).step_by(8) {
            let word = self.heap.field(addr, offset).unwrap_or(0);
            match strong(word).and_then(|target| self.heap.kind(target)) {
                Some(Kind::FixedArray) => self.constants(word, 3),
                // V8 9 does not look into bytecode.
                Some(Kind::ByteArray) if self.heap.layout.version.major < 10 => {}
                Some(Kind::ByteArray) if offset == self.heap.layout.at.bytecode_positions => self.tag(word, Tag::SourcePositions),
                Some(Kind::ByteArray) => self.tag(word, Tag::HandlerTable),
                _ => {}
            }
        }
    }

    /// Tags constants: arrays in arrays, as deep as V8 looks.
    fn constants(&mut self, word: u64, depth: u32) {
        let Some(addr) = strong(word) else { return };
        match self.heap.kind(addr) {
            Some(Kind::FixedArray) => {
                self.tag(word, Tag::ConstantPool);
                for nth in (0..self.heap.length(addr).unwrap_or(0)).take_while(|_| depth > 1) {
                    let Some(element) = self.heap.element(addr, nth) else { return };
                    self.constants(element, depth - 1);
                }
            }
            Some(Kind::NameDictionary | Kind::NumberDictionary) => self.tag(word, Tag::ConstantPool),
            _ => {}
        }
    }

    /// A context: its variables by name, then what every context has.
    pub(super) fn context(&mut self, addr: u64, map: &Map) {
        const SCOPE: u64 = 0;
        const PREVIOUS: u64 = 1;
        let w = self.words;
        let scope = self.heap.element(addr, SCOPE).and_then(strong).and_then(|scope| Scope::of(self.heap, scope));
        if let Some(scope) = scope.filter(|scope| map.kind == Kind::Context && scope.declares()) {
            for (name, place) in scope.variables(self.heap).into_iter().chain(scope.function_variable(self.heap)) {
                self.variable(addr, name, place);
            }
        }
        self.internal_field(w.scope_info, addr, 16 + 8 * SCOPE);
        self.internal_field(w.previous, addr, 16 + 8 * PREVIOUS);
        if scope.is_some_and(|scope| scope.header(self.heap) > 2) || map.kind == Kind::NativeContext {
            self.internal_field(w.extension, addr, 16 + 16);
        }
        if map.kind == Kind::NativeContext {
            let data = self.heap.field(addr, self.heap.layout.at.embedder_data).unwrap_or(0);
            self.tag(data, Tag::ContextData);
        }
    }

    fn variable(&mut self, context: u64, name: u64, place: u64) {
        let offset = 16 + 8 * place;
        let (Some(word), true) = (self.heap.field(context, offset), place < self.heap.length(context).unwrap_or(0)) else { return };
        let name = self.key(name);
        self.named(EdgeKind::CONTEXT, name, word, Some(offset));
    }

    /// The table of a WeakMap: keys and values weakly, and each pair as V8 writes it, from the table and from the key.
    pub(super) fn ephemerons(&mut self, addr: u64) {
        for (at, key, value) in self.heap.ephemerons(addr) {
            let (key_name, value_name) = (self.rows.number(at as u32), self.rows.number(at as u32 + 1));
            self.weak(key_name, key, Some(16 + 8 * at));
            self.weak(value_name, value, Some(16 + 8 * at + 8));
            if let Some(key) = strong(key) {
                self.pair(Pair { key, value, table: addr });
            }
        }
    }

    /// Writes the half of a pair that starts at the present object: its table, or its key.
    pub(super) fn pair(&mut self, pair: Pair) {
        if let (Some(_), Some(to), false) = (self.node(pair.key | 1), self.node(pair.value), self.heap.is_undefined(pair.key | 1)) {
            let name = self.pair_name(pair);
            self.rows.edge(EdgeKind::INTERNAL, name, to);
        }
    }

    fn pair_name(&mut self, pair: Pair) -> heap::StrIx {
        let described = |addr: u64| {
            let map = self.heap.map_of(addr);
            let name = map.filter(|map| map.kind.is_js_object()).map(|map| self.names.class(addr, &map).name.to_string());
            (name.unwrap_or_default(), addr)
        };
        let table = pair.table;
        let ((key_name, key), (value_name, value)) = (described(pair.key), described(strong(pair.value).unwrap_or(0)));
        let text = format!("1 / part of key ({key_name} @{key}) -> value ({value_name} @{value}) pair in WeakMap (table @{table})");
        self.rows.text(&text)
    }
}
