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
        let at = &self.layout.at;
        let Some(descriptors) = self.target(map.addr, at.map_descriptors) else { return true };
        let outside = self.target(addr, at.object_properties).filter(|&outside| self.kind(outside) == Some(Kind::PropertyArray));
        for nth in 0..map.own_descriptors(self.layout) as u64 {
            let entry = at.descriptors_start + 24 * nth;
            let (Some(key), Some(details)) = (self.field(descriptors, entry), self.smi(descriptors, entry + 8)) else { return true };
            let details = details as u64;
            let property = if details & at.location_mask == 0 {
                let index = (details & at.field_index_mask) >> at.field_index_shift;
                self.field_property(addr, map, outside, index, key, details)
            } else {
                let value = self.field(descriptors, entry + 16);
                value.map(|value| Property {
                    key,
                    value,
                    accessor: details & 1 == 1,
                    offset: None,
                    representation: Representation::Constant,
                })
            };
            if property.is_some_and(|property| !each(property)) {
                return false;
            }
        }
        true
    }

    fn field_property(self, addr: u64, map: &Map, outside: Option<u64>, index: u64, key: u64, details: u64) -> Option<Property> {
        let at = &self.layout.at;
        let inside = map.inobject_properties() as u64;
        let offset = (index < inside).then(|| 8 * (u64::from(map.inobject_start) + index));
        let value = match offset {
            Some(offset) => self.field(addr, offset),
            None => self.element(outside?, index - inside),
        }?;
        let representation = match (details & at.representation_mask) >> at.representation_shift {
            1 => Representation::Smi,
            2 => Representation::Double,
            _ => Representation::Tagged,
        };
        Some(Property { key, value, accessor: details & 1 == 1, offset, representation })
    }

    /// Properties in a dictionary: three words of every table, a prefix, then entries of name, value and details.
    fn named(self, table: u64, each: &mut impl FnMut(Property) -> bool) -> bool {
        let first = 3 + self.layout.at.name_dictionary_prefix;
        let Some(length) = self.length(table) else { return true };
        for at in (first..length.saturating_sub(2)).step_by(3) {
            let (Some(key), Some(value)) = (self.element(table, at), self.element(table, at + 1)) else { return true };
            let details = self.element(table, at + 2).and_then(smi).unwrap_or(0);
            let is_name = strong(key).and_then(|key| self.kind(key)).is_some_and(|kind| matches!(kind, Kind::String | Kind::Symbol));
            let property = Property { key, value, accessor: details & 1 == 1, offset: None, representation: Representation::Dictionary };
            if is_name && !each(property) {
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
            let property = Property { key, value, accessor: details & 1 == 1, offset: None, representation: Representation::Dictionary };
            if !self.is_hole(value) && !each(property) {
                return false;
            }
        }
        true
    }
}
