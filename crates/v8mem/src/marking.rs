//! What is alive: everything that can be reached from the roots without passing a weak reference.
//!
//! The value of a WeakMap's entry lives only when both the map and the key do (an ephemeron).

use std::ops::Range;

use heap::bitset::Bitset;
use rustc_hash::FxHashMap;

use crate::kind::Kind;
use crate::maps::strong;
use crate::moved::is_moving;
use crate::objects::ObjIx;
use crate::version::V8Version;
use crate::view::HeapView;

/// Which references count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Those that keep their target alive.
    Strong,
    /// All.
    Any,
}

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
    follow: Follow,
    alive: Bitset,
    stack: Vec<ObjIx>,
    /// Strong references to no object.
    lost: Lost,
    /// Values of ephemerons whose keys are not alive so far.
    waiting: FxHashMap<ObjIx, Vec<ObjIx>>,
}

impl<'a, 'm> Marker<'a, 'm> {
    /// Starts with nothing alive.
    #[must_use]
    pub fn new(heap: HeapView<'a, 'm>, follow: Follow) -> Self {
        Self {
            heap,
            follow,
            alive: Bitset::new(heap.objects.len()),
            stack: Vec::new(),
            lost: Lost::default(),
            waiting: FxHashMap::default(),
        }
    }

    /// Marks an object and all that it keeps alive. O(what it reaches).
    pub fn mark(&mut self, object: ObjIx) {
        self.push(object);
        while let Some(object) = self.stack.pop() {
            self.visit(object);
            if !self.waiting.is_empty()
                && let Some(values) = self.waiting.remove(&object)
            {
                values.into_iter().for_each(|value| self.push(value));
            }
        }
    }

    /// Returns how many references led to no object so far.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Returns what is alive.
    #[must_use]
    pub fn finish(self) -> Bitset {
        self.alive
    }

    fn push(&mut self, object: ObjIx) {
        if self.alive.insert(object.0) {
            self.stack.push(object);
        }
    }

    fn visit(&mut self, object: ObjIx) {
        let heap = self.heap;
        words(heap, object, self.follow, &mut |word| match heap.object(word) {
            Some(to) => self.push(to),
            None => self.lose(word),
        });
        if self.follow == Follow::Strong && heap.maps.get(heap.objects.map(object)).kind == Kind::EphemeronTable {
            self.ephemerons(heap.objects.addr(object));
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

    /// Visits the table of a WeakMap or WeakSet.
    fn ephemerons(&mut self, table: u64) {
        for (_, key, value) in self.heap.ephemerons(table) {
            let key = strong(key).and_then(|key| self.heap.objects.at(self.heap.pages, key));
            let value = strong(value).and_then(|value| self.heap.objects.at(self.heap.pages, value));
            let (Some(key), Some(value)) = (key, value) else { continue };
            if self.alive.get(key.0) {
                self.push(value);
            } else {
                self.waiting.entry(key).or_default().push(value);
            }
        }
    }
}

/// Calls `each` for every object that an object refers to. Entries of ephemerons are no strong references: both halves must be known.
pub fn references(heap: HeapView<'_, '_>, object: ObjIx, follow: Follow, each: &mut impl FnMut(ObjIx)) {
    words(heap, object, follow, &mut |word| heap.object(word).into_iter().for_each(&mut *each));
}

/// Calls `each` for every word of an object that is a reference.
fn words(heap: HeapView<'_, '_>, object: ObjIx, follow: Follow, each: &mut impl FnMut(u64)) {
    let map = heap.maps.get(heap.objects.map(object));
    let addr = heap.objects.addr(object);
    let size = heap.objects.size(object);
    let Some(page) = heap.pages.page(addr) else { return };
    page.word(addr).into_iter().for_each(&mut *each);
    let any = follow == Follow::Any;
    if map.kind == Kind::EphemeronTable && !any {
        return;
    }
    let weak = if any { [0; 3] } else { weak_fields(heap, map.kind, size) };
    for (offset, word) in page.words(addr, tagged_words(heap, map.kind, map.instance_type, size)) {
        if (word & 3 == 1 || any && word & 3 == 3) && !weak.contains(&offset) {
            each(word);
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
