//! What is alive: everything that can be reached from the roots without passing a weak reference.
//!
//! The value of a WeakMap's entry lives only when both the map and the key do (an ephemeron).

use std::ops::Range;

use heap::bitset::Bitset;
use rustc_hash::FxHashMap;

use crate::kind::Kind;
use crate::maps::{pointer, strong};
use crate::moved::is_moving;
use crate::objects::ObjIx;
use crate::version::V8Version;
use crate::view::HeapView;

/// Strong references of objects that are alive which lead into a page, but to no object. Into machine code, which is not walked, they do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Those to something that was being moved.
    pub moving: u64,
    /// All others: damage, or a layout that does not fit.
    pub astray: u64,
}

/// Marks what is alive.
pub struct Marker<'a, 'm> {
    heap: HeapView<'a, 'm>,
    alive: Bitset,
    /// What is marked and not looked at yet.
    stack: Vec<(ObjIx, u64)>,
    /// Values of ephemerons whose keys are not alive so far.
    waiting: FxHashMap<ObjIx, Vec<u64>>,
    /// Words that lead weakly to something, of what is alive.
    weak: Vec<u64>,
    /// Strong references to no object.
    lost: Lost,
}

/// So many objects are fetched at once: one waits for memory while the others arrive.
const BATCH: usize = 16;

/// An object that is looked at.
#[derive(Clone, Copy)]
struct Subject {
    object: ObjIx,
    addr: u64,
    map_word: u64,
    kind: Kind,
    instance_type: u16,
    size: u64,
}

impl<'a, 'm> Marker<'a, 'm> {
    /// Starts with nothing alive.
    #[must_use]
    pub fn new(heap: HeapView<'a, 'm>) -> Self {
        let alive = Bitset::new(heap.objects.len());
        Self { heap, alive, stack: Vec::new(), waiting: FxHashMap::default(), weak: Vec::new(), lost: Lost::default() }
    }

    /// Marks an object and all that it keeps alive. O(what it reaches).
    pub fn mark(&mut self, object: ObjIx) {
        if self.alive.insert(object.0) {
            self.stack.push((object, self.heap.objects.addr(object)));
        }
        self.drain(Self::visit);
    }

    /// Returns how many references led to no object so far.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Returns what is alive, and what can be reached from it and from `roots` when weak references count too.
    #[must_use]
    pub fn finish(mut self, roots: impl Iterator<Item = ObjIx>) -> (Bitset, Bitset) {
        let alive = self.alive.clone();
        std::mem::take(&mut self.weak).into_iter().for_each(|word| self.push(word));
        for object in roots {
            if self.alive.insert(object.0) {
                self.stack.push((object, self.heap.objects.addr(object)));
            }
        }
        self.drain(Self::visit_all);
        (alive, self.alive)
    }

    fn drain(&mut self, visit: impl Fn(&mut Self, Subject)) {
        while !self.stack.is_empty() {
            let from = self.stack.len().saturating_sub(BATCH);
            let mut batch = [None; BATCH];
            for (slot, (object, addr)) in batch.iter_mut().zip(self.stack.drain(from..)) {
                *slot = subject(self.heap, object, addr);
            }
            batch.into_iter().flatten().for_each(|subject| visit(self, subject));
        }
    }

    /// Marks what a word leads to.
    #[inline]
    fn push(&mut self, word: u64) {
        let Some(addr) = pointer(word) else { return };
        match self.heap.objects.find(self.heap.pages, addr) {
            Some((object, addr)) if self.alive.insert(object.0) => self.stack.push((object, addr)),
            Some(_) => {}
            None => self.lose(word),
        }
    }

    fn lose(&mut self, word: u64) {
        let Some(addr) = strong(word) else { return };
        if self.heap.pages.page(addr).is_none_or(|page| page.executable) {
            return;
        }
        if is_moving(self.heap.pages, addr) {
            self.lost.moving += 1;
        } else {
            self.lost.astray += 1;
        }
    }

    fn visit(&mut self, subject: Subject) {
        let heap = self.heap;
        self.push(subject.map_word);
        if subject.kind == Kind::EphemeronTable {
            self.weak.extend(subject.words(heap).map(|(_, word)| word).filter(|word| word & 1 == 1));
            self.ephemerons(subject.addr);
        } else {
            let weak = weak_fields(heap, subject.kind, subject.size);
            for (offset, word) in subject.words(heap) {
                match word & 3 {
                    1 if !weak.contains(&offset) => self.push(word),
                    1 | 3 => self.weak.push(word),
                    _ => {}
                }
            }
        }
        if !self.waiting.is_empty()
            && let Some(values) = self.waiting.remove(&subject.object)
        {
            values.into_iter().for_each(|value| self.push(value));
        }
    }

    fn visit_all(&mut self, subject: Subject) {
        self.push(subject.map_word);
        subject.words(self.heap).for_each(|(_, word)| self.push(word));
    }

    /// Visits the table of a WeakMap or WeakSet.
    fn ephemerons(&mut self, table: u64) {
        for (_, key, value) in self.heap.ephemerons(table) {
            let key = strong(key).and_then(|key| self.heap.objects.at(self.heap.pages, key));
            let (Some(key), Some(_)) = (key, strong(value)) else { continue };
            if self.alive.get(key.0) {
                self.push(value);
            } else {
                self.waiting.entry(key).or_default().push(value);
            }
        }
    }
}

impl Subject {
    /// Returns the words that may be references, each with its offset; the map is not among them.
    #[inline]
    fn words<'h>(&self, heap: HeapView<'h, '_>) -> impl Iterator<Item = (u64, u64)> + use<'h> {
        let range = tagged_words(heap, self.kind, self.instance_type, self.size);
        heap.pages.words(self.addr, range)
    }
}

fn subject(heap: HeapView<'_, '_>, object: ObjIx, addr: u64) -> Option<Subject> {
    let map = heap.maps.get(heap.objects.map(object));
    let (map_word, size) = (heap.pages.word(addr)?, heap.objects.size(object));
    Some(Subject { object, addr, map_word, kind: map.kind, instance_type: map.instance_type, size })
}

/// Calls `each` for every object that an object refers to strongly. Entries of ephemerons are no strong references: both halves must be known.
pub fn references(heap: HeapView<'_, '_>, object: ObjIx, each: &mut impl FnMut(ObjIx)) {
    let Some(subject) = subject(heap, object, heap.objects.addr(object)) else { return };
    heap.object(subject.map_word).into_iter().for_each(&mut *each);
    if subject.kind == Kind::EphemeronTable {
        return;
    }
    let weak = weak_fields(heap, subject.kind, subject.size);
    for (offset, word) in subject.words(heap) {
        if word & 3 == 1 && !weak.contains(&offset) {
            heap.object(word).into_iter().for_each(&mut *each);
        }
    }
}

/// Returns the part of an object of that size in which words may be references, in bytes from its start. The map is not in it.
#[must_use]
pub fn tagged_words(heap: HeapView<'_, '_>, kind: Kind, instance_type: u16, size: u64) -> Range<u64> {
    let at = &heap.layout.at;
    let none = 8..8;
    match kind {
        Kind::String => match crate::text::representation(instance_type) {
            crate::text::Representation::Flat | crate::text::Representation::External => none,
            _ => 16..size,
        },
        Kind::HeapNumber | Kind::BigInt | Kind::ByteArray | Kind::DoubleArray | Kind::Raw | Kind::Foreign | Kind::FeedbackMetadata => none,
        Kind::FreeSpace | Kind::Filler => none,
        Kind::BytecodeArray => 8..at.bytecode_start.next_multiple_of(8).min(size),
        Kind::Map => 24..size,
        _ => 8..size,
    }
}

/// Returns the fields of an object of that size that keep nothing alive, though their tags do not say so. Unused places hold 0.
#[must_use]
pub fn weak_fields(heap: HeapView<'_, '_>, kind: Kind, size: u64) -> [u64; 3] {
    let at = &heap.layout.at;
    match kind {
        Kind::JsWeakRef => [at.weak_ref_target, 0, 0],
        Kind::WeakCell => [at.weak_cell_target, at.weak_cell_token, 0],
        Kind::AllocationSite => [at.site_next, 0, 0],
        // The last slot of a realm, before its queue of microtasks, is the list of all realms. Up to V8 10 two lists of code come before it.
        Kind::NativeContext if heap.layout.version < V8Version::new(11, 0) => [16, 24, 32].map(|back| size.saturating_sub(back)),
        Kind::NativeContext => [size.saturating_sub(16), 0, 0],
        _ => [0; 3],
    }
}
