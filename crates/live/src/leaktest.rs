//! Leak tests of a single function: a Node.js process of its own calls it many times and judges.
//!
//! How to judge is the npm package's business (`npm/`), whose files are part of this program: the verdict is the same in a test runner
//! and here. This starts it, limits it, and reads its answer.

mod package;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::node::{FOREIGN_VARIABLES, NodeBinary};
use crate::process::Child;
use crate::wait::Patience;
use crate::{LiveError, Result};

/// What to judge, and how.
#[derive(Clone, Copy, Debug)]
pub struct FunctionTest<'a> {
    /// Which Node.js calls it. `NODE_OPTIONS` hold for it.
    pub node: &'a NodeBinary,
    /// The file that exports the function, of any kind that this Node.js loads.
    pub file: &'a Path,
    /// Its name, which may be a path: `cache.add`. `None` for what the file exports by default.
    pub function: Option<&'a str>,
    /// The options of `measureGrowth` in the npm package.
    pub options: &'a Value,
    /// The program that explains leaks: this one.
    pub heapwhy: Option<&'a Path>,
    /// How long all of it may take. A function that blocks the event loop is stopped by this only.
    pub limit: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Judged {
    /// There is a verdict.
    Verdict(Box<Verdict>),
    /// The file cannot be loaded, the function is not in it, or an option makes no sense: what was being done, and what went wrong.
    Failed {
        /// `loading`, `finding` or `judging`.
        doing: String,
        /// In words.
        text: String,
    },
    /// The process ended before there was a verdict: by the function, or from outside.
    Ended {
        /// How, in words.
        status: String,
        /// What it wrote last on stderr.
        stderr: String,
    },
    /// The time was over: as a rule the function blocks the event loop.
    Silent,
}

/// The verdict, as the package gives it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Verdict {
    /// `leak`, `no leak` or `cannot tell`.
    pub verdict: String,
    /// What people read; empty for `no leak`.
    pub text: String,
    /// Whether the function threw or rejected, so that there is no verdict.
    pub threw: bool,
    /// Where it threw, as Node.js prints it; empty elsewhere.
    #[serde(default)]
    pub stack: String,
    /// All numbers.
    pub result: Value,
}

/// What the process writes.
#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
enum Written {
    Judged(Box<Verdict>),
    Failed { doing: String, text: String },
}

/// No answer is larger.
const LARGEST_ANSWER: u64 = 64 << 20;

/// Judges a function. The process, and all that it started, are gone when this returns, and so are its files.
///
/// # Errors
/// When no file can be written, Node.js cannot be started, or `cancel` is set.
pub fn judge(test: &FunctionTest<'_>, cancel: &AtomicBool) -> Result<Judged> {
    let failed = |source: io::Error| LiveError::Write { path: std::env::temp_dir(), source };
    let folder = tempfile::Builder::new().prefix("heapwhy-fn-").tempdir().map_err(failed)?;
    let program = package::unpack(folder.path()).map_err(failed)?;
    let answer = folder.path().join("answer.json");
    let mut child = Child::spawn(&mut command(test, &program, &answer))?;
    let status = match child.wait(&Patience::new("judging the function", test.limit, cancel)) {
        Ok(status) => status,
        Err(LiveError::TimedOut { .. }) => return Ok(Judged::Silent),
        Err(error) => return Err(error),
    };
    Ok(match read(&answer) {
        Some(Written::Judged(verdict)) => Judged::Verdict(verdict),
        Some(Written::Failed { doing, text }) => Judged::Failed { doing, text },
        None => Judged::Ended { status, stderr: child.last_words() },
    })
}

fn command(test: &FunctionTest<'_>, program: &Path, answer: &Path) -> Command {
    let mut command = Command::new(test.node.path());
    command.arg("--expose-gc").arg(program).arg(answer).arg(test.file);
    command.arg(test.function.unwrap_or_default()).arg(test.options.to_string()).stdin(Stdio::piped());
    // What the user's program is started with holds for their function; all else was meant for another process.
    for name in FOREIGN_VARIABLES.into_iter().filter(|&name| name != "NODE_OPTIONS") {
        command.env_remove(name);
    }
    if let Some(heapwhy) = test.heapwhy {
        command.env("HEAPWHY_BIN", OsStr::new(heapwhy));
    }
    command
}

fn read(answer: &Path) -> Option<Written> {
    let mut text = String::new();
    File::open(answer).ok()?.take(LARGEST_ANSWER).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
