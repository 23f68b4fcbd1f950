//! ptrace, as far as a capture needs it: one thread seized, stopped, looked at, changed, let go.
//!
//! `unsafe`, because `ptrace` takes addresses, and each use here hands it a buffer that outlives the call, with
//! its length. What stops and goes on when is decided elsewhere. A thread that is traced belongs to the thread that seized it: all calls for it
//! must come from there, and if that one ends, for whatever reason, the kernel lets go of everything.

#![expect(unsafe_code, reason = "ptrace takes addresses of buffers")]

use std::io;
use std::ptr;

use rustix::process::{Pid, WaitOptions, waitpid};

use super::bpf::Instruction;

/// General registers, in the order of `user_regs_struct`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registers(pub(super) [u64; 27]);

/// Places in `Registers`.
pub(super) mod reg {
    pub(in crate::capture) const R15: usize = 0;
    pub(in crate::capture) const R14: usize = 1;
    pub(in crate::capture) const R13: usize = 2;
    pub(in crate::capture) const R12: usize = 3;
    pub(in crate::capture) const RBP: usize = 4;
    pub(in crate::capture) const RBX: usize = 5;
    pub(in crate::capture) const R11: usize = 6;
    pub(in crate::capture) const R10: usize = 7;
    pub(in crate::capture) const R9: usize = 8;
    pub(in crate::capture) const R8: usize = 9;
    pub(in crate::capture) const RAX: usize = 10;
    pub(in crate::capture) const RCX: usize = 11;
    pub(in crate::capture) const RDX: usize = 12;
    pub(in crate::capture) const RSI: usize = 13;
    pub(in crate::capture) const RDI: usize = 14;
    pub(in crate::capture) const ORIG_RAX: usize = 15;
    pub(in crate::capture) const RIP: usize = 16;
    pub(in crate::capture) const CS: usize = 17;
    pub(in crate::capture) const FLAGS: usize = 18;
    pub(in crate::capture) const RSP: usize = 19;
    pub(in crate::capture) const SS: usize = 20;
}

impl std::ops::Index<usize> for Registers {
    type Output = u64;

    fn index(&self, at: usize) -> &u64 {
        #[expect(clippy::indexing_slicing, reason = "places are the constants of `reg`")]
        &self.0[at]
    }
}

impl std::ops::IndexMut<usize> for Registers {
    fn index_mut(&mut self, at: usize) -> &mut u64 {
        #[expect(clippy::indexing_slicing, reason = "places are the constants of `reg`")]
        &mut self.0[at]
    }
}

/// Sets of registers besides the general ones, by the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegisterSet {
    /// The general ones (NT_PRSTATUS).
    General = 1,
    /// Floating point, as `user_fpregs_struct` (NT_PRFPREG).
    Float = 2,
    /// All of `xsave` (NT_X86_XSTATE).
    Extended = 0x202,
}

/// Why a traced thread reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It stands still because it was asked to, or with its whole process.
    Stopped,
    /// It enters or leaves a system call.
    Syscall,
    /// It has cloned.
    Cloned,
    /// It is about to get a signal.
    Signal(i32),
    /// It has ended.
    Gone,
}

/// A signal stop of a system call carries this bit, once it was asked for.
const SYSGOOD: i32 = 0x80;
const OPTION_SYSGOOD: libc::c_int = libc::PTRACE_O_TRACESYSGOOD;
/// Waits for children of every kind, and for traced threads.
const WALL: u32 = libc::__WALL as u32;

/// What else a traced thread shall report or do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing.
    Nothing,
    /// Its children by `clone`, which are then traced from their first moment.
    Clones,
    /// To be killed if the tracer ends.
    EndWithTracer,
}

impl Wish {
    fn options(self) -> libc::c_int {
        OPTION_SYSGOOD
            | match self {
                Self::Nothing => 0,
                Self::Clones => libc::PTRACE_O_TRACECLONE,
                Self::EndWithTracer => libc::PTRACE_O_EXITKILL,
            }
    }
}

/// `ptrace` with a number and what its last word is: a number too, or the address of a buffer.
fn call<T>(request: libc::c_uint, tid: i32, number: usize, data: *mut T) -> io::Result<usize> {
    // SAFETY: where a request takes its last word for an address, the callers below pass that of a buffer of the size that the request
    // fills or reads, which they hold across the call; everything else that a request does, it does to another process.
    let result = unsafe { libc::ptrace(request, tid, ptr::without_provenance_mut::<u8>(number), data) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// As `call`, with two numbers.
fn ask(request: libc::c_uint, tid: i32, data: libc::c_int) -> io::Result<()> {
    call(request, tid, 0, ptr::without_provenance_mut::<u8>(data as usize)).map(drop)
}

/// Starts to trace a thread, without stopping it.
pub(super) fn seize(tid: i32) -> io::Result<()> {
    ask(libc::PTRACE_SEIZE, tid, Wish::Nothing.options())
}

/// Asks a thread to stop. It reports `Stopped`, perhaps after other events.
pub(super) fn interrupt(tid: i32) -> io::Result<()> {
    ask(libc::PTRACE_INTERRUPT, tid, 0)
}

/// Lets a stopped thread go on, with a signal or 0.
pub(super) fn go_on(tid: i32, signal: i32) -> io::Result<()> {
    ask(libc::PTRACE_CONT, tid, signal)
}

/// As `go_on`, to the next beginning or end of a system call.
pub(super) fn go_on_to_syscall(tid: i32, signal: i32) -> io::Result<()> {
    ask(libc::PTRACE_SYSCALL, tid, signal)
}

/// Lets go of a stopped thread.
pub(super) fn detach(tid: i32, signal: i32) -> io::Result<()> {
    ask(libc::PTRACE_DETACH, tid, signal)
}

/// Sets what a stopped thread reports.
pub(super) fn wish(tid: i32, wish: Wish) -> io::Result<()> {
    ask(libc::PTRACE_SETOPTIONS, tid, wish.options())
}

/// Returns the id of the process that a thread which reports `Cloned` has made.
pub(super) fn cloned(tid: i32) -> io::Result<i32> {
    let mut id: libc::c_ulong = 0;
    call(libc::PTRACE_GETEVENTMSG, tid, 0, ptr::from_mut(&mut id))?;
    i32::try_from(id).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Reads registers of a stopped thread: as many bytes as there are.
pub(super) fn register_set(tid: i32, set: RegisterSet) -> io::Result<Vec<u8>> {
    /// More than any set has.
    const MOST: usize = 1 << 16;
    let mut bytes = vec![0u8; MOST];
    let mut slice = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    call(libc::PTRACE_GETREGSET, tid, set as usize, ptr::from_mut(&mut slice))?;
    bytes.truncate(slice.iov_len);
    Ok(bytes)
}

/// Reads the general registers of a stopped thread.
pub(super) fn registers(tid: i32) -> io::Result<Registers> {
    let bytes = register_set(tid, RegisterSet::General)?;
    let mut registers = Registers([0; 27]);
    if bytes.len() != 8 * registers.0.len() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a thread of 32 bits"));
    }
    for (register, word) in registers.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *register = u64::from_le_bytes(*word);
    }
    Ok(registers)
}

/// Sets the general registers of a stopped thread: all or none.
pub(super) fn set_registers(tid: i32, registers: &Registers) -> io::Result<()> {
    let mut words = registers.0;
    let mut slice = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size_of_val(&words) };
    call(libc::PTRACE_SETREGSET, tid, RegisterSet::General as usize, ptr::from_mut(&mut slice)).map(drop)
}

/// Reads which signals a stopped thread holds back.
pub(super) fn signal_mask(tid: i32) -> io::Result<u64> {
    let mut mask = 0u64;
    call(libc::PTRACE_GETSIGMASK, tid, size_of::<u64>(), ptr::from_mut(&mut mask))?;
    Ok(mask)
}

/// Sets which signals a stopped thread holds back.
pub(super) fn set_signal_mask(tid: i32, mask: u64) -> io::Result<()> {
    let mut mask = mask;
    call(libc::PTRACE_SETSIGMASK, tid, size_of::<u64>(), ptr::from_mut(&mut mask)).map(drop)
}

/// Reads a filter of a stopped thread's system calls: the newest is number 0. One that is not there is `ENOENT`.
pub(super) fn filter(tid: i32, number: usize) -> io::Result<Vec<Instruction>> {
    /// The kernel takes no longer one.
    const MOST: usize = 4096;
    /// PTRACE_SECCOMP_GET_FILTER.
    const GET_FILTER: libc::c_uint = 0x420c;
    let mut words = vec![0u64; MOST];
    let count = call(GET_FILTER, tid, number, words.as_mut_ptr())?;
    words.truncate(count);
    let instruction = |word: u64| {
        let [low, high, if_true, if_false, constant @ ..] = word.to_le_bytes();
        Instruction { code: u16::from_le_bytes([low, high]), if_true, if_false, constant: u32::from_le_bytes(constant) }
    };
    Ok(words.into_iter().map(instruction).collect())
}

/// Takes the next event of a thread, if there is one.
pub(super) fn event(tid: i32) -> io::Result<Option<Event>> {
    let pid = Pid::from_raw(tid).ok_or(io::ErrorKind::InvalidInput)?;
    match waitpid(Some(pid), WaitOptions::NOHANG | WaitOptions::from_bits_retain(WALL)) {
        Ok(None) => Ok(None),
        Ok(Some((_, status))) => Ok(Some(decoded(status.as_raw()))),
        Err(rustix::io::Errno::CHILD) => Ok(Some(Event::Gone)),
        Err(error) => Err(error.into()),
    }
}

/// Reads a status of `waitpid`.
fn decoded(status: i32) -> Event {
    if status & 0xff != 0x7f {
        return Event::Gone;
    }
    let signal = (status >> 8) & 0xff;
    match status >> 16 {
        libc::PTRACE_EVENT_STOP => Event::Stopped,
        libc::PTRACE_EVENT_CLONE => Event::Cloned,
        _ if signal == libc::SIGTRAP | SYSGOOD => Event::Syscall,
        _ => Event::Signal(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        let cases = [
            (0, Event::Gone),
            (9, Event::Gone),
            (0x80_0000 | libc::SIGTRAP << 8 | 0x7f, Event::Stopped),
            (0x80_0000 | libc::SIGSTOP << 8 | 0x7f, Event::Stopped),
            (libc::PTRACE_EVENT_CLONE << 16 | libc::SIGTRAP << 8 | 0x7f, Event::Cloned),
            ((libc::SIGTRAP | 0x80) << 8 | 0x7f, Event::Syscall),
            (libc::SIGTRAP << 8 | 0x7f, Event::Signal(libc::SIGTRAP)),
            (40 << 8 | 0x7f, Event::Signal(40)),
        ];
        for (status, expect) in cases {
            assert_eq!(decoded(status), expect, "{status:#x}");
        }
    }
}
