//! A chain of system calls that a thread makes by itself and then goes on as if nothing had been.
//!
//! No code is put into the process. A frame, as the kernel lays it on a stack for a signal's handler, holds all registers; `rt_sigreturn` loads
//! them. A chain is such frames one above the other, below the stack of a borrowed thread. Each frame sets the registers for one system call and
//! the stack to the word above itself; there stands the address of the C library's own call of `rt_sigreturn`, which loads the next frame. The
//! last frame holds the registers, the signal mask and the floating point state that the thread had. So once its registers are
//! set to the first frame, which is a single act of the kernel, the thread needs nobody: if its tracer dies at any moment, it makes the calls
//! that are left and goes on where it was.
//!
//! Knows layouts of the kernel for x86-64. Touches no process.

use super::bpf;
use super::trace::{Registers, reg};

/// A system call: its number and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Its number.
    pub(super) number: u64,
    /// Its arguments.
    pub(super) arguments: [u64; 5],
}

/// Instructions of the target's own code that a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gadgets {
    /// `syscall` and then `ret`.
    pub(super) call: u64,
    /// The number of `rt_sigreturn` into RAX, and `syscall`: where handlers of signals return to.
    pub(super) next: u64,
    /// The address behind that `syscall`.
    pub(super) next_end: u64,
}

/// What the thread is to be afterwards.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Its registers, as they are when it goes on.
    pub(super) registers: Registers,
    /// The signals that it holds back.
    pub(super) mask: u64,
    /// Its state of `xsave`, as the kernel gives it.
    pub(super) extended: Vec<u8>,
}

/// A chain, laid out for one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Where its bytes go.
    pub(super) base: u64,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// The address of the first frame: the stack pointer to start with.
    pub(super) first: u64,
    /// Where the stack of a cloned process begins.
    pub(super) copy_stack: u64,
}

/// The bytes of a frame that `rt_sigreturn` reads: `ucontext`. The kernel's frame also has a return address before it, and `siginfo` behind, which is not read.
const CONTEXT: usize = 304;
/// A frame, and the word above it that leads to the next.
const LINK: usize = CONTEXT + 8;
/// Below its stack pointer a function may keep 128 bytes.
const RED_ZONE: u64 = 128;
const ALIGNMENT: u64 = 64;
/// In `ucontext`: the state of `xsave` is there, and SS is to be taken as it stands.
const FLAGS: u64 = 1 | 2 | 4;
/// A kind of alternate stack that does not exist: the kernel then leaves the thread's own as it is.
const NO_SUCH_STACK: u32 = 4;
/// Where in `ucontext` its parts are.
const STACK_FLAGS: usize = 24;
const GENERAL: usize = 40;
const SEGMENTS: usize = GENERAL + 144;
const FLOAT: usize = GENERAL + 184;
const MASK: usize = 296;
/// Registers in the order in which a frame holds them.
const ORDER: [usize; 18] = [
    reg::R8,
    reg::R9,
    reg::R10,
    reg::R11,
    reg::R12,
    reg::R13,
    reg::R14,
    reg::R15,
    reg::RDI,
    reg::RSI,
    reg::RBP,
    reg::RBX,
    reg::RDX,
    reg::RAX,
    reg::RCX,
    reg::RSP,
    reg::RIP,
    reg::FLAGS,
];
/// The place of RDI among them.
const RDI: usize = 8;

/// Where in the state of `xsave` the kernel looks for what it is: 48 bytes that the hardware leaves alone.
const SOFTWARE: usize = 464;
const MAGIC_FRONT: u32 = 0x4650_5853;
const MAGIC_BACK: u32 = 0x4650_5845;
/// The old part and the header, which are always there.
const LEAST: usize = 576;
const HEADER: usize = 512;

/// `exit_group`.
const EXIT_GROUP: u64 = 231;
/// `exit`, of one thread.
const EXIT: u64 = 60;
/// `wait4`.
const WAIT: u64 = 61;
/// Also children that send no signal.
const ALL_CHILDREN: u64 = 0x4000_0000;

/// Returns how many bytes below the stack pointer a chain of so many calls takes at most.
pub(super) fn room(calls: usize, extended: usize) -> u64 {
    ((calls + 2) * LINK + extended) as u64 + RED_ZONE + 3 * ALIGNMENT
}

/// Lays out a chain below the stack that the thread is to have afterwards.
pub(super) fn chain(calls: &[Call], after: &State, gadgets: Gadgets) -> Chain {
    let float = float_area(&after.extended);
    let top = (after.registers[reg::RSP] - RED_ZONE - float.len() as u64) & !(ALIGNMENT - 1);
    let length = (calls.len() + 2) * LINK;
    let base = (top - length as u64) & !(ALIGNMENT - 1);
    let mut bytes = Vec::with_capacity((top - base) as usize + float.len());
    for call in calls {
        // The stack of the call is the word above its frame.
        let stack = base + (bytes.len() + CONTEXT) as u64;
        bytes.extend(frame(&for_call(call, gadgets, stack, &after.registers), u64::MAX, top));
        bytes.extend(gadgets.next.to_le_bytes());
    }
    bytes.extend(frame(&after.registers, after.mask, top));
    let copy_stack = base + bytes.len() as u64;
    bytes.extend(ending(&OF_COPY, gadgets, &after.registers));
    bytes.resize((top - base) as usize, 0);
    bytes.extend(float);
    Chain { base, bytes, first: base, copy_stack }
}

/// The only call of a copy that nobody holds any more.
pub(super) const OF_COPY: Call = Call { number: EXIT_GROUP, arguments: [0; 5] };
/// The calls of a reaper. No process has the number that it waits for first: where the clone fails it stays, and the wait ends at once.
pub(super) const OF_REAPER: [Call; 2] =
    [Call { number: WAIT, arguments: [0x7fff_fff0, 0, ALL_CHILDREN, 0, 0] }, Call { number: EXIT, arguments: [0; 5] }];

/// All that a chain asks of the kernel, as a filter of system calls sees it: its calls, `rt_sigreturn` before, between and behind them, and what
/// those do who are cloned. `first` are the registers with which it begins.
pub(super) fn seen(calls: &[Call], first: &Registers, gadgets: Gadgets) -> Vec<bpf::Call> {
    /// The length of `syscall`.
    const INSTRUCTION: u64 = 2;
    const RETURN: u64 = 15;
    let six = |call: &Call| {
        let [one, two, three, four, five] = call.arguments;
        [one, two, three, four, five, 0]
    };
    let back = |arguments| bpf::Call { number: RETURN, from: gadgets.next_end, arguments };
    let made = |call: &Call| [bpf::Call { number: call.number, from: gadgets.call + INSTRUCTION, arguments: six(call) }, back(six(call))];
    let begin = back([reg::RDI, reg::RSI, reg::RDX, reg::R10, reg::R8, reg::R9].map(|register| first[register]));
    std::iter::once(begin).chain(calls.iter().flat_map(made)).collect()
}

/// What a thread does that waits for one child and ends: a stack for it, laid out for one place. Nothing follows it, so it restores nothing.
pub(super) fn reaper(at: u64, gadgets: Gadgets, segments: &Registers) -> Vec<u8> {
    let [wait, _] = OF_REAPER;
    let mut bytes = gadgets.next.to_le_bytes().to_vec();
    let stack = at + (bytes.len() + CONTEXT) as u64;
    bytes.extend(frame(&for_call(&wait, gadgets, stack, segments), u64::MAX, 0));
    let [_, exit] = OF_REAPER;
    bytes.extend(ending(&exit, gadgets, segments));
    bytes
}

/// How many bytes a reaper takes.
pub(super) const REAPER: usize = 8 + CONTEXT + LINK;

/// Returns where a reaper at that place keeps the number of the child that it waits for.
pub(super) fn reaped(at: u64) -> u64 {
    at + (8 + GENERAL + 8 * RDI) as u64
}

/// A stack whose only frame ends whoever returns to it.
fn ending(call: &Call, gadgets: Gadgets, segments: &Registers) -> Vec<u8> {
    let mut bytes = gadgets.next.to_le_bytes().to_vec();
    bytes.extend(frame(&for_call(call, gadgets, 0, segments), u64::MAX, 0));
    bytes
}

/// The registers with which a call is made.
fn for_call(call: &Call, gadgets: Gadgets, stack: u64, segments: &Registers) -> Registers {
    const PLAIN_FLAGS: u64 = 0x202;
    let mut registers = Registers([0; 27]);
    registers[reg::RAX] = call.number;
    for (at, argument) in [reg::RDI, reg::RSI, reg::RDX, reg::R10, reg::R8].into_iter().zip(call.arguments) {
        registers[at] = argument;
    }
    registers[reg::RIP] = gadgets.call;
    registers[reg::RSP] = stack;
    registers[reg::FLAGS] = PLAIN_FLAGS;
    registers[reg::CS] = segments[reg::CS];
    registers[reg::SS] = segments[reg::SS];
    registers
}

/// Writes a frame. `float` is the address of the state of `xsave`, 0 for none.
fn frame(registers: &Registers, mask: u64, float: u64) -> [u8; CONTEXT] {
    let mut bytes = [0; CONTEXT];
    put(&mut bytes, 0, &FLAGS.to_le_bytes());
    put(&mut bytes, STACK_FLAGS, &NO_SUCH_STACK.to_le_bytes());
    for (place, &register) in ORDER.iter().enumerate() {
        put(&mut bytes, GENERAL + 8 * place, &registers[register].to_le_bytes());
    }
    // CS, GS, FS and SS, two bytes each; those in the middle are not loaded.
    let segments = registers[reg::CS] & 0xffff | (registers[reg::SS] & 0xffff) << 48;
    put(&mut bytes, SEGMENTS, &segments.to_le_bytes());
    put(&mut bytes, FLOAT, &float.to_le_bytes());
    put(&mut bytes, MASK, &mask.to_le_bytes());
    bytes
}

/// Makes of the state of `xsave` what the kernel takes back from a signal's frame.
fn float_area(extended: &[u8]) -> Vec<u8> {
    let word = |at: usize| extended.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    // The kernel tells there which parts it knows; the hardware, which of them are in use.
    let (known, used) = (word(SOFTWARE), word(HEADER));
    let size = xsave_size(known, used, extended.len());
    let mut area = extended.get(..size).unwrap_or_default().to_vec();
    let size = size as u32;
    let mut software = [0; 48];
    put(&mut software, 0, &MAGIC_FRONT.to_le_bytes());
    put(&mut software, 4, &(size + 4).to_le_bytes());
    put(&mut software, 8, &(known & standing(used)).to_le_bytes());
    put(&mut software, 16, &size.to_le_bytes());
    put(&mut area, SOFTWARE, &software);
    area.extend(MAGIC_BACK.to_le_bytes());
    area
}

/// Matrix tiles: large, and a process that did not ask for them has no room for them in its frames.
const TILES: u64 = 3 << 17;

/// Returns the parts that a frame may name: tiles only where they are in use.
fn standing(used: u64) -> u64 {
    if used & TILES == 0 { !TILES } else { !0 }
}

/// Returns how much of the state of `xsave` a frame must hold: without tiles that are not in use. The processor says where its parts lie.
fn xsave_size(known: u64, used: u64, most: usize) -> usize {
    let parts = (2..63).filter(|part| known & standing(used) & (1 << part) != 0);
    let end = |part: u32| {
        let told = std::arch::x86_64::__cpuid_count(0xd, part);
        // Parts that only the kernel may touch have no place in the frame.
        if told.ecx & 1 == 0 { (told.ebx + told.eax) as usize } else { 0 }
    };
    parts.map(end).fold(LEAST, usize::max).min(most)
}

/// Copies into the middle; what would lie outside is a mistake in a constant, which tests show.
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GADGETS: Gadgets = Gadgets { call: 0x1111, next: 0x2222, next_end: 0x222b };

    fn state(stack: u64) -> State {
        let mut registers = Registers([7; 27]);
        registers[reg::RSP] = stack;
        let mut extended = vec![0; 2696];
        put(&mut extended, SOFTWARE, &7u64.to_le_bytes());
        State { registers, mask: 0xabc, extended }
    }

    fn word(chain: &Chain, addr: u64) -> u64 {
        let at = (addr - chain.base) as usize;
        u64::from_le_bytes(chain.bytes[at..at + 8].try_into().unwrap())
    }

    /// Plays the kernel: follows frames and the words between them, and lists the calls.
    #[test]
    fn frames_lead_from_call_to_call_and_back() {
        let calls = [28, 56, 28].map(|number| Call { number, arguments: [number + 1, 2, 3, 4, 5] });
        for stack in (0x7000_0000..0x7000_0100).step_by(8) {
            let chain = chain(&calls, &state(stack), GADGETS);
            let end = chain.base + chain.bytes.len() as u64;
            assert!(end <= stack - RED_ZONE && stack - chain.base <= room(calls.len(), 2700), "{stack:#x}");
            let general = |frame: u64, place: usize| word(&chain, frame + (GENERAL + 8 * place) as u64);
            let mut at = chain.first;
            for call in &calls {
                assert_eq!([general(at, 13), general(at, 8), general(at, 16)], [call.number, call.number + 1, GADGETS.call]);
                let stack = general(at, 15);
                assert_eq!(word(&chain, stack), GADGETS.next);
                at = stack + 8;
            }
            assert_eq!([general(at, 13), general(at, 15), word(&chain, at + MASK as u64)], [7, stack, 0xabc]);
            let float = word(&chain, at + FLOAT as u64);
            assert_eq!((float % ALIGNMENT, word(&chain, float + SOFTWARE as u64) as u32), (0, MAGIC_FRONT));
            assert_eq!(word(&chain, chain.copy_stack), GADGETS.next);
            assert_eq!(general(chain.copy_stack + 8, 13), EXIT_GROUP);
        }
    }

    #[test]
    fn a_filter_sees_calls_and_returns() {
        let mut first = state(0x9000).registers;
        (first[reg::RDI], first[reg::R9]) = (7, 8);
        let clone = Call { number: 56, arguments: [0x600, 0x10, 0, 0, 1] };
        let found = seen(&[clone, OF_COPY], &first, GADGETS);
        let kinds: Vec<_> = found.iter().map(|call| (call.number, call.from)).collect();
        assert_eq!(kinds, [(15, 0x222b), (56, 0x1113), (15, 0x222b), (EXIT_GROUP, 0x1113), (15, 0x222b)]);
        assert_eq!([found[0].arguments[0], found[0].arguments[5]], [7, 8], "it begins with what the thread had");
        assert_eq!((found[1].arguments, found[2].arguments), ([0x600, 0x10, 0, 0, 1, 0], [0x600, 0x10, 0, 0, 1, 0]));
    }

    #[test]
    fn a_reaper_waits_and_ends() {
        let bytes = reaper(0x5000, GADGETS, &state(0x9000).registers);
        assert_eq!(bytes.len(), REAPER);
        let word = |addr: u64| u64::from_le_bytes(bytes[(addr - 0x5000) as usize..][..8].try_into().unwrap());
        let general = |frame: u64, place: usize| word(frame + (GENERAL + 8 * place) as u64);
        assert_eq!([word(0x5000), general(0x5008, 13)], [GADGETS.next, WAIT]);
        assert_eq!(word(reaped(0x5000)), general(0x5008, 8));
        let stack = general(0x5008, 15);
        assert_eq!([word(stack), general(stack + 8, 13)], [GADGETS.next, EXIT]);
    }

    #[test]
    fn tiles_are_left_out_unless_used() {
        for (used, expect) in [(7, false), (7 | TILES, true)] {
            let mut extended = vec![0; 11_008];
            put(&mut extended, SOFTWARE, &(0x2e7 | TILES).to_le_bytes());
            put(&mut extended, HEADER, &u64::to_le_bytes(used));
            let area = float_area(&extended);
            let named = u64::from_le_bytes(area[SOFTWARE + 8..SOFTWARE + 16].try_into().unwrap());
            assert_eq!(named & TILES != 0, expect);
            let size = u32::from_le_bytes(area[SOFTWARE + 16..SOFTWARE + 20].try_into().unwrap()) as usize;
            assert_eq!(area.len(), size + 4);
            assert_eq!(area[size..], MAGIC_BACK.to_le_bytes());
        }
    }
}
