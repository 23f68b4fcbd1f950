//! What kinds of nodes and edges there are. Files number them as they like; in memory the numbers are ours.

/// The kind of a node. A kind that this build does not know keeps its number and its name (`HeapGraph::node_kind_name`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeKind(u8);

/// The kind of an edge: how the source holds the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeKind(u8);

macro_rules! kinds {
    ($of:ident, $known:ident: $($(#[$doc:meta])* $konst:ident = $number:literal $name:literal;)*) => {
        impl $of {
            $($(#[$doc])* pub const $konst: Self = Self($number);)*
        }
        /// The names of the known kinds, as V8 writes them, at their numbers.
        const $known: &[&str] = &[$($name),*];
    };
}

kinds! { NodeKind, NODE_KINDS:
    /// V8's own bookkeeping: maps, descriptors, scope infos ("(system)" in DevTools).
    HIDDEN = 0 "hidden";
    /// A backing array: elements, properties, a hash table, a context's slots.
    ARRAY = 1 "array";
    /// A flat string.
    STRING = 2 "string";
    /// A JavaScript object.
    OBJECT = 3 "object";
    /// Code, and what belongs to code: bytecode, feedback, SharedFunctionInfo.
    CODE = 4 "code";
    /// A function.
    CLOSURE = 5 "closure";
    /// A regular expression.
    REGEXP = 6 "regexp";
    /// A number that needs an object of its own.
    NUMBER = 7 "number";
    /// Memory outside V8's heap that the embedder tells of: ArrayBuffer stores, `Node / …` objects.
    NATIVE = 8 "native";
    /// A group made for the snapshot: `(GC roots)` and its children.
    SYNTHETIC = 9 "synthetic";
    /// A string made of two others.
    CONS_STRING = 10 "concatenated string";
    /// A string that is a range of another.
    SLICED_STRING = 11 "sliced string";
    /// A symbol.
    SYMBOL = 12 "symbol";
    /// A BigInt.
    BIGINT = 13 "bigint";
    /// A hidden class (Node 20 and later).
    OBJECT_SHAPE = 14 "object shape";
    /// A WebAssembly object (Node 20).
    WASM_OBJECT = 15 "wasm object";
}

kinds! { EdgeKind, EDGE_KINDS:
    /// A variable of a function's context.
    CONTEXT = 0 "context";
    /// An element of an array, by index.
    ELEMENT = 1 "element";
    /// A named property.
    PROPERTY = 2 "property";
    /// A field of V8's own object layout: `map`, `elements`, `table`, `shared`.
    INTERNAL = 3 "internal";
    /// A field without a name, by index.
    HIDDEN = 4 "hidden";
    /// A way to reach a node quickly that does not retain it.
    SHORTCUT = 5 "shortcut";
    /// A reference that does not keep its target alive.
    WEAK = 6 "weak";
    /// Any kind that this build does not know; its name is the graph's to tell.
    OTHER = 7 "other";
}

impl NodeKind {
    /// The largest number of distinct kinds that a graph can hold.
    pub const LIMIT: u8 = 64;

    /// Returns the known kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NODE_KINDS.iter().position(|known| *known == name).map(|number| Self(number as u8))
    }

    /// Returns the name of a known kind.
    #[must_use]
    pub fn known_name(self) -> Option<&'static str> {
        NODE_KINDS.get(usize::from(self.0)).copied()
    }

    /// Returns the kind of the `nth` name that is not known.
    #[must_use]
    pub(crate) fn unknown(nth: usize) -> Self {
        Self((NODE_KINDS.len() + nth).min(usize::from(Self::LIMIT) - 1) as u8)
    }

    /// Returns which of the unknown names is this kind's.
    #[must_use]
    pub(crate) fn unknown_ix(self) -> Option<usize> {
        usize::from(self.0).checked_sub(NODE_KINDS.len())
    }

    /// Returns the kind's number, below `LIMIT`.
    #[inline]
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Returns the kind of that number (its lowest 6 bits).
    #[inline]
    #[must_use]
    pub(crate) fn from_number(number: u8) -> Self {
        Self(number & (Self::LIMIT - 1))
    }

    /// Says whether the node is a string of any form.
    #[inline]
    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self, Self::STRING | Self::CONS_STRING | Self::SLICED_STRING)
    }
}

impl EdgeKind {
    /// Returns the known kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        EDGE_KINDS.iter().take(7).position(|known| *known == name).map(|number| Self(number as u8))
    }

    /// Returns the kind's name, `other` for all that are not known.
    #[must_use]
    pub fn name(self) -> &'static str {
        EDGE_KINDS[usize::from(self.0)]
    }

    /// Returns the kind's number, below 8.
    #[inline]
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Returns the kind of that number (its lowest 3 bits).
    #[inline]
    #[must_use]
    pub(crate) fn from_number(number: u8) -> Self {
        Self(number & 7)
    }

    /// Says whether edges of this kind are named by an index rather than by a string.
    #[inline]
    #[must_use]
    pub fn has_index(self) -> bool {
        matches!(self, Self::ELEMENT | Self::HIDDEN)
    }
}
