//! Growth, what looks like it, and what is too little.

use super::*;

#[test]
fn growth_is_told_from_a_full_cache() {
    for (windows, expected) in [
        ([(0, 300), (0, 600), (0, 900)], VerdictKind::Growing),
        // An LRU that is full: new entries replace old ones.
        ([(0, 300), (300, 600), (600, 900)], VerdictKind::LargeButFlat),
        // What came went again.
        ([(0, 10), (0, 900), (0, 10)], VerdictKind::LazyGc),
        ([(0, 10), (0, 600), (0, 700)], VerdictKind::FillingToABound),
        ([(0, 300), (0, 300), (0, 300)], VerdictKind::LargeButFlat),
    ] {
        let snapshots = windows.map(|(from, to)| App::new().sessions(from, to));
        let report = compare(&snapshots.iter().collect::<Vec<_>>(), &Options::default());
        assert_eq!(report.verdict.kind, expected, "{windows:?}: {:?}", report.verdict);
        if expected == VerdictKind::Growing {
            let finding = &report.findings[0];
            assert_eq!(finding.growth.as_ref().map(|growth| growth.counts.clone()), Some(vec![300, 600, 900]));
            let held = finding.growth.as_ref().map(|growth| growth.bytes.clone());
            assert_eq!(held, Some(vec![1_200_000, 2_400_000, 3_600_000]), "what was there before has a size too");
            assert!(finding.title.starts_with("Unbounded Map") && finding.limits.is_empty(), "{finding:?}");
            assert_eq!(report.verdict.summary, "Session grew in every step");
            assert_eq!(report.classes.first().map(|class| class.held_by.as_str()), Some("const cache"));
        } else {
            assert!(report.findings.is_empty());
        }
    }
}

#[test]
fn growth_in_holders_of_one_shape_adds_up() {
    let snapshots = [devices(&[20; 20]), devices(&[40; 20]), devices(&[60; 20])];
    let report = compare(&snapshots.each_ref(), &Options::default());
    let finding = &report.findings[0];
    assert_eq!(finding.title, "Unbounded Array × 20 · 1,200 Fix · 1.2 MB");
    assert_eq!(finding.growth.as_ref().map(|growth| growth.counts.clone()), Some(vec![400, 800, 1200]));
    assert_eq!(finding.growth.as_ref().map(|growth| growth.bytes.clone()), Some(vec![400_000, 800_000, 1_200_000]));
}

/// Sessions that grow, and objects of so many bytes each that grow beside them in an object of a class of its own.
fn beside(nth: u64, size: u64) -> HeapAnalysis {
    let mut app = App::new();
    let context = NodeIx(app.table.0 - 2);
    let bag = app.child(context, EdgeKind::CONTEXT, "bag", NodeKind::OBJECT, "Bag");
    let list = app.child(bag, EdgeKind::INTERNAL, "first", NodeKind::OBJECT, "Bag");
    for at in 0..20 * nth {
        let crumb = app.builder.node(Node::new(NodeKind::OBJECT, "Crumb", 5_000_001 + at * 2, size));
        app.builder.edge(list, EdgeKind::INTERNAL, NewName::Text("crumb"), Target::Node(crumb));
    }
    app.sessions(0, 300 * nth)
}

#[test]
fn what_grows_by_next_to_nothing_is_no_finding() {
    for (size, expect) in [(150, &["unbounded-collection"][..]), (1500, &["unbounded-collection", "accumulation"])] {
        let snapshots = [1, 2, 3].map(|nth| beside(nth, size));
        let report = compare(&snapshots.each_ref(), &Options::default());
        let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, expect, "{:?}", report.findings);
    }
}
