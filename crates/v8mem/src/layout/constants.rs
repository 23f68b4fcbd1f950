//! The constants with which V8 and Node describe themselves: `v8dbg_*` and `nodedbg_*`.
//!
//! From V8 12 on names carry C++ types, which change; what identifies a constant is its class and its field.

use rustc_hash::FxHashMap;

use crate::memory::Memory;
use crate::node_binary::NodeBinary;

/// Constants by name: without the prefix, and for fields without the type.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    values: FxHashMap<String, i64>,
}

impl Constants {
    /// Reads all constants of a program. A value is taken from the process's memory where it holds it, for some are computed at start-up;
    /// else from the file, where one in .bss is zero.
    #[must_use]
    pub fn read(binary: &NodeBinary, memory: &dyn Memory) -> Self {
        let mut values = FxHashMap::default();
        for symbol in binary.debug_symbols() {
            let Some(name) = short(&symbol.name) else { continue };
            let live = memory.half(symbol.addr).ok().map(|value| value as i32);
            let value = live.or_else(|| binary.initial_value(symbol)).unwrap_or(0);
            values.insert(name, i64::from(value));
        }
        Self { values }
    }

    /// Returns a constant.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<i64> {
        self.values.get(name).copied()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Says whether there are none: no program, or none that describes itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns instance types by their name in V8, without `_TYPE`.
    pub(crate) fn instance_types(&self) -> impl Iterator<Item = (&str, u16)> {
        self.values.iter().filter_map(|(name, &value)| {
            let (_, type_name) = name.strip_prefix("type_")?.split_once("__")?;
            Some((type_name.strip_suffix("_TYPE")?, u16::try_from(value).ok()?))
        })
    }
}

/// Takes the prefix and a field's type off: `v8dbg_class_Map__prototype__Object` becomes `class_Map__prototype`.
fn short(symbol: &str) -> Option<String> {
    let node = symbol.strip_prefix("nodedbg_");
    let name = node.or_else(|| symbol.strip_prefix("v8dbg_"))?;
    if node.is_some() || !name.starts_with("class_") {
        return Some(name.to_owned());
    }
    let mut parts = name.splitn(3, "__");
    Some(format!("{}__{}", parts.next()?, parts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fields_type_is_no_part_of_its_name() {
        let check = |symbol: &str, expect: &str| assert_eq!(short(symbol).as_deref(), Some(expect));
        check("v8dbg_class_Map__prototype__Tagged_HeapObject_", "class_Map__prototype");
        check("v8dbg_class_Map__instance_descriptors_offset", "class_Map__instance_descriptors_offset");
        check("v8dbg_type_JSMap__JS_MAP_TYPE", "type_JSMap__JS_MAP_TYPE");
        check("nodedbg_offset_ReqWrap__req_wrap_queue___ListNode_ReqWrapQueue", "offset_ReqWrap__req_wrap_queue___ListNode_ReqWrapQueue");
    }
}
