//! What is in V8's spaces: of each, its pages, and how much of them is alive, garbage, free.

use rustc_hash::FxHashMap;

use crate::inventory::Inventory;
use crate::liveness::Sum;
use crate::pages::Page;
use crate::space::Space;
use crate::walk::{WalkStats, Walker};

/// What a space of one isolate has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceUse {
    /// The isolate that it belongs to, by its place among all; `None` for what isolates share.
    pub isolate: Option<usize>,
    /// Which space.
    pub space: Space,
    /// Bytes of all its pages, as V8 counts them: its `space_size`.
    pub committed: u64,
    /// How many pages.
    pub pages: u64,
    /// Objects that are alive, or of pages that nobody writes, all.
    pub alive: Sum,
    /// Objects that only weak references lead to.
    pub weakly: Sum,
    /// Objects that nothing leads to.
    pub garbage: Sum,
    /// Bytes that are free: free lists, what lies behind the last object, where objects are being made, the idle half of the young
    /// generation, and what a collection had moved away.
    pub free: u64,
    /// Bytes of pages of machine code that are none of this: machine code itself is objects.
    pub code: u64,
    /// Bytes that are none of this, and no header of a page.
    pub unknown: u64,
}

/// Lists the spaces, those of the main isolate first. O(objects).
#[must_use]
pub fn spaces(inventory: Inventory<'_, '_>) -> Vec<SpaceUse> {
    let (heap, anatomy) = (inventory.heap, inventory.anatomy);
    let (unit, moving) = (inventory.free_unit.0, anatomy.pages.is_awake());
    let walker = Walker { pages: heap.pages, layout: heap.layout, maps: heap.maps, unit, moving };
    let mut found: Vec<SpaceUse> = Vec::new();
    let mut of_page = vec![0; heap.pages.all().len()];
    let mut known: FxHashMap<(Option<usize>, Space), usize> = FxHashMap::default();
    for (page, place) in heap.pages.all().iter().zip(&mut of_page) {
        let key = (anatomy.isolate_of(page.area_start), page.space);
        *place = *known.entry(key).or_insert_with(|| {
            found.push(SpaceUse::empty(key));
            found.len() - 1
        });
        found[*place].add(page, &walker);
    }
    for (object, addr) in heap.objects.iter() {
        let Some(page) = heap.pages.find_ix(addr) else { continue };
        let space = &mut found[of_page[page]];
        let sum = match () {
            () if inventory.liveness.garbage.get(object.0) => &mut space.garbage,
            () if inventory.liveness.weakly.get(object.0) => &mut space.weakly,
            () => &mut space.alive,
        };
        sum.objects += 1;
        sum.bytes += heap.objects.size(object);
    }
    found.sort_by_key(|space| (space.isolate.unwrap_or(usize::MAX), std::cmp::Reverse(space.committed), space.space));
    found
}

impl SpaceUse {
    fn empty((isolate, space): (Option<usize>, Space)) -> Self {
        let none = Sum::default();
        Self { isolate, space, committed: 0, pages: 0, alive: none, weakly: none, garbage: none, free: 0, code: 0, unknown: 0 }
    }

    fn add(&mut self, page: &Page<'_>, walker: &Walker<'_, '_>) {
        let mut stats = WalkStats::default();
        walker.page(page, &mut stats, &mut |_, _| {}, &mut |_, _| {});
        self.committed += page.size;
        self.pages += 1;
        self.free += stats.free_bytes + stats.unused_bytes + stats.idle_bytes + stats.open_bytes + stats.moved_bytes;
        self.code += stats.code_bytes;
        self.unknown += stats.skipped_bytes;
    }
}
