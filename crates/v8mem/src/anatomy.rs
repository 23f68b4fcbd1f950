//! What is known of a heap before any of its objects was looked at: versions, layout, pages and isolates.
//!
//! Enough for every question that follows pointers from a known place: stacks, what C++ holds, single objects. It keeps no bytes: a look
//! takes them from the memory anew, which costs O(pages).

use crate::builtins::Builtins;
use crate::core_file::CoreFile;
use crate::dispatch;
use crate::isolate::{self, Isolate};
use crate::layout::constants::Constants;
use crate::layout::{Tables, V8Layout};
use crate::maps::{Maps, is_meta_map, strong};
use crate::memory::Memory;
use crate::moved::lost_maps;
use crate::objects::Objects;
use crate::pages::{PageTable, Pages};
use crate::read::HeapError;
use crate::root_names::RootNames;
use crate::sizes::FreeUnit;
use crate::space::Space;
use crate::version::Versions;
use crate::view::HeapView;
use crate::walk::Walker;

/// The anatomy of a process with V8 in it.
#[derive(Clone, Debug)]
pub struct Anatomy {
    /// V8's and Node's versions.
    pub versions: Versions,
    /// The layout, with where its numbers come from.
    pub layout: V8Layout,
    /// What the program says of itself; empty without it.
    pub constants: Constants,
    /// The names of roots.
    pub root_names: RootNames,
    /// The names of builtins.
    pub builtins: Builtins,
    /// The isolates, the main one first.
    pub isolates: Vec<Isolate>,
    /// Where the heap's pages are.
    pub pages: PageTable,
}

impl Anatomy {
    /// Finds it in a core. O(bytes) at worst, for the version; as a rule much less.
    ///
    /// # Errors
    /// When there is no V8 in it whose pages can be found.
    pub fn find(core: &CoreFile) -> Result<Self, HeapError> {
        Self::find_with(core, Tables::default())
    }

    /// As `find`, with some of this build's tables only.
    ///
    /// # Errors
    /// As `find`.
    pub fn find_with(core: &CoreFile, tables: Tables) -> Result<Self, HeapError> {
        let memory: &dyn Memory = core;
        let versions = Versions::find_confirmed(memory, |text| core.binary().is_some_and(|binary| binary.mentions(text)));
        let version = versions.v8_version().ok_or(HeapError::NoVersion)?;
        let constants = core.binary().map(|binary| Constants::read(binary, memory)).unwrap_or_default();
        let names = core.binary().map(|binary| RootNames::read(memory, binary)).unwrap_or_default();
        let builtins = core.binary().map(|binary| Builtins::read(memory, binary)).unwrap_or_default();
        let mut layout = V8Layout::new(tables, version, &constants);
        let text = || versions.v8.clone().unwrap_or_default();
        if !layout.is_known && layout.from_symbols().0 == 0 {
            return Err(HeapError::UnknownLayout { version: text() });
        }
        let mut pages = Pages::find(memory, version);
        // The search has looked everywhere.
        core.forget_all();
        if pages.all().is_empty() {
            return Err(HeapError::NoPages { version: text() });
        }
        let isolates = isolate::find(memory, &pages, &layout, &names);
        if isolates.is_empty() {
            return Err(HeapError::NoIsolate { version: text() });
        }
        pages.leave_out_let_go(memory);
        let heaps: Vec<u64> = isolates.iter().map(|isolate| isolate.heap).collect();
        pages.retain(|page| page.heap == 0 || heaps.contains(&page.heap));
        layout.add_roots(tables, types_of_roots(memory, &pages, &layout.clone(), &isolates[0], &names), &constants);
        let mut pages = pages.table();
        pages.find_open_areas(memory, &layout, &isolates);
        pages.note_dispatch(dispatch::find(memory, &isolates, &pages, &layout));
        Ok(Self { versions, layout, constants, root_names: names, builtins, isolates, pages })
    }

    /// Returns in which isolate's heap an address lies: its page says. `None` for pages that isolates share, and outside of pages. O(1).
    #[must_use]
    pub fn isolate_of(&self, addr: u64) -> Option<usize> {
        let heap = self.pages.header(addr)?.heap;
        self.isolates.iter().position(|isolate| isolate.heap == heap)
    }

    /// Leaves out all isolates but one, and their pages; those that isolates share stay: on V8 9 those are the first isolate's. Returns whether
    /// there is such an isolate.
    pub fn keep_isolate(&mut self, nth: usize) -> bool {
        let Some(isolate) = self.isolates.get(nth).cloned() else { return false };
        self.pages.retain(|page| page.space == Space::ReadOnly || page.heap == isolate.heap);
        self.isolates = vec![isolate];
        true
    }

    /// Brings to its end a collection that was moving objects: references lead to the copies of objects, and both halves of the young
    /// generation count. `inventory` does so where it must. O(bytes of the heap).
    pub fn finish_collection(&mut self, memory: &dyn Memory, unit: FreeUnit) {
        self.pages.wake();
        let (pages, maps) = (self.pages.open(memory), Maps::default());
        let layout = &self.layout;
        let objects = Objects::walk(&Walker { pages: &pages, layout, maps: &maps, unit, moving: true }, memory);
        let lost = lost_maps(memory, &pages, layout);
        self.pages.finish(HeapView { pages: &pages, layout, maps: &maps, objects: &objects }, &lost);
    }

    /// Looks at the heap by addresses: the view has no table of objects.
    pub fn look<R>(&self, memory: &dyn Memory, question: impl FnOnce(HeapView<'_, '_>) -> R) -> R {
        let (pages, maps, objects) = (self.pages.open(memory), Maps::default(), Objects::default());
        question(HeapView { pages: &pages, layout: &self.layout, maps: &maps, objects: &objects })
    }
}

/// Returns the instance types of the maps among an isolate's roots, each with the root's name.
fn types_of_roots<'n>(
    memory: &dyn Memory,
    pages: &Pages<'_>,
    layout: &V8Layout,
    isolate: &Isolate,
    names: &'n RootNames,
) -> Vec<(&'n str, u16)> {
    let slots = (isolate.roots..).step_by(8);
    let instance_type = |(slot, name): (u64, &'n str)| {
        let map = memory.word(slot).ok().and_then(strong)?;
        let is_map = is_meta_map(pages, layout, pages.word(map)?);
        Some((name, pages.short(map + layout.at.map_type).filter(|_| is_map)?))
    };
    slots.zip(names.iter()).filter_map(instance_type).collect()
}
