//! Where the bytes are, by kind of thing: DevTools' statistics exactly, and a finer split whose parts add up to the total.

use crate::analysis::HeapAnalysis;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::NodeKind;
use crate::names;
use crate::strings::StrIx;

/// What DevTools' statistics view shows, in bytes, and the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Everything.
    pub total: u64,
    /// Memory outside V8's heap.
    pub native: u64,
    /// Of that, what ArrayBuffers point to.
    pub typed_arrays: u64,
    /// V8's heap: the rest.
    pub v8_heap: u64,
    /// Code, and what belongs to code.
    pub code: u64,
    /// Strings of all forms.
    pub strings: u64,
    /// Arrays, with the elements that only they use.
    pub js_arrays: u64,
    /// V8's own bookkeeping.
    pub system: u64,
    /// All nodes by what they are; with `Part::ExtraNative` they add up to `total`.
    pub parts: Vec<PartSize>,
}

/// The nodes of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSize {
    /// The part.
    pub part: Part,
    /// How many nodes it has.
    pub count: u64,
    /// Their self sizes together, in bytes.
    pub size: u64,
}

/// A part of the heap, by what its nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Strings of all forms.
    Strings,
    /// Objects that are none of the following.
    Objects,
    /// Arrays, with the backing arrays that only they use.
    Arrays,
    /// Maps, Sets, WeakMaps and WeakSets, with their tables.
    Collections,
    /// Functions.
    Functions,
    /// The variables that functions share.
    Contexts,
    /// Numbers and BigInts that need an object of their own.
    Numbers,
    /// Regular expressions.
    RegExps,
    /// Symbols.
    Symbols,
    /// Backing arrays that several objects use, or none.
    SharedArrays,
    /// Code, bytecode, feedback.
    Code,
    /// Hidden classes.
    Shapes,
    /// V8's own bookkeeping.
    System,
    /// WebAssembly objects.
    Wasm,
    /// Groups made for the snapshot.
    Synthetic,
    /// Nodes of a kind that this build does not know.
    Other,
    /// What ArrayBuffers and Buffers point to.
    ArrayBuffers,
    /// Other native objects that the embedder told of.
    Native,
    /// Native memory that belongs to no node.
    ExtraNative,
}

impl Part {
    const ALL: [Self; 19] = [
        Self::Strings,
        Self::Objects,
        Self::Arrays,
        Self::Collections,
        Self::Functions,
        Self::Contexts,
        Self::Numbers,
        Self::RegExps,
        Self::Symbols,
        Self::SharedArrays,
        Self::Code,
        Self::Shapes,
        Self::System,
        Self::Wasm,
        Self::Synthetic,
        Self::Other,
        Self::ArrayBuffers,
        Self::Native,
        Self::ExtraNative,
    ];

    /// Returns the stable name used in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strings => "strings",
            Self::Objects => "objects",
            Self::Arrays => "arrays",
            Self::Collections => "collections",
            Self::Functions => "functions",
            Self::Contexts => "contexts",
            Self::Numbers => "numbers",
            Self::RegExps => "regexps",
            Self::Symbols => "symbols",
            Self::SharedArrays => "shared_arrays",
            Self::Code => "code",
            Self::Shapes => "shapes",
            Self::System => "system",
            Self::Wasm => "wasm",
            Self::Synthetic => "synthetic",
            Self::Other => "other",
            Self::ArrayBuffers => "array_buffers",
            Self::Native => "native",
            Self::ExtraNative => "extra_native",
        }
    }

    /// Returns what it is, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Strings => "strings",
            Self::Objects => "objects",
            Self::Arrays => "arrays",
            Self::Collections => "maps and sets",
            Self::Functions => "functions",
            Self::Contexts => "closure variables",
            Self::Numbers => "numbers",
            Self::RegExps => "regular expressions",
            Self::Symbols => "symbols",
            Self::SharedArrays => "shared backing arrays",
            Self::Code => "code",
            Self::Shapes => "hidden classes",
            Self::System => "V8 internals",
            Self::Wasm => "WebAssembly",
            Self::Synthetic => "groups",
            Self::Other => "other kinds",
            Self::ArrayBuffers => "buffers",
            Self::Native => "native objects",
            Self::ExtraNative => "native, no owner known",
        }
    }
}

/// Sums up the heap. O(nodes).
#[must_use]
pub fn statistics(analysis: &HeapAnalysis) -> Statistics {
    let graph = analysis.graph();
    let sorter = Sorter::new(graph);
    let mut sums = [(0_u64, 0_u64); Part::ALL.len()];
    let mut js_arrays = 0;
    for node in graph.nodes() {
        let size = analysis.self_size(node);
        let sum = &mut sums[sorter.part(node) as usize];
        *sum = (sum.0 + 1, sum.1 + size);
        if sorter.is_array(node) {
            js_arrays += size + own_elements(analysis, node, sorter.elements);
        }
    }
    sums[Part::ExtraNative as usize].1 = graph.extra_native_bytes();
    let size = |part: Part| sums[part as usize].1;
    let native = size(Part::ArrayBuffers) + size(Part::Native) + size(Part::ExtraNative);
    let total = analysis.total_size();
    Statistics {
        total,
        native,
        typed_arrays: size(Part::ArrayBuffers),
        v8_heap: total.saturating_sub(native),
        code: size(Part::Code),
        strings: size(Part::Strings),
        js_arrays,
        system: size(Part::System),
        parts: Part::ALL.iter().map(|&part| PartSize { part, count: sums[part as usize].0, size: sums[part as usize].1 }).collect(),
    }
}

/// Returns the size of an array's elements where nothing else refers to them. Where they count with the array already, that is 0.
fn own_elements(analysis: &HeapAnalysis, array: NodeIx, elements: Option<StrIx>) -> u64 {
    let elements = names::internal(analysis.graph(), array, elements);
    elements
        .filter(|&elements| analysis.self_size(elements) > 0 && analysis.retainers(elements).len() == 1)
        .map_or(0, |elements| analysis.self_size(elements))
}

/// Tells what a node is.
struct Sorter<'a> {
    graph: &'a HeapGraph,
    array: Option<StrIx>,
    elements: Option<StrIx>,
    buffer_data: Option<StrIx>,
    collections: [Option<StrIx>; 4],
    contexts: crate::bitset::Bitset,
}

impl<'a> Sorter<'a> {
    fn new(graph: &'a HeapGraph) -> Self {
        let strings = graph.strings();
        let [array, elements, buffer_data, map, set, weak_map, weak_set] =
            names::find(strings, ["Array", "elements", "system / JSArrayBufferData", "Map", "Set", "WeakMap", "WeakSet"]);
        let contexts = names::select(strings, is_context_name);
        Self { graph, array, elements, buffer_data, collections: [map, set, weak_map, weak_set], contexts }
    }

    /// Says whether DevTools counts a node among arrays.
    fn is_array(&self, node: NodeIx) -> bool {
        let kind = self.graph.kind(node);
        Some(self.graph.name_ix(node)) == self.array
            && !kind.is_string()
            && !matches!(kind, NodeKind::NATIVE | NodeKind::CODE | NodeKind::HIDDEN)
    }

    fn part(&self, node: NodeIx) -> Part {
        let name = Some(self.graph.name_ix(node));
        match self.graph.kind(node) {
            NodeKind::STRING | NodeKind::CONS_STRING | NodeKind::SLICED_STRING => Part::Strings,
            NodeKind::OBJECT if name == self.array => Part::Arrays,
            NodeKind::OBJECT if self.collections.contains(&name) => Part::Collections,
            NodeKind::OBJECT if self.contexts.get(self.graph.name_ix(node).0) => Part::Contexts,
            NodeKind::OBJECT => Part::Objects,
            NodeKind::CLOSURE => Part::Functions,
            NodeKind::NUMBER | NodeKind::BIGINT => Part::Numbers,
            NodeKind::REGEXP => Part::RegExps,
            NodeKind::SYMBOL => Part::Symbols,
            NodeKind::ARRAY => Part::SharedArrays,
            NodeKind::CODE => Part::Code,
            NodeKind::OBJECT_SHAPE => Part::Shapes,
            NodeKind::HIDDEN => Part::System,
            NodeKind::WASM_OBJECT => Part::Wasm,
            NodeKind::SYNTHETIC => Part::Synthetic,
            NodeKind::NATIVE if name == self.buffer_data => Part::ArrayBuffers,
            NodeKind::NATIVE => Part::Native,
            _ => Part::Other,
        }
    }
}

/// Says whether a name is that of a function's context: `system / Context`, or `system / Context / …`.
pub(crate) fn is_context_name(raw: &[u8]) -> bool {
    raw.strip_prefix(b"system / Context").is_some_and(|rest| rest.is_empty() || rest.starts_with(b" / "))
}
