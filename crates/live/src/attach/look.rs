//! Looking into the memory of a process that goes on: what is read may be half of one moment and half of the next.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::capture::{CaptureError, proc};

/// The memory of a process, and where its programs and libraries lie.
#[derive(Debug)]
pub struct Look {
    memory: File,
    /// Each by its path as the process sees it, and the address of its first byte.
    pub images: Vec<(PathBuf, u64)>,
}

impl Look {
    /// Opens it.
    ///
    /// # Errors
    /// Where there is none of that number, or we may not look.
    pub fn into(pid: i32) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::of_reading(pid, "opening its memory", source);
        let memory = File::open(proc::path(pid, "mem")).map_err(failed)?;
        let mappings = proc::mappings(pid).map_err(failed)?;
        let first = mappings.into_iter().filter(|mapping| mapping.has_file && mapping.offset == 0);
        let images = first.map(|mapping| (PathBuf::from(mapping.name), mapping.start)).collect();
        Ok(Self { memory, images })
    }

    /// Fills `bytes` from an address on.
    ///
    /// # Errors
    /// Where not all of it is there.
    pub fn read(&self, addr: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.memory.read_exact_at(bytes, addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_is_read() {
        let text = String::from("what stands here");
        let look = Look::into(i32::try_from(std::process::id()).unwrap()).unwrap();
        let mut bytes = vec![0; text.len()];
        look.read(text.as_ptr().addr() as u64, &mut bytes).unwrap();
        assert_eq!(bytes, text.as_bytes());
        assert!(look.read(8, &mut bytes).is_err());
        let own = std::env::current_exe().unwrap();
        assert!(look.images.iter().any(|(path, _)| *path == own));
    }
}
