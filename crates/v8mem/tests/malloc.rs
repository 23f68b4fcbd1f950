//! The heap of C, read in this very process: what malloc handed out is in use, what was given back is free, in every arena.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use std::fs::File;
use std::hint::black_box;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::channel;

use v8mem::native::malloc::{Malloc, State};
use v8mem::{Memory, MemoryRange};

/// The memory of this process.
struct Own {
    memory: File,
    ranges: Vec<MemoryRange>,
    libraries: Vec<Range<u64>>,
}

impl Own {
    fn look() -> Self {
        let (mut ranges, mut libraries) = (Vec::new(), Vec::new());
        for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (start, end) = words[0].split_once('-').unwrap();
            let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
            let has = |right: char| words[1].contains(right);
            ranges.push(MemoryRange { start, end, readable: has('r'), writable: has('w'), executable: has('x') });
            if words.get(5).is_some_and(|path| path.contains("/libc.so") || path.contains("/libc-2")) {
                libraries.push(start..end);
            }
        }
        ranges.retain(|range| range.end < 1 << 47);
        Self { memory: File::open("/proc/self/mem").unwrap(), ranges, libraries }
    }
}

impl Memory for Own {
    fn ranges(&self) -> &[MemoryRange] {
        &self.ranges
    }

    fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), v8mem::memory::Unreadable> {
        self.memory.read_exact_at(into, addr).map_err(|_| v8mem::memory::Unreadable { addr, len: into.len() })
    }

    fn slice(&self, _addr: u64, _len: usize) -> Option<&[u8]> {
        None
    }
}

fn addr(block: &[u8]) -> u64 {
    block.as_ptr().addr() as u64
}

/// Takes blocks of many sizes, and gives every third back. Returns the addresses of those, and the others.
fn blocks() -> (Vec<u64>, Vec<Vec<u8>>) {
    // Small ones are kept at hand and in lists; the largest have mappings of their own.
    let sizes = (0..3000).map(|nth| [24, 40, 100, 700, 3000, 20_000][nth % 6]).chain([300_000, 5 << 20, 40 << 20]);
    let all: Vec<Vec<u8>> = sizes.map(|size| black_box(vec![1; size])).collect();
    let (mut freed, mut kept) = (Vec::new(), Vec::new());
    for (nth, block) in all.into_iter().enumerate() {
        if nth % 3 == 1 && block.len() < 100_000 { freed.push(addr(&block)) } else { kept.push(block) }
    }
    (freed, kept)
}

#[test]
fn what_is_in_use_and_what_is_free() {
    let (ready, is_ready) = channel();
    let (done, is_done) = channel::<()>();
    // Another thread has an arena of its own.
    let other = std::thread::spawn(move || {
        let (freed, kept) = blocks();
        ready.send((freed, kept.iter().map(|block| (addr(block), block.len() as u64)).collect::<Vec<_>>())).unwrap();
        let _ = is_done.recv();
        black_box(kept);
    });
    let of_other = is_ready.recv().unwrap();
    let (freed, kept) = blocks();
    let of_this = (freed, kept.iter().map(|block| (addr(block), block.len() as u64)).collect::<Vec<_>>());
    let own = Own::look();
    let malloc = Malloc::find(&own, &own.libraries).unwrap();
    done.send(()).unwrap();
    other.join().unwrap();
    assert!(malloc.arenas >= 2 && malloc.lost == 0, "{} arenas, {} lost", malloc.arenas, malloc.lost);
    assert!(malloc.pieces.windows(2).all(|pair| pair[0].start + pair[0].size <= pair[1].start), "pieces overlap");
    for (freed, kept) in [of_this, of_other] {
        for (addr, size) in kept {
            let piece = malloc.around(addr).unwrap();
            assert_eq!((piece.data(), piece.state), (addr, State::Used), "{size} bytes");
            assert!(piece.size >= size + 8, "{size} bytes in a piece of {}", piece.size);
        }
        // Some were handed out again meanwhile.
        let free = freed.iter().filter(|&&addr| malloc.around(addr).is_some_and(|piece| piece.state != State::Used)).count();
        assert!(free * 20 > freed.len() * 19, "{free} of {} that were given back are free", freed.len());
    }
}

#[test]
fn no_heap_is_made_up() {
    let own = Own::look();
    assert!(Malloc::find(&own, &[]).is_none());
    let stack = black_box([0_u8; 8192]);
    let start = addr(&stack);
    assert!(Malloc::find(&own, std::slice::from_ref(&(start..start + 8192))).is_none());
}
