//! Strings: collections of them, and slices or ropes that keep a large parent alive.
//!
//! Reason: a slice of 13 characters or more refers to its parent instead of copying. Limit: V8 cuts long strings in snapshots, so
//! their text is not compared.

use super::case::{Described, Exhibit};
use super::collections;
use crate::kinds::NodeKind;

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let kind = exhibit.scene.graph().kind(exhibit.case.example);
    if !kind.is_string() {
        return None;
    }
    let described = collections::describe(exhibit)?;
    let mut why = described.why;
    if kind == NodeKind::SLICED_STRING {
        why.push("they are slices: each keeps the whole string that it was cut from".to_owned());
    }
    Some(Described { why, class: "strings".to_owned(), ..described })
}
