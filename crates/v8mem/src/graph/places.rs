//! Where functions and classes were written: the script, the line and the column.

use std::rc::Rc;

use heap::{Location, NodeIx};
use rustc_hash::FxHashMap;

use super::emitter::Emitter;
use crate::kind::Kind;
use crate::maps::Map;
use crate::scope::Scope;

/// The longest script of which lines are counted, in UTF-16 units.
const MAX_SCRIPT: usize = 64 << 20;

/// What is known of scripts and functions so far.
#[derive(Default)]
pub(super) struct Places {
    /// The ends of a script's lines, in UTF-16 units, by the script's address.
    lines: FxHashMap<u64, Rc<[u32]>>,
    /// Script number, line and column, by the address of what closures share.
    found: FxHashMap<u64, Option<(u32, u32, u32)>>,
}

impl Emitter<'_, '_, '_> {
    /// Writes where an object's function or class stands.
    pub(super) fn place(&mut self, node: NodeIx, addr: u64, map: &Map) {
        let at = self.heap.layout.at;
        let function = match map.kind {
            Kind::JsFunction => Some(addr),
            Kind::JsGenerator => self.heap.target(addr, at.generator_function),
            kind if kind.is_js_object() => self.names.class(addr, map).constructor,
            _ => None,
        };
        let shared = function.and_then(|function| self.heap.target(function, at.function_shared));
        let Some(shared) = shared else { return };
        let found = match self.places.found.get(&shared) {
            Some(&known) => known,
            None => {
                let found = self.find(shared);
                self.places.found.insert(shared, found);
                found
            }
        };
        if let Some((script_id, line, column)) = found {
            self.rows.location(Location { node, script_id, line, column, script: None });
        }
    }

    fn find(&mut self, shared: u64) -> Option<(u32, u32, u32)> {
        let at = self.heap.layout.at;
        let mut script = self.heap.target(shared, at.shared_script)?;
        if self.heap.kind(script) != Some(Kind::Script) {
            // Up to V8 11 a debugged function has its debug info here, which leads on.
            let leads_on = |offset| self.heap.target(script, offset).filter(|&next| self.heap.kind(next) == Some(Kind::Script));
            script = (8..64).step_by(8).find_map(leads_on)?;
        }
        let id = u32::try_from(self.heap.smi(script, at.script_id)?).ok()?;
        let start = u32::try_from(self.start(shared)?).ok()?;
        let lines = self.lines(script)?;
        let line = lines.partition_point(|&end| end < start);
        let column = if line == 0 { start } else { start - lines[line - 1] - 1 };
        Some((id, line as u32, column))
    }

    /// Returns where a function starts: its scope says, or, while it was not compiled, its data.
    fn start(&self, shared: u64) -> Option<u64> {
        let at = self.heap.layout.at;
        let scope = self.heap.target(shared, at.shared_name).and_then(|scope| Scope::of(self.heap, scope));
        if let Some(start) = scope.and_then(|scope| scope.start(self.heap)) {
            return Some(start);
        }
        self.heap.half(self.heap.uncompiled_data(shared)?, at.uncompiled_start).map(u64::from)
    }

    fn lines(&mut self, script: u64) -> Option<Rc<[u32]>> {
        if let Some(known) = self.places.lines.get(&script) {
            return Some(Rc::clone(known));
        }
        let source = self.heap.target(script, self.heap.layout.at.script_source)?;
        let mut units = Vec::new();
        if !self.names.strings().read(source, MAX_SCRIPT, &mut units) {
            return None;
        }
        let is_end = |&(at, &unit): &(usize, &u16)| ends_line(unit, units.get(at + 1).copied());
        let ends: Rc<[u32]> = units.iter().enumerate().filter(is_end).map(|(at, _)| at as u32).collect();
        self.places.lines.insert(script, Rc::clone(&ends));
        Some(ends)
    }
}

/// Says whether a line ends here: as JavaScript has it, a return before a newline does not count.
fn ends_line(unit: u16, next: Option<u16>) -> bool {
    match unit {
        0x0a | 0x2028 | 0x2029 => true,
        0x0d => next != Some(0x0a),
        _ => false,
    }
}
