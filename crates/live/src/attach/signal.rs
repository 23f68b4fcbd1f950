//! What SIGUSR1 would do to a process, as far as the kernel tells.

use crate::capture::proc::{self, Status};

/// What becomes of a process that gets SIGUSR1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something in it waits for the signal: Node.js, which opens its inspector, or the program.
    Caught,
    /// Nothing happens.
    Ignored,
    /// The kernel ends it.
    Deadly,
    /// The kernel does not tell.
    Unknown,
}

/// Says what SIGUSR1 would do.
pub(crate) fn effect(pid: i32) -> Effect {
    proc::status(pid).map_or(Effect::Unknown, |status| of_status(&status))
}

fn of_status(status: &Status) -> Effect {
    const SIGUSR1: u32 = 10;
    let has = |set: Option<u64>| Some(set? >> (SIGUSR1 - 1) & 1 == 1);
    match (has(status.ignored), has(status.caught)) {
        (Some(true), _) => Effect::Ignored,
        (_, Some(true)) => Effect::Caught,
        (Some(false), Some(false)) => Effect::Deadly,
        _ => Effect::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_sets_are_read() {
        let cases = [
            // As Node.js 16 to 26 have them.
            ("SigIgn:\t0000000001001000\nSigCgt:\t0000000100004602\n", Effect::Caught),
            ("SigIgn:\t0000000001001200\nSigCgt:\t0000000100004402\n", Effect::Ignored),
            ("SigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n", Effect::Deadly),
            ("SigIgn:\t0000000000000000\n", Effect::Unknown),
            ("SigIgn:\tx\nSigCgt:\t0\n", Effect::Unknown),
            ("", Effect::Unknown),
        ];
        for (status, expect) in cases {
            assert_eq!(of_status(&proc::parse_status(status)), expect, "{status}");
        }
        assert_eq!(effect(i32::MAX), Effect::Unknown);
    }
}
