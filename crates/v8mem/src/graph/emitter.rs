//! Writes nodes with their edges, one object after the other, and remembers what later ones need.

use std::rc::Rc;

use heap::bitset::RankedBits;
use heap::rows::Rows;
use heap::{EdgeKind, HeapGraph, NodeId, NodeIx, NodeKind, Problems, StrIx};
use rustc_hash::FxHashMap;

use super::Parts;
use super::internals::Pair;
use super::places::Places;
use super::recipes::Recipe;
use super::survey::Survey;
use super::tags::Tag;
use super::words::Words;
use crate::kind::Kind;
use crate::maps::{Map, strong};
use crate::marking::{weak_fields, words};
use crate::names::{NAME_LIMIT, Names};
use crate::objects::ObjIx;
use crate::relocation::embedded;
use crate::scripts::Scripts;
use crate::text::{Representation, representation, width};
use crate::version::V8Version;
use crate::view::HeapView;

/// The longest source text that is kept whole.
const SOURCE_LIMIT: usize = 16 << 20;

/// A piece of memory outside the heap that an object owns.
struct Outside {
    node: NodeIx,
    kind: NodeKind,
    name: StrIx,
    id: u64,
    size: u64,
    /// By name.
    edges: Vec<(StrIx, NodeIx)>,
    /// By number.
    elements: Vec<NodeIx>,
}

/// Writes a graph.
pub(super) struct Emitter<'a, 'm, 'e> {
    pub(super) rows: Rows,
    pub(super) heap: HeapView<'a, 'm>,
    pub(super) names: &'e Names<'a, 'm>,
    pub(super) words: Words,
    chosen: &'e RankedBits,
    first_object: u32,
    pub(super) survey: &'a Survey,
    /// Which fields of the present object have an edge already, one bit a word.
    visited: Vec<u64>,
    /// What each node is used for, by position among objects.
    tags: Vec<Tag>,
    natives: Vec<Outside>,
    native_by_addr: FxHashMap<u64, NodeIx>,
    /// By the wrapper's address.
    pub(super) native_of_wrapper: FxHashMap<u64, NodeIx>,
    /// Objects of C++ that hang on the root.
    pub(super) open_natives: Vec<NodeIx>,
    pub(super) to_native: StrIx,
    keys: FxHashMap<u64, StrIx>,
    /// By the functions' common part.
    functions: FxHashMap<u64, StrIx>,
    /// The names of machine code, by its address.
    pub(super) code_names: FxHashMap<u64, StrIx>,
    /// By the map's place.
    pub(super) recipes: Vec<Option<Rc<Recipe>>>,
    types: FxHashMap<u16, (NodeKind, StrIx)>,
    pub(super) pairs: FxHashMap<u64, Vec<Pair>>,
    pub(super) places: Places<'a, 'm>,
    units: Vec<u16>,
}

impl<'a, 'm, 'e> Emitter<'a, 'm, 'e> {
    pub(super) fn new(parts: &Parts<'a, 'm>, chosen: &'e RankedBits, names: &'e Names<'a, 'm>, first_object: u32) -> Self {
        // Groups and memory of C++ come besides, and most heaps have about three references an object.
        let nodes = chosen.count() + chosen.count() / 64 + 4096;
        let mut rows = Rows::with_room(nodes, 4 * nodes);
        let words = Words::new(&mut rows);
        Self {
            rows,
            heap: parts.heap,
            names,
            words,
            chosen,
            first_object,
            survey: parts.survey,
            visited: Vec::new(),
            tags: vec![Tag::None; chosen.count()],
            natives: Vec::new(),
            native_by_addr: FxHashMap::default(),
            native_of_wrapper: FxHashMap::default(),
            open_natives: Vec::new(),
            to_native: words.empty,
            keys: FxHashMap::default(),
            functions: FxHashMap::default(),
            code_names: FxHashMap::default(),
            recipes: Vec::new(),
            types: FxHashMap::default(),
            pairs: FxHashMap::default(),
            places: Places::new(Scripts::new(parts.heap, parts.strings)),
            units: Vec::new(),
        }
    }

    /// Finds the pairs of WeakMaps, which are written with their keys too.
    pub(super) fn prepare(&mut self) {
        let survey = self.survey;
        for &(object, addr) in &survey.tables {
            if self.chosen.get(object.0) {
                self.note_pairs(addr);
            }
        }
    }

    /// Returns the nodes of realms that are held strongly, or of their global objects.
    pub(super) fn realms(&self) -> Vec<NodeIx> {
        self.survey.realms.iter().filter_map(|&object| self.node_of(object)).collect()
    }

    /// Returns an object's node.
    #[inline]
    pub(super) fn node_of(&self, object: ObjIx) -> Option<NodeIx> {
        Some(NodeIx(self.first_object + self.chosen.place(object.0)? as u32))
    }

    /// Returns the node that a word leads to, strongly or weakly.
    #[inline]
    pub(super) fn node(&self, word: u64) -> Option<NodeIx> {
        self.node_of(self.heap.object(word)?)
    }

    /// Returns the node that a word leads to, if V8 shows references to it.
    #[inline]
    pub(super) fn essential(&self, word: u64) -> Option<NodeIx> {
        let object = self.heap.object(word)?;
        if self.survey.everywhere.get(object.0) { None } else { self.node_of(object) }
    }

    /// Says whether a word is the hole: what stands where there is no element.
    pub(super) fn is_hole(&self, word: u64) -> bool {
        self.heap.object(word).is_some_and(|object| self.survey.everywhere.get(object.0)) && self.heap.is_hole(word)
    }

    /// Writes one object with all its edges.
    pub(super) fn object(&mut self, object: ObjIx, addr: u64) {
        let ix = self.heap.objects.map(object);
        let map = self.heap.maps.get(ix);
        let size = self.heap.objects.size(object);
        let recipe = map.kind.is_js_object().then(|| self.recipe(ix, addr, &map));
        let recipe = recipe.as_deref();
        let (kind, name) = match recipe {
            Some(recipe) => self.describe_js(addr, &map, recipe),
            None => self.describe(addr, &map),
        };
        let node = self.rows.node(kind, name, NodeId(addr), self.shown_size(addr, &map, size));
        self.visited.clear();
        self.visited.resize((size / 8).div_ceil(64) as usize + 1, 0);
        self.references(addr, &map, recipe);
        if let Some(pairs) = self.pairs.remove(&addr) {
            pairs.into_iter().for_each(|pair| self.pair(pair));
        }
        let map_word = self.heap.field(addr, 0).unwrap_or(0);
        self.internal(self.words.map, map_word, Some(0));
        self.others(addr, &map, size);
        if let Some(recipe) = recipe {
            if let Some(&native) = self.native_of_wrapper.get(&addr) {
                self.rows.edge(EdgeKind::INTERNAL, self.to_native, native);
            }
            self.place(node, addr, &map, recipe);
        }
    }

    /// Since V8 13 objects that nobody writes count as nothing, for isolates share them, and external strings count their characters.
    fn shown_size(&self, addr: u64, map: &Map, size: u64) -> u64 {
        if self.heap.layout.version.major < 13 {
            return size;
        }
        if self.heap.pages.page(addr).is_some_and(|page| page.heap == 0) {
            return 0;
        }
        let external = map.kind == Kind::String && representation(map.instance_type) == Representation::External;
        let length = if external { self.names.strings().length(addr).unwrap_or(0) } else { 0 };
        size + length * width(map.instance_type)
    }

    /// Every other reference, by number.
    fn others(&mut self, addr: u64, map: &Map, size: u64) {
        let heap = self.heap;
        let Some(page) = heap.pages.page(addr) else { return };
        let weak = weak_fields(heap, map.kind, size);
        let mut index = 0;
        for (offset, word) in words(heap, page, addr, (map.kind, map.instance_type), size) {
            if word & 1 == 0 || self.is_visited(offset) {
                continue;
            }
            let Some(object) = heap.object(word) else { continue };
            let Some(to) = self.node_of(object) else { continue };
            index += 1;
            if self.survey.everywhere.get(object.0) || weak.contains(&offset) {
                continue;
            }
            if word & 3 == 3 && self.tells_weak() {
                let name = self.rows.number(index - 1);
                self.rows.edge(EdgeKind::WEAK, name, to);
            } else {
                self.rows.indexed(EdgeKind::HIDDEN, index - 1, to);
            }
        }
        self.embedded(addr, map, index);
    }

    /// Says whether V8 tells which of the references that it numbers are weak: V8 9 calls them all hidden.
    fn tells_weak(&self) -> bool {
        self.heap.layout.version >= V8Version::new(10, 0)
    }

    /// What instructions refer to, numbered on.
    fn embedded(&mut self, addr: u64, map: &Map, first: u32) {
        for (index, embedded) in (first..).zip(embedded(self.heap, addr, map.kind)) {
            let Some(to) = self.essential(embedded.word) else { continue };
            if embedded.weak && self.tells_weak() {
                let name = self.rows.number(index);
                self.rows.edge(EdgeKind::WEAK, name, to);
            } else {
                self.rows.indexed(EdgeKind::HIDDEN, index, to);
            }
        }
    }

    fn is_visited(&self, offset: u64) -> bool {
        let at = offset / 8;
        self.visited.get((at / 64) as usize).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }

    /// Marks a field as one that has its edge.
    pub(super) fn mark(&mut self, offset: Option<u64>) {
        let Some(at) = offset.map(|offset| offset / 8) else { return };
        if let Some(bits) = self.visited.get_mut((at / 64) as usize) {
            *bits |= 1 << (at % 64);
        }
    }

    /// Writes a field that V8 names, unless every heap has its target.
    pub(super) fn internal(&mut self, name: StrIx, word: u64, offset: Option<u64>) {
        if let Some(to) = self.essential(word) {
            self.rows.edge(EdgeKind::INTERNAL, name, to);
            self.mark(offset);
        }
    }

    /// Writes a named field of the object at `addr`.
    pub(super) fn internal_field(&mut self, name: StrIx, addr: u64, offset: u64) {
        if let Some(word) = self.heap.field(addr, offset) {
            self.internal(name, word, Some(offset));
        }
    }

    /// Writes a reference that keeps nothing alive.
    pub(super) fn weak(&mut self, name: StrIx, word: u64, offset: Option<u64>) {
        if let Some(to) = self.essential(word) {
            self.rows.edge(EdgeKind::WEAK, name, to);
            self.mark(offset);
        }
    }

    /// Writes a property, an element's object or a variable: V8 shows those whatever they lead to.
    pub(super) fn named(&mut self, kind: EdgeKind, name: StrIx, word: u64, offset: Option<u64>) {
        if let Some(to) = self.node(word) {
            self.rows.edge(kind, name, to);
            self.mark(offset);
        }
    }

    /// Says what an array is used for.
    pub(super) fn tag(&mut self, word: u64, tag: Tag) {
        if let Some(node) = self.essential(word) {
            let slot = &mut self.tags[(node.0 - self.first_object) as usize];
            if *slot == Tag::None {
                *slot = tag;
            }
        }
    }

    /// Returns the position of a property's name: the address of a string or a symbol.
    pub(super) fn key(&mut self, addr: u64) -> StrIx {
        if let Some(&known) = self.keys.get(&addr) {
            return known;
        }
        let name = if self.heap.kind(addr) == Some(Kind::Symbol) {
            let text = self.names.strings().key(addr, NAME_LIMIT);
            self.rows.text(&text)
        } else {
            self.string(addr, NAME_LIMIT)
        };
        self.keys.insert(addr, name);
        name
    }

    /// Keeps the text of the string at an address.
    pub(super) fn string(&mut self, addr: u64, limit: usize) -> StrIx {
        if let Some(bytes) = self.names.strings().latin1(addr, limit) {
            return self.rows.latin1(bytes);
        }
        let mut units = std::mem::take(&mut self.units);
        units.clear();
        self.names.strings().read(addr, limit, &mut units);
        units.truncate(limit);
        let text = self.rows.units(units.iter().copied());
        self.units = units;
        text
    }

    /// Returns the kind and name of an object's node.
    fn describe(&mut self, addr: u64, map: &Map) -> (NodeKind, StrIx) {
        let at = &self.heap.layout.at;
        match map.kind {
            Kind::String => match representation(map.instance_type) {
                Representation::Cons => (NodeKind::CONS_STRING, self.words.concatenated_string),
                Representation::Sliced => (NodeKind::SLICED_STRING, self.words.sliced_string),
                _ => (NodeKind::STRING, self.string(addr, if self.survey.sources.contains(&addr) { SOURCE_LIMIT } else { NAME_LIMIT })),
            },
            Kind::Symbol if self.heap.is_private(addr) => (NodeKind::HIDDEN, self.rows.text("private symbol")),
            Kind::Symbol => (NodeKind::SYMBOL, self.words.symbol),
            Kind::BigInt => (NodeKind::BIGINT, self.words.bigint),
            Kind::HeapNumber => (NodeKind::NUMBER, self.words.heap_number),
            Kind::Code | Kind::InstructionStream => (NodeKind::CODE, self.code_name(addr)),
            Kind::SharedFunctionInfo => (NodeKind::CODE, self.shared_name(addr)),
            Kind::Script => (NodeKind::CODE, self.text_field(addr, at.script_name)),
            Kind::NativeContext => (NodeKind::HIDDEN, self.rows.text("system / NativeContext")),
            Kind::Context => (NodeKind::OBJECT, self.words.system_context),
            // Node 16 to 22 do not tell oddballs apart.
            Kind::Oddball if self.heap.layout.version.major >= 13 => (NodeKind::HIDDEN, self.text_field(addr, at.oddball_string)),
            _ => self.system(addr, map),
        }
    }

    pub(super) fn text_field(&mut self, addr: u64, offset: u64) -> StrIx {
        match self.heap.target(addr, offset).filter(|&text| self.heap.kind(text) == Some(Kind::String)) {
            Some(text) => self.string(text, NAME_LIMIT),
            None => self.words.empty,
        }
    }

    /// Returns a function's name.
    pub(super) fn function_name(&mut self, function: u64) -> StrIx {
        match self.heap.target(function, self.heap.layout.at.function_shared) {
            Some(shared) => self.shared_name(shared),
            None => self.words.empty,
        }
    }

    fn shared_name(&mut self, shared: u64) -> StrIx {
        if let Some(&known) = self.functions.get(&shared) {
            return known;
        }
        let name = self.rows.text(&self.names.shared(shared));
        self.functions.insert(shared, name);
        name
    }

    /// The kind and name of an internal object, which its type decides.
    fn system(&mut self, addr: u64, map: &Map) -> (NodeKind, StrIx) {
        let (kind, name) = match self.types.get(&map.instance_type) {
            Some(&known) => known,
            None => {
                let system = system_kind(self.heap.layout.types.name(map.instance_type), self.heap.layout.version);
                let name = match system {
                    NodeKind::ARRAY => self.words.empty,
                    _ if is_plain_array(map.kind, self.heap.layout.version) => self.words.empty,
                    _ => self.rows.text(&self.heap.layout.types.system_name(map.instance_type)),
                };
                self.types.insert(map.instance_type, (system, name));
                (system, name)
            }
        };
        let shared = || self.heap.pages.page(addr).is_some_and(|page| page.heap == 0);
        // Maps that nobody writes describe V8's own objects, no shapes of the user's.
        if map.kind != Kind::Map {
            return (kind, name);
        }
        (if kind == NodeKind::OBJECT_SHAPE && shared() { NodeKind::HIDDEN } else { kind }, self.map_name(addr, name))
    }

    /// V8 says of maps of strings which strings.
    fn map_name(&mut self, addr: u64, name: StrIx) -> StrIx {
        let described = self.heap.pages.short(addr + self.heap.layout.at.map_type).unwrap_or(u16::MAX);
        if u64::from(described) >= self.heap.layout.at.first_nonstring || self.heap.layout.version < V8Version::new(10, 0) {
            return name;
        }
        let of = crate::kind::system_name(self.heap.layout.types.name(described));
        self.rows.text(&format!("system / Map ({})", of.trim_start_matches("system / ")))
    }

    /// Returns the node of memory outside the heap, which is written after all objects.
    pub(super) fn native(&mut self, addr: u64, size: u64, name: &str) -> NodeIx {
        if let Some(&known) = self.native_by_addr.get(&addr) {
            return known;
        }
        let node = NodeIx(self.first_object + (self.tags.len() + self.natives.len()) as u32);
        let name = self.rows.text(name);
        self.natives.push(Outside { node, kind: NodeKind::NATIVE, name, id: addr, size, edges: vec![], elements: vec![] });
        self.native_by_addr.insert(addr, node);
        node
    }

    /// Gives memory outside the heap, the last that was noted, another kind and edges.
    pub(super) fn describe_native(&mut self, node: NodeIx, kind: NodeKind, edges: Vec<(StrIx, NodeIx)>, elements: Vec<NodeIx>) {
        if let Some(native) = self.natives.last_mut().filter(|native| native.node == node) {
            (native.kind, native.edges, native.elements) = (kind, edges, elements);
        }
    }

    /// Writes the memory outside the heap.
    pub(super) fn natives(&mut self) {
        for native in std::mem::take(&mut self.natives) {
            let node = self.rows.node(native.kind, native.name, NodeId(native.id), native.size);
            debug_assert_eq!(node, native.node);
            for (name, to) in native.edges {
                self.rows.edge(EdgeKind::INTERNAL, name, to);
            }
            for (index, to) in (1..).zip(native.elements) {
                self.rows.indexed(EdgeKind::ELEMENT, index, to);
            }
        }
    }

    /// Names what has no name by its use, and makes the graph.
    pub(super) fn finish(mut self) -> (HeapGraph, Problems) {
        let version = self.heap.layout.version;
        let trusted = self.rows.text("system / TrustedFixedArray");
        let mut known: FxHashMap<u8, (StrIx, Option<NodeKind>)> = FxHashMap::default();
        for (nth, tag) in self.tags.iter().enumerate().filter(|(_, tag)| **tag != Tag::None) {
            let (name, kind) = *known.entry(*tag as u8).or_insert_with(|| {
                let (name, kind) = tag.name(version);
                (self.rows.text(name), kind)
            });
            let node = NodeIx(self.first_object + nth as u32);
            self.rows.describe(node, (self.words.empty, name), kind);
            if *tag == Tag::ConstantPool {
                self.rows.describe(node, (trusted, name), kind);
            }
        }
        self.rows.finish()
    }
}

/// Says whether V8 counts an object as an array that has no name: up to V8 11 there were more of them.
pub(super) fn is_plain_array(kind: Kind, version: V8Version) -> bool {
    version.major < 12 && matches!(kind, Kind::ClosureFeedbackCells | Kind::BoilerplateDescription)
}

/// The kind that snapshots give an internal object. V8 9 calls nearly all of it hidden, 10 knows code, 11 shapes.
fn system_kind(type_name: &str, version: V8Version) -> NodeKind {
    const CODE: [&str; 21] = [
        "ALLOCATION_SITE",
        "ARRAY_BOILERPLATE_DESCRIPTION",
        "BYTECODE_ARRAY",
        "BYTECODE_WRAPPER",
        "CLOSURE_FEEDBACK_CELL_ARRAY",
        "CODE_WRAPPER",
        "CODE_DATA_CONTAINER",
        "FEEDBACK_CELL",
        "FEEDBACK_METADATA",
        "FEEDBACK_VECTOR",
        "INTERPRETER_DATA",
        "LOAD_HANDLER",
        "OBJECT_BOILERPLATE_DESCRIPTION",
        "PREPARSE_DATA",
        "REG_EXP_BOILERPLATE_DESCRIPTION",
        "SCOPE_INFO",
        "STORE_HANDLER",
        "TEMPLATE_OBJECT_DESCRIPTION",
        "BASELINE_DATA",
        "COVERAGE_INFO",
        "INSTRUCTION_STREAM",
    ];
    const SHAPES: [&str; 6] = ["MAP", "DESCRIPTOR_ARRAY", "STRONG_DESCRIPTOR_ARRAY", "TRANSITION_ARRAY", "PROTOTYPE_INFO", "ENUM_CACHE"];
    const ARRAYS: [&str; 5] = ["FIXED_ARRAY", "HASH_TABLE", "BYTE_ARRAY", "FIXED_DOUBLE_ARRAY", "SCRIPT_CONTEXT_TABLE"];
    let (code, shapes) = (version >= V8Version::new(10, 0), version >= V8Version::new(11, 0));
    let is_array = ARRAYS.contains(&type_name)
        || is_plain_array(Kind::of_type(type_name), version)
        || matches!(Kind::of_type(type_name), kind if kind.is_fixed_array() && !type_name.contains("TRUSTED") && !type_name.contains("PROTECTED"));
    // V8 12 gave bytecode and code a place of their own, and something to stand for them; 13 counts that as code.
    let is_wrapper = matches!(type_name, "BYTECODE_WRAPPER" | "CODE_WRAPPER") && version.major < 13;
    match type_name {
        _ if is_wrapper => NodeKind::HIDDEN,
        _ if code && (CODE.contains(&type_name) || type_name.starts_with("UNCOMPILED_DATA") || type_name.starts_with("TURBO")) => {
            NodeKind::CODE
        }
        _ if is_array => NodeKind::ARRAY,
        _ if shapes && SHAPES.contains(&type_name) => NodeKind::OBJECT_SHAPE,
        _ => NodeKind::HIDDEN,
    }
}

/// Returns the address that a field of an object leads to, if it leads to an object of that kind.
pub(super) fn target_of(heap: HeapView<'_, '_>, word: u64, kind: Kind) -> Option<u64> {
    strong(word).filter(|&addr| heap.kind(addr) == Some(kind))
}
