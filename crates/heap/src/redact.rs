//! A graph without its data: the same structure, sizes, distances and retained sizes, but no values, for sharing a production heap.
//!
//! V8 keeps values and names in one string table, so that strings are replaced *by use*: one string may stay as the name of a class and go
//! as a value. What goes becomes a token, a keyed hash (SipHash-2-4) of the text: equal texts have equal tokens, so that duplicates stay
//! visible, and without the salt nobody can try texts out. By default the salt is new each time and thrown away.
//!
//! What always goes: text of strings and regular expressions, source text, descriptions of symbols, names of files outside the
//! application's folder and `node_modules`. What stays, if it looks like code and not like data (`policy`): names of classes, functions,
//! variables and V8's own objects, paths of scripts below their common folder, and names of properties that the program's code is known to
//! contain (`evidence`). Keys of dictionaries go: users' names and e-mail addresses are often keys. Element numbers of objects, which may
//! be customers' numbers, are replaced by their rank.
//!
//! What still shows: how long strings are (their size), how many there are, which are equal, and when objects were made (their ids).
//! The audit lists everything that was kept.

mod evidence;
mod policy;
mod siphash;

use std::hash::{BuildHasher, RandomState};

use rustc_hash::FxHashMap;

use crate::allocations::{Allocations, Function};
use crate::column::Column;
use crate::graph::{Columns, Extras, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::process::Noted;
use crate::strings::{Bytes, StrIx, StringTable, push_escaped};
use crate::view::{ColumnKind, Table};
use evidence::Evidence;
use policy::Verdict;

/// The key of the hash that makes tokens.
#[derive(Clone, Copy)]
pub struct Salt([u8; 16]);

impl Salt {
    /// Makes a salt of the system's randomness.
    #[must_use]
    pub fn random() -> Self {
        // Each state is keyed by the system; what its hasher makes of two texts is as hard to guess as the key.
        let state = RandomState::new();
        let (first, second) = (state.hash_one("heapwhy salt 1"), state.hash_one("heapwhy salt 2"));
        Self((u128::from(first) << 64 | u128::from(second)).to_le_bytes())
    }

    /// Makes a salt of a text, for results that can be repeated. Whoever knows the text can try out what tokens stand for.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let half = |key: u8| siphash::hash(&[key; 16], text.bytes());
        Self((u128::from(half(1)) << 64 | u128::from(half(2))).to_le_bytes())
    }
}

/// Which property names stay. Element numbers and keys of dictionaries never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PropertyNames {
    /// None.
    None,
    /// Those that the program's code is known to contain.
    #[default]
    InCode,
    /// All that look like identifiers. Keys of dictionaries that look so stay too.
    Identifiers,
}

/// What to redact.
#[derive(Clone, Copy)]
pub struct RedactOptions {
    /// The key of the tokens.
    pub salt: Salt,
    /// Which property names stay.
    pub properties: PropertyNames,
    /// Whether names of classes, functions and variables stay, and paths of scripts. Names of V8's own objects always do.
    pub keep_code_names: bool,
}

impl Default for RedactOptions {
    fn default() -> Self {
        Self { salt: Salt::random(), properties: PropertyNames::default(), keep_code_names: true }
    }
}

/// What a string is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Use {
    /// The text of a string.
    Value,
    Pattern,
    Number,
    Symbol,
    /// The name of a class or function.
    CodeName,
    /// The name of an object that V8 or Node.js made.
    EngineName,
    Variable,
    Property,
    /// The name of an edge that V8 made up.
    EngineEdge,
    Path,
}

const USES: usize = 10;

impl Use {
    /// Returns the audit's word for it, and the start of tokens.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Value => ("string", "str"),
            Self::Pattern => ("regular expression", "re"),
            Self::Number => ("number", "num"),
            Self::Symbol => ("symbol", "sym"),
            Self::CodeName => ("class or function", "name"),
            Self::EngineName => ("engine object", "name"),
            Self::Variable => ("variable", "var"),
            Self::Property => ("property", "prop"),
            Self::EngineEdge => ("engine reference", "edge"),
            Self::Path => ("script", "path"),
        }
    }
}

/// What was kept, and how much was replaced.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// (use, text) of everything that was kept, with how often it is used; sorted.
    pub kept: Vec<(&'static str, String, u64)>,
    /// How many texts of each use were replaced.
    pub replaced: Vec<(&'static str, u64)>,
}

impl Audit {
    /// Returns the list of what was kept, for a person to read before sharing the file.
    #[must_use]
    pub fn table(&self) -> Table {
        let columns =
            [("use", "used as", ColumnKind::Text), ("text", "kept text", ColumnKind::Text), ("count", "times", ColumnKind::Count)];
        let mut table = Table::new("kept", &columns);
        for (used_as, text, count) in &self.kept {
            table.push(vec![(*used_as).into(), text.clone().into(), (*count).into()]);
        }
        table
    }
}

/// Redacts a graph. O(nodes + edges + bytes of strings).
#[must_use]
pub fn redact(graph: &HeapGraph, options: &RedactOptions) -> (HeapGraph, Audit) {
    let mut redactor = Redactor::new(graph, options);
    let names: Vec<u32> = graph.nodes().map(|node| redactor.node(node)).collect();
    let edge_names = redactor.edges();
    let extras = redactor.extras();
    let columns = graph.columns();
    let columns = Columns {
        kinds: columns.kinds.clone(),
        names: names.into(),
        ids: columns.ids.clone(),
        self_sizes: columns.self_sizes.clone(),
        first_edges: columns.first_edges.clone(),
        edges: columns.edges.clone(),
    };
    let (strings, audit) = redactor.finish();
    (HeapGraph::from_columns(columns, graph.root(), strings, Ok(edge_names), extras), audit)
}

/// A string that is not replaced yet.
const UNSEEN: u32 = u32::MAX;

struct Redactor<'a> {
    graph: &'a HeapGraph,
    options: &'a RedactOptions,
    evidence: Evidence,
    /// For each use the new position of each old string.
    replaced: Vec<Vec<u32>>,
    /// How often each string was kept, by use.
    kept: FxHashMap<(Use, u32), u64>,
    arena: Vec<u8>,
    starts: Vec<u32>,
    places: FxHashMap<String, u32>,
}

impl<'a> Redactor<'a> {
    fn new(graph: &'a HeapGraph, options: &'a RedactOptions) -> Self {
        let replaced = vec![Vec::new(); USES];
        let evidence = Evidence::of(graph);
        let (kept, places) = (FxHashMap::default(), FxHashMap::default());
        let mut redactor = Self { graph, options, evidence, replaced, kept, arena: Vec::new(), starts: Vec::new(), places };
        redactor.place(String::new());
        redactor
    }

    /// Returns the position of a new string.
    fn place(&mut self, text: String) -> u32 {
        if let Some(&known) = self.places.get(&text) {
            return known;
        }
        let place = self.starts.len() as u32;
        self.starts.push(self.arena.len() as u32);
        push_escaped(&mut self.arena, &text);
        self.arena.push(b'"');
        self.places.insert(text, place);
        place
    }

    /// Returns the new name of a node.
    fn node(&mut self, node: NodeIx) -> u32 {
        let graph = self.graph;
        let used_as = match graph.kind(node) {
            NodeKind::STRING if self.evidence.is_script_name(node) => Use::Path,
            NodeKind::STRING => Use::Value,
            NodeKind::REGEXP => Use::Pattern,
            NodeKind::NUMBER | NodeKind::BIGINT => Use::Number,
            NodeKind::SYMBOL => Use::Symbol,
            NodeKind::OBJECT | NodeKind::CLOSURE => Use::CodeName,
            NodeKind::CODE if self.evidence.is_path(graph.name_ix(node)) => Use::Path,
            _ => Use::EngineName,
        };
        self.string(used_as, graph.name_ix(node))
    }

    /// Returns the new names of all edges.
    fn edges(&mut self) -> Column<u32> {
        let graph = self.graph;
        let mut names: Vec<u32> = graph.edge_names().to_vec();
        for node in graph.nodes() {
            for edge in graph.edges(node).filter(|edge| !edge.kind.has_index()) {
                let used_as = match edge.kind {
                    EdgeKind::CONTEXT => Use::Variable,
                    // V8's own objects have no properties of anybody's; distances look at one of their names.
                    EdgeKind::PROPERTY | EdgeKind::OTHER if graph.kind(node) != NodeKind::HIDDEN => Use::Property,
                    _ => Use::EngineEdge,
                };
                names[edge.ix.0 as usize] = self.string(used_as, StrIx(names[edge.ix.0 as usize]));
            }
            if matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::REGEXP) {
                rank_elements(graph, node, &mut names);
            }
        }
        names.into()
    }

    /// Returns the new position of a string for one use.
    fn string(&mut self, used_as: Use, ix: StrIx) -> u32 {
        let memo = &mut self.replaced[used_as as usize];
        if memo.is_empty() {
            memo.resize(self.graph.strings().len(), UNSEEN);
        }
        let known = memo.get(ix.0 as usize).copied().unwrap_or(0);
        let new = if known == UNSEEN { self.replace(used_as, ix) } else { known };
        if let Some(count) = self.kept.get_mut(&(used_as, new)) {
            *count += 1;
        }
        new
    }

    fn replace(&mut self, used_as: Use, ix: StrIx) -> u32 {
        let text = self.graph.strings().text(ix);
        let verdict = self.verdict(used_as, ix, &text);
        let token = |of: &mut dyn Iterator<Item = u8>| format!("{}_{:016x}", used_as.words().1, siphash::hash(&self.options.salt.0, of));
        let (text, is_kept) = match verdict {
            Verdict::Keep => (text.into_owned(), true),
            Verdict::Instead(text) => (text, true),
            // By UTF-16 units: two strings with different lone surrogates are different.
            Verdict::Hide => (token(&mut self.graph.strings().utf16(ix).flat_map(u16::to_le_bytes)), false),
            Verdict::HideParts(parts) => {
                let shown = parts
                    .into_iter()
                    .map(|(part, keep)| if keep { part } else { token(&mut part.encode_utf16().flat_map(u16::to_le_bytes)) });
                (shown.collect(), true)
            }
        };
        let new = self.place(text);
        if is_kept && new != 0 {
            self.kept.entry((used_as, new)).or_insert(0);
        }
        self.replaced[used_as as usize][ix.0 as usize] = new;
        new
    }

    fn verdict(&self, used_as: Use, ix: StrIx, text: &str) -> Verdict {
        let code_names = self.options.keep_code_names;
        match used_as {
            // The empty string is no secret, and ropes are told from flat strings by it.
            _ if text.is_empty() => Verdict::Keep,
            Use::Value | Use::Property if code_names && self.evidence.is_path(ix) => self.evidence.path(text),
            Use::Value | Use::Pattern => Verdict::Hide,
            Use::Number => policy::number(text),
            Use::Symbol => policy::symbol(text),
            Use::EngineName => policy::engine_name(text),
            Use::EngineEdge => policy::engine_edge(text),
            Use::CodeName | Use::Variable | Use::Path if !code_names => policy::builtin(text),
            Use::CodeName => policy::code_name(text),
            Use::Variable => policy::variable(text),
            Use::Path => self.evidence.path(text),
            Use::Property => policy::property(text, self.options.properties, |name| self.evidence.is_in_code(name)),
        }
    }

    /// Returns what else the graph holds. The header goes: nobody reads it, and it may say anything.
    fn extras(&mut self) -> Extras {
        let extras = self.graph.extras();
        let allocations = &extras.allocations;
        let functions: Vec<Function> = allocations.functions.iter().map(|function| self.function(function)).collect();
        Extras {
            node_kinds: extras.node_kinds.clone(),
            edge_kinds: extras.edge_kinds.clone(),
            other_edges: extras.other_edges.clone(),
            holder: None,
            has_detachedness: extras.has_detachedness,
            native_bytes: extras.native_bytes,
            locations: extras.locations.clone(),
            allocations: Allocations { functions, ..allocations.clone() },
            header: String::new(),
            // Strings have moved.
            process: Noted::Nothing,
        }
    }

    fn function(&mut self, function: &Function) -> Function {
        let shown = |verdict: Verdict, text: &str| {
            let token =
                |text: &str| format!("name_{:016x}", siphash::hash(&self.options.salt.0, text.encode_utf16().flat_map(u16::to_le_bytes)));
            match verdict {
                Verdict::Keep => text.to_owned(),
                Verdict::Instead(text) => text,
                Verdict::Hide => token(text),
                Verdict::HideParts(parts) => parts.into_iter().map(|(part, keep)| if keep { part } else { token(&part) }).collect(),
            }
        };
        let (name, script) = if self.options.keep_code_names {
            (policy::code_name(&function.name), self.evidence.path(&function.script))
        } else {
            (policy::builtin(&function.name), policy::builtin(&function.script))
        };
        let (name, script) = (shown(name, &function.name), shown(script, &function.script));
        Function { name, script, ..function.clone() }
    }

    fn finish(self) -> (StringTable, Audit) {
        let strings = StringTable::new(Bytes::Owned(std::sync::Arc::new(self.arena)), self.starts.into(), Vec::new());
        let text = |place: u32| strings.text(StrIx(place)).into_owned();
        let mut kept: Vec<_> = self.kept.iter().map(|(&(used_as, place), &count)| (used_as.words().0, text(place), count)).collect();
        // Numbers of slots say nothing.
        kept.retain(|(_, text, _)| !text.bytes().all(|byte| byte.is_ascii_digit()));
        kept.sort_unstable();
        let mut replaced: FxHashMap<&'static str, u64> = FxHashMap::default();
        let uses = [Use::Value, Use::Pattern, Use::Number, Use::Symbol, Use::CodeName, Use::EngineName, Use::Variable, Use::Property];
        for used_as in uses.into_iter().chain([Use::EngineEdge, Use::Path]) {
            let hidden = |&&new: &&u32| new != UNSEEN && new != 0 && !self.kept.contains_key(&(used_as, new));
            *replaced.entry(used_as.words().0).or_default() += self.replaced[used_as as usize].iter().filter(hidden).count() as u64;
        }
        let mut replaced: Vec<_> = replaced.into_iter().filter(|&(_, count)| count > 0).collect();
        replaced.sort_unstable();
        (strings, Audit { kept, replaced })
    }
}

/// Replaces the numbers of a node's elements by their ranks: no change for arrays without holes.
fn rank_elements(graph: &HeapGraph, node: NodeIx, names: &mut [u32]) {
    let elements = || graph.edges(node).filter(|edge| edge.kind == EdgeKind::ELEMENT).map(|edge| edge.ix.0 as usize);
    let mut indexes: Vec<u32> = elements().map(|at| names[at]).collect();
    indexes.sort_unstable();
    indexes.dedup();
    for at in elements() {
        names[at] = indexes.binary_search(&names[at]).unwrap_or(0) as u32;
    }
}

#[cfg(test)]
mod tests;
