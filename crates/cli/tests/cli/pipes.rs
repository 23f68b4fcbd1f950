//! Commands compose: ids out of one, into the next; a reader that leaves early is no error.

use std::io::{Read, Write};

use crate::fixture::{Fixture, command, shop};

#[test]
fn ids_flow_from_command_to_command() {
    let fixture = Fixture::new();
    let sessions = fixture.run(&["instances", "app.heapsnapshot", "Session", "-q"]);
    insta::assert_snapshot!(sessions.out, @"
    @27
    @31
    @35
    @25
    ");
    let newest = fixture.run(&["instances", "app.heapsnapshot", "Session", "-q", "--sort", "newest", "--limit", "3"]);
    assert_eq!(newest.out.lines().collect::<Vec<_>>(), ["@35", "@31", "@27"]);
    let holders = fixture.run_with(&["refs", "app.heapsnapshot", "-", "-q"], sessions.out.as_bytes());
    insta::assert_snapshot!(holders.out, @"
    @23
    @11
    @27
    @31
    @35
    ");
    let next = fixture.run_with(&["refs", "app.heapsnapshot", "-", "--limit", "1"], holders.out.as_bytes());
    insta::assert_snapshot!(next.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    id  holder  by        retains  retained  of
    @7  global  .Session  yes        2.7 kB  @23
    … 5 more (--limit 0 shows all)
    ");
    assert_eq!((sessions.code, holders.code, next.code), (0, 0, 0));
}

#[test]
fn nothing_in_is_nothing_out() {
    let fixture = Fixture::new();
    let ran = fixture.run_with(&["refs", "app.heapsnapshot", "-", "-q"], b"\n\n");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}

#[test]
fn a_closed_pipe_is_success() {
    let fixture = Fixture::new();
    fixture.snapshot("many.heapsnapshot", 50_000);
    let mut child = command(fixture.folder.path(), &["instances", "many.heapsnapshot", "Session", "--json"]).spawn().unwrap();
    let mut some = [0; 64];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let fixture = Fixture::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(fixture.folder.path(), &["classes", "app.heapsnapshot"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("HW1202"), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_waiting_for_ids_ends_at_once() {
    let fixture = Fixture::new();
    let mut child = command(fixture.folder.path(), &["refs", "app.heapsnapshot", "-"]).spawn().unwrap();
    let pid = child.id().to_string();
    let stdin = child.stdin.take();
    // Whether the signal comes before or while it reads, the exit code is that of a signal or of Ctrl-C.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = child.wait().unwrap();
    drop(stdin);
    assert!(status.code().is_none_or(|code| code == 130), "{status}");
}

/// Returns a snapshot's bytes, plain and packed.
fn snapshot_bytes() -> [Vec<u8>; 2] {
    let mut plain = Vec::new();
    heap::snapshot::write::write(&shop(3), &mut plain, &heap::snapshot::write::WriteOptions::default()).unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&plain).unwrap();
    [plain, packer.finish().unwrap()]
}

#[test]
fn a_snapshot_on_standard_input() {
    let fixture = Fixture::new();
    let behind_header = |text: &str| text.split_once('\n').unwrap().1.replace("app.heapsnapshot", "-");
    let commands: [&[&str]; 4] = [&["classes", "FILE"], &["why", "FILE", "Session"], &["FILE"], &["diff", "FILE", "app.heapsnapshot"]];
    for bytes in snapshot_bytes() {
        for words in commands {
            let named = |name: &'static str| words.iter().map(|&word| if word == "FILE" { name } else { word }).collect::<Vec<_>>();
            let (file, piped) = (fixture.run(&named("app.heapsnapshot")), fixture.run_with(&named("-"), &bytes));
            assert_eq!((piped.code, piped.err.as_str()), (0, ""), "{words:?}");
            assert!(piped.out.starts_with("heapwhy 0.1.0 · standard input · "), "{}", piped.out);
            if words[0] != "diff" {
                assert_eq!(behind_header(&piped.out), behind_header(&file.out), "{words:?}");
            }
        }
    }
    let left: Vec<_> = std::fs::read_dir(fixture.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["app.heapsnapshot"]);
}

#[test]
fn standard_input_may_be_a_file() {
    let fixture = Fixture::new();
    let file = std::fs::File::open(fixture.path("app.heapsnapshot")).unwrap();
    let output = command(fixture.folder.path(), &["classes", "-", "--json"]).stdin(file).output().unwrap();
    let expect = fixture.run(&["classes", "app.heapsnapshot", "--json"]).out.replace("\"path\":\"app.heapsnapshot\"", "\"path\":\"-\"");
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap()), (Some(0), expect));
}

#[test]
fn standard_input_is_one_thing() {
    let fixture = Fixture::new();
    let [plain, _] = snapshot_bytes();
    let cases: [(&[&str], &str); 5] = [
        (&["refs", "-", "-"], "there is one standard input, and more than one - on the command line"),
        (&["dominators", "-", "-"], "there is one standard input, and more than one - on the command line"),
        (&["-", "-"], "there is one standard input, and more than one - on the command line"),
        (&["diff", "-"], "one snapshot cannot show what grew: standard input"),
        (&["index", "-"], "an index stands beside a file; standard input is none"),
    ];
    for (words, message) in cases {
        let ran = fixture.run_with(words, &plain);
        assert_eq!((ran.code, ran.err.lines().next().unwrap(), ran.out.as_str()), (2, format!("heapwhy: {message}").as_str(), ""));
    }
    let nothing = fixture.run_with(&["-"], b"");
    assert_eq!((nothing.code, nothing.err.lines().next().unwrap()), (3, "heapwhy: standard input is empty (0 bytes)"));
}

/// What a report suggests is run by a shell as it stands, whatever the file is called.
#[test]
fn every_command_that_is_printed_runs() {
    let program = env!("CARGO_BIN_EXE_heapwhy");
    for name in ["plain.heapsnapshot", "two words.heapsnapshot", "it's $HOME.heapsnapshot", "-x.heapsnapshot", "new\nline.heapsnapshot"] {
        let fixture = Fixture::new();
        fixture.snapshot(name, 4);
        let file = format!("./{name}");
        for words in [vec![&*file], vec!["summary", &file], vec!["why", &file, "Session"], vec!["app.heapsnapshot", &file]] {
            let ran = fixture.run(&[&words[..], &["--json"]].concat());
            let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
            let next = answer["next"].as_array().unwrap();
            assert!(!next.is_empty(), "{words:?}");
            for command in next {
                let line = format!("heapwhy() {{ '{program}' \"$@\"; }}\n{}", command.as_str().unwrap());
                let mut shell = std::process::Command::new("bash");
                let output = shell.arg("-c").arg(line).current_dir(fixture.folder.path()).output().unwrap();
                assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{command}");
            }
        }
    }
}

/// Ctrl-C ends a search for paths at once, with what is known; a search that is quicker answers.
#[cfg(unix)]
#[test]
fn ctrl_c_while_paths_are_searched_for() {
    let fixture = Fixture::new();
    fixture.snapshot("many.heapsnapshot", 60_000);
    for (word, wait) in [("why", 100), ("why", 250), ("why", 400), ("path", 250)] {
        let mut child = command(fixture.folder.path(), &[word, "many.heapsnapshot", "Session"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let started = std::time::Instant::now();
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{word}: {:?}", started.elapsed());
        let (code, out) = (output.status.code(), String::from_utf8(output.stdout).unwrap());
        let known = code == Some(130) && (out.is_empty() || out.contains("CANCELLED: this is what was known"));
        assert!(known || code == Some(0) && out.contains("Session") || code.is_none(), "{word}: {code:?} {out}");
    }
}

#[test]
fn rows_one_a_line() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["classes", "app.heapsnapshot", "--jsonl"]);
    let whole: serde_json::Value = serde_json::from_str(&fixture.run(&["classes", "app.heapsnapshot", "--json"]).out).unwrap();
    let rows: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.code, ran.err.as_str(), &serde_json::json!(rows)), (0, "", &whole["classes"]["rows"]));
    insta::assert_snapshot!(fixture.run(&["instances", "app.heapsnapshot", "Session", "-q", "--jsonl", "--limit", "2"]).out, @r#"
    {"id":"27"}
    {"id":"31"}
    "#);
    let summary = fixture.run(&["summary", "app.heapsnapshot", "--jsonl"]);
    assert!(
        summary.out.lines().all(|line| line.starts_with("{\"table\":\"")) && summary.out.contains("\"table\":\"classes\""),
        "{}",
        summary.out
    );
    assert_eq!(fixture.run(&["classes", "app.heapsnapshot", "--jsonl", "--json"]).code, 2);
}

#[test]
fn ids_of_a_query_and_of_a_path() {
    let fixture = Fixture::new();
    let query = fixture.run(&["query", "app.heapsnapshot", "Session", "--exact", "-q"]);
    assert_eq!((query.code, query.out.as_str()), (0, "@27\n@31\n@35\n"), "{}", query.err);
    let path = fixture.run(&["path", "app.heapsnapshot", "@27", "-q"]);
    assert_eq!((path.code, path.out.lines().last()), (0, Some("@27")), "{}{}", path.out, path.err);
}
