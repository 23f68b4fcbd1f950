//! Timers of one function with different periods.

use super::*;

/// The function `f` as so many timers, each in a list of its own as Node.js keeps them, with an object of that size.
fn scattered(count: u64, is_interval: bool, size: u64) -> HeapAnalysis {
    let mut app = App::new();
    let global = NodeIx(2);
    let lists = app.child(global, EdgeKind::PROPERTY, "lists", NodeKind::OBJECT, "Object");
    for nth in 0..count {
        let list = app.child(lists, EdgeKind::PROPERTY, &(60_000 + nth).to_string(), NodeKind::OBJECT, "TimersList");
        let timer = app.child(list, EdgeKind::PROPERTY, "_idleNext", NodeKind::OBJECT, "Timeout");
        app.builder.edge(timer, EdgeKind::PROPERTY, NewName::Text("_idleNext"), Target::Node(list));
        let callback = app.child(timer, EdgeKind::PROPERTY, "_onTimeout", NodeKind::CLOSURE, "");
        app.builder.location(Location { node: callback, script_id: 7, line: 2, column: 4, script: None });
        if is_interval {
            app.child(timer, EdgeKind::PROPERTY, "_repeat", NodeKind::NUMBER, "heap number");
        }
        let data = app.node(NodeKind::OBJECT, "Data", size);
        app.builder.edge(callback, EdgeKind::PROPERTY, NewName::Text("data"), Target::Node(data));
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn timers_of_one_function_are_found_whatever_their_periods() {
    for (count, is_interval, size, expected) in [
        (601, true, 4000, Some("Intervals never cleared · 601 Timeout · 2.5 MB")),
        (601, false, 4000, Some("Pending timers · 601 Timeout · 2.5 MB")),
        (121, true, 100, Some("Intervals never cleared · 121 Timeout · 35.3 kB")),
        // Such wait in a server that is busy.
        (121, false, 100, None),
        (61, true, 100, None),
    ] {
        let report = find(&scattered(count, is_interval, size), &Options::default());
        let found = report.findings.iter().find(|finding| finding.rule == "timer-pile");
        assert_eq!(found.map(|finding| finding.title.as_str()), expected, "{count} {is_interval} {size}: {:?}", report.findings);
        let Some(found) = found else { continue };
        assert_eq!(found.location.as_ref().map(ToString::to_string).as_deref(), Some("/srv/app.js:3:5"));
        assert_eq!(found.owner, Owner::App);
        assert!(found.why[0].starts_with(&format!("they have {count} different periods")), "{:?}", found.why);
    }
}
