//! Global variables: they have no place in a file, and plain objects in them have none either.

use super::*;

/// The node of the global object, which `App::new` adds third.
const GLOBAL: NodeIx = NodeIx(2);

/// Plain objects in an array that a global variable holds, or that C++ does.
fn kept(by_global: bool) -> HeapAnalysis {
    let mut app = App::new();
    let holder = if by_global { GLOBAL } else { app.child(NodeIx(1), EdgeKind::ELEMENT, "9", NodeKind::NATIVE, "Node / Something") };
    let array = app.child(holder, EdgeKind::PROPERTY, "keep", NodeKind::OBJECT, "Array");
    let elements = app.child(array, EdgeKind::INTERNAL, "elements", NodeKind::ARRAY, "");
    for nth in 0..2001 {
        let object = app.builder.node(Node::new(NodeKind::OBJECT, "Object", 10_001 + nth * 2, 400));
        app.builder.edge(elements, EdgeKind::INTERNAL, NewName::Text(&nth.to_string()), Target::Node(object));
        app.builder.edge(array, EdgeKind::ELEMENT, NewName::Index(nth as u32), Target::Node(object));
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn plain_objects_in_a_global_variable_are_suspects() {
    let report = find(&kept(true), &Options::default());
    assert_eq!(report.verdict.kind, VerdictKind::Suspect);
    let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!((finding.rule, finding.count), ("unbounded-collection", 2001));
    assert_eq!(find(&kept(false), &Options::default()).verdict.kind, VerdictKind::Clean);
}

/// A function with as many variables of 4 kB, or with one array of so many objects.
fn scope(of_variables: bool) -> HeapAnalysis {
    let mut app = App::new();
    let function = app.child(GLOBAL, EdgeKind::PROPERTY, "library", NodeKind::CLOSURE, "library");
    app.builder.location(Location { node: function, script_id: 7, line: 2, column: 0, script: None });
    let context = app.child(function, EdgeKind::INTERNAL, "context", NodeKind::OBJECT, "system / Context");
    let array = app.child(context, EdgeKind::CONTEXT, "all", NodeKind::OBJECT, "Array");
    for nth in 0..301 {
        let object = app.builder.node(Node::new(NodeKind::OBJECT, "Rule", 10_001 + nth * 2, 4000));
        app.builder.location(Location { node: object, script_id: 7, line: 0, column: 6, script: None });
        let name = if of_variables { NewName::Text(&format!("rule{nth}")) } else { NewName::Index(nth as u32) };
        let (from, kind) = if of_variables { (context, EdgeKind::CONTEXT) } else { (array, EdgeKind::ELEMENT) };
        app.builder.edge(from, kind, name, Target::Node(object));
    }
    HeapAnalysis::new(app.builder.finish().0)
}

/// There are as many variables as somebody has written.
#[test]
fn variables_of_one_scope_do_not_accumulate() {
    let rules = |analysis| find(&analysis, &Options::default()).findings.iter().map(|finding| finding.rule).collect::<Vec<_>>();
    assert_eq!(rules(scope(false)), ["unbounded-collection"]);
    assert_eq!(rules(scope(true)), [""; 0]);
}
