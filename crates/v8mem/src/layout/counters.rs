//! Where V8 keeps what it counts of a heap itself: its limit, the sizes of its spaces, how often it collected.
//!
//! V8 tells none of it in symbols. The numbers were found on the official builds that each row names, by what their heaps said before and after known
//! steps (`v8.getHeapStatistics()`, `gc()`), and compared with the machine code of `Heap::MaxReserved`, `Heap::PromotedSinceLastGC` and the like.

use crate::version::V8Version;

/// Where a heap keeps its counters, in bytes from the start of what is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterPlaces {
    /// Heap: the addresses of its spaces, by their numbers.
    pub spaces: u64,
    /// Heap: the address of what keeps its limits (V8 14.6 and later); `None` where the heap itself does.
    pub limits: Option<u64>,
    /// Limits: the most that the old generation may have.
    pub most_old: u64,
    /// Limits: what objects of the old generation had when the last full collection ended.
    pub last_full: u64,
    /// Heap: how many full collections there were, four bytes; how many of all kinds, four more.
    pub collections: u64,
    /// Heap: memory outside of it that V8 was told of. `None` where that was not looked for.
    pub external: Option<u64>,
    /// Heap: the address of what keeps the sizes of ArrayBuffers, and where in it they stand, where they do not count as `external` (V8 14.6 and later).
    pub buffers: Option<[u64; 2]>,
    /// Space with pages of small objects: bytes of objects, with areas in which objects are being made.
    pub paged_used: u64,
    /// Space of large objects: bytes of objects.
    pub large_used: u64,
    /// Young generation: its two halves.
    pub halves: [u64; 2],
}

/// Every space: its heap.
pub(crate) const SPACE_HEAP: u64 = 8;
/// Every space: its number, one byte.
pub(crate) const SPACE_NUMBER: u64 = 16;
/// Every space: bytes of its pages.
pub(crate) const SPACE_COMMITTED: u64 = 24;

impl CounterPlaces {
    /// Returns the places of a version; `None` where it was not looked at.
    #[must_use]
    pub fn of(version: V8Version) -> Option<Self> {
        TABLE.iter().find(|(known, _)| *known == (version.major, version.minor)).map(|(_, places)| *places)
    }
}

const fn places(heap: [u64; 4], external: Option<u64>, used: [u64; 2], halves: [u64; 2]) -> CounterPlaces {
    let [spaces, most_old, last_full, collections] = heap;
    let [paged_used, large_used] = used;
    CounterPlaces { spaces, limits: None, most_old, last_full, collections, external, buffers: None, paged_used, large_used, halves }
}

/// By version: Node.js 16.0, 16.20, 18.0, 18.20, 20, 22, 23, 24, 25 and 26.
#[rustfmt::skip]
const TABLE: [((u16, u16), CounterPlaces); 10] = [
    ((9, 0), places([0x150, 0x80, 0x968, 0x1e0], None, [0x120, 0xe0], [0x138, 0x240])),
    ((9, 4), places([0x168, 0x78, 0x9b0, 0x208], Some(0xc0), [0x128, 0xe8], [0x178, 0x288])),
    ((10, 1), places([0x1c8, 0xd8, 0xa10, 0x260], None, [0x110, 0xd8], [0x160, 0x268])),
    ((10, 2), places([0x1d0, 0xe0, 0xa18, 0x268], Some(0x128), [0x110, 0xd8], [0x160, 0x268])),
    ((11, 3), places([0x1c8, 0xe0, 0x9f0, 0x240], Some(0x128), [0x98, 0x60], [0x168, 0x278])),
    ((12, 4), places([0x138, 0x48, 0x810, 0x1b0], Some(0x90), [0x70, 0x60], [0x78, 0x108])),
    ((12, 9), places([0x158, 0x48, 0x838, 0x1e0], Some(0x90), [0x70, 0x60], [0x78, 0x108])),
    ((13, 6), places([0x160, 0x50, 0x850, 0x238], Some(0x98), [0x78, 0x68], [0x60, 0xe0])),
    ((14, 1), places([0x160, 0x50, 0x848, 0x238], Some(0x98), [0x78, 0x68], [0x60, 0xe0])),
    ((14, 6), CounterPlaces {
        spaces: 0x118, limits: Some(0x7b8), most_old: 0x30, last_full: 0x48, collections: 0x240, external: Some(0xab8),
        buffers: Some([0x7a8, 0x60]), paged_used: 0x68, large_used: 0x58, halves: [0x50, 0xc0],
    }),
];
