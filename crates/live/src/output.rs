//! What a child process writes: read by a thread so that the child never blocks on a full pipe, kept line by line, bounded.
//!
//! The first lines are kept for whoever waits for one ("listening on …"), the last ones for error messages; what lies between
//! is forgotten. Nothing here knows what the lines mean.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::Result;
use crate::wait::{Patience, TICK};

/// Lines kept from the start.
const FIRST: usize = 200;
/// Lines kept from the end.
const LAST: usize = 20;
/// Bytes kept of one line. Longer ones are cut into several.
const LONGEST: u64 = 4096;

/// The lines that one pipe has delivered so far.
#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    first: Vec<String>,
    last: VecDeque<String>,
    closed: bool,
}

impl Output {
    /// Starts reading `pipe` until its end.
    pub(crate) fn of(pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let output = Self(Arc::clone(&shared));
        thread::spawn(move || read_all(pipe, &shared));
        output
    }

    /// Waits for the first line from which `pick` makes something. `None` when the pipe ended, or has written too many lines, without one.
    pub(crate) fn wait_for<T>(&self, pick: impl Fn(&str) -> Option<T>, patience: &Patience) -> Result<Option<T>> {
        let mut seen = 0;
        let mut lines = self.lock();
        loop {
            if let Some(found) = lines.first.iter().skip(seen).find_map(|line| pick(line)) {
                return Ok(Some(found));
            }
            seen = lines.first.len();
            if lines.closed || seen >= FIRST {
                return Ok(None);
            }
            patience.check()?;
            lines = self.0.changed.wait_timeout(lines, TICK).map_or_else(|poisoned| poisoned.into_inner().0, |(lines, _)| lines);
        }
    }

    /// Returns the line in which Node.js says why it died, or the last few lines.
    pub(crate) fn last_words(&self) -> String {
        const FEW: usize = 5;
        let lines = self.lock();
        let kept: Vec<_> = lines.first.iter().chain(&lines.last).map(String::as_str).collect();
        let reason = kept.iter().rfind(|line| is_reason(line));
        let few = kept.get(kept.len().saturating_sub(FEW)..).unwrap_or_default();
        reason.map_or_else(|| few.join("\n"), |reason| (*reason).to_owned())
    }

    /// Says whether the pipe has ended: every process that could write to it is gone, or has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether a line is the headline of a death: `FATAL ERROR: …` of V8, or `TypeError: …`, `Error [ERR_…]: …` of an exception.
fn is_reason(line: &str) -> bool {
    let Some((kind, _)) = line.split_once(':') else { return false };
    let kind = kind.strip_prefix("Uncaught ").unwrap_or(kind);
    let word = kind.split(' ').next().unwrap_or_default();
    kind == "FATAL ERROR" || (word.ends_with("Error") && word.chars().all(char::is_alphanumeric))
}

fn read_all(pipe: impl Read, shared: &Shared) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = pipe.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        let ended = !matches!(read, Ok(1..));
        let mut lines = shared.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if ended {
            lines.closed = true;
        } else {
            lines.add(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        drop(lines);
        shared.changed.notify_all();
        if ended {
            return;
        }
    }
}

impl Lines {
    fn add(&mut self, line: String) {
        if self.first.len() < FIRST {
            self.first.push(line);
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;

    impl Output {
        fn text(&self) -> String {
            let lines = self.lock();
            lines.first.iter().chain(&lines.last).map(String::as_str).collect::<Vec<_>>().join("\n")
        }
    }

    fn drained(text: Vec<u8>) -> Output {
        let output = Output::of(Cursor::new(text));
        while !output.is_closed() {
            thread::yield_now();
        }
        output
    }

    #[test]
    fn finds_a_line_or_says_that_there_is_none() {
        let go_on = AtomicBool::new(false);
        let patience = Patience::new("testing", Duration::from_secs(5), &go_on);
        let output = drained(b"one\r\ntwo \xff\nthree".to_vec());
        let starting = |with: &'static str| move |line: &str| line.starts_with(with).then(|| line.to_owned());
        assert_eq!(output.wait_for(starting("two"), &patience).unwrap().unwrap(), "two \u{fffd}");
        assert_eq!(output.wait_for(starting("three"), &patience).unwrap().unwrap(), "three");
        assert!(output.wait_for(starting("four"), &patience).unwrap().is_none());
        assert_eq!(output.text(), "one\ntwo \u{fffd}\nthree");
    }

    #[test]
    fn keeps_a_bounded_part_of_endless_output() {
        let many: String = (0..100_000).map(|i| format!("{i}\n")).collect();
        let output = drained(many.into_bytes());
        assert_eq!(output.text().lines().count(), FIRST + LAST);
        assert!(output.last_words().ends_with("99998\n99999"));
        let endless_line = drained(vec![b'x'; 3_000_000]);
        assert!(endless_line.text().len() <= (FIRST + LAST) * (LONGEST as usize + 1));
    }

    #[test]
    fn the_reason_of_a_death_is_found_above_its_stack() {
        let stack = "    at Module._load (node:internal)\n    at node:internal/main:28:49\n\n\n\nNode.js v20.20.2";
        let cases = [
            ("FATAL ERROR: Reached heap limit Allocation failed", true),
            ("TypeError: x is not a function", true),
            ("Error [ERR_INVALID_ARG_TYPE]: The \"path\" argument must be", true),
            ("Uncaught Error: no", true),
            ("last seen: Error", false),
            ("an Error: perhaps", false),
        ];
        for (line, found) in cases {
            let words = drained(format!("hello\n{line}\n{stack}\n").into()).last_words();
            assert_eq!(words == line, found, "{line}: {words}");
        }
        assert_eq!(drained("1\n2\n3\n4\n5\n6".into()).last_words(), "2\n3\n4\n5\n6");
        assert_eq!(drained("1".into()).last_words(), "1");
    }

    #[test]
    fn waiting_ends_when_nothing_comes() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let go_on = AtomicBool::new(false);
        let patience = Patience::new("testing", Duration::from_millis(10), &go_on);
        let found = Output::of(reader).wait_for(|_| Some(()), &patience);
        assert!(matches!(found, Err(crate::LiveError::TimedOut { .. })));
    }
}
