//! Objects that native code keeps: handles that were never closed, references of addons, workers.
//!
//! Reason: an open handle keeps its JavaScript object until it is closed. Limit: why native code holds an object is not in a snapshot.

use super::case::{Described, Exhibit};
use crate::kinds::NodeKind;

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let graph = exhibit.scene.graph();
    if graph.kind(exhibit.case.holder) != NodeKind::SYNTHETIC {
        return None;
    }
    let group = exhibit.name(exhibit.case.holder);
    let (rule, what) = match &*group {
        "(Global handles)" | "(Traced handles)" => ("native-handle", "Objects held by native code"),
        "" => ("native-handle", "Open handles"),
        name if name.starts_with("Node / ") || name.starts_with("C++ ") => ("native-handle", "Open handles"),
        "(Strong roots)" | "(Strong root list)" => ("engine-table", "Entries of a table of V8"),
        _ => ("engine-table", "Objects held by V8's roots"),
    };
    let (remedy, advice) = if rule == "engine-table" {
        ("the table loses them", "Find out which calls fill the table: names given to Symbol.for, for one, stay for ever.")
    } else {
        ("they are closed", "Close, terminate or unreference each handle when it is done; in an addon delete the reference.")
    };
    Some(Described {
        rule,
        what: what.to_owned(),
        class: exhibit.class.clone(),
        why: vec![format!("held by {}, not by JavaScript", if group.is_empty() { "Node.js" } else { &group })],
        remedy: remedy.to_owned(),
        advice: advice.to_owned(),
        limits: "why native code holds an object is not in a snapshot",
        weight: 0.95,
        place: exhibit
            .scene
            .place(exhibit.case.example)
            .filter(super::case::is_own)
            .or_else(|| exhibit.scene.own_function_below(exhibit.case.example).and_then(|function| exhibit.scene.place(function))),
    })
}
