//! A heap looked through: every object, where life begins, and what is alive. Done once for whoever asks.

use std::collections::BTreeMap;

use heap::graph::MAX_NODES;

use crate::anatomy::Anatomy;
use crate::basis::Basis;
use crate::core_file::CoreFile;
use crate::kind::Kind;
use crate::liveness::Liveness;
use crate::maps::Maps;
use crate::memory::Memory;
use crate::objects::Objects;
use crate::read::HeapError;
use crate::roots::{Root, Sources};
use crate::sizes::FreeUnit;
use crate::text::Strings;
use crate::view::HeapView;
use crate::walk::Walker;

/// What a look through a heap found.
#[derive(Clone, Copy)]
pub struct Inventory<'a, 'm> {
    /// Versions, layout, pages and isolates: of a process that was collecting garbage, as they are at the collection's end.
    pub anatomy: &'a Anatomy,
    /// The heap, with all its objects.
    pub heap: HeapView<'a, 'm>,
    /// Its strings.
    pub strings: Strings<'a, 'm>,
    /// Where life begins.
    pub roots: &'a [Root],
    /// What is alive and what is not.
    pub liveness: &'a Liveness,
    /// The unit of free memory, how many stretches agree with it, and how many there are.
    pub free_unit: (FreeUnit, u32, u32),
}

/// Roots, groups and memory outside the heap are nodes too.
const MOST_OBJECTS: usize = MAX_NODES as usize / 2;

/// Why a heap must be looked through once more.
enum Again {
    /// A collection was moving objects: it is brought to its end first, with this unit of free memory.
    Finish(FreeUnit),
    /// What is alive refers into memory that was left out, at these addresses.
    Close(Vec<u64>),
    /// What is alive refers to these addresses, where objects begin that the walk has missed: it lost its way in memory where objects are being
    /// made, which holds what was there before.
    Anchor(Vec<u64>),
}

/// A heap is looked through at most so often for objects that the walk has missed, and so often for areas that hold some after all: each time
/// leads to more, as a rule to a few.
const MOST_TURNS: u32 = 8;

/// Looks through the heaps of a core. A collection that was moving objects is brought to its end first: `anatomy` then has pages of its own.
/// O(bytes of the heap).
///
/// # Errors
/// When there are more objects than a graph can hold.
pub fn inventory<R>(core: &CoreFile, anatomy: &mut Anatomy, question: impl FnOnce(Inventory<'_, '_>) -> R) -> Result<R, HeapError> {
    let memory: &dyn Memory = core;
    let (mut anchorings, mut closings) = (0, 0);
    loop {
        let again = {
            let (pages, moving) = (anatomy.pages.open(memory), anatomy.pages.is_awake());
            let (layout, maps) = (&anatomy.layout, Maps::default());
            let walker = Walker { pages: &pages, layout, maps: &maps, unit: FreeUnit::Bytes, moving };
            let free_unit = walker.calibrate();
            let objects = Objects::walk(&Walker { unit: free_unit.0, ..walker }, memory);
            if objects.len() > MOST_OBJECTS {
                return Err(HeapError::TooLarge { objects: objects.len() as u64 });
            }
            let heap = HeapView { pages: &pages, layout, maps: &maps, objects: &objects };
            let (isolates, threads) = (&anatomy.isolates, &core.notes.threads);
            let roots = Sources { heap, memory, isolates, threads, names: &anatomy.root_names, builtins: &anatomy.builtins }.find();
            let liveness = Liveness::of(heap, memory, &roots);
            let missed = if anchorings < MOST_TURNS { missed(anatomy, heap, &liveness) } else { Vec::new() };
            if liveness.strays.iter().any(|&stray| anatomy.pages.is_open(stray)) {
                Again::Close(liveness.strays)
            } else if !moving && liveness.lost.moving > 0 {
                Again::Finish(free_unit.0)
            } else if !missed.is_empty() {
                Again::Anchor(missed)
            } else {
                let strings = Strings { heap, memory };
                return Ok(question(Inventory { anatomy, heap, strings, roots: &roots, liveness: &liveness, free_unit }));
            }
        };
        match again {
            Again::Finish(unit) => anatomy.finish_collection(core, unit),
            Again::Close(_) if closings == MOST_TURNS => anatomy.pages.close_all(),
            Again::Close(strays) => {
                anatomy.pages.close_areas(&strays);
                closings += 1;
            }
            Again::Anchor(missed) => {
                anatomy.pages.anchor(&missed);
                anchorings += 1;
            }
        }
    }
}

/// Returns the addresses of objects that the walk has missed: what is alive leads there, a map stands there, and what the walk took to lie there
/// is no object that is alive.
fn missed(anatomy: &Anatomy, heap: HeapView<'_, '_>, liveness: &Liveness) -> Vec<u64> {
    let is_alive = |addr: u64| heap.objects.around(heap.pages, addr).is_some_and(|(object, _)| liveness.alive.get(object.0));
    let is_new = |addr: u64| addr.is_multiple_of(8) && !anatomy.pages.is_anchor(addr);
    let is_missed = |&addr: &u64| is_new(addr) && heap.map_of(addr).is_some() && !is_alive(addr);
    let mut missed: Vec<u64> = liveness.strays.iter().copied().filter(is_missed).collect();
    missed.sort_unstable();
    missed.dedup();
    missed
}

impl Inventory<'_, '_> {
    /// Says what the reading rests on, and how far the memory agrees. O(objects).
    #[must_use]
    pub fn basis(self) -> Basis {
        let (anatomy, layout) = (self.anatomy, &self.anatomy.layout);
        Basis {
            v8: anatomy.versions.v8.clone().unwrap_or_default(),
            is_known: layout.is_known,
            contradictions: layout.types.contradictions.clone(),
            unknown: self.unknown_types(),
            told: layout.from_symbols(),
            pages: self.heap.pages.all().len(),
            isolates: anatomy.isolates.len(),
            free: self.free_unit,
            walk: self.heap.objects.stats,
            moved: anatomy.pages.is_awake().then(|| self.heap.objects.moved().len() as u64),
            lost: self.liveness.lost,
        }
    }

    /// Counts the objects of each type that is not certain, in the order of the types.
    fn unknown_types(self) -> Vec<(u16, u64)> {
        let mut counts = BTreeMap::new();
        for (object, _) in self.heap.objects.iter() {
            let map = self.heap.maps.get(self.heap.objects.map(object));
            if map.kind != Kind::String && !self.heap.layout.types.is_certain(map.instance_type) {
                *counts.entry(map.instance_type).or_insert(0) += 1;
            }
        }
        counts.into_iter().collect()
    }
}
