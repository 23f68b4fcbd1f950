//! Where everything is: every offset and mask of V8's heap that this crate uses, each with where it comes from.
//!
//! V8 describes most of it in symbols (`v8dbg_*`). What it does not describe, or describes wrongly, stands here with the versions that
//! were looked at. Nothing else in this crate holds an offset.

pub mod constants;
pub(crate) mod counters;
mod fields;
mod told;
mod types;

use constants::Constants;

pub use counters::CounterPlaces;
pub use told::Told;
pub use types::{InstanceTypes, Tables};

use crate::version::V8Version;

/// Where a number of the layout comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// V8's own symbol.
    Symbol,
    /// This crate's table: checked on official builds of the versions that it names.
    Table,
}

/// A number of the layout, for `heapwhy layout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The field's name in `Offsets`.
    pub name: &'static str,
    /// V8's name of it, empty where V8 never tells.
    pub symbol: &'static str,
    /// Its value.
    pub value: i64,
    /// Where that comes from.
    pub source: Source,
}

/// The layout of one V8.
#[derive(Clone, Debug)]
pub struct V8Layout {
    /// The V8 that it is for.
    pub version: V8Version,
    /// Offsets and masks.
    pub at: Offsets,
    /// Whether this build has a table of that minor version.
    pub is_known: bool,
    /// Kinds of objects.
    pub types: InstanceTypes,
    /// The types that the process names itself.
    pub told: Told,
    /// Every number of `at`.
    pub entries: Vec<Entry>,
}

impl V8Layout {
    /// Puts together the layout of a V8 from what it says of itself and what is known of its version.
    #[must_use]
    pub fn new(tables: Tables, version: V8Version, constants: &Constants) -> Self {
        let mut entries = Vec::new();
        let at = Offsets::of(constants, version, &mut entries);
        let told = Told::of(constants);
        let types = InstanceTypes::of(tables, version, &told, constants);
        Self { version, is_known: tables.know(version), types, told, at, entries }
    }

    /// Adds what the maps in a table of roots say of their types: the root's name, and the type.
    pub fn add_roots<'n>(&mut self, tables: Tables, roots: impl IntoIterator<Item = (&'n str, u16)>, constants: &Constants) {
        for (root, number) in roots {
            self.told.add_root(root, number, |name| tables.have_type(name));
        }
        self.types = InstanceTypes::of(tables, self.version, &self.told, constants);
    }

    /// Returns how many of the numbers come from V8 itself, and how many there are.
    #[must_use]
    pub fn from_symbols(&self) -> (usize, usize) {
        (self.entries.iter().filter(|entry| entry.source == Source::Symbol).count(), self.entries.len())
    }
}

const V9_1: V8Version = V8Version::new(9, 1);
const V9_8: V8Version = V8Version::new(9, 8);
const V10: V8Version = V8Version::new(10, 0);
const V11: V8Version = V8Version::new(11, 0);
/// Node.js 21; Node.js 20 has 11.3, and nothing lies between.
const V11_8: V8Version = V8Version::new(11, 8);
const V12: V8Version = V8Version::new(12, 0);
const V12_9: V8Version = V8Version::new(12, 9);
const V13: V8Version = V8Version::new(13, 0);
const V13_6: V8Version = V8Version::new(13, 6);
const V14: V8Version = V8Version::new(14, 0);
/// 14.1 is known to be as before, what lies between was not looked at.
const V14_6: V8Version = V8Version::new(14, 6);

/// Declares the numbers: what one is, V8's symbol for it, and what it is where V8 does not tell.
macro_rules! offsets {
    ($($(#[doc = $doc:literal])+ $field:ident: $symbol:literal, |$version:pat_param| $default:expr;)+) => {
        /// Offsets in bytes from the start of an object, masks, shifts and counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Offsets { $($(#[doc = $doc])+ pub $field: u64,)+ }

        impl Offsets {
            fn of(constants: &Constants, version: V8Version, entries: &mut Vec<Entry>) -> Self {
                $(let $field = {
                    let $version = version;
                    let told = if $symbol.is_empty() { None } else { constants.get($symbol).filter(|value| *value >= 0) };
                    let value: i64 = told.unwrap_or_else(|| $default);
                    let source = if told.is_some() { Source::Symbol } else { Source::Table };
                    entries.push(Entry { name: stringify!($field), symbol: $symbol, value, source });
                    value as u64
                };)+
                Self { $($field,)+ }
            }
        }
    };
}

offsets! {
    /// Map: size of its objects in words, one byte; 0 where it varies.
    map_size_words: "class_Map__instance_size_in_words", |_| 8;
    /// Map: first property inside the object, in words, one byte.
    map_inobject_start: "class_Map__inobject_properties_start_or_constructor_function_index", |_| 9;
    /// Map: instance type, two bytes.
    map_type: "class_Map__instance_type", |_| 12;
    /// Map: bits, one byte.
    map_bits: "class_Map__bit_field", |_| 14;
    /// Map: more bits, one byte. Bit 0 says that `new.target` was the constructor (never exported).
    map_bits2: "class_Map__bit_field2", |_| 15;
    /// Map: still more bits, four bytes. Bit 20 says that it is a prototype's (never exported).
    map_bits3: "class_Map__bit_field3", |_| 16;
    /// Map: the prototype of its objects.
    map_prototype: "class_Map__prototype", |_| 24;
    /// Map: constructor, or the map that this one came from.
    map_constructor: "class_Map__constructor_or_back_pointer", |_| 32;
    /// Map: descriptors of properties.
    map_descriptors: "class_Map__instance_descriptors", |_| 40;
    /// Map: code that depends on it.
    map_dependent_code: "class_Map__dependent_code", |_| 48;
    /// Map: a cell that says whether what was learnt of a prototype still holds.
    map_validity_cell: "class_Map__prototype_validity_cell", |_| 56;
    /// Map: transitions, or what a prototype's map keeps.
    map_transitions: "class_Map__raw_transitions", |_| 64;
    /// Mask of the number of own descriptors in `map_bits3`.
    own_descriptors_mask: "bit_field3_number_of_own_descriptors_mask", |_| 0x3ff << 10;
    /// Its shift.
    own_descriptors_shift: "bit_field3_number_of_own_descriptors_shift", |_| 10;
    /// The bit of `map_bits3` that says that properties are in a dictionary.
    dictionary_map_shift: "bit_field3_is_dictionary_map_shift", |_| 21;
    /// Mask of the elements kind in `map_bits2`.
    elements_kind_mask: "bit_field2_elements_kind_mask", |_| 0xfc;
    /// Its shift.
    elements_kind_shift: "bit_field2_elements_kind_shift", |_| 2;
    /// The elements kind of elements in a dictionary.
    dictionary_elements: "elements_dictionary_elements", |v| if v < V11 { 12 } else { 13 };
    /// Object: properties that are not in it, or its hash.
    object_properties: "class_JSReceiver__raw_properties_or_hash", |_| 8;
    /// Object: elements.
    object_elements: "class_JSObject__elements", |_| 16;
    /// Object for C++: its first field. V8 12.9 and later say 24, where `cpp_heap_wrappable` is.
    embedder_fields: "", |v| if v < V12_9 { 24 } else { 32 };
    /// String: length in characters, four bytes.
    string_length: "class_String__length", |_| 12;
    /// String: first character of a flat one.
    string_chars: "class_SeqOneByteString__chars", |_| 16;
    /// Concatenated string: first part.
    cons_first: "class_ConsString__first", |_| 16;
    /// Concatenated string: second part.
    cons_second: "class_ConsString__second", |_| 24;
    /// Sliced string: the string that it is part of.
    sliced_parent: "class_SlicedString__parent", |_| 16;
    /// Sliced string: where in it, a small integer.
    sliced_offset: "class_SlicedString__offset", |_| 24;
    /// Thin string: the same string, internalized.
    thin_actual: "class_ThinString__actual", |_| 16;
    /// External string: its C++ object.
    external_resource: "class_ExternalString__resource", |_| 16;
    /// External string: its characters (absent in uncached ones).
    external_data: "", |_| 24;
    /// External string's C++ object: its characters.
    external_resource_data: "offset_ExternalString__data__uintptr_t", |_| 8;
    /// The first instance type that is no string.
    first_nonstring: "FirstNonstringType", |v| if v < V10 { 64 } else { 128 };
    /// Descriptor array: first entry.
    descriptors_start: "class_DescriptorArray__header_size", |v| if v < V14 { 24 } else { 32 };
    /// Details of a property: mask of the location.
    location_mask: "prop_location_mask", |v| if v < V10 { 2 } else { 32 };
    /// Details of a property in a dictionary: when it was added, in bits from this one on. Not exported.
    enumeration_shift: "", |_| 8;
    /// Details of a property: mask of the representation.
    representation_mask: "prop_representation_mask", |_| 0x1c0;
    /// Its shift.
    representation_shift: "prop_representation_shift", |_| 6;
    /// Details of a property: mask of the field's index.
    field_index_mask: "prop_index_mask", |_| 0x3ff << 19;
    /// Its shift.
    field_index_shift: "prop_index_shift", |_| 19;
    /// Name dictionary: words before the entries, behind the three of every table.
    name_dictionary_prefix: "namedictionaryshape_prefix_size", |v| if v < V11 { 2 } else { 3 };
    /// Function: what it shares with other closures.
    function_shared: "class_JSFunction__shared", |v| if v < V11_8 { 24 } else { 32 };
    /// Function: its context.
    function_context: "class_JSFunction__context", |v| if v < V11_8 { 32 } else { 40 };
    /// Function: its feedback cell.
    function_feedback: "class_JSFunction__raw_feedback_cell", |v| if v < V11_8 { 40 } else { 48 };
    /// Function: its code; from V8 13 on a number, no pointer.
    function_code: "", |v| if v < V11_8 { 48 } else { 24 };
    /// Function: prototype or initial map, where it has that slot.
    function_prototype: "class_JSFunction__prototype_or_initial_map", |_| 56;
    /// Shared function info: data of the function; from V8 12 on the trusted part.
    shared_data: "class_SharedFunctionInfo__function_data", |_| 8;
    /// Shared function info: data of the function that is not trusted (V8 12.9 and later; the same as the other before).
    shared_untrusted_data: "", |v| if v < V12_9 { 8 } else { 16 };
    /// Shared function info: name or scope info.
    shared_name: "class_SharedFunctionInfo__name_or_scope_info", |v| if v < V12_9 { 16 } else { 24 };
    /// Shared function info: outer scope info or feedback metadata.
    shared_metadata: "class_SharedFunctionInfo__feedback_metadata", |v| if v < V12_9 { 24 } else { 32 };
    /// Shared function info: script, or debug info in its place (up to V8 11).
    shared_script: "class_SharedFunctionInfo__script", |v| if v < V12_9 { 32 } else { 40 };
    /// Uncompiled data: inferred name.
    uncompiled_name: "class_UncompiledData__inferred_name", |_| 8;
    /// Uncompiled data: where the function starts, in characters, four bytes.
    uncompiled_start: "class_UncompiledData__start_position", |_| 16;
    /// Script: source.
    script_source: "class_Script__source", |_| 8;
    /// Script: name.
    script_name: "class_Script__name", |_| 16;
    /// Script: data of its context.
    script_context_data: "", |_| 40;
    /// Script: ends of lines.
    script_line_ends: "class_Script__line_ends", |_| 56;
    /// Script: its number, a small integer.
    script_id: "", |_| 64;
    /// Script: what its functions have in common, one entry each.
    script_infos: "class_Script__infos", |_| 88;
    /// Script: options of whoever loaded it.
    script_host_options: "class_Script__host_defined_options", |v| if v < V13_6 { 120 } else { 112 };
    /// Oddball: which one, a small integer.
    oddball_kind: "class_Oddball__kind", |_| 40;
    /// Oddball: its name.
    oddball_string: "", |_| 16;
    /// The oddball `undefined`.
    undefined: "OddballUndefined", |v| if v < V12 { 5 } else { 4 };
    /// The oddball that marks a hole, up to V8 11.
    the_hole: "OddballTheHole", |_| 2;
    /// Number in a box: the double.
    number_value: "class_HeapNumber__value", |_| 8;
    /// Big integer: its sign in bit 0, then the number of its words, four bytes.
    bigint_bits: "", |_| 8;
    /// Big integer: its words, the lowest first.
    bigint_words: "", |_| 16;
    /// Symbol: flags, four bytes; bit 0 says that it is private.
    symbol_flags: "", |_| 12;
    /// Symbol: description.
    symbol_name: "class_Symbol__name", |_| 16;
    /// Array: length, a small integer or a number.
    array_length: "", |_| 24;
    /// Date: its time, a number or, later, a raw double.
    date_value: "class_JSDate__value", |_| 24;
    /// Regular expression: source.
    regexp_source: "class_JSRegExp__source", |_| 32;
    /// Regular expression: its flags, a small integer.
    regexp_flags: "", |_| 40;
    /// ArrayBuffer: length in bytes.
    buffer_length: "class_JSArrayBuffer__byte_length", |v| if v < V12_9 { 32 } else { 40 };
    /// ArrayBuffer: its memory.
    buffer_store: "class_JSArrayBuffer__backing_store", |v| if v < V10 { 40 } else { 56 };
    /// ArrayBuffer: four bytes, of which bit 2 says that its memory was given away, counted from the field of its memory: V8 tells that, and what comes
    /// before it has changed within 9.x.
    buffer_flags: "", |_| 16;
    /// View of an ArrayBuffer: how many bytes of it come before.
    view_offset: "class_JSArrayBufferView__byte_offset", |v| if v < V12_9 { 32 } else { 48 };
    /// Typed array: length in bytes.
    view_length: "class_JSArrayBufferView__byte_length", |v| if v < V12_9 { 40 } else { 56 };
    /// View of an ArrayBuffer: four bytes, of which bit 0 says that it is as long as the memory, and bit 1 that this may grow (V8 10 and later).
    view_flags: "", |v| if v < V12_9 { 48 } else { 40 };
    /// Typed array: where its elements are, counted from the next field.
    typed_external: "class_JSTypedArray__external_pointer", |_| 64;
    /// Typed array: the object that holds its elements, as a tagged word; 0 where they are in memory of C++.
    typed_base: "class_JSTypedArray__base_pointer", |_| 72;
    /// How many kinds of elements lie between dictionaries and bytes.
    typed_kinds: "", |_| 5;
    /// Bound function: the function.
    bound_function: "", |_| 24;
    /// Bound function: `this`.
    bound_this: "", |_| 32;
    /// Bound function: arguments.
    bound_arguments: "", |_| 40;
    /// Map, Set, WeakMap, WeakSet: the table.
    collection_table: "", |_| 24;
    /// WeakRef: the target.
    weak_ref_target: "", |_| 24;
    /// Promise: reactions, or the result.
    promise_result: "", |_| 24;
    /// Promise: its state and more, a small integer.
    promise_flags: "", |_| 32;
    /// Generator: function.
    generator_function: "", |_| 24;
    /// Generator: context.
    generator_context: "", |_| 32;
    /// Generator: receiver.
    generator_receiver: "", |_| 40;
    /// Generator: where in its bytecode it waits, a small integer, while it does.
    generator_position: "", |_| 48;
    /// Generator: at which of its places it waits, a small integer; less than 0 where it runs, or has ended.
    generator_continuation: "", |_| 64;
    /// Generator: parameters and registers.
    generator_registers: "", |_| 72;
    /// Elements of `arguments` whose parameters are variables: their context.
    sloppy_context: "", |_| 16;
    /// Elements of `arguments` whose parameters are variables: the others, an array.
    sloppy_arguments: "", |_| 24;
    /// Elements of `arguments` whose parameters are variables: the first one's place in the context.
    sloppy_mapped: "", |_| 32;
    /// What a module exports, as an object: the module.
    namespace_module: "", |v| if v < V12_9 { 24 } else { 32 };
    /// Module: a table of what it exports.
    module_exports: "", |_| 8;
    /// Frame in the stack of an error: its function, in words, where the frame is an object of its own: what it ran, the receiver and the function
    /// stand in the first three words, in this order since V8 12.
    trace_function: "", |v| if v < V12 { 1 } else { 2 };
    /// Frame in the stack of an error: what it ran, in words.
    trace_code: "", |v| if v < V12 { 2 } else { 0 };
    /// Frame in the stack of an error: where in that, in words.
    trace_offset: "", |_| 3;
    /// Frame in the stack of an error: flags, in words.
    trace_flags: "", |v| if v < V14_6 { 4 } else { 5 };
    /// Frame in the stack of an error: how many words, where all frames are in one array.
    trace_words: "", |_| 6;
    /// Primitive wrapper: the value.
    wrapper_value: "", |_| 24;
    /// Cell, feedback cell: the value.
    cell_value: "", |_| 8;
    /// Global variable: name.
    property_cell_name: "", |_| 8;
    /// Global variable: details.
    property_cell_details: "", |_| 16;
    /// Global variable: value.
    property_cell_value: "", |_| 24;
    /// Accessor pair: getter.
    getter: "class_AccessorPair__getter", |_| 8;
    /// Accessor pair: setter.
    setter: "class_AccessorPair__setter", |_| 16;
    /// Allocation site: the next one, a weak list.
    site_next: "class_AllocationSite__weak_next", |_| 40;
    /// FinalizationRegistry: its first entry.
    registry_cells: "", |_| 40;
    /// Entry of a FinalizationRegistry: what is passed to the callback.
    weak_cell_holdings: "", |v| if v < V14_6 { 32 } else { 16 };
    /// Entry of a FinalizationRegistry: the next one.
    weak_cell_next: "", |_| 48;
    /// Entry of a FinalizationRegistry: target.
    weak_cell_target: "", |v| if v < V14_6 { 16 } else { 24 };
    /// Entry of a FinalizationRegistry: token.
    weak_cell_token: "", |v| if v < V14_6 { 24 } else { 32 };
    /// Context: first variable, in words of its array.
    context_slots: "context_min_slots", |_| 2;
    /// Cell of a variable that changes (V8 14): its value, where that is tagged.
    context_cell_value: "", |_| 8;
    /// Cell of a variable: what kind of value it has, four bytes.
    context_cell_state: "", |_| 24;
    /// Cell of a variable: its value, where that is a raw number.
    context_cell_number: "", |_| 32;
    /// Realm: what Node keeps in it.
    embedder_data: "native_context_embedder_data_offset", |_| 48;
    /// Scope info: flags. A small integer up to V8 12.4, four raw bytes later. Before V8 9.1 it is an array, its length first.
    scope_flags: "", |v| if v < V9_1 { 16 } else { 8 };
    /// Scope info: words before the names of variables, flags counted.
    scope_names: "scopeinfo_idx_first_vars", |v| if v < V12_9 { 3 } else { 5 };
    /// Bytecode: bytes of code start here.
    bytecode_start: "class_BytecodeArray__data", |v| if v < V11_8 { 54 } else if v < V12 { 52 } else { 64 };
    /// Bytecode: where in the source each came from. Not exported.
    bytecode_positions: "", |v| if v < V12 { 32 } else { 24 };
    /// Array of bytes: the first one, behind its length.
    bytes_start: "", |_| 16;
    /// Code: a table of bytes that says where in it other things are told of; up to V8 11.3.
    code_relocation: "class_Code__relocation_info", |_| 8;
    /// Code: what leads back from it to bytecode, or of Sparkplug's the bytecode.
    code_deopt: "class_Code__deoptimization_data", |v| if v < V11_8 { 16 } else { 8 };
    /// Array of tagged words: the first one, behind its length.
    elements_start: "", |_| 16;
    /// What leads back from code to bytecode: the place of literals among its words.
    deopt_literals: "DeoptimizationDataLiteralArrayIndex", |v| if v < V13 { 2 } else { 3 };
    /// What leads back from code to bytecode: the place of calls that were replaced by the function that they call.
    deopt_calls: "DeoptimizationDataInliningPositionsIndex", |v| if v < V13 { 7 } else { 8 };
    /// Code: how many bytes of it came from each bytecode, where Sparkplug made it; else where in the source it came from.
    code_bytecode_table: "class_Code__bytecode_offset_table", |v| if v < V11_8 { 24 } else { 16 };
    /// Code of V8 11 and later: its instructions.
    code_stream: "class_Code__instruction_stream", |v| if v < V11_8 || v >= V12 { 32 } else { 24 };
    /// Code: its instructions up to V8 10; later the address of them.
    code_start: "class_Code__instruction_start", |v| if v < V10 { 96 } else if v < V11 { 128 } else if v < V11_8 || v >= V12 { 40 } else { 32 };
    /// Code: how many bytes of instructions there are, four bytes.
    code_size: "class_Code__instruction_size", |v| if v < V11 { 40 } else if v < V11_8 || v >= V12_9 { 56 } else if v < V12 { 44 } else { 52 };
    /// Code: how many bytes of tables follow the instructions, four bytes; V8 11.8 and later say it elsewhere.
    code_tables_size: "", |v| if v < V11 { 44 } else { 60 };
    /// Table of places in machine code: the number of why it is given up, which a byte follows; four numbers before and two behind four bytes follow.
    relocation_reason: "", |v| if v < V11 { 17 } else if v < V11_8 { 16 } else if v < V13 { 17 } else { 19 };
    /// Table of places in machine code: the number of a long distance.
    relocation_jump: "", |v| if v < V11 { 21 } else if v < V13 { 20 } else { 22 };
    /// Bytecode and the code that Sparkplug made of it, side by side in V8 9: the code.
    baseline_code: "class_BaselineData__baseline_code", |_| 8;
    /// Machine code takes a multiple of so many bytes.
    code_alignment: "", |v| if v < V10 { 32 } else { 64 };
    /// Code: flags, four bytes.
    code_flags: "class_Code__flags", |v| if v < V11_8 { 48 } else if v < V12 { 40 } else if v < V12_9 { 48 } else { 52 };
    /// Mask of the kind of code in its flags.
    code_kind_mask: "CodeKindFieldMask", |_| 15;
    /// Its shift.
    code_kind_shift: "CodeKindFieldShift", |_| 0;
    /// The kind of code that Sparkplug makes.
    code_baseline: "CodeKindBaseline", |_| 11;
    /// Entry of the table of functions' code: how many bytes it takes.
    dispatch_entry: "", |_| 16;
    /// Entry of the table of functions' code: the address of the instructions.
    dispatch_start: "", |_| 0;
    /// Entry of the table of functions' code: the code, and how many parameters it takes.
    dispatch_code: "", |_| 8;
    /// How far up the code's address is in that.
    dispatch_code_shift: "", |_| 16;
    /// How far up in a function's number the place in the table is.
    dispatch_shift: "", |_| 8;
    /// Instructions of V8 11 and later: the code that describes them.
    stream_code: "", |_| 8;
    /// Instructions of V8 11.8 and later: a table of bytes that says where in them other things are told of.
    stream_relocation: "", |_| 16;
    /// Instructions of V8 11.8 and later: how many bytes there are, tables counted, four bytes.
    stream_size: "", |_| 24;
    /// Instructions of V8 11 and later: the first one.
    stream_start: "class_InstructionStream__instruction_start", |v| if v < V11_8 { 16 } else { 32 };
    /// Message: what was thrown.
    message_argument: "class_JSMessageObject__argument", |_| 32;
    /// Frame of a function: the function, in bytes below the frame pointer.
    frame_function: "", |_| 16;
    /// Frame of a function: its context, or a small number that says what other frame it is.
    frame_context: "", |_| 8;
    /// Frame of a function: how many arguments there are.
    frame_count: "", |_| 24;
    /// Frame of a function: its bytecode, where it is interpreted or compiled without optimization.
    frame_bytecode: "", |_| 32;
    /// Frame of a function: where in its bytecode it is, a small integer, where it is interpreted.
    frame_offset: "", |_| 40;
    /// Frame of a function: the receiver, in bytes above the frame pointer; arguments follow.
    frame_receiver: "off_fp_args", |_| 16;
    /// Whether the number of arguments in a frame counts the receiver.
    frame_counts_receiver: "", |v| i64::from(v >= V9_8);
    /// Feedback vector: slots start here. Not exported.
    feedback_slots: "", |v| if v < V11 { 48 } else if v < V13_6 { 56 } else { 48 };
}
