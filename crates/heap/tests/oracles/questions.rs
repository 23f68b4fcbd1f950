//! Filters, realms, duplicate strings, statistics and the comparison of two snapshots, against brute force.

use std::collections::BTreeMap;

use heap::contexts::{NativeContexts, Owner};
use heap::diff::{Match, diff};
use heap::duplicates::StringContents;
use heap::filters::Filter;
use heap::statistics::statistics;
use heap::{Detachedness, NodeIx, NodeKind};
use proptest::prelude::*;

use crate::model::{Link, Model, heaps};
use crate::{nodes, rules};

/// Says whether a filter lets those nodes pass that cannot do without the links that `refuse` picks.
fn check_filter(model: &Model, filter: &Filter, refuse: impl Fn(&Link) -> bool) -> Result<(), TestCaseError> {
    let found = filter.apply(&model.analysis());
    let expected = rules::kept_by(model, refuse);
    for (ix, node) in nodes(model) {
        prop_assert_eq!(found.contains(node), expected[ix], "{:?} node {}", filter, ix);
    }
    Ok(())
}

/// Returns the functions that listen to DOM events.
fn handlers(model: &Model) -> Vec<usize> {
    let edge = |node: usize, name: &str| model.from(node).find(|link| link.name == name).map(|link| link.to);
    let callbacks = (0..model.len()).filter(|&node| model.things[node].name == "V8EventListener").filter_map(|node| edge(node, "1"));
    callbacks
        .map(|callback| {
            if edge(callback, "code").is_some() {
                return callback;
            }
            model.from(callback).map(|link| link.to).find(|&child| edge(child, "code").is_some()).unwrap_or(callback)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_find_what_depends_on_edges(model in heaps()) {
        let states = rules::detachedness(&model);
        check_filter(&model, &Filter::RetainedByDetached, |link| states[link.to].0 == Detachedness::Detached)?;
        let is_synthetic = |node: usize| model.things[node].kind == NodeKind::SYNTHETIC;
        check_filter(&model, &Filter::RetainedByConsole, |link| is_synthetic(link.from) && link.name.ends_with(" / DevTools console"))?;
        check_filter(&model, &Filter::RetainedByContexts, |link| model.things[link.to].name.starts_with("system / Context"))?;
        let handlers = handlers(&model);
        check_filter(&model, &Filter::RetainedByEventHandlers, |link| handlers.contains(&link.to))?;
    }

    #[test]
    fn realms_spread_to_a_fix_point(model in heaps()) {
        let analysis = model.analysis();
        let found = NativeContexts::of(analysis.graph());
        for ((ix, node), expected) in nodes(&model).zip(rules::realms(&model)) {
            let expected = match expected {
                Some(0) => Owner::Shared,
                Some(context) => Owner::Context(NodeIx(context as u32)),
                None => Owner::Nobody,
            };
            prop_assert_eq!(found.owner(node), expected, "node {}", ix);
        }
        let total: u64 = found.sizes(&analysis).iter().map(|owned| owned.size).sum();
        prop_assert_eq!(total, rules::self_sizes(&model).iter().sum::<u64>());
    }

    #[test]
    fn duplicates_have_equal_content(model in heaps()) {
        let analysis = model.analysis();
        let sizes = rules::self_sizes(&model);
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for ix in 0..model.len() {
            if let Some(content) = rules::content(&model, &sizes, ix) {
                groups.entry(content).or_default().push(ix);
            }
        }
        let found = StringContents::of(&analysis);
        for (ix, node) in nodes(&model) {
            let expected = groups.values().any(|group| group.len() > 1 && group.contains(&ix));
            prop_assert_eq!(found.is_duplicate(node), expected, "node {}", ix);
        }
        let mut found: Vec<_> = found.groups(1, |_| true).iter().map(|group| (group.sample.at(), group.count, group.self_size)).collect();
        found.sort_unstable();
        let mut expected: Vec<_> =
            groups.values().map(|group| (group[0], group.len() as u64, group.iter().map(|&ix| sizes[ix]).sum::<u64>())).collect();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn parts_add_up(model in heaps()) {
        let found = statistics(&model.analysis());
        prop_assert_eq!(found.parts.iter().map(|part| part.size).sum::<u64>(), found.total);
        prop_assert_eq!(found.parts.iter().map(|part| part.count).sum::<u64>(), model.len() as u64);
        prop_assert_eq!(found.native + found.v8_heap, found.total);
    }

    #[test]
    fn differences_are_those_of_sets(base in heaps(), current in heaps()) {
        let (older, newer) = (base.analysis(), current.analysis());
        let mut found: Vec<_> = diff(&older, &newer, Match::Ids)
            .classes
            .into_iter()
            .map(|class| {
                // What grew in place only, DevTools does not list.
                prop_assert!(class.has_come_or_gone() || class.in_place_delta() != 0);
                let ids = |graph: &heap::HeapGraph, nodes: &[NodeIx]| nodes.iter().map(|&node| graph.id(node).0).collect::<Vec<_>>();
                prop_assert_eq!(class.added.0, class.added_nodes.len() as u64);
                prop_assert_eq!(class.current.0 as i64 - class.base.0 as i64, class.count_delta());
                Ok((class.key, ids(newer.graph(), &class.added_nodes), ids(older.graph(), &class.removed_nodes)))
            })
            .collect::<Result<_, _>>()?;
        found.retain(|(_, added, removed)| !added.is_empty() || !removed.is_empty());
        found.sort();
        prop_assert_eq!(found, rules::diff(&base, &current));
    }
}
