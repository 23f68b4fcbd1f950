//! The index: what is written is read back equal, and damaged, stale or foreign files are refused.

use std::path::PathBuf;

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::layout::{Entry, Header, join_sums};
use super::*;
use crate::graph::HeapGraph;
use crate::problems::ProblemKind;
use crate::progress::Silent;
use crate::testing::{difference, graphs, small};

const KEY: Key = Key { size: 1, modified_ns: 2, hash: 3 };
const ABOUT: &[u8] = b"about";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("a.hwy")
    }

    fn write(&self, analysis: &HeapAnalysis, problems: &Problems) -> Vec<u8> {
        let length = write(&self.path(), analysis, problems, &KEY, ABOUT, &Silent).unwrap();
        let bytes = std::fs::read(self.path()).unwrap();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    fn open(&self, bytes: &[u8]) -> Result<Opened, IndexError> {
        std::fs::write(self.path(), bytes).unwrap();
        open(&self.path(), Some(&KEY))
    }
}

/// Everything that questions ask of an analysis.
fn answers(analysis: &HeapAnalysis) -> String {
    let graph = analysis.graph();
    let mut text = String::new();
    for node in graph.nodes() {
        let numbers = (analysis.self_size(node), analysis.retained_size(node), analysis.distance(node), analysis.dominator(node));
        let mut dominated = analysis.dominated(node);
        dominated.sort_unstable();
        let essential: Vec<bool> = graph.edges(node).map(|edge| analysis.is_essential(node, edge)).collect();
        text += &format!("{numbers:?} {dominated:?} {} {essential:?}\n", analysis.class_name(node));
        text += &format!("{:?} {:?}\n", analysis.is_page_node(node), analysis.detachedness(node));
    }
    let sums: Vec<_> = analysis.aggregates().iter().map(|sum| (&analysis.classes().get(sum.class).name, sum)).collect();
    text + &format!("{sums:?} {:?} {:?}", analysis.classes().interfaces(), analysis.total_size())
}

fn same(a: &HeapAnalysis, b: &HeapAnalysis) -> Result<(), String> {
    difference(a.graph(), b.graph())?;
    if a.graph().header() != b.graph().header() {
        return Err("header".to_owned());
    }
    if answers(a) == answers(b) { Ok(()) } else { Err(format!("{}\n{}", answers(a), answers(b))) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_written_opens(graph in graphs()) {
        let (folder, analysis) = (Folder::new(), HeapAnalysis::new(graph));
        let bytes = folder.write(&analysis, &Problems::default());
        let opened = folder.open(&bytes).unwrap();
        prop_assert!(opened.problems.is_empty());
        prop_assert_eq!(opened.key, KEY);
        prop_assert_eq!(same(&analysis, &opened.analysis), Ok(()));
        prop_assert_eq!(opened.analysis.prepare(&Silent), Ok(()));
        let glance = glance(&folder.path(), Some(&KEY)).unwrap();
        prop_assert_eq!(&glance.aggregates[..], analysis.aggregates());
        prop_assert_eq!(glance.classes.len(), analysis.classes().len());
        prop_assert_eq!((glance.total_size, glance.nodes), (analysis.total_size(), analysis.graph().node_count() as u64));
        // An index of an index is the same bytes.
        let again = folder.write(&opened.analysis, &opened.problems);
        prop_assert_eq!(again, bytes);
    }
}

#[test]
fn problems_are_kept() {
    let (folder, analysis) = (Folder::new(), HeapAnalysis::new(small()));
    let mut problems = Problems::default();
    problems.add_many(ProblemKind::BadTarget, 1000, Some(77), "first");
    problems.add(ProblemKind::BadTarget, None, "second");
    problems.add(ProblemKind::Truncated, Some(5), "cut");
    let opened = folder.write(&analysis, &problems);
    let opened = folder.open(&opened).unwrap();
    assert_eq!(opened.problems.counts(), problems.counts());
    assert_eq!(opened.problems.kept().len(), 3);
    assert!(opened.problems.is_truncated());
    for kind in ProblemKind::ALL {
        let mut problems = Problems::default();
        problems.add(kind, None, "of its kind");
        let bytes = folder.write(&analysis, &problems);
        assert_eq!(folder.open(&bytes).unwrap().problems.counts(), [(kind, 1)]);
    }
}

#[test]
fn a_stale_or_foreign_index_says_so() {
    let (folder, analysis) = (Folder::new(), HeapAnalysis::new(small()));
    let bytes = folder.write(&analysis, &Problems::default());
    let other = Key { modified_ns: 9, ..KEY };
    assert!(matches!(open(&folder.path(), Some(&other)), Err(IndexError::Stale { made_of: KEY, .. })));
    assert!(open(&folder.path(), None).is_ok());
    let changed = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        folder.open(&bytes).unwrap_err()
    };
    assert!(matches!(changed(0, b'H'), IndexError::NotAnIndex { .. }));
    assert!(matches!(changed(16, 99), IndexError::OtherVersion { found: 99, .. }));
    assert!(matches!(changed(20, 1), IndexError::OtherMachine { .. }));
    assert!(matches!(folder.open(b""), Err(IndexError::NotAnIndex { .. })));
    assert!(matches!(folder.open(&bytes[..bytes.len() - 1]), Err(IndexError::Damaged { .. })));
    assert!(matches!(open(folder.0.path(), None), Err(IndexError::Io { .. })));
    assert!(matches!(open(&folder.0.path().join("none"), None), Err(IndexError::Io { .. })));
}

#[test]
fn an_index_is_private_and_leaves_nothing_behind() {
    let (folder, analysis) = (Folder::new(), HeapAnalysis::new(small()));
    folder.write(&analysis, &Problems::default());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let stopped = std::sync::atomic::AtomicBool::new(true);
    let error = write(&folder.path(), &analysis, &Problems::default(), &KEY, ABOUT, &stopped).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Interrupted);
    assert!(write(&folder.0.path().join("no/such/folder"), &analysis, &Problems::default(), &KEY, ABOUT, &Silent).is_err());
    let left: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.hwy"]);
    assert!(open(&folder.path(), Some(&KEY)).is_ok());
}

#[test]
fn the_key_tells_changes() {
    let folder = Folder::new();
    let path = folder.0.path().join("b");
    std::fs::write(&path, vec![7; 300_000]).unwrap();
    let key = Key::of(&path).unwrap();
    assert_eq!(key, Key::of(&path).unwrap());
    let renamed = folder.0.path().join("c");
    std::fs::rename(&path, &renamed).unwrap();
    let other = Key::of(&renamed).unwrap();
    assert_eq!((other.size, other.modified_ns), (key.size, key.modified_ns));
    assert_ne!(other.hash, key.hash);
}

/// Damage anywhere is an error, or is where it changes nothing: between sections, or in a derived column, which is computed anew.
#[test]
fn damage_at_any_byte_is_noticed() {
    let (folder, analysis) = (Folder::new(), HeapAnalysis::new(small()));
    let bytes = folder.write(&analysis, &Problems::default());
    let mut refused = 0;
    for at in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            match folder.open(&damaged) {
                Ok(opened) => assert_eq!(same(&analysis, &opened.analysis), Ok(()), "byte {at} ^ {flip}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

/// Puts right all checksums, as somebody would who alters an index with intent.
fn with_right_sums(bytes: &mut [u8]) {
    let start = size_of::<Header>();
    let mut header: Header = bytemuck::pod_read_unaligned(&bytes[..start]);
    let end = start + header.sections as usize * size_of::<Entry>();
    let mut entries: Vec<Entry> = bytes[start..end].chunks(size_of::<Entry>()).map(bytemuck::pod_read_unaligned).collect();
    for entry in &mut entries {
        if let Some(range) = entry.range(bytes.len()) {
            let sums: Vec<u64> = bytes[range].chunks(super::layout::BLOCK).map(xxh3_64).collect();
            entry.sum = join_sums(&sums);
        }
    }
    bytes[start..end].copy_from_slice(bytemuck::cast_slice(&entries));
    header.table_sum = xxh3_64(&bytes[start..end]);
    header.sum = header.own_sum();
    bytes[..start].copy_from_slice(bytemuck::bytes_of(&header));
}

/// An index that was altered with care may tell lies, but leads neither out of bounds nor in circles.
#[test]
fn a_forged_index_is_harmless() {
    let (folder, analysis) = (Folder::new(), HeapAnalysis::new(small()));
    let bytes = folder.write(&analysis, &Problems::default());
    let mut opened = 0;
    for at in (96..bytes.len()).filter(|at| bytes[*at] != 0 || at % 4 == 0) {
        for value in [0, 3, 0xff] {
            let mut forged = bytes.clone();
            forged[at] = value;
            with_right_sums(&mut forged);
            let _ = glance(&folder.path(), None);
            if let Ok(index) = folder.open(&forged) {
                opened += 1;
                walk(&index.analysis);
            }
        }
    }
    assert!(opened > 1000, "{opened}");
}

/// Touches all there is.
fn walk(analysis: &HeapAnalysis) {
    answers(analysis);
    let graph: &HeapGraph = analysis.graph();
    for node in graph.nodes() {
        let mut above = node;
        let mut steps = 0;
        while above != graph.root() {
            above = analysis.dominator(above);
            steps += 1;
            assert!(steps <= graph.node_count(), "dominators lead in a circle");
        }
        for edge in graph.edges(node) {
            let _ = (graph.edge_text(edge), graph.edge_kind_name(edge));
        }
        let _ = (graph.name(node), graph.location(node), graph.node_kind_name(graph.kind(node)));
        let _ = analysis.retainers(node).count();
    }
    let _ = analysis.classes_with(None);
    assert!(graph.nodes().all(|node| graph.find_id(graph.id(node)).is_some()));
}
