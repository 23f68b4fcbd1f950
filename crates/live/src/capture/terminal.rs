//! Ctrl-Z while a process stands still: it would stop us, and with us a process that waits for nobody else. While a capture goes on, what a
//! terminal stops its programs with is ignored, and then as it was before.
//!
//! SIGSTOP cannot be ignored by anybody. Knows signals, and nothing of processes that are captured.

#![expect(unsafe_code, reason = "the standard library does not set what signals do")]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// What a terminal stops programs with: Ctrl-Z, and reading and writing in the background.
const STOPPING: [libc::c_int; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// How many captures go on, and what the signals did before the first of them.
static IGNORED: Mutex<(usize, [Option<libc::sigaction>; 3])> = Mutex::new((0, [None; 3]));

/// The signals are ignored until the last one of these is dropped.
#[derive(Debug)]
pub(crate) struct Unstoppable(());

impl Unstoppable {
    pub(crate) fn new() -> Self {
        let mut ignored = IGNORED.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, before) = &mut *ignored;
        if *count == 0 {
            *before = STOPPING.map(ignore);
        }
        *count += 1;
        Self(())
    }
}

impl Drop for Unstoppable {
    fn drop(&mut self) {
        let mut ignored = IGNORED.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, before) = &mut *ignored;
        *count = count.saturating_sub(1);
        if *count == 0 {
            for (signal, before) in STOPPING.into_iter().zip(before) {
                if let Some(before) = before.take() {
                    set(signal, &before);
                }
            }
        }
    }
}

/// Ignores a signal. Returns what it did before, where the kernel tells.
fn ignore(signal: libc::c_int) -> Option<libc::sigaction> {
    let mut before = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: all zeros are a `sigaction` without flags, mask and restorer; the C library fills in `before` where it returns 0, and only
    // then is it taken for filled; both live across the call. Ignoring runs no code of ours.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = libc::SIG_IGN;
        (libc::sigaction(signal, &raw const action, before.as_mut_ptr()) == 0).then(|| before.assume_init())
    }
}

/// Sets what a signal does to what it did before.
fn set(signal: libc::c_int, action: &libc::sigaction) {
    // SAFETY: the C library gave this action out for this very signal, so that its handler, if it has one, is one that was set for it.
    unsafe {
        libc::sigaction(signal, action, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells of each of the signals whether it is ignored, by the kernel.
    fn ignored() -> [bool; 3] {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        STOPPING.map(|signal| mask & 1 << (signal - 1) != 0)
    }

    #[test]
    fn ctrl_z_waits_for_the_last_capture() {
        let before = ignored();
        let first = Unstoppable::new();
        assert_eq!(ignored(), [true; 3]);
        let second = Unstoppable::new();
        drop(first);
        assert_eq!(ignored(), [true; 3]);
        drop(second);
        assert_eq!(ignored(), before);
    }
}
