//! Programs of classic BPF, as far as filters of system calls (seccomp) are made of them: run on a call that is about to be made.
//!
//! Knows the instructions that the kernel takes for such filters, and no process. A program with any other is not run to a guess.

/// An instruction, as the kernel holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// What it does.
    pub(super) code: u16,
    /// How many instructions are skipped where its condition holds.
    pub(super) if_true: u8,
    /// How many are where it does not.
    pub(super) if_false: u8,
    /// Its constant.
    pub(super) constant: u32,
}

/// A system call, as a filter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Its number.
    pub(super) number: u64,
    /// The address of the instruction behind the one that makes it.
    pub(super) from: u64,
    /// Its arguments.
    pub(super) arguments: [u64; 6],
}

/// How the kernel calls x86-64 with 64-bit calls (AUDIT_ARCH_X86_64).
const X86_64: u64 = 0xc000_003e;
/// The length of what a filter sees.
const LENGTH: u32 = 64;
/// Words of memory that a program has.
const MEMORY: usize = 16;

/// Parts of a code: class, then what depends on that.
mod code {
    pub(super) const LOAD: u16 = 0;
    pub(super) const LOAD_INDEX: u16 = 1;
    pub(super) const STORE: u16 = 2;
    pub(super) const STORE_INDEX: u16 = 3;
    pub(super) const COMPUTE: u16 = 4;
    pub(super) const JUMP: u16 = 5;
    pub(super) const RETURN: u16 = 6;
    pub(super) const MOVE: u16 = 7;
    pub(super) const CLASS: u16 = 7;
    /// Where the operand is: the constant, or the index register.
    pub(super) const INDEX: u16 = 8;
    /// Where a loaded word comes from; words of 32 bits are the only size.
    pub(super) const IMMEDIATE: u16 = 0;
    pub(super) const ABSOLUTE: u16 = 0x20;
    pub(super) const OF_MEMORY: u16 = 0x60;
    pub(super) const OF_LENGTH: u16 = 0x80;
    /// What is returned: the constant, or the accumulator.
    pub(super) const ACCUMULATOR: u16 = 0x10;
}

impl Call {
    /// Returns the word of 32 bits at a place of what a filter sees (`struct seccomp_data`).
    fn word(&self, at: u32) -> Option<u32> {
        let halves = |word: u64| [word as u32, (word >> 32) as u32];
        let [low, high] = halves(self.from);
        let words = [self.number as u32, X86_64 as u32, low, high].into_iter().chain(self.arguments.into_iter().flat_map(halves));
        words.into_iter().nth(at.is_multiple_of(4).then_some(at as usize / 4)?)
    }
}

/// What a program works with.
#[derive(Default)]
struct Machine {
    accumulator: u32,
    index: u32,
    memory: [u32; MEMORY],
}

/// What comes after an instruction.
enum Next {
    /// The one that is so many further.
    Skip(u32),
    /// Nothing: this is the answer.
    Answer(u32),
}

/// Runs a program on a call. Returns its answer; `None` where it is none that the kernel would have taken.
pub(super) fn run(program: &[Instruction], call: &Call) -> Option<u32> {
    let mut machine = Machine::default();
    let mut at = 0usize;
    // Jumps lead forward only, so that this ends.
    loop {
        match machine.step(*program.get(at)?, call)? {
            Next::Answer(answer) => return Some(answer),
            Next::Skip(count) => at = at.checked_add(1)?.checked_add(count as usize)?,
        }
    }
}

impl Machine {
    fn step(&mut self, instruction: Instruction, call: &Call) -> Option<Next> {
        let Instruction { code, constant, .. } = instruction;
        let rest = code & !code::CLASS;
        match code & code::CLASS {
            code::LOAD => self.accumulator = self.load(rest, constant, call)?,
            code::LOAD_INDEX if rest != code::ABSOLUTE => self.index = self.load(rest, constant, call)?,
            code::STORE if rest == 0 => *self.memory.get_mut(constant as usize)? = self.accumulator,
            code::STORE_INDEX if rest == 0 => *self.memory.get_mut(constant as usize)? = self.index,
            code::COMPUTE => match self.compute(rest, constant)? {
                Some(value) => self.accumulator = value,
                // The kernel ends a program that divides by zero with this.
                None => return Some(Next::Answer(0)),
            },
            code::JUMP => return self.jump(rest, instruction).map(Next::Skip),
            code::RETURN if rest == code::ACCUMULATOR => return Some(Next::Answer(self.accumulator)),
            code::RETURN if rest == 0 => return Some(Next::Answer(constant)),
            code::MOVE if rest == 0 => self.index = self.accumulator,
            code::MOVE if rest == 0x80 => self.accumulator = self.index,
            _ => return None,
        }
        Some(Next::Skip(0))
    }

    fn load(&self, from: u16, constant: u32, call: &Call) -> Option<u32> {
        match from {
            code::IMMEDIATE => Some(constant),
            code::ABSOLUTE => call.word(constant),
            code::OF_MEMORY => self.memory.get(constant as usize).copied(),
            code::OF_LENGTH => Some(LENGTH),
            _ => None,
        }
    }

    /// Returns the constant or the index register.
    fn operand(&self, rest: u16, constant: u32) -> u32 {
        if rest & code::INDEX == 0 { constant } else { self.index }
    }

    /// Computes. The inner `None` is a division by zero.
    fn compute(&self, rest: u16, constant: u32) -> Option<Option<u32>> {
        let (one, other) = (self.accumulator, self.operand(rest, constant));
        let value = match rest & !code::INDEX {
            0x00 => one.wrapping_add(other),
            0x10 => one.wrapping_sub(other),
            0x20 => one.wrapping_mul(other),
            0x30 => return Some(one.checked_div(other)),
            0x40 => one | other,
            0x50 => one & other,
            0x60 => one.wrapping_shl(other),
            0x70 => one.wrapping_shr(other),
            0x80 if rest == 0x80 => one.wrapping_neg(),
            0xa0 => one ^ other,
            _ => return None,
        };
        Some(Some(value))
    }

    /// Returns how many instructions are skipped.
    fn jump(&self, rest: u16, instruction: Instruction) -> Option<u32> {
        let (one, other) = (self.accumulator, self.operand(rest, instruction.constant));
        let holds = match rest & !code::INDEX {
            0x00 if rest == 0 => return Some(instruction.constant),
            0x10 => one == other,
            0x20 => one > other,
            0x30 => one >= other,
            0x40 => one & other != 0,
            _ => return None,
        };
        Some(u32::from(if holds { instruction.if_true } else { instruction.if_false }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = 0x7fff_0000;

    fn plain(code: u16, constant: u32) -> Instruction {
        Instruction { code, if_true: 0, if_false: 0, constant }
    }

    fn jump(code: u16, constant: u32, if_true: u8, if_false: u8) -> Instruction {
        Instruction { code, if_true, if_false, constant }
    }

    fn call(number: u64, first: u64) -> Call {
        Call { number, from: 0x7f12_3456_789a, arguments: [first, 1, 2, 3, 4, 0xdead_beef_0bad_cafe] }
    }

    #[test]
    fn a_list_of_what_is_allowed() {
        // As container engines write them: the machine first, then numbers, of `clone` (56) the flags of namespaces.
        let program = [
            plain(0x20, 4),
            jump(0x15, 0xc000_003e, 1, 0),
            plain(0x06, 0),
            plain(0x20, 0),
            jump(0x15, 28, 4, 0),
            jump(0x15, 56, 0, 2),
            plain(0x20, 16),
            jump(0x45, 0x7e02_0000, 0, 1),
            plain(0x06, 0x0005_0001),
            plain(0x06, ALLOW),
        ];
        let cases = [(28, 0, ALLOW), (56, 0x600, ALLOW), (56, 0x2000_0000, 0x0005_0001), (59, 0, 0x0005_0001)];
        for (number, flags, expect) in cases {
            assert_eq!(run(&program, &call(number, flags)), Some(expect), "{number} {flags:#x}");
        }
    }

    #[test]
    fn all_of_a_call_can_be_seen() {
        let cases = [
            (0, Some(231)),
            (4, Some(0xc000_003e)),
            (8, Some(0x3456_789a)),
            (12, Some(0x7f12)),
            (16, Some(7)),
            (20, Some(0)),
            (24, Some(1)),
            (56, Some(0x0bad_cafe)),
            (60, Some(0xdead_beef)),
            (64, None),
            (2, None),
        ];
        for (at, expect) in cases {
            assert_eq!(run(&[plain(0x20, at), plain(0x16, 0)], &call(231, 7)), expect, "{at}");
        }
    }

    #[test]
    fn values_are_computed() {
        // Each begins with 12 in the accumulator and 5 in the index register.
        let check = |code: u16, constant: u32, expect: Option<u32>| {
            let program = [plain(0x01, 5), plain(0x00, 12), plain(code, constant), plain(0x16, 0)];
            assert_eq!(run(&program, &call(0, 0)), expect, "{code:#x} {constant}");
        };
        for (code, constant, expect) in [
            (0x04, 3, 15),
            (0x0c, 0, 17),
            (0x14, 13, u32::MAX),
            (0x1c, 0, 7),
            (0x24, 3, 36),
            (0x2c, 0, 60),
            (0x34, 5, 2),
            (0x3c, 0, 2),
            (0x44, 3, 15),
            (0x4c, 0, 13),
            (0x54, 9, 8),
            (0x5c, 0, 4),
            (0x64, 2, 48),
            (0x6c, 0, 384),
            (0x74, 2, 3),
            (0x7c, 0, 0),
            (0x84, 0, 12u32.wrapping_neg()),
            (0xa4, 10, 6),
            (0xac, 0, 9),
            (0x80, 0, 64),
            (0x87, 0, 5),
        ] {
            check(code, constant, Some(expect));
        }
        // What is divided by zero ends the program with 0; remainders, bytes and indirect loads are in no filter.
        check(0x34, 0, Some(0));
        for code in [0x94, 0x30, 0x28, 0x40, 0x50, 0xff] {
            check(code, 0, None);
        }
    }

    #[test]
    fn memory_keeps_words() {
        let program = [plain(0x00, 7), plain(0x02, 15), plain(0x07, 0), plain(0x03, 3), plain(0x00, 1), plain(0x61, 15), plain(0x60, 3)];
        let add = [plain(0x0c, 0), plain(0x16, 0)];
        assert_eq!(run(&[&program[..], &add].concat(), &call(0, 0)), Some(14));
        for code in [0x02, 0x03, 0x60, 0x61] {
            assert_eq!(run(&[plain(code, 16), plain(0x06, ALLOW)], &call(0, 0)), None, "{code:#x}");
        }
    }

    #[test]
    fn conditions_lead_where_they_should() {
        // 10 in the accumulator, 10 in the index register; the answers are how many instructions were skipped.
        let check = |code: u16, constant: u32, expect: u32| {
            let answers = [plain(0x06, 1), plain(0x06, 2), plain(0x06, 3)];
            let program = [&[plain(0x00, 10), plain(0x07, 0), jump(code, constant, 2, 1)], &answers[..]].concat();
            assert_eq!(run(&program, &call(0, 0)), Some(expect), "{code:#x} {constant}");
        };
        for (code, constant, holds) in [
            (0x15, 10, true),
            (0x15, 11, false),
            (0x1d, 0, true),
            (0x25, 9, true),
            (0x25, 10, false),
            (0x2d, 0, false),
            (0x35, 10, true),
            (0x35, 11, false),
            (0x3d, 0, true),
            (0x45, 2, true),
            (0x45, 5, false),
            (0x4d, 0, true),
        ] {
            check(code, constant, if holds { 3 } else { 2 });
        }
        check(0x05, 0, 1);
        check(0x05, 2, 3);
    }

    #[test]
    fn a_program_that_leaves_itself_has_no_answer() {
        for program in [&[][..], &[plain(0x00, 1)], &[plain(0x05, u32::MAX), plain(0x06, ALLOW)], &[jump(0x15, 0, 9, 9)]] {
            assert_eq!(run(program, &call(0, 0)), None, "{program:?}");
        }
    }
}
