//! Scope infos: the names of a closure's variables, and of the function that they belong to.
//!
//! One word each: flags, parameters, number of context variables, [V8 12.9: two positions], [modules: number of module variables],
//! the names or a table of them, one word for each variable, [saved class variable], [V8 9: receiver], [function name and slot],
//! [inferred name]. Which of the bracketed are there, the flags say.

use crate::kind::Kind;
use crate::maps::{smi, strong};
use crate::version::V8Version;
use crate::view::HeapView;

/// From this number of variables on, names are in a table (V8 10 and later).
const MANY: u64 = 75;

/// Says whether scope infos hold the positions of their function in front of the names, flags as raw bytes: V8 12.9 and later do.
fn has_positions(heap: HeapView<'_, '_>) -> bool {
    heap.layout.at.scope_names >= 5
}

/// A scope info, with its flags read.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    addr: u64,
    flags: u32,
    variables: u64,
    names: u64,
    in_table: bool,
}

impl Scope {
    /// Reads the scope info at an address.
    #[must_use]
    pub fn of(heap: HeapView<'_, '_>, addr: u64) -> Option<Self> {
        if heap.kind(addr)? != Kind::ScopeInfo {
            return None;
        }
        let version = heap.layout.version;
        let raw = heap.field(addr, heap.layout.at.scope_flags)?;
        let moved = has_positions(heap);
        let flags = if moved { raw as u32 } else { smi(raw)? as u32 };
        let variables = u64::try_from(heap.smi(addr, heap.layout.at.scope_flags + 16)?).ok().filter(|&count| count < 1 << 20)?;
        let module_scope = if moved { 5 } else { 3 };
        let mut names = heap.layout.at.scope_names;
        // Before V8 12 what a module has besides stands behind the names.
        if flags & 15 == module_scope && version.major >= 12 {
            names += 1;
        }
        let in_table = variables >= MANY && version >= V8Version::new(10, 0);
        Some(Self { addr, flags, variables, names, in_table })
    }

    fn word(&self, heap: HeapView<'_, '_>, index: u64) -> Option<u64> {
        heap.field(self.addr, heap.layout.at.scope_flags + 8 * index)
    }

    /// Returns how many words of a context come before the first variable.
    #[must_use]
    pub fn header(&self, heap: HeapView<'_, '_>) -> u64 {
        heap.layout.at.context_slots + u64::from(self.flags >> 26 & 1)
    }

    /// Returns how many parameters its function declares, a rest parameter not counted.
    #[must_use]
    pub fn parameters(&self, heap: HeapView<'_, '_>) -> Option<u64> {
        u64::try_from(smi(self.word(heap, 1)?)?).ok()
    }

    /// Says whether variables may be declared in it: of a `with` or `catch` context V8 lists none.
    #[must_use]
    pub fn declares(&self) -> bool {
        self.flags >> 6 & 1 == 1
    }

    /// Returns the variables in the context, by their place: a name (the address of a string) and the place in the context's words.
    #[must_use]
    pub fn variables(&self, heap: HeapView<'_, '_>) -> Vec<(u64, u64)> {
        let header = self.header(heap);
        if !self.in_table {
            let name = |at: u64| Some((strong(self.word(heap, self.names + at)?)?, header + at));
            return (0..self.variables).filter_map(name).collect();
        }
        let Some(table) = self.word(heap, self.names).and_then(strong) else { return vec![] };
        let mut found = Vec::new();
        let length = heap.length(table).unwrap_or(0).min(self.variables * 8 + 64);
        for at in 3..length.saturating_sub(1) {
            let (Some(key), Some(value)) = (heap.element(table, at), heap.element(table, at + 1)) else { break };
            let name = strong(key).filter(|&key| heap.kind(key) == Some(Kind::String));
            if let (Some(name), Some(index)) = (name, smi(value).and_then(|index| u64::try_from(index).ok())) {
                found.push((name, header + index));
            }
        }
        // The table has an order of its own, in which V8's snapshots list them.
        found.sort_by_key(|&(_, place)| place);
        found
    }

    /// Returns the index of the first word behind names and infos.
    fn behind(&self) -> u64 {
        self.names + if self.in_table { 1 } else { self.variables } + self.variables
    }

    /// Returns where the function's name stands, and then where the inferred one does.
    fn function_words(&self, heap: HeapView<'_, '_>) -> (Option<u64>, Option<u64>) {
        let mut at = self.behind() + u64::from(self.flags >> 10 & 1);
        let receiver = self.flags >> 7 & 3;
        if heap.layout.version < V8Version::new(10, 0) && (receiver == 1 || receiver == 2) {
            at += 1;
        }
        let named = self.flags >> 12 & 3 != 0;
        let function = named.then_some(at);
        if named {
            at += 2;
        }
        (function, (self.flags >> 14 & 1 == 1).then_some(at))
    }

    /// Returns the function's name: the address of a string.
    #[must_use]
    pub fn function_name(&self, heap: HeapView<'_, '_>) -> Option<u64> {
        strong(self.word(heap, self.function_words(heap).0?)?)
    }

    /// Returns the context variable that is the function itself: its name and place.
    #[must_use]
    pub fn function_variable(&self, heap: HeapView<'_, '_>) -> Option<(u64, u64)> {
        const IN_CONTEXT: u32 = 2;
        let at = self.function_words(heap).0.filter(|_| self.flags >> 12 & 3 == IN_CONTEXT)?;
        let place = u64::try_from(smi(self.word(heap, at + 1)?)?).ok()?;
        Some((strong(self.word(heap, at)?)?, place))
    }

    /// Returns the name that V8 made up for a function without one.
    #[must_use]
    pub fn inferred_name(&self, heap: HeapView<'_, '_>) -> Option<u64> {
        strong(self.word(heap, self.function_words(heap).1?)?)
    }

    /// Returns where the function starts in its source, in UTF-16 units.
    #[must_use]
    pub fn start(&self, heap: HeapView<'_, '_>) -> Option<u64> {
        u64::try_from(smi(self.word(heap, self.positions(heap))?)?).ok()
    }

    /// Returns where the function ends in its source, in UTF-16 units.
    #[must_use]
    pub fn end(&self, heap: HeapView<'_, '_>) -> Option<u64> {
        u64::try_from(smi(self.word(heap, self.positions(heap) + 1)?)?).ok()
    }

    /// Returns the place of the first of the two positions.
    fn positions(&self, heap: HeapView<'_, '_>) -> u64 {
        if has_positions(heap) {
            3
        } else {
            let (function, inferred) = self.function_words(heap);
            inferred.map(|at| at + 1).or(function.map(|at| at + 2)).unwrap_or_else(|| {
                let receiver = self.flags >> 7 & 3;
                let has_receiver = heap.layout.version < V8Version::new(10, 0) && (receiver == 1 || receiver == 2);
                self.behind() + u64::from(self.flags >> 10 & 1) + u64::from(has_receiver)
            })
        }
    }
}
