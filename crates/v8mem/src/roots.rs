//! Where life begins: V8's own table of roots, the isolate, its handles, and the stacks of all threads.
//!
//! Stacks and the isolate are read conservatively: a word that looks like a reference to the start of an object is one. Global handles are
//! read exactly, each with its state. What is weak is told, but keeps nothing alive.

use rustc_hash::FxHashMap;

use crate::builtins::Builtins;
use crate::core_file::Thread;
use crate::global_handles::{GlobalHandles, State, address};
use crate::isolate::Isolate;
use crate::maps::strong;
use crate::memory::Memory;
use crate::objects::ObjIx;
use crate::root_names::RootNames;
use crate::traced_handles;
use crate::view::HeapView;

/// A group of roots, as V8's snapshots name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// The table that every isolate begins with.
    StrongRootList,
    /// The code of V8's builtins.
    Builtins,
    /// Fields of the isolate itself, its caches and open handle scopes.
    Isolate,
    /// Handles in the handle scopes that are open.
    HandleScope,
    /// Handles that C++ holds.
    GlobalHandles,
    /// Handles that C++ holds by way of its own collector.
    TracedHandles,
    /// Handles that are never given up.
    EternalHandles,
    /// Stack and registers of a thread, by the kernel's id of it.
    Stack(u32),
}

impl Group {
    /// Returns the name that V8's snapshots give it; V8 does not tell threads apart.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::StrongRootList => "(Strong root list)".to_owned(),
            Self::Builtins => "(Builtins)".to_owned(),
            Self::Isolate => "(Isolate)".to_owned(),
            Self::HandleScope => "(Handle scope)".to_owned(),
            Self::GlobalHandles => "(Global handles)".to_owned(),
            Self::TracedHandles => "(Traced handles)".to_owned(),
            Self::EternalHandles => "(Eternal handles)".to_owned(),
            Self::Stack(thread) => format!("(thread {thread} stack)"),
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
    /// Where the global handle lies, if it is one.
    pub handle: Option<u64>,
}

/// Roots that every full collection of V8 empties, before snapshots too: what only they refer to is as good as gone.
const CACHES: [&str; 6] = [
    "number_string_cache",
    // V8 14 has two in its place.
    "smi_string_cache",
    "double_string_cache",
    "string_split_cache",
    "regexp_multiple_cache",
    "regexp_match_global_atom_cache",
];

impl Root {
    /// Says whether the object is a cache that keeps nothing alive, though it is alive itself.
    #[must_use]
    pub fn is_cache(&self) -> bool {
        self.group == Group::StrongRootList && CACHES.contains(&self.name.as_str())
    }
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
    /// The names of roots.
    pub names: &'a RootNames,
    /// The names of builtins.
    pub builtins: &'a Builtins,
}

impl Sources<'_, '_> {
    /// Finds all roots.
    #[must_use]
    pub fn find(self) -> Vec<Root> {
        let mut roots = Vec::new();
        for (isolate, found) in self.isolates.iter().enumerate() {
            self.isolate(isolate, found, &mut roots);
            self.handle_scopes(isolate, found, &mut roots);
            self.global_handles(isolate, found, &mut roots);
            self.traced_handles(isolate, found, &mut roots);
            self.eternal_handles(isolate, found, &mut roots);
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

    fn address(self, slot: u64) -> Option<u64> {
        address(self.memory, slot)
    }

    /// Reads the words of an isolate: its table of roots, its table of builtins, and all else in it.
    fn isolate(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        let words: Vec<u64> = isolate.slots().map(|slot| self.memory.word(slot).unwrap_or(0)).collect();
        let builtins = self.builtins_of(&words);
        for (slot, &word) in isolate.slots().zip(&words) {
            let Some(object) = self.object(word) else { continue };
            let nth = slot.checked_sub(isolate.roots).map(|bytes| (bytes / 8) as usize);
            let (group, name) = match (nth.and_then(|nth| self.names.get(nth)), builtins.get(&object)) {
                (Some(name), _) => (Group::StrongRootList, name),
                (None, Some(&nth)) => (Group::Builtins, self.builtins.get(nth)),
                (None, None) => (Group::Isolate, ""),
            };
            roots.push(Root { isolate: at, group, name: name.to_owned(), object, strong: true, handle: None });
        }
    }

    /// Returns the code of the builtins that an isolate has, each with V8's number of it.
    fn builtins_of(self, words: &[u64]) -> FxHashMap<ObjIx, usize> {
        let (first, length) = self.builtins.table(self.heap, words).unwrap_or_default();
        let mut found = FxHashMap::default();
        for (nth, object) in words[first..first + length].iter().enumerate().filter_map(|(nth, &word)| Some((nth, self.object(word)?))) {
            found.entry(object).or_insert(nth);
        }
        found
    }

    /// Reads the handles of open scopes.
    fn handle_scopes(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        let words = self.handles(isolate).into_iter().filter_map(|handle| self.memory.word(handle).ok());
        let objects = words.filter_map(|word| self.object(word));
        roots.extend(objects.map(|object| Root {
            isolate: at,
            group: Group::HandleScope,
            name: String::new(),
            object,
            strong: true,
            handle: None,
        }));
    }

    /// Returns where the handles of open scopes are, the oldest first: in blocks of just under 8 KiB, of which all but the last are full. Where
    /// the next handle goes stands in the isolate, in front of where its block ends, or of itself where a scope is sealed.
    pub(crate) fn handles(self, isolate: &Isolate) -> Vec<u64> {
        const BLOCK: u64 = 8 * 1022;
        let blocks = self.handle_blocks(isolate).unwrap_or_default();
        let Some(&last) = blocks.last() else { return vec![] };
        let word = |addr: u64| self.memory.word(addr).unwrap_or(0);
        let inside = |&slot: &u64| last <= word(slot) && word(slot) <= word(slot + 8) && word(slot + 8) <= last + BLOCK;
        let next = isolate.slots().find(inside).map_or(last + BLOCK, word);
        let full = blocks[..blocks.len() - 1].iter().map(|&block| (block, block + BLOCK));
        full.chain([(last, next)]).flat_map(|(from, to)| (from..to).step_by(8)).collect()
    }

    /// Finds the list of blocks of handles: the isolate points to an object that points back, then to the list, with its room, a power of two
    /// from 8 on, and its length. The isolate also holds where in the last of them the next handle goes.
    fn handle_blocks(self, isolate: &Isolate) -> Option<Vec<u64>> {
        const BLOCK: u64 = 8 * 1022;
        const MOST: u64 = 1 << 16;
        let held: Vec<u64> = isolate.slots().filter_map(|slot| self.address(slot)).collect();
        held.iter().find_map(|&scopes| {
            let points_back = scopes.is_multiple_of(8) && self.address(scopes) == Some(isolate.addr);
            let list = points_back.then(|| self.address(scopes + 8)).flatten()?;
            let (room, length) = (self.memory.word(scopes + 16).ok()?, self.memory.word(scopes + 24).ok()?);
            let plausible = room.is_power_of_two() && (8..=MOST).contains(&room) && (1..=room).contains(&length);
            let blocks: Vec<u64> = (0..length).take_while(|_| plausible).map_while(|nth| self.address(list + 8 * nth)).collect();
            let &last = blocks.last().filter(|_| blocks.len() as u64 == length)?;
            held.windows(2).any(|pair| last <= pair[0] && pair[0] <= pair[1] && pair[1] <= last + BLOCK).then_some(blocks)
        })
    }

    /// Reads the eternal handles: the isolate points to their number and to a vector of blocks of 256.
    fn eternal_handles(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        const BLOCK: u64 = 256;
        const MOST: u32 = 1 << 20;
        let list = |slot: u64| -> Option<Vec<ObjIx>> {
            let handles = self.address(slot).filter(|handles| handles.is_multiple_of(8))?;
            let count = self.memory.half(handles).ok().filter(|count| (1..MOST).contains(count)).map(u64::from)?;
            let (from, to) = (self.address(handles + 8)?, self.address(handles + 16)?);
            if to.checked_sub(from)? != 8 * count.div_ceil(BLOCK) || self.address(handles + 24)? < to {
                return None;
            }
            let handle = |nth: u64| self.object(self.memory.word(self.address(from + 8 * (nth / BLOCK))? + 8 * (nth % BLOCK)).ok()?);
            // Every one of them is an object, or it is another list.
            (0..count).map(handle).collect()
        };
        let found = isolate.slots().find_map(list);
        let root = |object| Root { isolate: at, group: Group::EternalHandles, name: String::new(), object, strong: true, handle: None };
        roots.extend(found.into_iter().flatten().map(root));
    }

    /// Reads the global handles.
    fn global_handles(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        let handles = GlobalHandles::of(self.memory, isolate, self.heap.layout.version);
        for (slot, word, state) in handles.iter(self.memory) {
            let Some(object) = self.object(word) else { continue };
            let (name, strong) = (String::new(), state == State::Strong);
            roots.push(Root { isolate: at, group: Group::GlobalHandles, name, object, strong, handle: Some(slot) });
        }
    }

    /// Returns the machine code in which an instruction is: what runs, or is returned to, is alive.
    fn running(self, pc: u64) -> Option<ObjIx> {
        self.heap.pages.page(pc).filter(|page| page.executable)?;
        Some(self.heap.objects.around(self.heap.pages, pc)?.0)
    }

    /// Reads the traced handles: whose C++ object keeps them is not known here, so they are weak, as in snapshots.
    fn traced_handles(self, at: usize, isolate: &Isolate, roots: &mut Vec<Root>) {
        let objects = traced_handles::find(self.memory, isolate).into_iter().filter_map(|word| self.object(word));
        roots.extend(objects.map(|object| Root {
            isolate: at,
            group: Group::TracedHandles,
            name: String::new(),
            object,
            strong: false,
            handle: None,
        }));
    }

    /// Reads the stacks and registers of all threads.
    fn stacks(self, roots: &mut Vec<Root>) {
        for thread in self.threads {
            let mut add = |word: u64| {
                if let Some(object) = self.object(word).or_else(|| self.running(word)) {
                    roots.push(Root {
                        isolate: self.isolate_of(object),
                        group: Group::Stack(thread.tid),
                        name: String::new(),
                        object,
                        strong: true,
                        handle: None,
                    });
                }
            };
            thread.registers.iter().for_each(|&word| add(word));
            let from = thread.stack_in_use() & !7;
            let Some(range) = self.memory.range_at(from) else { continue };
            let mut at = from;
            while let Some((data, end)) = self.memory.next_data(at, range.end).filter(|&(data, end)| data < end) {
                (data & !7..end).step_by(8).for_each(|slot| add(self.memory.word(slot).unwrap_or(0)));
                at = end;
            }
        }
    }
}
