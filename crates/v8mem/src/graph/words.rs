//! Names of edges and nodes that V8 uses again and again, looked up once.

use heap::StrIx;
use heap::rows::Rows;

macro_rules! words {
    ($($field:ident $text:literal,)+) => {
        /// Positions of fixed names.
        #[derive(Clone, Copy)]
        pub(super) struct Words { $(pub(super) $field: StrIx,)+ }

        impl Words {
            /// Looks every name up.
            pub(super) fn new(rows: &mut Rows) -> Self {
                Self { $($field: rows.text($text),)+ }
            }
        }
    };
}

words! {
    empty "",
    map "map",
    proto "__proto__",
    properties "properties",
    elements "elements",
    table "table",
    shared "shared",
    context "context",
    code "code",
    instruction_stream "instruction_stream",
    relocation_info "relocation_info",
    interpreter_data "interpreter_data",
    bytecode_offset_table "bytecode_offset_table",
    deoptimization_data "deoptimization_data",
    source_position_table "source_position_table",
    feedback_cell "feedback_cell",
    initial_map "initial_map",
    prototype "prototype",
    bindings "bindings",
    bound_this "bound_this",
    bound_function "bound_function",
    global_proxy "global_proxy",
    buffer "buffer",
    backing_store "backing_store",
    first "first",
    second "second",
    parent "parent",
    actual "actual",
    name "name",
    target "target",
    unregister_token "unregister_token",
    scope_info "scope_info",
    previous "previous",
    extension "extension",
    transition "transition",
    transitions "transitions",
    prototype_info "prototype_info",
    descriptors "descriptors",
    native_context "native_context",
    back_pointer "back_pointer",
    constructor "constructor",
    constructor_function_data "constructor_function_data",
    dependent_code "dependent_code",
    name_or_scope_info "name_or_scope_info",
    script "script",
    script_or_debug_info "script_or_debug_info",
    function_data "function_data",
    trusted_function_data "trusted_function_data",
    untrusted_function_data "untrusted_function_data",
    outer_scope_info "raw_outer_scope_info_or_feedback_metadata",
    source "source",
    context_data "context_data",
    line_ends "line_ends",
    getter "getter",
    setter "setter",
    value "value",
    transition_info "transition_info",
    nested_site "nested_site",
    enum_cache "enum_cache",
    reactions_or_result "reactions_or_result",
    function "function",
    receiver "receiver",
    registers "parameters_and_registers",
    concatenated_string "(concatenated string)",
    sliced_string "(sliced string)",
    symbol "symbol",
    bigint "bigint",
    heap_number "heap number",
    native_bind "native_bind",
    system_context "system / Context",
}
