//! Where life begins: V8's own table of roots, the isolate, its handles, and the stacks of all threads.
//!
//! Stacks and the isolate are read conservatively: a word that looks like a reference to the start of an object is one. Global handles are
//! read exactly, each with its state. What is weak is told, but keeps nothing alive.

use rustc_hash::FxHashSet;

use crate::core_file::Thread;
use crate::isolate::Isolate;
use crate::maps::{END_OF_MEMORY, strong};
use crate::memory::Memory;
use crate::node_binary::{NodeBinary, ROOT_NAMES};
use crate::objects::ObjIx;
use crate::version::V8Version;
use crate::view::HeapView;

/// A group of roots, as V8's snapshots name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// The table that every isolate begins with.
    StrongRootList,
    /// Fields of the isolate itself, its caches and open handle scopes.
    Isolate,
    /// Handles in the handle scopes that are open.
    HandleScope,
    /// Handles that C++ holds.
    GlobalHandles,
    /// Stacks and registers of threads.
    Stack,
}

impl Group {
    /// Returns the name that V8's snapshots give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StrongRootList => "(Strong root list)",
            Self::Isolate => "(Isolate)",
            Self::HandleScope => "(Handle scope)",
            Self::GlobalHandles => "(Global handles)",
            Self::Stack => "(Stack roots)",
        }
    }
}

/// A reference from outside the heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Which isolate it belongs to, by its place.
    pub isolate: usize,
    /// Its group.
    pub group: Group,
    /// What it is called, where that is known.
    pub name: String,
    /// The object.
    pub object: ObjIx,
    /// Whether it keeps the object alive.
    pub strong: bool,
}

/// Everything that roots are read from.
#[derive(Clone, Copy)]
pub struct Sources<'a, 'm> {
    /// The heap.
    pub heap: HeapView<'a, 'm>,
    /// All memory.
    pub memory: &'m dyn Memory,
    /// The isolates.
    pub isolates: &'a [Isolate],
    /// The threads.
    pub threads: &'a [Thread],
    /// The program, for the names of roots.
    pub binary: Option<&'a NodeBinary>,
}

/// V8 names fewer roots than this.
const MOST_NAMES: u64 = 1 << 13;

impl Sources<'_, '_> {
    /// Finds all roots.
    #[must_use]
    pub fn find(self) -> Vec<Root> {
        let names = self.root_names();
        let mut roots = Vec::new();
        for (isolate, found) in self.isolates.iter().enumerate() {
            self.isolate(isolate, found, &names, &mut roots);
            self.handle_scopes(isolate, found, &mut roots);
            self.global_handles(isolate, found, &mut roots);
        }
        self.stacks(&mut roots);
        roots
    }

    fn object(self, word: u64) -> Option<ObjIx> {
        self.heap.objects.at(self.heap.pages, strong(word)?)
    }

    /// Says which isolate an object belongs to; objects that nobody writes belong to the first.
    fn isolate_of(self, object: ObjIx) -> usize {
        let heap = self.heap.pages.page(self.heap.objects.addr(object)).map_or(0, |page| page.heap);
        self.isolates.iter().position(|isolate| isolate.heap == heap).unwrap_or(0)
    }

    /// Returns the address of memory of C++ that a word holds.
    fn address(self, slot: u64) -> Option<u64> {
        let word = self.memory.word(slot).ok()?;
        (4096..END_OF_MEMORY).contains(&word).then_some(word)
    }

    /// Reads V8's own names of roots out of the program.
    fn root_names(self) -> Vec<String> {
        let Some(symbol) = self.binary.and_then(|binary| binary.symbol(ROOT_NAMES)) else { return vec![] };
        let name = |at: u64| self.memory.c_string(self.address(symbol.addr.checked_add(8 * at)?)?, 100);
        (0..(symbol.size / 8).min(MOST_NAMES)).map_while(name).collect()
    }

    /// Reads the words of an isolate: first its table of roots, then all else in it.
    fn isolate(self, at: usize, isolate: &Isolate, names: &[String], roots: &mut Vec<Root>) {
        for slot in (isolate.addr..isolate.addr + isolate.size / 8 * 8).step_by(8) {
            let nth = slot.checked_sub(isolate.roots).map(|bytes| (bytes / 8) as usize);
            let name = nth.and_then(|nth| names.get(nth));
            let group = if name.is_some() { Group::StrongRootList } else { Group::Isolate };
            if let Some(object) = self.memory.word(slot).ok().and_then(|word| self.object(word)) {
                roots.push(Root { isolate: at, group, name: name.cloned().unwrap_or_default(), object, strong: true });
            }
        }
    }

    /// Reads the open block of handles: `next` and `limit` stand side by side in the isolate, and blocks are just under 8 KiB.
    fn handle_scopes(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        const BLOCK: u64 = 8 * 1022;
        const MAX_LEVEL: u32 = 10_000;
        let word = |addr: u64| self.memory.word(addr).unwrap_or(0);
        for slot in (isolate.addr..isolate.addr + isolate.size.min(4096)).step_by(8) {
            let (next, limit) = (word(slot), word(slot + 8));
            let plausible = next != 0 && next <= limit && limit - next <= BLOCK && next.is_multiple_of(8) && limit.is_multiple_of(8);
            if !plausible || self.heap.pages.page(next).is_some() || self.memory.half(slot + 16).is_ok_and(|level| level > MAX_LEVEL) {
                continue;
            }
            for handle in (limit.saturating_sub(BLOCK)..next).step_by(8) {
                if let Some(object) = self.object(word(handle)) {
                    roots.push(Root { isolate: at, group: Group::HandleScope, name: String::new(), object, strong: true });
                }
            }
        }
    }

    /// Reads the global handles: blocks of 256 nodes of 32 bytes each.
    fn global_handles(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        const NODES: u64 = 256;
        const NODE: u64 = 32;
        let state_mask = if self.heap.layout.version < V8Version::new(11, 2) { 7 } else { 3 };
        let mut next = self.first_block(isolate);
        let mut seen = FxHashSet::default();
        while let Some(block) = next.filter(|&block| seen.insert(block)) {
            for node in (0..NODES).map(|nth| block + NODE * nth) {
                let (Ok(word), Ok(header)) = (self.memory.word(node), self.memory.word(node + 8)) else { return };
                let state = header >> 24 & state_mask;
                let Some(object) = (state != 0).then(|| self.object(word)).flatten() else { continue };
                roots.push(Root { isolate: at, group: Group::GlobalHandles, name: String::new(), object, strong: state == 1 });
            }
            next = self.address(block + NODES * NODE);
        }
    }

    /// Finds the first block of handles: the isolate points to an object that points back, and on to a space that points back to that.
    fn first_block(self, isolate: &Isolate) -> Option<u64> {
        (isolate.addr..isolate.addr + isolate.size).step_by(8).find_map(|slot| {
            let handles = self.address(slot).filter(|&handles| handles.is_multiple_of(8) && self.address(handles) == Some(isolate.addr))?;
            let spaces = [8, 16].into_iter().filter_map(|offset| self.address(handles + offset));
            let space = spaces.into_iter().find(|&space| self.address(space) == Some(handles))?;
            self.address(space + 8)
        })
    }

    /// Reads the stacks and registers of all threads.
    fn stacks(self, roots: &mut Vec<Root>) {
        const RED_ZONE: u64 = 128;
        for (nth, thread) in self.threads.iter().enumerate() {
            let mut add = |word: u64| {
                if let Some(object) = self.object(word) {
                    let name = format!("thread {}", nth + 1);
                    roots.push(Root { isolate: self.isolate_of(object), group: Group::Stack, name, object, strong: true });
                }
            };
            thread.registers.iter().for_each(|&word| add(word));
            let from = thread.rsp().saturating_sub(RED_ZONE) & !7;
            let Some(range) = self.memory.ranges().iter().find(|range| (range.start..range.end).contains(&from)) else { continue };
            let mut at = from;
            while let Some((data, end)) = self.memory.next_data(at, range.end).filter(|&(data, end)| data < end) {
                (data & !7..end).step_by(8).for_each(|slot| add(self.memory.word(slot).unwrap_or(0)));
                at = end;
            }
        }
    }
}
