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

/// A queue with so many links, of which `.head` holds the oldest and `.tail` the newest, or only one of both.
fn queue(links: u64, ends: &[&str], names: &[&str]) -> HeapAnalysis {
    let mut app = App::new();
    let context = NodeIx(app.table.0 - 2);
    let queue = app.child(context, EdgeKind::CONTEXT, "queue", NodeKind::OBJECT, "Queue");
    let all: Vec<NodeIx> = (0..links).map(|nth| app.builder.node(Node::new(NodeKind::OBJECT, "Link", 1001 + nth * 2, 400))).collect();
    for (end, link) in [("head", all[0]), ("tail", all[all.len() - 1])] {
        if ends.contains(&end) {
            app.builder.edge(queue, EdgeKind::PROPERTY, NewName::Text(end), Target::Node(link));
        }
    }
    for pair in all.windows(2) {
        for (name, from, to) in [("next", pair[0], pair[1]), ("prev", pair[1], pair[0])] {
            if names.contains(&name) {
                app.builder.edge(from, EdgeKind::PROPERTY, NewName::Text(name), Target::Node(to));
            }
        }
    }
    app.sessions(0, 1)
}

#[test]
fn a_list_is_cut_where_it_hangs() {
    for (ends, names, title, hops) in [
        (&["head"][..], &["next"][..], "Linked list at Queue.head", [".head", ".next × 3000"]),
        (&["tail"], &["prev"], "Linked list at Queue.tail", [".tail", ".prev × 3000"]),
        (&["head", "tail"], &["next", "prev"], "Linked list at Queue.head and .tail", [".head", ".next × 3000"]),
    ] {
        let snapshots = [1000, 2000, 3000].map(|links| queue(links, ends, names));
        let three = compare(&snapshots.each_ref(), &Options::default());
        let one = find(&snapshots[2], &Options::default());
        for report in [&three, &one] {
            let finding = &report.findings[0];
            assert_eq!((finding.rule, finding.title.clone()), ("linked-list", format!("{title} · 3,000 Link · 1.2 MB")));
            let told: Vec<String> = finding
                .story
                .hops
                .iter()
                .rev()
                .take(2)
                .filter_map(|hop| hop.edge.as_ref())
                .map(|edge| if edge.times > 1 { format!("{} × {}", edge.text, edge.times) } else { edge.text.clone() })
                .collect();
            assert_eq!(told, [hops[1], hops[0]], "{:?}", finding.story);
            assert_eq!(finding.story.cut().and_then(|hop| hop.edge.as_ref()).map(|edge| edge.text.as_str()), Some(hops[0]));
        }
        assert_eq!(three.findings[0].id, one.findings[0].id, "{title}");
    }
}
