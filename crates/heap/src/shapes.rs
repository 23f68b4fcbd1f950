//! Plain objects by the names of their properties: what interface inference works on.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use crate::bitset::{Bitset, RankedBits};
use crate::buffer::{Buffer, Growing};
use crate::column::Column;

/// The distinct sequences of property names among plain objects, and which object has which.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    /// All sequences, one after the other: string positions, in edge order, without `__proto__`.
    pub(crate) names: Column<u32>,
    /// Where each sequence starts in `names`, and one more for the end.
    pub(crate) starts: Column<u32>,
    /// The plain objects.
    pub(crate) objects: RankedBits,
    /// The shape of each plain object, by rank.
    pub(crate) shape_of: Column<u32>,
}

impl Shapes {
    /// Joins what several collectors saw of a graph of so many nodes.
    pub(crate) fn join(parts: Vec<ShapeCollector>, nodes: usize) -> Self {
        let mut interner = Interner::default();
        let mut objects = Bitset::new(nodes);
        for at in parts.iter().flat_map(|part| part.objects.iter()) {
            objects.set(at);
        }
        let objects = RankedBits::of(objects);
        let mut shape_of = Buffer::zeroed(objects.count());
        for part in parts {
            let remap: Vec<u32> = (0..part.interner.len()).map(|shape| interner.intern(part.interner.get(shape))).collect();
            for (object, shape) in part.objects.iter().zip(part.shape_of.iter()) {
                shape_of[objects.rank(object)] = remap[shape as usize];
            }
        }
        let starts: Vec<u32> = (0..interner.len()).map(|shape| interner.starts[shape]).chain([interner.names.len() as u32]).collect();
        Self { names: interner.names.into(), starts: starts.into(), objects, shape_of: shape_of.into() }
    }

    /// Returns the number of distinct sequences.
    pub(crate) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Returns the property names of a shape.
    pub(crate) fn properties(&self, shape: u32) -> &[u32] {
        &self.names[self.starts[shape as usize] as usize..self.starts[shape as usize + 1] as usize]
    }

    /// Returns the property names of all shapes, each once, rising. `strings` is the number of strings.
    pub(crate) fn distinct_names(&self, strings: usize) -> impl Iterator<Item = u32> + use<> {
        let mut seen = Bitset::new(strings);
        for &name in self.names.iter() {
            seen.set(name);
        }
        (0..strings as u32).filter(move |&name| seen.get(name))
    }

    /// Returns every plain object with its shape, in node order.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.objects.iter().zip(self.shape_of.iter().copied())
    }
}

/// Gathers the shapes of plain objects, one property at a time.
#[derive(Default)]
pub(crate) struct ShapeCollector {
    /// The string position of `__proto__`, which is no part of a shape.
    pub(crate) proto: Option<u32>,
    interner: Interner,
    objects: Growing<u32>,
    shape_of: Growing<u32>,
    node: u32,
    properties: Vec<u32>,
}

impl ShapeCollector {
    #[inline]
    pub(crate) fn start(&mut self, node: u32) {
        self.node = node;
        self.properties.clear();
    }

    #[inline]
    pub(crate) fn property(&mut self, name: u32) {
        if Some(name) != self.proto {
            self.properties.push(name);
        }
    }

    #[inline]
    pub(crate) fn end(&mut self) {
        let shape = self.interner.intern(&self.properties);
        self.objects.push(self.node);
        self.shape_of.push(shape);
    }
}

/// Numbers sequences in the order first met.
#[derive(Default)]
struct Interner {
    names: Vec<u32>,
    starts: Vec<u32>,
    /// From a sequence's hash to the last shape with it; `same_hash` leads to earlier ones.
    by_hash: FxHashMap<u64, u32>,
    same_hash: Vec<Option<u32>>,
}

impl Interner {
    fn len(&self) -> usize {
        self.starts.len()
    }

    fn get(&self, shape: usize) -> &[u32] {
        let end = self.starts.get(shape + 1).map_or(self.names.len(), |&end| end as usize);
        &self.names[self.starts[shape] as usize..end]
    }

    fn intern(&mut self, properties: &[u32]) -> u32 {
        let mut hasher = FxHasher::default();
        properties.hash(&mut hasher);
        let hash = hasher.finish();
        let last = self.by_hash.get(&hash).copied();
        let mut candidate = last;
        while let Some(shape) = candidate {
            if self.get(shape as usize) == properties {
                return shape;
            }
            candidate = self.same_hash[shape as usize];
        }
        let shape = self.starts.len() as u32;
        self.starts.push(self.names.len() as u32);
        self.names.extend_from_slice(properties);
        self.same_hash.push(last);
        self.by_hash.insert(hash, shape);
        shape
    }
}
