//! A program with one object that is large by itself: an array, a text, or an object with a text.

use heap::builder::{NewName, Node, Target};
use heap::{EdgeKind, HeapAnalysis, NodeIx, NodeKind};

use super::App;

/// What stands in the variable `log` of the module, of that size: an array of numbers, a text that is another one in every snapshot, or
/// a text in an object that is another one too.
pub(super) fn log(what: &str, size: u64) -> HeapAnalysis {
    let mut app = App::new();
    let context = NodeIx(app.table.0 - 2);
    let new_id = 1_000_001 + size * 4;
    match what {
        "array" => {
            let array = app.child(context, EdgeKind::CONTEXT, "log", NodeKind::OBJECT, "Array");
            app.sized(array, "elements", NodeKind::ARRAY, "", size);
        }
        "text" => {
            let text = app.builder.node(Node::new(NodeKind::CONS_STRING, "lines", new_id, size));
            app.builder.edge(context, EdgeKind::CONTEXT, NewName::Text("log"), Target::Node(text));
        }
        _ => {
            let log = app.builder.node(Node::new(NodeKind::OBJECT, "Log", new_id, 64));
            let text = app.builder.node(Node::new(NodeKind::STRING, "lines", new_id + 2, size));
            app.builder.edge(context, EdgeKind::CONTEXT, NewName::Text("log"), Target::Node(log));
            app.builder.edge(log, EdgeKind::PROPERTY, NewName::Text("text"), Target::Node(text));
        }
    }
    app.sessions(0, 20)
}
