//! The one place where memory is mapped: an input file, read-only. Also says what the allocator is to map.
//!
//! The kernel may take pages of the map back at any time and read them again; `forget` asks it to, so that a file read from one end to the
//! other does not count as memory in use.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

/// Lets the allocator map every large array apart, so that it is given back the moment it is dropped. glibc does so at first, but takes each
/// that is dropped, up to 32 MB, for a sign that such arrays are short-lived, and keeps their like in its pools from then on. For the whole
/// process: to be called when it starts.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc's allocator has no other way to be told")]
pub fn map_large_arrays_apart() {
    /// glibc's own limit, which then does not rise any more, in bytes.
    const LARGE: i32 = 128 << 10;
    // SAFETY: takes numbers only, and changes nothing but where the allocator takes memory from. Failure changes nothing.
    let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Other allocators than glibc's are left as they are.
#[cfg(not(target_env = "gnu"))]
pub fn map_large_arrays_apart() {}

/// A whole file, mapped read-only.
#[derive(Clone, Debug)]
pub struct MappedFile {
    map: Arc<Mmap>,
}

impl MappedFile {
    /// Maps a file that is not empty.
    ///
    /// # Errors
    /// What the system says: the file is empty, a directory, or of a kind that cannot be mapped.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the map is read-only and private to this process. What it cannot rule out is another process that shortens the file
        // while we read: the kernel then ends us with SIGBUS. Nobody else's memory is at risk, and a snapshot is written once.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self { map: Arc::new(map) })
    }

    /// Has the kernel map the pages around `range` at once, which costs less than one fault after the other. Where it cannot, nothing changes.
    pub fn expect(&self, range: Range<usize>) {
        #[cfg(target_os = "linux")]
        if let Some(len) = range.end.min(self.map.len()).checked_sub(range.start).filter(|&len| len > 0) {
            let _ = self.map.advise_range(memmap2::Advice::PopulateRead, range.start, len);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }

    /// Gives the pages that lie within `range` back to the kernel. They are read again from the file when touched.
    #[expect(unsafe_code, reason = "giving pages back is unsafe for memory that is not backed by a file; this is")]
    pub fn forget(&self, range: Range<usize>) {
        const PAGE: usize = 4096;
        let start = range.start.next_multiple_of(PAGE);
        let end = range.end.min(self.map.len()) / PAGE * PAGE;
        if start < end {
            // SAFETY: the map is a read-only map of a file: its pages come back with the same contents. Failure changes nothing.
            let _ = unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
        }
    }

    /// Returns the map itself, to be shared by columns and strings that lie in it.
    #[must_use]
    pub fn map(&self) -> &Arc<Mmap> {
        &self.map
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
