//! The heap of C, read in another process that stands still: what malloc handed out is in use, what was given back is free, in every arena.
//! The other process is this program again, which is told by a variable where to write what it has.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use v8mem::native::malloc::{Malloc, State};
use v8mem::{Memory, MemoryRange};

/// The memory of a process.
struct Other {
    memory: File,
    ranges: Vec<MemoryRange>,
    libraries: Vec<Range<u64>>,
}

impl Other {
    fn look(pid: u32) -> Self {
        let (mut ranges, mut libraries) = (Vec::new(), Vec::new());
        for line in std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
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
        Self { memory: File::open(format!("/proc/{pid}/mem")).unwrap(), ranges, libraries }
    }
}

impl Memory for Other {
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

const VARIABLE: &str = "HEAPWHY_TEST_MALLOC";

/// Takes and gives back memory in two threads, writes where it is, and waits until its input ends.
fn stand_still(told: &Path) {
    let (ready, is_ready) = channel();
    let (done, is_done) = channel::<()>();
    // Another thread has an arena of its own.
    let other = std::thread::spawn(move || {
        let (freed, kept) = blocks();
        let text = text(&freed, &kept);
        ready.send(text).unwrap();
        let _ = is_done.recv();
        black_box(kept);
    });
    let of_other = is_ready.recv().unwrap();
    let (freed, kept) = blocks();
    let all = text(&freed, &kept) + &of_other;
    std::fs::write(told.with_extension("part"), all).unwrap();
    std::fs::rename(told.with_extension("part"), told).unwrap();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    done.send(()).unwrap();
    other.join().unwrap();
    black_box(kept);
}

fn text(freed: &[u64], kept: &[Vec<u8>]) -> String {
    let freed = freed.iter().map(|addr| format!("free {addr} 0\n"));
    freed.chain(kept.iter().map(|block| format!("used {} {}\n", addr(block), block.len()))).collect()
}

/// Says whether all threads of a process wait.
fn is_asleep(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let stat = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
    tasks.map(stat).all(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S')))
}

/// Starts this program again, and waits until it stands still. Returns it with what it has: the word, the address, the size.
fn another(folder: &Path) -> (Child, Vec<(String, u64, u64)>) {
    let told = folder.join("told");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["what_is_in_use_and_what_is_free", "--exact"]).env(VARIABLE, &told);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    while !told.exists() || !is_asleep(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    let number = |text: &str| text.parse().unwrap();
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[0].to_owned(), number(words[1]), number(words[2]))
    };
    (child, std::fs::read_to_string(told).unwrap().lines().map(line).collect())
}

#[test]
fn what_is_in_use_and_what_is_free() {
    if let Some(told) = std::env::var_os(VARIABLE) {
        return stand_still(Path::new(&told));
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut child, told) = another(folder.path());
    let other = Other::look(child.id());
    let malloc = Malloc::find(&other, &other.libraries).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(malloc.arenas >= 2 && malloc.lost == 0, "{} arenas, {} lost", malloc.arenas, malloc.lost);
    assert!(malloc.pieces.windows(2).all(|pair| pair[0].start + pair[0].size <= pair[1].start), "pieces overlap");
    let (used, freed): (Vec<_>, Vec<_>) = told.into_iter().partition(|(word, ..)| word == "used");
    assert!(used.len() > 4000 && freed.len() > 1900);
    for (_, addr, size) in used {
        let piece = malloc.around(addr).unwrap();
        assert_eq!((piece.data(), piece.state), (addr, State::Used), "{size} bytes");
        assert!(piece.size >= size + 8, "{size} bytes in a piece of {}", piece.size);
    }
    // Some were handed out again meanwhile.
    let free = freed.iter().filter(|&&(_, addr, _)| malloc.around(addr).is_some_and(|piece| piece.state != State::Used)).count();
    assert!(free * 20 > freed.len() * 19, "{free} of {} that were given back are free", freed.len());
}

#[test]
fn no_heap_is_made_up() {
    let other = Other::look(std::process::id());
    assert!(Malloc::find(&other, &[]).is_none());
    let stack = black_box([0_u8; 8192]);
    let start = addr(&stack);
    assert!(Malloc::find(&other, std::slice::from_ref(&(start..start + 8192))).is_none());
}
