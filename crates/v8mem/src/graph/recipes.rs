//! What all objects of one map have in common, found out once: their class, where that was written, and where which property lies.
//!
//! A heap has thousands of maps and millions of objects.

use std::rc::Rc;

use heap::{EdgeKind, NodeKind, StrIx};

use super::emitter::Emitter;
use crate::kind::Kind;
use crate::maps::{Map, MapIx, strong};
use crate::properties::{At, Described, Representation};
use crate::scripts::LineColumn;

/// How objects of a map are written.
pub(super) struct Recipe {
    /// Their class; `None` where each object must be asked.
    pub(super) class: Option<Class>,
    /// Their properties; `None` where they are in a dictionary.
    pub(super) fields: Option<Box<[Field]>>,
    /// The word that leads to their prototype.
    pub(super) prototype: u64,
}

/// A class, as nodes need it.
#[derive(Clone, Copy)]
pub(super) struct Class {
    /// Its name.
    pub(super) name: StrIx,
    /// The number of the script, and the place in it, where the constructor was written.
    pub(super) place: Option<(u32, LineColumn)>,
}

/// A property that V8 shows.
#[derive(Clone, Copy)]
pub(super) enum Field {
    /// An edge of this kind and name.
    Plain { kind: EdgeKind, name: StrIx, at: At },
    /// A pair of accessors under the name at this address.
    Accessor { key: u64, at: At },
}

impl Emitter<'_, '_, '_> {
    /// Returns the recipe of a map, of which `addr` is an object.
    pub(super) fn recipe(&mut self, ix: MapIx, addr: u64, map: &Map) -> Rc<Recipe> {
        let at = ix.0 as usize;
        if let Some(Some(recipe)) = self.recipes.get(at) {
            return Rc::clone(recipe);
        }
        let recipe = Rc::new(Recipe {
            class: self.class_of_map(addr, map),
            fields: self.fields(map),
            prototype: self.heap.field(map.addr, self.heap.layout.at.map_prototype).unwrap_or(0),
        });
        if self.recipes.len() <= at {
            self.recipes.resize_with(at + 1, || None);
        }
        self.recipes[at] = Some(Rc::clone(&recipe));
        recipe
    }

    fn class_of_map(&mut self, addr: u64, map: &Map) -> Option<Class> {
        let (class, of_map) = self.names.class_and_scope(addr, map);
        of_map.then(|| Class { name: self.rows.text(&class.name), place: class.constructor.and_then(|function| self.place_of(function)) })
    }

    fn fields(&mut self, map: &Map) -> Option<Box<[Field]>> {
        if map.is_dictionary(self.heap.layout) {
            return None;
        }
        let described = self.heap.described(map);
        Some(described.into_iter().filter_map(|property| self.field(property)).collect())
    }

    fn field(&mut self, Described { key, at, accessor, representation }: Described) -> Option<Field> {
        let key = strong(key)?;
        match representation {
            Representation::Smi | Representation::Double => None,
            _ if accessor => Some(Field::Accessor { key, at }),
            _ => {
                let (kind, name) = self.property_name(key);
                Some(Field::Plain { kind, name, at })
            }
        }
    }

    /// Returns the kind and name of the edge of a property: with an empty name it is shown as an internal field, a quirk of V8's.
    pub(super) fn property_name(&mut self, key: u64) -> (EdgeKind, StrIx) {
        let name = self.key(key);
        (if name == self.words.empty { EdgeKind::INTERNAL } else { EdgeKind::PROPERTY }, name)
    }

    /// Returns the kind and name of a JavaScript object's node.
    pub(super) fn describe_js(&mut self, addr: u64, map: &Map, recipe: &Recipe) -> (NodeKind, StrIx) {
        match map.kind {
            Kind::JsFunction => (NodeKind::CLOSURE, self.function_name(addr)),
            Kind::JsBoundFunction => (NodeKind::CLOSURE, self.words.native_bind),
            Kind::JsRegExp => (NodeKind::REGEXP, self.text_field(addr, self.heap.layout.at.regexp_source)),
            Kind::JsGlobalObject | Kind::JsGlobalProxy => (NodeKind::OBJECT, self.rows.text(&self.names.object(addr, map))),
            _ => (
                NodeKind::OBJECT,
                match recipe.class {
                    Some(class) => class.name,
                    None => self.rows.text(&self.names.class(addr, map).name),
                },
            ),
        }
    }
}
