//! Instance types by number: their names, and what kind of object each is.
//!
//! `instance_types.tsv` holds V8's whole list for each minor version that was looked at. A V8 that is not in it gets the list of the
//! closest older one, corrected by the types that it exports itself.

use super::constants::Constants;
use crate::kind::{Kind, system_name};
use crate::version::V8Version;

const TABLE: &str = include_str!("instance_types.tsv");

/// Numbers of instance types: what they mean.
#[derive(Clone, Debug)]
pub struct InstanceTypes {
    kinds: Vec<Kind>,
    names: Vec<String>,
}

impl InstanceTypes {
    /// Says whether the table has that version.
    pub(super) fn knows(version: V8Version) -> bool {
        columns().any(|column| column == version)
    }

    pub(super) fn of(version: V8Version, constants: &Constants) -> Self {
        let mut types = Self { kinds: vec![], names: vec![] };
        let nearest = columns().enumerate().filter(|(_, column)| *column <= version).last().map_or(0, |(at, _)| at);
        for row in TABLE.lines().skip(1) {
            let mut fields = row.split('\t');
            let name = fields.next().unwrap_or_default();
            if let Some(number) = fields.nth(nearest).and_then(|number| number.parse().ok()) {
                types.set(number, name);
            }
        }
        for (name, number) in constants.instance_types().filter(|_| !Self::knows(version)) {
            types.set(number, name);
        }
        types.fill_ranges(version, constants);
        types
    }

    /// Returns what kind of object an instance type is.
    #[inline]
    #[must_use]
    pub fn kind(&self, number: u16) -> Kind {
        self.kinds.get(usize::from(number)).copied().unwrap_or(Kind::Unknown)
    }

    /// Returns an instance type's name in V8, without `_TYPE`; empty where it is not known.
    #[must_use]
    pub fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("", String::as_str)
    }

    /// Returns the name that a snapshot gives an internal object of that type.
    #[must_use]
    pub fn system_name(&self, number: u16) -> String {
        match self.name(number) {
            "" => format!("system / type {number}"),
            name => system_name(name),
        }
    }

    fn set(&mut self, number: u16, name: &str) {
        let at = usize::from(number);
        if self.kinds.len() <= at {
            self.kinds.resize(at + 1, Kind::Unknown);
            self.names.resize(at + 1, String::new());
        }
        self.kinds[at] = Kind::of_type(name);
        name.clone_into(&mut self.names[at]);
    }

    /// V8 9.5 and later leave a thousand numbers to objects of the embedder, and functions are a range that `v8dbg` tells.
    fn fill_ranges(&mut self, version: V8Version, constants: &Constants) {
        const API_OBJECTS: std::ops::RangeInclusive<u16> = 1058..=2057;
        if version >= V8Version::new(9, 5) {
            for number in API_OBJECTS.filter(|&number| self.kind(number) == Kind::Unknown).collect::<Vec<_>>() {
                self.set(number, "JS_API_OBJECT");
            }
        }
        let range = (constants.get("FirstJSFunctionType"), constants.get("LastJSFunctionType"));
        if let (Some(first), Some(last)) = range {
            for number in first.max(0)..=last.min(4000) {
                if self.kind(number as u16) == Kind::Unknown {
                    self.set(number as u16, "JS_FUNCTION");
                }
            }
        }
    }
}

/// The versions of the table's columns, rising.
fn columns() -> impl Iterator<Item = V8Version> {
    let head = TABLE.lines().next().unwrap_or_default();
    head.split('\t').skip(1).filter_map(|text| {
        let (major, minor) = text.split_once('.')?;
        Some(V8Version::new(major.parse().ok()?, minor.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_version() {
        let check = |major, minor, number, expect: &str| {
            let types = InstanceTypes::of(V8Version::new(major, minor), &Constants::default());
            assert_eq!(types.name(number), expect, "{major}.{minor} {number}");
        };
        check(9, 4, 172, "MAP");
        check(13, 6, 272, "MAP");
        check(14, 6, 278, "MAP");
        check(12, 9, 271, "MAP");
        check(12, 5, 264, "MAP");
        check(13, 6, 1500, "JS_API_OBJECT");
        check(14, 1, 1058, "JS_API_OBJECT");
        check(9, 4, 1500, "");
        check(9, 4, 1056, "JS_API_OBJECT");
        check(13, 6, 60_000, "");
    }
}
