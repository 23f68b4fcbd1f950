//! The strings by which V8 and Node.js name the edges and nodes that paths and suspects care about, looked up once per graph.

use crate::strings::{StrIx, StringTable};

/// The position of no string.
const ABSENT: u32 = u32::MAX;

macro_rules! known_names {
    ($($(#[$doc:meta])* $field:ident = $text:literal;)*) => {
        /// Positions of known strings in one string table; those that it lacks match nothing.
        #[derive(Clone, Debug)]
        pub struct KnownNames {
            $($(#[$doc])* pub(crate) $field: Name,)*
        }

        impl KnownNames {
            /// Looks through a string table once. O(strings).
            #[must_use]
            pub fn of(strings: &StringTable) -> Self {
                let mut names = Self { $($field: Name(ABSENT),)* };
                for ix in 0..strings.len() as u32 {
                    // V8 writes each string once; of a foreign writer's doubles the first counts.
                    let slot = match strings.raw(StrIx(ix)) {
                        $(raw if raw == $text.as_bytes() => &mut names.$field,)*
                        _ => continue,
                    };
                    if slot.0 == ABSENT {
                        slot.0 = ix;
                    }
                }
                names
            }
        }
    };
}

/// A known string's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u32);

impl Name {
    /// Says whether that is the string.
    #[inline]
    pub(crate) fn is(self, ix: StrIx) -> bool {
        self.0 == ix.0 && ix.0 != ABSENT
    }
}

known_names! {
    context = "context";
    previous = "previous";
    extension = "extension";
    scope_info = "scope_info";
    shared = "shared";
    /// Node 22 and later; before, `script_or_debug_info`.
    script = "script";
    script_or_debug_info = "script_or_debug_info";
    source = "source";
    name = "name";
    map = "map";
    proto = "__proto__";
    constructor = "constructor";
    prototype = "prototype";
    properties = "properties";
    elements = "elements";
    table = "table";
    feedback_cell = "feedback_cell";
    code = "code";
    initial_map = "initial_map";
    children = "children";
    parent = "parent";
    module_parent = "<symbol node:module_parent>";
    main = "main";
    main_module = "mainModule";
    cache = "_cache";
    filename = "filename";
    events = "_events";
    idle_next = "_idleNext";
    idle_prev = "_idlePrev";
    next = "next";
    reactions_or_result = "reactions_or_result";
    backing_store = "backing_store";
    first = "first";
    second = "second";
    class_module = "Module";
    class_context = "system / Context";
    class_native_context = "system / NativeContext";
    class_map = "Map";
    class_set = "Set";
    class_array = "Array";
    class_object = "Object";
    class_promise = "Promise";
    class_process = "process";
    class_timeout = "Timeout";
    class_weak_map = "WeakMap";
}
