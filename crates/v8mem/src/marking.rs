//! What is alive: everything that can be reached from the roots without passing a weak reference.
//!
//! The value of a WeakMap's entry lives only when both the map and the key do (an ephemeron).

use std::ops::Range;

use heap::bitset::{Bitset, RankedBits};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::machine_code::STREAMS_TELL;
use crate::maps::{Map, TAG, pointer, strong};
use crate::memory::Memory;
use crate::moved::is_moving;
use crate::objects::ObjIx;
use crate::pages::Page;
use crate::relocation::{Embedded, embedded};
use crate::sweep::Sweep;
use crate::version::V8Version;
use crate::view::HeapView;

/// Strong references of objects that are alive which lead into a page, but to no object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Those to something that was being moved.
    pub moving: u64,
    /// All others: damage, or a layout that does not fit.
    pub astray: u64,
}

/// Marks what is alive.
pub struct Marker<'a, 'm> {
    heap: HeapView<'a, 'm>,
    maps: Vec<Map>,
    sweep: Sweep<'a, 'm>,
    /// Values of ephemerons whose keys are not alive so far.
    waiting: FxHashMap<ObjIx, Vec<u64>>,
    /// What is alive leads weakly to these.
    weak: Bitset,
    /// Objects that keep nothing alive: a few.
    caches: Vec<ObjIx>,
    /// Strong references to no object.
    lost: Lost,
    /// Where some of them lead.
    strays: Vec<u64>,
}

/// So many addresses to which references lead astray are kept.
const MOST_STRAYS: usize = 4096;

/// An object that is looked at.
#[derive(Clone, Copy)]
struct Subject<'p, 'm> {
    object: ObjIx,
    addr: u64,
    page: &'p Page<'m>,
    kind: Kind,
    instance_type: u16,
    size: u64,
}

impl<'a, 'm> Marker<'a, 'm> {
    /// Starts with nothing alive. What `caches` refer to is not kept by them.
    #[must_use]
    pub fn new(heap: HeapView<'a, 'm>, memory: &'m dyn Memory, caches: Vec<ObjIx>) -> Self {
        let weak = Bitset::new(heap.objects.len());
        let (maps, sweep) = (heap.maps.all(), Sweep::new(heap, memory));
        Self { heap, maps, sweep, waiting: FxHashMap::default(), weak, caches, lost: Lost::default(), strays: Vec::new() }
    }

    /// Marks objects and all that they keep alive. O(what they reach).
    pub fn mark(&mut self, objects: impl Iterator<Item = ObjIx>) {
        for object in objects {
            self.sweep.reach(self.heap.objects.addr(object));
        }
        self.drain(Self::visit);
    }

    /// Returns how many references led to no object so far.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Returns where some references lead that led to no object so far.
    #[must_use]
    pub fn strays(&self) -> &[u64] {
        &self.strays
    }

    /// Returns what is alive, and what can be reached from it and from `roots` when weak references count too.
    #[must_use]
    pub fn finish(mut self, roots: impl Iterator<Item = ObjIx>) -> (Bitset, Bitset) {
        let alive = self.sweep.reached().clone();
        let weak = RankedBits::of(std::mem::take(&mut self.weak));
        for object in weak.iter().map(ObjIx).filter(|object| !alive.get(object.0)).chain(roots) {
            self.sweep.reach(self.heap.objects.addr(object));
        }
        self.drain(Self::visit_all);
        (alive, self.sweep.into_reached())
    }

    fn drain(&mut self, visit: impl Fn(&mut Self, Subject<'_, '_>)) {
        let mut found = Vec::new();
        loop {
            self.sweep.next(&mut found);
            let Some(&(_, first)) = found.first() else { return };
            let Some(page) = self.heap.pages.page(first) else { continue };
            for &(object, addr) in &found {
                let Some(map) = self.maps.get(self.heap.objects.map(object).0 as usize) else { continue };
                let (kind, instance_type) = (map.kind, map.instance_type);
                visit(self, Subject { object, addr, page, kind, instance_type, size: self.heap.objects.size(object) });
            }
        }
    }

    /// Marks what a word leads to.
    #[inline]
    fn push(&mut self, word: u64) {
        let Some(addr) = pointer(word) else { return };
        if self.sweep.reach(addr).is_none() {
            self.lose(word);
        }
    }

    /// Notes that a word leads weakly to something.
    fn note_weak(&mut self, word: u64) {
        if let Some(object) = self.heap.object(word).filter(|&object| !self.sweep.is_reached(object)) {
            self.weak.set(object.0);
        }
    }

    #[cold]
    fn lose(&mut self, word: u64) {
        let Some(addr) = strong(word) else { return };
        if self.heap.pages.page(addr).is_none() {
            return;
        }
        if is_moving(self.heap.pages, addr) {
            self.lost.moving += 1;
        } else {
            self.lost.astray += 1;
            if self.strays.len() < MOST_STRAYS {
                self.strays.push(addr);
            }
        }
    }

    #[inline]
    fn visit(&mut self, subject: Subject<'_, '_>) {
        self.push(subject.map_word());
        for code in subject.code(self.heap) {
            if code.weak { self.note_weak(code.word) } else { self.push(code.word) }
        }
        if subject.kind == Kind::EphemeronTable {
            subject.words(self.heap).map(|(_, word)| word).filter(|word| word & 1 == 1).for_each(|word| self.note_weak(word));
            self.ephemerons(subject.addr);
        } else {
            let weak = weak_fields(self.heap, subject.kind, subject.size);
            let keeps = !self.caches.contains(&subject.object);
            for (offset, word) in subject.words(self.heap) {
                match word & 3 {
                    1 if keeps && !weak.contains(&offset) => self.push(word),
                    1 | 3 => self.note_weak(word),
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

    fn visit_all(&mut self, subject: Subject<'_, '_>) {
        self.push(subject.map_word());
        subject.words(self.heap).for_each(|(_, word)| self.push(word));
        subject.code(self.heap).for_each(|code| self.push(code.word));
    }

    /// Visits the table of a WeakMap or WeakSet.
    fn ephemerons(&mut self, table: u64) {
        for (_, key, value) in self.heap.ephemerons(table) {
            let key = strong(key).and_then(|key| self.heap.objects.at(self.heap.pages, key));
            let (Some(key), Some(_)) = (key, strong(value)) else { continue };
            if self.sweep.is_reached(key) {
                self.push(value);
            } else {
                self.waiting.entry(key).or_default().push(value);
            }
        }
    }
}

impl<'p> Subject<'p, '_> {
    fn map_word(&self) -> u64 {
        self.page.word(self.addr).unwrap_or(0)
    }

    /// Returns the words that may be references, each with its offset; the map is not among them.
    #[inline]
    fn words(&self, heap: HeapView<'_, '_>) -> impl Iterator<Item = (u64, u64)> + use<'p> {
        words(heap, self.page, self.addr, (self.kind, self.instance_type), self.size)
    }

    /// Returns what it refers to otherwise than by words of its own: the code of a function that leads to it by a number, and what instructions
    /// refer to.
    #[inline]
    fn code(&self, heap: HeapView<'_, '_>) -> impl Iterator<Item = Embedded> + use<> {
        let is_numbered = self.kind == Kind::JsFunction && heap.pages.dispatch().is_some();
        let numbered = if is_numbered { heap.code_of(self.addr) } else { None };
        let numbered = numbered.map(|code| Embedded { word: code | TAG, weak: false });
        numbered.into_iter().chain(embedded(heap, self.addr, self.kind))
    }
}

fn subject<'a, 'm>(heap: HeapView<'a, 'm>, object: ObjIx, addr: u64) -> Option<Subject<'a, 'm>> {
    let map = heap.maps.get(heap.objects.map(object));
    let (page, size) = (heap.pages.page(addr)?, heap.objects.size(object));
    Some(Subject { object, addr, page, kind: map.kind, instance_type: map.instance_type, size })
}

/// Calls `each` for every object that an object refers to strongly. Entries of ephemerons are no strong references: both halves must be known.
pub fn references(heap: HeapView<'_, '_>, object: ObjIx, each: &mut impl FnMut(ObjIx)) {
    let Some(subject) = subject(heap, object, heap.objects.addr(object)) else { return };
    heap.object(subject.map_word()).into_iter().for_each(&mut *each);
    subject.code(heap).filter(|code| !code.weak).filter_map(|code| heap.object(code.word)).for_each(&mut *each);
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

/// Returns the words of an object that may be references, each with its offset; the map is not among them. Its kind and type are its map's.
#[inline]
pub(crate) fn words<'p>(
    heap: HeapView<'_, '_>,
    page: &'p Page<'_>,
    addr: u64,
    (kind, instance_type): (Kind, u16),
    size: u64,
) -> impl Iterator<Item = (u64, u64)> + use<'p> {
    let raw = raw_words(heap, kind);
    page.words(addr, tagged_words(heap, kind, instance_type, size)).filter(move |(offset, _)| !raw.contains(offset))
}

/// Returns the part of an object of that size in which words may be references, in bytes from its start. The map is not in it.
#[must_use]
fn tagged_words(heap: HeapView<'_, '_>, kind: Kind, instance_type: u16, size: u64) -> Range<u64> {
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
        // What follows in code are raw numbers, and its instructions, which `relocation` reads.
        Kind::Code => 8..if heap.layout.version < V8Version::new(11, 0) { at.code_size } else { at.code_start }.min(size),
        Kind::InstructionStream => 8..if heap.layout.version < STREAMS_TELL { at.stream_start } else { at.stream_size }.min(size),
        _ => 8..size,
    }
}

/// Returns the part of the tagged words of an object in which addresses and numbers of C++ stand, whatever their tags say: V8 9 leaves in them
/// what was there before when a buffer has no memory of its own.
#[must_use]
fn raw_words(heap: HeapView<'_, '_>, kind: Kind) -> Range<u64> {
    let at = &heap.layout.at;
    match kind {
        // Length and greatest length, the bytes' address, that of their owner.
        Kind::JsArrayBuffer => at.buffer_length..at.buffer_store + 16,
        _ => 0..0,
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
