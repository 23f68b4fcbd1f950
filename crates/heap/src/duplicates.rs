//! Strings of equal content, each with its own copy in memory.
//!
//! As DevTools compares: flat strings and joined ones (by their first thousand or so characters), without joined ones that V8 has
//! flattened already, without strings of no size. Strings that V8 cut when it wrote the file are equal only if length and hash agree too.

mod nested;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::analysis::HeapAnalysis;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::strings::StrIx;

/// Joined strings are put together up to this many UTF-16 units.
const JOIN_LIMIT: usize = 1024;

/// Strings of one content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringGroup {
    /// The first of them.
    pub sample: NodeIx,
    /// How many there are.
    pub count: u64,
    /// Their self sizes together, in bytes.
    pub self_size: u64,
    /// The sum of their retained sizes, in bytes, as DevTools has it: joined strings that hold each other count again and again.
    pub retained_size: u64,
    /// What they retain together, in bytes: what one of them dominates counts once.
    pub together: u64,
    /// The size of the largest, in bytes: what one copy would need.
    pub largest: u64,
}

/// All strings by content.
pub struct StringContents<'a> {
    analysis: &'a HeapAnalysis,
    fields: Fields,
    /// For strings whose content is not simply their name: (node, content), sorted by node. Contents below the length of the string
    /// table are its positions; others are contents that no flat string has.
    joined: Vec<(u32, u32)>,
    /// Positions of the string table with the text of an earlier one, by that one.
    aliases: FxHashMap<u32, u32>,
    /// How many strings have each content.
    counts: Vec<u32>,
}

/// The edges by which V8 tells how a string is made.
struct Fields {
    first: Option<StrIx>,
    second: Option<StrIx>,
    truncated: Option<StrIx>,
    length: Option<StrIx>,
    hash: Option<StrIx>,
    value: Option<StrIx>,
    empty: Option<StrIx>,
}

impl Fields {
    fn of(graph: &HeapGraph) -> Self {
        let [first, second, truncated, length, hash, value, empty] =
            names::find(graph.strings(), ["first", "second", "truncated", "length", "hash", "value", ""]);
        Self { first, second, truncated, length, hash, value, empty }
    }
}

impl<'a> StringContents<'a> {
    /// Compares all strings. O(nodes + bytes of the string table); 32 bytes per distinct string while it works.
    #[must_use]
    pub fn of(analysis: &'a HeapAnalysis) -> Self {
        let graph = analysis.graph();
        let strings = graph.strings();
        let mut contents =
            Self { analysis, fields: Fields::of(graph), joined: Vec::new(), aliases: FxHashMap::default(), counts: vec![0; strings.len()] };
        let mut joiner = Joiner::new(graph);
        let mut hashes: Vec<(u128, u32)> = Vec::new();
        for node in graph.nodes() {
            if !contents.is_counted(node) {
                continue;
            }
            if graph.kind(node) == NodeKind::STRING && !contents.is_truncated(node) {
                contents.counts[graph.name_ix(node).0 as usize] += 1;
            } else {
                let content = (strings.len() + contents.joined.len()) as u32;
                hashes.push((contents.hash(node, &mut joiner), content));
                contents.joined.push((node.0, content));
            }
        }
        let flat = (0..strings.len() as u32).filter(|&ix| contents.counts[ix as usize] > 0);
        hashes.extend(flat.map(|ix| (hash_text(strings.raw(StrIx(ix))), ix)));
        contents.unite(hashes);
        contents
    }

    /// Gives equal contents one number, the lowest. The string table may hold a text twice: V8 writes what it cannot represent as `?`.
    fn unite(&mut self, mut hashes: Vec<(u128, u32)>) {
        hashes.sort_unstable();
        let flat = self.counts.len() as u32;
        self.counts.resize(self.counts.len() + self.joined.len(), 0);
        let mut lowest: Option<(u128, u32)> = None;
        for (hash, content) in hashes {
            let first = match lowest {
                Some((known, first)) if known == hash => first,
                _ => content,
            };
            lowest = Some((hash, first));
            if content >= flat {
                self.joined[(content - flat) as usize].1 = first;
                self.counts[first as usize] += 1;
            } else if content != first {
                self.aliases.insert(content, first);
                self.counts[first as usize] += std::mem::take(&mut self.counts[content as usize]);
            }
        }
    }

    /// Says whether a string takes part in the comparison.
    fn is_counted(&self, node: NodeIx) -> bool {
        let graph = self.analysis.graph();
        match graph.kind(node) {
            NodeKind::STRING => self.analysis.self_size(node) > 0,
            NodeKind::CONS_STRING => self.analysis.self_size(node) > 0 && !self.is_flat(node),
            _ => false,
        }
    }

    /// Says whether one half of a joined string is empty: V8 has put it together already. A half that is itself joined is not: V8 joins
    /// no strings shorter than 13 characters.
    fn is_flat(&self, node: NodeIx) -> bool {
        let graph = self.analysis.graph();
        let is_empty = |part: NodeIx| graph.kind(part) != NodeKind::CONS_STRING && Some(graph.name_ix(part)) == self.fields.empty;
        [self.fields.first, self.fields.second].into_iter().any(|half| internals(graph, node, half).any(is_empty))
    }

    /// Says whether V8 cut the string when it wrote the file, where the file tells (V8 after Node 26).
    fn is_truncated(&self, node: NodeIx) -> bool {
        let graph = self.analysis.graph();
        self.fields.truncated.is_some()
            && names::internal(graph, node, self.fields.truncated)
                .filter(|&flag| graph.kind(flag) == NodeKind::NUMBER && graph.strings().is(graph.name_ix(flag), "bool"))
                .and_then(|flag| names::internal(graph, flag, self.fields.value))
                .is_some_and(|value| graph.strings().is(graph.name_ix(value), "true"))
    }

    fn hash(&self, node: NodeIx, joiner: &mut Joiner<'_>) -> u128 {
        let graph = self.analysis.graph();
        let text = match graph.kind(node) {
            NodeKind::CONS_STRING => joiner.hash(node),
            _ => hash_text(graph.strings().raw(graph.name_ix(node))),
        };
        if !self.is_truncated(node) {
            return text;
        }
        let number = |field| {
            let int = names::internal(graph, node, field).filter(|&int| graph.kind(int) == NodeKind::NUMBER)?;
            let int = graph.strings().is(graph.name_ix(int), "int").then_some(int)?;
            names::internal(graph, int, self.fields.value).and_then(|value| graph.name(value).parse::<i64>().ok())
        };
        let told = format!("truncated {text} {:?} {:?}", number(self.fields.length), number(self.fields.hash));
        xxh3_128(told.as_bytes())
    }

    /// Returns the number of a string's content, `None` for nodes that take no part.
    fn content(&self, node: NodeIx) -> Option<u32> {
        match self.joined.binary_search_by_key(&node.0, |&(node, _)| node) {
            Ok(at) => Some(self.joined[at].1),
            Err(_) if self.analysis.graph().kind(node) == NodeKind::STRING && self.analysis.self_size(node) > 0 => {
                let name = self.analysis.graph().name_ix(node).0;
                Some(self.aliases.get(&name).copied().unwrap_or(name))
            }
            Err(_) => None,
        }
    }

    /// Says whether there is another string of the same content.
    #[must_use]
    pub fn is_duplicate(&self, node: NodeIx) -> bool {
        self.content(node).is_some_and(|content| self.counts[content as usize] > 1)
    }

    /// Sums up contents with at least `at_least` copies for which `accept` lets the first copy pass. Sorted by retained size, largest
    /// first, as DevTools ranks them. O(nodes).
    pub fn groups(&self, at_least: u32, accept: impl Fn(NodeIx) -> bool) -> Vec<StringGroup> {
        const UNSEEN: u32 = u32::MAX;
        const REFUSED: u32 = u32::MAX - 1;
        let mut place = vec![UNSEEN; self.counts.len()];
        let mut groups: Vec<StringGroup> = Vec::new();
        for node in self.analysis.graph().nodes() {
            let Some(content) = self.content(node).map(|content| content as usize).filter(|&content| self.counts[content] >= at_least)
            else {
                continue;
            };
            if place[content] == UNSEEN {
                place[content] = if accept(node) { groups.len() as u32 } else { REFUSED };
                if place[content] != REFUSED {
                    groups.push(StringGroup { sample: node, count: 0, self_size: 0, retained_size: 0, together: 0, largest: 0 });
                }
            }
            if let Some(group) = groups.get_mut(place[content] as usize) {
                let size = self.analysis.self_size(node);
                group.count += 1;
                group.self_size += size;
                group.largest = group.largest.max(size);
                group.retained_size += self.analysis.retained_size(node);
            }
        }
        let group_of = |node| self.content(node).and_then(|content| place.get(content as usize)).map(|&place| place as usize);
        nested::measure(self.analysis, group_of, &mut groups);
        groups.sort_by_key(|group| std::cmp::Reverse(group.retained_size));
        groups
    }
}

fn internals(graph: &HeapGraph, node: NodeIx, name: Option<StrIx>) -> impl Iterator<Item = NodeIx> + '_ {
    let edges = graph.edges(node).filter(|edge| edge.kind == EdgeKind::INTERNAL);
    edges
        .filter(move |&edge| matches!((graph.edge_name(edge), name), (crate::EdgeName::Text(found), Some(name)) if found == name))
        .map(|edge| edge.to)
}

/// Hashes a text, the same however it is escaped.
fn hash_text(raw: &[u8]) -> u128 {
    if memchr::memchr(b'\\', raw).is_some() { hash_units(crate::strings::utf16(raw)) } else { xxh3_128(raw) }
}

/// Hashes a text as UTF-8, with lone surrogates as if they were characters.
fn hash_units(units: impl Iterator<Item = u16>) -> u128 {
    let mut bytes = Vec::new();
    for decoded in char::decode_utf16(units) {
        match decoded {
            Ok(char) => bytes.extend(char.encode_utf8(&mut [0; 4]).bytes()),
            Err(lone) => bytes.extend([0xff].into_iter().chain(lone.unpaired_surrogate().to_be_bytes())),
        }
    }
    xxh3_128(&bytes)
}

/// Returns the text of a string: its name, or for a joined one what its parts say, up to about a thousand characters. Lone surrogates
/// become U+FFFD. O(parts).
#[must_use]
pub fn string_text(graph: &HeapGraph, node: NodeIx) -> String {
    if graph.kind(node) != NodeKind::CONS_STRING {
        return graph.name(node).into_owned();
    }
    let child = |node: NodeIx, name: &str| graph.child(node, EdgeKind::INTERNAL, name);
    String::from_utf16_lossy(&join(graph, node, &mut { MAX_STEPS }, |node| [child(node, "first"), child(node, "second")]))
}

/// One join takes at most so many steps: strings that hold each other would take forever.
const MAX_STEPS: u64 = 1 << 16;

/// Joins the parts of a string, depth first, until the limit is reached or `steps` are used up.
fn join(graph: &HeapGraph, node: NodeIx, steps: &mut u64, halves: impl Fn(NodeIx) -> [Option<NodeIx>; 2]) -> Vec<u16> {
    let mut units = Vec::new();
    let mut stack = vec![node];
    while let Some(part) = stack.pop().filter(|_| units.len() < JOIN_LIMIT && *steps > 0) {
        *steps -= 1;
        if graph.kind(part) == NodeKind::CONS_STRING {
            stack.extend(halves(part).into_iter().rev().flatten());
        } else {
            units.extend(graph.strings().utf16(graph.name_ix(part)));
        }
    }
    units
}

/// Hashes the texts of many joined strings. Those made piece by piece (`text += piece`) hold each other, all of them alive: what starts
/// with the same thousand characters shares one hash, so that a chain of a million pieces is walked once and not once per link.
struct Joiner<'a> {
    graph: &'a HeapGraph,
    first: Option<StrIx>,
    second: Option<StrIx>,
    /// The hash of every string met, and whether it reaches the limit.
    known: FxHashMap<u32, (u128, bool)>,
    /// How many more steps all joins together may take.
    steps: u64,
}

impl<'a> Joiner<'a> {
    fn new(graph: &'a HeapGraph) -> Self {
        let [first, second] = names::find(graph.strings(), ["first", "second"]);
        Self { graph, first, second, known: FxHashMap::default(), steps: (1 << 26) + 256 * graph.node_count() as u64 }
    }

    fn half(&self, node: NodeIx, name: Option<StrIx>) -> Option<NodeIx> {
        names::internal(self.graph, node, name)
    }

    fn hash(&mut self, node: NodeIx) -> u128 {
        // Down to the first link that is known or no joined string, then up again: each hears from the one below whether it is long.
        let mut chain = Vec::new();
        let mut next = Some(node);
        while let Some(link) = next.filter(|&link| self.graph.kind(link) == NodeKind::CONS_STRING) {
            // Marks the link, which also ends a chain that leads back to itself.
            if self.known.contains_key(&link.0) {
                break;
            }
            self.known.insert(link.0, (u128::from(link.0), false));
            chain.push(link);
            next = self.half(link, self.first);
        }
        while let Some(link) = chain.pop() {
            self.hash_link(link);
        }
        self.known.get(&node.0).map_or(0, |&(hash, _)| hash)
    }

    /// Hashes one string whose first half has been hashed.
    fn hash_link(&mut self, link: NodeIx) {
        let below = self.half(link, self.first).and_then(|first| self.known.get(&first.0));
        if let Some(&(hash, true)) = below {
            self.known.insert(link.0, (hash, true));
            return;
        }
        if self.steps == 0 {
            return;
        }
        let mut steps = MAX_STEPS.min(self.steps);
        let before = steps;
        let units = join(self.graph, link, &mut steps, |node| [self.half(node, self.first), self.half(node, self.second)]);
        self.steps -= before - steps;
        self.known.insert(link.0, (hash_units(units.iter().copied()), units.len() >= JOIN_LIMIT));
    }
}
