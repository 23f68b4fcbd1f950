//! Linked lists: what grows, and where it is cut.

use super::*;

/// A linked list of so many jobs: `cache` holds the first, each the next by `next`.
pub(crate) fn list(jobs: u64) -> HeapAnalysis {
    let mut app = App::new();
    let (mut holder, mut name, mut edge) = (app.table, "516", EdgeKind::INTERNAL);
    for nth in 0..jobs {
        let job = app.builder.node(Node::new(NodeKind::OBJECT, "Job", 1001 + nth * 2, 400));
        app.builder.edge(holder, edge, NewName::Text(name), Target::Node(job));
        (holder, name, edge) = (job, "next", EdgeKind::PROPERTY);
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn a_long_list_is_a_leak_only_where_it_grows() {
    for (lengths, expected) in [([3000, 3000, 3000], VerdictKind::LargeButFlat), ([1000, 2000, 3000], VerdictKind::Growing)] {
        let snapshots = lengths.map(list);
        assert_eq!(compare(&snapshots.each_ref(), &Options::default()).verdict.kind, expected, "{lengths:?}");
    }
    let alone = find(&list(3000), &Options::default());
    assert_eq!(alone.verdict.kind, VerdictKind::Suspect);
    assert!(
        alone.findings.iter().all(|finding| finding.rule != "closure-chain" && finding.limits.starts_with("one snapshot")),
        "{alone:?}"
    );
}
