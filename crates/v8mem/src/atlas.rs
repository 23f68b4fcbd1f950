//! What lies at an address: an object and which of its fields, a page's header, an isolate, a stack, a file, memory of C++.

use crate::core_file::CoreFile;
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::maps::{Map, strong};
use crate::memory::Memory;
use crate::names::{NAME_LIMIT, Names};
use crate::node_side::Vtables;
use crate::objects::ObjIx;
use crate::scope::Scope;
use crate::space::Space;
use crate::stack::Functions;
use crate::text::{Representation, representation, width};
use crate::value::{Value, value};

/// What keeps an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Roots do.
    Reachable,
    /// Only weak references lead to it.
    Weakly,
    /// Nothing leads to it.
    Garbage,
    /// It is one of those that nobody frees.
    Permanent,
}

impl Life {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Weakly => "weakly",
            Self::Garbage => "garbage",
            Self::Permanent => "permanent",
        }
    }
}

/// What lies at an address.
#[derive(Clone, Debug, PartialEq)]
pub enum Thing {
    /// An object, or a part of one.
    Object {
        /// Where it begins.
        addr: u64,
        /// Its size in bytes.
        size: u64,
        /// V8's name of its type.
        kind: String,
        /// What it is in a few words: its class, or a string's text.
        label: String,
        /// Which of its fields.
        field: String,
        /// What keeps it.
        life: Life,
    },
    /// Memory of a page in which no object lies: free, or not understood.
    Free,
    /// Machine code.
    Code,
    /// What a page says of itself.
    PageHeader,
    /// V8's own object for an isolate: the name of the root where it is one.
    Isolate {
        /// The root.
        root: Option<String>,
    },
    /// The stack of a thread.
    Stack {
        /// The thread, from 1.
        thread: usize,
        /// Bytes above the stack pointer; `None` below it, where nothing is kept any more.
        above: Option<u64>,
    },
    /// A file that was mapped.
    File {
        /// Its path.
        path: String,
        /// Where in it.
        offset: u64,
        /// The function around the address, and how far into it.
        function: Option<(String, u64)>,
    },
    /// Memory of C++, or of nobody known.
    Native {
        /// The class of the object of C++ that begins here.
        class: Option<String>,
    },
    /// Memory that the process did not have, or that the core leaves out.
    Nothing,
}

/// What is known of an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// What lies there.
    pub thing: Thing,
    /// Bytes from where it begins.
    pub offset: u64,
    /// The isolate, by its place among all.
    pub isolate: Option<usize>,
    /// The page.
    pub page: Option<u64>,
    /// The page's space.
    pub space: Option<Space>,
}

/// The whole address space of a process, ready to be asked.
pub struct Atlas<'a, 'm> {
    core: &'m CoreFile,
    inventory: Inventory<'a, 'm>,
    names: Names<'a, 'm>,
    vtables: Vtables,
    functions: Functions<'m>,
}

impl<'a, 'm> Atlas<'a, 'm> {
    /// Makes it ready. O(symbols).
    #[must_use]
    pub fn new(core: &'m CoreFile, inventory: Inventory<'a, 'm>) -> Self {
        let vtables = core.binary().map(Vtables::of).unwrap_or_default();
        let names = Names::new(inventory.heap, inventory.strings);
        Self { core, inventory, names, vtables, functions: Functions::new(core) }
    }

    /// Returns what lies at an address.
    #[must_use]
    pub fn at(&self, addr: u64) -> Spot {
        let spot = |(thing, offset)| Spot { thing, offset, isolate: None, page: None, space: None };
        if let Some(spot) = self.in_page(addr) {
            return spot;
        }
        let inside = |(nth, isolate): (usize, &crate::isolate::Isolate)| {
            let offset = addr.checked_sub(isolate.addr).filter(|&offset| offset < isolate.size)?;
            let root = addr.checked_sub(isolate.roots).and_then(|bytes| self.inventory.anatomy.root_names.get((bytes / 8) as usize));
            Some(Spot { isolate: Some(nth), ..spot((Thing::Isolate { root: root.map(str::to_owned) }, offset)) })
        };
        if let Some(spot) = self.inventory.anatomy.isolates.iter().enumerate().find_map(inside) {
            return spot;
        }
        spot(self.on_stack(addr).or_else(|| self.in_file(addr)).unwrap_or_else(|| self.elsewhere(addr)))
    }

    fn in_page(&self, addr: u64) -> Option<Spot> {
        let heap = self.inventory.heap;
        let page = heap.pages.page(addr).filter(|page| (page.base..page.area_end).contains(&addr))?;
        let found =
            heap.objects.around(heap.pages, addr).and_then(|(object, start)| Some((self.object(object, start, addr - start)?, start)));
        let (thing, start) = match found {
            Some(found) => found,
            None if addr < page.area_start => (Thing::PageHeader, page.base),
            None if page.executable => (Thing::Code, page.base),
            None => (Thing::Free, page.base),
        };
        let (isolate, space) = (self.inventory.anatomy.isolate_of(page.area_start), Some(page.space));
        Some(Spot { thing, offset: addr - start, isolate, page: Some(page.base), space })
    }

    fn object(&self, object: ObjIx, addr: u64, offset: u64) -> Option<Thing> {
        let (heap, liveness) = (self.inventory.heap, self.inventory.liveness);
        let map = heap.map_of(addr)?;
        let life = match () {
            () if heap.pages.page(addr).is_some_and(|page| page.heap == 0) => Life::Permanent,
            () if liveness.garbage.get(object.0) => Life::Garbage,
            () if liveness.weakly.get(object.0) => Life::Weakly,
            () => Life::Reachable,
        };
        let label = match value(heap, &self.names, addr | 1) {
            Value::Object(class, _) => class,
            other => other.to_string(),
        };
        let kind = heap.layout.types.name(map.instance_type).to_owned();
        Some(Thing::Object { addr, size: heap.objects.size(object), kind, label, field: self.field(addr, &map, offset), life })
    }

    /// Names a field of an object.
    fn field(&self, addr: u64, map: &Map, offset: u64) -> String {
        let at = &self.inventory.heap.layout.at;
        let word = offset & !7;
        if word == 0 {
            return "map".to_owned();
        }
        let named = match map.kind {
            Kind::String if representation(map.instance_type) == Representation::Flat && offset >= at.string_chars => {
                Some(format!("character {}", (offset - at.string_chars) / width(map.instance_type)))
            }
            Kind::InstructionStream if offset >= at.stream_start => Some(format!("instructions + {}", offset - at.stream_start)),
            Kind::Code if map.size == 0 && offset >= at.code_start => Some(format!("instructions + {}", offset - at.code_start)),
            Kind::Context => self.variable(addr, word),
            kind if kind.is_js_object() && word == at.object_properties => Some("properties".to_owned()),
            kind if kind.is_js_object() && word == at.object_elements => Some("elements".to_owned()),
            Kind::HeapNumber => Some("value".to_owned()),
            Kind::JsFunction if word == at.function_shared => Some("shared function".to_owned()),
            Kind::JsFunction if word == at.function_context => Some("context".to_owned()),
            Kind::JsArray if word == at.array_length => Some("length".to_owned()),
            kind if kind.is_js_object() => self.property(addr, map, word),
            Kind::PropertyArray | Kind::DoubleArray | Kind::EphemeronTable | Kind::OrderedHashMap | Kind::OrderedHashSet if word >= 16 => {
                Some(format!("[{}]", word / 8 - 2))
            }
            kind if kind.is_fixed_array() && word >= 16 => Some(format!("[{}]", word / 8 - 2)),
            _ => None,
        };
        let of_layout = |at| self.inventory.heap.layout.field_name(map.kind, map.instance_type, at);
        named.or_else(|| of_layout(offset)).or_else(|| of_layout(word)).unwrap_or_else(|| format!("word {}", word / 8))
    }

    fn property(&self, addr: u64, map: &Map, offset: u64) -> Option<String> {
        let mut found = None;
        self.inventory.heap.properties(addr, map, |property| {
            if property.offset == Some(offset) {
                found = strong(property.key).map(|key| format!(".{}", self.inventory.strings.key(key, NAME_LIMIT)));
            }
            found.is_none()
        });
        found
    }

    fn variable(&self, context: u64, offset: u64) -> Option<String> {
        let heap = self.inventory.heap;
        let slot = (offset / 8).checked_sub(2)?;
        let scope = heap.element(context, 0).and_then(strong).and_then(|scope| Scope::of(heap, scope))?;
        let variables = scope.variables(heap).into_iter().chain(scope.function_variable(heap));
        let name = variables.into_iter().find(|&(_, place)| place == slot).map(|(name, _)| name)?;
        Some(format!("variable {}", self.inventory.strings.key(name, NAME_LIMIT)))
    }

    fn on_stack(&self, addr: u64) -> Option<(Thing, u64)> {
        for (nth, thread) in self.core.notes.threads.iter().enumerate() {
            let memory: &dyn Memory = self.core;
            let Some(range) = memory.range_at(thread.rsp()).filter(|range| (range.start..range.end).contains(&addr)) else { continue };
            let above = addr.checked_sub(thread.rsp());
            return Some((Thing::Stack { thread: nth + 1, above }, addr - range.start));
        }
        None
    }

    fn in_file(&self, addr: u64) -> Option<(Thing, u64)> {
        let mapping = self.core.notes.file_at(addr)?;
        let function = self.functions.at(addr);
        let offset = addr - mapping.start + mapping.offset;
        Some((Thing::File { path: mapping.path.clone(), offset, function }, offset))
    }

    fn elsewhere(&self, addr: u64) -> (Thing, u64) {
        let memory: &dyn Memory = self.core;
        match memory.range_at(addr) {
            Some(range) => {
                let class = self.vtables.class(memory, addr).map(|class| class.name);
                (Thing::Native { class }, addr - range.start)
            }
            None => (Thing::Nothing, 0),
        }
    }
}
