//! Bad input, the same each time: the fuzzers' corpus, and a small snapshot cut at every byte, flipped, and with numbers that lie. Nothing
//! panics, nothing hangs, and damage is told.

use std::fs;
use std::path::{Path, PathBuf};

use heap::diagnostic_report::{DiagnosticReport, Limits, compare, difference, judge};
use heap::snapshot::ReadError;
use heap::{HeapAnalysis, HeapGraph, Problems, Silent, convert, index, redact, snapshot};

/// Numbers that lie, in the place of honest ones.
const HOSTILE: [&str; 10] =
    ["0", "1", "100000000000", "4294967295", "4294967296", "18446744073709551615", "99999999999999999999999", "-1", "1e9", "null"];

/// A small snapshot with every optional section, as V8 writes it: one record a line.
const SMALL: &str = r#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"node_types":[["hidden","array","string","object","code","closure","regexp","number","native","synthetic","concatenated string","sliced string","symbol","bigint","object shape"],"string","number","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"],"string_or_number","node"],"trace_function_info_fields":["function_id","name","script_name","script_id","line","column"],"trace_node_fields":["id","function_info_index","count","size","children"],"sample_fields":["timestamp_us","last_assigned_id"],"location_fields":["object_index","script_id","line","column"]},"node_count":5,"edge_count":6,"trace_function_count":1,"extra_native_bytes":10},
"nodes":[9,0,1,0,2,0,0
,3,1,3,32,2,2,0
,3,2,5,16,1,0,0
,2,3,7,24,0,0,0
,8,4,8,40,1,0,2
],
"edges":[5,5,7
,1,1,28
,2,6,14
,1,0,21
,2,7,21
,6,2,7
],
"trace_function_infos":[1,8,9,3,4,5],
"trace_tree":[1,0,0,0,[2,0,3,72,[]]],
"samples":[0,1,100,9],
"locations":[7,3,4,5
],
"strings":["",
"global",
"Session",
"\ud83d\ude00 \"quoted\" \\",
"Node \/ TCPWrap",
"root",
"session",
"name\n\ud83d",
"f",
"/app/a.js"]}
"#;

struct Replay {
    folder: tempfile::TempDir,
}

impl Replay {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn read(&self, bytes: &[u8]) -> Result<(HeapGraph, Problems), ReadError> {
        let path = self.folder.path().join("a.heapsnapshot");
        fs::write(&path, bytes).unwrap();
        snapshot::read(&path, &Silent)
    }

    /// Reads bytes and asks everything of what came out. Says whether it was whole.
    fn replay(&self, bytes: &[u8]) -> bool {
        let Ok((graph, problems)) = self.read(bytes) else { return false };
        let mut written = Vec::new();
        snapshot::write::write(&graph, &mut written, &Default::default()).unwrap();
        let (again, second) = self.read(&written).unwrap();
        assert!(second.is_empty(), "what was written has problems: {second:?} of {problems:?}");
        assert_eq!((again.node_count(), again.edge_count()), (graph.node_count(), graph.edge_count()));
        let options = redact::RedactOptions { salt: redact::Salt::from_text("replay"), ..Default::default() };
        let _ = redact::redact(&graph, &options);
        let analysis = HeapAnalysis::new(graph);
        analysis.prepare(&Silent).unwrap();
        let mut rows = Vec::new();
        convert::csv(&analysis, &mut rows).unwrap();
        convert::pprof(&analysis, &mut Vec::new(), &Default::default()).unwrap();
        problems.is_empty()
    }
}

#[test]
fn the_small_snapshot_is_whole() {
    let (graph, problems) = Replay::new().read(SMALL.as_bytes()).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((graph.node_count(), graph.edge_count(), graph.locations().len()), (5, 6, 1));
    assert_eq!(graph.allocations().functions[0].line, Some(3));
    assert_eq!(graph.allocations().stacks[1].parent, Some(0));
}

#[test]
fn cut_at_every_byte() {
    let replay = Replay::new();
    // Only space and the last bracket may be missing.
    let whole = SMALL.trim_end().len() - 1;
    for end in 0..SMALL.len() {
        assert!(!replay.replay(&SMALL.as_bytes()[..end]) || end >= whole - 1, "cut at {end} of {whole} and not told");
    }
}

#[test]
fn flipped_bits() {
    let replay = Replay::new();
    for at in 0..SMALL.len() {
        for flip in [0x01, 0x80] {
            let mut bytes = SMALL.as_bytes().to_vec();
            bytes[at] ^= flip;
            replay.replay(&bytes);
        }
    }
}

#[test]
fn numbers_that_lie() {
    let replay = Replay::new();
    let mut at = 0;
    while let Some(start) = SMALL[at..].find(|letter: char| letter.is_ascii_digit()).map(|found| at + found) {
        let end = SMALL[start..].find(|letter: char| !letter.is_ascii_digit()).map_or(SMALL.len(), |found| start + found);
        for hostile in HOSTILE {
            replay.replay(format!("{}{hostile}{}", &SMALL[..start], &SMALL[end..]).as_bytes());
        }
        at = end;
    }
}

/// A kind of problem, and how many there are.
type Count = (&'static str, u64);

/// Returns the names of all nodes, and the problems by kind.
fn told(text: &str) -> (Vec<String>, Vec<Count>) {
    let (graph, problems) = Replay::new().read(text.as_bytes()).unwrap();
    let names = graph.nodes().map(|node| graph.name(node).into_owned()).collect();
    (names, problems.counts().iter().map(|&(kind, count)| (kind.name(), count)).collect())
}

#[test]
fn what_lies_is_told_and_all_else_is_read() {
    let (names, none) = told(SMALL);
    assert_eq!(none, []);
    let no_names = SMALL.replace("\"global\"", "\"other\"").replace("Session", "Other");
    let longer = SMALL.replace("\"strings\":[", "\"strings\":[\n");
    let cases: [(&str, String, &[Count]); 9] = [
        ("a byte order mark", format!("\u{feff}{SMALL}"), &[]),
        ("spaces behind it", format!("{SMALL}\n\n  \n"), &[]),
        ("a letter behind it", format!("{SMALL}x"), &[("trailing-bytes", 1)]),
        ("another snapshot behind it", format!("{SMALL}{no_names}"), &[("trailing-bytes", 1)]),
        ("the end of a longer one behind it", format!("{SMALL}{}", &longer[400..]), &[("trailing-bytes", 1)]),
        ("no functions", SMALL.replace("trace_function_count\":1", "trace_function_count\":0"), &[("wrong-count", 1)]),
        ("many functions", SMALL.replace("trace_function_count\":1", "trace_function_count\":100000000000"), &[("wrong-count", 1)]),
        ("a node", SMALL.replace("node_count\":5", "node_count\":1"), &[("wrong-count", 1)]),
        ("many nodes", SMALL.replace("node_count\":5", "node_count\":100000000000"), &[("wrong-count", 1)]),
    ];
    for (what, text, problems) in cases {
        assert_eq!(told(&text), (names.clone(), problems.to_vec()), "{what}");
    }
}

#[test]
fn things_that_are_no_snapshots() {
    let replay = Replay::new();
    let zeros = vec![0; 1 << 20];
    let deep = format!("{{\"snapshot\":{}", "[".repeat(200_000));
    let nested = SMALL.replace("[2,0,3,72,[]]", &format!("{}{}", "[2,0,3,72,".repeat(100_000), "]".repeat(100_000)));
    replay.replay(nested.as_bytes());
    for bytes in [&b""[..], b"{", b"[]", b"{}", b"null", b"{\"head\":{}}", b"\x1f\x8b", b"heapwhy.hwy", &zeros, deep.as_bytes()] {
        assert!(replay.read(bytes).is_err(), "{:?}", bytes.get(..20));
    }
}

/// No prefix of an index is taken for one.
#[test]
fn a_cut_index() {
    let replay = Replay::new();
    let (graph, problems) = replay.read(SMALL.as_bytes()).unwrap();
    let path = replay.folder.path().join("a.hwy");
    let key = index::Key::of(&replay.folder.path().join("a.heapsnapshot")).unwrap();
    index::write(&path, &HeapAnalysis::new(graph), &problems, &key, b"about", &Silent).unwrap();
    let whole = fs::read(&path).unwrap();
    assert!(index::open(&path, Some(&key)).is_ok());
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(index::open(&path, None).is_err(), "cut at {end}");
        assert!(index::glance(&path, None).is_err(), "cut at {end}");
    }
}

#[test]
fn the_corpus() {
    let replay = Replay::new();
    for input in corpus("snapshot") {
        replay.replay(&fs::read(&input).unwrap());
    }
    for input in corpus("index") {
        let _ = index::glance(&input, None);
        if let Ok(opened) = index::open(&input, None) {
            convert::csv(&opened.analysis, &mut Vec::new()).unwrap();
        }
    }
}

/// Reads bytes as a diagnostic report, and asks everything of what came out.
fn replay_report(bytes: &[u8]) {
    let Ok((report, _)) = DiagnosticReport::read(bytes) else { return };
    let _ = (judge(&report), Limits::of(&report).first(), report.unexplained(), report.has_ended(), report.is_out_of_memory());
    let handles = report.threads().filter_map(|thread| thread.handles.as_ref());
    handles.for_each(|handles| drop((handles.count(), handles.queued(), handles.end_points())));
    assert!(difference(&report, &report).is_none(), "of another process than itself: {:?}", difference(&report, &report));
    let growth = compare(&[&report, &report]);
    let all = growth.memory.iter().chain(&growth.spaces).chain(&growth.counts);
    all.for_each(|change| assert!(change.delta().is_none_or(|delta| delta == 0), "{change:?}"));
}

#[test]
fn reports_of_the_corpus() {
    let mut read = 0;
    for input in corpus("report") {
        let bytes = fs::read(&input).unwrap();
        read += u32::from(DiagnosticReport::read(&bytes[..]).is_ok());
        replay_report(&bytes);
        for end in (0..bytes.len()).step_by(7) {
            replay_report(&bytes[..end]);
            let mut flipped = bytes.clone();
            flipped[end] ^= [0x01, 0x10, 0x80][end % 3];
            replay_report(&flipped);
        }
    }
    assert!(read >= 2, "{read} reports are read");
}

/// Returns the inputs of a fuzz target; at least one.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let inputs: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "no corpus in {}", folder.display());
    inputs
}
