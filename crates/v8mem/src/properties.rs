//! The named properties of objects: where a map's descriptors say they are, or in a dictionary.

use crate::kind::Kind;
use crate::maps::{Map, smi, strong};
use crate::view::HeapView;

/// A property of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name: a word that leads to a string or a symbol.
    pub key: u64,
    /// Its value, or its pair of accessors.
    pub value: u64,
    /// Whether the value is a pair of accessors.
    pub accessor: bool,
    /// Where in the object itself the value lies, in bytes; `None` when it lies elsewhere.
    pub offset: Option<u64>,
    /// What V8 knows of the values in this field.
    pub representation: Representation,
    /// Where it stands among the properties of its object, in the order in which JavaScript lists them: properties are told in V8's order, which
    /// in dictionaries is another.
    pub place: u64,
}

/// A property as a map describes it, for all its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name: a word that leads to a string or a symbol.
    pub key: u64,
    /// Where its value is.
    pub at: At,
    /// Whether the value is a pair of accessors.
    pub accessor: bool,
    /// What V8 knows of the values in this field.
    pub representation: Representation,
}

/// Where the value of a property is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In the object, so many bytes from its start.
    Inside(u64),
    /// An element of the array of properties that have no room in the object.
    Outside(u64),
    /// This word, for all objects of the map.
    Map(u64),
}

/// What V8 knows of the values in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// Small integers.
    Smi,
    /// Numbers, each in a box of its own.
    Double,
    /// Anything.
    Tagged,
    /// The value is in the descriptor itself: a method of a class, a constant.
    Constant,
    /// In a dictionary.
    Dictionary,
}

impl HeapView<'_, '_> {
    /// Calls `each` for every own named property of an object, until it returns false. Returns false when it did.
    pub fn properties(self, addr: u64, map: &Map, mut each: impl FnMut(Property) -> bool) -> bool {
        if !map.is_dictionary(self.layout) {
            return self.fast(addr, map, &mut each);
        }
        let Some(table) = self.target(addr, self.layout.at.object_properties) else { return true };
        match self.kind(table) {
            Some(Kind::GlobalDictionary) => self.global(table, &mut each),
            Some(Kind::NameDictionary) => self.named(table, &mut each),
            _ => true,
        }
    }

    /// Returns the own named properties of an object as JavaScript lists them, each with the address of its name: in the order in which they
    /// were added, symbols last, but for the names of `#fields`.
    #[must_use]
    pub fn listed(self, addr: u64, map: &Map) -> Vec<(u64, Property)> {
        let mut found = Vec::new();
        self.properties(addr, map, |property| {
            let is_symbol = |key| self.kind(key) == Some(Kind::Symbol) && !self.is_private(key);
            found.extend(strong(property.key).map(|key| (is_symbol(key), key, property)));
            true
        });
        found.sort_by_key(|(is_symbol, _, property)| (*is_symbol, property.place));
        found.into_iter().map(|(_, key, property)| (key, property)).collect()
    }

    /// Looks an own data property up by the name's address.
    #[must_use]
    pub fn property(self, addr: u64, map: &Map, is_key: impl Fn(u64) -> bool) -> Option<Property> {
        let mut found = None;
        self.properties(addr, map, |property| {
            let same = strong(property.key).is_some_and(&is_key);
            found = same.then_some(property);
            !same
        });
        found
    }

    /// Properties that the map describes.
    fn fast(self, addr: u64, map: &Map, each: &mut impl FnMut(Property) -> bool) -> bool {
        let outside = self.outside(addr);
        let property = |(place, described): (u64, Described)| {
            let Described { key, at, accessor, representation } = described;
            let (value, offset) = self.value(addr, outside, at)?;
            Some(Property { key, value, accessor, offset, representation, place })
        };
        (0..).zip(self.described(map)).filter_map(property).all(each)
    }

    /// Returns the array of properties that have no room in an object.
    #[must_use]
    pub fn outside(self, addr: u64) -> Option<u64> {
        self.target(addr, self.layout.at.object_properties).filter(|&outside| self.kind(outside) == Some(Kind::PropertyArray))
    }

    /// Returns the value of a property that a map describes, and where in the object it lies.
    #[inline]
    #[must_use]
    pub fn value(self, addr: u64, outside: Option<u64>, at: At) -> Option<(u64, Option<u64>)> {
        match at {
            At::Inside(offset) => Some((self.field(addr, offset)?, Some(offset))),
            At::Outside(index) => Some((self.element(outside?, index)?, None)),
            At::Map(word) => Some((word, None)),
        }
    }

    /// Returns the properties that a map describes, in its order.
    pub fn described(self, map: &Map) -> impl Iterator<Item = Described> {
        let at = &self.layout.at;
        let descriptors = self.target(map.addr, at.map_descriptors);
        let inside = map.inobject_properties() as u64;
        let start = u64::from(map.inobject_start);
        let describe = move |nth: u64| {
            let (table, entry) = (descriptors?, at.descriptors_start + 24 * nth);
            let (key, details) = (self.field(table, entry)?, self.smi(table, entry + 8)? as u64);
            let accessor = details & 1 == 1;
            if details & at.location_mask != 0 {
                // Where the value itself is cut off, the property is left out.
                let value = self.field(table, entry + 16).map(At::Map);
                return Some(value.map(|at| Described { key, at, accessor, representation: Representation::Constant }));
            }
            let index = (details & at.field_index_mask) >> at.field_index_shift;
            let place = if index < inside { At::Inside(8 * (start + index)) } else { At::Outside(index - inside) };
            let representation = match (details & at.representation_mask) >> at.representation_shift {
                1 => Representation::Smi,
                2 => Representation::Double,
                _ => Representation::Tagged,
            };
            Some(Some(Described { key, at: place, accessor, representation }))
        };
        (0..map.own_descriptors(self.layout) as u64).map_while(describe).flatten()
    }

    /// Properties in a dictionary: three words of every table, a prefix, then entries of name, value and details.
    fn named(self, table: u64, each: &mut impl FnMut(Property) -> bool) -> bool {
        let first = 3 + self.layout.at.name_dictionary_prefix;
        let Some(length) = self.length(table) else { return true };
        for at in (first..length.saturating_sub(2)).step_by(3) {
            let (Some(key), Some(value)) = (self.element(table, at), self.element(table, at + 1)) else { return true };
            let details = self.element(table, at + 2).and_then(smi).unwrap_or(0);
            let is_name = strong(key).and_then(|key| self.kind(key)).is_some_and(|kind| matches!(kind, Kind::String | Kind::Symbol));
            if is_name && !each(self.in_table(key, value, details)) {
                return false;
            }
        }
        true
    }

    /// Properties of a global object: cells.
    fn global(self, table: u64, each: &mut impl FnMut(Property) -> bool) -> bool {
        let at = &self.layout.at;
        let Some(length) = self.length(table) else { return true };
        for index in 3..length {
            let Some(word) = self.element(table, index) else { return true };
            let Some(cell) = strong(word).filter(|&cell| self.kind(cell) == Some(Kind::PropertyCell)) else { continue };
            let (Some(key), Some(value)) = (self.field(cell, at.property_cell_name), self.field(cell, at.property_cell_value)) else {
                continue;
            };
            let details = self.smi(cell, at.property_cell_details).unwrap_or(0);
            if !self.is_hole(value) && !each(self.in_table(key, value, details)) {
                return false;
            }
        }
        true
    }

    fn in_table(self, key: u64, value: u64, details: i64) -> Property {
        let place = details as u64 >> self.layout.at.enumeration_shift;
        Property { key, value, accessor: details & 1 == 1, offset: None, representation: Representation::Dictionary, place }
    }
}
