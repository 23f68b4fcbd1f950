//! The strings by which V8 and Node.js name the edges and nodes that paths and suspects care about, looked up once per graph.

use crate::names;
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
                // V8 writes each string once; of a foreign writer's doubles the first counts.
                let found = names::find(strings, [$($text),*]).map(|ix| Name(ix.map_or(ABSENT, |ix| ix.0)));
                let [$($field),*] = found;
                Self { $($field),* }
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
    scope_info = "scope_info";
    shared = "shared";
    map = "map";
    proto = "__proto__";
    constructor = "constructor";
    prototype = "prototype";
    properties = "properties";
    elements = "elements";
    table = "table";
    feedback_cell = "feedback_cell";
    code = "code";
    children = "children";
    parent = "parent";
    module_parent = "<symbol node:module_parent>";
    main = "main";
    main_module = "mainModule";
    cache = "_cache";
    events = "_events";
    idle_next = "_idleNext";
    idle_prev = "_idlePrev";
    next = "next";
    reactions_or_result = "reactions_or_result";
    class_module = "Module";
    value = "value";
    class_context = "system / Context";
    class_cell = "system / Cell";
    class_native_context = "system / NativeContext";
    class_map = "Map";
    class_set = "Set";
    class_array = "Array";
    class_object = "Object";
    class_process = "process";
    class_timeout = "Timeout";
    class_timers_list = "TimersList";
}
