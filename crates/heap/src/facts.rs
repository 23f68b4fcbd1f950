//! What the analyses need to know of edge names: gathered once, so that they never look at a name again.
//!
//! Few edges have a name that matters to distances and dominators: the two halves of a WeakMap entry, the descriptors of a map, one
//! field of the native context. And the histogram names plain objects by their properties. The snapshot reader gathers these while it
//! reads, which lets it leave the names of all other edges in the file until somebody asks.

use rustc_hash::FxHashMap;

use crate::bitset::Bitset;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::shapes::{ShapeCollector, Shapes};
use crate::strings::{StrIx, StringTable};

/// One half of a WeakMap entry: the edge to the value from the key, or from the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ephemeron {
    /// The edge.
    pub(crate) edge: u32,
    /// The same for both halves of one entry, different for different entries.
    pub(crate) entry: u32,
    /// Whether this is the table's half.
    pub(crate) from_table: bool,
}

/// What edge names say, for one graph.
#[derive(Debug, Default)]
pub(crate) struct EdgeFacts {
    /// Nodes with an edge in `ephemerons` or `skipped`.
    pub(crate) special: Bitset,
    /// Halves of WeakMap entries, sorted by edge.
    pub(crate) ephemerons: Vec<Ephemeron>,
    /// Edges that distances do not follow, sorted.
    pub(crate) skipped: Vec<u32>,
    /// The property names of plain objects.
    pub(crate) shapes: Shapes,
}

impl EdgeFacts {
    /// Gathers from a graph whose edge names are at hand. O(edges).
    pub(crate) fn of(graph: &HeapGraph) -> Self {
        let names = SpecialNames::of(graph.strings());
        let mut collector = FactCollector::new(&names);
        let mut edge_names = graph.edge_names_in_turn();
        for node in graph.nodes() {
            let about = names.about(graph.kind(node), graph.name_ix(node).0);
            collector.start(node.0, about);
            for edge in graph.edges(node) {
                collector.edge(edge.ix.0, edge.kind, edge_names.get(edge.ix.0));
            }
            collector.end();
        }
        let (nodes, edges) = (graph.node_count(), graph.edge_count() as u32);
        let id = |node| graph.id(NodeIx(node)).0;
        let source = |edge| graph.edge_source(crate::graph::EdgeIx(edge)).0;
        let mut gathered = vec![collector.finish()];
        let shapes = Shapes::join(take_shapes(&mut gathered), nodes);
        Self::join(gathered, shapes, nodes, graph.strings(), id, edges, source)
    }

    /// Joins what several collectors gathered from one graph, whose shapes were joined before.
    pub(crate) fn join(
        parts: Vec<GatheredFacts>,
        shapes: Shapes,
        nodes: usize,
        strings: &StringTable,
        id: impl Fn(u32) -> u64,
        edge_count: u32,
        source: impl Fn(u32) -> u32,
    ) -> Self {
        let mut facts = Self { special: Bitset::new(nodes), shapes, ..Self::default() };
        let mut entries: FxHashMap<Vec<u8>, u32> = FxHashMap::default();
        for part in parts {
            for (edge, name) in part.ephemerons.into_iter().filter(|&(edge, _)| edge < edge_count) {
                let Some(parsed) = EphemeronName::parse(strings.raw(StrIx(name))) else { continue };
                let from = source(edge);
                facts.special.set(from);
                let next = entries.len() as u32;
                let entry = *entries.entry(parsed.entry.to_vec()).or_insert(next);
                facts.ephemerons.push(Ephemeron { edge, entry, from_table: id(from) == parsed.table });
            }
            for edge in part.skipped.into_iter().filter(|&edge| edge < edge_count) {
                facts.special.set(source(edge));
                facts.skipped.push(edge);
            }
        }
        facts.ephemerons.sort_unstable();
        facts.skipped.sort_unstable();
        facts
    }

    /// Returns the WeakMap entry that an edge is half of. Only edges of `special` nodes can be.
    pub(crate) fn ephemeron(&self, edge: u32) -> Option<Ephemeron> {
        self.ephemerons.binary_search_by_key(&edge, |half| half.edge).ok().map(|at| self.ephemerons[at])
    }

    /// Says whether distances skip an edge. Only edges of `special` nodes can be skipped.
    pub(crate) fn is_skipped(&self, edge: u32) -> bool {
        self.skipped.binary_search(&edge).is_ok()
    }
}

/// The strings that matter, by their positions in one string table.
#[derive(Debug, Default)]
pub(crate) struct SpecialNames {
    /// Strings that name half of a WeakMap entry.
    ephemerons: Bitset,
    plain_object: Option<u32>,
    native_context: Option<u32>,
    map_descriptors: Option<u32>,
    sloppy_function_map: Option<u32>,
    proto: Option<u32>,
    process: Option<u32>,
}

/// What is to be gathered from a node's edges, besides WeakMap entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Nothing,
    PlainObject,
    NativeContext,
    MapDescriptors,
}

impl SpecialNames {
    /// Looks through a string table. O(bytes).
    pub(crate) fn of(strings: &StringTable) -> Self {
        let mut names = Self::with_room(strings.len());
        for ix in 0..strings.len() as u32 {
            names.see(ix, strings.raw(StrIx(ix)));
        }
        names
    }

    /// Starts with room for `len` strings; a table without strings still holds one, the empty one.
    pub(crate) fn with_room(len: usize) -> Self {
        Self { ephemerons: Bitset::new(len.max(1)), ..Self::default() }
    }

    /// Says whether a string that starts with that byte can matter.
    #[inline]
    pub(crate) fn may_matter(first: Option<u8>) -> bool {
        matches!(first, Some(b'0'..=b'9' | b'O' | b's' | b'(' | b'_' | b'p'))
    }

    /// Looks at one string.
    #[inline]
    pub(crate) fn see(&mut self, ix: u32, raw: &[u8]) {
        match (raw.first(), raw.last()) {
            (Some(b'0'..=b'9'), Some(b')')) if EphemeronName::parse(raw).is_some() => self.ephemerons.set(ix),
            (Some(b'O'), _) if raw == b"Object" => self.plain_object = self.plain_object.or(Some(ix)),
            (Some(b's'), _) if raw == b"system / NativeContext" => self.native_context = self.native_context.or(Some(ix)),
            (Some(b's'), _) if raw == b"sloppy_function_map" => self.sloppy_function_map = self.sloppy_function_map.or(Some(ix)),
            (Some(b'('), _) if raw == b"(map descriptors)" => self.map_descriptors = self.map_descriptors.or(Some(ix)),
            (Some(b'p'), _) if raw == b"process" => self.process = self.process.or(Some(ix)),
            (Some(b'_'), _) if raw == b"__proto__" => self.proto = self.proto.or(Some(ix)),
            _ => {}
        }
    }

    /// Says what is to be gathered from the edges of a node of that kind and name.
    #[inline]
    pub(crate) fn about(&self, kind: NodeKind, name: u32) -> About {
        let is = |special: Option<u32>| special == Some(name);
        match kind {
            NodeKind::OBJECT if is(self.plain_object) => About::PlainObject,
            NodeKind::HIDDEN if is(self.native_context) => About::NativeContext,
            NodeKind::ARRAY if is(self.map_descriptors) => About::MapDescriptors,
            _ => About::Nothing,
        }
    }

    /// Returns the position of `process`.
    pub(crate) fn process(&self) -> Option<u32> {
        self.process
    }

    /// Returns the position of `__proto__`.
    pub(crate) fn proto(&self) -> Option<u32> {
        self.proto
    }
}

/// Gathers facts node by node, edge by edge. Several collectors may each see a part of the nodes.
pub(crate) struct FactCollector<'a> {
    names: &'a SpecialNames,
    about: About,
    gathered: GatheredFacts,
}

/// What one collector gathered.
#[derive(Default)]
pub(crate) struct GatheredFacts {
    /// (edge, name) of internal edges whose name is that of half a WeakMap entry.
    ephemerons: Vec<(u32, u32)>,
    skipped: Vec<u32>,
    shapes: ShapeCollector,
}

/// Takes out what was gathered of plain objects, which can be joined beside other work.
pub(crate) fn take_shapes(parts: &mut [GatheredFacts]) -> Vec<ShapeCollector> {
    parts.iter_mut().map(|part| std::mem::take(&mut part.shapes)).collect()
}

impl<'a> FactCollector<'a> {
    pub(crate) fn new(names: &'a SpecialNames) -> Self {
        let mut gathered = GatheredFacts::default();
        gathered.shapes.proto = names.proto();
        Self { names, about: About::Nothing, gathered }
    }

    /// Starts the edges of a node.
    #[inline]
    pub(crate) fn start(&mut self, node: u32, about: About) {
        self.about = about;
        if about == About::PlainObject {
            self.gathered.shapes.start(node);
        }
    }

    /// Sees one edge.
    #[inline]
    pub(crate) fn edge(&mut self, edge: u32, kind: EdgeKind, name: u32) {
        if kind == EdgeKind::INTERNAL {
            if self.names.ephemerons.get(name) {
                self.gathered.ephemerons.push((edge, name));
            }
        } else if kind == EdgeKind::PROPERTY && self.about == About::PlainObject {
            self.gathered.shapes.property(name);
        }
        if self.about == About::MapDescriptors || self.about == About::NativeContext {
            self.rare_edge(edge, kind, name);
        }
    }

    #[cold]
    fn rare_edge(&mut self, edge: u32, kind: EdgeKind, name: u32) {
        let skip = match self.about {
            // Descriptors of maps that share an array may not be valid for all of them (crbug.com/413608): DevTools skips every third.
            About::MapDescriptors => kind.has_index() && name >= 2 && name % 3 == 1,
            About::NativeContext => !kind.has_index() && Some(name) == self.names.sloppy_function_map,
            _ => false,
        };
        if skip {
            self.gathered.skipped.push(edge);
        }
    }

    /// Ends the edges of a node.
    #[inline]
    pub(crate) fn end(&mut self) {
        if self.about == About::PlainObject {
            self.gathered.shapes.end();
        }
    }

    pub(crate) fn finish(self) -> GatheredFacts {
        self.gathered
    }
}

/// The name of half a WeakMap entry, as V8 writes it since Node 16:
/// `7 / part of key (Object @33) -> value (Array @35) pair in WeakMap (table @31)`.
struct EphemeronName<'a> {
    /// All behind the leading number: the same in both halves.
    entry: &'a [u8],
    /// The table's id.
    table: u64,
}

impl<'a> EphemeronName<'a> {
    fn parse(raw: &'a [u8]) -> Option<Self> {
        let digits = raw.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let entry = raw.get(digits..).filter(|_| digits > 0)?;
        let rest = entry.strip_prefix(b" / part of key (")?;
        let table_at = memchr::memmem::rfind(rest, b" pair in WeakMap (table @")?;
        let (pair, table) = rest.split_at(table_at);
        let table = table.strip_prefix(b" pair in WeakMap (table @")?.strip_suffix(b")")?;
        let arrow = memchr::memmem::find(pair, b") -> value (")?;
        let ends_in_id = |text: &[u8]| {
            let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && text[..text.len() - digits].ends_with(b" @")
        };
        let value = pair.get(arrow + b") -> value (".len()..)?.strip_suffix(b")")?;
        if !ends_in_id(&pair[..arrow]) || !ends_in_id(value) {
            return None;
        }
        let table = std::str::from_utf8(table).ok().filter(|table| table.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(Self { entry, table: table.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_names_of_weakmap_entries() {
        let name = b"7 / part of key (Object @33) -> value (Array @35) pair in WeakMap (table @31)";
        let parsed = EphemeronName::parse(name).map(|name| (name.entry.len(), name.table));
        assert_eq!(parsed, Some((name.len() - 1, 31)));
        for bad in [
            "part of key (Object @33) -> value (Array @35) pair in WeakMap (table @31)",
            "7 / part of key (Object @33) -> value (Array @35) pair in WeakMap (table @x)",
            "7 / part of key (Object) -> value (Array @35) pair in WeakMap (table @31)",
            "7 / part of key (Object @3) -> value (Array) pair in WeakMap (table @31)",
            "7",
            "",
        ] {
            assert!(EphemeronName::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
