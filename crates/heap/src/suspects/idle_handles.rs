//! Handles that nobody can close any more: open in libuv, but they wait for nothing, and nothing in JavaScript leads to them but they themselves.
//!
//! Reason: Node.js keeps every handle until it is closed. One that is neither active nor being closed gets no event, and what no function can
//! reach nobody can close: it stays for ever. A socket of a quiet server is active, and no suspect. Limit: only a core dump tells.

use super::case::{Case, Described, Exhibit, Kept};
use super::natives::{self, Activity, Native};
use crate::cut::Cutter;
use crate::kinds::EdgeKind;
use crate::story::Scene;

/// The rule's name.
pub(super) const RULE: &str = "unreachable-handle";

pub(super) fn cases(scene: &Scene<'_>, cutter: &Cutter<'_>, all: &[Native]) -> Vec<Case> {
    let idle: Vec<Native> = all.iter().copied().filter(|native| native.activity == Activity::IdleHandle).collect();
    natives::by_class(scene, &natives::held_by_none_else(scene, cutter, idle), RULE)
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let (scene, case) = (exhibit.scene, exhibit.case);
    if case.kept != Kept::Native(RULE) {
        return None;
    }
    let mut why = vec![
        "each is open, but waits for nothing: no event will ever reach it".to_owned(),
        "nothing in JavaScript leads to it but itself: nobody can close it".to_owned(),
    ];
    let graph = scene.graph();
    let owner = graph.edges(case.example).find(|&edge| edge.kind == EdgeKind::PROPERTY && graph.edge_text(edge) == "<symbol owner_symbol>");
    why.extend(owner.map(|edge| format!("the largest keeps a {}", scene.label(edge.to))));
    Some(Described {
        rule: RULE,
        what: "Handles that nobody can close".to_owned(),
        class: natives::class(scene, case),
        why,
        remedy: "they are closed".to_owned(),
        advice: "Close each (close(), destroy()) before the last reference to it goes, on every path: errors and time-outs too.".to_owned(),
        limits: "where they were made is not in a core",
        weight: 1.0,
        place: None,
    })
}
