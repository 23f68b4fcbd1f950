//! What V8 noted of every allocation while it tracked them, as a profile: by which stacks the objects were made that are still there.

use rustc_hash::FxHashMap;

use super::{CallFrame, HeapProfile, Stack};
use crate::allocations::{Allocations, Function};
use crate::graph::HeapGraph;

impl HeapProfile {
    /// Sums up the objects of a snapshot by the stack that made them: their bytes as V8 gives them, and how many there are, which stands as
    /// `samples`. What was there before V8 tracked, or was made by no stack that it noted, is not in it. `None` where it did not track. O(nodes).
    #[must_use]
    pub fn of_tracked(graph: &HeapGraph) -> Option<Self> {
        let allocations = graph.allocations();
        if allocations.stacks.is_empty() {
            return None;
        }
        let mut profile = Self { frames: frames(allocations), stacks: stacks(allocations) };
        let places: FxHashMap<u32, usize> = allocations.stacks.iter().enumerate().map(|(at, stack)| (stack.id, at)).collect();
        for (node, &made_by) in graph.nodes().zip(allocations.node_stacks.iter()) {
            let place = if made_by == 0 { None } else { places.get(&made_by) };
            if let Some(stack) = place.and_then(|&at| profile.stacks.get_mut(at)) {
                stack.bytes = stack.bytes.saturating_add(graph.raw_self_size(node));
                stack.samples += 1;
            }
        }
        Some(profile)
    }
}

fn frames(allocations: &Allocations) -> Vec<CallFrame> {
    let frame = |function: &Function| CallFrame {
        function: function.name.clone(),
        script: function.script.clone(),
        // From 0 there, from 1 here.
        line: function.line.map_or(0, |line| line.saturating_add(1)),
        column: function.column.map_or(0, |column| column.saturating_add(1)),
    };
    allocations.functions.iter().map(frame).collect()
}

fn stacks(allocations: &Allocations) -> Vec<Stack> {
    let stacks = (0_u32..).zip(&allocations.stacks);
    // Only the root calls itself; a parent that is none yet is a stranger's.
    let parent = |at: u32, parent: Option<u32>| parent.filter(|&parent| parent < at).unwrap_or(if at == 0 { at } else { 0 });
    stacks.map(|(at, stack)| Stack { parent: parent(at, stack.parent), frame: stack.function, bytes: 0, samples: 0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{GraphBuilder, Node};
    use crate::column::Column;
    use crate::heap_profile::Share;
    use crate::kinds::NodeKind;

    #[test]
    fn objects_count_for_the_stack_that_made_them() {
        let function = |name: &str, line| Function {
            id: 0,
            name: name.to_owned(),
            script: "/srv/app/work.js".to_owned(),
            script_id: 7,
            line,
            column: line,
        };
        let stack = |id, function, parent| crate::allocations::Stack { id, function, count: 99, size: 9999, parent };
        let allocations = Allocations {
            functions: vec![function("(root)", None), function("work", Some(9)), function("make", Some(19))],
            stacks: vec![stack(1, 0, None), stack(2, 1, Some(0)), stack(3, 2, Some(1)), stack(9, 1, Some(0))],
            node_stacks: Column::from(vec![0, 2, 3, 3, 9, 77]),
            samples: vec![],
        };
        let mut builder = GraphBuilder::new();
        for (id, size) in [(1, 1000), (3, 10), (5, 20), (7, 40), (9, 80), (11, 5000)] {
            builder.node(Node::new(NodeKind::OBJECT, "thing", id, size));
        }
        builder.allocations(allocations);
        let (graph, _) = builder.finish();
        let profile = HeapProfile::of_tracked(&graph).unwrap();
        let told: Vec<(String, Share)> =
            profile.functions().into_iter().map(|(frame, share)| (frame.place().unwrap_or_default(), share)).collect();
        assert_eq!(
            told,
            [
                ("/srv/app/work.js:10:10".to_owned(), Share { own: 90, total: 150, samples: 2 }),
                ("/srv/app/work.js:20:20".to_owned(), Share { own: 60, total: 60, samples: 2 }),
            ]
        );
        assert_eq!((profile.bytes(), profile.samples()), (150, 4));
        assert_eq!(HeapProfile::of_tracked(&GraphBuilder::new().finish().0), None);
    }
}
