//! Finding a Node.js that can be used, and asking it what it is before anything depends on it.
//!
//! It runs the program once, with a short script, and believes only what that script prints: a `node` in `PATH` may be a
//! version manager's shim, another runtime, or too old. It does not install anything.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;

use crate::process::Child;
use crate::wait::Patience;
use crate::{LiveError, Result};

/// The oldest major version of Node.js that is supported.
pub const OLDEST_NODE: u32 = 16;

/// How long a Node.js may take to say what it is. A cold start from a slow disk takes seconds.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// What the program is asked. Plain enough for any runtime and for versions far below the oldest supported.
const PROBE: &str = "JSON.stringify({ node: process.versions.node, v8: process.versions.v8, bun: process.versions.bun, \
                     deno: process.versions.deno, inspector: process.features.inspector, path: process.execPath })";

/// Variables that change how a Node.js starts, or that were meant for another one: options, a parent's channel, a cluster.
pub(crate) const FOREIGN_VARIABLES: [&str; 9] = [
    "NODE_OPTIONS",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_UNIQUE_ID",
    "NODE_V8_COVERAGE",
    "NODE_DEBUG",
    "NODE_DEBUG_NATIVE",
    "NODE_REDIRECT_WARNINGS",
    "NODE_INSPECT_RESUME_ON_START",
];

/// A Node.js program that was found, was run, and is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeBinary {
    path: PathBuf,
    version: String,
    major: u32,
    v8: String,
}

impl NodeBinary {
    /// Finds the Node.js that was named, or `node` in `PATH`, and asks it what it is.
    ///
    /// `named` may be a path, or a bare name: of a program in `PATH`, or else of one in the working directory.
    pub fn find(named: Option<&Path>, cancel: &AtomicBool) -> Result<Self> {
        let path = match named {
            Some(path) if path.components().count() != 1 || path.has_root() => path.to_owned(),
            Some(name) => in_search_path(name).or_else(|error| if is_program(name) { Ok(name.to_owned()) } else { Err(error) })?,
            None => in_search_path(Path::new("node"))?,
        };
        let path = absolute(&path)?;
        let answer = probe(&path, cancel)?;
        Self::from_answer(path, &answer)
    }

    /// Returns the path of the program itself, also where a shim was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its version, such as `22.11.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the first part of its version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Returns the version of its V8.
    #[must_use]
    pub fn v8(&self) -> &str {
        &self.v8
    }

    fn from_answer(path: PathBuf, answer: &Value) -> Result<Self> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        for (key, name) in [("bun", "Bun"), ("deno", "Deno")] {
            if let Some(version) = text(key) {
                return Err(LiveError::NotNode { path, found: format!("{name} {version}") });
            }
        }
        let Some(version) = text("node") else {
            return Err(LiveError::NotNode { path, found: "another runtime".to_owned() });
        };
        let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        if major < OLDEST_NODE {
            return Err(LiveError::NodeTooOld { path, version });
        }
        if answer.get("inspector").and_then(Value::as_bool) == Some(false) {
            return Err(LiveError::NoInspector { path, version });
        }
        // A shim starts the real program as its child: from here on the real one is used.
        let path = text("path").map(PathBuf::from).filter(|real| is_program(real)).unwrap_or(path);
        Ok(Self { path, version, major, v8: text("v8").unwrap_or_default() })
    }
}

/// Runs the probe. What it prints must be one line of JSON.
fn probe(path: &Path, cancel: &AtomicBool) -> Result<Value> {
    let unusable = |reason: String| LiveError::NodeUnusable { path: path.to_owned(), reason };
    if !is_program(path) {
        let reason = if path.exists() { "it is not a program that may be run" } else { "there is no such file" };
        return Err(unusable(reason.to_owned()));
    }
    let mut command = Command::new(path);
    command.args(["-p", PROBE]).stdin(Stdio::null());
    for name in FOREIGN_VARIABLES {
        command.env_remove(name);
    }
    let mut child = Child::spawn(&mut command)?;
    let patience = Patience::new("asking node for its version", PROBE_LIMIT, cancel);
    let answer = child.stdout().wait_for(|line| serde_json::from_str(line).ok().filter(Value::is_object), &patience)?;
    let status = child.wait(&patience)?;
    if let Some(answer) = answer {
        return Ok(answer);
    }
    let words = child.last_words();
    Err(unusable(if words.is_empty() {
        format!("asked for its version, it printed {:?} ({status})", child.stdout().last_words())
    } else {
        format!("asked for its version, it failed ({status}): {words}")
    }))
}

fn in_search_path(name: &Path) -> Result<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let file_name = format!("{}{}", name.display(), env::consts::EXE_SUFFIX);
    env::split_paths(&folders)
        .map(|folder| folder.join(&file_name))
        .find(|path| is_program(path))
        .ok_or_else(|| LiveError::NodeNotFound { name: name.display().to_string() })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|source| LiveError::NodeUnusable { path: path.to_owned(), reason: source.to_string() })
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_judged() {
        let judge = |answer: &Value| match NodeBinary::from_answer("/bin/n".into(), answer) {
            Ok(node) => format!("{} {} {}", node.major(), node.version(), node.v8()),
            Err(error) => error.to_string(),
        };
        let cases = [
            (json!({"node": "26.1.0", "v8": "14.6", "inspector": true}), "26 26.1.0 14.6"),
            (json!({"node": "16.0.0", "inspector": true}), "16 16.0.0 "),
            (json!({"node": "14.21.3", "inspector": true}), "/bin/n is Node.js v14.21.3, older than the oldest supported (v16)"),
            (json!({"node": "24.3.0", "bun": "1.3.0"}), "/bin/n is Bun 1.3.0, not Node.js"),
            (json!({"node": "24.3.0", "deno": "2.5.0"}), "/bin/n is Deno 2.5.0, not Node.js"),
            (json!({"node": "20.1.0", "inspector": false}), "/bin/n (Node.js v20.1.0) was built without the inspector"),
            (json!({"v8": "1"}), "/bin/n is another runtime, not Node.js"),
            (json!({"node": "twenty"}), "/bin/n is Node.js vtwenty, older than the oldest supported (v16)"),
        ];
        for (answer, expected) in cases {
            assert_eq!(judge(&answer), expected, "{answer}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn programs_that_are_no_node_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        // Written by a shell: a file that this process has just written may still be open in a child of another test, and then
        // cannot be run ("text file busy").
        let program = |name: &str, text: &str, mode: &str| {
            let path = dir.path().join(name);
            let write = "printf %s \"$1\" > \"$0\" && chmod $2 \"$0\"";
            assert!(Command::new("/bin/sh").args(["-c", write]).arg(&path).args([text, mode]).status().unwrap().success());
            path
        };
        let cases = [
            (program("plain", "", "644"), "it is not a program that may be run"),
            (dir.path().join("missing"), "there is no such file"),
            (dir.path().to_owned(), "it is not a program that may be run"),
            (program("fails", "#!/bin/sh\necho oh no >&2; exit 3\n", "755"), "it failed (exit code 3): oh no"),
            (program("chats", "#!/bin/sh\necho hello\n", "755"), "it printed \"hello\" (exit code 0)"),
            (program("garbage", "\u{7f}ELF nonsense", "755"), "cannot start"),
        ];
        for (path, expected) in cases {
            let error = NodeBinary::find(Some(&path), &AtomicBool::new(false)).unwrap_err().to_string();
            assert!(error.contains(expected), "{}: {error}", path.display());
        }
    }

    #[test]
    fn a_name_that_is_nowhere_gets_a_hint() {
        let error = NodeBinary::find(Some(Path::new("no-such-node-anywhere")), &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.to_string(), "no `no-such-node-anywhere` in PATH");
        assert!(error.hint().unwrap().contains("--node"));
    }
}
