//! Where functions and classes were written: the script, the line and the column.

use heap::{Location, NodeIx};
use rustc_hash::FxHashMap;

use super::emitter::Emitter;
use super::recipes::Recipe;
use crate::kind::Kind;
use crate::maps::Map;
use crate::scripts::{LineColumn, Scripts};

/// Reads scripts, and remembers where functions stand.
pub(super) struct Places<'a, 'm> {
    scripts: Scripts<'a, 'm>,
    /// Script number and place, by the address of what closures share.
    found: FxHashMap<u64, Option<(u32, LineColumn)>>,
    numbers: Numbers,
}

/// Numbers of scripts: V8's own, which begin anew in every isolate, so that a second script of some number gets another.
#[derive(Default)]
struct Numbers {
    /// Scripts by their numbers.
    scripts: FxHashMap<u32, u64>,
    /// The numbers that were given out in place of V8's, by script.
    others: FxHashMap<u64, u32>,
}

/// Where numbers in place of V8's begin, downwards: V8 counts from 1, and never further than this.
const LAST: u32 = i32::MAX as u32;

impl Numbers {
    /// Returns the number of a script that V8 gave the number `id`.
    fn of(&mut self, script: u64, id: u32) -> u32 {
        if *self.scripts.entry(id).or_insert(script) == script {
            return id;
        }
        let next = LAST - self.others.len() as u32;
        *self.others.entry(script).or_insert(next)
    }
}

impl<'a, 'm> Places<'a, 'm> {
    pub(super) fn new(scripts: Scripts<'a, 'm>) -> Self {
        Self { scripts, found: FxHashMap::default(), numbers: Numbers::default() }
    }

    fn find(&mut self, shared: u64) -> Option<(u32, LineColumn)> {
        if let Some(&known) = self.found.get(&shared) {
            return known;
        }
        let scripts = &self.scripts;
        let read = || {
            let script = scripts.script(shared)?;
            Some((script, scripts.id(script)?, scripts.line_column(script, scripts.start(shared)?)?))
        };
        let found = read().map(|(script, id, place)| (self.numbers.of(script, id), place));
        self.found.insert(shared, found);
        found
    }
}

impl Emitter<'_, '_, '_> {
    /// Returns where a function was written: its script's number, and the place in that.
    pub(super) fn place_of(&mut self, function: u64) -> Option<(u32, LineColumn)> {
        let shared = self.heap.target(function, self.heap.layout.at.function_shared)?;
        self.places.find(shared)
    }

    /// Writes where an object's function or class stands.
    pub(super) fn place(&mut self, node: NodeIx, addr: u64, map: &Map, recipe: &Recipe) {
        let found = match (map.kind, recipe.class) {
            (Kind::JsFunction, _) => self.place_of(addr),
            (Kind::JsGenerator, _) => {
                let function = self.heap.target(addr, self.heap.layout.at.generator_function);
                function.and_then(|function| self.place_of(function))
            }
            (_, Some(class)) => class.place,
            (_, None) => self.names.class(addr, map).constructor.and_then(|function| self.place_of(function)),
        };
        if let Some((script_id, LineColumn { line, column })) = found {
            self.rows.location(Location { node, script_id, line, column, script: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_several_isolates_have_numbers_of_their_own() {
        let mut numbers = Numbers::default();
        let asked = [(0x1000, 7), (0x2000, 7), (0x3000, 8), (0x4000, 8), (0x2000, 7), (0x1000, 7)];
        assert_eq!(asked.map(|(script, id)| numbers.of(script, id)), [7, LAST, 8, LAST - 1, LAST, 7]);
    }
}
