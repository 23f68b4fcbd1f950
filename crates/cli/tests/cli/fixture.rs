//! A small heap with a leak in it, and how tests run the program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use heap::builder::{NewName, Node, Target};
use heap::{EdgeKind, GraphBuilder, HeapGraph, NodeIx, NodeKind};

/// What a run of the program left.
pub(crate) struct Ran {
    /// Its exit code; 128 and more where a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// A folder with snapshots in it, gone when dropped.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    /// Makes a folder with `app.heapsnapshot`: 3 sessions in a cache.
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fixture.snapshot("app.heapsnapshot", 3);
        fixture
    }

    /// Writes a snapshot with that many sessions.
    pub(crate) fn snapshot(&self, name: &str, sessions: u32) -> PathBuf {
        let mut bytes = Vec::new();
        heap::snapshot::write::write(&shop(sessions), &mut bytes, &heap::snapshot::write::WriteOptions::default()).unwrap();
        self.file(name, &bytes)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Returns the path of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program in the folder.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.run_with(words, b"")
    }

    /// Runs the program in the folder with that on standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &[u8]) -> Ran {
        let mut child = command(self.folder.path(), words).spawn().unwrap();
        // The program may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(128),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Returns the program in a known environment.
pub(crate) fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heapwhy"));
    command.args(words).current_dir(folder).env_clear().env("LANG", "C.UTF-8");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A class name that tries to take over the terminal.
pub(crate) const EVIL: &str = "Evil\u{1b}[31m\n\u{202e}";

/// ```text
/// root ─ (GC roots) ─ (Strong roots)
///   └─ global ─ cache: SessionCache ─ byId: Map ─ table: (array) ─ Session × n ─ user: string
///        └─ evil: Evil…      └─ add: function add
/// ```
pub(crate) fn shop(sessions: u32) -> HeapGraph {
    let mut builder = GraphBuilder::new();
    let mut next_id = 1;
    let mut node = |builder: &mut GraphBuilder, kind, name: &str, size| -> NodeIx {
        next_id += 2;
        builder.node(Node::new(kind, name, next_id - 2, size))
    };
    let root = node(&mut builder, NodeKind::SYNTHETIC, "", 0);
    let roots = node(&mut builder, NodeKind::SYNTHETIC, "(GC roots)", 0);
    let strong = node(&mut builder, NodeKind::SYNTHETIC, "(Strong roots)", 0);
    let global = node(&mut builder, NodeKind::OBJECT, "global", 32);
    let cache = node(&mut builder, NodeKind::OBJECT, "SessionCache", 24);
    let map = node(&mut builder, NodeKind::OBJECT, "Map", 32);
    let table = node(&mut builder, NodeKind::ARRAY, "", 2048);
    let add = node(&mut builder, NodeKind::CLOSURE, "add", 64);
    let evil = node(&mut builder, NodeKind::OBJECT, EVIL, 48);
    let process = node(&mut builder, NodeKind::OBJECT, "process", 56);
    let version = node(&mut builder, NodeKind::STRING, "v24.21.0", 24);
    let constructor = node(&mut builder, NodeKind::CLOSURE, "Session", 64);
    let prototype = node(&mut builder, NodeKind::OBJECT, "Session", 40);
    let text = |builder: &mut GraphBuilder, from, kind, name: &str, to| builder.edge(from, kind, NewName::Text(name), Target::Node(to));
    let element =
        |builder: &mut GraphBuilder, from, index, to| builder.edge(from, EdgeKind::ELEMENT, NewName::Index(index), Target::Node(to));
    element(&mut builder, root, 1, roots);
    text(&mut builder, root, EdgeKind::SHORTCUT, "", global);
    element(&mut builder, roots, 1, strong);
    element(&mut builder, strong, 1, global);
    text(&mut builder, global, EdgeKind::PROPERTY, "cache", cache);
    text(&mut builder, global, EdgeKind::PROPERTY, "evil", evil);
    text(&mut builder, global, EdgeKind::PROPERTY, "process", process);
    text(&mut builder, process, EdgeKind::PROPERTY, "version", version);
    text(&mut builder, cache, EdgeKind::PROPERTY, "byId", map);
    text(&mut builder, cache, EdgeKind::PROPERTY, "add", add);
    text(&mut builder, map, EdgeKind::INTERNAL, "table", table);
    text(&mut builder, global, EdgeKind::PROPERTY, "Session", constructor);
    text(&mut builder, constructor, EdgeKind::PROPERTY, "prototype", prototype);
    text(&mut builder, prototype, EdgeKind::PROPERTY, "constructor", constructor);
    for number in 0..sessions {
        let session = node(&mut builder, NodeKind::OBJECT, "Session", 56);
        let user = node(&mut builder, NodeKind::STRING, &format!("user-{number}"), 24);
        text(&mut builder, table, EdgeKind::INTERNAL, &number.to_string(), session);
        text(&mut builder, session, EdgeKind::PROPERTY, "user", user);
        text(&mut builder, session, EdgeKind::PROPERTY, "__proto__", prototype);
    }
    builder.finish().0
}
