//! Which memory of a process is there, page by page, as the kernel tells it. Only reading: nothing is stopped.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::error::CaptureError;
use super::proc;

/// What of a process is in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Stretches that are there, by address.
    pub stretches: Vec<Range<u64>>,
    /// What the kernel counts of all mappings together, in bytes: RSS.
    pub bytes: u64,
    /// What was swapped out, in bytes.
    pub swapped: u64,
}

const PAGE: u64 = 4096;
/// How many pages are asked about at once.
const PAGES: u64 = 1 << 16;
/// In the map of pages: it is there.
const PRESENT: u64 = 1 << 63;

/// Asks the kernel. O(mappings + pages of those that are there).
///
/// # Errors
/// Where the process is gone, or may not be looked at.
pub fn resident(pid: i32) -> Result<Resident, CaptureError> {
    read(pid).map_err(|source| CaptureError::of_reading(pid, "reading which memory it has", source))
}

fn read(pid: i32) -> io::Result<Resident> {
    let pagemap = File::open(proc::path(pid, "pagemap"))?;
    let mut resident = Resident::default();
    for (mapping, [bytes, swapped]) in proc::mappings_with_sizes(pid)? {
        resident.bytes += bytes;
        resident.swapped += swapped;
        if bytes > 0 {
            present(&pagemap, mapping.start..mapping.end, &mut resident.stretches)?;
        }
    }
    Ok(resident)
}

/// Adds the stretches of a mapping that are there. A mapping that is gone meanwhile has none.
fn present(pagemap: &File, mapping: Range<u64>, into: &mut Vec<Range<u64>>) -> io::Result<()> {
    let mut bytes = vec![0; 8 * PAGES.min((mapping.end - mapping.start) / PAGE) as usize];
    for first in mapping.clone().step_by((PAGES * PAGE) as usize) {
        let count = ((mapping.end - first) / PAGE).min(PAGES) as usize;
        let entries = bytes.get_mut(..8 * count).unwrap_or_default();
        pagemap.read_exact_at(entries, first / PAGE * 8)?;
        for (at, entry) in (first..).step_by(PAGE as usize).zip(entries.as_chunks::<8>().0) {
            if u64::from_le_bytes(*entry) & PRESENT == 0 {
                continue;
            }
            match into.last_mut() {
                Some(last) if last.end == at => last.end += PAGE,
                _ => into.push(at..at + PAGE),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_what_the_kernel_counts() {
        // One that stands still: tests beside this one take and give back memory.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let found = resident(i32::try_from(child.id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        let found = found.unwrap();
        let sum: u64 = found.stretches.iter().map(|stretch| stretch.end - stretch.start).sum();
        assert!(found.stretches.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert!(found.bytes > 100 << 10 && sum.abs_diff(found.bytes) < found.bytes / 20, "{sum} of {}", found.bytes);
        assert!(resident(i32::MAX).is_err());
    }

    #[test]
    fn memory_that_was_touched_is_there() {
        let touched = vec![7_u8; 10 << 20];
        let found = resident(i32::try_from(std::process::id()).unwrap()).unwrap();
        let inside = std::ptr::from_ref(&touched[5 << 20]).addr() as u64;
        assert!(found.bytes > 10 << 20 && found.stretches.iter().any(|stretch| stretch.contains(&inside)));
    }
}
