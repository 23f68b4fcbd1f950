//! A core dump with a heap in it, damaged as the input says, or the input as a core: an error or a graph, never a panic.
//!
//! The first byte says which: even, the rest is a core; odd, every twelve bytes of the rest are a place in a core that is written here, as
//! four bytes, and the word to be put there.
#![no_main]
#![allow(dead_code)]

#[path = "../../crates/v8mem/tests/image/elf.rs"]
mod elf;
#[path = "../../crates/v8mem/tests/image/heap.rs"]
mod written;

use std::io::Write;
use std::sync::OnceLock;

use elf::{PAGE, Segment, aligned, notes};
use libfuzzer_sys::fuzz_target;
use v8mem::graph::Scope;
use v8mem::read::read_scopes;
use v8mem::{CoreFile, Memory, MemoryHolder};
use written::{Heap, Page, smi, to};

/// A core of a few objects, inside a collection.
fn small() -> &'static [u8] {
    static CORE: OnceLock<Vec<u8>> = OnceLock::new();
    CORE.get_or_init(|| {
        let mut heap = Heap::new();
        let map = heap.class("Session", &["id", "user", "load", "all"]);
        let user = heap.string(Page::Old, "ada lovelace");
        let load = heap.number(Page::New, 0.5);
        let found = [0, 1, 2].map(|id| heap.object(Page::From, map, &[smi(id), to(user), to(load), 0]));
        let array = heap.array(Page::Large, &found.map(to));
        let list = heap.js_array(Page::Old, array, 3);
        heap.root(list);
        heap.move_away(found[1], 7, Page::New);
        heap.take_map(array, heap.array_map());
        let memory = heap.memory.into_iter().map(|stretch| {
            let len = stretch.bytes.len() as u64;
            Segment { kind: 1, flags: 6, addr: stretch.addr, bytes: stretch.bytes, len }
        });
        let notes = Segment { kind: 4, flags: 0, addr: 0, bytes: notes(), len: 0 };
        aligned(&std::iter::once(notes).chain(memory).collect::<Vec<_>>(), PAGE)
    })
}

fn damaged(patches: &[u8]) -> Vec<u8> {
    let mut core = small().to_vec();
    for patch in patches.chunks_exact(12) {
        let place = u32::from_le_bytes(patch[..4].try_into().expect("four bytes")) as usize % (core.len() - 8);
        core[place..place + 8].copy_from_slice(&patch[4..]);
    }
    core
}

fuzz_target!(|input: &[u8]| {
    let Some((&how, rest)) = input.split_first() else { return };
    let bytes = if how & 1 == 0 { rest.to_vec() } else { damaged(rest) };
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&bytes).expect("room for it");
    let Ok(core) = CoreFile::of(file) else { return };
    let mut at = 0;
    while let Some((start, end)) = core.next_data(at, 1 << 47) {
        assert!(at <= start && start < end, "{at:x} {start:x} {end:x}");
        at = end;
    }
    let _ = (core.missing(), core.images());
    let Ok(([graph, ..], _, found)) = read_scopes(&core, [Scope::Live, Scope::Weak, Scope::Dead]) else { return };
    let graph = graph.with_holder(Box::new(MemoryHolder::new(core, &found)));
    graph.nodes().for_each(|node| drop(graph.held(node, 16)));
});
