//! Modules that are loaded again and again: `module.children` of the parent keeps what was deleted from `require.cache`.
//!
//! Reason: Node.js adds every module to its first parent's `children` and never takes it out. Limit: none known.

use super::case::{Described, Exhibit};

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let names = &exhibit.scene.names;
    let graph = exhibit.scene.graph();
    let is_module = |node| names.class_module.is(graph.name_ix(node));
    if !is_module(exhibit.case.example) {
        return None;
    }
    Some(Described {
        rule: "module-pile",
        what: "Modules loaded again and again".to_owned(),
        class: exhibit.class.clone(),
        why: vec!["deleting from require.cache leaves the module in its parent's module.children".to_owned()],
        remedy: "they are taken out of module.children too".to_owned(),
        advice: "Take the module out of module.children as well, or load changing code in a worker or a vm context.".to_owned(),
        limits: "",
        weight: 1.0,
        place: None,
    })
}
