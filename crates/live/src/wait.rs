//! Waiting with a limit and with an ear for the caller's cancel flag.
//!
//! A [`Patience`] counts silence: whoever waits tells it when something was heard, and asks it at short intervals whether to go
//! on. It does not sleep or read by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{LiveError, Result};

/// How often a wait looks up: at the cancel flag, and at the clock.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// A flag that nobody sets, for what is not to be cancelled.
pub(crate) static NEVER: AtomicBool = AtomicBool::new(false);

/// How long one wait may be silent, what it is for, and whether to go on at all.
pub(crate) struct Patience<'a> {
    doing: &'a str,
    limit: Duration,
    heard: Instant,
    cancel: &'a AtomicBool,
}

impl<'a> Patience<'a> {
    /// Starts counting.
    pub(crate) fn new(doing: &'a str, limit: Duration, cancel: &'a AtomicBool) -> Self {
        Self { doing, limit, heard: Instant::now(), cancel }
    }

    /// Starts counting again: something was heard.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Says what is being waited for.
    pub(crate) fn doing(&self) -> &'a str {
        self.doing
    }

    /// Fails when the caller has cancelled, or when it was silent for too long.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            Err(LiveError::Cancelled)
        } else if self.heard.elapsed() > self.limit {
            Err(LiveError::TimedOut { doing: self.doing.to_owned(), limit: self.limit })
        } else {
            Ok(())
        }
    }
}

/// Says whether a read or write only met the end of its tick, and may be tried again.
pub(crate) fn is_tick(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_limited_and_cancel_comes_first() {
        let cancel = AtomicBool::new(false);
        let mut patience = Patience::new("testing", Duration::from_millis(20), &cancel);
        assert!(patience.check().is_ok());
        std::thread::sleep(Duration::from_millis(30));
        assert!(matches!(patience.check(), Err(LiveError::TimedOut { .. })));
        patience.heard();
        assert!(patience.check().is_ok());
        cancel.store(true, Ordering::Relaxed);
        assert!(matches!(patience.check(), Err(LiveError::Cancelled)));
    }
}
