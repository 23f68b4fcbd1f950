//! What can go wrong with a running process, and what usually helps.
//!
//! A variant says what happened, where, and what was expected. It does not know exit codes or how an error is printed: the
//! command line maps variants to both.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::node::OLDEST_NODE;

/// Why something with a running process failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// No such program in any folder of `PATH`.
    #[error("no `{name}` in PATH")]
    NodeNotFound {
        /// The name that was looked for.
        name: String,
    },
    /// The named program cannot be run, or did not behave.
    #[error("{} cannot be used as node: {reason}", path.display())]
    NodeUnusable {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The program runs, but it is another JavaScript runtime, or none.
    #[error("{} is {found}, not Node.js", path.display())]
    NotNode {
        /// The program.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// The Node.js is older than the oldest that is supported.
    #[error("{} is Node.js v{version}, older than the oldest supported (v{OLDEST_NODE})", path.display())]
    NodeTooOld {
        /// The program.
        path: PathBuf,
        /// Its version, such as `14.21.3`.
        version: String,
    },
    /// The Node.js was built without the inspector, so it cannot be asked for snapshots over the DevTools protocol.
    #[error("{} (Node.js v{version}) was built without the inspector", path.display())]
    NoInspector {
        /// The program.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// The operating system did not start the process.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process ended when it should have gone on.
    #[error("{program} ended early ({status}) while {doing}{}", quoted(stderr))]
    Exited {
        /// What ran.
        program: String,
        /// Its exit code or signal, in words.
        status: String,
        /// What was being waited for.
        doing: String,
        /// The last lines that it wrote to stderr.
        stderr: String,
    },
    /// Nothing happened for too long.
    #[error("nothing heard for {} while {doing}", seconds(*limit))]
    TimedOut {
        /// What was being waited for.
        doing: String,
        /// How long was waited.
        limit: Duration,
    },
    /// A connection on the loopback interface failed or was closed by the other side.
    #[error("connection lost while {doing}")]
    Connection {
        /// What was being done.
        doing: String,
        /// Why.
        source: io::Error,
    },
    /// The other side said something that its protocol does not allow.
    #[error("while {doing}: expected {expected}, found {found}")]
    Protocol {
        /// What was being done.
        doing: String,
        /// What should have come.
        expected: &'static str,
        /// What came, shortened.
        found: String,
    },
    /// Node.js answered a DevTools command with an error.
    #[error("Node.js refused {method}: {message} ({code})")]
    Refused {
        /// The command.
        method: String,
        /// The protocol's error code.
        code: i64,
        /// The protocol's error text.
        message: String,
    },
    /// An expression that was evaluated in the process threw.
    #[error("`{expression}` threw in the process: {exception}")]
    Threw {
        /// The expression.
        expression: String,
        /// The exception, as the process describes it.
        exception: String,
    },
    /// A file or folder cannot be written. A half-written file has been removed.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder for the demo holds something that the demo did not put there.
    #[error("{} already holds {entry:?}, which is not the demo's", dir.display())]
    DirInUse {
        /// The folder.
        dir: PathBuf,
        /// The first entry that is not the demo's.
        entry: String,
    },
    /// The caller's cancel flag was set.
    #[error("cancelled")]
    Cancelled,
}

impl LiveError {
    /// Returns what usually helps, as one sentence, where something is known to help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NodeNotFound { .. } | Self::NodeUnusable { .. } | Self::NotNode { .. } => {
                format!("install Node.js {OLDEST_NODE} or newer (https://nodejs.org), or name the program with --node PATH")
            }
            Self::NodeTooOld { .. } => {
                format!(
                    "name a Node.js {OLDEST_NODE} or newer with --node PATH; snapshot files that older versions wrote can still be read"
                )
            }
            Self::NoInspector { .. } => "use an official build, or name another with --node PATH".to_owned(),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space, or choose a folder on another disk".to_owned()
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "choose a folder in which you may write".to_owned()
            }
            Self::DirInUse { .. } => "choose another folder; the demo overwrites only its own files".to_owned(),
            Self::TimedOut { .. } => "the machine may be short of CPU or memory: try again when it is less busy".to_owned(),
            _ => return None,
        })
    }

    /// Says whether nothing went wrong except that the caller asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// Makes a [`LiveError::Protocol`], with what was found cut to a readable length.
    pub(crate) fn protocol(doing: &str, expected: &'static str, found: &str) -> Self {
        Self::Protocol { doing: doing.to_owned(), expected, found: shortened(found) }
    }
}

/// Cuts a text that came from outside to a length that fits on a few lines of a terminal.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

fn quoted(stderr: &str) -> String {
    let text = stderr.trim();
    if text.is_empty() { String::new() } else { format!("; it last wrote: {text}") }
}

fn seconds(limit: Duration) -> String {
    let millis = limit.as_millis();
    if millis < 10_000 { format!("{millis} ms") } else { format!("{} s", limit.as_secs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_where_and_expected() {
        let old = LiveError::NodeTooOld { path: "/opt/node".into(), version: "14.21.3".into() };
        let ended = LiveError::Exited {
            program: "server.js".into(),
            status: "exit code 9".into(),
            doing: "waiting for its inspector".into(),
            stderr: "bad option\n".into(),
        };
        let odd = LiveError::protocol("reading", "JSON", &"x".repeat(500));
        let cases = [
            (old, "/opt/node is Node.js v14.21.3, older than the oldest supported (v16)".to_owned()),
            (ended, "server.js ended early (exit code 9) while waiting for its inspector; it last wrote: bad option".to_owned()),
            (odd, format!("while reading: expected JSON, found \"{}…\"", "x".repeat(160))),
            (LiveError::TimedOut { doing: "x".into(), limit: Duration::from_millis(50) }, "nothing heard for 50 ms while x".to_owned()),
            (LiveError::TimedOut { doing: "x".into(), limit: Duration::from_secs(60) }, "nothing heard for 60 s while x".to_owned()),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn a_full_disk_has_its_own_hint() {
        let full = LiveError::Write { path: "a".into(), source: io::ErrorKind::StorageFull.into() };
        assert!(full.hint().unwrap().contains("space"));
        assert!(LiveError::Cancelled.hint().is_none());
    }
}
