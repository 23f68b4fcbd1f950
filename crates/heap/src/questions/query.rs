//! `v8.queryObjects` on a file: the objects that have a class's prototype in their prototype chain.

use rustc_hash::FxHashMap;

use super::{distance_cell, top};
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::preview::preview;
use crate::story::Setting;
use crate::strings::StrIx;
use crate::view::{ColumnKind, Table};

/// What belongs to a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryMode {
    /// What `v8.queryObjects` counts: everything with the prototype in its chain, prototypes of derived classes too.
    #[default]
    Js,
    /// Instances of the class and of those derived from it, without prototypes.
    Subclasses,
    /// Instances of the class itself, without prototypes.
    Exact,
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No function of that name has a prototype.
    #[error("no constructor is called {name}")]
    NoConstructor {
        /// What was asked for.
        name: String,
        /// Constructors with names that contain it.
        candidates: Vec<String>,
    },
}

/// Lists the objects of a class: columns `id, name, constructor, self_size, retained_size, distance`; `name` is a one-line preview,
/// `constructor` the class whose prototype is the object's own. All constructors of that name count: in the script, else
/// in the source before it was minified. O(edges).
///
/// # Errors
/// When there is no constructor of that name.
pub fn query(setting: &Setting<'_>, class: &str, mode: QueryMode, limit: usize) -> Result<Table, QueryError> {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("name", "object", ColumnKind::Text),
        ("constructor", "constructor", ColumnKind::Text),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("distance", "distance", ColumnKind::Count),
    ];
    let (analysis, graph) = (setting.analysis, setting.graph());
    let chains = Chains::of(graph);
    let wanted = chains.prototypes_of(setting, class)?;
    let found = chains.members(graph, &wanted, mode);
    let named = |constructor| setting.original_name(constructor).unwrap_or_else(|| graph.name(constructor).into_owned());
    let mut table = Table::new("objects", &columns);
    let total = found.len();
    for node in top(found, limit, |node| analysis.retained_size(node)) {
        let constructor = chains.prototype(node).and_then(|prototype| chains.constructors.get(&prototype.0));
        table.push(vec![
            graph.id(node).into(),
            preview(setting, node).into(),
            constructor.map(|&constructor| named(constructor)).into(),
            analysis.self_size(node).into(),
            analysis.retained_size(node).into(),
            distance_cell(analysis.distance(node)),
        ]);
    }
    table.total_rows = total as u64;
    Ok(table)
}

const NONE: u32 = u32::MAX;

/// The prototype of every object, and whose prototype an object is.
struct Chains {
    prototype: Vec<u32>,
    /// Constructors by their prototypes.
    constructors: FxHashMap<u32, NodeIx>,
}

impl Chains {
    fn of(graph: &HeapGraph) -> Self {
        let [proto, prototype, map] =
            names::find(graph.strings(), ["__proto__", "prototype", "map"]).map(|ix| ix.map_or(NONE, |StrIx(ix)| ix));
        let edge_names = graph.edge_names();
        let mut chains = Self { prototype: vec![NONE; graph.node_count()], constructors: FxHashMap::default() };
        for node in graph.nodes() {
            if !matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::REGEXP | NodeKind::NATIVE) {
                continue;
            }
            let mut by_map = NONE;
            for edge in graph.edges(node) {
                let name = edge_names[edge.ix.0 as usize];
                match edge.kind {
                    EdgeKind::PROPERTY if name == proto => chains.prototype[node.at()] = edge.to.0,
                    EdgeKind::PROPERTY if name == prototype && graph.kind(node) == NodeKind::CLOSURE => {
                        chains.constructors.entry(edge.to.0).or_insert(node);
                    }
                    EdgeKind::INTERNAL if name == map => by_map = edge.to.0,
                    _ => {}
                }
            }
            if chains.prototype[node.at()] == NONE && by_map != NONE {
                let known = names::internal(graph, NodeIx(by_map), Some(StrIx(prototype)));
                chains.prototype[node.at()] = known.map_or(NONE, |node| node.0);
            }
        }
        chains
    }

    fn prototype(&self, node: NodeIx) -> Option<NodeIx> {
        Some(NodeIx(self.prototype[node.at()])).filter(|prototype| prototype.0 != NONE)
    }

    /// Finds the prototypes of the constructors of that name: in the script, else in the source before it was minified.
    fn prototypes_of(&self, setting: &Setting<'_>, class: &str) -> Result<Vec<u32>, QueryError> {
        let graph = setting.graph();
        let those = |named: &dyn Fn(NodeIx) -> bool| -> Vec<u32> {
            self.constructors.iter().filter(|(_, constructor)| named(**constructor)).map(|(&prototype, _)| prototype).collect()
        };
        let mut found = those(&|constructor| graph.strings().is(graph.name_ix(constructor), class));
        if found.is_empty() {
            found = those(&|constructor| setting.original_name(constructor).is_some_and(|name| name == class));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let lower = class.to_lowercase();
        let mut candidates: Vec<String> = self
            .constructors
            .values()
            .map(|&node| graph.name(node).into_owned())
            .filter(|name| name.to_lowercase().contains(&lower))
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates.truncate(8);
        Err(QueryError::NoConstructor { name: class.to_owned(), candidates })
    }

    /// Finds the members. Every chain is walked once: what is learnt of a prototype holds for all that have it.
    fn members(&self, graph: &HeapGraph, wanted: &[u32], mode: QueryMode) -> Vec<NodeIx> {
        let prototypes = (mode != QueryMode::Js).then(|| crate::filters::prototypes(graph));
        let mut below: FxHashMap<u32, bool> = wanted.iter().map(|&prototype| (prototype, true)).collect();
        let mut found = Vec::new();
        for node in graph.nodes().filter(|node| self.prototype[node.at()] != NONE) {
            let direct = self.prototype[node.at()];
            let is_member = match mode {
                QueryMode::Exact => wanted.contains(&direct),
                _ => self.is_below(direct, &mut below),
            };
            if is_member && prototypes.as_ref().is_none_or(|prototypes| !prototypes.get(node.0)) {
                found.push(node);
            }
        }
        found
    }

    /// Says whether a prototype is, or has in its chain, a wanted one.
    fn is_below(&self, prototype: u32, below: &mut FxHashMap<u32, bool>) -> bool {
        let mut walked = Vec::new();
        let mut at = prototype;
        let answer = loop {
            if let Some(&known) = below.get(&at) {
                break known;
            }
            // Marks the way, so that a damaged file whose chain is a circle ends.
            below.insert(at, false);
            walked.push(at);
            match self.prototype[at as usize] {
                NONE => break false,
                next => at = next,
            }
        };
        for prototype in walked {
            below.insert(prototype, answer);
        }
        answer
    }
}
