//! How a running process is to be captured, in the words of the options that `capture` and the report have in common.

use std::time::Duration;

use clap::Args;

use crate::codes;
use crate::error::CommandError;
use crate::quantities::span;
use crate::running::{Dangers, Manner, Wish};

/// How to capture.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct MannerArgs {
    /// How a process is captured: auto, fork, stop, inspector (V8 writes a heap snapshot)
    #[arg(long, value_name = "METHOD", default_value = "auto", hide_default_value = true, hide_possible_values = true)]
    method: Method,
    /// Let a process go, and give up, where it stands still for longer than this while it is read [default: 10s, or three times what
    /// `heapwhy doctor` predicts if that is longer]
    #[arg(long, value_name = "TIME", value_parser = span)]
    max_pause: Option<Duration>,
    /// Capture a process although `heapwhy doctor` tells of a danger
    #[arg(long)]
    accept_danger: bool,
}

/// How a process is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    /// By a copy of itself where that is possible, else while it is stopped.
    Auto,
    /// By a copy of itself.
    Fork,
    /// While it is stopped.
    Stop,
    /// V8 writes a heap snapshot, which comes over the inspector.
    Inspector,
}

/// Who reads the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// heapwhy does, from outside.
    Ours(Manner),
    /// V8 does, inside the process, and sends a heap snapshot.
    V8(Dangers),
}

impl MannerArgs {
    /// Returns who reads the memory, and how.
    pub(crate) fn reader(self) -> Result<Reader, CommandError> {
        let dangers = Dangers::of(self.accept_danger);
        let wish = match self.method {
            Method::Auto => Wish::Auto,
            Method::Fork => Wish::Fork,
            Method::Stop => Wish::Stop,
            Method::Inspector if self.max_pause.is_some() => {
                let what = "--max-pause does not go with --method inspector: V8 finishes a snapshot that it has begun";
                return Err(CommandError::new(&codes::USAGE, what));
            }
            Method::Inspector => return Ok(Reader::V8(dangers)),
        };
        Ok(Reader::Ours(Manner { wish, dangers, longest_stop: self.max_pause }))
    }

    /// Says whether somebody has said anything of it.
    pub(crate) fn is_said(self) -> bool {
        self.method != Method::Auto || self.max_pause.is_some() || self.accept_danger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_done() {
        let check = |method, max_pause: Option<u64>, expect: Option<Reader>| {
            let args = MannerArgs { method, max_pause: max_pause.map(Duration::from_secs), accept_danger: false };
            assert_eq!(args.reader().ok(), expect, "{args:?}");
            assert_eq!(args.is_said(), method != Method::Auto || max_pause.is_some());
        };
        let ours = |wish, longest_stop: Option<u64>| {
            Some(Reader::Ours(Manner { wish, dangers: Dangers::Refused, longest_stop: longest_stop.map(Duration::from_secs) }))
        };
        check(Method::Auto, None, ours(Wish::Auto, None));
        check(Method::Fork, Some(2), ours(Wish::Fork, Some(2)));
        check(Method::Stop, None, ours(Wish::Stop, None));
        check(Method::Inspector, None, Some(Reader::V8(Dangers::Refused)));
        check(Method::Inspector, Some(2), None);
    }
}
