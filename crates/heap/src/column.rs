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

/// The type in which a `WideColumn` keeps the values that fit: its highest value says that one does not.
pub trait Narrow: Pod + Into<u64> + TryFrom<u64> + PartialEq {
    /// The mark of a value that does not fit.
    const WIDE: Self;
}

impl Narrow for u16 {
    const WIDE: Self = Self::MAX;
}

impl Narrow for u32 {
    const WIDE: Self = Self::MAX;
}

/// A column of 64-bit values of which nearly all fit in fewer bits: those take no more, and a sorted list holds the few wide ones.
#[derive(Clone, Debug)]
pub struct WideColumn<N: Narrow = u32> {
    narrow: Column<N>,
    /// (position, value) of every value that does not fit, sorted by position.
    wide: Vec<(u32, u64)>,
}

impl<N: Narrow> Default for WideColumn<N> {
    fn default() -> Self {
        Self { narrow: Column::default(), wide: Vec::new() }
    }
}

impl<N: Narrow> WideColumn<N> {
    /// Joins a narrow column with the wide values that it marks. `wide` is (position, value), in any order.
    #[must_use]
    pub fn new(narrow: Column<N>, mut wide: Vec<(u32, u64)>) -> Self {
        wide.sort_unstable();
        wide.shrink_to_fit();
        Self { narrow, wide }
    }

    /// Returns the value at `at`. O(1); O(log wide) for a wide value.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> u64 {
        self.values().get(at)
    }

    /// Returns the values as plain slices: looking them up once is cheaper than at every step of a loop.
    #[inline]
    pub(crate) fn values(&self) -> WideValues<'_, N> {
        WideValues { narrow: &self.narrow, wide: &self.wide }
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

    /// Returns the narrow half: exact where a value fits, the mark where it does not.
    #[must_use]
    pub fn narrow(&self) -> &Column<N> {
        &self.narrow
    }

    /// Returns the wide values, (position, value), sorted by position.
    #[must_use]
    pub fn wide(&self) -> &[(u32, u64)] {
        &self.wide
    }
}

/// The values of a `WideColumn`, as plain slices.
#[derive(Clone, Copy)]
pub(crate) struct WideValues<'a, N> {
    narrow: &'a [N],
    wide: &'a [(u32, u64)],
}

impl<N: Narrow> WideValues<'_, N> {
    /// Returns the number of values.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.narrow.len()
    }

    /// Returns the value at `at`.
    #[inline]
    pub(crate) fn get(self, at: usize) -> u64 {
        let value = self.narrow[at];
        if value == N::WIDE { wide_value::<N>(self.wide, at) } else { value.into() }
    }
}

#[cold]
fn wide_value<N: Narrow>(wide: &[(u32, u64)], at: usize) -> u64 {
    let found = wide.binary_search_by_key(&(at as u32), |&(position, _)| position);
    found.map_or(N::WIDE.into(), |found| wide[found].1)
}

/// Returns a value in the narrow type, its mark where it does not fit.
#[inline]
pub(crate) fn narrow<N: Narrow>(value: u64) -> N {
    N::try_from(value).unwrap_or(N::WIDE)
}

impl<N: Narrow> FromIterator<u64> for WideColumn<N> {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        let mut widening = Widening::default();
        values.into_iter().for_each(|value| widening.push(value));
        widening.finish()
    }
}

/// The values of a `WideColumn` as they come.
pub(crate) struct Widening<N: Narrow> {
    narrow: Vec<N>,
    wide: Vec<(u32, u64)>,
}

impl<N: Narrow> Default for Widening<N> {
    fn default() -> Self {
        Self { narrow: Vec::new(), wide: Vec::new() }
    }
}

impl<N: Narrow> Widening<N> {
    /// Starts with room for so many, if there is.
    pub(crate) fn with_room(values: usize) -> Self {
        let mut narrow = Vec::new();
        let _ = narrow.try_reserve_exact(values);
        Self { narrow, wide: Vec::new() }
    }

    /// Returns how many values there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.narrow.len()
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn push(&mut self, value: u64) {
        let small = narrow(value);
        if small == N::WIDE {
            self.wide.push((self.narrow.len() as u32, value));
        }
        self.narrow.push(small);
    }

    /// Returns all values.
    pub(crate) fn finish(self) -> WideColumn<N> {
        WideColumn { narrow: self.narrow.into(), wide: self.wide }
    }
}
