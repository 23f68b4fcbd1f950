//! A column: one value per node or edge, owned or mapped from an index file.
//!
//! Everything that is kept per node or edge is a `Column` of a plain number type, so that a graph read from a snapshot and one mapped
//! from a `.hwy` index are the same thing to every analysis. This file knows nothing about what the numbers mean.

use std::ops::Deref;
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

use crate::buffer::Buffer;

/// A read-only slice of numbers that somebody owns: a `Vec`, or a range of a mapped file.
#[derive(Clone)]
pub struct Column<T: Pod>(Backing<T>);

#[derive(Clone)]
enum Backing<T> {
    Owned(Arc<Buffer<T>>),
    Mapped { map: Arc<Mmap>, at: usize, bytes: usize },
}

impl<T: Pod> Column<T> {
    /// Returns the column that lies at byte `at` of `map` and has `len` values, or `None` where it does not lie within the map or
    /// is not aligned for `T`.
    pub fn mapped(map: &Arc<Mmap>, at: usize, len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<T>())?;
        let slice = map.get(at..at.checked_add(bytes)?)?;
        bytemuck::try_cast_slice::<u8, T>(slice).ok()?;
        Some(Self(Backing::Mapped { map: Arc::clone(map), at, bytes }))
    }
}

impl<T: Pod> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Self {
        Buffer::from(values).into()
    }
}

impl<T: Pod> From<Buffer<T>> for Column<T> {
    fn from(values: Buffer<T>) -> Self {
        Self(Backing::Owned(Arc::new(values)))
    }
}

impl<T: Pod> Default for Column<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.0 {
            Backing::Owned(values) => values,
            // `mapped` has checked both the range and the alignment, and a map never changes its place.
            Backing::Mapped { map, at, bytes } => bytemuck::cast_slice(&map[*at..*at + *bytes]),
        }
    }
}

impl<T: Pod + std::fmt::Debug> std::fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().take(16)).finish()
    }
}

/// A column of 64-bit values of which nearly all fit in 32 bits: 4 bytes a value, and a sorted list of the few wide ones.
#[derive(Clone, Debug, Default)]
pub struct WideColumn {
    narrow: Column<u32>,
    /// (position, value) of every value that is `WIDE` or above, sorted by position.
    wide: Vec<(u32, u64)>,
}

/// The narrow value that says "look in the wide list".
const WIDE: u32 = u32::MAX;

impl WideColumn {
    /// Joins a narrow column with the wide values that it marks by `u32::MAX`. `wide` is (position, value), in any order.
    #[must_use]
    pub fn new(narrow: Column<u32>, mut wide: Vec<(u32, u64)>) -> Self {
        wide.sort_unstable();
        Self { narrow, wide }
    }

    /// Returns the value at `at`. O(1); O(log wide) for a wide value.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> u64 {
        let value = self.narrow[at];
        if value == WIDE { self.get_wide(at) } else { u64::from(value) }
    }

    #[cold]
    fn get_wide(&self, at: usize) -> u64 {
        let at = at as u32;
        self.wide.binary_search_by_key(&at, |&(position, _)| position).map_or(u64::from(WIDE), |found| self.wide[found].1)
    }

    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.narrow.len()
    }

    /// Says whether the column has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.narrow.is_empty()
    }

    /// Returns the narrow half: exact where a value is below `u32::MAX`, that mark where it is not.
    #[must_use]
    pub fn narrow(&self) -> &Column<u32> {
        &self.narrow
    }

    /// Returns the wide values, (position, value), sorted by position.
    #[must_use]
    pub fn wide(&self) -> &[(u32, u64)] {
        &self.wide
    }
}

impl FromIterator<u64> for WideColumn {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        let mut wide = Vec::new();
        let narrow: Vec<u32> = values
            .into_iter()
            .enumerate()
            .map(|(at, value)| match u32::try_from(value) {
                Ok(narrow) if narrow != WIDE => narrow,
                _ => {
                    wide.push((at as u32, value));
                    WIDE
                }
            })
            .collect();
        Self { narrow: narrow.into(), wide }
    }
}
