//! Modules that only get more.

use super::*;

/// The module of the program with so many others that it required, by `children`; they stay in the module cache, or are deleted from it.
fn required(count: u64, is_cached: bool) -> HeapAnalysis {
    let mut app = App::new();
    // The module cache and the module of the program.
    let (cache, module) = (NodeIx(app.table.0 - 9), NodeIx(app.table.0 - 8));
    let children = app.child(module, EdgeKind::PROPERTY, "children", NodeKind::OBJECT, "Array");
    for nth in 0..count {
        let child = app.builder.node(Node::new(NodeKind::OBJECT, "Module", 1001 + nth * 2, 5000));
        app.element(children, nth as usize, child);
        if is_cached {
            app.builder.edge(cache, EdgeKind::PROPERTY, NewName::Text(&format!("/srv/made/{nth}.js")), Target::Node(child));
        }
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn modules_that_are_required_for_ever_are_found() {
    for (counts, is_cached, expected) in [
        ([100, 200, 300], true, Some("Ever more modules in the module cache · 300 Module · 1.5 MB")),
        ([100, 200, 300], false, Some("Modules loaded again and again · 300 Module · 1.5 MB")),
        // A program that warms up requires ever fewer, and a few files now and then.
        ([100, 250, 280], true, None),
        ([100, 110, 120], true, None),
        ([300, 300, 300], true, None),
    ] {
        let snapshots = counts.map(|count| required(count, is_cached));
        let report = compare(&snapshots.each_ref(), &Options::default());
        assert_eq!(report.findings.first().map(|finding| finding.title.as_str()), expected, "{counts:?} {is_cached}");
    }
    let snapshots = [100, 200, 300].map(|count| required(count, true));
    let finding = &compare(&snapshots.each_ref(), &Options::default()).findings[0];
    assert_eq!(finding.location.as_ref().map(|place| place.file.as_str()), Some("/srv/app.js"));
    assert_eq!(finding.frees.as_ref().map(|frees| frees.0), Some(1_500_000), "{finding:?}");
}
