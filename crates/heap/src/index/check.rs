//! Checking sections: checksums, and that what is used as a position is one. In blocks, so that two threads share even one section.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use xxhash_rust::xxh3::xxh3_64;

use super::layout::{BLOCK, Entry, Tag, join_sums};
use crate::mapped::MappedFile;

/// What must hold of a block besides its checksum; gets the block's first byte, and the byte behind its last, within the section.
pub(super) type Rule<'a> = Box<dyn Fn(usize, usize) -> bool + Sync + 'a>;

/// A section to be checked.
pub(super) struct Checked<'a> {
    pub(super) tag: Tag,
    pub(super) entry: Entry,
    pub(super) bytes: &'a [u8],
    pub(super) rule: Option<Rule<'a>>,
}

/// How many bytes are worth a second thread.
const WORTH_A_THREAD: usize = 4 * BLOCK;

/// So many blocks behind the newest stay in memory where others are given back: a rule may look at the same block of another section.
const KEPT: usize = 16;

/// Checks sections. Says what is wrong with the first that is damaged. What is read of `file`, where that is given, is given back to the system
/// behind the check: not all of a graph is looked at afterwards.
pub(super) fn check(sections: &[Checked<'_>], file: Option<&MappedFile>) -> Result<(), String> {
    let blocks = |section: &Checked<'_>| section.bytes.len().div_ceil(BLOCK);
    let sums: Vec<Vec<AtomicU64>> = sections.iter().map(|section| (0..blocks(section)).map(|_| AtomicU64::new(0)).collect()).collect();
    let broken: Vec<AtomicBool> = sections.iter().map(|_| AtomicBool::new(false)).collect();
    let mut jobs: Vec<(usize, usize)> =
        sections.iter().enumerate().flat_map(|(at, section)| (0..blocks(section)).map(move |block| (at, block))).collect();
    // Blocks that a rule looks at together come together.
    jobs.sort_by_key(|&(_, block)| block);
    let in_file = |&(at, block): &(usize, usize)| {
        let (first, last) = (sections[at].entry.at as usize, sections[at].bytes.len());
        first + block * BLOCK..first + last.min((block + 1) * BLOCK)
    };
    let expect = |job: &(usize, usize)| file.into_iter().for_each(|file| file.expect(in_file(job)));
    let give_back = |job: &(usize, usize)| file.into_iter().for_each(|file| file.forget(in_file(job)));
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(job @ &(at, block)) = jobs.get(nth) else { break };
            nth.checked_sub(KEPT).and_then(|nth| jobs.get(nth)).into_iter().for_each(give_back);
            expect(job);
            let section = &sections[at];
            let (start, end) = (block * BLOCK, section.bytes.len().min((block + 1) * BLOCK));
            sums[at][block].store(xxh3_64(&section.bytes[start..end]), Ordering::Relaxed);
            if section.rule.as_ref().is_some_and(|rule| !rule(start, end)) {
                broken[at].store(true, Ordering::Relaxed);
            }
        }
    };
    if sections.iter().map(|section| section.bytes.len()).sum::<usize>() < WORTH_A_THREAD {
        work();
    } else {
        std::thread::scope(|scope| {
            scope.spawn(work);
            work();
        });
    }
    jobs.iter().rev().take(KEPT).for_each(give_back);
    for (at, section) in sections.iter().enumerate() {
        let sums: Vec<u64> = sums[at].iter().map(|sum| sum.load(Ordering::Relaxed)).collect();
        if join_sums(&sums) != section.entry.sum {
            return Err(format!("the checksum of its section {:?} does not agree", section.tag.name()));
        }
        if broken[at].load(Ordering::Relaxed) {
            return Err(format!("its section {:?} holds a position that does not exist", section.tag.name()));
        }
    }
    Ok(())
}

/// The part of a column of 32-bit values that a block holds.
fn part(values: &[u32], start: usize, end: usize) -> &[u32] {
    values.get(start / 4..end / 4).unwrap_or_default()
}

/// Every value must be below `limit`, which is at most 2^31.
pub(super) fn below<'a>(values: &'a [u32], limit: u32) -> Rule<'a> {
    masked_below(values, u32::MAX, limit)
}

/// The bits of every value under `mask` must be below `limit`, which is at most 2^31.
pub(super) fn masked_below<'a>(values: &'a [u32], mask: u32, limit: u32) -> Rule<'a> {
    // The sign of (limit - 1 - value), or of value, tells; without a branch the compiler takes several values at once.
    let last = limit.min(1 << 31).wrapping_sub(1);
    Box::new(move |start, end| {
        let beyond = part(values, start, end).iter().fold(0, |beyond, &value| {
            let value = value & mask;
            beyond | value | last.wrapping_sub(value)
        });
        // With a limit of 0, `last` is -1, which no value is below.
        start == end || (limit > 0 && beyond >> 31 == 0)
    })
}

/// Values must rise from 0 to `last`, none below the one before it: `count` of them, for each of which the section has so many `bytes`.
pub(super) fn rising<'a>((count, bytes): (usize, usize), value: impl Fn(usize) -> u32 + Sync + 'a, last: u32) -> Rule<'a> {
    Box::new(move |start, end| {
        let part = start / bytes..count.min(end / bytes + 1);
        let begins = start > 0 || (!part.is_empty() && value(0) == 0);
        let ends = end / bytes < count || count.checked_sub(1).is_some_and(|at| value(at) == last);
        begins && ends && part.map(&value).is_sorted()
    })
}

/// Names of edges: below `strings` where the edge's word says that it has a text for a name.
pub(super) fn names<'a>(values: &'a [u32], words: &'a [u32], strings: u32) -> Rule<'a> {
    use crate::graph::TARGET_BITS;
    use crate::kinds::EdgeKind;
    let (element, hidden) = (u32::from(EdgeKind::ELEMENT.number()), u32::from(EdgeKind::HIDDEN.number()));
    Box::new(move |start, end| {
        let pairs = part(values, start, end).iter().zip(part(words, start, end));
        pairs.fold(true, |sound, (&name, &word)| {
            let kind = word >> TARGET_BITS;
            sound & ((name < strings) | (kind == element) | (kind == hidden))
        })
    })
}

/// Immediate dominators must come before what they dominate: no node is its own ancestor.
pub(super) fn before<'a>(parents: &'a [u32], places: &'a [u32], root: u32) -> Rule<'a> {
    Box::new(move |start, end| {
        let first = start / 4;
        let is_tree = |(at, &parent): (usize, &u32)| match (places.get(parent as usize), places.get(first + at)) {
            (Some(above), Some(below)) => above < below || (parent == root && (first + at) as u32 == root),
            _ => false,
        };
        part(parents, start, end).iter().enumerate().fold(true, |sound, pair| sound & is_tree(pair))
    })
}

/// Subtrees must have at least one node and end within the tree.
pub(super) fn lengths<'a>(values: &'a [u32]) -> Rule<'a> {
    let count = values.len() as u64;
    Box::new(move |start, end| {
        let first = (start / 4) as u64;
        let fits = |(at, &length): (u64, &u32)| length >= 1 && first + at + u64::from(length) <= count;
        (0..).zip(part(values, start, end)).fold(true, |sound, pair| sound & fits(pair))
    })
}
