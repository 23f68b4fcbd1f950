//! Modules that pile up: files that are required for ever, and modules that are loaded again and again.
//!
//! Reason: Node.js keeps every module that was required in `require.cache` until exit, and adds it to its first parent's
//! `module.children`, from which it never takes it out. Limit: which line required them is known only where the parent has one `require` of
//! something that is no text.

use std::cmp::Reverse;

use super::case::{Case, Described, Exhibit, Kept, grouped};
use crate::graph::NodeIx;
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Root;
use crate::source::Place;
use crate::story::Scene;

/// The rule's name.
pub(crate) const RULE: &str = "module-pile";
/// Fewer modules of one parent are no pile.
const LEAST: usize = 32;

/// Finds modules of the cache that one module required, the most first: a case of each such module with many. O(modules).
pub(crate) fn required(scene: &Scene<'_>) -> Vec<Case> {
    let graph = scene.graph();
    let parents = graph.nodes().filter(|&node| is_module(scene, node));
    let mut cases: Vec<Case> = parents
        .filter_map(|parent| {
            let members: Vec<NodeIx> = children(scene, parent).into_iter().filter(|&child| is_cached(scene, child)).collect();
            let example = *members.last().filter(|_| members.len() >= LEAST)?;
            let held = members.iter().map(|&node| scene.analysis.retained_size(node)).fold(0, u64::saturating_add);
            let case = Case::new(parent, example, members.len() as u64, held);
            Some(Case { members, kept: Kept::Dominator, confidence: 0.7, ..case })
        })
        .collect();
    cases.sort_by_key(|case| (Reverse(case.held), case.holder));
    cases
}

/// Returns the modules that a module was the first to require.
fn children(scene: &Scene<'_>, parent: NodeIx) -> Vec<NodeIx> {
    let graph = scene.graph();
    let Some(list) = graph.child(parent, EdgeKind::PROPERTY, "children") else { return Vec::new() };
    graph.edges(list).filter(|edge| edge.kind == EdgeKind::ELEMENT && is_module(scene, edge.to)).map(|edge| edge.to).collect()
}

fn is_module(scene: &Scene<'_>, node: NodeIx) -> bool {
    scene.graph().kind(node) == NodeKind::OBJECT && scene.names.class_module.is(scene.graph().name_ix(node))
}

fn is_cached(scene: &Scene<'_>, node: NodeIx) -> bool {
    matches!(scene.paths.roots.at(node), Some(Root::Module { .. }))
}

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    if !is_module(exhibit.scene, exhibit.case.example) {
        return None;
    }
    let is_kept = exhibit.case.kept == Kept::Dominator && is_cached(exhibit.scene, exhibit.case.example);
    let described = Described {
        rule: RULE,
        what: "Modules loaded again and again".to_owned(),
        class: exhibit.class.clone(),
        why: vec!["deleting from require.cache leaves the module in its parent's module.children".to_owned()],
        remedy: "they are taken out of module.children too".to_owned(),
        advice: "Take the module out of module.children as well, or load changing code in a worker or a vm context.".to_owned(),
        limits: "",
        weight: 1.0,
        place: None,
    };
    Some(if is_kept { kept(exhibit, described) } else { described })
}

/// Describes modules that stay in the cache.
fn kept(exhibit: &Exhibit<'_, '_>, described: Described) -> Described {
    let (scene, case) = (exhibit.scene, exhibit.case);
    let file = |node: NodeIx| match scene.paths.roots.at(node) {
        Some(Root::Module { file }) => file.clone(),
        _ => String::new(),
    };
    let (parent, one) = (file(case.holder), file(case.example));
    let place = scene.require_place(&parent);
    let by = place.as_ref().map_or_else(|| parent.clone(), Place::short);
    Described {
        what: "Ever more modules in the module cache".to_owned(),
        why: vec![
            "require.cache keeps every file that was required until exit".to_owned(),
            format!("{} files were first required by {by}, like {one}", grouped(case.count)),
        ],
        remedy: "they are taken out of require.cache and module.children".to_owned(),
        advice: "Read data with fs and JSON.parse instead of require, and compile a generated file once.".to_owned(),
        limits: "where files are first required as they are needed, their number ends with that of the files",
        place: place.or_else(|| Some(Place::new(&parent, 0, 0)).filter(|_| !parent.is_empty())),
        ..described
    }
}
