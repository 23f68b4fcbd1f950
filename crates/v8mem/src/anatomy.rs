//! What is known of a heap before any of its objects was looked at: versions, layout, pages and isolates.
//!
//! Enough for every question that follows pointers from a known place: stacks, what C++ holds, single objects. It keeps no bytes: a look
//! takes them from the memory anew, which costs O(pages).

use crate::core_file::CoreFile;
use crate::isolate::{self, Isolate};
use crate::layout::V8Layout;
use crate::layout::constants::Constants;
use crate::maps::Maps;
use crate::memory::Memory;
use crate::objects::Objects;
use crate::pages::{PageTable, Pages};
use crate::read::HeapError;
use crate::version::Versions;
use crate::view::HeapView;

/// The anatomy of a process with V8 in it.
#[derive(Clone, Debug)]
pub struct Anatomy {
    /// V8's and Node's versions.
    pub versions: Versions,
    /// The layout, with where its numbers come from.
    pub layout: V8Layout,
    /// What the program says of itself; empty without it.
    pub constants: Constants,
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
        let memory: &dyn Memory = core;
        let versions = Versions::find(memory);
        let version = versions.v8_version().ok_or(HeapError::NoVersion)?;
        let constants = core.binary().map(|binary| Constants::read(binary, memory)).unwrap_or_default();
        let layout = V8Layout::new(version, &constants);
        let text = || versions.v8.clone().unwrap_or_default();
        if !layout.is_known() && layout.from_symbols().0 == 0 {
            return Err(HeapError::UnknownLayout { version: text() });
        }
        let mut pages = Pages::find(memory, version);
        if pages.all().is_empty() {
            return Err(HeapError::NoPages { version: text() });
        }
        let isolates = isolate::find(memory, &pages, &layout);
        if isolates.is_empty() {
            return Err(HeapError::NoIsolate { version: text() });
        }
        let heaps: Vec<u64> = isolates.iter().map(|isolate| isolate.heap).collect();
        pages.retain(|page| page.heap == 0 || heaps.contains(&page.heap));
        Ok(Self { versions, layout, constants, isolates, pages: pages.table() })
    }

    /// Looks at the heap by addresses: the view has no table of objects.
    pub fn look<R>(&self, memory: &dyn Memory, question: impl FnOnce(HeapView<'_, '_>) -> R) -> R {
        let (pages, maps, objects) = (self.pages.open(memory), Maps::default(), Objects::default());
        question(HeapView { pages: &pages, layout: &self.layout, maps: &maps, objects: &objects })
    }
}
