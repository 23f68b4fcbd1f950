//! A process that is killed when nobody has it any more, and how long one may take to end.

use std::io;
use std::ops::{Deref, DerefMut};
use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A process that is killed when this is dropped.
pub(crate) struct Killed(pub(crate) Child);

impl Deref for Killed {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Killed {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a process's end; `None` where it runs on after `limit`.
///
/// Who looks at a process from outside sees its end before its parent may wait for it: the kernel first gives its memory back, which takes
/// milliseconds.
pub(crate) fn ended_within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        let status = child.try_wait()?;
        if status.is_some() || began.elapsed() > limit {
            return Ok(status);
        }
        sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_end_is_waited_for_and_no_longer_than_said() {
        let start = |time: &str| Killed(Command::new("sleep").arg(time).spawn().unwrap());
        assert!(ended_within(&mut start("0.1"), Duration::from_secs(60)).unwrap().is_some_and(|status| status.success()));
        assert!(ended_within(&mut start("60"), Duration::from_millis(20)).unwrap().is_none());
    }
}
