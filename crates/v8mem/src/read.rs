//! From an address space to a heap graph, in one call.

use std::collections::BTreeMap;

use heap::graph::MAX_NODES;
use heap::{HeapGraph, ProblemKind, Problems};

use crate::anatomy::Anatomy;
use crate::basis::Basis;
use crate::core_file::CoreFile;
use crate::graph::{Parts, Scope, graph, natives};
use crate::kind::Kind;
use crate::liveness::{Liveness, Sums};
use crate::maps::Maps;
use crate::memory::Memory;
use crate::node_side::NodeSide;
use crate::objects::Objects;
use crate::roots::Sources;
use crate::sizes::FreeUnit;
use crate::text::Strings;
use crate::view::HeapView;
use crate::walk::Walker;

/// Why an image has no heap that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeapError {
    /// No V8 says its version.
    #[error("the version of V8, as Node.js writes it, is nowhere in this memory")]
    NoVersion,
    /// No page of a heap.
    #[error("V8 {version} is there, but none of its pages")]
    NoPages {
        /// V8's version.
        version: String,
    },
    /// Pages, but no isolate that they belong to.
    #[error("pages of V8 {version}, but no isolate that they belong to: the layout of this V8 is not known")]
    NoIsolate {
        /// V8's version.
        version: String,
    },
    /// A V8 that is not in the tables, and no program at hand in which it describes itself.
    #[error("V8 {version} is not one that this build knows, and the program, in which V8 describes itself, is not at hand")]
    UnknownLayout {
        /// V8's version.
        version: String,
    },
    /// More objects than a graph can hold.
    #[error("{objects} objects, more than a graph can hold")]
    TooLarge {
        /// How many objects there are.
        objects: u64,
    },
}

/// Roots, groups and memory outside the heap are nodes too.
const MOST_OBJECTS: usize = MAX_NODES as usize / 2;

/// What was found on the way, besides the graph.
#[derive(Clone, Debug)]
pub struct Found {
    /// Versions, layout, pages and isolates.
    pub anatomy: Anatomy,
    /// What the layout rests on, and what the walk over all pages met.
    pub basis: Basis,
    /// How many objects are alive, and how many are not.
    pub sums: Sums,
}

/// Reads the heaps of a core: a graph of what is alive, or of what is not. O(bytes of the heap).
///
/// # Errors
/// When there is no V8 in it whose pages can be found.
pub fn read_core(core: &CoreFile, scope: Scope) -> Result<(HeapGraph, Problems, Found), HeapError> {
    let ([graph], problems, found) = read_scopes(core, [scope])?;
    Ok((graph, problems, found))
}

/// As `read_core`, several graphs at once: the walk, roots and marking are done once.
///
/// # Errors
/// As `read_core`.
pub fn read_scopes<const N: usize>(core: &CoreFile, scopes: [Scope; N]) -> Result<([HeapGraph; N], Problems, Found), HeapError> {
    read_anatomy(core, Anatomy::find(core)?, scopes)
}

/// As `read_scopes`, of a core whose anatomy was found before.
///
/// # Errors
/// When there are more objects than a graph can hold.
pub fn read_anatomy<const N: usize>(
    core: &CoreFile,
    anatomy: Anatomy,
    scopes: [Scope; N],
) -> Result<([HeapGraph; N], Problems, Found), HeapError> {
    let memory: &dyn Memory = core;
    let (layout, isolates) = (&anatomy.layout, &anatomy.isolates);
    let pages = anatomy.pages.open(memory);
    let maps = Maps::default();
    let walker = Walker { pages: &pages, layout, maps: &maps, unit: FreeUnit::Bytes };
    let free_unit = walker.calibrate();
    let objects = Objects::walk(&Walker { unit: free_unit.0, ..walker });
    if objects.len() > MOST_OBJECTS {
        return Err(HeapError::TooLarge { objects: objects.len() as u64 });
    }
    let heap = HeapView { pages: &pages, layout, maps: &maps, objects: &objects };
    let roots = Sources { heap, memory, isolates, threads: &core.notes.threads, names: &anatomy.root_names }.find();
    let liveness = Liveness::of(heap, &roots);
    let strings = Strings { heap, memory };
    let side = NodeSide::of(memory, &anatomy, core.binary());
    let natives = natives(side.with(heap));
    let mut problems = Problems::default();
    let graphs = scopes.map(|scope| {
        let (graph, met) = graph(Parts { heap, strings, roots: &roots, liveness: &liveness, natives: &natives }, scope);
        problems.append(met);
        graph
    });
    if let Some(missing) = core.missing() {
        let what = format!("{} bytes that the core should hold are missing, from address {:#x} on", missing.bytes, missing.first);
        problems.add(ProblemKind::Truncated, None, what);
    }
    let basis = Basis {
        v8: anatomy.versions.v8.clone().unwrap_or_default(),
        is_known: layout.is_known,
        contradictions: layout.types.contradictions.clone(),
        unknown: unknown_types(heap),
        told: layout.from_symbols(),
        pages: pages.all().len(),
        isolates: isolates.len(),
        free: free_unit,
        walk: objects.stats,
    };
    basis.doubts().into_iter().for_each(|doubt| problems.add(ProblemKind::DoubtfulLayout, None, doubt));
    let found = Found { basis, sums: liveness.sums, anatomy };
    Ok((graphs, problems, found))
}

/// Counts the objects of each type that is not certain, in the order of the types.
fn unknown_types(heap: HeapView<'_, '_>) -> Vec<(u16, u64)> {
    let mut counts = BTreeMap::new();
    for (object, _) in heap.objects.iter() {
        let map = heap.maps.get(heap.objects.map(object));
        if map.kind != Kind::String && !heap.layout.types.is_certain(map.instance_type) {
            *counts.entry(map.instance_type).or_insert(0) += 1;
        }
    }
    counts.into_iter().collect()
}
