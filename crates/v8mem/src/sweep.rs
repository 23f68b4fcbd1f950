//! Objects that were reached and not looked at yet, page by page.
//!
//! Looking at objects in the order in which they are reached means a far jump for each. Here those of one page are looked at together, by
//! address, as long as the page has any; then comes the page that has waited longest. What was looked at is given back to the memory some
//! pages later, so that never much of a heap is in use at once.

use std::collections::VecDeque;

use heap::bitset::Bitset;

use crate::memory::Memory;
use crate::objects::{Cell, ObjIx};
use crate::view::HeapView;

/// The objects that were reached, and which of them wait.
pub(crate) struct Sweep<'a, 'm> {
    heap: HeapView<'a, 'm>,
    reached: Bitset,
    seen: Bitset,
    /// Of each page.
    pages: Vec<Waiting>,
    /// Pages with objects that wait, those that waited longest first.
    queue: VecDeque<u32>,
    /// The page that is looked at.
    present: Option<u32>,
    resident: Resident<'m>,
}

/// Where in a page objects wait.
#[derive(Clone, Copy)]
struct Waiting {
    /// The first and last of its cells that may have one; none where the first is behind the last.
    cells: (u32, u32),
    /// Whether it is in the queue, or looked at.
    is_queued: bool,
}

const NONE: (u32, u32) = (u32::MAX, 0);

impl<'a, 'm> Sweep<'a, 'm> {
    /// Starts with nothing reached.
    pub(crate) fn new(heap: HeapView<'a, 'm>, memory: &'m dyn Memory) -> Self {
        let (objects, pages) = (heap.objects.len(), heap.pages.all().len());
        Self {
            heap,
            reached: Bitset::new(objects),
            seen: Bitset::new(objects),
            pages: vec![Waiting { cells: NONE, is_queued: false }; pages],
            queue: VecDeque::new(),
            present: None,
            resident: Resident::new(memory, pages),
        }
    }

    /// Notes that the object at an address was reached; `None` where none begins there.
    #[inline]
    pub(crate) fn reach(&mut self, addr: u64) -> Option<ObjIx> {
        let (page, cell, object) = self.heap.objects.locate(self.heap.pages, addr)?;
        if self.reached.insert(object.0) {
            let waiting = &mut self.pages[page];
            waiting.cells = (waiting.cells.0.min(cell), waiting.cells.1.max(cell));
            if !waiting.is_queued {
                waiting.is_queued = true;
                self.queue.push_back(page as u32);
            }
        }
        Some(object)
    }

    /// Says whether an object was reached.
    #[inline]
    pub(crate) fn is_reached(&self, object: ObjIx) -> bool {
        self.reached.get(object.0)
    }

    /// Returns what was reached.
    pub(crate) fn into_reached(self) -> Bitset {
        self.reached
    }

    /// As `into_reached`, of a sweep that goes on.
    pub(crate) fn reached(&self) -> &Bitset {
        &self.reached
    }

    /// Returns objects that wait, with their addresses: some of one page, in their order. Empty where none waits.
    #[inline]
    pub(crate) fn next(&mut self, into: &mut Vec<(ObjIx, u64)>) {
        into.clear();
        while into.is_empty() {
            let Some(page) = self.present.or_else(|| self.queue.pop_front()) else { return };
            self.present = Some(page);
            let waiting = &mut self.pages[page as usize];
            let (first, last) = waiting.cells;
            if first > last {
                waiting.is_queued = false;
                self.present = None;
                self.resident.leave(page, self.heap);
                continue;
            }
            waiting.cells = if first == last { NONE } else { (first + 1, last) };
            if let Some((base, cell)) = self.heap.objects.cell(page as usize, first) {
                self.open(base, cell, into);
            }
        }
    }

    /// Takes the objects of a cell that wait.
    #[inline]
    fn open(&mut self, base: u64, cell: Cell, into: &mut Vec<(ObjIx, u64)>) {
        let count = cell.starts.count_ones();
        let all = if count == Cell::WORDS as u32 { u64::MAX } else { (1 << count) - 1 };
        let mut fresh = self.reached.window(cell.before) & !self.seen.window(cell.before) & all;
        if fresh == 0 {
            return;
        }
        self.seen.set_window(cell.before, fresh);
        for (object, word) in (cell.before..).map(ObjIx).zip(cell.words()) {
            if fresh & 1 == 1 {
                into.push((object, base + 8 * word));
            }
            fresh >>= 1;
        }
    }
}

/// The pages whose memory is in use, those that were left longest ago first.
struct Resident<'m> {
    memory: &'m dyn Memory,
    pages: VecDeque<u32>,
    is_resident: Bitset,
    bytes: u64,
    /// So much may be in use.
    most: u64,
    /// How many pages were given back since `most` was last changed.
    given_back: usize,
}

/// So much of a heap is in use at first, in bytes.
const MOST: u64 = 24 << 20;

/// A heap whose pages are given back this often each, and needed again, gets twice the room: else a list that goes to and fro would read it
/// again and again.
const TOO_OFTEN: usize = 4;

impl<'m> Resident<'m> {
    fn new(memory: &'m dyn Memory, pages: usize) -> Self {
        Self { memory, pages: VecDeque::new(), is_resident: Bitset::new(pages), bytes: 0, most: MOST, given_back: 0 }
    }

    /// Notes that nobody looks at a page at present.
    fn leave(&mut self, page: u32, heap: HeapView<'_, '_>) {
        let pages = heap.pages.all();
        let size = |page: u32| pages.get(page as usize).map_or(0, |page| page.area_end - page.base);
        if self.is_resident.insert(page) {
            self.pages.push_back(page);
            self.bytes += size(page);
        }
        while self.bytes > self.most
            && let Some(oldest) = self.pages.pop_front()
        {
            self.is_resident.remove(oldest);
            self.bytes -= size(oldest);
            if let Some(page) = pages.get(oldest as usize) {
                page.forget(self.memory);
            }
            self.given_back += 1;
        }
        if self.given_back > TOO_OFTEN * pages.len() {
            self.given_back = 0;
            self.most *= 2;
        }
    }
}
