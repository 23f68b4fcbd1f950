//! Closures: one object that holds ever more functions of one kind, and what their contexts capture.
//!
//! Reason: a closure keeps the whole context of the function that made it, also variables that it does not use. Limit: which variables
//! it uses is not in snapshots of Node 16 to 26.

use super::case::{Described, Exhibit};
use super::collections;
use crate::kinds::NodeKind;

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    if scene.graph().kind(exhibit.case.example) != NodeKind::CLOSURE {
        return None;
    }
    let described = collections::describe(exhibit)?;
    let mut why = described.why;
    let made = scene.place(exhibit.case.example).map_or_else(String::new, |place| format!(", made at {}", place.short()));
    why.push(format!("each function{made} keeps the variables of the call that made it"));
    Some(Described { rule: "closure-pile", why, ..described })
}
