//! Where functions and classes were written: the script, the line and the column.

use heap::{Location, NodeIx};
use rustc_hash::FxHashMap;

use super::emitter::Emitter;
use crate::kind::Kind;
use crate::maps::Map;
use crate::scripts::{LineColumn, Scripts};

/// Reads scripts, and remembers where functions stand.
pub(super) struct Places<'a, 'm> {
    scripts: Scripts<'a, 'm>,
    /// Script number and place, by the address of what closures share.
    found: FxHashMap<u64, Option<(u32, LineColumn)>>,
}

impl<'a, 'm> Places<'a, 'm> {
    pub(super) fn new(scripts: Scripts<'a, 'm>) -> Self {
        Self { scripts, found: FxHashMap::default() }
    }

    fn find(&mut self, shared: u64) -> Option<(u32, LineColumn)> {
        if let Some(&known) = self.found.get(&shared) {
            return known;
        }
        let scripts = &self.scripts;
        let read = || {
            let script = scripts.script(shared)?;
            Some((scripts.id(script)?, scripts.line_column(script, scripts.start(shared)?)?))
        };
        let found = read();
        self.found.insert(shared, found);
        found
    }
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
        let Some((script_id, LineColumn { line, column })) = shared.and_then(|shared| self.places.find(shared)) else { return };
        self.rows.location(Location { node, script_id, line, column, script: None });
    }
}
