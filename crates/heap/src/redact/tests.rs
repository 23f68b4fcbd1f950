//! Redaction: what must go is gone, what must stay (structure, names, duplicates, numbers) stays.

use proptest::prelude::*;

use super::*;
use crate::analysis::HeapAnalysis;
use crate::builder::{GraphBuilder, NewName, Node, Target};
use crate::testing::graphs;

fn options(text: &str) -> RedactOptions {
    RedactOptions { salt: Salt::from_text(text), ..RedactOptions::default() }
}

/// A root that holds two users by name in a dictionary, and eight sessions with a secret that two strings share.
fn secrets() -> HeapGraph {
    let mut builder = GraphBuilder::new();
    let mut node = |kind, name: &str, id| builder.node(Node::new(kind, name, id, 16));
    let root = node(NodeKind::SYNTHETIC, "", 1);
    let users = node(NodeKind::OBJECT, "Object", 3);
    let secret = [node(NodeKind::STRING, "p4ssw0rd!", 5), node(NodeKind::STRING, "p4ssw0rd!", 7)];
    let other = node(NodeKind::STRING, "another secret", 9);
    let sessions: Vec<_> = (0..8).map(|nth| node(NodeKind::OBJECT, "Session", 11 + 2 * nth)).collect();
    let class = node(NodeKind::OBJECT, "alice@example.com", 31);
    let method = node(NodeKind::CLOSURE, "revoke", 33);
    let pattern = node(NodeKind::REGEXP, "bob|carol", 35);
    let mut edge = |from, kind, name, to| builder.edge(from, kind, name, Target::Node(to));
    edge(root, EdgeKind::SHORTCUT, NewName::Text("global"), users);
    edge(users, EdgeKind::PROPERTY, NewName::Text("alice"), secret[0]);
    edge(users, EdgeKind::PROPERTY, NewName::Text("bob@example.com"), secret[1]);
    edge(users, EdgeKind::PROPERTY, NewName::Text("p4ssw0rd!"), other);
    edge(users, EdgeKind::ELEMENT, NewName::Index(40_771), class);
    edge(users, EdgeKind::ELEMENT, NewName::Index(9_000_123), pattern);
    edge(users, EdgeKind::PROPERTY, NewName::Text("revoke"), method);
    for session in sessions {
        edge(users, EdgeKind::INTERNAL, NewName::Text("elements"), session);
        edge(session, EdgeKind::PROPERTY, NewName::Text("token"), secret[0]);
        edge(session, EdgeKind::CONTEXT, NewName::Text("request"), other);
    }
    builder.finish().0
}

fn texts(graph: &HeapGraph) -> Vec<String> {
    (0..graph.strings().len() as u32).map(|ix| graph.strings().text(StrIx(ix)).into_owned()).collect()
}

#[test]
fn values_go_and_names_stay() {
    let (graph, audit) = redact(&secrets(), &options("x"));
    let texts = texts(&graph);
    for secret in ["p4ssw0rd!", "another secret", "alice", "bob@example.com", "alice@example.com", "bob|carol"] {
        assert!(!texts.iter().any(|text| text.contains(secret)), "{secret}");
    }
    let kept: Vec<_> = audit.kept.iter().map(|(used_as, text, count)| format!("{used_as}: {text} {count}")).collect();
    assert_eq!(
        kept,
        [
            "class or function: Object 1",
            "class or function: Session 8",
            "class or function: revoke 1",
            "engine reference: elements 8",
            "engine reference: global 1",
            "property: revoke 1",
            "property: token 8",
            "variable: request 8",
        ]
    );
    assert_eq!(audit.replaced, [("class or function", 1), ("property", 3), ("regular expression", 1), ("string", 2)]);
    assert_eq!(audit.table().rows.len(), 8);
}

#[test]
fn duplicates_stay_visible_and_salts_differ() {
    let (graph, _) = redact(&secrets(), &options("x"));
    let name = |at: u32| graph.name(NodeIx(at)).into_owned();
    assert_eq!(name(2), name(3));
    assert_ne!(name(2), name(4));
    // A key with the text of a value has the same hash.
    let keys: Vec<_> = graph.edges(NodeIx(1)).map(|edge| graph.edge_text(edge).into_owned()).collect();
    assert_eq!(keys[2].strip_prefix("prop_"), name(2).strip_prefix("str_"));
    assert_eq!(keys[3..5], ["0", "1"], "element numbers become ranks");
    let again = redact(&secrets(), &options("x")).0;
    assert_eq!(texts(&graph), texts(&again));
    let other = redact(&secrets(), &options("y")).0;
    assert_ne!(name(2), other.name(NodeIx(2)));
    let random = || redact(&secrets(), &RedactOptions::default()).0.name(NodeIx(2)).into_owned();
    assert_ne!(random(), random());
}

#[test]
fn nothing_of_the_program_stays_if_asked() {
    let strict = RedactOptions { properties: PropertyNames::None, keep_code_names: false, ..options("x") };
    let (_, audit) = redact(&secrets(), &strict);
    let kept: Vec<_> = audit.kept.iter().map(|(_, text, _)| text.as_str()).collect();
    assert_eq!(kept, ["Object", "elements", "global"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn numbers_stay(graph in graphs()) {
        let redacted = redact(&graph, &options("z")).0;
        let (before, after) = (HeapAnalysis::new(graph), HeapAnalysis::new(redacted));
        for node in before.graph().nodes() {
            prop_assert_eq!(before.retained_size(node), after.retained_size(node));
            prop_assert_eq!(before.self_size(node), after.self_size(node));
            prop_assert_eq!(before.distance(node), after.distance(node));
            prop_assert_eq!(before.dominator(node), after.dominator(node));
        }
        prop_assert_eq!(before.total_size(), after.total_size());
    }
}
