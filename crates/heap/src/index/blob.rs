//! Small things as bytes: numbers of fixed width and text with its length in front. Reading never runs past the end, and never allocates
//! from a count that the bytes left could not hold.

use crate::allocations::{Allocations, Function, Sample, Stack};
use crate::graph::NodeIx;
use crate::problems::{ProblemKind, Problems};
use crate::source::{Locations, Spot};

/// Bytes being put together.
#[derive(Default)]
pub(super) struct BlobWriter(pub(super) Vec<u8>);

impl BlobWriter {
    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    /// Adds a number that may be missing.
    pub(super) fn option(&mut self, value: Option<u64>) {
        self.u32(u32::from(value.is_some()));
        self.u64(value.unwrap_or(0));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.0.extend(text.bytes());
    }

    /// Adds a list of numbers: its length, and each.
    pub(super) fn words(&mut self, words: &[u32]) {
        self.u64(words.len() as u64);
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// Adds a list: its length, and each member as `each` writes it.
    pub(super) fn list<T>(&mut self, members: impl ExactSizeIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.u64(members.len() as u64);
        for member in members {
            each(self, member);
        }
    }
}

/// Bytes being taken apart.
pub(super) struct BlobReader<'a>(pub(super) &'a [u8]);

impl<'a> BlobReader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(length)?;
        self.0 = left;
        Some(taken)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(super) fn option(&mut self) -> Option<Option<u64>> {
        let is_some = self.u32()? != 0;
        let value = self.u64()?;
        Some(is_some.then_some(value))
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u64()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    /// Reads a list of numbers.
    pub(super) fn words(&mut self) -> Option<Vec<u32>> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (words, _) = self.take(length.checked_mul(4)?)?.as_chunks();
        Some(words.iter().map(|&word| u32::from_le_bytes(word)).collect())
    }

    /// Reads a list. Every member takes at least four bytes, so a count that lies is found out before memory is taken for it.
    pub(super) fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = usize::try_from(self.u64()?).ok().filter(|&length| length <= self.0.len() / 4)?;
        let mut members = Vec::with_capacity(length.min(1 << 16));
        for _ in 0..length {
            members.push(each(self)?);
        }
        Some(members)
    }
}

/// The wide values of a column.
pub(super) fn write_wide(wide: &[(u32, u64)]) -> Vec<u8> {
    let mut blob = BlobWriter::default();
    blob.list(wide.iter(), |blob, &(at, value)| {
        blob.u32(at);
        blob.u64(value);
    });
    blob.0
}

pub(super) fn read_wide(bytes: &[u8]) -> Option<Vec<(u32, u64)>> {
    BlobReader(bytes).list(|blob| Some((blob.u32()?, blob.u64()?)))
}

pub(super) fn write_locations(blob: &mut BlobWriter, locations: &Locations) {
    let (nodes, place_of) = locations.columns();
    blob.words(nodes);
    blob.words(place_of);
    blob.list(locations.places().iter(), |blob, place| {
        blob.u32(place.script_id);
        blob.u32(place.line);
        blob.u32(place.column);
        blob.option(place.script.map(|script| u64::from(script.0)));
    });
}

/// Reads locations of and in nodes that exist.
pub(super) fn read_locations(blob: &mut BlobReader<'_>, nodes: u32) -> Option<Locations> {
    let (located, place_of) = (blob.words()?, blob.words()?);
    let places = blob.list(|blob| {
        let (script_id, line, column) = (blob.u32()?, blob.u32()?, blob.u32()?);
        let script = blob.option()?.map(|script| script.min(u64::from(u32::MAX)) as u32);
        let exists = script.is_none_or(|script| script < nodes);
        exists.then_some(Spot { script_id, line, column, script: script.map(NodeIx) })
    })?;
    located.last().is_none_or(|&last| last < nodes).then(|| Locations::of_columns(located, place_of, places))?
}

pub(super) fn write_allocations(blob: &mut BlobWriter, allocations: &Allocations) {
    blob.list(allocations.functions.iter(), |blob, function| {
        blob.u64(function.id);
        blob.text(&function.name);
        blob.text(&function.script);
        blob.u32(function.script_id);
        blob.option(function.line.map(u64::from));
        blob.option(function.column.map(u64::from));
    });
    blob.list(allocations.stacks.iter(), |blob, stack| {
        blob.u32(stack.id);
        blob.u32(stack.function);
        blob.u64(stack.count);
        blob.u64(stack.size);
        blob.option(stack.parent.map(u64::from));
    });
    blob.list(allocations.samples.iter(), |blob, sample| {
        blob.u64(sample.timestamp_us);
        blob.u64(sample.last_assigned_id);
    });
}

/// Reads all but the column of stacks. A stack's parent comes before it.
pub(super) fn read_allocations(blob: &mut BlobReader<'_>) -> Option<Allocations> {
    let position = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
    let functions = blob.list(|blob| {
        let (id, name, script, script_id) = (blob.u64()?, blob.text()?, blob.text()?, blob.u32()?);
        Some(Function { id, name, script, script_id, line: position(blob.option()?), column: position(blob.option()?) })
    })?;
    let mut next = 0;
    let stacks = blob.list(|blob| {
        let (id, function, count, size) = (blob.u32()?, blob.u32()?, blob.u64()?, blob.u64()?);
        let parent = position(blob.option()?).filter(|&parent| parent < next);
        next += 1;
        Some(Stack { id, function, count, size, parent })
    })?;
    let samples = blob.list(|blob| Some(Sample { timestamp_us: blob.u64()?, last_assigned_id: blob.u64()? }))?;
    Some(Allocations { functions, stacks, samples, ..Allocations::default() })
}

pub(super) fn write_problems(blob: &mut BlobWriter, problems: &Problems) {
    // Their order is the format's: `VERSION` changes with it.
    let number = |kind: ProblemKind| kind as u32;
    blob.list(problems.counts().iter(), |blob, &(kind, count)| {
        blob.u32(number(kind));
        blob.u64(count);
    });
    blob.list(problems.kept().iter(), |blob, problem| {
        blob.u32(number(problem.kind));
        blob.option(problem.offset);
        blob.text(&problem.what);
    });
}

pub(super) fn read_problems(blob: &mut BlobReader<'_>) -> Option<Problems> {
    let kind = |blob: &mut BlobReader<'_>| ProblemKind::ALL.get(blob.u32()? as usize).copied();
    let mut counts = blob.list(|blob| Some((kind(blob)?, blob.u64()?)))?;
    let kept = blob.list(|blob| Some((kind(blob)?, blob.option()?, blob.text()?)))?;
    let mut problems = Problems::default();
    for (at, (kind, offset, what)) in kept.iter().enumerate() {
        // The first of a kind stands for all that were only counted.
        let is_first = kept.iter().position(|(other, ..)| other == kind) == Some(at);
        let further = kept.iter().skip(at + 1).filter(|(other, ..)| other == kind).count() as u64;
        let total = counts.iter_mut().find(|(known, _)| known == kind).map_or(1, |(_, total)| *total);
        problems.add_many(*kind, if is_first { total.saturating_sub(further).max(1) } else { 1 }, *offset, what.clone());
    }
    Some(problems)
}
