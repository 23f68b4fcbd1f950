//! The pages of V8's heaps: where they are, which heap and space they belong to, and the bytes in them.
//!
//! A page starts at a multiple of 256 KiB with a header that says how large it is and where its objects lie; where the header keeps that
//! changed with V8 12 and again with 13. Every field is checked against the others before a page is believed.

mod chains;
mod open_areas;
mod units;

use std::ops::{Deref, Range};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::isolate::Isolate;
use crate::layout::V8Layout;
use crate::maps::END_OF_MEMORY;
use crate::memory::{Memory, MemoryRange};
use crate::moved::{LostMaps, finished};
use crate::space::Space;
use crate::version::V8Version;
use crate::view::HeapView;
use chains::Chains;
pub use open_areas::OpenArea;
use units::Units;

/// The unit of pages: 2 to this power bytes.
pub(crate) const PAGE_BITS: u32 = 18;
const PAGE: u64 = 1 << PAGE_BITS;

/// Where a page's header keeps what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderLayout {
    /// V8 9 to 11: all in the page, size first.
    SizeFirst,
    /// V8 12: all in the page, flags first.
    FlagsFirst,
    /// V8 13 and later: flags in the page, the rest in memory of its own.
    Apart,
}

impl HeaderLayout {
    /// The layout of a version.
    fn of(version: V8Version) -> Self {
        match version.major {
            ..=11 => Self::SizeFirst,
            12 => Self::FlagsFirst,
            13.. => Self::Apart,
        }
    }
}

/// What a page says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// Its address.
    pub base: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Where objects begin.
    pub area_start: u64,
    /// Where they end.
    pub area_end: u64,
    /// The heap that it belongs to; 0 for pages that nobody writes, which isolates share.
    pub heap: u64,
    /// V8's flags of it.
    pub flags: u64,
    /// Whether it is of the half of the young generation that holds nothing: what lies there was moved or is dead.
    pub idle: bool,
    /// Whether it is of the other half, and nothing was made in it yet since that was last empty: what lies there is older.
    pub untouched: bool,
    /// Where the record of it lies, with what V8 knows of it: the page itself, or memory apart.
    pub record: u64,
    /// The object of C++ for its space; 0 where it has none.
    pub owner: u64,
    /// The space that it belongs to.
    pub space: Space,
    /// Whether it holds machine code.
    pub executable: bool,
}

/// One page, or one large object's run of pages.
#[derive(Debug)]
pub struct Page<'m> {
    header: PageHeader,
    /// The bytes from `area_start` to `area_end`: what lies before may be another mapping, with guards around it where there is machine code.
    bytes: Contents<'m>,
}

/// The bytes of a page.
#[derive(Clone, Debug)]
enum Contents<'m> {
    /// Where they lie side by side.
    There(&'m [u8]),
    /// Where they had to be put together, or changed.
    Copied(Arc<[u8]>),
}

impl Deref for Contents<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::There(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

impl Deref for Page<'_> {
    type Target = PageHeader;

    #[inline]
    fn deref(&self) -> &PageHeader {
        &self.header
    }
}

/// The flag of pages from which objects are moved, or were.
const FROM_PAGE: u64 = 1 << 3;

impl PageHeader {
    /// Says whether it holds one large object.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.size > PAGE
    }
}

impl Page<'_> {
    /// Says that the page need not stay in memory: it is read again if somebody looks.
    pub fn forget(&self, memory: &dyn Memory) {
        memory.forget(self.area_start, (self.area_end - self.area_start) as usize);
    }

    /// Returns bytes, which must lie where the page's objects do.
    #[inline]
    #[must_use]
    pub fn bytes(&self, addr: u64, len: usize) -> Option<&[u8]> {
        let at = addr.checked_sub(self.area_start)? as usize;
        self.bytes.get(at..at.checked_add(len)?)
    }

    /// Returns the words from one address to another, each with its offset from the start of the object at `addr`.
    pub fn words(&self, addr: u64, offsets: Range<u64>) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        let len = offsets.end.saturating_sub(offsets.start) as usize;
        words(self.bytes(addr + offsets.start, len).unwrap_or_default(), offsets.start)
    }

    /// Returns a word, which must lie where the page's objects do.
    #[inline]
    #[must_use]
    pub fn word(&self, addr: u64) -> Option<u64> {
        let at = addr.checked_sub(self.area_start)? as usize;
        Some(u64::from_le_bytes(self.bytes.get(at..at + 8)?.try_into().ok()?))
    }
}

/// Returns the words of some bytes, with offsets from `first` on.
fn words(bytes: &[u8], first: u64) -> impl Iterator<Item = (u64, u64)> + use<'_> {
    (first..).step_by(8).zip(bytes.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word)))
}

/// Where the pages of a process are: enough to read them again.
#[derive(Clone, Debug)]
pub struct PageTable {
    headers: Vec<PageHeader>,
    units: Arc<Units>,
    open_areas: Arc<[OpenArea]>,
    anchors: Arc<[u64]>,
    awake: bool,
    let_go: Arc<[Range<u64>]>,
    /// What pages hold that is not as the memory has it, by the page's address: where it had to be put together, or a collection was
    /// brought to its end.
    copies: Arc<FxHashMap<u64, Arc<[u8]>>>,
    layout: HeaderLayout,
    dispatch: Option<u64>,
}

impl PageTable {
    /// Keeps the pages of which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(&PageHeader) -> bool) {
        self.headers.retain(keep);
        self.units = Arc::new(Units::of(self.headers.iter()));
    }

    /// Returns every page's header, by address.
    #[must_use]
    pub fn headers(&self) -> &[PageHeader] {
        &self.headers
    }

    /// Notes where the table of functions' code is.
    pub(crate) fn note_dispatch(&mut self, table: Option<u64>) {
        self.dispatch = table;
    }

    /// Returns the header of the page that an address lies in.
    #[must_use]
    pub fn header(&self, addr: u64) -> Option<&PageHeader> {
        let header = self.headers.get(self.units.page(addr)?)?;
        (header.base..header.area_end).contains(&addr).then_some(header)
    }

    /// Takes the pages' bytes anew. O(pages), unless they must be copied.
    #[must_use]
    pub fn open<'m>(&self, memory: &'m dyn Memory) -> Pages<'m> {
        let bytes = |header: &PageHeader| match self.copies.get(&header.base) {
            Some(bytes) => Contents::Copied(Arc::clone(bytes)),
            None => contents(memory, header).unwrap_or(Contents::There(&[])),
        };
        let page = |header: &PageHeader| Page { header: *header, bytes: bytes(header) };
        let (units, open_areas, anchors) = (Arc::clone(&self.units), Arc::clone(&self.open_areas), Arc::clone(&self.anchors));
        let pages = self.headers.iter().map(page).collect();
        let let_go = Arc::clone(&self.let_go);
        Pages { memory, pages, units, open_areas, anchors, let_go, layout: self.layout, dispatch: self.dispatch }
    }

    /// Finds the areas in which objects are being made, and the pages in which none was made yet. O(words of the isolates).
    pub(crate) fn find_open_areas(&mut self, memory: &dyn Memory, layout: &V8Layout, isolates: &[Isolate]) {
        self.open_areas = open_areas::find(memory, &self.open(memory), layout, isolates).into();
        let Some(chains) = Chains::find(memory, &self.headers) else { return };
        for isolate in isolates {
            let of_isolate: Vec<PageHeader> = self.headers.iter().filter(|page| page.heap == isolate.heap).copied().collect();
            let untouched = open_areas::untouched(&of_isolate, &self.open_areas, |record| chains.next(record));
            self.headers.iter_mut().for_each(|page| page.untouched |= untouched.contains(&page.record));
        }
    }

    /// Notes addresses at which objects begin that a walk has not found.
    pub(crate) fn anchor(&mut self, objects: &[u64]) {
        let mut anchors = [&self.anchors, objects].concat();
        anchors.sort_unstable();
        anchors.dedup();
        self.anchors = anchors.into();
    }

    /// Says whether an object is known to begin at an address by `anchor`.
    pub(crate) fn is_anchor(&self, addr: u64) -> bool {
        self.anchors.binary_search(&addr).is_ok()
    }

    /// Says whether an address lies where `find_open_areas` found nothing but what is older.
    pub(crate) fn is_open(&self, addr: u64) -> bool {
        self.header(addr).is_some_and(|page| page.untouched) || self.open_areas.iter().any(|area| area.contains(&addr))
    }

    /// Takes back all that `find_open_areas` found.
    pub(crate) fn close_all(&mut self) {
        self.open_areas = Arc::default();
        self.headers.iter_mut().for_each(|page| page.untouched = false);
    }

    /// Takes back what `find_open_areas` found where something that is alive refers into it: `strays` are such addresses.
    pub(crate) fn close_areas(&mut self, strays: &[u64]) {
        let is_touched = |range: &Range<u64>| strays.iter().any(|stray| range.contains(stray));
        self.open_areas = self.open_areas.iter().filter(|area| !is_touched(area)).cloned().collect();
        // Pages behind one that was touched were perhaps touched too.
        if self.headers.iter().any(|page| page.untouched && is_touched(&(page.base..page.area_end))) {
            self.headers.iter_mut().for_each(|page| page.untouched = false);
        }
    }

    /// Makes no difference any more between the half of the young generation that is in use and the other.
    pub(crate) fn wake(&mut self) {
        self.awake = true;
        self.headers.iter_mut().for_each(|header| header.idle = false);
    }

    /// Says whether `wake` was called.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake
    }

    /// Brings a collection to its end. O(bytes of the heap).
    pub(crate) fn finish(&mut self, heap: HeapView<'_, '_>, maps: &LostMaps) {
        let changed = |(place, page): (usize, &Page<'_>)| Some((page.base, finished(heap, place, maps)?.into()));
        let changed = heap.pages.all().iter().enumerate().filter_map(changed);
        self.copies = Arc::new(kept_copies(heap.pages.all()).chain(changed).collect());
    }
}

/// All pages of a process.
pub struct Pages<'m> {
    memory: &'m dyn Memory,
    /// The table of functions' code, which is in no page.
    dispatch: Option<u64>,
    pages: Vec<Page<'m>>,
    /// Which page a unit of 256 KiB belongs to.
    units: Arc<Units>,
    open_areas: Arc<[OpenArea]>,
    /// Where objects begin to which something leads that is alive, and which no walk has found, by address.
    anchors: Arc<[u64]>,
    /// Where pages are that no space has any more, by address.
    let_go: Arc<[Range<u64>]>,
    /// How headers are laid out.
    pub layout: HeaderLayout,
}

impl<'m> Pages<'m> {
    /// Finds all pages. Tries the header that the version has, and the others where that finds nothing.
    #[must_use]
    pub fn find(memory: &'m dyn Memory, version: V8Version) -> Self {
        in_some_layout(version, |layout| Self::with(memory, layout, version), |found| found.pages.len())
    }

    fn with(memory: &'m dyn Memory, layout: HeaderLayout, version: V8Version) -> Self {
        let mut pages: Vec<Page<'m>> = Vec::new();
        search(memory, layout, version, |header| {
            let page = load(memory, header);
            let is_one = page.is_some();
            pages.extend(page);
            is_one
        });
        Self {
            memory,
            units: Arc::new(Units::of(pages.iter().map(Deref::deref))),
            open_areas: Arc::default(),
            anchors: Arc::default(),
            let_go: Arc::default(),
            pages,
            layout,
            dispatch: None,
        }
    }

    /// Leaves out pages that no space has any more: V8 keeps some, to give them back or to use them again. Only where they are is kept.
    pub(crate) fn leave_out_let_go(&mut self, memory: &dyn Memory) {
        let headers: Vec<PageHeader> = self.pages.iter().map(|page| page.header).collect();
        if let Some(chains) = Chains::find(memory, &headers) {
            let let_go = headers.iter().filter(|page| chains.is_let_go(page));
            self.let_go = let_go.map(|page| page.base..page.base.saturating_add(page.size)).collect();
            self.retain(|page| !chains.is_let_go(page));
        }
    }

    /// Returns where pages are that no space has any more, by address.
    #[must_use]
    pub fn let_go(&self) -> &[Range<u64>] {
        &self.let_go
    }

    /// Keeps the pages of which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(&Page<'_>) -> bool) {
        self.pages.retain(keep);
        self.units = Arc::new(Units::of(self.pages.iter().map(Deref::deref)));
    }

    /// Returns where the pages are.
    #[must_use]
    pub fn table(&self) -> PageTable {
        PageTable {
            headers: self.pages.iter().map(|page| page.header).collect(),
            units: Arc::clone(&self.units),
            open_areas: Arc::clone(&self.open_areas),
            anchors: Arc::clone(&self.anchors),
            awake: false,
            let_go: Arc::clone(&self.let_go),
            copies: Arc::new(kept_copies(&self.pages).collect()),
            layout: self.layout,
            dispatch: self.dispatch,
        }
    }

    /// Returns the table of functions' code and the memory that it is in.
    pub(crate) fn dispatch(&self) -> Option<(&'m dyn Memory, u64)> {
        Some((self.memory, self.dispatch?))
    }

    /// Says that the page of an address need not stay in memory: it is read again if somebody looks.
    pub fn forget(&self, memory: &dyn Memory, addr: u64) {
        if let Some(page) = self.page(addr) {
            page.forget(memory);
        }
    }

    /// Returns every page, by address.
    #[must_use]
    pub fn all(&self) -> &[Page<'m>] {
        &self.pages
    }

    /// Returns the place of the page that an address lies in.
    #[inline]
    #[must_use]
    pub fn find_ix(&self, addr: u64) -> Option<usize> {
        self.units.page(addr)
    }

    /// Returns the areas of a page in which objects are being made, by address.
    #[must_use]
    pub fn open_areas(&self, page: &PageHeader) -> &[OpenArea] {
        let first = self.open_areas.partition_point(|area| area.start < page.area_start);
        let areas = &self.open_areas[first..];
        &areas[..areas.partition_point(|area| area.end <= page.area_end)]
    }

    /// Returns where objects are known to begin in a stretch of memory, by address.
    pub(crate) fn anchors(&self, stretch: &Range<u64>) -> &[u64] {
        let place = |addr: u64| self.anchors.partition_point(|&anchor| anchor < addr);
        &self.anchors[place(stretch.start)..place(stretch.end.max(stretch.start))]
    }

    /// Returns the page that an address lies in.
    #[inline]
    #[must_use]
    pub fn page(&self, addr: u64) -> Option<&Page<'m>> {
        self.pages.get(self.find_ix(addr)?)
    }

    /// Returns a word of the heap.
    #[inline]
    #[must_use]
    pub fn word(&self, addr: u64) -> Option<u64> {
        self.page(addr)?.word(addr)
    }

    /// Returns the words from one address to another of one page, each with its offset from the start of the object at `addr`.
    #[inline]
    pub fn words(&self, addr: u64, offsets: Range<u64>) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        let len = offsets.end.saturating_sub(offsets.start) as usize;
        let bytes = self.page(addr).and_then(|page| page.bytes(addr + offsets.start, len));
        words(bytes.unwrap_or_default(), offsets.start)
    }

    /// Returns four bytes of the heap.
    #[inline]
    #[must_use]
    pub fn half(&self, addr: u64) -> Option<u32> {
        Some(u32::from_le_bytes(self.page(addr)?.bytes(addr, 4)?.try_into().ok()?))
    }

    /// Returns two bytes of the heap.
    #[inline]
    #[must_use]
    pub fn short(&self, addr: u64) -> Option<u16> {
        Some(u16::from_le_bytes(self.page(addr)?.bytes(addr, 2)?.try_into().ok()?))
    }

    /// Returns a byte of the heap.
    #[inline]
    #[must_use]
    pub fn byte(&self, addr: u64) -> Option<u8> {
        self.page(addr)?.bytes(addr, 1)?.first().copied()
    }
}

/// Returns copies that are worth keeping, by the page's address: every look at an object would make them anew. In a core of Node.js 26 those
/// are the read-only pages, of which V8 gives back what is behind the last object.
fn kept_copies(pages: &[Page<'_>]) -> impl Iterator<Item = (u64, Arc<[u8]>)> {
    /// Where most of a heap must be put together, it is not kept twice.
    const MOST: usize = 64 << 20;
    let copies = pages.iter().filter_map(|page| match &page.bytes {
        Contents::Copied(bytes) => Some((page.base, Arc::clone(bytes))),
        Contents::There(_) => None,
    });
    let mut left = MOST;
    copies.filter(move |(_, bytes)| {
        let fits = bytes.len() <= left;
        left -= if fits { bytes.len() } else { 0 };
        fits
    })
}

/// Finds the headers of all pages without reading what is in them, so that a process that runs can be asked. Pages that V8 let go are among them.
#[must_use]
pub fn headers(memory: &dyn Memory, version: V8Version) -> Vec<PageHeader> {
    let with = |layout| {
        let mut found = Vec::new();
        search(memory, layout, version, |header| {
            found.push(header);
            true
        });
        found
    };
    in_some_layout(version, with, Vec::len)
}

/// Returns the pages that some space has, of those that `headers` found. O(pages).
#[must_use]
pub fn without_let_go(memory: &dyn Memory, mut headers: Vec<PageHeader>) -> Vec<PageHeader> {
    if let Some(chains) = Chains::find(memory, &headers) {
        headers.retain(|page| !chains.is_let_go(page));
    }
    headers
}

/// Looks for pages with the header that the version has, and with the others where that finds nothing.
fn in_some_layout<P>(version: V8Version, with: impl Fn(HeaderLayout) -> P, count: impl Fn(&P) -> usize) -> P {
    let first = HeaderLayout::of(version);
    let mut found = with(first);
    for layout in [HeaderLayout::Apart, HeaderLayout::FlagsFirst, HeaderLayout::SizeFirst].into_iter().filter(|layout| *layout != first) {
        if count(&found) < 3 {
            found = with(layout);
        }
    }
    found
}

/// Offers every header that passes for one; `take` says whether it is one.
fn search(memory: &dyn Memory, layout: HeaderLayout, version: V8Version, mut take: impl FnMut(PageHeader) -> bool) {
    let mut behind = 0;
    for range in memory.ranges().iter().filter(|range| range.readable) {
        let end_of_range = range.end.min(END_OF_MEMORY);
        let mut base = range.start.max(behind).min(END_OF_MEMORY).next_multiple_of(PAGE);
        // A page begins with its header: where there is a hole, there is no page.
        while let Some((data, end)) = memory.next_data(base, end_of_range) {
            base = data.max(base).next_multiple_of(PAGE);
            while base < end {
                let page = header(memory, base, layout, version).filter(|&header| take(header));
                behind = page.map_or(base + PAGE, |page| (base + page.size).next_multiple_of(PAGE));
                base = behind;
            }
            base = base.max(end);
        }
    }
}

/// Reads the header at `base` and checks it. What passes is a page in all likelihood; whether its heap is one is checked later.
fn header(memory: &dyn Memory, base: u64, layout: HeaderLayout, version: V8Version) -> Option<PageHeader> {
    let (at, [flags, size, heap, start, end, owner]) = match layout {
        HeaderLayout::SizeFirst => (base, [8, 0, 16, 24, 32, 64]),
        HeaderLayout::FlagsFirst => (base, [0, 16, 24, 32, 40, 72]),
        HeaderLayout::Apart => (memory.word(base + 8).ok()?, [0, 48, 64, 72, 56, 80]),
    };
    if layout == HeaderLayout::FlagsFirst && memory.word(base + 8).ok()? != base {
        return None;
    }
    let field = |offset: u64| memory.word(at.checked_add(offset)?).ok();
    let flags = if layout == HeaderLayout::Apart { memory.word(base).ok()? } else { field(flags)? };
    let owner = field(owner)?;
    let (size, heap, area_start, area_end) = (field(size)?, field(heap)?, field(start)?, field(end)?);
    let space = space(memory, version, heap, owner);
    // Up to V8 12 only what lies behind a page's header can be run, and not while V8 writes there.
    let executable = space.is_code() || memory.range_at(area_start).is_some_and(|range| range.executable);
    let idle = flags & FROM_PAGE != 0 && heap != 0;
    let header = PageHeader { base, size, area_start, area_end, heap, flags, idle, untouched: false, record: at, owner, space, executable };
    let size_plausible = header.size >= 4096 && header.size < 1 << 34 && header.size.is_multiple_of(4096);
    let start_plausible = header.area_start > base && header.area_start <= base + 0x8000;
    let end_plausible = header.area_end > header.area_start && header.area_end <= base.checked_add(header.size)?;
    let aligned = [header.area_start, header.area_end, header.heap, owner].iter().all(|addr| addr.is_multiple_of(8));
    (size_plausible && start_plausible && end_plausible && aligned && header.heap < END_OF_MEMORY).then_some(header)
}

/// Returns the space that a page belongs to. Pages without a heap are nobody's to write, and their owner is gone.
fn space(memory: &dyn Memory, version: V8Version, heap: u64, owner: u64) -> Space {
    const NUMBER: u64 = 16;
    if heap == 0 {
        return Space::ReadOnly;
    }
    let number = owner.checked_add(NUMBER).and_then(|addr| memory.word(addr).ok());
    number.map_or(Space::Unknown, |word| Space::of(version, word as u8))
}

fn load(memory: &dyn Memory, header: PageHeader) -> Option<Page<'_>> {
    Some(Page { header, bytes: contents(memory, &header)? })
}

/// Takes a page's bytes: as they are where they lie side by side, else copied, with zeros for what is not there.
fn contents<'m>(memory: &'m dyn Memory, header: &PageHeader) -> Option<Contents<'m>> {
    let len = usize::try_from(header.area_end - header.area_start).ok()?;
    if let Some(bytes) = memory.slice(header.area_start, len) {
        return Some(Contents::There(bytes));
    }
    let known = known_bytes(memory, header.area_start, header.area_end);
    let plausible = known > 0 && len as u64 <= LARGE.max(64 * known);
    plausible.then(|| Contents::Copied(gather(memory, header.area_start, len).into()))
}

/// A page larger than this is copied only if a fair part of it is there.
const LARGE: u64 = 64 << 20;

/// Returns how many bytes of a stretch are there, holes not counted: a header that lies promises more.
fn known_bytes(memory: &dyn Memory, start: u64, end: u64) -> u64 {
    let first = memory.ranges().partition_point(|range| range.end <= start);
    let ranges = memory.ranges()[first..].iter().take_while(|range| range.start < end);
    let in_range = |range: &MemoryRange| {
        let (mut at, end, mut sum) = (range.start.max(start), range.end.min(end), 0);
        while let Some((from, to)) = memory.next_data(at, end).filter(|&(from, to)| from < to) {
            sum += to - from;
            at = to;
        }
        sum
    };
    ranges.map(in_range).sum()
}

fn gather(memory: &dyn Memory, start: u64, len: usize) -> Vec<u8> {
    const STEP: u64 = 4096;
    let end = start + len as u64;
    let (mut bytes, mut at) = (Vec::new(), start);
    // What is there and what is not changes where pages of the machine begin.
    while at < end {
        let next = (at / STEP * STEP).saturating_add(STEP).min(end);
        let from = bytes.len();
        bytes.resize(from + (next - at) as usize, 0);
        if memory.read(at, &mut bytes[from..]).is_err() {
            bytes[from..].fill(0);
        }
        at = next;
    }
    bytes
}
