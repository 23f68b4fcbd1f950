//! Promises that never settle, and what waits for them.

use super::*;

/// `never` with so many reactions, the newest first, as Node 16 to 26 write them: of calls of `f` that await it, or of what `Promise.race`
/// leaves behind.
fn waits(count: u64, is_race: bool) -> HeapAnalysis {
    let mut app = App::new();
    let context = NodeIx(app.table.0 - 2);
    // The module's function `f`.
    let function = NodeIx(app.table.0 - 7);
    let never = app.child(context, EdgeKind::CONTEXT, "never", NodeKind::OBJECT, "Promise");
    let mut above = (never, EdgeKind::INTERNAL, "reactions_or_result");
    for nth in (0..count).rev() {
        let mut add = |kind, class: &str, size, at: u64| app.builder.node(Node::new(kind, class, 1001 + nth * 20 + at * 2, size));
        let reaction = add(NodeKind::HIDDEN, "system / PromiseReaction", 40, 0);
        let context = add(NodeKind::OBJECT, "system / Context", 40, 1);
        let functions = [2, 3].map(|at| add(NodeKind::CLOSURE, "", 64, at));
        let end = if is_race { add(NodeKind::OBJECT, "Promise", 1000, 4) } else { add(NodeKind::OBJECT, "Generator", 1000, 4) };
        let registers = add(NodeKind::ARRAY, "", 40, 5);
        let mut edge = |from, kind, name: &str, to| app.builder.edge(from, kind, NewName::Text(name), Target::Node(to));
        edge(above.0, above.1, above.2, reaction);
        edge(reaction, EdgeKind::HIDDEN, "2", functions[0]);
        edge(reaction, EdgeKind::HIDDEN, "3", functions[1]);
        functions.into_iter().for_each(|function| edge(function, EdgeKind::INTERNAL, "context", context));
        if is_race {
            edge(context, EdgeKind::HIDDEN, "2", end);
        } else {
            edge(context, EdgeKind::INTERNAL, "extension", end);
            edge(end, EdgeKind::INTERNAL, "function", function);
            edge(end, EdgeKind::INTERNAL, "parameters_and_registers", registers);
        }
        above = (reaction, EdgeKind::HIDDEN, "1");
    }
    app.sessions(0, 1)
}

#[test]
fn what_waits_is_counted_once() {
    for (is_race, title) in
        [(false, "Promise that never settles · 900 f() call · 1.1 MB"), (true, "Promise that never settles · 900 Promise · 1.1 MB")]
    {
        let snapshots = [300, 600, 900].map(|count| waits(count, is_race));
        let three = compare(&snapshots.each_ref(), &Options::default());
        let [finding] = three.findings.as_slice() else { panic!("one promise, not {:?}", three.findings) };
        assert_eq!((finding.rule, finding.title.as_str()), ("pending-promise", title));
        let growth = finding.growth.as_ref().expect("it grew");
        assert_eq!((&growth.counts, growth.bytes.last()), (&vec![300, 600, 900], Some(&finding.bytes)));
        assert!(finding.why[0] == "grew by 300, 300 in 2 steps", "{:?}", finding.why);
        let one = find(&snapshots[2], &Options::default());
        assert_eq!((one.findings[0].id.as_str(), one.findings[0].title.as_str()), (finding.id.as_str(), title));
    }
}
