//! Lets a stopped process clone itself, and looks after the copy.
//!
//! A borrowed thread makes a chain of calls (see `chain`): lift the advice that keeps V8's heap out of clones, clone, clone a second time a
//! thread that waits for the copy's end, put the advice back, go on. From Node.js 18 on V8 marks its heap MADV_DONTFORK; without lifting
//! that, the copy has no heap. Sockets and files are shared with the copy, not doubled, so that closing one still closes it. The copy sends no
//! signal when it ends. It never runs: it stands still, traced; if we die it goes on, to its first and last call, `exit_group`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::chain::{self, Call, Chain, Gadgets, State};
use super::error::CaptureError;
use super::filter::{self, Filtering};
use super::proc::{self, Described, Mapping};
use super::threads::{Threads, next_event};
use super::trace::{self, Event, RegisterSet, Registers, Wish, reg};
use super::{Hook, bpf, places::Places};

/// How long a clone may take: page tables of 100 GB at 80 ms each.
const CLONE_LIMIT: Duration = Duration::from_secs(10);
/// How long a copy that was killed may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(10);

const MADVISE: u64 = 28;
const CLONE: u64 = 56;
const WAIT: u64 = 61;
const DONT_FORK: u64 = 10;
const DO_FORK: u64 = 11;
/// The copy shares files and the working directory, and sends no signal at its end.
const AS_COPY: u64 = (libc::CLONE_FILES | libc::CLONE_FS) as u64;
/// Its number is written where the reaper looks for it.
const TELL: u64 = libc::CLONE_PARENT_SETTID as u64;
/// The reaper is a thread of the process, which nobody traces.
const AS_THREAD: u64 = (libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_UNTRACED) as u64;

/// Below this, mappings lie where V8 wanted them, at random in 64 TiB; the kernel itself puts nothing there. So between two of V8's there is
/// nobody else's, nor will there be.
const V8_CHOOSES: u64 = 1 << 46;
/// Above this: a program that lies where it was linked has its variables, and what malloc takes for small pieces, in the first 4 GiB.
const PROGRAMS_OWN: u64 = 1 << 32;

/// Stretches of the address space that are kept out of clones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advice {
    /// The stretches: memory of V8's, and what lies between is nobody's.
    runs: Vec<(u64, u64)>,
    /// All anonymous mappings that there were and of which it is known whether they are kept out. V8 asks for memory first and keeps it out a moment
    /// later: of what could not be used yet (Node.js 18 to 22), or lies where V8 puts things (24 and 26, where it can be used at once), nobody knows
    /// whether that moment has passed since.
    known: Vec<(u64, u64)>,
}

impl Advice {
    /// Finds them in what the kernel says of each mapping.
    pub(super) fn of(mappings: &[Described]) -> Self {
        let mut advice = Self::default();
        let mut is_open = false;
        // Node.js 16 keeps nothing out.
        let keeps_out = mappings.iter().any(|described| is_of_v8(&described.mapping) && described.has("dc"));
        for described in mappings {
            let mapping = &described.mapping;
            let is_kept_out = mapping.is_anonymous() && described.has("dc") && !described.has("io") && !described.has("pf");
            if is_in_use(mapping) && !(keeps_out && is_of_v8(mapping)) {
                advice.known.push((mapping.start, mapping.end));
            }
            if is_kept_out {
                match advice.runs.last_mut() {
                    Some(run) if is_open && (run.1 == mapping.start || mapping.end <= V8_CHOOSES) => run.1 = mapping.end,
                    _ => advice.runs.push((mapping.start, mapping.end)),
                }
            }
            is_open = is_kept_out;
        }
        advice
    }

    /// Says whether all anonymous memory that is in use is known or lies inside a stretch: if not, nobody knows what the kernel was told of it.
    pub(super) fn covers(&self, mappings: &[Mapping]) -> bool {
        let is_known = |start: u64, end: u64| {
            let holds = |&(from, to): &(u64, u64)| from <= start && end <= to;
            self.runs.iter().any(holds) || self.known.iter().any(holds)
        };
        mappings.iter().filter(|mapping| is_in_use(mapping)).all(|mapping| is_known(mapping.start, mapping.end))
    }

    fn calls(&self, advice: u64) -> impl Iterator<Item = Call> {
        self.runs.iter().map(move |&(start, end)| Call { number: MADVISE, arguments: [start, end - start, advice, 0, 0] })
    }
}

/// Says whether a mapping lies where only V8 puts any.
fn is_of_v8(mapping: &Mapping) -> bool {
    mapping.is_anonymous() && mapping.start >= PROGRAMS_OWN && mapping.end <= V8_CHOOSES
}

/// Says whether a mapping is memory from nowhere that holds something, or may.
fn is_in_use(mapping: &Mapping) -> bool {
    mapping.is_anonymous() && mapping.rights.contains(&true)
}

/// A stopped process that is about to clone itself.
pub(super) struct Target<'a> {
    /// The process.
    pub(super) pid: i32,
    /// When it was started, in ticks since the system was.
    pub(super) started: u64,
    /// Its memory, for writing.
    pub(super) memory: &'a File,
    /// Its mappings now.
    pub(super) mappings: &'a [Mapping],
    /// The registers of its threads.
    pub(super) registers: &'a [(i32, Registers)],
    /// Where what is.
    pub(super) places: &'a Places,
    /// What is kept out of clones.
    pub(super) advice: &'a Advice,
}

/// A copy of a process, standing still. Ended and reaped when dropped.
#[derive(Debug)]
pub(super) struct Copy {
    /// Its number.
    pub(super) pid: i32,
    /// The process that it is a copy of.
    target: i32,
    /// Who reaps it.
    reaped: Reaped,
    ended: bool,
}

/// Who waits for a copy, so that it leaves the table of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reaped {
    /// A thread of the target that ends with it.
    ByItself,
    /// We must make the target wait, if it is still the same.
    ByUs(Reaping),
}

/// What is to be known to make a process wait for a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reaping {
    /// The copy's number as the target sees it.
    number: u64,
    /// When the target was started.
    started: u64,
    /// Where what was in it.
    places: Places,
}

/// Lets a process clone itself. All its threads stand still before and after; only the borrowed one has calls left to make when it goes on.
pub(super) fn fork(target: &Target<'_>, threads: &mut Threads, hook: Hook<'_>) -> Result<Copy, CaptureError> {
    let spare = target.places.spare.filter(|&at| !is_used(at, target.registers));
    let (tid, resumed) = borrowed(target)?;
    let after = state(tid, resumed)?;
    let calls = |copy_stack: u64| calls(target.advice, spare, copy_stack);
    // Where the copy's stack lies follows from how many calls there are, not from what they say.
    let copy_stack = chain::chain(&calls(0), &after, target.places.gadgets).copy_stack;
    let calls = calls(copy_stack);
    if let Some(why) = filter::ask(tid, &seen(&calls, &after.registers, target.places.gadgets)).objection() {
        return Err(CaptureError::NoFork { pid: target.pid, why });
    }
    let chain = chain::chain(&calls, &after, target.places.gadgets);
    write(target, spare, &chain, &after)?;
    hook.at("written");
    inject(tid, &chain, &after, target.places.gadgets)?;
    threads.runs(tid);
    hook.at("injected");
    // If we die before this, a signal may reach the thread between two calls: its handler runs below frames that were used, and returns.
    trace::set_signal_mask(tid, u64::MAX).map_err(io("holding back signals"))?;
    hook.at("masked");
    let made = follow(target.pid, tid, &calls, hook)?;
    threads.stands(tid);
    let reaped = if spare.is_some() && made.reaper {
        Reaped::ByItself
    } else {
        Reaped::ByUs(Reaping { number: made.number, started: target.started, places: target.places.clone() })
    };
    Ok(Copy { pid: made.pid, target: target.pid, reaped, ended: false })
}

/// The calls of a chain that clones.
fn calls(advice: &Advice, spare: Option<u64>, copy_stack: u64) -> Vec<Call> {
    let tell = if spare.is_some() { TELL } else { 0 };
    let number = spare.map_or(0, chain::reaped);
    let clone = Call { number: CLONE, arguments: [AS_COPY | tell, copy_stack, number, 0, 0] };
    let reaper = spare.map(|at| Call { number: CLONE, arguments: [AS_THREAD, at, 0, 0, 0] });
    advice.calls(DO_FORK).chain([clone]).chain(reaper).chain(advice.calls(DONT_FORK)).collect()
}

/// All that a chain and those whom it clones ask of the kernel.
fn seen(calls: &[Call], first: &Registers, gadgets: Gadgets) -> Vec<bpf::Call> {
    let of_clones = std::iter::once(chain::OF_COPY).chain(chain::OF_REAPER);
    let all: Vec<Call> = calls.iter().copied().chain(of_clones).collect();
    chain::seen(&all, first, gadgets)
}

/// Asks whether filters let a process clone itself, by one of its threads that is stopped for that moment. Its memory and mappings are as they
/// were just before: where that matters to a filter, it is asked again before it counts.
pub(super) fn ask_filters(pid: i32, tid: i32) -> Filtering {
    let unknown = |_| Filtering::Unknown("the thread that has it could not be stopped");
    let plan = || -> io::Result<(Option<Places>, Advice)> {
        let memory = File::open(proc::path(pid, "mem"))?;
        let described = proc::mappings_described(pid)?;
        let mappings: Vec<Mapping> = described.iter().map(|described| described.mapping.clone()).collect();
        Ok((super::places::find(&memory, &mappings), Advice::of(&described)))
    };
    let Ok((Some(places), advice)) = plan() else { return Filtering::Unknown("its C library has no call that can be borrowed") };
    let calls = calls(&advice, places.spare, 0);
    let stopped = || -> Result<Filtering, CaptureError> {
        let mut threads = Threads::seize_one(pid, tid).map_err(|refusal| CaptureError::of_seizing(pid, refusal))?;
        threads.stop_seized()?;
        let registers = trace::registers(tid).map_err(io("reading its registers"))?;
        Ok(filter::ask(tid, &seen(&calls, &registers, places.gadgets)))
    };
    stopped().unwrap_or_else(unknown)
}

/// Says whether a reaper of another capture still waits there.
fn is_used(at: u64, registers: &[(i32, Registers)]) -> bool {
    registers.iter().any(|(_, registers)| is_at(at, registers))
}

/// Says whether a thread's stack lies in the bytes for a reaper.
fn is_at(spare: u64, registers: &Registers) -> bool {
    (spare..spare + chain::REAPER as u64 + 8).contains(&registers[reg::RSP])
}

/// Says whether a thread may be another capture's reaper, whose stack is a library's variables: by where that lies, or by its waiting.
fn may_reap(registers: &Registers, spare: Option<u64>) -> bool {
    registers[reg::ORIG_RAX] == WAIT || spare.is_some_and(|spare| is_at(spare, registers))
}

/// Chooses the thread that is borrowed, and tells the registers with which it goes on afterwards.
///
/// One that waits for work is best: a pool of V8's or libuv's. The program's own thread is the last choice.
fn borrowed(target: &Target<'_>) -> Result<(i32, Registers), CaptureError> {
    /// Below what a chain takes, this much stays.
    const SPARE_STACK: u64 = 8192;
    const FUTEX: u64 = 202;
    let extended = 16_384;
    let room = chain::room(2 * target.advice.runs.len() + 2, extended) + SPARE_STACK;
    let has_room = |registers: &Registers| {
        let stack = registers[reg::RSP];
        let holds = |mapping: &&Mapping| mapping.start <= stack.saturating_sub(room) && stack < mapping.end;
        target.mappings.iter().find(holds).is_some_and(|mapping| mapping.private && mapping.rights == [true, true, false])
    };
    let rank = |tid: i32, registers: &Registers| {
        let waits = registers[reg::ORIG_RAX] == FUTEX && is_restarted(registers);
        let in_call = registers[reg::ORIG_RAX] != u64::MAX;
        (tid == target.pid, !waits, !in_call)
    };
    let is_free = |registers: &Registers| has_room(registers) && !may_reap(registers, target.places.spare);
    let usable = target.registers.iter().filter(|(_, registers)| is_free(registers));
    let usable = usable.filter_map(|(tid, registers)| Some((rank(*tid, registers), *tid, resumed(registers)?)));
    let best = usable.min_by_key(|(rank, tid, _)| (*rank, *tid));
    let none = || CaptureError::NoFork { pid: target.pid, why: "no thread of it can be borrowed now".to_owned() };
    best.map(|(_, tid, registers)| (tid, registers)).ok_or_else(none)
}

/// Results of system calls with which the kernel marks that a call is to be made again: at once, without and with signals, and by a call of
/// its own that remembers the arguments.
const RESTART: std::ops::RangeInclusive<i64> = -514..=-512;
const RESTART_BLOCK: i64 = -516;

fn is_restarted(registers: &Registers) -> bool {
    registers[reg::ORIG_RAX] != u64::MAX && RESTART.contains(&registers[reg::RAX].cast_signed())
}

/// Returns the registers with which a thread goes on, as the kernel would set them. `None` where the kernel remembers an unfinished wait
/// of limited time, which loading registers would make it forget.
fn resumed(registers: &Registers) -> Option<Registers> {
    /// The length of `syscall`.
    const INSTRUCTION: u64 = 2;
    let mut resumed = registers.clone();
    if is_restarted(registers) {
        resumed[reg::RAX] = registers[reg::ORIG_RAX];
        resumed[reg::RIP] = registers[reg::RIP].wrapping_sub(INSTRUCTION);
    } else if registers[reg::ORIG_RAX] != u64::MAX && registers[reg::RAX].cast_signed() == RESTART_BLOCK {
        return None;
    }
    Some(resumed)
}

fn io(doing: &'static str) -> impl Fn(io::Error) -> CaptureError {
    move |source| CaptureError::Io { doing, source }
}

fn state(tid: i32, registers: Registers) -> Result<State, CaptureError> {
    let mask = trace::signal_mask(tid).map_err(io("reading which signals it holds back"))?;
    let extended = trace::register_set(tid, RegisterSet::Extended).map_err(io("reading its floating point registers"))?;
    Ok(State { registers, mask, extended })
}

/// Puts the chain below the borrowed thread's stack, and the reaper into the bytes that nobody owns.
fn write(target: &Target<'_>, spare: Option<u64>, chain: &Chain, after: &State) -> Result<(), CaptureError> {
    if let Some(at) = spare {
        let reaper = chain::reaper(at, target.places.gadgets, &after.registers);
        target.memory.write_all_at(&reaper, at).map_err(io("writing beside its variables"))?;
    }
    target.memory.write_all_at(&chain.bytes, chain.base).map_err(io("writing below its stack"))
}

/// Lets a thread begin a chain when it goes on: from here to its end, it needs nobody.
fn inject(tid: i32, chain: &Chain, after: &State, gadgets: Gadgets) -> Result<(), CaptureError> {
    let mut registers = after.registers.clone();
    registers[reg::RIP] = gadgets.next;
    registers[reg::RSP] = chain.first;
    // Not inside a system call, so that the kernel restarts none.
    registers[reg::ORIG_RAX] = u64::MAX;
    trace::set_registers(tid, &registers).map_err(io("setting its registers"))
}

/// What a chain made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Made {
    /// The copy.
    pid: i32,
    /// The copy's number as the target sees it.
    number: u64,
    /// Whether a reaper waits for it.
    reaper: bool,
}

/// Follows the chain to where everything is cloned. The thread stands still then.
fn follow(pid: i32, tid: i32, calls: &[Call], hook: Hook<'_>) -> Result<Made, CaptureError> {
    let until = Instant::now() + CLONE_LIMIT;
    let failed = |why: &str| CaptureError::NoFork { pid, why: why.to_owned() };
    trace::wish(tid, Wish::Clones).map_err(io("asking for its clones"))?;
    let mut made: Option<Made> = None;
    let last = calls.iter().rposition(|call| call.number == CLONE).map_or(0, |last| last + 1);
    for call in calls.iter().take(last) {
        let (result, copy) = follow_call(pid, tid, until, hook)?;
        match (call.number, &mut made) {
            (CLONE, None) if result < 0 => {
                let source = io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(0));
                return Err(CaptureError::Clone { pid, source });
            }
            (CLONE, None) => {
                let copy = copy.ok_or_else(|| failed("its copy was not reported"))?;
                made = Some(Made { pid: copy, number: result.cast_unsigned(), reaper: false });
                hook.at("cloned");
            }
            (CLONE, Some(made)) => made.reaper = result > 0,
            // Between two mappings there is nothing, of which the kernel complains, but only when it is done.
            _ if result == 0 || result == -i64::from(libc::ENOMEM) => {}
            _ => return Err(failed("the kernel does not let its heap be cloned")),
        }
    }
    made.ok_or_else(|| failed("it was not asked to"))
}

/// Follows one call of a chain: in and out of `rt_sigreturn`, into the call and out of it. Returns its result and the process it cloned.
fn follow_call(pid: i32, tid: i32, until: Instant, hook: Hook<'_>) -> Result<(i64, Option<i32>), CaptureError> {
    const RETURN: u32 = 2;
    const CALL: u32 = 2;
    let mut copy = None;
    let mut stops = RETURN + CALL;
    loop {
        for _ in 0..stops {
            copy = next_syscall(pid, tid, until)?.or(copy);
            hook.at("calling");
        }
        let result = trace::registers(tid).map_err(io("reading a result"))?[reg::RAX].cast_signed();
        // A signal that cannot be held back (SIGSTOP) keeps the kernel from cloning: it is seen to first, and then the call is made again.
        if !RESTART.contains(&result) {
            return Ok((result, copy));
        }
        stops = CALL;
    }
}

/// Lets a thread go on to the next beginning or end of a system call. Returns the process that it has cloned on the way.
fn next_syscall(pid: i32, tid: i32, until: Instant) -> Result<Option<i32>, CaptureError> {
    let (mut signal, mut copy) = (0, None);
    loop {
        trace::go_on_to_syscall(tid, signal).map_err(|error| CaptureError::of_reading(pid, "cloning itself", error))?;
        signal = 0;
        match next_event(tid, until).map_err(io("waiting for it to clone itself"))? {
            Some(Event::Syscall) => return Ok(copy),
            Some(Event::Cloned) => copy = trace::cloned(tid).ok(),
            Some(Event::Signal(other)) => signal = other,
            Some(Event::Stopped) => {}
            Some(Event::Gone) => return Err(CaptureError::Gone { pid, doing: "cloning itself" }),
            None => return Err(CaptureError::NoFork { pid, why: "it took too long".to_owned() }),
        }
    }
}

impl Copy {
    /// Waits until the copy stands still, and sees to it that it dies first: with us, or where memory is short.
    pub(super) fn settle(&self) -> Result<(), CaptureError> {
        let until = Instant::now() + END_LIMIT;
        loop {
            match next_event(self.pid, until).map_err(io("waiting for the copy"))? {
                Some(Event::Stopped) => break,
                Some(Event::Gone) | None => return Err(CaptureError::CopyEnded { pid: self.target }),
                Some(_) => drop(trace::go_on(self.pid, 0)),
            }
        }
        trace::wish(self.pid, Wish::EndWithTracer).map_err(|_| CaptureError::CopyEnded { pid: self.target })?;
        // Only a kernel without this file, or one that hides it, does not take it.
        let _ = fs::write(proc::path(self.pid, "oom_score_adj"), "1000");
        Ok(())
    }

    /// Says whether it stands still no more: somebody has ended it.
    pub(super) fn has_ended(&self) -> bool {
        // Nobody else gets its number before we have heard of its end.
        proc::stat(self.pid, "stat").map(|stat| stat.state).ok() != Some('t')
    }

    /// Ends the copy. Its target has no child more than before.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        kill(self.pid);
        let until = Instant::now() + END_LIMIT;
        while let Ok(Some(event)) = next_event(self.pid, until) {
            if event == Event::Gone {
                break;
            }
        }
        if let Reaped::ByUs(reaping) = &self.reaped {
            // What fails here leaves an entry in the table of processes, until the target ends.
            let _ = reap(self.target, reaping);
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends copies that were made without our hearing of it, because the process, or the thread that made them, was ended in that moment. They
/// are traced by us all the same, from their first moment on. A copy is a child of its process; where that has ended, of whoever takes orphans,
/// and then it is told by this very thread's tracing it, which has nothing else to trace.
pub(super) fn end_unheard_of(target: i32) {
    // The kernel names the thread that traces, which need not be our first.
    let Some(own) = proc::own_thread() else { return };
    let has_ended = !proc::is_alive(target, target);
    let may_be_copy = |pid: i32| pid != target && proc::stat(pid, "stat").is_ok_and(|stat| has_ended || stat.parent == target);
    for pid in proc::processes().into_iter().filter(|&pid| may_be_copy(pid)) {
        if proc::status(pid).is_ok_and(|status| status.tracer == own) {
            Copy { pid, target, reaped: Reaped::ByItself, ended: false }.end();
        }
    }
}

fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Says whether a process is the one that it was when it was cloned: not another of its number, and not another program since.
fn is_still(pid: i32, reaping: &Reaping, mappings: &[Mapping]) -> bool {
    proc::stat(pid, "stat").is_ok_and(|stat| stat.started == reaping.started) && mappings.contains(&reaping.places.code)
}

/// Borrows a thread of the target for one call: to wait for a copy that has ended. A process that is not the same is left alone.
fn reap(pid: i32, reaping: &Reaping) -> Result<(), CaptureError> {
    let Reaping { number, places, .. } = reaping;
    // The last thread is one of a pool mostly; the first is the program's own.
    let tids = proc::threads(pid).map_err(io("listing its threads"))?;
    for tid in tids.into_iter().rev() {
        let mut threads = Threads::seize_one(pid, tid).map_err(|refusal| io("seizing a thread")(refusal.source))?;
        threads.stop_seized()?;
        // Opened before it is looked at: if it becomes another program after that, this memory is nobody's.
        let memory = File::options().read(true).write(true).open(proc::path(pid, "mem")).map_err(io("opening its memory"))?;
        let mappings = proc::mappings(pid).map_err(io("reading its mappings"))?;
        if !is_still(pid, reaping, &mappings) {
            return Ok(());
        }
        let (registers, advice) = (threads.registers()?, Advice::default());
        let target =
            Target { pid, started: reaping.started, memory: &memory, mappings: &mappings, registers: &registers, places, advice: &advice };
        let Ok((tid, resumed)) = borrowed(&target) else { continue };
        let after = state(tid, resumed)?;
        let wait = Call { number: WAIT, arguments: [*number, 0, (libc::WNOHANG | libc::__WALL) as u64, 0, 0] };
        if filter::ask(tid, &chain::seen(&[wait], &after.registers, places.gadgets)).objection().is_some() {
            return Ok(());
        }
        let chain = chain::chain(&[wait], &after, places.gadgets);
        write(&target, None, &chain, &after)?;
        inject(tid, &chain, &after, places.gadgets)?;
        trace::set_signal_mask(tid, u64::MAX).map_err(io("holding back signals"))?;
        // Let go, it makes the call and goes on where it was.
        return Ok(());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(start: u64, end: u64, flags: &str) -> Described {
        let file = flags.starts_with("file");
        let name = if file { "/usr/lib/libc.so.6" } else { "" };
        let rights = [true, true, false];
        let mapping = Mapping { start, end, rights, private: true, offset: 0, has_file: file, name: name.to_owned() };
        Described { mapping, flags: flags.to_owned(), resident: 0, swapped: 0 }
    }

    /// Where V8 puts things.
    const V8: u64 = 0x2000_0000_0000;

    #[test]
    fn stretches_join_where_nobody_else_can_be() {
        let high = 0x7f00_0000_0000;
        let mappings = [
            mapping(0x1000, 0x2000, "rd wr"),
            mapping(V8 + 0x1000, V8 + 0x2000, "rd wr dc"),
            mapping(V8 + 0x8000, V8 + 0x9000, "rd wr dc"),
            mapping(V8 + 0x9000, V8 + 0xa000, "rd wr"),
            mapping(V8 + 0xb000, V8 + 0xc000, "rd wr dc"),
            mapping(V8 + 0xc000, V8 + 0xd000, "rd wr dc io"),
            mapping(high, high + 0x1000, "rd wr dc"),
            mapping(high + 0x1000, high + 0x2000, "mr dc"),
            mapping(high + 0x3000, high + 0x4000, "rd dc"),
            mapping(high + 0x5000, high + 0x6000, "file dc"),
        ];
        let advice = Advice::of(&mappings);
        let expect = [(V8 + 0x1000, V8 + 0x9000), (V8 + 0xb000, V8 + 0xc000), (high, high + 0x2000), (high + 0x3000, high + 0x4000)];
        assert_eq!(advice.runs, expect);
        let cases = [
            (0x1000, 0x2000, true),
            (V8 + 0x3000, V8 + 0x4000, true),
            (V8 + 0xa000, V8 + 0xb000, false),
            (high + 0x2000, high + 0x3000, false),
        ];
        for (start, end, expect) in cases {
            assert_eq!(advice.covers(&[mapping(start, end, "").mapping]), expect, "{start:#x}");
        }
    }

    /// V8 maps memory, which nobody may use yet up to Node.js 22, and keeps it out of clones then.
    #[test]
    fn what_v8_has_just_got_may_be_kept_out_since() {
        let reserved = |start: u64, end: u64, flags: &str| {
            let described = mapping(start, end, flags);
            Described { mapping: Mapping { rights: [false; 3], ..described.mapping }, ..described }
        };
        let check = |then: &[Described], now: &Described, expect: bool| {
            assert_eq!(Advice::of(then).covers(std::slice::from_ref(&now.mapping)), expect, "{then:?} {now:?}");
        };
        let kept_out = reserved(V8 + 0x2000, V8 + 0x3000, "mr dc");
        check(&[reserved(0x5000, 0x9000, "mr mw")], &mapping(0x5000, 0x7000, ""), false);
        check(&[reserved(0x5000, 0x9000, "mr mw")], &reserved(0x5000, 0x9000, ""), true);
        check(std::slice::from_ref(&kept_out), &mapping(V8 + 0x2000, V8 + 0x3000, ""), true);
        // Node.js 24 and 26 can use it at once.
        let got = mapping(V8 + 0x9000, V8 + 0xb000, "rd wr");
        check(&[kept_out.clone(), got.clone()], &got, false);
        check(&[kept_out, reserved(V8 + 0x9000, V8 + 0xb000, "mr")], &reserved(V8 + 0x9000, V8 + 0xb000, "mr"), true);
        // Node.js 16 keeps nothing out.
        check(std::slice::from_ref(&got), &got, true);
    }

    #[test]
    fn only_the_process_that_was_cloned_is_made_to_wait() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mappings = proc::mappings(pid).unwrap();
        let places = super::super::places::find(&File::open("/proc/self/mem").unwrap(), &mappings).unwrap();
        let same = Reaping { number: 1, started: proc::stat(pid, "stat").unwrap().started, places };
        let later = Reaping { started: same.started + 1, ..same.clone() };
        let without: Vec<Mapping> = mappings.iter().filter(|mapping| **mapping != same.places.code).cloned().collect();
        for (reaping, mappings, expect) in [(&same, &mappings, true), (&later, &mappings, false), (&same, &without, false)] {
            assert_eq!(is_still(pid, reaping, mappings), expect);
        }
    }

    #[test]
    fn a_reaper_is_not_borrowed() {
        let spare = 0x7f00_0000_0100;
        let cases = [
            (WAIT, spare, Some(spare), true),
            (WAIT, 0x7fff_0000_0000, None, true),
            (u64::MAX, spare + 8, Some(spare), true),
            (202, spare, None, false),
            (202, 0x7fff_0000_0000, Some(spare), false),
            (u64::MAX, spare + 0x1000, Some(spare), false),
        ];
        for (orig, stack, spare, expect) in cases {
            let mut registers = Registers([0; 27]);
            (registers[reg::ORIG_RAX], registers[reg::RSP]) = (orig, stack);
            assert_eq!(may_reap(&registers, spare), expect, "{orig} {stack:#x} {spare:?}");
        }
    }

    #[test]
    fn a_call_that_was_interrupted_is_made_again() {
        let registers = |orig: i64, result: i64| {
            let mut registers = Registers([0; 27]);
            (registers[reg::ORIG_RAX], registers[reg::RAX], registers[reg::RIP]) = (orig.cast_unsigned(), result.cast_unsigned(), 0x1002);
            registers
        };
        let cases = [
            (202, -512, Some((202, 0x1000))),
            (7, -514, Some((7, 0x1000))),
            (202, -516, None),
            (232, -4, Some((-4, 0x1002))),
            (-1, -512, Some((-512, 0x1002))),
            (-1, -516, Some((-516, 0x1002))),
        ];
        for (orig, result, expect) in cases {
            let found = resumed(&registers(orig, result)).map(|after| (after[reg::RAX].cast_signed(), after[reg::RIP]));
            assert_eq!(found, expect, "{orig} {result}");
        }
    }
}
