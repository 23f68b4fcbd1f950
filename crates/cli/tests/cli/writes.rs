//! Commands that write files: what they write is whole and readable again, and never the input.

use crate::fixture::{Fixture, command};

#[test]
fn a_converted_snapshot_says_the_same() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "heapsnapshot", "-o", "copy.heapsnapshot"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("wrote copy.heapsnapshot (heap snapshot, "), "{}", ran.out);
    let [first, second] = ["app.heapsnapshot", "copy.heapsnapshot"].map(|name| fixture.run(&["classes", name, "--json"]).out);
    assert_eq!(first.replace("app.heapsnapshot", "copy.heapsnapshot"), second);
}

#[test]
fn csv_has_a_row_a_node_and_pprof_is_packed() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "nodes.csv"]).code, 0);
    let csv = std::fs::read_to_string(fixture.path("nodes.csv")).unwrap();
    assert!(csv.starts_with("id,type,class,name,self_size,retained_size,distance,dominator_id"), "{csv}");
    assert_eq!(fixture.run(&["convert", "app.heapsnapshot", "--to", "pprof", "-o", "held.pb.gz"]).code, 0);
    assert!(std::fs::read(fixture.path("held.pb.gz")).unwrap().starts_with(b"\x1f\x8b"));
}

#[test]
fn the_input_is_never_overwritten() {
    let fixture = Fixture::new();
    let before = std::fs::read(fixture.path("app.heapsnapshot")).unwrap();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "./app.heapsnapshot"]);
    assert_eq!(ran.code, 7, "{}", ran.err);
    assert_eq!(std::fs::read(fixture.path("app.heapsnapshot")).unwrap(), before);
}

#[test]
fn a_file_that_exists_is_replaced_by_force_only() {
    let fixture = Fixture::new();
    for words in [&["convert", "app.heapsnapshot", "--to", "csv", "-o", "out"][..], &["redact", "app.heapsnapshot", "-o", "out"]] {
        fixture.file("out", b"mine");
        let ran = fixture.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (7, ""), "{words:?}: {}", ran.err);
        assert!(ran.err.contains("--force") && ran.err.contains("HW1205"), "{}", ran.err);
        assert_eq!(std::fs::read(fixture.path("out")).unwrap(), b"mine");
        let forced: Vec<&str> = words.iter().copied().chain(["--force"]).collect();
        assert_eq!(fixture.run(&forced).code, 0);
        assert_ne!(std::fs::read(fixture.path("out")).unwrap(), b"mine");
    }
}

#[test]
fn a_dash_is_standard_output() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "-"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("id,type,class,") && !ran.out.contains("wrote"), "{}", ran.out);
    let redacted = fixture.run(&["redact", "app.heapsnapshot", "-o", "-"]);
    assert_eq!(redacted.code, 0, "{}", redacted.err);
    assert_eq!(fixture.run_with(&["instances", "-", "Session", "-q"], redacted.out.as_bytes()).out.lines().count(), 4);
    assert!(!fixture.path("-").exists());
    assert_eq!(fixture.run(&["redact", "app.heapsnapshot", "-o", "-", "--json"]).code, 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "/dev/full"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("HW1202"), "{}", ran.err);
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "no/such/folder.csv"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 1);
}

#[test]
fn an_index_answers_as_the_snapshot_does() {
    let fixture = Fixture::new();
    let first = fixture.run(&["classes", "app.heapsnapshot", "--json"]);
    let ran = fixture.run(&["index", "app.heapsnapshot"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("wrote app.heapsnapshot.hwy (index, "), "{}", ran.out);
    assert_eq!(fixture.run(&["classes", "app.heapsnapshot", "--json"]).out, first.out);
    assert_eq!(fixture.run(&["classes", "app.heapsnapshot", "--json", "--no-index"]).out, first.out);
    let named = fixture.run(&["instances", "app.heapsnapshot.hwy", "Session", "-q"]);
    assert_eq!(named.out, fixture.run(&["instances", "app.heapsnapshot", "Session", "-q"]).out);
}

#[test]
fn an_index_that_does_not_fit_is_passed_over_or_refused() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&["index", "app.heapsnapshot"]).code, 0);
    let sessions = |name: &str| fixture.run(&["instances", name, "Session", "-q"]).out.lines().count();
    assert_eq!(sessions("app.heapsnapshot"), 4);
    fixture.snapshot("app.heapsnapshot", 7);
    assert_eq!(sessions("app.heapsnapshot"), 8, "the index is stale");
    fixture.file("app.heapsnapshot.hwy", b"something else");
    assert_eq!(sessions("app.heapsnapshot"), 8, "the index is foreign");
    let ran = fixture.run(&["classes", "app.heapsnapshot.hwy"]);
    assert_eq!((ran.code, ran.err.contains("HW1012")), (5, true), "{}", ran.err);
}

#[test]
fn a_captured_graph_is_not_replaced_by_an_index() {
    let fixture = Fixture::new();
    let (graph, problems) = heap::snapshot::read(&fixture.path("app.heapsnapshot"), &heap::Silent).unwrap();
    let (place, none) = (fixture.path("app.heapsnapshot.hwy"), heap::index::Key::NONE);
    heap::index::write(&place, &heap::HeapAnalysis::new(graph), &problems, &none, &[], &heap::Silent).unwrap();
    let bytes = std::fs::read(&place).unwrap();
    let ran = fixture.run(&["index", "app.heapsnapshot"]);
    assert_eq!((ran.code, ran.err.contains("HW1205")), (7, true), "{}", ran.err);
    assert!(std::fs::read(&place).unwrap() == bytes);
    let of = |name: &str| fixture.run(&["instances", name, "Session", "-q"]).out;
    assert_eq!(of("app.heapsnapshot.hwy"), of("app.heapsnapshot"));
}

#[test]
fn a_redacted_snapshot_has_the_structure_and_no_values() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["redact", "app.heapsnapshot", "-o", "safe.heapsnapshot"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let text = std::fs::read_to_string(fixture.path("safe.heapsnapshot")).unwrap();
    assert!(!text.contains("user-0") && text.contains("Session"), "{text}");
    assert_eq!(fixture.run(&["instances", "safe.heapsnapshot", "Session", "-q"]).out.lines().count(), 4);
}

/// Nobody named the temporary file, so nobody is told of it.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_told_by_its_own_name() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "/sys/nodes.csv"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    let line = ran.err.lines().next().unwrap();
    assert!(line.starts_with("heapwhy: cannot write /sys/nodes.csv: ") && !ran.err.contains(".heapwhy-"), "{}", ran.err);
}

/// Whenever Ctrl-C comes, once or twice, the output is there whole or not at all.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_leaves_no_half_file() {
    let fixture = Fixture::new();
    fixture.snapshot("many.heapsnapshot", 40_000);
    for wait in [5, 40, 80, 120, 200, 300] {
        for command_line in
            [["convert", "many.heapsnapshot", "--to", "csv", "-o", "nodes.csv"], ["index", "many.heapsnapshot", "", "", "", ""]]
        {
            let words: Vec<&str> = command_line.into_iter().filter(|word| !word.is_empty()).collect();
            let mut child = command(fixture.folder.path(), &words).spawn().unwrap();
            let pid = child.id().to_string();
            for _ in 0..2 {
                std::thread::sleep(std::time::Duration::from_millis(wait));
                let _ = std::process::Command::new("kill").args(["-INT", &pid]).stderr(std::process::Stdio::null()).status().unwrap();
            }
            let code = child.wait().unwrap().code();
            assert!(matches!(code, None | Some(0 | 130)), "{words:?}: {code:?}");
            let mut names: Vec<_> = std::fs::read_dir(fixture.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.retain(|name| name != "app.heapsnapshot" && name != "many.heapsnapshot");
            if code == Some(0) {
                std::fs::remove_file(fixture.path(names[0].to_str().unwrap())).unwrap();
                names.remove(0);
            }
            assert!(names.is_empty(), "{words:?}, {wait} ms: {names:?}");
        }
    }
}
