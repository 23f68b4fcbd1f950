//! What a heap says of its program's code: which names it contains, and where its scripts are.
//!
//! A property name counts as code if a function's constants hold it (bytecode's constant pool, object literals, scopes), if the method
//! under it has its name, or if several instances of one class that is not a plain object have it. V8 throws away bytecode that has not run
//! for a while, so that names may be missing here; none is here that only data has, as long as data does not repeat what code says.

use rustc_hash::{FxHashMap, FxHashSet};

use super::policy::{self, Verdict};
use crate::bitset::Bitset;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::names;
use crate::strings::StrIx;

/// How many instances of a class must have a property for its name to be code.
const INSTANCES: u32 = 8;

/// An object with more properties than this is taken for a dictionary, whatever its class.
const DICTIONARY: usize = 64;

/// What a heap says of its program's code.
pub(super) struct Evidence {
    in_code: FxHashSet<String>,
    /// String nodes that are the name of a script.
    script_names: FxHashSet<u32>,
    /// Strings that are the path of a script.
    paths: FxHashSet<u32>,
    /// The folder that the application's scripts have in common, with a slash at its end.
    common: String,
}

impl Evidence {
    /// Looks through a graph. O(nodes + edges).
    pub(super) fn of(graph: &HeapGraph) -> Self {
        let mut in_code = Bitset::new(graph.strings().len());
        constants(graph, &mut in_code);
        members(graph, &mut in_code);
        let script_names = script_names(graph);
        let paths: FxHashSet<u32> = script_names.iter().map(|&node| graph.name_ix(NodeIx(node)).0).collect();
        let texts = (0..graph.strings().len() as u32).filter(|&ix| in_code.get(ix)).map(|ix| graph.strings().text(StrIx(ix)).into_owned());
        let in_code = texts.collect();
        let common = common_folder(paths.iter().map(|&ix| graph.strings().text(StrIx(ix)).into_owned()));
        Self { in_code, script_names, paths, common }
    }

    pub(super) fn is_in_code(&self, name: &str) -> bool {
        self.in_code.contains(name)
    }

    pub(super) fn is_script_name(&self, node: NodeIx) -> bool {
        self.script_names.contains(&node.0)
    }

    pub(super) fn is_path(&self, ix: StrIx) -> bool {
        self.paths.contains(&ix.0)
    }

    pub(super) fn path(&self, path: &str) -> Verdict {
        policy::path(path, &self.common)
    }
}

/// Marks strings that functions' constants hold.
fn constants(graph: &HeapGraph, in_code: &mut Bitset) {
    let holders =
        ["(constant pool)", "system / ObjectBoilerplateDescription", "system / ScopeInfo", "(context local names)", "constant_pool"];
    let holders = names::find(graph.strings(), holders);
    let mut pools = Vec::new();
    for node in graph.nodes().filter(|&node| matches!(graph.kind(node), NodeKind::CODE | NodeKind::HIDDEN)) {
        if holders.contains(&Some(graph.name_ix(node))) {
            pools.push(node);
        } else if graph.kind(node) == NodeKind::CODE {
            // Node 16 keeps constants in an array without a name.
            pools.extend(names::internal(graph, node, holders[4]));
        }
    }
    for pool in pools {
        for edge in graph.edges(pool).filter(|edge| graph.kind(edge.to) == NodeKind::STRING) {
            in_code.set(graph.name_ix(edge.to).0);
        }
    }
}

/// Marks names of methods, and of properties that several instances of a class have.
fn members(graph: &HeapGraph, in_code: &mut Bitset) {
    let plain = names::find(graph.strings(), ["Object", "Array", "", "global", "Arguments"]);
    let mut instances: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    for node in graph.nodes().filter(|&node| matches!(graph.kind(node), NodeKind::OBJECT | NodeKind::CLOSURE)) {
        let class = graph.name_ix(node);
        let has_class = graph.kind(node) == NodeKind::OBJECT && !plain.contains(&Some(class)) && graph.edge_range(node).len() <= DICTIONARY;
        for edge in graph.edges(node).filter(|edge| edge.kind == EdgeKind::PROPERTY) {
            let EdgeName::Text(name) = graph.edge_name(edge) else { continue };
            if graph.kind(edge.to) == NodeKind::CLOSURE && graph.name_ix(edge.to) == name {
                in_code.set(name.0);
            } else if has_class {
                let count = instances.entry((class.0, name.0)).or_default();
                *count += 1;
                if *count == INSTANCES {
                    in_code.set(name.0);
                }
            }
        }
    }
}

/// Finds the string nodes that are names of scripts: V8 links a script to its name and its source.
fn script_names(graph: &HeapGraph) -> FxHashSet<u32> {
    let [name, source] = names::find(graph.strings(), ["name", "source"]);
    let script_kind = |node: &NodeIx| matches!(graph.kind(*node), NodeKind::CODE | NodeKind::HIDDEN);
    let scripts = graph.nodes().filter(script_kind).filter(|&node| names::internal(graph, node, source).is_some());
    scripts
        .filter_map(|script| names::internal(graph, script, name))
        .filter(|&name| graph.kind(name) == NodeKind::STRING)
        .map(|name| name.0)
        .collect()
}

/// Returns the folder that all absolute paths outside `node_modules` have in common; empty where that is none but the root.
fn common_folder(paths: impl Iterator<Item = String>) -> String {
    let mut common: Option<String> = None;
    for path in paths {
        let path = path.strip_prefix("file://").unwrap_or(&path);
        if !path.starts_with('/') || path.contains("node_modules/") {
            continue;
        }
        let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        common = Some(match common {
            None => folder.to_owned(),
            Some(known) => {
                let same = known.split_inclusive('/').zip(folder.split_inclusive('/')).take_while(|(a, b)| a == b);
                same.map(|(part, _)| part).collect()
            }
        });
    }
    common.filter(|common| common.len() > 1).unwrap_or_default()
}
