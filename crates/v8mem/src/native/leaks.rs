//! Memory of C and C++ that nobody can give back any more: pieces of malloc's to which no word leads, as libumem's `::findleaks` finds them.
//!
//! Every word counts that may be an address: of globals, stacks above their stack pointers, registers, objects of V8's heap that are not garbage, and
//! pieces that are themselves reached. So what is reported is lost in all likelihood, and what is lost may be missed where an old word happens
//! to lead to it. Where a piece was taken an image does not tell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use heap::bitset::Bitset;

use super::claims::Claims;
use super::cpp_classes::CppClasses;
use super::malloc::{Malloc, Piece, State};
use crate::core_file::CoreFile;
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::memory::Memory;
use crate::objects::ObjIx;
use crate::text::{Representation, representation};

/// Pieces that are alike, to which nothing leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// How many.
    pub count: u64,
    /// Bytes of all together, with what malloc adds.
    pub bytes: u64,
    /// What the program has of each, at most, in bytes.
    pub size: u64,
    /// The class of C++ that they begin with.
    pub class: Option<String>,
    /// The library into which words in them lead: functions, tables and texts of whoever made them.
    pub library: Option<String>,
    /// What lies next to most of them in memory, where neither class nor library tells: a class, or a library.
    pub near: Option<String>,
    /// Whether only other leaks lead to them.
    pub is_held: bool,
    /// The address of one of them, as the program had it.
    pub example: u64,
}

/// What nobody can give back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaks {
    /// Alike ones together, the largest first.
    pub groups: Vec<Leak>,
    /// How many pieces are in use, lost ones too.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Looks for leaks. O(words of memory).
#[must_use]
pub fn leaks(core: &CoreFile, inventory: Inventory<'_, '_>, malloc: &Malloc) -> Leaks {
    let mut search = Search::new(core, malloc);
    search.registers();
    search.heap(inventory);
    search.elsewhere(inventory);
    search.follow();
    let lost = search.lost();
    search.groups(&lost)
}

/// By what pieces are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Likeness {
    size: u64,
    class: Option<String>,
    library: Option<String>,
    is_held: bool,
}

struct Search<'a> {
    core: &'a CoreFile,
    malloc: &'a Malloc,
    /// Where pieces are at all.
    extent: Range<u64>,
    reached: Bitset,
    waiting: Vec<u32>,
    /// Memory that is looked at.
    block: Vec<u8>,
}

const WORD: u64 = 8;
/// So much memory is looked at at once.
const BLOCK: usize = 64 << 10;

impl<'a> Search<'a> {
    fn new(core: &'a CoreFile, malloc: &'a Malloc) -> Self {
        let end = malloc.pieces.iter().map(|piece| piece.start + piece.size).max().unwrap_or(0);
        let extent = malloc.pieces.first().map_or(0, |piece| piece.start)..end;
        Self { core, malloc, extent, reached: Bitset::new(malloc.pieces.len()), waiting: Vec::new(), block: vec![0; BLOCK] }
    }

    /// Takes a word that may lead to a piece, or into one.
    fn take(&mut self, word: u64) {
        if !self.extent.contains(&word) {
            return;
        }
        let Some(at) = self.malloc.pieces.partition_point(|piece| piece.start <= word).checked_sub(1) else { return };
        let piece = self.malloc.pieces[at];
        if word < piece.start + piece.size && piece.state == State::Used && self.reached.insert(at as u32) {
            self.waiting.push(at as u32);
        }
    }

    /// Takes all words of a stretch of memory; of what is not there, none.
    fn words(&mut self, stretch: Range<u64>) {
        let memory: &dyn Memory = self.core;
        if stretch.end.saturating_sub(stretch.start) < WORD {
            return;
        }
        let mut block = std::mem::take(&mut self.block);
        let mut at = stretch.start.next_multiple_of(WORD);
        while let Some((start, end)) = memory.next_data(at, stretch.end).filter(|&(start, end)| start < end) {
            for from in (start.next_multiple_of(WORD)..end).step_by(BLOCK) {
                let bytes = block.get_mut(..(end - from).min(BLOCK as u64) as usize).unwrap_or_default();
                if memory.read(from, bytes).is_ok() {
                    bytes.as_chunks().0.iter().for_each(|&word| self.take(u64::from_le_bytes(word)));
                }
            }
            at = end;
        }
        self.block = block;
    }

    fn registers(&mut self) {
        for thread in &self.core.notes.threads {
            thread.registers.iter().for_each(|&word| self.take(word));
        }
    }

    /// Takes objects of V8's heap that are not garbage, and all machine code.
    fn heap(&mut self, inventory: Inventory<'_, '_>) {
        let heap = inventory.heap;
        for (place, page) in heap.pages.all().iter().enumerate() {
            if page.executable {
                self.words(page.area_start..page.area_end);
            }
            // The resource of a string outside of the heap is given back when the string is, and nothing else leads to it.
            let is_external = |object: ObjIx| {
                let map = heap.maps.get(heap.objects.map(object));
                map.kind == Kind::String && representation(map.instance_type) == Representation::External
            };
            let counts = |object: ObjIx| !inventory.liveness.garbage.get(object.0) || is_external(object);
            for (object, addr) in heap.objects.of_page(place).filter(|&(object, _)| counts(object)) {
                for (_, word) in page.words(addr, 0..heap.objects.size(object)) {
                    // References of V8's have a tag, addresses of C++ have none.
                    if word & 1 == 0 {
                        self.take(word);
                    }
                }
            }
        }
    }

    /// Takes all other memory that the process writes, but what is malloc's: globals, mappings, stacks as far as they are in use.
    fn elsewhere(&mut self, inventory: Inventory<'_, '_>) {
        let memory: &dyn Memory = self.core;
        let pieces = self.malloc.pieces.iter().map(|piece| piece.start..piece.start + piece.size);
        let areas = inventory.heap.pages.all().iter().map(|page| page.area_start..page.base.saturating_add(page.size));
        let threads = self.core.notes.threads.iter();
        let unused = threads.filter_map(|thread| Some(memory.range_at(thread.rsp())?.start..thread.stack_in_use()));
        let mut claims = Claims::default();
        pieces.chain(areas).chain(unused).for_each(|range| drop(claims.take(range)));
        for range in memory.ranges().iter().filter(|range| range.writable) {
            claims.take(range.start..range.end).into_iter().for_each(|part| self.words(part));
        }
    }

    /// Takes what pieces lead to that are reached.
    fn follow(&mut self) {
        while let Some(at) = self.waiting.pop() {
            let piece = self.malloc.pieces[at as usize];
            self.words(piece.data()..piece.start + piece.size + WORD);
        }
    }

    /// Returns the places of pieces that are lost, each with whether another one leads to it.
    fn lost(&mut self) -> BTreeMap<u32, bool> {
        let is_lost = |at: &u32| self.malloc.pieces[*at as usize].state == State::Used && !self.reached.get(*at);
        let lost: Vec<u32> = (0..self.malloc.pieces.len() as u32).filter(is_lost).collect();
        let mut held: BTreeMap<u32, bool> = lost.iter().map(|&at| (at, false)).collect();
        for &at in &lost {
            let piece = self.malloc.pieces[at as usize];
            self.words(piece.data()..piece.start + piece.size + WORD);
            // What it leads to, but itself.
            for to in std::mem::take(&mut self.waiting).into_iter().filter(|&to| to != at) {
                held.insert(to, true);
            }
        }
        held
    }

    fn groups(&self, lost: &BTreeMap<u32, bool>) -> Leaks {
        let classes = CppClasses::of(self.core);
        let mut alike: BTreeMap<Likeness, Vec<u32>> = BTreeMap::new();
        for (&at, &is_held) in lost {
            let piece = self.malloc.pieces[at as usize];
            let (class, library) = (classes.whole(piece.data()), classes.library(&piece));
            alike.entry(Likeness { size: piece.size - WORD, class, library, is_held }).or_default().push(at);
        }
        let mut groups: Vec<Leak> = alike.into_iter().map(|(likeness, members)| self.group(likeness, &members, &classes)).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
        let used = self.malloc.pieces.iter().filter(|piece| piece.state == State::Used);
        Leaks { groups, pieces: used.clone().count() as u64, bytes: used.map(|piece| piece.size).sum() }
    }

    fn group(&self, likeness: Likeness, members: &[u32], classes: &CppClasses<'_>) -> Leak {
        let Likeness { size, class, library, is_held } = likeness;
        let near = if class.is_none() && library.is_none() { self.near(members, classes) } else { None };
        let example = members.first().map_or(0, |&at| self.malloc.pieces[at as usize].data());
        let count = members.len() as u64;
        Leak { count, bytes: count * (size + WORD), size, class, library, near, is_held, example }
    }

    /// Returns what most pieces of a group lie next to: what was taken together lies together.
    fn near(&self, members: &[u32], classes: &CppClasses<'_>) -> Option<String> {
        /// So many members are looked at, spread over all.
        const LOOKED_AT: usize = 1000;
        let some = members.iter().step_by(members.len().div_ceil(LOOKED_AT).max(1));
        let looked_at = some.len();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for name in some.flat_map(|&at| self.neighbours(at, classes)) {
            *seen.entry(name).or_default() += 1;
        }
        let (name, count) = seen.into_iter().max_by_key(|&(_, count)| count)?;
        (count * 2 > looked_at).then_some(name)
    }

    /// Returns the names of what lies next to a piece on either side, once each: the nearest of some pieces that has a name.
    fn neighbours(&self, at: u32, classes: &CppClasses<'_>) -> BTreeSet<String> {
        /// How far away a piece may be.
        const FAR: usize = 4;
        let (before, behind) = self.malloc.pieces.split_at(at as usize);
        let name = |piece: &Piece| classes.whole(piece.data()).or_else(|| classes.library(piece));
        let nearest = |pieces: &mut dyn Iterator<Item = &Piece>| pieces.take(FAR).filter(|piece| piece.state == State::Used).find_map(name);
        [nearest(&mut before.iter().rev()), nearest(&mut behind.iter().skip(1))].into_iter().flatten().collect()
    }
}
