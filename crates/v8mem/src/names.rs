//! What things are called: functions, and the classes of objects, as V8's snapshots call them.
//!
//! An object's class is the name of the function that made it, where the map still knows it; else its prototypes are asked for
//! `Symbol.toStringTag` and `constructor`; else its kind has a name. V8 9 asks all prototypes for the tag first, and then only the first
//! `constructor` counts; later ones ask each prototype for both.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::kind::Kind;
use crate::maps::{Map, strong};
use crate::scope::Scope;
use crate::text::Strings;
use crate::version::V8Version;
use crate::view::HeapView;

/// Names of one heap, remembered.
pub struct Names<'a, 'm> {
    heap: HeapView<'a, 'm>,
    strings: Strings<'a, 'm>,
    by_map: RefCell<FxHashMap<u64, Class>>,
    keys: RefCell<FxHashMap<u64, Key>>,
}

/// A class: its name, and its constructor's address where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What objects of it are called.
    pub name: Rc<str>,
    /// The function that makes them.
    pub constructor: Option<u64>,
}

/// Property names that matter for classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Constructor,
    ToStringTag,
    Other,
}

/// What prototypes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// `Symbol.toStringTag`.
    Tags,
    /// `constructor`, and the first one decides.
    FirstConstructor,
    /// Both, until one has a name.
    Both,
}

/// V8 14.1 (Node 25) does not tell a global object from its proxy, 14.6 (Node 26) does; those between were not at hand.
const TELLS_GLOBALS: V8Version = V8Version::new(14, 2);
/// V8 cuts names in snapshots at this many units.
pub const NAME_LIMIT: usize = 1024;
/// Longer chains of prototypes or maps are damage.
const MAX_CHAIN: usize = 1000;

impl<'a, 'm> Names<'a, 'm> {
    /// Starts to name things of a heap.
    #[must_use]
    pub fn new(heap: HeapView<'a, 'm>, strings: Strings<'a, 'm>) -> Self {
        Self { heap, strings, by_map: RefCell::default(), keys: RefCell::default() }
    }

    /// Returns the strings.
    #[must_use]
    pub fn strings(&self) -> Strings<'a, 'm> {
        self.strings
    }

    /// Returns a function's own name, empty where it has none.
    #[must_use]
    pub fn function(&self, function: u64) -> String {
        let shared = self.heap.target(function, self.heap.layout.at.function_shared);
        shared.map(|shared| self.shared(shared)).unwrap_or_default()
    }

    /// Returns the name of what closures share, empty where it has none.
    #[must_use]
    pub fn shared(&self, shared: u64) -> String {
        let Some(name) = self.heap.target(shared, self.heap.layout.at.shared_name) else { return String::new() };
        let name = match self.heap.kind(name) {
            Some(Kind::String) => Some(name),
            Some(Kind::ScopeInfo) => Scope::of(self.heap, name).and_then(|scope| scope.function_name(self.heap)),
            _ => None,
        };
        name.and_then(|name| self.strings.text(name, NAME_LIMIT)).unwrap_or_default()
    }

    /// Returns the name that debuggers show: its own, or one that V8 inferred.
    #[must_use]
    pub fn debug_name(&self, shared: u64) -> String {
        let name = self.shared(shared);
        if name.is_empty() { self.inferred(shared).unwrap_or_default() } else { name }
    }

    fn inferred(&self, shared: u64) -> Option<String> {
        let at = &self.heap.layout.at;
        let scope = self.heap.target(shared, at.shared_name).and_then(|scope| Scope::of(self.heap, scope));
        if let Some(scope) = scope {
            return self.strings.text(scope.inferred_name(self.heap)?, NAME_LIMIT);
        }
        let uncompiled = self.heap.uncompiled_data(shared)?;
        self.strings.text(self.heap.target(uncompiled, at.uncompiled_name)?, NAME_LIMIT)
    }

    /// Returns an object's class.
    #[must_use]
    pub fn class(&self, object: u64, map: &Map) -> Class {
        self.class_and_scope(object, map).0
    }

    /// Returns what a snapshot calls an object: its class; from Node 26 on it says of a global object and of its proxy which of the two it is.
    #[must_use]
    pub fn object(&self, object: u64, map: &Map) -> Rc<str> {
        let class = self.class(object, map).name;
        let mark = match map.kind {
            Kind::JsGlobalObject => "global*",
            Kind::JsGlobalProxy => "global",
            _ => return class,
        };
        if self.heap.layout.version < TELLS_GLOBALS { class } else { format!("{class} ({mark})").into() }
    }

    /// Returns the class that an object's first prototype with a `constructor` names, whatever its tag says.
    #[must_use]
    pub fn constructed(&self, object: u64, map: &Map) -> Option<Class> {
        self.search(object, *map, Asked::FirstConstructor)
    }

    /// Returns an object's class, and whether it is that of every object of the map.
    #[must_use]
    pub fn class_and_scope(&self, object: u64, map: &Map) -> (Class, bool) {
        if let Some(class) = self.by_map.borrow().get(&map.addr) {
            return (class.clone(), true);
        }
        let (class, of_map) = match self.by_constructor(map) {
            Some(class) => (class, true),
            // What an object in dictionary mode says of itself, others of its map need not say.
            None => (self.by_prototypes(object, map), !map.is_dictionary(self.heap.layout)),
        };
        if of_map {
            self.by_map.borrow_mut().insert(map.addr, class.clone());
        }
        (class, of_map)
    }

    /// Returns the function that made the objects of a map.
    #[must_use]
    pub fn constructor(&self, map: &Map) -> Option<u64> {
        let mut next = self.heap.target(map.addr, self.heap.layout.at.map_constructor)?;
        for _ in 0..MAX_CHAIN {
            match self.heap.kind(next)? {
                Kind::Map => next = self.heap.target(next, self.heap.layout.at.map_constructor)?,
                // A pair of constructor and something else (a Tuple2).
                Kind::Struct => next = self.heap.target(next, 8)?,
                _ => return Some(next),
            }
        }
        None
    }

    fn by_constructor(&self, map: &Map) -> Option<Class> {
        if map.bits2 & 1 == 0 || map.is_prototype_map() || map.kind == Kind::JsProxy {
            return None;
        }
        self.named_function(self.constructor(map)?)
    }

    fn named_function(&self, function: u64) -> Option<Class> {
        if self.heap.kind(function)? != Kind::JsFunction {
            return None;
        }
        let name = self.debug_name(self.heap.target(function, self.heap.layout.at.function_shared)?);
        (!name.is_empty() && name != "Object").then(|| Class { name: name.into(), constructor: Some(function) })
    }

    fn by_prototypes(&self, object: u64, map: &Map) -> Class {
        let tag_first = self.heap.layout.version < V8Version::new(10, 0);
        let found = if tag_first {
            self.search(object, *map, Asked::Tags).or_else(|| self.search(object, *map, Asked::FirstConstructor))
        } else {
            self.search(object, *map, Asked::Both)
        };
        found.unwrap_or_else(|| Class { name: self.kind_name(object, map).into(), constructor: None })
    }

    /// Walks up the prototypes, asking each for a tag, and all but the object itself for a constructor.
    fn search(&self, object: u64, map: Map, asked: Asked) -> Option<Class> {
        let (mut object, mut map) = (object, map);
        for depth in 0..MAX_CHAIN {
            let tag = (asked != Asked::FirstConstructor).then(|| self.own(object, &map, Key::ToStringTag)).flatten();
            if let Some(tag) = tag.and_then(|word| self.strings.of_word(word, NAME_LIMIT)) {
                return Some(Class { name: tag.into(), constructor: None });
            }
            let constructor = (asked != Asked::Tags && depth > 0).then(|| self.own(object, &map, Key::Constructor)).flatten();
            let class = constructor.and_then(strong).and_then(|function| self.named_function(function));
            if class.is_some() || constructor.is_some() && asked == Asked::FirstConstructor {
                return class;
            }
            object = self.heap.target(map.addr, self.heap.layout.at.map_prototype)?;
            map = self.heap.map_of(object).filter(|map| map.kind.is_js_object())?;
        }
        None
    }

    /// Returns the value of an own data property.
    fn own(&self, object: u64, map: &Map, wanted: Key) -> Option<u64> {
        let property = self.heap.property(object, map, |key| self.key(key) == wanted)?;
        (!property.accessor).then_some(property.value)
    }

    fn key(&self, name: u64) -> Key {
        if let Some(&known) = self.keys.borrow().get(&name) {
            return known;
        }
        let key = match self.heap.kind(name) {
            Some(Kind::String) if self.strings.length(name) == Some(11) => match self.strings.text(name, 16) {
                Some(text) if text == "constructor" => Key::Constructor,
                _ => Key::Other,
            },
            Some(Kind::Symbol) => {
                let text = self.heap.field(name, self.heap.layout.at.symbol_name).and_then(|word| self.strings.of_word(word, 32));
                if text.as_deref() == Some("Symbol.toStringTag") { Key::ToStringTag } else { Key::Other }
            }
            _ => Key::Other,
        };
        self.keys.borrow_mut().insert(name, key);
        key
    }

    /// The name that an object's kind has: V8's last resort.
    fn kind_name(&self, object: u64, map: &Map) -> &'static str {
        match map.kind {
            Kind::JsFunction | Kind::JsBoundFunction => "Function",
            Kind::JsArguments => "Arguments",
            Kind::JsArray => "Array",
            Kind::JsArrayBuffer => "ArrayBuffer",
            Kind::JsDataView => "DataView",
            Kind::JsDate => "Date",
            Kind::JsError => "Error",
            Kind::JsGenerator => "Generator",
            Kind::JsMap => "Map",
            Kind::JsSet => "Set",
            Kind::JsWeakMap => "WeakMap",
            Kind::JsWeakSet => "WeakSet",
            Kind::JsPromise => "Promise",
            Kind::JsRegExp => "RegExp",
            Kind::JsGlobalProxy if self.heap.layout.version < TELLS_GLOBALS => "global",
            Kind::JsPrimitiveWrapper => self.wrapped(object),
            _ => "Object",
        }
    }

    fn wrapped(&self, object: u64) -> &'static str {
        let value = self.heap.field(object, self.heap.layout.at.wrapper_value);
        match value.and_then(strong).and_then(|value| self.heap.kind(value)) {
            None | Some(Kind::HeapNumber) => "Number",
            Some(Kind::String) => "String",
            Some(Kind::Symbol) => "Symbol",
            Some(Kind::BigInt) => "BigInt",
            Some(Kind::Oddball) => "Boolean",
            _ => "Script",
        }
    }
}
