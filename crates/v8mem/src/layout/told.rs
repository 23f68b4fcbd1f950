//! What a process itself says of its instance types: in the symbols of its program, and by the maps to which its table of roots gives names.
//!
//! Symbols name most types, not all; maps of the table name most of the others. What both leave out must come from a table.

use std::collections::BTreeMap;

use super::constants::Constants;

/// Instance types by the number and the name that the process gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    by_name: BTreeMap<String, u16>,
}

/// Roots that are maps of types called otherwise, which no V8 exports.
const OTHERWISE: [(&str, &str); 2] = [("bigint", "BIG_INT_BASE"), ("one_pointer_filler", "FILLER")];

impl Told {
    /// Takes what the program's symbols say.
    #[must_use]
    pub fn of(constants: &Constants) -> Self {
        Self { by_name: constants.instance_types().map(|(name, number)| (name.to_owned(), number)).collect() }
    }

    /// Adds the type that the map in a root has. `is_name` says what is a type's name: most roots that are maps are called after their type.
    /// A number that has a name already keeps it: V8 9 makes lists with a map of their own, but of the type of all arrays.
    pub fn add_root(&mut self, root: &str, number: u16, is_name: impl Fn(&str) -> bool) {
        let Some(stem) = root.strip_suffix("_map") else { return };
        let otherwise = OTHERWISE.iter().find(|(known, _)| *known == stem);
        let name = otherwise.map_or_else(|| stem.to_ascii_uppercase(), |&(_, name)| name.to_owned());
        if is_name(&name) && !self.by_name.values().any(|&known| known == number) {
            self.by_name.entry(name).or_insert(number);
        }
    }

    /// Returns the number of a type.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    /// Returns all names, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        self.by_name.iter().map(|(name, &number)| (name.as_str(), number))
    }

    /// Returns how many types the process names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Says whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_called_after_their_type() {
        let mut told = Told::default();
        let is_name = |name: &str| ["HASH_TABLE", "FILLER"].contains(&name);
        for (root, number) in [
            ("hash_table_map", 206),
            ("filler_map", 206),
            ("one_pointer_filler_map", 272),
            ("many_closures_cell_map", 9),
            ("empty_string", 8),
        ] {
            told.add_root(root, number, is_name);
        }
        assert_eq!(told.iter().collect::<Vec<_>>(), [("FILLER", 272), ("HASH_TABLE", 206)]);
    }
}
