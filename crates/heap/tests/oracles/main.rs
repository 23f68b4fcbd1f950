//! Every number that `HeapAnalysis` computes, against its definition worked out by brute force on small random heaps.
//!
//! The oracles know nothing of how the library computes: reachability by removal of a node, fix points, ancestor walks. The rules
//! themselves are DevTools'.

mod model;
mod questions;
mod rules;

use heap::aggregates::aggregates;
use heap::cut::Cutter;
use heap::{HeapAnalysis, NodeIx};
use model::{Model, heaps, plain_objects};
use proptest::prelude::*;

fn nodes(model: &Model) -> impl Iterator<Item = (usize, NodeIx)> {
    (0..model.len()).map(|ix| (ix, NodeIx(ix as u32)))
}

fn key(analysis: &HeapAnalysis, node: NodeIx) -> String {
    analysis.classes().get(analysis.class(node)).key()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn distances_are_those_of_a_naive_search(model in heaps()) {
        let analysis = model.analysis();
        let expected = rules::distances(&model);
        for (ix, node) in nodes(&model) {
            prop_assert_eq!(analysis.distance(node).as_devtools(), expected[ix], "node {}", ix);
        }
    }

    #[test]
    fn page_nodes_are_those_that_entry_points_reach(model in heaps()) {
        let analysis = model.analysis();
        let expected = rules::page(&model);
        for (ix, node) in nodes(&model) {
            prop_assert_eq!(analysis.is_page_node(node), expected[ix], "node {}", ix);
        }
    }

    #[test]
    fn self_sizes_are_those_of_a_fix_point(model in heaps()) {
        let analysis = model.analysis();
        let expected = rules::self_sizes(&model);
        for (ix, node) in nodes(&model) {
            prop_assert_eq!(analysis.self_size(node), expected[ix], "node {}", ix);
        }
    }

    #[test]
    fn dominators_cut_their_nodes_off(model in heaps()) {
        let analysis = model.analysis();
        let expected = rules::dominators(&model);
        let retained = rules::retained(&expected, &rules::self_sizes(&model));
        for (ix, node) in nodes(&model) {
            prop_assert_eq!(analysis.dominator(node).at(), expected[ix], "dominator of {}", ix);
            prop_assert_eq!(analysis.retained_size(node), retained[ix], "retained by {}", ix);
        }
        prop_assert_eq!(analysis.total_size(), retained[0] + model.extra);
    }

    #[test]
    fn a_cut_frees_what_nothing_reaches_any_more(model in heaps(), cut in prop::collection::vec(any::<bool>(), 80)) {
        let analysis = model.analysis();
        let sizes = rules::self_sizes(&model);
        let of_node = |ix: usize| model.from(ix).map(std::ptr::from_ref).zip(analysis.graph().edges(NodeIx(ix as u32)));
        let links: Vec<_> = (0..model.len()).flat_map(of_node).collect();
        prop_assert_eq!(links.len(), model.links.len());
        let chosen: Vec<_> = links.iter().zip(&cut).filter(|&(_, &cut)| cut).map(|(&link, _)| link).collect();
        let expected = rules::freed(&model, |link| chosen.iter().any(|&(cut, _)| std::ptr::eq(cut, link)));
        let asked: Vec<NodeIx> = nodes(&model).map(|(_, node)| node).collect();
        let freed = Cutter::new(&analysis).cut(&chosen.iter().map(|(_, edge)| edge.ix).collect::<Vec<_>>(), &asked);
        let bytes: u64 = (0..model.len()).filter(|&ix| expected[ix]).map(|ix| sizes[ix]).sum();
        prop_assert_eq!(freed.bytes, bytes);
        let mut gone = freed.nodes.clone();
        gone.sort_unstable();
        prop_assert_eq!(gone, asked.iter().copied().filter(|node| expected[node.at()]).collect::<Vec<_>>());
        prop_assert_eq!(freed.kept, asked.iter().copied().filter(|node| !expected[node.at()]).collect::<Vec<_>>());
    }

    #[test]
    fn letting_one_object_go_frees_what_it_retains(model in heaps()) {
        let analysis = model.analysis();
        let cutter = Cutter::new(&analysis);
        // Dominators do not know that V8 drops internalized strings.
        prop_assume!(model.things.iter().all(|thing| thing.name != "(Internalized strings)"));
        for (_, node) in nodes(&model).skip(1) {
            let ways: Vec<_> = analysis.retainers(node).map(|(_, edge)| edge.ix).collect();
            let freed = cutter.cut(&ways, &[node]);
            prop_assert!(freed.bytes == analysis.retained_size(node) || !freed.kept.is_empty(), "node {:?}: {:?}", node, freed);
        }
    }

    #[test]
    fn preparing_on_two_threads_changes_nothing(model in heaps()) {
        let prepared = model.analysis();
        prepared.prepare(&heap::Silent).expect("nothing stops it");
        let lazy = model.analysis();
        for (_, node) in nodes(&model) {
            prop_assert_eq!(prepared.dominator(node), lazy.dominator(node));
            prop_assert_eq!(prepared.retained_size(node), lazy.retained_size(node));
            prop_assert_eq!(key(&prepared, node), key(&lazy, node));
        }
    }

    #[test]
    fn dominated_nodes_are_the_children(model in heaps()) {
        let analysis = model.analysis();
        let dominators = rules::dominators(&model);
        for (ix, node) in nodes(&model) {
            let mut children = analysis.dominated(node);
            children.sort_unstable();
            let expected: Vec<NodeIx> = nodes(&model).filter(|&(child, _)| child != 0 && dominators[child] == ix).map(|(_, node)| node).collect();
            prop_assert_eq!(children, expected, "children of {}", ix);
        }
    }

    #[test]
    fn classes_are_named_by_the_rules(model in prop_oneof![heaps(), plain_objects()]) {
        let analysis = model.analysis();
        let interfaces = rules::interfaces(&model);
        let found: Vec<_> = analysis.classes().interfaces().iter().map(|interface| interface.name.clone()).collect();
        prop_assert_eq!(found, interfaces.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        for (ix, node) in nodes(&model) {
            prop_assert_eq!(key(&analysis, node), rules::class_key(&model, &interfaces, ix), "node {}", ix);
        }
    }

    #[test]
    fn detachedness_spreads_by_the_rules(model in heaps()) {
        let analysis = model.analysis();
        let expected = rules::detachedness(&model);
        for (ix, node) in nodes(&model) {
            prop_assert_eq!(analysis.detachedness(node), expected[ix].0, "node {}", ix);
        }
    }

    #[test]
    fn aggregates_walk_ancestors(model in heaps(), refuse in prop::collection::vec(any::<bool>(), 24)) {
        let analysis = model.analysis();
        let found: Vec<_> = aggregates(&analysis, |node| !refuse[node.at()])
            .into_iter()
            .map(|sum| (analysis.classes().get(sum.class).key(), sum.count, sum.self_size, sum.retained_size, sum.distance.as_devtools()))
            .collect();
        prop_assert!(found.is_sorted_by(|a, b| a.3 >= b.3));
        let mut found = found;
        found.sort();
        prop_assert_eq!(found, rules::aggregates(&model, |node| !refuse[node]));
    }

    #[test]
    fn retainers_are_all_edges_by_target(model in heaps()) {
        let analysis = model.analysis();
        for (ix, node) in nodes(&model) {
            let mut found: Vec<_> = analysis.retainers(node).map(|(from, edge)| (from.at(), edge.kind)).collect();
            found.sort_unstable();
            let mut expected: Vec<_> = model.to(ix).map(|link| (link.from, link.kind)).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
