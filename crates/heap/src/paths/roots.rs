//! Where paths start: the variables of loaded modules, the module cache, the global object, then V8's groups of roots.

use rustc_hash::FxHashMap;

use crate::distance::is_user_root;
use crate::graph::{HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::KnownNames;
use crate::source::scripts::{internal, is_named, property, script_name, script_of};
use crate::source::{Owner, Scripts};

/// What a path starts at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// The variables of a module that is loaded.
    ModuleScope {
        /// The script's name.
        file: String,
        /// Whether Node.js's module cache has it; `false` for ES modules, which are kept elsewhere, and for Node.js's own.
        cached: bool,
        /// Of a variable that an ES module exports, which stands by itself, its name.
        variable: Option<String>,
    },
    /// An entry of the module cache.
    Module {
        /// The file's name.
        file: String,
    },
    /// The global object, or the native context that holds it (Node 26).
    Global,
    /// V8's root of all roots.
    Engine,
}

/// Where paths start, and what each start costs.
#[derive(Debug, Default)]
pub struct Roots {
    seeds: Vec<(NodeIx, u8)>,
    what: FxHashMap<u32, Root>,
}

/// More modules than this are a leak of modules: their variables are no roots then.
const MAX_MODULES: usize = 200_000;

impl Roots {
    /// Finds the roots. O(contexts + modules).
    pub(super) fn of(graph: &HeapGraph, names: &KnownNames, scripts: &Scripts<'_>) -> Self {
        let mut roots = Self::default();
        roots.add(graph.root(), 1, Root::Engine);
        for edge in graph.edges(graph.root()).filter(|edge| is_user_root(graph, edge.to)) {
            roots.add(edge.to, 10, Root::Global);
        }
        let cache = module_cache(graph, names);
        for (file, &module) in cache.iter().take(MAX_MODULES) {
            roots.add(module, 9, Root::Module { file: file.clone() });
        }
        roots.add_scopes(graph, names, scripts, &cache);
        roots.add_exports(scripts, &cache);
        roots.seeds.sort_unstable();
        roots
    }

    /// Returns the nodes that paths start at, with what each start costs.
    #[must_use]
    pub fn seeds(&self) -> &[(NodeIx, u8)] {
        &self.seeds
    }

    /// Returns what starts at a node.
    #[must_use]
    pub fn at(&self, node: NodeIx) -> Option<&Root> {
        self.what.get(&node.0)
    }

    fn add(&mut self, node: NodeIx, cost: u8, root: Root) {
        if self.what.insert(node.0, root).is_none() {
            self.seeds.push((node, cost));
        }
    }

    /// Adds the outermost context of every script. A file that was loaded several times (hot reload) is left out: only one of its
    /// contexts is the loaded module's, and nothing tells which.
    fn add_scopes(&mut self, graph: &HeapGraph, names: &KnownNames, scripts: &Scripts<'_>, cache: &FxHashMap<String, NodeIx>) {
        let mut scopes: FxHashMap<String, Option<NodeIx>> = FxHashMap::default();
        for (context, closure) in scripts.contexts() {
            if !is_outermost(graph, names, context) {
                continue;
            }
            let Some(file) = script_of(graph, closure).map(|script| script_name(graph, script)) else { continue };
            scopes.entry(file).and_modify(|known| *known = None).or_insert(Some(context));
        }
        for (file, context) in scopes {
            let Some(context) = context else { continue };
            let cached = cache.contains_key(&file);
            let Some(cost) = scope_cost(&file, cached, cache.is_empty()) else { continue };
            self.add(context, cost, Root::ModuleScope { file, cached, variable: None });
        }
    }

    /// Adds the variables that ES modules export: they stand in no context, and the paths by which the loader holds them name nothing.
    fn add_exports(&mut self, scripts: &Scripts<'_>, cache: &FxHashMap<String, NodeIx>) {
        for (cell, export) in scripts.exports().loaded_once().take(MAX_MODULES) {
            let Some(cost) = scope_cost(&export.file, false, cache.is_empty()) else { continue };
            let (file, variable) = (export.file.clone(), Some(export.name().to_owned()));
            self.add(cell, cost, Root::ModuleScope { file, cached: false, variable });
        }
    }
}

/// Returns what starting at the variables of a file costs; `None` where nothing tells that it is a loaded module's.
fn scope_cost(file: &str, cached: bool, none_is_cached: bool) -> Option<u8> {
    match Owner::of_script(file) {
        // Kept by the ES module loader, or not at all: the name alone tells whether a path may start here.
        Owner::App if cached || file.starts_with("file:") || (none_is_cached && file.starts_with('/')) => Some(10),
        Owner::Package { .. } if cached || file.starts_with("file:") => Some(11),
        Owner::NodeCore => Some(12),
        _ => None,
    }
}

/// Says whether a context is a function's that was called from the top level, as Node.js calls a module's.
pub(crate) fn is_outermost(graph: &HeapGraph, names: &KnownNames, context: NodeIx) -> bool {
    names.class_context.is(graph.name_ix(context))
        && internal(graph, context, names.previous).is_none_or(|outer| names.class_native_context.is(graph.name_ix(outer)))
}

/// Returns the modules of `Module._cache` by file name.
fn module_cache(graph: &HeapGraph, names: &KnownNames) -> FxHashMap<String, NodeIx> {
    let mut modules = FxHashMap::default();
    let closures = graph.nodes().filter(|&node| graph.kind(node) == NodeKind::CLOSURE && names.class_module.is(graph.name_ix(node)));
    for cache in closures.filter_map(|module| property(graph, module, names.cache)) {
        // Node 22 and later keep the cache behind a Proxy while `require.cache` is watched for changes.
        let targets = graph.edges(cache).filter(|edge| edge.kind == EdgeKind::INTERNAL && edge.to != cache).map(|edge| edge.to);
        for holder in std::iter::once(cache).chain(targets.take(8)) {
            for edge in graph.edges(holder) {
                let is_module = graph.kind(edge.to) == NodeKind::OBJECT && names.class_module.is(graph.name_ix(edge.to));
                if edge.kind == EdgeKind::PROPERTY && is_module && !is_named(graph, edge, names.proto) {
                    modules.insert(graph.edge_text(edge).into_owned(), edge.to);
                }
            }
        }
    }
    modules
}
