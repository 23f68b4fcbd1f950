//! Strings of equal content, each with its own copy in memory.
//!
//! As DevTools compares: flat strings and joined ones (by their first thousand or so characters), without joined ones that V8 has
//! flattened already, without strings of no size. Strings that V8 cut when it wrote the file are equal only if length and hash agree too.

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
    /// Their retained sizes together, in bytes.
    pub retained_size: u64,
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
        let mut hashes: Vec<(u128, u32)> = Vec::new();
        for node in graph.nodes() {
            if !contents.is_counted(node) {
                continue;
            }
            if graph.kind(node) == NodeKind::STRING && !contents.is_truncated(node) {
                contents.counts[graph.name_ix(node).0 as usize] += 1;
            } else {
                let content = (strings.len() + contents.joined.len()) as u32;
                hashes.push((contents.hash(node), content));
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

    /// Says whether one half of a joined string is empty: V8 has put it together already.
    fn is_flat(&self, node: NodeIx) -> bool {
        let graph = self.analysis.graph();
        // DevTools looks at the joined name: a half that is itself joined of nothing counts as empty.
        [self.fields.first, self.fields.second].into_iter().any(|half| {
            internals(graph, node, half).any(|part| match graph.kind(part) {
                NodeKind::CONS_STRING => joined_units(graph, part, &self.fields).is_empty(),
                _ => Some(graph.name_ix(part)) == self.fields.empty,
            })
        })
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

    fn hash(&self, node: NodeIx) -> u128 {
        let graph = self.analysis.graph();
        let units = match graph.kind(node) {
            NodeKind::CONS_STRING => joined_units(graph, node, &self.fields),
            _ => graph.strings().utf16(graph.name_ix(node)).collect(),
        };
        let text = hash_units(units.into_iter());
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
                    groups.push(StringGroup { sample: node, count: 0, self_size: 0, retained_size: 0, largest: 0 });
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
    String::from_utf16_lossy(&join(graph, node, |node| (child(node, "first"), child(node, "second"))))
}

fn joined_units(graph: &HeapGraph, node: NodeIx, fields: &Fields) -> Vec<u16> {
    // The last of several halves of one name counts.
    let half = |node: NodeIx, name| internals(graph, node, name).next();
    join(graph, node, |node| (half(node, fields.first), half(node, fields.second)))
}

/// Joins the parts of a string, depth first, until the limit is reached. A part that is missing stands for the root, as in DevTools,
/// whose name is empty; a joined string that holds itself ends at the limit on steps.
fn join(graph: &HeapGraph, node: NodeIx, halves: impl Fn(NodeIx) -> (Option<NodeIx>, Option<NodeIx>)) -> Vec<u16> {
    let mut units = Vec::new();
    let mut stack = vec![node];
    let mut steps = 0;
    while let Some(part) = stack.pop().filter(|_| units.len() < JOIN_LIMIT && steps < 1 << 16) {
        steps += 1;
        if graph.kind(part) == NodeKind::CONS_STRING {
            let (first, second) = halves(part);
            stack.extend(second.into_iter().chain(first));
        } else {
            units.extend(graph.strings().utf16(graph.name_ix(part)));
        }
    }
    units
}
