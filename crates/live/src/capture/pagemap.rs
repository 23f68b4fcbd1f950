//! The kernel's map of a process's pages: an entry of eight bytes for each, which says whether it is there, and whose.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::proc;

const PAGE: u64 = 4096;
/// How many pages are asked about at once.
const AT_ONCE: u64 = 1 << 16;

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_A_FILE: u64 = 1 << 61;
/// Of a guard region (MADV_GUARD_INSTALL), from Linux 6.15 on: it has the bit of what is swapped out too, and nothing in it.
const GUARDS: u64 = 1 << 58;

/// The map of a process.
pub(super) struct PageMap(File);

impl PageMap {
    /// Opens it.
    pub(super) fn open(pid: i32) -> io::Result<Self> {
        File::open(proc::path(pid, "pagemap")).map(Self)
    }

    /// Returns the stretches of a range, which begins and ends with a page, whose pages are wanted by their entries. O(pages).
    pub(super) fn stretches(&self, range: &Range<u64>, is_wanted: impl Fn(u64) -> bool) -> io::Result<Vec<Range<u64>>> {
        let mut stretches: Vec<Range<u64>> = Vec::new();
        let mut bytes = vec![0; 8 * AT_ONCE.min((range.end - range.start) / PAGE) as usize];
        for first in range.clone().step_by((AT_ONCE * PAGE) as usize) {
            let count = ((range.end - first) / PAGE).min(AT_ONCE) as usize;
            let entries = bytes.get_mut(..8 * count).unwrap_or_default();
            self.0.read_exact_at(entries, first / PAGE * 8)?;
            for (at, entry) in (first..).step_by(PAGE as usize).zip(entries.as_chunks::<8>().0) {
                if !is_wanted(u64::from_le_bytes(*entry)) {
                    continue;
                }
                match stretches.last_mut() {
                    Some(last) if last.end == at => last.end += PAGE,
                    _ => stretches.push(at..at + PAGE),
                }
            }
        }
        Ok(stretches)
    }
}

/// Says of an entry whether the page is in memory.
pub(super) fn is_present(entry: u64) -> bool {
    entry & PRESENT != 0
}

/// Says of an entry whether there is a page, in memory or swapped out, and it is the process's own.
pub(super) fn is_own(entry: u64) -> bool {
    entry & (PRESENT | SWAPPED) != 0 && entry & (OF_A_FILE | GUARDS) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_files_and_guards_are_not_its_own() {
        let cases = [(&[][..], false), (&[63], true), (&[62], true), (&[63, 61], false), (&[62, 58], false), (&[63, 56, 55], true)];
        for (bits, expect) in cases {
            assert_eq!(is_own(bits.iter().fold(0, |entry, bit| entry | 1 << bit)), expect, "{bits:?}");
        }
    }
}
