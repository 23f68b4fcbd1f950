//! From an address space to a heap graph, in one call.

use std::collections::BTreeMap;

use heap::graph::MAX_NODES;
use heap::{HeapGraph, ProblemKind, Problems};

use crate::anatomy::Anatomy;
use crate::basis::Basis;
use crate::core_file::CoreFile;
use crate::graph::{Parts, Scope, Survey, graph, node_objects};
use crate::kind::Kind;
use crate::liveness::{Liveness, Sums};
use crate::maps::Maps;
use crate::marking::Lost;
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
    mut anatomy: Anatomy,
    scopes: [Scope; N],
) -> Result<([HeapGraph; N], Problems, Found), HeapError> {
    let (graphs, mut problems, basis, sums) = loop {
        match attempt(core, &anatomy, scopes)? {
            Attempt::Read(read) => break *read,
            Attempt::Moving(unit) => anatomy.finish_collection(core, unit),
        }
    };
    if let Some(missing) = core.missing() {
        let what = format!("{} bytes that the core should hold are missing, from address {:#x} on", missing.bytes, missing.first);
        problems.add(ProblemKind::Truncated, None, what);
    }
    basis.doubts().into_iter().for_each(|doubt| problems.add(ProblemKind::DoubtfulLayout, None, doubt));
    Ok((graphs, problems, Found { basis, sums, anatomy }))
}

/// What an attempt to read a heap comes to.
enum Attempt<const N: usize> {
    /// The heap.
    Read(Box<([HeapGraph; N], Problems, Basis, Sums)>),
    /// A collection was moving objects, which must be brought to its end first.
    Moving(FreeUnit),
}

fn attempt<const N: usize>(core: &CoreFile, anatomy: &Anatomy, scopes: [Scope; N]) -> Result<Attempt<N>, HeapError> {
    let memory: &dyn Memory = core;
    let (layout, isolates) = (&anatomy.layout, &anatomy.isolates);
    let (pages, moving) = (anatomy.pages.open(memory), anatomy.pages.is_awake());
    let maps = Maps::default();
    let walker = Walker { pages: &pages, layout, maps: &maps, unit: FreeUnit::Bytes, moving };
    let free = walker.calibrate();
    let objects = Objects::walk(&Walker { unit: free.0, ..walker });
    if objects.len() > MOST_OBJECTS {
        return Err(HeapError::TooLarge { objects: objects.len() as u64 });
    }
    let heap = HeapView { pages: &pages, layout, maps: &maps, objects: &objects };
    let roots = Sources { heap, memory, isolates, threads: &core.notes.threads, names: &anatomy.root_names }.find();
    let liveness = Liveness::of(heap, &roots);
    if liveness.lost.moving > 0 && !moving {
        return Ok(Attempt::Moving(free.0));
    }
    pages.forget_all(memory);
    let (strings, survey) = (Strings { heap, memory }, Survey::of(heap, &roots));
    let side = NodeSide::of(memory, anatomy, core.binary());
    let node = node_objects(side.with(heap));
    let mut problems = Problems::default();
    let graphs = scopes.map(|scope| {
        let (graph, met) = graph(Parts { heap, strings, roots: &roots, liveness: &liveness, survey: &survey, node: &node }, scope);
        problems.append(met);
        graph
    });
    pages.forget_all(memory);
    Ok(Attempt::Read(Box::new((graphs, problems, basis(anatomy, heap, free, liveness.lost), liveness.sums))))
}

fn basis(anatomy: &Anatomy, heap: HeapView<'_, '_>, free: (FreeUnit, u32, u32), lost: Lost) -> Basis {
    let layout = &anatomy.layout;
    Basis {
        v8: anatomy.versions.v8.clone().unwrap_or_default(),
        is_known: layout.is_known,
        contradictions: layout.types.contradictions.clone(),
        unknown: unknown_types(heap),
        told: layout.from_symbols(),
        pages: heap.pages.all().len(),
        isolates: anatomy.isolates.len(),
        free,
        walk: heap.objects.stats,
        moved: anatomy.pages.is_awake().then(|| heap.objects.moved().len() as u64),
        lost,
    }
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
