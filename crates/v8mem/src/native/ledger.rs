//! How the memory of a process adds up: V8's heap, what it keeps outside, the heap of C and C++, stacks, files, and what nobody explains.
//!
//! Every byte that is in memory is in one entry. What is counted is told by whoever asks (`Presence`): of a running process the pages
//! that the kernel says are there, of an image those that it holds.

use std::collections::BTreeMap;
use std::ops::Range;

use heap::held::Place;

use super::claims::Claims;
use super::cpp_classes::CppClasses;
use super::malloc::{Malloc, State};
use super::presence::Presence;
use super::trim::trimmed;
use crate::core_file::{CoreFile, FileMapping};
use crate::extents;
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::memory::{Memory, MemoryRange};

/// What memory is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Use {
    /// Objects of V8's heap that are alive, but strings.
    Objects,
    /// Strings of V8's heap that are alive.
    Strings,
    /// Objects that only weak references lead to.
    Weak,
    /// Objects that nothing leads to: the next collection frees them.
    Garbage,
    /// Machine code that V8 made.
    Code,
    /// Pages of V8's heap, but for objects: free lists, the young generation's unused half, headers, what is not understood.
    HeapFree,
    /// Pages that V8 had for its heap and has let go: it keeps them, to give them back or to use them again.
    HeapLetGo,
    /// The table by which functions lead to their code, beside V8's pages.
    Dispatch,
    /// Bytes of ArrayBuffers and Buffers.
    Buffers,
    /// Strings whose text lies outside of V8's heap.
    ExternalStrings,
    /// Objects of C++ with a known class, isolates among them.
    Cpp,
    /// What else malloc handed out.
    Malloc,
    /// What malloc keeps, though nobody uses it.
    MallocFree,
    /// The ends of malloc's arenas.
    MallocTop,
    /// Stacks of threads.
    Stacks,
    /// Programs and libraries, and other files.
    Files,
    /// What is none of this.
    Unknown,
}

impl Use {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 17] = [
        Self::Objects,
        Self::Strings,
        Self::Weak,
        Self::Garbage,
        Self::Code,
        Self::HeapFree,
        Self::HeapLetGo,
        Self::Dispatch,
        Self::Buffers,
        Self::ExternalStrings,
        Self::Cpp,
        Self::Malloc,
        Self::MallocFree,
        Self::MallocTop,
        Self::Stacks,
        Self::Files,
        Self::Unknown,
    ];

    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Objects => "heap_objects",
            Self::Strings => "heap_strings",
            Self::Weak => "heap_weak",
            Self::Garbage => "heap_garbage",
            Self::Code => "heap_code",
            Self::HeapFree => "heap_free",
            Self::HeapLetGo => "heap_let_go",
            Self::Dispatch => "dispatch_table",
            Self::Buffers => "buffers",
            Self::ExternalStrings => "external_strings",
            Self::Cpp => "cpp_objects",
            Self::Malloc => "malloc_used",
            Self::MallocFree => "malloc_free",
            Self::MallocTop => "malloc_top",
            Self::Stacks => "stacks",
            Self::Files => "files",
            Self::Unknown => "unknown",
        }
    }
}

/// How memory adds up.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Bytes that are in memory: the sum of all uses.
    pub bytes: u64,
    /// Bytes of each use.
    pub uses: BTreeMap<Use, u64>,
    /// Objects of C++ by class: how many, and bytes of memory that they take themselves.
    pub classes: BTreeMap<String, (u64, u64)>,
    /// Files by path: bytes.
    pub files: BTreeMap<String, u64>,
    /// The heap of C and C++; `None` where it is not glibc's.
    pub malloc: Option<Malloc>,
    /// Bytes that `malloc_trim` would give back, at least: a part of what malloc keeps.
    pub trimmed: u64,
}

/// Adds memory up. O(objects + pieces of malloc).
#[must_use]
pub fn ledger(core: &CoreFile, inventory: Inventory<'_, '_>, presence: &Presence) -> Ledger {
    let memory: &dyn Memory = core;
    let malloc = Malloc::of(core);
    let mut ledger = Ledger { bytes: presence.bytes(), ..Ledger::default() };
    let mut claims = Claims::default();
    ledger.heap(inventory, presence);
    inventory.heap.pages.all().iter().for_each(|page| drop(claims.take(page.base..page.base.saturating_add(page.size))));
    for page in inventory.heap.pages.let_go() {
        ledger.add(Use::HeapLetGo, present(&mut claims, presence, page.clone()));
    }
    if let Some((memory, table)) = inventory.heap.pages.dispatch() {
        ledger.add(Use::Dispatch, present(&mut claims, presence, table..end_of_table(memory.ranges(), table)));
    }
    let outside = outside(inventory, memory);
    if let Some(malloc) = &malloc {
        malloc.pieces.iter().for_each(|piece| drop(claims.take(piece.start..piece.start + piece.size)));
        ledger.pieces(malloc, &outside, &CppClasses::of(core), presence);
        ledger.trimmed = trimmed(malloc, presence);
    }
    ledger.malloc = malloc;
    // Behind what malloc handed out, each address counts for the first that has it.
    for (&addr, &(length, of)) in &outside {
        ledger.add(of, present(&mut claims, presence, addr..addr.saturating_add(length)));
    }
    ledger.files(core, &mut claims, presence);
    ledger.stacks(core, &mut claims, presence);
    let told: u64 = ledger.uses.values().sum();
    ledger.uses.insert(Use::Unknown, ledger.bytes.saturating_sub(told));
    ledger
}

/// Returns where a table ends that V8 makes longer as it needs: where what follows it may not be read, or is run. Its first entries are never used, and in
/// no memory.
fn end_of_table(ranges: &[MemoryRange], table: u64) -> u64 {
    const NEVER_USED: u64 = 1 << 16;
    let behind = &ranges[ranges.partition_point(|range| range.end <= table)..];
    let start = behind.first().map_or(table, |range| range.start.max(table));
    if start - table > NEVER_USED {
        return table;
    }
    let ranges = behind.iter().take_while(|range| range.readable && !range.executable);
    ranges.fold(start, |end, range| if range.start <= end { range.end } else { end })
}

/// Memory outside of V8's heap that objects of it keep: each address once, with its length.
fn outside(inventory: Inventory<'_, '_>, memory: &dyn Memory) -> BTreeMap<u64, (u64, Use)> {
    let heap = inventory.heap;
    let mut found: BTreeMap<u64, (u64, Use)> = BTreeMap::new();
    for (object, addr) in heap.objects.iter() {
        let kept = match heap.maps.get(heap.objects.map(object)).kind {
            Kind::JsArrayBuffer => Use::Buffers,
            Kind::String => Use::ExternalStrings,
            _ => continue,
        };
        // Sources that are a part of the program count with its file.
        let Some(extent) = extents::of(heap, memory, addr).filter(|extent| extent.length > 0 && extent.place == Place::Native) else {
            continue;
        };
        let known = found.entry(extent.address).or_insert((0, kept));
        known.0 = known.0.max(extent.length);
    }
    found
}

impl Ledger {
    fn add(&mut self, of: Use, bytes: u64) {
        *self.uses.entry(of).or_insert(0) += bytes;
    }

    /// Adds V8's pages: objects by what keeps them, and the rest of what is there.
    fn heap(&mut self, inventory: Inventory<'_, '_>, presence: &Presence) {
        let heap = inventory.heap;
        for (place, page) in heap.pages.all().iter().enumerate() {
            let present = presence.within(&(page.base..page.base.saturating_add(page.size)));
            let mut left = present;
            let mut take = |ledger: &mut Self, of: Use, bytes: u64| {
                let bytes = bytes.min(left);
                left -= bytes;
                ledger.add(of, bytes);
            };
            for (object, _) in heap.objects.of_page(place) {
                let of = match () {
                    () if page.executable => Use::Code,
                    () if inventory.liveness.garbage.get(object.0) => Use::Garbage,
                    () if inventory.liveness.weakly.get(object.0) => Use::Weak,
                    () if heap.maps.get(heap.objects.map(object)).kind == Kind::String => Use::Strings,
                    () => Use::Objects,
                };
                take(self, of, heap.objects.size(object));
            }
            take(self, Use::HeapFree, u64::MAX);
        }
    }

    /// Adds pieces of malloc's.
    fn pieces(&mut self, malloc: &Malloc, outside: &BTreeMap<u64, (u64, Use)>, classes: &CppClasses<'_>, presence: &Presence) {
        for piece in &malloc.pieces {
            let range = piece.start..piece.start + piece.size;
            let present = presence.within(&range);
            match piece.state {
                State::Free => self.add(Use::MallocFree, present),
                State::Top => self.add(Use::MallocTop, present),
                State::Used => {
                    let of_objects = self.kept(outside, &range, presence);
                    let class = if of_objects == 0 { classes.whole(piece.data()) } else { None };
                    self.add(if class.is_some() { Use::Cpp } else { Use::Malloc }, present.saturating_sub(of_objects));
                    if let Some(class) = class {
                        let of_class = self.classes.entry(class).or_default();
                        *of_class = (of_class.0 + 1, of_class.1 + present);
                    }
                }
            }
        }
    }

    /// Adds what objects of JavaScript keep of a piece. Returns how many bytes of it that are.
    fn kept(&mut self, outside: &BTreeMap<u64, (u64, Use)>, piece: &Range<u64>, presence: &Presence) -> u64 {
        let (mut sum, mut behind) = (0, piece.start);
        for (&addr, &(length, of)) in outside.range(piece.clone()) {
            let end = addr.saturating_add(length).min(piece.end);
            let bytes = presence.within(&(addr.max(behind)..end));
            self.add(of, bytes);
            sum += bytes;
            behind = behind.max(end);
        }
        sum
    }

    /// Adds stacks: the mappings around stack pointers, which the kernel may have joined with others.
    fn stacks(&mut self, core: &CoreFile, claims: &mut Claims, presence: &Presence) {
        let memory: &dyn Memory = core;
        for range in core.notes.threads.iter().filter_map(|thread| memory.range_at(thread.rsp())) {
            self.add(Use::Stacks, present(claims, presence, range.start..range.end));
        }
    }

    fn files(&mut self, core: &CoreFile, claims: &mut Claims, presence: &Presence) {
        let mapped = core.notes.files.iter().map(|file| (file.start..file.end, file.path.as_str()));
        for (range, path) in mapped.chain(moved_text(&core.notes.files)) {
            let bytes = present(claims, presence, range);
            self.add(Use::Files, bytes);
            *self.files.entry(path.to_owned()).or_insert(0) += bytes;
        }
    }
}

/// Returns what lies between two mappings of a file as far from one another as in it: `--use-largepages` moves a program's text into memory of its own.
fn moved_text(files: &[FileMapping]) -> impl Iterator<Item = (Range<u64>, &str)> {
    let is_of_one = |pair: &&[FileMapping]| pair[0].path == pair[1].path && shift(&pair[0]) == shift(&pair[1]);
    files.windows(2).filter(is_of_one).map(|pair| (pair[0].end..pair[1].start.max(pair[0].end), pair[0].path.as_str()))
}

/// Returns how far from its place in the file a mapping is.
fn shift(file: &FileMapping) -> u64 {
    file.start.wrapping_sub(file.offset)
}

/// Takes what is left of a range. Returns how many bytes of that are in memory.
fn present(claims: &mut Claims, presence: &Presence, range: Range<u64>) -> u64 {
    claims.take(range).iter().map(|part| presence.within(part)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_where_nothing_follows_it() {
        let range = |start: u64, end: u64, readable, executable| MemoryRange { start, end, readable, writable: true, executable };
        let ranges = [
            range(0x1000, 0x2000, true, false),
            range(0x8000, 0x9000, true, false),
            range(0x9000, 0xb000, true, false),
            range(0xc000, 0xd000, true, false),
            range(0xd000, 0xe000, true, true),
        ];
        assert_eq!(end_of_table(&ranges, 0x8100), 0xb000);
        assert_eq!(end_of_table(&ranges, 0xc000), 0xd000);
        assert_eq!(end_of_table(&ranges, 0x3000), 0xb000, "its first entries are in no memory");
        assert_eq!(end_of_table(&[range(0x9_0000, 0xa_0000, true, false)], 0x3000), 0x3000);
        assert_eq!(end_of_table(&[range(0x8000, 0x9000, true, false), range(0x9000, 0xa000, false, false)], 0x8000), 0x9000);
    }

    #[test]
    fn text_that_was_moved_is_the_programs() {
        let file = |start, end, offset, path: &str| FileMapping { start, end, offset, path: path.to_owned() };
        let files = [
            file(0x40_0000, 0x82_e000, 0, "node"),
            // The text between is memory of its own; what is mapped elsewhere, or of another file, is as it was.
            file(0xa0_0000, 0xb0_0000, 0x60_0000, "node"),
            file(0xc0_0000, 0xc1_0000, 0x10_0000, "node"),
            file(0xd0_0000, 0xd1_0000, 0, "libc.so.6"),
            file(0xd1_0000, 0xd2_0000, 0x1_0000, "libc.so.6"),
        ];
        let moved: Vec<(Range<u64>, &str)> = moved_text(&files).filter(|(range, _)| !range.is_empty()).collect();
        assert_eq!(moved, [(0x82_e000..0xa0_0000, "node")]);
    }
}
