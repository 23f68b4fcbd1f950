//! Variables that ES modules export: V8 keeps each in a cell of its own, which no context has.
//!
//! On every line of Node.js from 16 to 26 (`c` is 4, since Node 26 it is 5):
//!
//! ```text
//! SourceTextModule  c → Generator  function → the module's code  context → Context  scope_info → ScopeInfo
//! SourceTextModule  c + 1 → array  n → Cell  value → what the nth of the exported variables holds
//! ScopeInfo  → array, the module's description  2 → array  3n → name of the nth variable in the module itself
//! ```
//!
//! A module that failed, or was not run yet, has no Generator there: its variables stay without names.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::source::scopes::hidden;
use crate::source::scripts::{script_name, script_of};

/// V8's own name of what `export default` exports where that is no declaration with a name.
const DEFAULT: &str = ".default";
/// Longest name of a variable that is shown.
const MAX_NAME: usize = 200;

/// A variable that a module exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The module's file, as its script is called.
    pub file: String,
    /// The module's code.
    pub function: NodeIx,
    /// Its name in the module: `sessions`, of `export {sessions as store}` too. `None` for the value of an `export default`.
    pub variable: Option<String>,
}

impl Export {
    /// Returns what people call it: `sessions`, `default export`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.variable.as_deref().unwrap_or("default export")
    }
}

/// The exported variables of one graph's modules.
#[derive(Debug, Default)]
pub struct Exports {
    of_cell: FxHashMap<u32, Export>,
}

impl Exports {
    /// Looks through all modules. O(nodes).
    pub(super) fn of(graph: &HeapGraph) -> Self {
        let mut exports = Self::default();
        if let [Some(class)] = names::find(graph.strings(), ["system / SourceTextModule"]) {
            let modules = graph.nodes().filter(|&node| graph.kind(node) == NodeKind::HIDDEN && graph.name_ix(node) == class);
            modules.for_each(|module| exports.add(graph, module).unwrap_or_default());
        }
        exports
    }

    /// Adds the variables of one module, if it has any.
    fn add(&mut self, graph: &HeapGraph, module: NodeIx) -> Option<()> {
        let closure =
            |node: NodeIx| graph.child(node, EdgeKind::INTERNAL, "function").filter(|&code| graph.kind(code) == NodeKind::CLOSURE);
        let (nth, function) = hidden(graph, module).find_map(|(nth, node)| Some((nth, closure(node)?)))?;
        let (_, cells) = hidden(graph, module).find(|&(at, node)| Some(at) == nth.checked_add(1) && graph.kind(node) == NodeKind::ARRAY)?;
        let names = variables(graph, function)?;
        let file = script_name(graph, script_of(graph, function)?);
        for (at, cell) in entries(graph, cells) {
            let Some(name) = names.get(&at).filter(|_| is_cell(graph, cell)) else { continue };
            let variable = Some(name.clone()).filter(|name| name != DEFAULT);
            self.of_cell.insert(cell.0, Export { file: file.clone(), function, variable });
        }
        Some(())
    }

    /// Returns the variable that a cell is of.
    #[inline]
    #[must_use]
    pub fn at(&self, cell: NodeIx) -> Option<&Export> {
        self.of_cell.get(&cell.0)
    }

    /// Returns every cell with its variable, in no particular order, but for those of files that were loaded several times: which of them
    /// is the loaded one, nothing tells.
    pub(crate) fn loaded_once(&self) -> impl Iterator<Item = (NodeIx, &Export)> {
        let mut codes: FxHashMap<&str, FxHashSet<NodeIx>> = FxHashMap::default();
        for export in self.of_cell.values() {
            codes.entry(&export.file).or_default().insert(export.function);
        }
        let is_only = move |export: &Export| codes.get(&*export.file).is_some_and(|codes| codes.len() == 1);
        self.of_cell.iter().filter(move |(_, export)| is_only(export)).map(|(&cell, export)| (NodeIx(cell), export))
    }
}

/// Returns the names of the variables that a module exports, by the number of their cell.
fn variables(graph: &HeapGraph, function: NodeIx) -> Option<FxHashMap<u32, String>> {
    let context = graph.child(function, EdgeKind::INTERNAL, "context")?;
    let info = graph.child(context, EdgeKind::INTERNAL, "scope_info")?;
    let is_array = |node: &NodeIx| graph.kind(*node) == NodeKind::ARRAY;
    let description = |node: NodeIx| graph.child(node, EdgeKind::INTERNAL, "2").filter(is_array);
    let exported = hidden(graph, info).map(|(_, node)| node).filter(is_array).find_map(description)?;
    let names = entries(graph, exported).filter(|&(at, name)| at % 3 == 0 && graph.kind(name).is_string());
    Some(names.map(|(at, name)| (at / 3, graph.name(name).chars().take(MAX_NAME).collect())).collect())
}

/// Returns the entries of an array of V8's with their numbers.
fn entries(graph: &HeapGraph, array: NodeIx) -> impl Iterator<Item = (u32, NodeIx)> + '_ {
    let edges = graph.edges(array).filter(|edge| edge.kind == EdgeKind::INTERNAL);
    edges.filter_map(|edge| Some((graph.edge_text(edge).parse().ok()?, edge.to)))
}

fn is_cell(graph: &HeapGraph, node: NodeIx) -> bool {
    graph.kind(node) == NodeKind::HIDDEN && graph.strings().is(graph.name_ix(node), "system / Cell")
}
