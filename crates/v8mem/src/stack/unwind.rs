//! From one frame to the next: by call frame tables, by frame pointers, and through the kernel's frames for signals.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Code;
use crate::core_file::{CoreFile, Thread};
use crate::memory::Memory;
use crate::symbols::{CALLEE_SAVED, CodeImage, Exit, Rule};

/// The registers that lead outwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers {
    /// The instruction.
    pub(super) pc: u64,
    /// The stack pointer.
    pub(super) sp: u64,
    /// `CALLEE_SAVED`, in order.
    saved: [Option<u64>; 6],
}

/// DWARF's number of the stack pointer.
const RSP: u16 = 7;
/// The place of the frame pointer among `CALLEE_SAVED`.
const RBP: usize = 1;

impl Registers {
    /// Takes them from a thread, in the order of `user_regs_struct`.
    pub(super) fn of(thread: &Thread) -> Self {
        let saved = [5, 4, 3, 2, 1, 0].map(|at| Some(thread.registers[at]));
        Self { pc: thread.rip(), sp: thread.rsp(), saved }
    }

    /// Returns the frame pointer.
    pub(super) fn rbp(&self) -> Option<u64> {
        self.saved[RBP]
    }

    fn by_number(&self, register: u16) -> Option<u64> {
        if register == RSP {
            return Some(self.sp);
        }
        self.saved[CALLEE_SAVED.iter().position(|&saved| saved == register)?]
    }
}

/// How a frame leads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To its caller, as its file's tables say.
    Out(Registers),
    /// To its caller, by the frame pointer.
    ByPointer(Registers),
    /// It is the outermost.
    Outermost,
    /// Nobody says.
    Lost,
}

/// The files with machine code that the process had mapped, opened as they are needed.
pub(super) struct Images<'m> {
    core: &'m CoreFile,
    opened: RefCell<FxHashMap<String, Option<Rc<CodeImage>>>>,
}

impl<'m> Images<'m> {
    pub(super) fn new(core: &'m CoreFile) -> Self {
        Self { core, opened: RefCell::default() }
    }

    /// Returns the file around an address, and the address that its tables know it by.
    fn image(&self, addr: u64) -> Option<(Rc<CodeImage>, u64)> {
        let mapping = self.core.notes.file_at(addr)?;
        let mut opened = self.opened.borrow_mut();
        let image = opened.entry(mapping.path.clone()).or_insert_with(|| self.open(&mapping.path).map(Rc::new)).clone()?;
        let known = image.addr(addr - mapping.start + mapping.offset)?;
        Some((image, known))
    }

    /// Opens a file if it is still the one that the process had.
    fn open(&self, path: &str) -> Option<CodeImage> {
        let (path, image) = self.core.local(path)?;
        let opened = CodeImage::open(&path, image.base).ok()?;
        image.is(opened.build_id().as_deref()).then_some(opened)
    }

    /// Returns the name of the V8 builtin around an address.
    pub(super) fn builtin(&self, pc: u64) -> Option<String> {
        let (image, at) = self.image(pc)?;
        let (name, _) = image.function(at)?;
        Some(name.strip_prefix("Builtins_")?.to_owned())
    }

    /// Returns the function of a file around an address.
    pub(super) fn native(&self, pc: u64) -> Code {
        let mapping = self.core.notes.file_at(pc);
        let file = mapping.map(|mapping| mapping.path.clone());
        let found = self.image(pc).and_then(|(image, at)| image.function(at));
        match (found, mapping) {
            (Some((name, offset)), _) => Code::Native { function: Some(name), offset, file },
            (None, Some(mapping)) => Code::Native { function: None, offset: pc - mapping.start + mapping.offset, file },
            (None, None) => Code::Native { function: None, offset: 0, file: None },
        }
    }

    /// Goes from a frame to its caller. `pc` is an instruction of the frame's own function.
    pub(super) fn step(&self, here: &Registers, pc: u64, end: u64) -> Step {
        if let Some(exit) = self.image(pc).and_then(|(image, at)| image.exit(at)) {
            return self.by_tables(here, &exit, end);
        }
        match here.rbp().filter(|&fp| fp >= here.sp).and_then(|fp| self.by_pointer(fp, end)) {
            Some(next) => Step::ByPointer(next),
            None => Step::Lost,
        }
    }

    fn by_tables(&self, here: &Registers, exit: &Exit, end: u64) -> Step {
        if exit.is_signal {
            return self.interrupted(here.sp).map_or(Step::Lost, Step::Out);
        }
        let [.., back] = exit.registers;
        if back == Rule::Nothing {
            return Step::Outermost;
        }
        let Some(frame) = here.by_number(exit.frame.0).and_then(|base| base.checked_add_signed(exit.frame.1)) else { return Step::Lost };
        let read = |rule: Rule, old: Option<u64>| match rule {
            Rule::Same => old,
            Rule::At(offset) => self.word(frame.checked_add_signed(offset)?),
            Rule::Is(offset) => frame.checked_add_signed(offset),
            Rule::Nothing | Rule::Unknown => None,
        };
        let mut saved = here.saved;
        saved.iter_mut().zip(exit.registers).for_each(|(slot, rule)| *slot = read(rule, *slot));
        match read(back, None) {
            Some(0) => Step::Outermost,
            Some(pc) if frame > here.sp && frame <= end => Step::Out(Registers { pc, sp: frame, saved }),
            _ => Step::Lost,
        }
    }

    /// Leaves the frame that a frame pointer points to.
    pub(super) fn by_pointer(&self, fp: u64, end: u64) -> Option<Registers> {
        if !fp.is_multiple_of(8) || fp.checked_add(16)? > end {
            return None;
        }
        let (next, pc) = (self.word(fp)?, self.word(fp + 8)?);
        let mut saved = [None; 6];
        saved[RBP] = Some(next);
        self.is_code(pc).then_some(Registers { pc, sp: fp + 16, saved })
    }

    /// Says whether code lies at an address.
    fn is_code(&self, addr: u64) -> bool {
        let memory: &dyn Memory = self.core;
        memory.range_at(addr).is_some_and(|range| range.executable) || self.image(addr).is_some()
    }

    /// Reads the registers that the kernel saved when it ran a handler: behind 40 bytes of other things r8 to r15, rdi, rsi, rbp, rbx, rdx,
    /// rax, rcx, rsp and rip.
    fn interrupted(&self, sp: u64) -> Option<Registers> {
        let register = |at: u64| self.word(sp.checked_add(40 + 8 * at)?);
        let saved = [11, 10, 4, 5, 6, 7].map(register);
        Some(Registers { pc: register(16)?, sp: register(15)?, saved })
    }

    fn word(&self, addr: u64) -> Option<u64> {
        let memory: &dyn Memory = self.core;
        memory.word(addr).ok()
    }
}
