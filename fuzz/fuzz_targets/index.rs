//! Any bytes as an index: opened, and everything in it asked for. `cargo xtask fuzz index`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let _ = heap::index::glance(file.path(), None);
    let Ok(opened) = heap::index::open(file.path(), None) else { return };
    let mut csv = Vec::new();
    heap::convert::csv(&opened.analysis, &mut csv).unwrap();
    for node in opened.analysis.graph().nodes() {
        let _ = (opened.analysis.dominated(node), opened.analysis.retainers(node).count());
    }
});
