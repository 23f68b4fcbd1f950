//! A command that is run as if we were not there: with our terminal, files and folder; signals that are sent to us go on to it; its end is ours.
//!
//! It is never ended by us: whoever started us meant to start it.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use crate::capture::proc;

/// A command that runs.
#[derive(Debug)]
pub struct Started {
    child: Child,
    signals: Handle,
    passing: Option<JoinHandle<()>>,
    ended: Option<u8>,
}

/// What a shell tells of a command whose end nobody can tell.
const UNTOLD: u8 = 255;

impl Started {
    /// Starts it. From now on signals go on to it and do nothing else here.
    ///
    /// # Errors
    /// When the system cannot run it.
    pub fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        // A terminal sends these to all of its foreground, to the command too.
        let from_terminal: &[i32] = if io::stdin().is_terminal() { &[] } else { &[SIGINT, SIGQUIT] };
        let passed = [&[SIGTERM, SIGHUP, SIGUSR1, SIGUSR2][..], from_terminal].concat();
        // Heard all the same, so that they do not end us before the command.
        let mut signals = Signals::new([SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT, SIGWINCH])?;
        let handle = signals.handle();
        let child = Command::new(program).args(arguments).spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pass = move || {
            for signal in signals.forever().filter(|signal| passed.contains(signal)) {
                if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) {
                    // It may have ended just now.
                    let _ = kill_process(pid, signal);
                }
            }
        };
        let passing = std::thread::Builder::new().name("signals".to_owned()).spawn(pass).ok();
        Ok(Self { child, signals: handle, passing, ended: None })
    }

    /// Returns its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// Returns how it has ended, as a shell tells it: its code, or 128 and its signal. `None` while it runs.
    pub fn ended(&mut self) -> Option<u8> {
        if self.ended.is_none() {
            self.ended = match self.child.try_wait() {
                Ok(status) => status.map(code),
                // Somebody else has waited for it.
                Err(_) => Some(UNTOLD),
            };
        }
        self.ended
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.signals.close();
        if let Some(passing) = self.passing.take() {
            let _ = passing.join();
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(UNTOLD)
}

/// Lists a process and those that came of it, parents before children.
#[must_use]
pub fn family(pid: i32) -> Vec<i32> {
    /// More are not looked at.
    const MOST: usize = 1000;
    let parents: Vec<(i32, i32)> =
        proc::processes().into_iter().filter_map(|one| Some((one, proc::stat(one, "stat").ok()?.parent))).collect();
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(&parent) = family.get(at).filter(|_| family.len() < MOST) {
        family.extend(parents.iter().filter(|(one, of)| *of == parent && *one != pid).map(|(one, _)| *one));
        at += 1;
    }
    family
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn within<T>(mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < end, "not in time");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn shell(script: &str) -> Started {
        Started::start(&"sh".into(), &["-c".into(), script.into()]).unwrap()
    }

    #[test]
    fn its_end_is_told_as_a_shell_tells_it() {
        let check = |script: &str, expect: u8| {
            let mut started = shell(script);
            assert_eq!(within(|| started.ended()), expect, "{script}");
            assert_eq!(started.ended(), Some(expect));
        };
        check("exit 0", 0);
        check("exit 42", 42);
        check("kill -KILL $$", 137);
        assert!(Started::start(&"/nowhere/at/all".into(), &[]).is_err());
    }

    #[test]
    fn signals_go_on_to_it() {
        let mut started = shell("trap 'exit 7' USR1; while :; do sleep 0.05; done");
        // The shell sets its trap in its own time: as long as it has none, it would end by the signal.
        std::thread::sleep(Duration::from_millis(500));
        kill_process(rustix::process::getpid(), Signal::USR1).unwrap();
        assert_eq!(within(|| started.ended()), 7);
    }

    #[test]
    fn what_came_of_it_is_its_family() {
        let mut started = shell("sh -c 'sleep 60 & wait' & wait");
        let family = within(|| Some(family(started.pid())).filter(|family| family.len() == 3));
        assert_eq!(family.first(), Some(&started.pid()));
        for pid in family {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        assert_eq!(within(|| started.ended()), 137);
    }
}
