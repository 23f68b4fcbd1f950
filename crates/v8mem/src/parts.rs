//! What an object has by names that V8's snapshots do not give: variables of blocks, elements of sloppy `arguments`, what a call that waits was passed
//! and keeps, what a FinalizationRegistry waits for, what a module exports.

use crate::kind::Kind;
use crate::maps::{Map, pointer, smi, strong};
use crate::names::NAME_LIMIT;
use crate::scope::Scope;
use crate::text::Strings;
use crate::view::HeapView;

/// A chain of entries is followed no further.
const LONGEST: usize = 1 << 16;

/// A word with the name that it has in an object.
pub(crate) type Named = (String, u64);

/// Reads one object.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, 'm> {
    pub(crate) heap: HeapView<'a, 'm>,
    pub(crate) strings: Strings<'a, 'm>,
    /// How many parts are wanted at most.
    pub(crate) most: usize,
}

impl Reader<'_, '_> {
    /// Returns the parts of an object, by the kind of it.
    pub(crate) fn of(self, addr: u64, map: &Map) -> Vec<Named> {
        match map.kind {
            _ if self.most == 0 => vec![],
            Kind::JsArguments => self.arguments(addr).unwrap_or_default(),
            Kind::JsGenerator => self.call(addr).unwrap_or_default(),
            Kind::JsFinalizationRegistry => self.registered(addr),
            Kind::JsObject if self.heap.layout.types.name(map.instance_type) == "JS_MODULE_NAMESPACE" => {
                self.exports(addr).unwrap_or_default()
            }
            _ => vec![],
        }
    }

    /// Returns the variables of a block, loop, class body or `catch` clause: V8's snapshots name only those of functions, scripts and modules.
    pub(crate) fn block(self, context: u64) -> Vec<Named> {
        let scope = self.heap.element(context, 0).and_then(strong).and_then(|scope| Scope::of(self.heap, scope));
        let Some(scope) = scope.filter(|scope| !scope.declares()) else { return vec![] };
        let variable = |(name, place)| Some((self.strings.key(name, NAME_LIMIT), self.heap.element(context, place)?));
        scope.variables(self.heap).into_iter().filter_map(variable).collect()
    }

    /// Returns the elements of the `arguments` of a function whose parameters are variables as well.
    fn mapped_elements(self, addr: u64) -> Option<u64> {
        let elements = self.heap.target(addr, self.heap.layout.at.object_elements)?;
        let map = self.heap.map_of(elements)?;
        (self.heap.layout.types.name(map.instance_type) == "SLOPPY_ARGUMENTS_ELEMENTS").then_some(elements)
    }

    /// Returns how many arguments there are in the `arguments` of such a function.
    pub(crate) fn passed(self, addr: u64) -> Option<u64> {
        let elements = self.mapped_elements(addr)?;
        let rest = self.heap.target(elements, self.heap.layout.at.sloppy_arguments)?;
        Some(self.heap.length(rest)?.max(self.heap.length(elements)?))
    }

    /// Returns the elements of the `arguments` of such a function: those of named parameters are variables of its context.
    fn arguments(self, addr: u64) -> Option<Vec<Named>> {
        let at = &self.heap.layout.at;
        let elements = self.mapped_elements(addr)?;
        let (context, rest) = (self.heap.target(elements, at.sloppy_context)?, self.heap.target(elements, at.sloppy_arguments)?);
        let mapped = self.heap.length(elements)?;
        let element = |index: u64| {
            let place = (index < mapped).then(|| smi(self.heap.field(elements, at.sloppy_mapped + 8 * index)?)).flatten();
            let word = match place {
                Some(place) => self.heap.element(context, u64::try_from(place).ok()?),
                None => self.heap.element(rest, index),
            };
            word.filter(|&word| !self.heap.is_hole(word)).map(|word| (index.to_string(), word))
        };
        Some((0..self.passed(addr)?).take(self.most).filter_map(element).collect())
    }

    /// Returns what a call that waits was passed, and what its registers keep: local variables and what lies between two steps of an
    /// expression. V8 does not name those.
    fn call(self, generator: u64) -> Option<Vec<Named>> {
        let at = &self.heap.layout.at;
        self.heap.smi(generator, at.generator_continuation).filter(|&place| place >= 0)?;
        let registers = self.heap.target(generator, at.generator_registers)?;
        let shared = self.heap.target(self.heap.target(generator, at.generator_function)?, at.function_shared)?;
        let scope = self.heap.target(shared, at.shared_name).and_then(|scope| Scope::of(self.heap, scope))?;
        let passed = scope.parameters(self.heap)?;
        let present = self.heap.length(registers)?.min(LONGEST as u64);
        let receiver = self.heap.field(generator, at.generator_receiver).map(|word| ("this".to_owned(), word));
        let word = |index: u64| {
            let word = self.heap.element(registers, index)?;
            let name = if index < passed { format!("argument {index}") } else { "local".to_owned() };
            let kept = if index < passed { !self.heap.is_hole(word) } else { self.is_local(word, generator) };
            kept.then_some((name, word))
        };
        let receiver = receiver.filter(|&(_, word)| !self.heap.is_undefined(word) && !self.heap.is_hole(word));
        Some(receiver.into_iter().chain((0..present).filter_map(word)).take(self.most).collect())
    }

    /// Says whether a register holds a value of the program: not one of V8's own, nor the call itself.
    fn is_local(self, word: u64, generator: u64) -> bool {
        const FALSE: i64 = 0;
        const TRUE: i64 = 1;
        const NULL: i64 = 3;
        let Some(addr) = strong(word) else { return true };
        match self.heap.kind(addr) {
            Some(Kind::Oddball) => matches!(self.heap.oddball(addr), Some(FALSE | TRUE | NULL)),
            Some(Kind::String | Kind::Symbol | Kind::BigInt | Kind::HeapNumber) => true,
            Some(kind) => kind.is_receiver() && addr != generator,
            None => false,
        }
    }

    /// Returns what a FinalizationRegistry waits for: the target with what its callback will be passed.
    fn registered(self, addr: u64) -> Vec<Named> {
        let at = &self.heap.layout.at;
        let mut found = Vec::new();
        let mut next = self.heap.target(addr, at.registry_cells);
        while let Some(cell) = next.filter(|&cell| self.heap.kind(cell) == Some(Kind::WeakCell) && found.len() < self.most.min(LONGEST)) {
            let target = self.heap.field(cell, at.weak_cell_target).and_then(pointer);
            let name = target.map_or_else(String::new, |target| format!("{target:#x}"));
            found.extend(self.heap.field(cell, at.weak_cell_holdings).map(|held| (name, held)));
            next = self.heap.target(cell, at.weak_cell_next);
        }
        found
    }

    /// Returns what a module exports, by name.
    fn exports(self, addr: u64) -> Option<Vec<Named>> {
        let at = &self.heap.layout.at;
        let module = self.heap.target(addr, at.namespace_module)?;
        let table = self.heap.target(module, at.module_exports)?;
        let length = self.heap.length(table).filter(|_| self.heap.kind(table) == Some(Kind::HashTable))?;
        let entry = |slot: u64| {
            let name = strong(self.heap.element(table, slot)?).filter(|&name| self.heap.kind(name) == Some(Kind::String))?;
            let cell = strong(self.heap.element(table, slot + 1)?).filter(|&cell| self.heap.kind(cell) == Some(Kind::Cell))?;
            Some((self.strings.key(name, NAME_LIMIT), self.heap.field(cell, at.cell_value)?))
        };
        let mut found: Vec<Named> = (3..length.saturating_sub(1)).step_by(2).filter_map(entry).collect();
        found.sort();
        found.truncate(self.most);
        Some(found)
    }
}
