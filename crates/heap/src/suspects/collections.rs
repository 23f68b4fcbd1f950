//! Growing collections: a Map, Set, array or dictionary with very many entries of one class.
//!
//! Reason: a collection that only ever gets entries is the most common leak. Limit: one snapshot cannot tell a full bounded cache from an
//! unbounded one.

use std::borrow::Cow;

use super::case::{Described, Exhibit};
use crate::graph::{EdgeName, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::story::{Scene, is_indexed};

const LIMITS: &str = "one snapshot cannot tell a bounded cache that is full from one without a bound";

pub(super) fn describe(exhibit: &Exhibit<'_, '_>) -> Option<Described> {
    let scene = exhibit.scene;
    let graph = scene.graph();
    let holder = exhibit.case.holder;
    let name = exhibit.name(holder);
    // One snapshot shows how large it is, several that it grows.
    let size = if exhibit.case.growth.is_some() { "Unbounded" } else { "Large" };
    let what = match (graph.kind(holder), &*name) {
        (NodeKind::OBJECT, "Map" | "Set" | "Array" | "SafeMap" | "SafeSet") => format!("{size} {name}"),
        (NodeKind::OBJECT, "WeakMap") => "WeakMap whose keys stay alive".to_owned(),
        _ if scene.is_global(holder) => "Ever more globals".to_owned(),
        (NodeKind::OBJECT, "Object") => "Object used as a dictionary".to_owned(),
        (NodeKind::OBJECT, _) if through_index(exhibit) => format!("{size} {name}"),
        _ => return None,
    };
    let remedy = remedy(exhibit);
    let mut why = Vec::new();
    if let Some(keys) = keys(scene, holder) {
        why.push(keys);
    }
    if what.contains("global") {
        why.push("properties of the global object stay until they are deleted".to_owned());
    }
    Some(Described {
        rule: "unbounded-collection",
        what,
        class: exhibit.class.clone(),
        why,
        remedy: format!("{remedy} is bounded"),
        advice: format!("Bound {remedy}: delete entries when they are done, or use an LRU or a time limit."),
        limits: LIMITS,
        weight: 1.0,
        place: None,
    })
}

fn through_index(exhibit: &Exhibit<'_, '_>) -> bool {
    let below = exhibit.steps.iter().skip_while(|step| step.from != exhibit.case.holder);
    below.take(3).any(|step| is_indexed(exhibit.scene, step.edge))
}

/// Names the collection as the program does: `.byId`, `cache`.
pub(super) fn remedy(exhibit: &Exhibit<'_, '_>) -> String {
    let scene = exhibit.scene;
    let upto = exhibit.steps.iter().position(|step| step.edge.to == exhibit.case.holder).map_or(0, |at| at + 1);
    let name = |step: &Step| match step.edge.kind {
        EdgeKind::PROPERTY => Some(format!(".{}", scene.graph().edge_text(step.edge))),
        _ => scene.variable_of(*step).map(Cow::into_owned),
    };
    exhibit.steps.iter().take(upto).rev().find_map(name).unwrap_or_else(|| "the collection".to_owned())
}

/// How many keys are looked at.
const SAMPLE: usize = 64;

/// Says what the keys of a Map or dictionary look like: rising numbers, UUIDs, URLs.
pub(super) fn keys(scene: &Scene<'_>, holder: NodeIx) -> Option<String> {
    let graph = scene.graph();
    let mut keys: Vec<String> = Vec::new();
    let table = graph.child(holder, EdgeKind::INTERNAL, "table");
    if let Some(table) = table {
        let is_key =
            |edge: &crate::graph::Edge| scene.is_key(holder, table, *edge) == Some(true) && graph.kind(edge.to) == NodeKind::STRING;
        keys.extend(graph.edges(table).filter(is_key).take(SAMPLE).map(|edge| graph.name(edge.to).into_owned()));
        if keys.is_empty() && scene.names.class_map.is(graph.name_ix(holder)) {
            let no_key = graph.edges(table).all(|edge| scene.is_key(holder, table, edge) != Some(true));
            return no_key.then(|| "every key is a small number".to_owned());
        }
    } else if scene.names.class_object.is(graph.name_ix(holder)) {
        let properties = graph.edges(holder).filter(|edge| edge.kind == EdgeKind::PROPERTY);
        let named = properties.filter(|&edge| matches!(graph.edge_name(edge), EdgeName::Text(name) if !scene.names.proto.is(name)));
        keys.extend(named.take(SAMPLE).map(|edge| graph.edge_text(edge).into_owned()));
    }
    let first = keys.first().filter(|_| keys.len() >= 8)?;
    let shown: String = first.chars().take(40).collect();
    let all = |test: fn(&str) -> bool| keys.iter().all(|key| test(key));
    let digits = |key: &str| key.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
    let numbers: Vec<u64> = keys.iter().filter_map(|key| digits(key)).collect();
    let pattern = if all(is_uuid) {
        "UUIDs"
    } else if all(|key| key.contains("://")) {
        "URLs"
    } else if numbers.len() == keys.len() && numbers.is_sorted() {
        "rising numbers"
    } else {
        return Some(format!("keys like {shown:?}"));
    };
    Some(format!("keys are {pattern}, like {shown:?}"))
}

fn is_uuid(text: &str) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_uuids() {
        assert!(super::is_uuid("123e4567-e89b-12d3-a456-426614174000"));
        assert!(!super::is_uuid("123e4567-e89b-12d3-a456-42661417400x"));
        assert!(!super::is_uuid(""));
    }
}
