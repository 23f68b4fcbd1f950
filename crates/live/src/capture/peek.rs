//! The memory of a process that runs, read a few words at a time: it is neither stopped nor changed, and does not notice.
//!
//! What is read together need not have been true together: the process goes on meanwhile.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::error::CaptureError;
use super::proc::{self, Mapping};
use super::started;

/// A process whose memory can be read while it runs.
#[derive(Debug)]
pub struct Peek {
    pid: i32,
    started: u64,
    memory: File,
}

/// A stretch of its address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Read, write, execute.
    pub rights: [bool; 3],
    /// Where in its file it begins, in bytes.
    pub offset: u64,
    /// The file behind it, as the process sees it; empty where there is none.
    pub file: String,
}

impl Stretch {
    fn of(mapping: Mapping) -> Self {
        let Mapping { start, end, rights, offset, has_file, name, .. } = mapping;
        Self { start, end, rights, offset, file: if has_file { name } else { String::new() } }
    }
}

impl Peek {
    /// Opens the memory of a process for reading.
    ///
    /// # Errors
    /// When there is none of that number, or we may not look into it.
    pub fn open(pid: i32) -> Result<Self, CaptureError> {
        let started = started(pid).ok_or(CaptureError::NoProcess { pid })?;
        let memory = File::open(proc::path(pid, "mem")).map_err(|source| CaptureError::of_reading(pid, "opening its memory", source))?;
        Ok(Self { pid, started, memory })
    }

    /// Lists what it has mapped now, rising.
    ///
    /// # Errors
    /// When it is gone.
    pub fn stretches(&self) -> Result<Vec<Stretch>, CaptureError> {
        let failed = |source| CaptureError::of_reading(self.pid, "reading its mappings", source);
        Ok(proc::mappings(self.pid).map_err(failed)?.into_iter().map(Stretch::of).collect())
    }

    /// Fills `into` from an address.
    ///
    /// # Errors
    /// When nothing is mapped there, or the process is gone.
    pub fn read(&self, addr: u64, into: &mut [u8]) -> io::Result<()> {
        self.memory.read_exact_at(into, addr)
    }

    /// Says whether the process is still there, has not ended, and is the same.
    #[must_use]
    pub fn is_there(&self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_read() {
        let words = [0x1234_5678_9abc_def0_u64, 7];
        let peek = Peek::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        let here = std::ptr::from_ref(&words).addr() as u64;
        let mut into = [0; 16];
        peek.read(here, &mut into).unwrap();
        assert_eq!(into[..8], words[0].to_le_bytes());
        assert!(peek.read(8, &mut into).is_err() && peek.is_there());
        let stretches = peek.stretches().unwrap();
        assert!(stretches.iter().any(|stretch| (stretch.start..stretch.end).contains(&here) && stretch.rights == [true, true, false]));
        assert!(stretches.iter().any(|stretch| !stretch.file.is_empty() && stretch.rights[2]));
        let own = std::env::current_exe().unwrap();
        assert!(stretches.iter().any(|stretch| stretch.offset == 0 && std::path::Path::new(&stretch.file) == own));
    }

    #[test]
    fn who_has_ended_is_not_there() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let peek = Peek::open(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(peek.is_there());
        child.kill().unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while peek.is_there() && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        // It was not waited for yet: the number is still taken.
        assert!(!peek.is_there());
        child.wait().unwrap();
        assert!(Peek::open(i32::MAX).is_err());
    }
}
