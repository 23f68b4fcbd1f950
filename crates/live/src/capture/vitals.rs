//! What the kernel tells of a process's memory at any time and for little: how much is there, of which kind, and what its control groups leave it.
//!
//! A look takes some tens of microseconds: `status`, and three small files of each control group with a limit.

use super::error::CaptureError;
use super::limits::{self, Group};
use super::proc;

/// How much memory a process has, as the kernel counts it, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// All that is in memory: RSS.
    pub resident: u64,
    /// Of that, memory that came from nowhere: heaps and stacks.
    pub anonymous: u64,
    /// Of that, files: programs and libraries.
    pub files: u64,
    /// Of that, memory shared with others.
    pub shared: u64,
    /// What was swapped out besides.
    pub swapped: u64,
    /// The control group that gives up first.
    pub group: Option<Group>,
}

/// Asks the kernel.
///
/// # Errors
/// When the process is gone.
pub fn vitals(pid: i32) -> Result<Vitals, CaptureError> {
    let status = proc::status(pid).map_err(|source| CaptureError::of_reading(pid, "reading how much memory it has", source))?;
    // It has ended, and was not waited for yet. The kernel takes the memory of a process that ends before it says that it has ended.
    if matches!(status.state, 'Z' | 'X') || (status.resident, status.swapped) == (0, 0) {
        return Err(CaptureError::Gone { pid, doing: "reading how much memory it has" });
    }
    let group = limits::left(&pid.to_string());
    let [anonymous, files, shared] = status.kinds;
    Ok(Vitals { resident: status.resident, anonymous, files, shared, swapped: status.swapped, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_all_of_it() {
        let touched = vec![7_u8; 20 << 20];
        let pid = i32::try_from(std::process::id()).unwrap();
        let found = vitals(pid).unwrap();
        assert!(found.anonymous > 20 << 20, "{found:?} {}", touched.len());
        // The kernel counts each kind by itself, a few pages late.
        assert!((found.anonymous + found.files + found.shared).abs_diff(found.resident) < 1 << 20, "{found:?}");
        assert!(vitals(i32::MAX).is_err());
    }

    #[test]
    fn a_process_that_ends_is_gone_before_it_has_no_memory() {
        for _ in 0..50 {
            let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            assert!(vitals(pid).is_ok());
            child.kill().unwrap();
            while let Ok(found) = vitals(pid) {
                assert!(found.resident + found.swapped > 0, "{found:?}");
            }
            child.wait().unwrap();
        }
    }
}
