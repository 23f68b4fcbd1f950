//! Leak tests of single functions on real Node.js: every program named in `HEAPWHY_TEST_NODES` (separated like `PATH`), or `node` in `PATH`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use live::leaktest::{FunctionTest, Judged, Verdict, judge};
use live::{LiveError, NodeBinary};
use serde_json::{Value, json};

const CJS: &str = "
const seen = new Map();
class Session { constructor(i) { this.i = i; this.data = 'x'.repeat(10) + i; } }
exports.leaks = async (i) => { seen.set('k' + seen.size, new Session(i)); };
exports.fine = (i) => new Session(i).i;
exports.cache = { kept: [], add() { this.kept[0] = new Session(0); } };
exports.throws = (i) => { if (i > 5) throw new TypeError('bad input'); };
exports.never = () => new Promise(() => {});
exports.blocks = () => { for (;;); };
exports.exits = (i) => { if (i > 20) process.exit(0); };
exports.late = () => { setTimeout(() => { throw new Error('too late'); }, 1); };
exports.opens = () => { require('net').createServer().listen(0); };
exports.hangs = async () => { await null; require('child_process').spawn('sleep', ['4711'], { stdio: 'ignore' }); for (;;); };
";
const ESM: &str = "const all = []; export default function add() { all.push({ a: 1 }); }";
const BROKEN: &str = "throw new Error('no database');";

fn nodes() -> Vec<NodeBinary> {
    let find = |path: Option<&Path>| NodeBinary::find(path, &AtomicBool::new(false)).unwrap();
    match std::env::var_os("HEAPWHY_TEST_NODES") {
        Some(paths) => std::env::split_paths(&paths).map(|path| find(Some(&path))).collect(),
        None => vec![find(None)],
    }
}

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("lib.js", CJS), ("all.mjs", ESM), ("broken.js", BROKEN)] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Judges a function of a file: `lib.js#leaks`.
fn judged(node: &NodeBinary, dir: &Path, target: &str, limit: Duration, cancel: &AtomicBool) -> live::Result<Judged> {
    let (file, function) = target.split_once('#').map_or((target, None), |(file, function)| (file, Some(function)));
    let options = json!({ "callTimeout": 1000 });
    let file = dir.join(file);
    judge(&FunctionTest { node, file: &file, function, options: &options, heapwhy: None, limit }, cancel)
}

fn in_words(judged: Judged) -> String {
    match judged {
        Judged::Verdict(verdict) => {
            let Verdict { verdict, text, threw, .. } = *verdict;
            format!("{verdict}{}: {}", if threw { " (threw)" } else { "" }, text.lines().next().unwrap_or_default())
        }
        Judged::Failed { doing, text } => format!("failed {doing}: {text}"),
        Judged::Ended { status, stderr } => format!("ended: {status}: {stderr}"),
        _ => "silent".to_owned(),
    }
}

#[test]
fn functions_are_judged_on_every_node() {
    let dir = project();
    let files = || {
        fs::read_dir(std::env::temp_dir())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("heapwhy-fn-"))
            .count()
    };
    let before = files();
    for node in nodes() {
        let check = |target: &str, expect: &str| {
            let found = in_words(judged(&node, dir.path(), target, Duration::from_secs(120), &AtomicBool::new(false)).unwrap());
            assert!(found.starts_with(expect), "node {}, {target}: {found}", node.version());
        };
        check("lib.js#leaks", "leak: leak: every call leaves 1 object behind (");
        check("all.mjs", "leak: leak: every call leaves 1 object behind (");
        check("lib.js#opens", "leak: leak: every call leaves ");
        check("lib.js#fine", "no leak: ");
        check("lib.js#cache.add", "no leak: ");
        check("lib.js#throws", "cannot tell (threw): cannot tell whether it leaks: call 7 threw: TypeError: bad input");
        check("lib.js#never", "cannot tell: cannot tell whether it leaks: call 1 has not settled within 1000 ms");
        check("lib.js#blocks", "cannot tell: cannot tell whether it leaks: call 1 has blocked the event loop for 1000 ms");
        check("lib.js#exits", "ended: exit code 3: heapwhy: cannot tell: the function ended the process in call 22");
        check("lib.js#late", "ended: exit code 1: ");
        check("lib.js#nothing", "failed finding: nothing is no function in it; functions are ");
        check("broken.js", "failed loading: Error: no database");
    }
    assert!(files() <= before, "nothing is left behind");
}

#[test]
fn a_function_that_blocks_is_ended_with_all_that_it_started() {
    let (dir, node) = (project(), nodes().remove(0));
    let started = Instant::now();
    // Behind an `await` nothing within the process can end it.
    let found = judged(&node, dir.path(), "lib.js#hangs", Duration::from_secs(2), &AtomicBool::new(false)).unwrap();
    assert_eq!((found, started.elapsed() < Duration::from_secs(60)), (Judged::Silent, true));
    let is_ours = |entry: &fs::DirEntry| fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x004711\0");
    assert!(!fs::read_dir("/proc").unwrap().any(|entry| is_ours(&entry.unwrap())), "what it started is there");
    let cancelled = judged(&node, dir.path(), "lib.js#hangs", Duration::from_secs(60), &AtomicBool::new(true));
    assert!(matches!(cancelled, Err(LiveError::Cancelled)), "{cancelled:?}");
}

#[test]
fn an_option_that_makes_no_sense_is_refused() {
    let (dir, node) = (project(), nodes().remove(0));
    let options: Value = json!({ "budget": -1 });
    let file = dir.path().join("lib.js");
    let test =
        FunctionTest { node: &node, file: &file, function: Some("fine"), options: &options, heapwhy: None, limit: Duration::from_secs(60) };
    let found = in_words(judge(&test, &AtomicBool::new(false)).unwrap());
    assert!(found.starts_with("failed judging: TypeError: heapwhy: option budget: -1"), "{found}");
}
