//! Memory for columns: large arrays of zeros on huge pages, given back to the system the moment they are dropped.
//!
//! A graph of ten million nodes takes arrays of 40 MB, and the analyses take a dozen more that live for a moment. From the general allocator
//! they come in pages of 4 KB, each of which costs a fault, and may stay in its pools when freed.

use std::ops::{Deref, DerefMut};

use bytemuck::Pod;
use memmap2::{Advice, MmapMut};

/// From this size on an array gets a mapping of its own.
const OWN_MAPPING: usize = 1 << 20;

/// An array of fixed length.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    memory: Memory<T>,
    len: usize,
}

#[derive(Debug)]
enum Memory<T> {
    Vec(Vec<T>),
    Mapping(MmapMut),
}

impl<T: Pod> Buffer<T> {
    /// Returns `len` zeros. Memory is taken up as it is written.
    pub(crate) fn zeroed(len: usize) -> Self {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes >= OWN_MAPPING
            && let Ok(mapping) = MmapMut::map_anon(bytes)
        {
            // Only advice: without huge pages all works the same, more slowly.
            let _ = mapping.advise(Advice::HugePage);
            return Self { memory: Memory::Mapping(mapping), len };
        }
        Self { memory: Memory::Vec(vec![T::zeroed(); len]), len }
    }

    /// Returns `len` times `value`.
    pub(crate) fn filled(len: usize, value: T) -> Self {
        let mut buffer = Self::zeroed(len);
        buffer.fill(value);
        buffer
    }

    /// Returns the values that `value` gives for 0 to `len`.
    pub(crate) fn from_fn(len: usize, value: impl FnMut(usize) -> T) -> Self {
        let mut buffer = Self::zeroed(len);
        let mut value = value;
        for (at, slot) in buffer.iter_mut().enumerate() {
            *slot = value(at);
        }
        buffer
    }

    /// Keeps the first `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl<T: Pod> Default for Buffer<T> {
    fn default() -> Self {
        Self { memory: Memory::Vec(Vec::new()), len: 0 }
    }
}

impl<T: Pod> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Pod> From<Vec<T>> for Buffer<T> {
    fn from(values: Vec<T>) -> Self {
        Self { len: values.len(), memory: Memory::Vec(values) }
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.memory {
            Memory::Vec(values) => &values[..self.len],
            // A mapping starts on a page, so it is aligned, and `zeroed` made it long enough.
            Memory::Mapping(mapping) => bytemuck::cast_slice(&mapping[..self.len * size_of::<T>()]),
        }
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.memory {
            Memory::Vec(values) => &mut values[..self.len],
            Memory::Mapping(mapping) => bytemuck::cast_slice_mut(&mut mapping[..self.len * size_of::<T>()]),
        }
    }
}

/// How many values a piece of a `Growing` has: at four bytes each, enough for a mapping of its own.
const PIECE: usize = OWN_MAPPING / 4;

/// An array that grows without moving, and without leaving holes in the general allocator's pools.
#[derive(Debug)]
pub(crate) struct Growing<T> {
    pieces: Vec<Buffer<T>>,
    len: usize,
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }
}

impl<T: Pod> Growing<T> {
    /// Adds a value.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if self.len == self.pieces.len() * PIECE {
            self.pieces.push(Buffer::zeroed(PIECE));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece[self.len % PIECE] = value;
            self.len += 1;
        }
    }

    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns all values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.pieces.iter().flat_map(|piece| piece.iter().copied()).take(self.len)
    }

    /// Returns all values in one array, giving back each piece as it is copied.
    pub(crate) fn into_buffer(self) -> Buffer<T> {
        let mut whole = Buffer::zeroed(self.len);
        for (piece, slots) in self.pieces.into_iter().zip(whole.chunks_mut(PIECE)) {
            slots.copy_from_slice(&piece[..slots.len()]);
        }
        whole
    }
}
