//! The crate against real Node.js: every program named in `HEAPWHY_TEST_NODES` (separated like `PATH`), or `node` in `PATH`.
//!
//! No test passes without a Node.js: one that is missing fails it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use live::demo::{self, DemoOptions, DemoStep};
use live::{Inspector, Launch, LiveError, NodeBinary, NodeProcess, SnapshotProgress, save_heap_snapshot};
use serde_json::{Value, json};

fn nodes() -> Vec<NodeBinary> {
    let go_on = AtomicBool::new(false);
    let find = |path: Option<&Path>| NodeBinary::find(path, &go_on).unwrap();
    match std::env::var_os("HEAPWHY_TEST_NODES") {
        Some(paths) => std::env::split_paths(&paths).map(|path| find(Some(&path))).collect(),
        None => vec![find(None)],
    }
}

/// Runs a command of the shell: its `kill` is everywhere, the program of that name is not.
fn shell(command: &str) -> bool {
    Command::new("/bin/sh").args(["-c", command]).status().unwrap().success()
}

/// Says whether a process is there. One that nobody has reaped still is.
fn exists(pid: u32) -> bool {
    shell(&format!("kill -0 {pid} 2>&-"))
}

fn gone_within(pid: u32, limit: Duration) -> bool {
    let started = Instant::now();
    while exists(pid) && started.elapsed() < limit {
        thread::sleep(Duration::from_millis(20));
    }
    !exists(pid)
}

/// Starts a script that lives until its stdin ends.
fn start(node: &NodeBinary, dir: &Path, script: &str) -> NodeProcess {
    let text = format!("process.stdin.on('close', () => process.exit(0)).resume();\n{script}");
    fs::write(dir.join("script.js"), text).unwrap();
    NodeProcess::spawn(&Launch { node, script: Path::new("script.js"), args: &["an argument".to_owned()], dir }).unwrap()
}

/// Reads a snapshot's ids and the number of objects named `class`.
fn ids_and_count(path: &Path, class: &str) -> (HashSet<u64>, usize) {
    let snapshot: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let fields: Vec<_> = snapshot["snapshot"]["meta"]["node_fields"].as_array().unwrap().clone();
    let at = |name: &str| fields.iter().position(|field| field == name).unwrap();
    let (id, name, kind) = (at("id"), at("name"), at("type"));
    let kinds = snapshot["snapshot"]["meta"]["node_types"][kind].as_array().unwrap();
    let object = kinds.iter().position(|kind| kind == "object").unwrap() as u64;
    let strings = snapshot["strings"].as_array().unwrap();
    let numbers: Vec<u64> = snapshot["nodes"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect();
    assert_eq!(snapshot["snapshot"]["node_count"], json!(numbers.len() / fields.len()));
    let nodes = numbers.chunks(fields.len());
    let count = nodes.clone().filter(|node| node[kind] == object && strings[node[name] as usize] == class).count();
    (nodes.map(|node| node[id]).collect(), count)
}

#[test]
fn the_demo_runs_end_to_end_on_every_node() {
    for node in nodes() {
        let parent = tempfile::tempdir().unwrap();
        let options = DemoOptions { node: node.clone(), dir: parent.path().join("demo"), requests_per_step: 400 };
        let steps = RefCell::new(Vec::new());
        let run = demo::run(&options, &|step| steps.borrow_mut().push(step), &AtomicBool::new(false)).unwrap();
        assert!(!exists(run.pid));
        assert!(run.exited_by_itself, "{}", node.version());
        assert_eq!(run.node_version, node.version());
        assert!(run.script.ends_with("demo/shop/server.js") && run.script.exists());
        let steps = steps.into_inner();
        assert!(matches!(steps.first(), Some(DemoStep::Starting)) && matches!(steps.last(), Some(DemoStep::Stopping)));
        check_snapshots(&node, &run);
    }
}

fn check_snapshots(node: &NodeBinary, run: &demo::DemoRun) {
    let version = node.version();
    assert_eq!(fs::read_dir(&run.dir).unwrap().count(), 4, "{version}: three snapshots and the shop");
    let mut earlier: Option<HashSet<u64>> = None;
    for (snapshot, requests) in run.snapshots.iter().zip([1500, 1900, 2300]) {
        let meta = fs::metadata(&snapshot.path).unwrap();
        assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (snapshot.bytes, 0o600), "{version}");
        assert!(snapshot.memory.rss > snapshot.memory.heap_used && snapshot.memory.heap_limit > snapshot.memory.heap_used, "{version}");
        assert_eq!(snapshot.requests, requests);
        let (ids, sessions) = ids_and_count(&snapshot.path, "Session");
        // The prototype of the class has its name too.
        assert!((requests..=requests + 2).contains(&(sessions as u32)), "{version}: {sessions} sessions after {requests} requests");
        let (_, pages) = ids_and_count(&snapshot.path, "Page");
        assert!((500..=502).contains(&pages), "{version}: {pages} pages");
        if let Some(earlier) = earlier.replace(ids.clone()) {
            let kept = earlier.intersection(&ids).count();
            assert!(kept * 10 > earlier.len() * 8, "{version}: only {kept} of {} ids were kept", earlier.len());
        }
    }
}

#[test]
fn a_cancelled_demo_leaves_no_process_and_no_partial_file() {
    let node = nodes().remove(0);
    let while_walking = |step: &DemoStep| matches!(step, DemoStep::Snapshot { snapshot: 2, .. });
    let while_sending = |step: &DemoStep| matches!(step, DemoStep::Snapshot { snapshot: 1, progress: SnapshotProgress::Sending { bytes } } if *bytes > 1_000_000);
    let while_loading = |step: &DemoStep| matches!(step, DemoStep::Requests { before: 2, done: 100.., .. });
    let at_once = |step: &DemoStep| matches!(step, DemoStep::Starting);
    type When<'a> = &'a dyn Fn(&DemoStep) -> bool;
    let cases: [(When, &[&str]); 4] = [
        (&while_walking, &["1.heapsnapshot", "shop"]),
        (&while_sending, &["shop"]),
        (&while_loading, &["1.heapsnapshot", "shop"]),
        (&at_once, &["shop"]),
    ];
    for (when, left) in cases {
        let dir = tempfile::tempdir().unwrap();
        let options = DemoOptions { node: node.clone(), dir: dir.path().to_owned(), requests_per_step: 200 };
        let (cancel, pid) = (AtomicBool::new(false), Cell::new(0));
        let progress = |step: DemoStep| {
            cancel.fetch_or(when(&step), Ordering::Relaxed);
            if let DemoStep::Started { pid: started, .. } = step {
                pid.set(started);
            }
        };
        let error = demo::run(&options, &progress, &cancel).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert!(pid.get() == 0 || !exists(pid.get()));
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, left);
    }
}

#[test]
fn a_panic_ends_the_process_too() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&nodes().remove(0), dir.path(), "");
    let pid = process.pid();
    assert!(exists(pid));
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _process = process;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err() && !exists(pid));
}

#[test]
fn nothing_stays_when_we_are_killed() {
    // This test starts itself again; the second one starts a process, attaches its inspector, and is killed.
    if std::env::var_os("HEAPWHY_TEST_VICTIM").is_some() {
        let (dir, go_on) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let mut process = start(&nodes().remove(0), dir.path(), "");
        let url = process.inspector_url(&go_on).unwrap();
        let _inspector = Inspector::connect(&url, &go_on).unwrap();
        println!("\nchild {}", process.pid());
        thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_stays_when_we_are_killed", "--nocapture"])
        .env("HEAPWHY_TEST_VICTIM", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("child ")?.parse().ok()).unwrap();
    assert!(exists(pid));
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(gone_within(pid, Duration::from_secs(20)), "process {pid} outlived us");
}

#[test]
fn expressions_are_evaluated_on_every_node() {
    let go_on = AtomicBool::new(false);
    for node in nodes() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = start(&node, dir.path(), "console.log('ready', process.argv[2]);");
        let ready = process.wait_for_line("waiting", |line| line.strip_prefix("ready ").map(str::to_owned), &go_on).unwrap();
        assert_eq!(ready, "an argument");
        let mut inspector = Inspector::connect(&process.inspector_url(&go_on).unwrap(), &go_on).unwrap();
        for (expression, value) in
            [("6 * 7", json!(42)), ("({ a: ['\\u{1F600}\\n'] })", json!({"a": ["\u{1F600}\n"]})), ("undefined", json!(null))]
        {
            assert_eq!(inspector.evaluate(expression).unwrap(), value, "{}", node.version());
        }
        assert_eq!(inspector.evaluate("process.version").unwrap(), json!(format!("v{}", node.version())));
        let thrown = inspector.evaluate("null.x").unwrap_err().to_string();
        assert!(thrown.starts_with("`null.x` threw in the process: TypeError"), "{thrown}");
        let refused = inspector.call("No.such", json!({})).unwrap_err();
        assert!(matches!(refused, LiveError::Refused { code: -32601, .. }), "{refused}");
    }
}

#[test]
fn other_users_cannot_look_up_the_inspectors_address() {
    let go_on = AtomicBool::new(false);
    for node in nodes() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = start(&node, dir.path(), "");
        let url = process.inspector_url(&go_on).unwrap();
        let (address, secret) = url.as_str().strip_prefix("ws://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("GET /json/list HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains(secret), "{}", node.version());
    }
}

#[test]
fn a_snapshot_of_a_dying_process_is_an_error_that_says_why_it_died() {
    let go_on = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let mut process = start(&nodes().remove(0), dir.path(), "globalThis.big = Array.from({ length: 1e6 }, (_, i) => ({ i }));");
    let mut inspector = Inspector::connect(&process.inspector_url(&go_on).unwrap(), &go_on).unwrap();
    // Node.js is not at fault: it is killed as the kernel does it when memory runs out.
    let pid = process.pid();
    let killed = Cell::new(false);
    let kill = |_| killed.set(killed.get() || shell(&format!("kill -9 {pid}")));
    let path = dir.path().join("1.heapsnapshot");
    let error = save_heap_snapshot(&mut inspector, &path, &kill).unwrap_err();
    let error = process.explain(error);
    assert!(error.to_string().contains("script.js ended early (signal 9) while HeapProfiler.takeHeapSnapshot"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_script_that_fails_is_an_error_with_its_words() {
    let go_on = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let mut process = start(&nodes().remove(0), dir.path(), "throw new Error('no database');");
    let error = process.wait_for_line("waiting for the service", |_| None::<()>, &go_on).unwrap_err().to_string();
    assert!(error.starts_with("script.js ended early (exit code 1) while waiting for the service; it last wrote:"), "{error}");
    assert!(error.contains("no database"), "{error}");
}

#[test]
fn what_the_environment_says_to_node_is_not_heard() {
    // Set for a child of ours only: this test starts itself again.
    if std::env::var_os("HEAPWHY_TEST_ENVIRONMENT").is_some() {
        let node = nodes().remove(0);
        let (dir, go_on) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let mut process = start(&node, dir.path(), "console.log('options', process.execArgv.length, process.env.NODE_OPTIONS);");
        let line = process.wait_for_line("waiting", |line| line.starts_with("options").then(|| line.to_owned()), &go_on).unwrap();
        assert_eq!(line, "options 2 undefined");
        assert!(process.stop());
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_the_environment_says_to_node_is_not_heard"])
        .envs([("HEAPWHY_TEST_ENVIRONMENT", "1"), ("NODE_OPTIONS", "--no-such-option"), ("NODE_CHANNEL_FD", "77"), ("NODE_UNIQUE_ID", "1")])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    // A limit on the size of files acts like a full disk. It is set for a child of ours only: this test starts itself again.
    if std::env::var_os("HEAPWHY_TEST_SMALL_FILES").is_some() {
        let dir = tempfile::tempdir().unwrap();
        let options = DemoOptions { node: nodes().remove(0), dir: dir.path().to_owned(), requests_per_step: 10 };
        let error = demo::run(&options, &|_| (), &AtomicBool::new(false)).unwrap_err();
        assert!(matches!(&error, LiveError::Write { path, .. } if *path == dir.path().join("1.heapsnapshot")), "{error:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the shop");
        return;
    }
    let exe: PathBuf = std::env::current_exe().unwrap();
    let status = Command::new("/bin/sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" --exact a_full_disk_is_an_error_and_leaves_nothing"])
        .arg(exe)
        .env("HEAPWHY_TEST_SMALL_FILES", "1")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}
