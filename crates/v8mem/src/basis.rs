//! What a reading of a heap rests on, in words: where the layout comes from, and how far the memory itself agrees with it.
//!
//! Knows how to say it and when to doubt, not how to find anything out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::marking::Lost;
use crate::sizes::FreeUnit;
use crate::walk::WalkStats;

/// What a layout rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// V8's version as the process has it.
    pub v8: String,
    /// Whether this V8 is in the tables.
    pub is_known: bool,
    /// Types of which the table says otherwise than the process: name, number in the table, number in the process.
    pub contradictions: Vec<(String, u16, u16)>,
    /// Types that neither a table nor the process names, and how many objects are of each.
    pub unknown: Vec<(u16, u64)>,
    /// How many numbers of the layout V8 itself told, and how many there are.
    pub told: (usize, usize),
    /// How many pages there are.
    pub pages: usize,
    /// How many isolates.
    pub isolates: usize,
    /// The unit of free memory, how many stretches of it end where something begins, and how many there are.
    pub free: (FreeUnit, u32, u32),
    /// What the walk over all pages met.
    pub walk: WalkStats,
    /// How many objects a collection had moved, where it was moving objects.
    pub moved: Option<u64>,
    /// References of objects that are alive, to no object.
    pub lost: Lost,
}

/// Fewer stretches of free memory than this prove nothing, nor do fewer lost references: they may stand in fields that nobody reads any more.
const ENOUGH: u32 = 50;

impl Basis {
    /// Returns why numbers may be wrong; empty where the memory agrees with the layout.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let (_, good, all) = self.free;
        if all >= ENOUGH && u64::from(good) * 10 < u64::from(all) * 8 {
            doubts.push(format!("only {good} of {all} stretches of free memory end where something begins"));
        }
        let (skipped, objects) = (self.walk.skipped_bytes, self.walk.object_bytes);
        if skipped * 10 > objects {
            doubts.push(format!("{skipped} bytes between objects are none that the layout knows, beside {objects} bytes of objects"));
        }
        if let Some((name, table, process)) = self.contradictions.first() {
            let others = match self.contradictions.len() {
                1 => String::new(),
                all => format!(" ({} more types differ)", all - 1),
            };
            doubts.push(format!("{name} is type {table} in the table of this V8, and {process} in this process{others}"));
        }
        if !self.unknown.is_empty() {
            let objects: u64 = self.unknown.iter().map(|(_, count)| count).sum();
            let types: Vec<String> = self.unknown.iter().map(|(number, _)| number.to_string()).collect();
            doubts.push(format!(
                "{objects} objects are of types that nobody names ({}): their names and references may be wrong",
                types.join(", ")
            ));
        }
        if self.lost.moving > 0 {
            doubts.push(format!("{} references lead to what a garbage collection was moving, and was not found again", self.lost.moving));
        }
        if self.lost.astray > u64::from(ENOUGH) {
            doubts.push(format!("{} references lead into pages, but to no object that was found", self.lost.astray));
        }
        let of = |what: String| format!("the layout of V8 {} does not fit this memory: {what}", self.v8);
        doubts.into_iter().map(of).collect()
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (told, all) = self.told;
        let table = if self.is_known { "a table of this V8" } else { "a table of another V8, for this one is not known yet" };
        write!(f, "V8 {}: ", self.v8)?;
        match told {
            0 => write!(f, "{table}")?,
            _ => write!(f, "{told} of {all} numbers from its own symbols, the others from {table}")?,
        }
        let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (_, good, free) = self.free;
        write!(f, "; checked on {}, {} and {good} of {free} free stretches", number(self.isolates, "isolate"), number(self.pages, "page"))?;
        match self.moved {
            Some(moved) => write!(f, "; a garbage collection was moving objects, of which {moved} had a copy already and count once"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis() -> Basis {
        Basis {
            v8: "12.4.254.21-node.57".to_owned(),
            is_known: true,
            contradictions: vec![],
            unknown: vec![],
            told: (63, 95),
            pages: 42,
            isolates: 1,
            free: (FreeUnit::Bytes, 997, 1000),
            moved: None,
            lost: Lost::default(),
            walk: WalkStats { object_bytes: 9_000_000, skipped_bytes: 4000, ..WalkStats::default() },
        }
    }

    #[test]
    fn it_is_said_in_one_line() {
        let check = |basis: Basis, expect: &str| assert_eq!(basis.to_string(), expect);
        let checked = "checked on 1 isolate, 42 pages and 997 of 1000 free stretches";
        let text = "V8 12.4.254.21-node.57: 63 of 95 numbers from its own symbols, the others from a table of this V8; ";
        check(basis(), &format!("{text}{checked}"));
        check(Basis { told: (0, 95), ..basis() }, &format!("V8 12.4.254.21-node.57: a table of this V8; {checked}"));
        let text = "V8 12.4.254.21-node.57: 63 of 95 numbers from its own symbols, the others from a table of another V8, for this one is not known yet; ";
        check(Basis { is_known: false, ..basis() }, &format!("{text}{checked}"));
        let collection = "a garbage collection was moving objects, of which 12 had a copy already and count once";
        check(
            Basis { told: (0, 95), moved: Some(12), ..basis() },
            &format!("V8 12.4.254.21-node.57: a table of this V8; {checked}; {collection}"),
        );
    }

    #[test]
    fn what_does_not_fit_is_doubted() {
        let check = |basis: Basis, expect: usize| assert_eq!(basis.doubts().len(), expect, "{:?}", basis.doubts());
        check(basis(), 0);
        check(Basis { free: (FreeUnit::Bytes, 10, 40), ..basis() }, 0);
        check(Basis { free: (FreeUnit::Bytes, 700, 1000), ..basis() }, 1);
        let walk = WalkStats { object_bytes: 1000, skipped_bytes: 200, ..WalkStats::default() };
        check(Basis { free: (FreeUnit::Bytes, 700, 1000), walk, ..basis() }, 2);
        check(Basis { lost: Lost { moving: 0, astray: 50 }, ..basis() }, 0);
        check(Basis { lost: Lost { moving: 1, astray: 51 }, ..basis() }, 2);
        let contradictions = vec![("HASH_TABLE".to_owned(), 180, 181), ("NAME_DICTIONARY".to_owned(), 183, 184)];
        let doubted = Basis { contradictions, unknown: vec![(211, 30), (2107, 12)], ..basis() };
        assert_eq!(
            doubted.doubts(),
            [
                "the layout of V8 12.4.254.21-node.57 does not fit this memory: HASH_TABLE is type 180 in the table of this V8, and 181 in this \
             process (1 more types differ)",
                "the layout of V8 12.4.254.21-node.57 does not fit this memory: 42 objects are of types that nobody names (211, 2107): their \
             names and references may be wrong",
            ]
        );
    }
}
