//! The stacks of a core's threads: functions of C++ and of JavaScript, from the innermost outwards.
//!
//! C++ is left as its call frame tables say, V8's own code by its frame pointers, which it always has. Both are exact. Where neither leads
//! on, the next frame of JavaScript is looked for in the words that follow, and is told as found so: it may be one that was left already.

mod javascript;
mod machine_code;
pub(crate) mod positions;
mod unwind;

use std::ops::Range;

use rustc_hash::FxHashMap;

pub use javascript::{JsFrame, Place, Tier};

use crate::anatomy::Anatomy;
use crate::core_file::{CoreFile, Thread};
use crate::memory::Memory;
use crate::names::Names;
use crate::scripts::Scripts;
use crate::text::Strings;
use javascript::Reader;
use machine_code::BytecodeSizes;
use unwind::{Images, Registers, Step};

/// How a frame was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// From the registers, or by the frame that it called.
    Exact,
    /// By its looks: it may have been left already.
    Found,
}

/// The functions of C++ in the files that the process had mapped, as far as those are still the same. Files are opened once.
pub struct Functions<'m> {
    images: Images<'m>,
}

impl<'m> Functions<'m> {
    /// Starts to name functions.
    #[must_use]
    pub fn new(core: &'m CoreFile) -> Self {
        Self { images: Images::new(core) }
    }

    /// Returns the function around an address, and how far into it that is.
    #[must_use]
    pub fn at(&self, pc: u64) -> Option<(String, u64)> {
        match self.images.native(pc) {
            Code::Native { function: Some(function), offset, .. } => Some((function, offset)),
            _ => None,
        }
    }
}

/// What runs in a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Code {
    /// A function of JavaScript.
    JavaScript(JsFrame),
    /// A function of the program or of a library.
    Native {
        /// Its name, where the file has it.
        function: Option<String>,
        /// How far into it, in bytes; where there is no name, how far into the file's memory.
        offset: u64,
        /// The file, where the address is in one.
        file: Option<String>,
    },
    /// V8's frames between C++ and JavaScript, and its builtins without a function.
    Between {
        /// The builtin, where its name is known.
        builtin: Option<String>,
    },
}

/// A frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The instruction at which it goes on; `None` where it was found by its looks.
    pub pc: Option<u64>,
    /// The address of the frame on the stack.
    pub at: u64,
    /// What runs in it.
    pub code: Code,
    /// How it was found.
    pub sure: Sure,
}

/// The stack of one thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The kernel's number of the thread.
    pub tid: u32,
    /// Its place among the threads of the core, from 1.
    pub number: usize,
    /// The isolate that it runs, by its place.
    pub isolate: Option<usize>,
    /// The addresses from its stack pointer to the end of the mapping that the stack lies in.
    pub memory: Range<u64>,
    /// Its frames, the innermost first.
    pub frames: Vec<Frame>,
    /// Whether the last frame is the one in which the thread began.
    pub whole: bool,
}

impl Stack {
    /// Returns its frames of JavaScript.
    pub fn javascript(&self) -> impl Iterator<Item = &JsFrame> {
        self.frames.iter().filter_map(|frame| match &frame.code {
            Code::JavaScript(frame) => Some(frame),
            _ => None,
        })
    }

    /// Returns the names of its functions of C++, the innermost first.
    pub fn native(&self) -> impl Iterator<Item = &str> {
        self.frames.iter().filter_map(|frame| match &frame.code {
            Code::Native { function, .. } => function.as_deref(),
            _ => None,
        })
    }
}

/// A stack deeper than this is damage: V8's own limit is a tenth of it.
const MOST_FRAMES: usize = 200_000;

/// Reads the stacks of all threads. O(words of the stacks + symbols of the files that they lead through).
#[must_use]
pub fn stacks(core: &CoreFile, anatomy: &Anatomy) -> Vec<Stack> {
    let memory: &dyn Memory = core;
    anatomy.look(memory, |heap| {
        let strings = Strings { heap, memory };
        let (names, scripts) = (Names::new(heap, strings), Scripts::new(heap, strings));
        let sizes = BytecodeSizes::read(core);
        let reader = Reader { heap, memory, names: &names, scripts: &scripts, sizes: sizes.as_ref() };
        let images = Images::new(core);
        let walk = Walk { reader, images: &images, core, anatomy, isolates: guards(core, anatomy) };
        core.notes.threads.iter().enumerate().map(|(nth, thread)| walk.thread(nth, thread)).collect()
    })
}

/// Finds the stacks in which isolates keep their limits: the mapping's end, and the isolate's place.
fn guards(core: &CoreFile, anatomy: &Anatomy) -> FxHashMap<u64, usize> {
    const LARGEST_STACK: u64 = 16 << 20;
    const GUARD: u64 = 128;
    let memory: &dyn Memory = core;
    let ranges = memory.ranges();
    let mut found = FxHashMap::default();
    for (place, isolate) in anatomy.isolates.iter().enumerate() {
        for limit in (0..GUARD).step_by(8).filter_map(|offset| memory.word(isolate.addr + offset).ok()) {
            let range = ranges.get(ranges.partition_point(|range| range.end <= limit));
            // The kernel lets the first thread's stack grow down to its limit: the limit itself is not mapped yet.
            if let Some(range) = range.filter(|range| limit >= range.end.saturating_sub(LARGEST_STACK)) {
                let holds = |thread: &Thread| (range.start..range.end).contains(&thread.rsp());
                if core.notes.threads.iter().any(holds) {
                    found.entry(range.end).or_insert(place);
                }
            }
        }
    }
    found
}

/// What a walk over stacks needs.
struct Walk<'a, 'm> {
    reader: Reader<'a, 'm>,
    images: &'a Images<'m>,
    core: &'m CoreFile,
    anatomy: &'a Anatomy,
    isolates: FxHashMap<u64, usize>,
}

impl Walk<'_, '_> {
    fn thread(&self, nth: usize, thread: &Thread) -> Stack {
        let sp = thread.rsp();
        let memory: &dyn Memory = self.core;
        let end = memory.range_at(sp).map_or(sp, |range| range.end);
        let mut stack = Stack { tid: thread.tid, number: nth + 1, isolate: None, memory: sp..end, frames: Vec::new(), whole: false };
        let mut registers = Some(Registers::of(thread));
        while let Some(here) = registers.filter(|_| stack.frames.len() < MOST_FRAMES) {
            // A caller goes on behind its call, which may be the last instruction of its function.
            let pc = if stack.frames.is_empty() { here.pc } else { here.pc.wrapping_sub(1) };
            let step = self.images.step(&here, pc, end);
            stack.frames.extend(self.frames(&here, pc, &step));
            registers = match step {
                Step::Out(next) | Step::ByPointer(next) => Some(next),
                Step::Outermost => {
                    stack.whole = true;
                    None
                }
                Step::Lost => self.search(here.sp, end, &mut stack.frames),
            };
        }
        let heap = stack.javascript().find_map(|frame| Some(self.reader.heap.pages.page(frame.function?)?.heap));
        let by_heap = heap.and_then(|heap| self.anatomy.isolates.iter().position(|isolate| isolate.heap == heap));
        stack.isolate = by_heap.or_else(|| self.isolates.get(&end).copied());
        stack
    }

    /// Tells what runs in a frame, the innermost function first. Only V8's code is left by the frame pointer, and there it points to V8's frame.
    fn frames(&self, here: &Registers, pc: u64, step: &Step) -> Vec<Frame> {
        let codes = match step {
            Step::ByPointer(_) => self.by_pointer(here, pc),
            _ => vec![self.images.native(pc)],
        };
        codes.into_iter().map(|code| Frame { pc: Some(here.pc), at: here.sp, code, sure: Sure::Exact }).collect()
    }

    fn by_pointer(&self, here: &Registers, pc: u64) -> Vec<Code> {
        let builtin = self.images.builtin(pc);
        if let Some(frames) = here.rbp().and_then(|fp| self.reader.frames(fp, Some(pc), builtin.as_deref())) {
            return frames.into_iter().map(Code::JavaScript).collect();
        }
        match self.images.native(pc) {
            Code::Native { function: None, file: None, .. } => vec![Code::Between { builtin }],
            _ if builtin.is_some() => vec![Code::Between { builtin }],
            native => vec![native],
        }
    }

    /// Looks for the next frame of JavaScript by its looks, adds it, and returns where it leads.
    fn search(&self, from: u64, end: u64, frames: &mut Vec<Frame>) -> Option<Registers> {
        let fp = (from.next_multiple_of(8)..end.saturating_sub(16)).step_by(8).find(|&fp| {
            let leads_on = self.images.by_pointer(fp, end).is_some();
            leads_on && self.reader.is_frame(fp)
        })?;
        let found = self.reader.frames(fp, None, None)?;
        frames.extend(found.into_iter().map(|frame| Frame { pc: None, at: fp, code: Code::JavaScript(frame), sure: Sure::Found }));
        self.images.by_pointer(fp, end)
    }
}
