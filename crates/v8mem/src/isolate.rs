//! Isolates: which heaps there are, and where V8 keeps what belongs to each.
//!
//! A page names its heap, and a heap lies inside its isolate, behind a table of roots that begins with maps every V8 has. That table is
//! looked for; where the isolate begins follows from a table of distances, or from the pointer to itself that it holds.

use rustc_hash::FxHashMap;

use crate::layout::V8Layout;
use crate::maps::is_meta_map;
use crate::memory::Memory;
use crate::pages::Pages;
use crate::root_names::RootNames;
use crate::version::V8Version;

/// An isolate: one thread's JavaScript world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolate {
    /// Its address.
    pub addr: u64,
    /// How many bytes it takes, as malloc says.
    pub size: u64,
    /// The address of its heap, inside it.
    pub heap: u64,
    /// The address of its table of roots, inside it.
    pub roots: u64,
    /// Whether the distance between isolate and roots is the one that is known for this V8.
    pub checked: bool,
}

/// The place of the meta map in the table of roots, where V8 does not name it.
fn meta_map_root(version: V8Version) -> usize {
    if version.major < 14 { 10 } else { 41 }
}

impl Isolate {
    /// Returns the addresses of its words.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u64> + use<> {
        (self.addr..self.addr + self.size / 8 * 8).step_by(8)
    }
}

/// The distance from an isolate to its table of roots, by version.
fn known_distance(version: V8Version) -> Option<u64> {
    Some(match (version.major, version.minor) {
        (9, 0 | 4) => 112,
        (9, 6) => 336,
        (10, 1 | 2) => 288,
        (10, 8) => 248,
        (11, 3) => 496,
        (11, 8) => 576,
        (12, 4) => 592,
        (12, 9) => 584,
        (13, 6) => 640,
        (14, 1) => 648,
        (14, 6) => 688,
        _ => return None,
    })
}

/// Finds the isolates to which pages belong, the main one first.
#[must_use]
pub fn find(memory: &dyn Memory, pages: &Pages<'_>, layout: &V8Layout, names: &RootNames) -> Vec<Isolate> {
    let meta_map = names.place("meta_map").unwrap_or(meta_map_root(layout.version)) as u64;
    let mut by_heap: FxHashMap<u64, u32> = FxHashMap::default();
    for page in pages.all().iter().filter(|page| page.heap != 0) {
        *by_heap.entry(page.heap).or_default() += 1;
    }
    let mut isolates: Vec<Isolate> = by_heap.keys().filter_map(|&heap| of_heap(memory, pages, layout, meta_map, heap)).collect();
    // The main thread makes its isolate first, while malloc still hands out the lowest addresses (the heap of `brk`).
    isolates.sort_by_key(|isolate| isolate.addr);
    isolates.dedup_by_key(|isolate| isolate.addr);
    isolates
}

/// Finds the isolate around a heap: within the last 96 KiB before it lies its table of roots, with the meta map in the given place.
fn of_heap(memory: &dyn Memory, pages: &Pages<'_>, layout: &V8Layout, meta_map: u64, heap: u64) -> Option<Isolate> {
    const BEFORE: u64 = 96 << 10;
    let start = heap.saturating_sub(BEFORE);
    let word = |addr: u64| memory.word(addr).ok();
    let found = (start..heap).rev().step_by(8).map(|addr| addr & !7).filter(|&addr| {
        let meta = word(addr + 8 * meta_map).filter(|&meta| is_meta_map(pages, layout, meta));
        meta.is_some_and(|meta| looks_like_roots(memory, pages, addr, meta))
    });
    let tables: Vec<u64> = found.collect();
    let points_to_itself = |isolate: u64| [0, 8, 56].iter().any(|&offset| word(isolate + offset) == Some(isolate));
    let distance = known_distance(layout.version).filter(|_| layout.is_known);
    // A copy of the table may lie in freed memory before the isolate: only the real one has an isolate around it.
    let by_distance =
        tables.iter().find_map(|&roots| Some((roots, roots.checked_sub(distance?)?)).filter(|&(_, isolate)| points_to_itself(isolate)));
    let nearby = |roots: u64| (1..512).map(move |words| roots.saturating_sub(8 * words)).find(|&isolate| points_to_itself(isolate));
    let (roots, addr) = by_distance.or_else(|| tables.iter().find_map(|&roots| Some((roots, nearby(roots)?))))?;
    let chunk = word(addr.checked_sub(8)?)? & !7;
    let size = if (heap - addr..1 << 20).contains(&chunk) { chunk - 8 } else { heap - addr + (24 << 10) };
    Some(Isolate { addr, size, heap, roots, checked: by_distance.is_some() })
}

/// Says whether at least twelve of the forty words around the meta map are maps, as they are in every table of roots.
fn looks_like_roots(memory: &dyn Memory, pages: &Pages<'_>, roots: u64, meta: u64) -> bool {
    let maps = (0..40).filter(|at| {
        let word = memory.word(roots + 8 * at).unwrap_or(0);
        crate::maps::strong(word).and_then(|addr| pages.word(addr)) == Some(meta)
    });
    maps.count() >= 12
}
