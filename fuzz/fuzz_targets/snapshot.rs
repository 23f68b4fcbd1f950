//! Any bytes as a snapshot: read, analysed, written again. `cargo xtask fuzz snapshot`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let Ok((graph, _)) = heap::snapshot::read(file.path(), &heap::Silent) else { return };
    let mut written = Vec::new();
    heap::snapshot::write::write(&graph, &mut written, &Default::default()).unwrap();
    let analysis = heap::HeapAnalysis::new(graph);
    analysis.prepare(&heap::Silent).unwrap();
    std::fs::write(file.path(), &written).unwrap();
    let (again, problems) = heap::snapshot::read(file.path(), &heap::Silent).unwrap();
    assert!(problems.is_empty(), "what was written has problems: {problems:?}");
    assert_eq!((again.node_count(), again.edge_count()), (analysis.graph().node_count(), analysis.graph().edge_count()));
});
