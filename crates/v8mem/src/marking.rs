//! What is alive: everything that can be reached from the roots without passing a weak reference.
//!
//! The value of a WeakMap's entry lives only when both the map and the key do (an ephemeron).

use rustc_hash::FxHashMap;

use crate::kind::Kind;
use crate::maps::strong;
use crate::objects::ObjIx;
use crate::view::HeapView;

/// A set of objects.
#[derive(Clone, Debug, Default)]
pub struct ObjectSet {
    bits: Vec<u64>,
}

impl ObjectSet {
    /// Makes an empty set for that many objects.
    #[must_use]
    pub fn new(objects: usize) -> Self {
        Self { bits: vec![0; objects.div_ceil(64)] }
    }

    /// Adds an object. Returns whether it is new.
    #[inline]
    pub fn insert(&mut self, object: ObjIx) -> bool {
        let (word, bit) = (object.at() / 64, 1 << (object.at() % 64));
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        new
    }

    /// Says whether an object is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, object: ObjIx) -> bool {
        self.bits[object.at() / 64] >> (object.at() % 64) & 1 == 1
    }

    /// Returns how many objects are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bits.iter().map(|bits| bits.count_ones() as usize).sum()
    }

    /// Says whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&bits| bits == 0)
    }

    /// Returns, for each 64 objects, how many of the set come before them.
    #[must_use]
    pub fn ranks(&self) -> Vec<u32> {
        let mut sum = 0;
        let before = |bits: &u64| {
            sum += bits.count_ones();
            sum - bits.count_ones()
        };
        self.bits.iter().map(before).collect()
    }

    /// Returns how many objects of the set come before one, given `ranks`.
    #[inline]
    #[must_use]
    pub fn rank(&self, ranks: &[u32], object: ObjIx) -> u32 {
        let (word, bit) = (object.at() / 64, 1_u64 << (object.at() % 64));
        ranks[word] + (self.bits[word] & (bit - 1)).count_ones()
    }
}

/// Marks what is alive.
pub struct Marker<'a, 'm> {
    heap: HeapView<'a, 'm>,
    alive: ObjectSet,
    stack: Vec<ObjIx>,
    /// Values of ephemerons whose keys are not alive so far.
    waiting: FxHashMap<ObjIx, Vec<ObjIx>>,
}

impl<'a, 'm> Marker<'a, 'm> {
    /// Starts with nothing alive.
    #[must_use]
    pub fn new(heap: HeapView<'a, 'm>) -> Self {
        Self { heap, alive: ObjectSet::new(heap.objects.len()), stack: Vec::new(), waiting: FxHashMap::default() }
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

    /// Returns what is alive.
    #[must_use]
    pub fn finish(self) -> ObjectSet {
        self.alive
    }

    fn push(&mut self, object: ObjIx) {
        if self.alive.insert(object) {
            self.stack.push(object);
        }
    }

    fn push_word(&mut self, word: u64) {
        if let Some(addr) = strong(word)
            && let Some(object) = self.heap.objects.at(self.heap.pages, addr)
        {
            self.push(object);
        }
    }

    fn visit(&mut self, object: ObjIx) {
        let map = self.heap.maps.get(self.heap.objects.map(object));
        let addr = self.heap.objects.addr(object);
        let at = &self.heap.layout.at;
        let (from, to) = tagged_words(self.heap, map.kind, map.instance_type, self.heap.objects.size(object));
        let Some(page) = self.heap.pages.page(addr) else { return };
        self.push_word(page.word(addr).unwrap_or(0));
        if map.kind == Kind::EphemeronTable {
            return self.ephemerons(addr);
        }
        let weak: [u64; 2] = match map.kind {
            Kind::JsWeakRef => [at.weak_ref_target, 0],
            Kind::WeakCell => [at.weak_cell_target, at.weak_cell_token],
            Kind::AllocationSite => [at.site_next, 0],
            // The list of all realms is weak: the last slot of each.
            Kind::NativeContext => [self.heap.objects.size(object) - 16, self.heap.objects.size(object) - 24],
            _ => [0, 0],
        };
        let Some(bytes) = page.bytes(addr + from, (to - from) as usize) else { return };
        for (nth, word) in (0..).zip(bytes.chunks_exact(8)) {
            let word = u64::from_le_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
            if word & 3 == 1 && !weak.contains(&(from + 8 * nth)) {
                self.push_word(word);
            }
        }
    }

    /// Visits the table of a WeakMap or WeakSet: three words of every table, then pairs of key and value.
    fn ephemerons(&mut self, table: u64) {
        let length = self.heap.length(table).unwrap_or(0);
        for at in (3..length.saturating_sub(1)).step_by(2) {
            let (Some(key), Some(value)) = (self.heap.element(table, at), self.heap.element(table, at + 1)) else { return };
            let key = strong(key).and_then(|key| self.heap.objects.at(self.heap.pages, key));
            let value = strong(value).and_then(|value| self.heap.objects.at(self.heap.pages, value));
            let (Some(key), Some(value)) = (key, value) else { continue };
            if self.alive.contains(key) {
                self.push(value);
            } else {
                self.waiting.entry(key).or_default().push(value);
            }
        }
    }
}

/// Returns the part of an object of that size in which words may be references, in bytes from its start. The map is not in it.
#[must_use]
pub fn tagged_words(heap: HeapView<'_, '_>, kind: Kind, instance_type: u16, size: u64) -> (u64, u64) {
    let at = &heap.layout.at;
    let none = (8, 8);
    match kind {
        Kind::String => match crate::text::representation(instance_type) {
            crate::text::Representation::Flat | crate::text::Representation::External => none,
            _ => (16, size),
        },
        Kind::HeapNumber | Kind::BigInt | Kind::ByteArray | Kind::DoubleArray | Kind::Raw | Kind::Foreign | Kind::FeedbackMetadata => none,
        Kind::FreeSpace | Kind::Filler => none,
        Kind::BytecodeArray => (8, at.bytecode_start.next_multiple_of(8).min(size)),
        Kind::Map => (24, size),
        _ => (8, size.max(8)),
    }
}
