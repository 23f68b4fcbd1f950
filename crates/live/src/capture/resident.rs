//! Which memory of a process is there, page by page, as the kernel tells it. Only reading: nothing is stopped.

use std::io;
use std::ops::Range;

use super::error::CaptureError;
use super::pagemap::{PageMap, is_present};
use super::proc;

/// What of a process is in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Stretches that are there, by address: none reaches from one mapping into the next.
    pub stretches: Vec<Range<u64>>,
    /// What the kernel counts of all mappings together, in bytes: RSS.
    pub bytes: u64,
    /// What was swapped out, in bytes.
    pub swapped: u64,
}

/// Asks the kernel. O(mappings + pages of those that are there).
///
/// # Errors
/// Where the process is gone, or may not be looked at.
pub fn resident(pid: i32) -> Result<Resident, CaptureError> {
    read(pid).map_err(|source| CaptureError::of_reading(pid, "reading which memory it has", source))
}

fn read(pid: i32) -> io::Result<Resident> {
    let pages = PageMap::open(pid)?;
    let mut resident = Resident::default();
    for one in proc::mappings_described(pid)? {
        resident.bytes += one.resident;
        resident.swapped += one.swapped;
        if one.resident > 0 {
            resident.stretches.extend(pages.stretches(&(one.mapping.start..one.mapping.end), is_present)?);
        }
    }
    Ok(resident)
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
        assert!(found.stretches.windows(2).all(|pair| pair[0].end <= pair[1].start));
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
