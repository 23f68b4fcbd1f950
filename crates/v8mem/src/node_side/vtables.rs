//! Classes of C++ objects by their first word, which leads into the table of the class's virtual functions.
//!
//! A stripped program has those of exported classes only: of others the class stays unknown.

use std::ops::Range;

use crate::memory::Memory;
use crate::node_binary::NodeBinary;
use crate::symbols::readable;

/// The tables of one program.
#[derive(Clone, Debug, Default)]
pub struct Vtables {
    /// Sorted by address.
    tables: Vec<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    start: u64,
    end: u64,
    /// The class, as the linker has it.
    symbol: String,
}

/// What a first word says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The class, with its namespaces: `node::TCPWrap`.
    pub name: String,
    /// Where the whole object begins: elsewhere where the word belongs to a second base class.
    pub whole: u64,
}

const PREFIX: &str = "_ZTV";
/// Before the functions stand how far the whole object's start is away, and its type.
const HEAD: u64 = 16;

impl Vtables {
    /// Lists the tables of a program. O(symbols).
    #[must_use]
    pub fn of(binary: &NodeBinary) -> Self {
        let table = |symbol: crate::node_binary::Symbol| Table {
            start: symbol.addr,
            end: symbol.addr.saturating_add(symbol.size),
            symbol: format!("_Z{}", &symbol.name[PREFIX.len()..]),
        };
        let mut tables: Vec<Table> = binary.symbols_from(PREFIX).into_iter().map(table).collect();
        tables.sort_by_key(|table| table.start);
        tables.dedup_by_key(|table| table.start);
        Self { tables }
    }

    /// Says whether it knows no class at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Returns where first words of objects of a class lead, of its own name as the linker has it, without namespaces.
    pub(crate) fn functions(&self, class: &str) -> Option<Range<u64>> {
        let symbol = format!("_Z{}{class}", class.len());
        self.tables.iter().find(|table| table.symbol == symbol).map(|table| table.start + HEAD..table.end)
    }

    /// Returns the class of the object at an address.
    #[must_use]
    pub fn class(&self, memory: &dyn Memory, object: u64) -> Option<Class> {
        let functions = memory.word(object).ok()?;
        let at = self.tables.partition_point(|table| table.start <= functions).checked_sub(1)?;
        let table = self.tables.get(at).filter(|table| table.start + HEAD <= functions && functions < table.end)?;
        let whole = object.wrapping_add(memory.word(functions - HEAD).ok()?);
        Some(Class { name: readable(&table.symbol), whole })
    }

    /// Returns the name of the class of an object that begins at an address.
    #[must_use]
    pub fn whole(&self, memory: &dyn Memory, object: u64) -> Option<String> {
        self.class(memory, object).filter(|class| class.whole == object).map(|class| class.name)
    }
}

/// Takes namespaces and arguments of templates off a class's name: `node::ReqWrap<uv_fs_s>` becomes `ReqWrap`.
#[must_use]
pub fn short(class: &str) -> &str {
    let plain = class.split('<').next().unwrap_or(class);
    plain.rsplit("::").next().unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_called_by_its_own_name() {
        let check = |class: &str, expect: &str| assert_eq!(short(class), expect);
        check("node::TCPWrap", "TCPWrap");
        check("node::(anonymous namespace)::ProcessWrap", "ProcessWrap");
        check("node::fs::FSReqPromise<node::AliasedBufferBase<double, v8::Float64Array>>", "FSReqPromise");
        check("Plain", "Plain");
    }
}
