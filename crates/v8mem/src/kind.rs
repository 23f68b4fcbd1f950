//! What kinds of object a heap holds: V8's instance types, gathered where they are laid out and read alike.
//!
//! The numbers of instance types change with every V8, their names hardly; `layout/instance_types.tsv` has both.

/// How an object is laid out and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Any string; the representation is in the instance type's bits.
    String,
    /// A symbol.
    Symbol,
    /// A big integer.
    BigInt,
    /// A number in a box.
    HeapNumber,
    /// undefined, null, true, false, and V8's own markers.
    Oddball,
    /// The hole (V8 12 and later; an oddball before).
    Hole,
    /// A map: V8's hidden class.
    Map,
    /// An array of tagged words, length first.
    FixedArray,
    /// A hash table that is none of the following.
    HashTable,
    /// The table of a WeakMap or WeakSet.
    EphemeronTable,
    /// The properties of a global object.
    GlobalDictionary,
    /// The properties of an object in dictionary mode.
    NameDictionary,
    /// Elements in dictionary mode.
    NumberDictionary,
    /// The table of a Map.
    OrderedHashMap,
    /// The table of a Set.
    OrderedHashSet,
    /// The values of an array literal.
    ArrayBoilerplate,
    /// The values of an object literal.
    BoilerplateDescription,
    /// A closure's cells, one for each inner function.
    ClosureFeedbackCells,
    /// An array of tagged words behind a header that differs between versions.
    HeadedArray,
    /// What C++ keeps in a context, or in an object: raw words among tagged ones.
    EmbedderData,
    /// Properties that have no room in the object.
    PropertyArray,
    /// Bytes.
    ByteArray,
    /// Doubles.
    DoubleArray,
    /// An array of words that may be weak.
    WeakFixedArray,
    /// The transitions of a map.
    TransitionArray,
    /// A growing array of words that may be weak.
    WeakArrayList,
    /// The properties that a map describes.
    DescriptorArray,
    /// What a function has learnt about its operands.
    FeedbackVector,
    /// What a feedback vector has room for.
    FeedbackMetadata,
    /// Bytecode.
    BytecodeArray,
    /// What the parser remembers of a function that it skipped.
    PreparseData,
    /// The names of a scope's variables.
    ScopeInfo,
    /// A closure's variables.
    Context,
    /// A realm.
    NativeContext,
    /// What all closures of one function have in common.
    SharedFunctionInfo,
    /// A source file.
    Script,
    /// Machine code, or what describes it.
    Code,
    /// Machine code itself.
    InstructionStream,
    /// A cell.
    Cell,
    /// A cell of a feedback vector.
    FeedbackCell,
    /// A global variable.
    PropertyCell,
    /// Where in the source objects are made.
    AllocationSite,
    /// A getter and a setter in C++.
    AccessorInfo,
    /// A getter and a setter.
    AccessorPair,
    /// An entry of a FinalizationRegistry.
    WeakCell,
    /// What a prototype's map keeps.
    PrototypeInfo,
    /// The order in which properties are listed.
    EnumCache,
    /// What is known of a function that was not compiled.
    UncompiledData,
    /// A pointer of C++.
    Foreign,
    /// Raw words without a pointer to the heap.
    Raw,
    /// A fixed number of tagged words, nothing special.
    Struct,
    /// Free memory.
    FreeSpace,
    /// One or two free words.
    Filler,
    /// A proxy: no `JsObject`.
    JsProxy,
    /// An object that is none of the following.
    JsObject,
    /// A function, of any kind.
    JsFunction,
    /// What `bind` returns.
    JsBoundFunction,
    /// An array.
    JsArray,
    /// An ArrayBuffer or SharedArrayBuffer.
    JsArrayBuffer,
    /// A typed array; Node's Buffer is one.
    JsTypedArray,
    /// A DataView.
    JsDataView,
    /// A Map.
    JsMap,
    /// A Set.
    JsSet,
    /// A WeakMap.
    JsWeakMap,
    /// A WeakSet.
    JsWeakSet,
    /// A WeakRef.
    JsWeakRef,
    /// A FinalizationRegistry.
    JsFinalizationRegistry,
    /// A promise.
    JsPromise,
    /// A generator, or an async function that waits.
    JsGenerator,
    /// A regular expression.
    JsRegExp,
    /// A date.
    JsDate,
    /// An error.
    JsError,
    /// Number, String, Boolean, Symbol or BigInt as an object.
    JsPrimitiveWrapper,
    /// `arguments`.
    JsArguments,
    /// A global object.
    JsGlobalObject,
    /// What scripts see of it.
    JsGlobalProxy,
    /// An object with fields for C++.
    JsApiObject,
    /// Not known to this build.
    Unknown,
}

use Kind as K;

impl Kind {
    /// Returns the kind of an instance type by its name in V8, without `_TYPE`.
    #[must_use]
    pub(crate) fn of_type(name: &str) -> Self {
        exact(name).unwrap_or_else(|| similar(name))
    }

    /// Says whether it is a JavaScript object; a proxy is not, for V8.
    #[must_use]
    pub fn is_js_object(self) -> bool {
        self as u8 >= K::JsObject as u8 && self != K::Unknown
    }

    /// Says whether it is an object or a proxy.
    #[must_use]
    pub fn is_receiver(self) -> bool {
        self == K::JsProxy || self.is_js_object()
    }

    /// Says whether it is unused memory.
    #[must_use]
    pub fn is_free(self) -> bool {
        matches!(self, K::FreeSpace | K::Filler)
    }

    /// Says whether V8 counts it as a `FixedArray`: its snapshots then call it "(internal array)".
    #[must_use]
    pub fn is_fixed_array(self) -> bool {
        matches!(self, K::FixedArray | K::HashTable | K::EphemeronTable | K::GlobalDictionary | K::NameDictionary | K::NumberDictionary)
            || matches!(self, K::OrderedHashMap | K::OrderedHashSet)
    }
}

/// Types that have a kind of their own, or share one with a few.
const EXACT: &[(&str, Kind)] = &[
    ("SYMBOL", K::Symbol),
    ("BIG_INT_BASE", K::BigInt),
    ("HEAP_NUMBER", K::HeapNumber),
    ("ODDBALL", K::Oddball),
    ("HOLE", K::Hole),
    ("MAP", K::Map),
    ("FIXED_ARRAY", K::FixedArray),
    ("TRUSTED_FIXED_ARRAY", K::FixedArray),
    ("PROTECTED_FIXED_ARRAY", K::FixedArray),
    ("EPHEMERON_HASH_TABLE", K::EphemeronTable),
    ("GLOBAL_DICTIONARY", K::GlobalDictionary),
    ("NAME_DICTIONARY", K::NameDictionary),
    ("NUMBER_DICTIONARY", K::NumberDictionary),
    ("ORDERED_HASH_MAP", K::OrderedHashMap),
    ("ORDERED_HASH_SET", K::OrderedHashSet),
    ("ARRAY_BOILERPLATE_DESCRIPTION", K::ArrayBoilerplate),
    ("OBJECT_BOILERPLATE_DESCRIPTION", K::BoilerplateDescription),
    ("CLOSURE_FEEDBACK_CELL_ARRAY", K::ClosureFeedbackCells),
    ("ARRAY_LIST", K::HeadedArray),
    ("SLOPPY_ARGUMENTS_ELEMENTS", K::HeadedArray),
    ("REG_EXP_MATCH_INFO", K::HeadedArray),
    ("SCRIPT_CONTEXT_TABLE", K::HeadedArray),
    ("EMBEDDER_DATA_ARRAY", K::EmbedderData),
    ("PROPERTY_ARRAY", K::PropertyArray),
    ("BYTE_ARRAY", K::ByteArray),
    ("TRUSTED_BYTE_ARRAY", K::ByteArray),
    ("FIXED_DOUBLE_ARRAY", K::DoubleArray),
    ("WEAK_FIXED_ARRAY", K::WeakFixedArray),
    ("TRUSTED_WEAK_FIXED_ARRAY", K::WeakFixedArray),
    ("PROTECTED_WEAK_FIXED_ARRAY", K::WeakFixedArray),
    ("TRANSITION_ARRAY", K::TransitionArray),
    ("WEAK_ARRAY_LIST", K::WeakArrayList),
    ("DESCRIPTOR_ARRAY", K::DescriptorArray),
    ("STRONG_DESCRIPTOR_ARRAY", K::DescriptorArray),
    ("FEEDBACK_VECTOR", K::FeedbackVector),
    ("FEEDBACK_METADATA", K::FeedbackMetadata),
    ("BYTECODE_ARRAY", K::BytecodeArray),
    ("PREPARSE_DATA", K::PreparseData),
    ("SCOPE_INFO", K::ScopeInfo),
    ("NATIVE_CONTEXT", K::NativeContext),
    ("SHARED_FUNCTION_INFO", K::SharedFunctionInfo),
    ("SCRIPT", K::Script),
    ("CODE", K::Code),
    ("INSTRUCTION_STREAM", K::InstructionStream),
    ("CELL", K::Cell),
    ("FEEDBACK_CELL", K::FeedbackCell),
    ("PROPERTY_CELL", K::PropertyCell),
    ("ALLOCATION_SITE", K::AllocationSite),
    ("ACCESSOR_INFO", K::AccessorInfo),
    ("ACCESSOR_PAIR", K::AccessorPair),
    ("WEAK_CELL", K::WeakCell),
    ("PROTOTYPE_INFO", K::PrototypeInfo),
    ("ENUM_CACHE", K::EnumCache),
    ("FOREIGN", K::Foreign),
    ("TRUSTED_FOREIGN", K::Foreign),
    ("COVERAGE_INFO", K::Raw),
    ("EXTERNAL_POINTER_ARRAY", K::Raw),
    ("FREE_SPACE", K::FreeSpace),
    ("FILLER", K::Filler),
    ("JS_PROXY", K::JsProxy),
    ("JS_BOUND_FUNCTION", K::JsBoundFunction),
    ("JS_ARRAY", K::JsArray),
    ("JS_ARRAY_BUFFER", K::JsArrayBuffer),
    ("JS_TYPED_ARRAY", K::JsTypedArray),
    ("JS_DETACHED_TYPED_ARRAY", K::JsTypedArray),
    ("JS_DATA_VIEW", K::JsDataView),
    ("JS_RAB_GSAB_DATA_VIEW", K::JsDataView),
    ("JS_MAP", K::JsMap),
    ("JS_SET", K::JsSet),
    ("JS_WEAK_MAP", K::JsWeakMap),
    ("JS_WEAK_SET", K::JsWeakSet),
    ("JS_WEAK_REF", K::JsWeakRef),
    ("JS_FINALIZATION_REGISTRY", K::JsFinalizationRegistry),
    ("JS_PROMISE", K::JsPromise),
    ("JS_GENERATOR_OBJECT", K::JsGenerator),
    ("JS_ASYNC_FUNCTION_OBJECT", K::JsGenerator),
    ("JS_ASYNC_GENERATOR_OBJECT", K::JsGenerator),
    ("JS_REG_EXP", K::JsRegExp),
    ("JS_DATE", K::JsDate),
    ("JS_ERROR", K::JsError),
    ("JS_PRIMITIVE_WRAPPER", K::JsPrimitiveWrapper),
    ("JS_ARGUMENTS_OBJECT", K::JsArguments),
    ("JS_GLOBAL_OBJECT", K::JsGlobalObject),
    ("JS_GLOBAL_PROXY", K::JsGlobalProxy),
    ("JS_API_OBJECT", K::JsApiObject),
    ("JS_SPECIAL_API_OBJECT", K::JsApiObject),
    ("JS_LAST_DUMMY_API_OBJECT", K::JsApiObject),
];

fn exact(name: &str) -> Option<Kind> {
    EXACT.iter().find(|(known, _)| *known == name).map(|&(_, kind)| kind)
}

/// Types that come in families.
fn similar(name: &str) -> Kind {
    let js_function =
        name == "JS_FUNCTION" || (name.ends_with("_CONSTRUCTOR") && (name.starts_with("JS_") || name.contains("_TYPED_ARRAY_")));
    let table = ["HASH_TABLE", "DICTIONARY", "SYMBOL_TABLE"].iter().any(|end| name.ends_with(end));
    // WebAssembly's objects of JavaScript have types of their own; what only V8 sees of it ends otherwise.
    let wasm_object =
        name.starts_with("WASM_") && ["_OBJECT", "_EXCEPTION_PACKAGE", "_MEMORY_MAP_DESCRIPTOR"].iter().any(|end| name.ends_with(end));
    let ordered = name.starts_with("SMALL_ORDERED") || name.starts_with("SWISS");
    match name {
        _ if name.ends_with("_STRING") || name == "STRING" => K::String,
        _ if js_function => K::JsFunction,
        _ if name.ends_with("_CONTEXT") => K::Context,
        _ if ordered => K::Unknown,
        _ if table => K::HashTable,
        _ if name.starts_with("UNCOMPILED_DATA") => K::UncompiledData,
        _ if name.starts_with("JS_") || wasm_object => K::JsObject,
        _ if name.starts_with("TURBO") => K::Raw,
        _ => K::Struct,
    }
}

/// Returns the name that V8's snapshots give an internal object: `FEEDBACK_CELL` is `system / FeedbackCell`.
#[must_use]
pub(crate) fn system_name(type_name: &str) -> String {
    let mut name = String::from("system / ");
    for word in type_name.split('_') {
        if word == "JS" {
            name.push_str(word);
            continue;
        }
        let mut letters = word.chars();
        name.extend(letters.next());
        name.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_name() {
        let check = |name: &str, expect: Kind| assert_eq!(Kind::of_type(name), expect, "{name}");
        check("EXTERNAL_INTERNALIZED_TWO_BYTE_STRING", K::String);
        check("FLOAT64_TYPED_ARRAY_CONSTRUCTOR", K::JsFunction);
        check("JS_CLASS_CONSTRUCTOR", K::JsFunction);
        check("BLOCK_CONTEXT", K::Context);
        check("NATIVE_CONTEXT", K::NativeContext);
        check("REGISTERED_SYMBOL_TABLE", K::HashTable);
        check("NAME_TO_INDEX_HASH_TABLE", K::HashTable);
        check("PROMISE_REACTION", K::Struct);
        check("JS_TEMPORAL_INSTANT", K::JsObject);
        check("WASM_TAG_OBJECT", K::JsObject);
        check("WASM_TRUSTED_INSTANCE_DATA", K::Struct);
        assert_eq!(system_name("FEEDBACK_CELL"), "system / FeedbackCell");
        assert_eq!(system_name("JS_PROXY"), "system / JSProxy");
    }
}
