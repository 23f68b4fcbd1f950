//! The heap of C and C++, as glibc's malloc keeps it: every piece of it, in use or free.
//!
//! Threads take memory from arenas. The first one lies in glibc's own data, where it is known by its lists: most of them are empty, and an empty list
//! leads to itself. The others follow in a ring. An arena's memory is one piece behind the other, each with its size before it. Pieces that a
//! thread keeps at hand (tcache), and small ones that wait to be joined (fastbins), say that they are in use: they are taken from the lists that they are in.
//! Large pieces have mappings of their own, and are known by the size at their start.
//!
//! Known for glibc 2.27 to 2.41. Of other mallocs (musl's, jemalloc's) nothing is found.

use std::ops::Range;

use rustc_hash::FxHashSet;

use crate::core_file::CoreFile;
use crate::maps::END_OF_MEMORY;
use crate::memory::{Memory, MemoryRange};

/// Whether somebody uses a piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The program does.
    Used,
    /// Nobody: malloc keeps it.
    Free,
    /// Nobody, and it is the end of an arena, which malloc may give back.
    Top,
}

/// A piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins: with its size, 16 bytes before what the program has.
    pub start: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is used.
    pub state: State,
}

impl Piece {
    /// Returns the address that the program has.
    #[must_use]
    pub fn data(&self) -> u64 {
        self.start + HEAD
    }
}

/// All pieces.
#[derive(Clone, Debug, Default)]
pub struct Malloc {
    /// By address.
    pub pieces: Vec<Piece>,
    /// Where the last piece of the first arena begins: its end, which is the only one that `malloc_trim` makes shorter.
    pub first_top: u64,
    /// How many arenas there are.
    pub arenas: usize,
    /// How many arenas have memory that could not be walked to its end.
    pub lost: usize,
}

/// Before the program's memory: the size of the piece before, its own size.
const HEAD: u64 = 16;
/// A piece before is in use; a mapping of its own.
const BEFORE_IS_USED: u64 = 1;
const MAPPED: u64 = 2;
const BITS: u64 = 7;
/// Arenas but the first lie in stretches of this size, aligned to it.
const STRETCH: u64 = 64 << 20;
/// In an arena: its ten lists of small pieces, its end, its lists, the next arena, how much it has.
const SMALL: u64 = 16;
const TOP: u64 = 96;
const LISTS: u64 = 112;
const LIST_COUNT: u64 = 127;
const NEXT: u64 = 2160;
const SYSTEM: u64 = 2184;
const ARENA: u64 = 2200;
/// glibc writes less than this, in words.
const MOST_WORDS: usize = 1 << 20;
/// No process has more arenas, and no list more pieces than are looked at.
const MOST_ARENAS: usize = 4096;
const MOST_LISTED: usize = 1 << 20;
/// The first piece of a part is looked for in so many pages.
const MOST_STARTS: usize = 1 << 21;
const PAGE: u64 = 4096;

impl Malloc {
    /// Finds it in the image of a process. O(pieces).
    #[must_use]
    pub fn of(core: &CoreFile) -> Option<Self> {
        let is_glibc = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("libc.so") || name.starts_with("libc-2"));
        let libraries: Vec<Range<u64>> =
            core.notes.files.iter().filter(|file| is_glibc(&file.path)).map(|file| file.start..file.end).collect();
        Self::find(core, &libraries)
    }

    /// Finds it. `libraries` are the mappings of glibc's file. O(pieces).
    #[must_use]
    pub fn find(memory: &dyn Memory, libraries: &[Range<u64>]) -> Option<Self> {
        let first = libraries.iter().find_map(|library| main_arena(memory, library))?;
        let (arenas, is_ring) = ring(memory, first);
        let first_top = memory.word(first + TOP).unwrap_or(0);
        let mut found = Self { first_top, arenas: arenas.len(), lost: usize::from(!is_ring), ..Self::default() };
        let mut seen = FxHashSet::default();
        for (nth, &arena) in arenas.iter().enumerate() {
            let parts = if nth == 0 { one_part(memory, arena) } else { parts(memory, arena, &mut seen) };
            let mut pieces = Vec::new();
            let mut is_whole = !parts.is_empty() && parts.into_iter().all(|(part, top)| walk(memory, part, top, &mut pieces));
            if nth == 0 && !is_whole {
                pieces.clear();
                is_whole = scattered(memory, arena, &mut pieces);
            }
            found.pieces.append(&mut pieces);
            found.lost += usize::from(!is_whole);
        }
        found.pieces.sort_unstable_by_key(|piece| piece.start);
        found.pieces.dedup_by(|next, piece| next.start < piece.start + piece.size);
        found.mappings(memory);
        let free = listed(memory, &arenas, &found);
        for piece in found.pieces.iter_mut().filter(|piece| piece.state == State::Used) {
            if free.contains(&piece.start) {
                piece.state = State::Free;
            }
        }
        Some(found)
    }

    /// Returns the piece around an address.
    #[must_use]
    pub fn around(&self, addr: u64) -> Option<&Piece> {
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.start <= addr).checked_sub(1)?)?;
        (addr < piece.start + piece.size).then_some(piece)
    }

    /// Adds the large pieces that have mappings of their own: several may lie side by side in what the kernel took for one.
    fn mappings(&mut self, memory: &dyn Memory) {
        let mut large = Vec::new();
        let is_own = |range: &&MemoryRange| range.readable && range.writable && !range.executable;
        for range in memory.ranges().iter().filter(is_own) {
            let mut at = range.start;
            let is_free = |at: u64, size: u64| {
                size <= range.end - at
                    && self
                        .pieces
                        .get(self.pieces.partition_point(|piece| piece.start + piece.size <= at))
                        .is_none_or(|piece| at + size <= piece.start)
            };
            while let Some(size) = mapped_size(memory, at).filter(|&size| is_free(at, size)) {
                large.push(Piece { start: at, size, state: State::Used });
                at += size;
            }
        }
        self.pieces.extend(large);
        self.pieces.sort_unstable_by_key(|piece| piece.start);
    }
}

/// Returns the size of a piece with a mapping of its own, if one begins at an address.
fn mapped_size(memory: &dyn Memory, at: u64) -> Option<u64> {
    let (before, word) = (memory.word(at).ok()?, memory.word(at.checked_add(8)?).ok()?);
    let size = word & !BITS;
    (before == 0 && word & BITS == MAPPED && size > 0 && size.is_multiple_of(PAGE)).then_some(size)
}

/// Finds the first arena in what glibc's file has that is written. O(its bytes).
fn main_arena(memory: &dyn Memory, library: &Range<u64>) -> Option<u64> {
    let written = memory.ranges().iter().filter(|range| range.writable && range.start < library.end && library.start < range.end);
    let parts = written.map(|range| range.start.max(library.start)..range.end.min(library.end));
    let words = parts.flat_map(|part| (part.start..part.end.saturating_sub(ARENA)).step_by(8)).take(MOST_WORDS);
    words.filter(|at| at.is_multiple_of(8)).find(|&at| is_arena(memory, at))
}

/// Follows the ring of arenas. Returns them, and whether it comes back to the first.
fn ring(memory: &dyn Memory, first: u64) -> (Vec<u64>, bool) {
    let (mut arenas, mut seen, mut last) = (vec![first], FxHashSet::default(), first);
    seen.insert(first);
    while let Ok(next) = memory.word(last + NEXT)
        && next != first
    {
        if arenas.len() == MOST_ARENAS || !seen.insert(next) || !is_arena(memory, next) {
            return (arenas, false);
        }
        arenas.push(next);
        last = next;
    }
    (arenas, true)
}

/// Says whether an arena is at an address: its lists, most of which are empty, lead back to themselves, and it is in a ring.
fn is_arena(memory: &dyn Memory, at: u64) -> bool {
    /// Lists that are being changed at this moment.
    const MOST_BROKEN: usize = 2;
    if at >= END_OF_MEMORY {
        return false;
    }
    let word = |addr: u64| memory.word(addr).unwrap_or(0);
    let list = |nth: u64| at.wrapping_add(LISTS + 16 * nth - HEAD);
    // A list is a piece without memory, of which the two links are there.
    let links = |piece: u64| (word(piece.wrapping_add(HEAD)), word(piece.wrapping_add(HEAD + 8)));
    let is_empty = |nth: u64| links(list(nth)) == (list(nth), list(nth));
    let is_whole = |nth: u64| {
        let (next, before) = links(list(nth));
        is_empty(nth) || links(next).1 == list(nth) && links(before).0 == list(nth)
    };
    // Moved by a list, all others look alike: the last one tells.
    is_whole(LIST_COUNT - 1)
        && is_whole(0)
        && word(at.wrapping_add(NEXT)) != 0
        && (0..LIST_COUNT).filter(|&nth| !is_whole(nth)).count() <= MOST_BROKEN
        && (0..LIST_COUNT).any(is_empty)
}

/// Returns the memory of the first arena where that is one piece: all before its end, as much as it says it has.
fn one_part(memory: &dyn Memory, arena: u64) -> Vec<(Range<u64>, u64)> {
    let part = || {
        let top = memory.word(arena + TOP).ok()?;
        let end = top.checked_add(memory.word(top.checked_add(8)?).ok()? & !BITS)?;
        let start = end.checked_sub(memory.word(arena + SYSTEM).ok()?)?;
        is_part(start, top, end).then_some((start..end, top))
    };
    part().into_iter().collect()
}

/// Walks over the memory of the first arena where that lies in several places: where the program's own heap (`brk`) cannot grow, since something
/// lies behind it, glibc takes mappings, one at a time, which the kernel joins with others. Returns whether all of it was found.
fn scattered(memory: &dyn Memory, arena: u64, pieces: &mut Vec<Piece>) -> bool {
    let (Ok(top), Ok(system)) = (memory.word(arena + TOP), memory.word(arena + SYSTEM)) else { return false };
    let (mut sum, mut looked_at) = (0, 0);
    for range in memory.ranges().iter().filter(|range| range.readable && range.writable && !range.executable) {
        let mut at = range.start;
        while at < range.end && looked_at < MOST_STARTS && sum < system {
            looked_at += 1;
            let first = pieces.len();
            let end = if begins_used(memory, at) { walk_part(memory, at..range.end, top, pieces) } else { None };
            match end {
                Some(end) => {
                    sum += end - at;
                    at = end;
                }
                None => {
                    pieces.truncate(first);
                    at += PAGE;
                }
            }
        }
    }
    sum == system
}

/// Walks over one part of an arena, from its start to its end: that of the arena, or where two pieces without memory stand before a page.
fn walk_part(memory: &dyn Memory, part: Range<u64>, top: u64, pieces: &mut Vec<Piece>) -> Option<u64> {
    let size = |at: u64| memory.word(at + 8).ok().map(|word| word & !BITS);
    let mut at = part.start;
    while at != top {
        let here = size(at).filter(|&size| size.is_multiple_of(16) && size >= HEAD && size <= part.end - at)?;
        at += here;
        if here == HEAD && at.is_multiple_of(PAGE) && at - part.start > 2 * HEAD && size(at - 2 * HEAD) == Some(HEAD) {
            return walk(memory, part.start..at, at, pieces).then_some(at);
        }
        if at >= part.end {
            return None;
        }
    }
    let end = top.checked_add(size(top)?).filter(|&end| end <= part.end)?;
    walk(memory, part.start..end, top, pieces).then_some(end)
}

/// Says whether a piece may begin at an address before which there is none: then the one before is said to be in use.
fn begins_used(memory: &dyn Memory, start: u64) -> bool {
    memory.word(start.saturating_add(8)).is_ok_and(|word| word & BITS == BEFORE_IS_USED && word > BITS)
}

/// Returns the memory of another arena: its stretches, the newest with its end first.
fn parts(memory: &dyn Memory, arena: u64, seen: &mut FxHashSet<u64>) -> Vec<(Range<u64>, u64)> {
    let mut found = Vec::new();
    let Ok(top) = memory.word(arena + TOP) else { return found };
    let mut stretch = top & !(STRETCH - 1);
    let first = arena & !(STRETCH - 1);
    let head = arena - first;
    while memory.word(stretch) == Ok(arena) && seen.insert(stretch) {
        let Ok(size) = memory.word(stretch + 16) else { break };
        let start = if stretch == first { (arena + ARENA).next_multiple_of(16) } else { stretch + head };
        let end = stretch.saturating_add(size.min(STRETCH));
        // What comes before the newest stretch ends with two small pieces that are none.
        let top = if found.is_empty() { top } else { end };
        if !is_part(start, top, end) {
            break;
        }
        found.push((start..end, top));
        match memory.word(stretch + 8) {
            Ok(before) if stretch != first && before != 0 => stretch = before,
            _ => break,
        }
    }
    found
}

/// Says whether pieces may lie between two addresses, and the last may begin there.
fn is_part(start: u64, top: u64, end: u64) -> bool {
    start <= top && top <= end && end <= END_OF_MEMORY
}

/// Walks over memory up to `top`. Returns whether it came to its end.
fn walk(memory: &dyn Memory, part: Range<u64>, top: u64, pieces: &mut Vec<Piece>) -> bool {
    let first = pieces.len();
    let mut at = part.start;
    while at < top {
        let Ok(word) = memory.word(at + 8) else { return false };
        let size = word & !BITS;
        if word & BEFORE_IS_USED == 0
            && pieces.len() > first
            && let Some(before) = pieces.last_mut()
        {
            before.state = State::Free;
        }
        // A stretch that is not the newest ends with a piece of no size.
        if size == 0 || size == HEAD && memory.word(at + HEAD + 8).is_ok_and(|word| word & !BITS == 0) {
            return top == part.end && top - at <= 2 * HEAD;
        }
        if !size.is_multiple_of(16) || size < 2 * HEAD && size != HEAD || size > top - at {
            return false;
        }
        pieces.push(Piece { start: at, size, state: State::Used });
        at += size;
    }
    if at == top && top < part.end {
        pieces.push(Piece { start: top, size: part.end - top, state: State::Top });
        let is_used = memory.word(top + 8).is_ok_and(|word| word & BEFORE_IS_USED != 0);
        let count = pieces.len();
        if !is_used && count > first + 1 {
            pieces[count - 2].state = State::Free;
        }
    }
    at == top
}

/// Returns where pieces begin that are in the lists of arenas and of threads.
fn listed(memory: &dyn Memory, arenas: &[u64], malloc: &Malloc) -> FxHashSet<u64> {
    let mut free = FxHashSet::default();
    for &arena in arenas {
        for nth in 0..10 {
            let head = memory.word(arena + SMALL + 8 * nth).unwrap_or(0);
            follow(memory, malloc, head, HEAD, &mut free);
        }
    }
    for piece in &malloc.pieces {
        // What a thread keeps at hand: how many of each size, then where the first is. glibc 2.30 counts in two bytes, 2.27 in one.
        let (width, counts) = match piece.size {
            0x290 => (2, 128),
            0x250 => (1, 64),
            _ => continue,
        };
        let count = |nth: u64| {
            let mut bytes = [0; 2];
            let read = memory.read(piece.data() + width * nth, bytes.get_mut(..width as usize).unwrap_or_default());
            read.map_or(u16::MAX, |()| u16::from_le_bytes(bytes))
        };
        let entry = |nth: u64| memory.word(piece.data() + counts + 8 * nth).unwrap_or(1);
        let is_list = |nth: u64| match (count(nth), entry(nth)) {
            (0, 0) => true,
            (count, entry) => (1..=127).contains(&count) && malloc.around(entry).is_some_and(|piece| piece.data() == entry),
        };
        if (0..64).all(is_list) {
            (0..64).for_each(|nth| follow(memory, malloc, entry(nth).saturating_sub(HEAD), HEAD, &mut free));
        }
    }
    free
}

/// Follows a list of pieces: each holds, where the program's memory was, the address of the next; from glibc 2.32 on mixed with its own.
fn follow(memory: &dyn Memory, malloc: &Malloc, first: u64, link: u64, free: &mut FxHashSet<u64>) {
    let starts = |addr: u64| malloc.around(addr).is_some_and(|piece| piece.start == addr);
    let mut at = first;
    for _ in 0..MOST_LISTED {
        if !starts(at) || !free.insert(at) {
            return;
        }
        let place = at + link;
        let Ok(word) = memory.word(place) else { return };
        // Lists of arenas lead to pieces, lists of threads to the program's part of them.
        let mixed = word ^ place >> 12;
        let next = [mixed, word].into_iter().flat_map(|addr| [addr, addr.wrapping_sub(HEAD)]).find(|&addr| starts(addr));
        let Some(next) = next else { return };
        at = next;
    }
}
