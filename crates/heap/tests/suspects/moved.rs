//! Images of one process: identities are addresses, and V8 moves objects between two captures.

use super::*;

/// Where heaps lie.
const HEAP: u64 = 1 << 40;

/// An image: what the program has made long ago keeps its place, new sessions and the pages of a full cache lie where there was room.
struct Image {
    app: App,
    /// Where the next object comes to lie that V8 has moved.
    room: u64,
}

impl Image {
    fn new(room: u64) -> Self {
        let mut app = App::new_at(HEAP + 1);
        for nth in 0..2000 {
            let old = app.node(NodeKind::OBJECT, "Old", 48);
            app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&format!("old {nth}")), Target::Node(old));
        }
        Self { app, room: HEAP + (1 << 30) + room }
    }

    fn moved(&mut self, holder: NodeIx, name: &str, kind: NodeKind, class: &str) -> NodeIx {
        let node = self.app.builder.node(Node::new(kind, class, self.room, 400));
        self.room += 2;
        self.app.builder.edge(holder, EdgeKind::INTERNAL, NewName::Text(name), Target::Node(node));
        node
    }

    fn finish(self) -> HeapAnalysis {
        HeapAnalysis::new(self.app.builder.finish().0)
    }
}

/// The Map's own table is old or was moved, too; then only its path tells that it is the same.
fn image(sessions: u64, pages: u64, room: u64, holder_moves: bool) -> HeapAnalysis {
    let mut image = Image::new(room);
    let table = image.app.table;
    let holder = if holder_moves { image.moved(table, "517", NodeKind::OBJECT, "Registry") } else { table };
    // Where pages were, sessions lie in the next image.
    for nth in 0..pages {
        image.moved(table, &format!("page {nth}"), NodeKind::OBJECT, "Page");
    }
    for nth in 0..sessions {
        image.moved(holder, &(600 + nth).to_string(), NodeKind::OBJECT, "Session");
    }
    image.finish()
}

#[test]
fn what_was_moved_is_neither_new_nor_another_objects() {
    for (sessions, holder_moves, kind) in [
        ([600, 900, 1200], false, VerdictKind::Growing),
        ([600, 900, 1200], true, VerdictKind::Growing),
        ([900, 900, 900], false, VerdictKind::LargeButFlat),
        ([900, 900, 900], true, VerdictKind::LargeButFlat),
    ] {
        // Nearly the same room, so that other objects lie at many of the addresses.
        let images: Vec<HeapAnalysis> =
            sessions.iter().zip([0, 200, 330]).map(|(&sessions, room)| image(sessions, 300, room, holder_moves)).collect();
        let report = compare(&images.iter().collect::<Vec<_>>(), &Options::default());
        assert_eq!(report.verdict.kind, kind, "{sessions:?} {holder_moves}: {:?}", report.verdict);
        let growth = report.findings.iter().map(|finding| finding.growth.clone().expect("it grew").counts).collect::<Vec<_>>();
        let expect: &[Vec<u64>] = if kind == VerdictKind::Growing { &[sessions.to_vec()] } else { &[] };
        assert_eq!(growth, expect, "{holder_moves}: {:?}", report.findings);
        let told: String = report.findings.iter().map(|finding| finding.why.join("; ")).collect();
        assert!(!told.contains("still there"), "nobody knows which of them are the same: {told}");
    }
}

#[test]
fn two_processes_have_no_address_in_common() {
    let (one, other) = (image(600, 300, 0, false), {
        let mut app = App::new_at(HEAP * 2 + 1);
        for nth in 0..2000 {
            let old = app.node(NodeKind::OBJECT, "Old", 48);
            app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&format!("old {nth}")), Target::Node(old));
        }
        HeapAnalysis::new(app.builder.finish().0)
    });
    assert!(!heap::diff::is_same_process(one.graph(), other.graph()));
    assert!(heap::diff::is_same_process(one.graph(), image(900, 300, 64, true).graph()));
    let report = compare(&[&one, &other], &Options::default());
    assert!(report.verdict.evidence.iter().any(|told| told.contains("different processes")), "{:?}", report.verdict);
}
