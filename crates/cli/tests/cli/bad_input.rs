//! Every kind of bad input gets a clear error with its code and exit code; what can be saved is saved and marked.

use std::io::{Read, Write};

use crate::fixture::{Fixture, command, shop};

/// Checks the exit code, the first line and the stable code of a refusal.
fn refused(fixture: &Fixture, words: &[&str], exit: i32, code: &str, first_line: &str) {
    let ran = fixture.run(words);
    let line = ran.err.lines().next().unwrap_or_default();
    assert_eq!((ran.code, line, ran.out.as_str()), (exit, first_line, ""), "{words:?}: {}", ran.err);
    assert!(ran.err.contains(code), "{words:?}: {}", ran.err);
}

#[test]
fn files_that_are_no_snapshots() {
    let fixture = Fixture::new();
    let mut core = b"\x7fELF\x02\x01\x01".to_vec();
    core.resize(64, 0);
    core[16] = 4;
    core[18] = 62;
    let mut arm = core.clone();
    arm[18] = 183;
    let mut program = core.clone();
    program[16] = 2;
    let cases: &[(&str, &[u8], i32, &str, &str)] = &[
        ("empty", b"", 3, "HW1004", "empty is empty (0 bytes)"),
        ("package.json", b"{\"name\":\"x\"}", 3, "HW1005", "package.json is JSON, but not a heap snapshot"),
        ("x.cpuprofile", b"{\"nodes\":[{\"id\":1}],\"startTime\":1}", 5, "HW1006", "x.cpuprofile is a CPU profile (.cpuprofile)"),
        ("core.1", &core, 5, "HW1009", "core.1 is a core dump, but not of Node.js"),
        ("core.2", &arm, 5, "HW1009", "core.2 is a core dump of another kind of machine (ARM64)"),
        ("node", &program, 5, "HW1009", "node is a program or library (ELF), neither a snapshot nor a core dump"),
        ("zeros", &[0; 4096], 3, "HW1011", "zeros holds nothing but zero bytes"),
        ("notes.txt", b"hello\n", 3, "HW1005", "notes.txt is text, not a heap snapshot"),
        ("x.xz", b"\xfd7zXZ\x001234", 5, "HW1008", "x.xz is compressed with xz, which is not supported by this version yet"),
    ];
    for (name, bytes, exit, code, line) in cases {
        fixture.file(name, bytes);
        refused(&fixture, &[name], *exit, code, &format!("heapwhy: {line}"));
        refused(&fixture, &["classes", name], *exit, code, &format!("heapwhy: {line}"));
    }
}

#[test]
fn paths_that_lead_nowhere() {
    let fixture = Fixture::new();
    refused(&fixture, &["no.heapsnapshot"], 3, "HW1001", "heapwhy: there is no file no.heapsnapshot");
    refused(&fixture, &["summry", "x"], 2, "HW1002", "heapwhy: there is neither a command nor a file called summry");
    // Larger than any number that Linux gives.
    refused(&fixture, &["4194305"], 6, "HW1401", "heapwhy: there is no process 4194305");
    refused(&fixture, &["capture", "4194305"], 6, "HW1401", "heapwhy: there is no process 4194305");
    refused(&fixture, &["capture", "app.heapsnapshot"], 2, "HW1000", "heapwhy: app.heapsnapshot is no process id");
    refused(&fixture, &["."], 3, "HW1003", "heapwhy: . is a directory");
    let ran = fixture.run(&["."]);
    assert!(ran.err.contains("try      heapwhy ./app.heapsnapshot"), "{}", ran.err);
}

#[test]
fn a_capture_is_what_its_name_says() {
    let fixture = Fixture::new();
    let cases: [(&[&str], &str); 10] = [
        (&["-o", "a.hwy", "--dead"], "a graph without values holds what is alive: --weak and --dead are for core dumps"),
        (&["--to", "hwy", "-o", "a.core"], "a.core cannot be what the capture is called: that is the name of a core, not of a hwy"),
        (&["--to", "hwy", "-o", "a"], "a cannot be what the capture is called: an index is known by its name, which ends in .hwy"),
        (&["-o", "a.core.gz"], "a.core.gz cannot be what the capture is called: only core dumps are packed, and with zstd"),
        (
            &["-o", "a.heapsnapshot.zst"],
            "a.heapsnapshot.zst cannot be what the capture is called: only core dumps are packed, and with zstd",
        ),
        (&["-o", "-"], "a capture is written to a file, not to standard output"),
        (&["--method", "inspector", "--to", "core.zst"], "--method inspector writes a heap snapshot, not a packed core dump"),
        (&["--method", "inspector", "-o", "a.hwy"], "--method inspector writes a heap snapshot, not a graph without values"),
        (&["--worker", "1", "-o", "a.heapsnapshot"], "--worker is for --method inspector: what is read from outside is of all threads"),
        (
            &["--method", "inspector", "--max-pause", "1s"],
            "--max-pause does not go with --method inspector: V8 finishes a snapshot that it has begun",
        ),
    ];
    for (words, line) in cases {
        refused(&fixture, &[&["capture", "4194305"], words].concat(), 2, "HW1000", &format!("heapwhy: {line}"));
    }
    for ending in ["core", "zst", "hwy", "heapsnapshot"] {
        let name = format!("b.{ending}");
        refused(&fixture, &["capture", "4194305", "-o", &name], 6, "HW1401", "heapwhy: there is no process 4194305");
        fixture.file(&name, b"kept");
        refused(&fixture, &["capture", "4194305", "-o", &name], 7, "HW1205", &format!("heapwhy: {name} exists: it would be replaced"));
    }
    let no_process = "heapwhy: --method, --max-pause and --accept-danger are for one running process";
    refused(&fixture, &["app.heapsnapshot", "--method", "stop"], 2, "HW1000", no_process);
    refused(&fixture, &["4194305", "4194306", "--max-pause", "1s"], 2, "HW1000", no_process);
    refused(&fixture, &["4194305", "--method", "fork"], 6, "HW1401", "heapwhy: there is no process 4194305");
}

#[test]
fn commands_win_and_a_path_reaches_the_file() {
    let fixture = Fixture::new();
    fixture.snapshot("summary", 3);
    fixture.snapshot("123", 3);
    assert_eq!(fixture.run(&["summary"]).code, 2);
    assert_eq!(fixture.run(&["./summary"]).code, 0);
    assert_eq!(fixture.run(&["123"]).code, 0);
}

#[test]
fn a_file_cut_anywhere_is_salvaged_or_refused() {
    let fixture = Fixture::new();
    let mut whole = Vec::new();
    heap::snapshot::write::write(&shop(3), &mut whole, &heap::snapshot::write::WriteOptions::default()).unwrap();
    for cut in (1..whole.len() - 2).step_by(97) {
        fixture.file("cut.heapsnapshot", &whole[..cut]);
        let ran = fixture.run(&["cut.heapsnapshot"]);
        assert_eq!(ran.code, 3, "cut at {cut}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("PARTIAL") || ran.err.contains("HW1"), "cut at {cut}: {}{}", ran.out, ran.err);
        let ran = fixture.run(&["cut.heapsnapshot", "--partial-ok"]);
        assert!(
            ran.code == 0 && ran.out.contains("PARTIAL") || ran.code == 3 && ran.out.is_empty(),
            "cut at {cut}: {}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
fn gzip_is_read_and_damaged_gzip_refused() {
    let fixture = Fixture::new();
    let mut whole = Vec::new();
    heap::snapshot::write::write(&shop(3), &mut whole, &heap::snapshot::write::WriteOptions::default()).unwrap();
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    fixture.file("app.heapsnapshot.gz", &packed(&whole));
    fixture.file("json.gz", &packed(b"{\"name\":1}"));
    let ran = fixture.run(&["classes", "app.heapsnapshot.gz", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(fixture.run(&["classes", "json.gz"]).code, 3);
}

/// A frame of zstd, and one of lz4, that hold a few bytes as they are.
fn frames(bytes: &[u8]) -> [Vec<u8>; 2] {
    let length = u8::try_from(bytes.len()).unwrap();
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, length, 1 | length << 3, length >> 5, 0], bytes].concat();
    let lz4 = [&[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, length, 0, 0, 0x80], bytes, &[0; 4]].concat();
    [zstd, lz4]
}

#[test]
fn cores_are_unpacked_whatever_their_names() {
    let fixture = Fixture::new();
    let mut core = b"\x7fELF\x02\x01\x01".to_vec();
    core.resize(64, 0);
    (core[16], core[18]) = (4, 183);
    let line = |name: &str| format!("heapwhy: {name} is a core dump of another kind of machine (ARM64)");
    for (name, bytes) in ["core.zst", "core.without-ending"].into_iter().zip(frames(&core)) {
        fixture.file(name, &bytes);
        refused(&fixture, &[name], 5, "HW1009", &line(name));
        let piped = fixture.run_with(&["-"], &bytes);
        assert_eq!((piped.code, piped.err.lines().next()), (5, Some(line("standard input").as_str())), "{name}");
    }
    for (by, bytes) in ["zstd", "lz4"].into_iter().zip(frames(b"hello")) {
        fixture.file("x", &bytes);
        refused(&fixture, &["x"], 3, "HW1005", &format!("heapwhy: x is {by}, and what is in it is text, not a heap snapshot"));
    }
}

#[test]
fn names_cannot_take_over_the_terminal() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["classes", "app.heapsnapshot", "--filter", "evil"]);
    insta::assert_snapshot!(ran.out, @r"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    class                   count  self size  retained  distance
    Evil\x1b[31m\n\u{202e}      1       48 B      48 B         2
    ");
    for words in [&["app.heapsnapshot"][..], &["classes", "app.heapsnapshot"], &["dominators", "app.heapsnapshot"]] {
        let ran = fixture.run(words);
        assert!(!ran.out.contains('\x1b') && !ran.out.contains('\u{202e}'), "{}", ran.out);
    }
}

#[test]
fn a_gzip_bomb_is_refused_and_leaves_nothing() {
    let fixture = Fixture::new();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"{\"snapshot\":{\"meta\":{}},\"nodes\":[").unwrap();
    std::io::copy(&mut std::io::repeat(b'0').take(150 << 20), &mut packer).unwrap();
    let bomb = packer.finish().unwrap();
    fixture.file("bomb.gz", &bomb);
    refused(&fixture, &["bomb.gz"], 7, "HW1017", "heapwhy: bomb.gz unpacks to suspiciously much: 327.7 kB make more than 67.2 MB");
    let piped = fixture.run_with(&["-"], &bomb);
    assert_eq!((piped.code, piped.out.as_str()), (7, ""), "{}", piped.err);
    fixture.file("broken.gz", b"\x1f\x8b\x08nonsense");
    let broken = fixture.run(&["broken.gz"]);
    assert_eq!(broken.code, 3);
    assert!(broken.err.contains("HW1007"), "{}", broken.err);
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_unpacked() {
    let fixture = Fixture::new();
    let ran = |words: &[&str], folder: &str| {
        let mut child = command(fixture.folder.path(), words).env("TMPDIR", folder).spawn().unwrap();
        let mut whole = Vec::new();
        heap::snapshot::write::write(&shop(3), &mut whole, &heap::snapshot::write::WriteOptions::default()).unwrap();
        let _ = child.stdin.take().unwrap().write_all(&whole);
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = ran(&["classes", "-"], "/sys");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.starts_with("heapwhy: cannot unpack standard input: no temporary file can be made in /sys: "), "{told}");
    assert!(told.contains("TMPDIR=") && told.contains("HW1201") && !told.contains(".tmp"), "{told}");
}

#[test]
fn a_gate_does_not_pass_what_it_cannot_judge() {
    let fixture = Fixture::new();
    let (old, ids) = (b"v24.21.0", b"v20.10.0");
    let mut other = std::fs::read(fixture.path("app.heapsnapshot")).unwrap();
    let at = other.windows(old.len()).position(|window| window == old).unwrap();
    other[at..at + ids.len()].copy_from_slice(ids);
    // Another run: the ids mean other objects.
    let text = String::from_utf8(other).unwrap().replace("Session", "Visitor");
    fixture.file("other.heapsnapshot", text.as_bytes());
    for front in [&["diff"][..], &[]] {
        for (behind, code) in [(&[][..], 0), (&["--fail-on", "growing"], 5), (&["--fail-on", "suspect"], 5)] {
            let words: Vec<&str> = front.iter().chain(&["app.heapsnapshot", "other.heapsnapshot"]).chain(behind).copied().collect();
            let ran = fixture.run(&words);
            assert_eq!(ran.code, code, "{words:?}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains("snapshots of different processes") && ran.err.contains("HW1105"), "{words:?}: {}", ran.err);
            assert!(ran.out.contains("not enough evidence"), "{words:?}: {}", ran.out);
        }
    }
}

#[test]
fn one_snapshot_twice_is_no_series() {
    let fixture = Fixture::new();
    for words in [&["app.heapsnapshot", "./app.heapsnapshot"][..], &["diff", "app.heapsnapshot", "app.heapsnapshot"]] {
        let ran = fixture.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words:?}: {}", ran.err);
        assert!(ran.err.contains("is named twice"), "{words:?}: {}", ran.err);
    }
}

#[test]
fn names_a_few_letters_away_are_suggested() {
    let fixture = Fixture::new();
    for command in ["why", "path", "inspect", "refs", "instances"] {
        let ran = fixture.run(&[command, "app.heapsnapshot", "Sesion"]);
        assert_eq!(ran.code, 2, "{command}: {}", ran.err);
        assert!(ran.err.contains("close    Session"), "{command}: {}", ran.err);
    }
}

#[test]
fn a_snapshot_without_its_last_byte_is_cut() {
    let fixture = Fixture::new();
    let whole = std::fs::read(fixture.path("app.heapsnapshot")).unwrap();
    let end = whole.iter().rposition(|&byte| byte == b'}').unwrap();
    fixture.file("cut.heapsnapshot", &whole[..end]);
    let ran = fixture.run(&["cut.heapsnapshot"]);
    assert!(ran.code == 3 && ran.err.contains("the file is cut: its final } is missing") && ran.out.contains("PARTIAL"), "{}", ran.err);
    fixture.file("whole.heapsnapshot", &whole[..=end]);
    assert_eq!(fixture.run(&["whole.heapsnapshot"]).err, "");
}

#[test]
fn garbage_in_gzip_is_told_as_such() {
    let fixture = Fixture::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"hello, world\n").unwrap();
    fixture.file("x.heapsnapshot.gz", &encoder.finish().unwrap());
    let first = "heapwhy: x.heapsnapshot.gz is gzip, and what is in it is text, not a heap snapshot";
    refused(&fixture, &["x.heapsnapshot.gz"], 3, "HW1005", first);
}
