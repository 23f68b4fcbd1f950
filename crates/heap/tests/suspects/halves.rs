//! The two halves of a Map's entries: which of them is told of.

use super::*;

/// `cache` with so many sessions whose keys are larger than they are: a Map's table holds key, value, link for each entry.
fn keyed(sessions: u64, key: NodeKind) -> HeapAnalysis {
    let mut app = App::new();
    for nth in 0..sessions {
        for (at, kind, name, size) in [(515, key, "token", 900), (516, NodeKind::OBJECT, "Session", 700)] {
            let node = app.builder.node(Node::new(kind, name, 1001 + nth * 4 + (at - 515) * 2, size));
            app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&(at + nth * 3).to_string()), Target::Node(node));
        }
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn objects_are_told_of_before_the_values_beside_them() {
    for (key, class) in
        [(NodeKind::STRING, "Session"), (NodeKind::CONS_STRING, "Session"), (NodeKind::SYMBOL, "Session"), (NodeKind::OBJECT, "token")]
    {
        let snapshots = [300, 600, 900].map(|sessions| keyed(sessions, key));
        let report = compare(&snapshots.each_ref(), &Options::default());
        let [finding] = report.findings.as_slice() else { panic!("one Map, not {:?}", report.findings) };
        assert_eq!((finding.class.as_str(), finding.count, finding.bytes), (class, 900, 900 * 1600), "{key:?}");
        assert_eq!(report.verdict.summary, format!("{class} grew in every step"));
        let one = find(&snapshots[2], &Options::default());
        assert_eq!(one.findings.iter().map(|finding| finding.class.as_str()).collect::<Vec<_>>(), [class], "{key:?}");
    }
}
