//! What the fields of V8's own objects are called: by the numbers of the layout, for people who look at an address.

use super::V8Layout;
use crate::kind::Kind;
use crate::text::{Representation, representation};

/// The beginnings of the names that the layout has for the fields of a kind of objects.
const OF_KIND: [(Kind, &[&str]); 33] = [
    (Kind::Map, &["map_"]),
    (Kind::Symbol, &["symbol_"]),
    (Kind::Oddball, &["oddball_"]),
    (Kind::HeapNumber, &["number_"]),
    (Kind::SharedFunctionInfo, &["shared_"]),
    (Kind::UncompiledData, &["uncompiled_"]),
    (Kind::Script, &["script_"]),
    (Kind::BytecodeArray, &["bytecode_"]),
    (Kind::Code, &["code_"]),
    (Kind::InstructionStream, &["stream_"]),
    (Kind::Cell, &["cell_"]),
    (Kind::FeedbackCell, &["cell_"]),
    (Kind::PropertyCell, &["property_cell_"]),
    (Kind::AccessorPair, &["getter", "setter"]),
    (Kind::AllocationSite, &["site_"]),
    (Kind::WeakCell, &["weak_cell_"]),
    (Kind::JsFunction, &["function_"]),
    (Kind::JsBoundFunction, &["bound_"]),
    (Kind::JsArray, &["array_"]),
    (Kind::JsArrayBuffer, &["buffer_"]),
    (Kind::JsTypedArray, &["view_", "typed_"]),
    (Kind::JsDataView, &["view_"]),
    (Kind::JsMap, &["collection_"]),
    (Kind::JsSet, &["collection_"]),
    (Kind::JsWeakMap, &["collection_"]),
    (Kind::JsWeakSet, &["collection_"]),
    (Kind::JsWeakRef, &["weak_ref_"]),
    (Kind::JsPromise, &["promise_"]),
    (Kind::JsGenerator, &["generator_"]),
    (Kind::JsDate, &["date_"]),
    (Kind::JsRegExp, &["regexp_"]),
    (Kind::JsFinalizationRegistry, &["registry_"]),
    (Kind::JsPrimitiveWrapper, &["wrapper_"]),
];

impl V8Layout {
    /// Returns what the field at an offset of an object of V8's is called: `prototype` of a map, `context` of a function. `None` where the layout has
    /// no number for it: then nobody here reads it.
    #[must_use]
    pub fn field_name(&self, kind: Kind, instance_type: u16, offset: u64) -> Option<String> {
        let own = OF_KIND.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, beginnings)| *beginnings);
        let of_string = match representation(instance_type) {
            _ if kind != Kind::String => "",
            Representation::Cons => "cons_",
            Representation::Sliced => "sliced_",
            Representation::Thin => "thin_",
            Representation::External => "external_",
            Representation::Flat => "string_",
        };
        let all = [of_string, if kind == Kind::String { "string_l" } else { "" }, if kind.is_js_object() { "object_" } else { "" }];
        let beginnings = own.iter().copied().chain(all.into_iter().filter(|beginning| !beginning.is_empty()));
        beginnings.into_iter().find_map(|beginning| self.named(beginning, offset))
    }

    /// Finds the number with that value whose name begins so. Not all numbers are offsets of fields.
    fn named(&self, beginning: &str, offset: u64) -> Option<String> {
        const NO_OFFSETS: [&str; 6] =
            ["external_resource_data", "typed_kinds", "code_kind_mask", "code_kind_shift", "code_baseline", "code_alignment"];
        let is_it = |name: &str| name.starts_with(beginning) && !NO_OFFSETS.contains(&name);
        let entry = self.entries.iter().find(|entry| entry.value == offset as i64 && is_it(entry.name))?;
        let (_, rest) = entry.name.split_once('_').unwrap_or(("", entry.name));
        // Some kinds have names of two words.
        let rest = ["cell_", "ref_"].iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest);
        Some(rest.replace('_', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Tables;
    use crate::layout::constants::Constants;
    use crate::version::V8Version;

    #[test]
    fn fields_have_names() {
        let layout = V8Layout::new(Tables::default(), V8Version::new(12, 4), &Constants::default());
        let check = |kind: Kind, offset: u64, expect: Option<&str>| {
            assert_eq!(layout.field_name(kind, u16::MAX, offset).as_deref(), expect, "{kind:?} + {offset}");
        };
        check(Kind::Map, 24, Some("prototype"));
        check(Kind::Map, 40, Some("descriptors"));
        check(Kind::JsFunction, 8, Some("properties"));
        check(Kind::JsFunction, 40, Some("context"));
        check(Kind::JsFunction, 24, Some("code"));
        check(Kind::JsFunction, 56, Some("prototype"));
        check(Kind::JsGenerator, 72, Some("registers"));
        check(Kind::PropertyCell, 24, Some("value"));
        check(Kind::WeakCell, 16, Some("target"));
        check(Kind::WeakCell, 32, Some("holdings"));
        check(Kind::Code, 32, Some("stream"));
        check(Kind::Code, 64, None);
        check(Kind::InstructionStream, 8, Some("code"));
        check(Kind::InstructionStream, 16, Some("relocation"));
        check(Kind::JsWeakRef, 24, Some("target"));
        check(Kind::AccessorPair, 16, Some("setter"));
        check(Kind::ScopeInfo, 8, None);
    }
}
