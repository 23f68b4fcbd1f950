//! Objects of C++ that nobody but C++ holds: open handles that nobody can close, and cycles through C++.

use std::collections::HashMap;

use heap::NodeId;
use heap::held::{Case, Extent, Held, Holder, Primitive};

use super::*;

/// Tells what objects of C++ are up to.
struct Told(HashMap<u64, Vec<(&'static str, bool)>>);

impl Holder for Told {
    fn held(&self, id: NodeId, _most: usize) -> Held {
        let names = self.0.get(&id.0).into_iter().flatten().map(|&(name, is)| (name.to_owned(), Some(Primitive::Boolean(is))));
        Held { names: names.collect(), ..Held::default() }
    }

    fn held_each(&self, ids: &[NodeId], most: usize, each: &mut dyn FnMut(usize, Held)) {
        ids.iter().enumerate().for_each(|(at, &id)| each(at, self.held(id, most)));
    }

    fn extents(&self, _ids: &[NodeId], _each: &mut dyn FnMut(usize, Option<Extent>)) -> bool {
        false
    }

    fn containing(&self, _ids: &[NodeId], _text: &str, _case: Case, _each: &mut dyn FnMut(usize, Option<bool>)) -> bool {
        false
    }

    fn isolate(&self, _id: NodeId) -> Option<u32> {
        None
    }

    fn has_isolates(&self) -> bool {
        false
    }
}

/// What the objects of C++ of a program are like.
#[derive(Clone, Copy)]
struct Like {
    count: usize,
    /// What the source tells of each.
    told: &'static [(&'static str, bool)],
    /// Whether the program's Map holds their wrappers.
    is_reached: bool,
    /// Whether each keeps a callback that leads back to its wrapper.
    has_cycle: bool,
}

const IDLE: &[(&str, bool)] = &[("active", false), ("closing", false)];
const ACTIVE: &[(&str, bool)] = &[("active", true), ("closing", false)];
const CLOSING: &[(&str, bool)] = &[("active", false), ("closing", true)];
const OTHER: &[(&str, bool)] = &[("in_flight", false)];
const IN_FLIGHT: &[(&str, bool)] = &[("in_flight", true)];

/// A program with such objects: each is a root, and its wrapper is one too, by its global handle.
fn program(like: Like) -> HeapAnalysis {
    let mut app = App::new();
    let handles = app.child(NodeIx(1), EdgeKind::INTERNAL, "", NodeKind::SYNTHETIC, "(Global handles)");
    let mut told = HashMap::new();
    for nth in 0..like.count {
        let id = app.next_id;
        let native = app.child(NodeIx(0), EdgeKind::INTERNAL, "", NodeKind::SYNTHETIC, "Node / Thing");
        told.insert(id, like.told.to_vec());
        let wrapper = app.child(native, EdgeKind::INTERNAL, "native_to_javascript", NodeKind::OBJECT, "Wrapper");
        app.builder.edge(handles, EdgeKind::INTERNAL, NewName::Text(&nth.to_string()), Target::Node(wrapper));
        app.builder.edge(wrapper, EdgeKind::INTERNAL, NewName::Text("javascript_to_native"), Target::Node(native));
        let owner = app.child(wrapper, EdgeKind::PROPERTY, "<symbol owner_symbol>", NodeKind::OBJECT, "Owner");
        app.builder.edge(owner, EdgeKind::PROPERTY, NewName::Text("handle"), Target::Node(wrapper));
        if like.is_reached {
            app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&(516 + nth * 3).to_string()), Target::Node(owner));
        }
        if like.has_cycle {
            let callback = app.child(native, EdgeKind::INTERNAL, "global_handle", NodeKind::CLOSURE, "callback");
            app.builder.edge(handles, EdgeKind::INTERNAL, NewName::Text(&format!("{nth} too")), Target::Node(callback));
            let context = app.child(callback, EdgeKind::INTERNAL, "context", NodeKind::OBJECT, "system / Context");
            app.builder.edge(context, EdgeKind::CONTEXT, NewName::Text("self"), Target::Node(owner));
        }
    }
    HeapAnalysis::new(app.builder.finish().0.with_holder(Box::new(Told(told))))
}

#[test]
fn what_only_cpp_holds_and_nobody_can_end_is_told() {
    let idle = Like { count: 12, told: IDLE, is_reached: false, has_cycle: false };
    let cycle = Like { told: OTHER, has_cycle: true, ..idle };
    for (like, expected, why) in [
        (idle, Some(("unreachable-handle", 12)), "open, waits for nothing, and nobody can close it"),
        (Like { count: 9, ..idle }, None, "a few are forgotten"),
        (Like { told: ACTIVE, ..idle }, None, "a quiet server's sockets"),
        (Like { told: CLOSING, ..idle }, None, "it is being closed"),
        (Like { told: &[], ..idle }, None, "the source does not tell, as a snapshot"),
        (Like { told: OTHER, ..idle }, None, "no handle of libuv's, and no cycle"),
        (Like { is_reached: true, ..idle }, None, "the program can close it"),
        (cycle, Some(("wrapper-cycle", 12)), "nobody can end it"),
        (Like { told: IN_FLIGHT, ..cycle }, None, "its request will end"),
        (Like { told: ACTIVE, ..cycle }, None, "libuv may call it"),
        (Like { is_reached: true, ..cycle }, None, "the program can end it"),
    ] {
        let report = find(&program(like), &Options::default());
        let rules = ["unreachable-handle", "wrapper-cycle"];
        let found = report.findings.iter().find(|finding| rules.contains(&finding.rule));
        assert_eq!(found.map(|finding| (finding.rule, finding.count)), expected, "{why}");
        let is_suspect = report.verdict.kind == VerdictKind::Suspect;
        assert_eq!(is_suspect, expected.is_some(), "{why}: {:?}", report.verdict);
    }
}

#[test]
fn a_cycle_is_told_as_a_path_that_comes_back() {
    let report = find(&program(Like { count: 12, told: OTHER, is_reached: false, has_cycle: true }), &Options::default());
    let finding = &report.findings[0];
    let hops: Vec<&str> = finding.story.hops.iter().map(|hop| hop.label.as_str()).collect();
    assert_eq!(hops.last(), Some(&"Wrapper"), "{hops:?}");
    assert!(hops.contains(&"Owner"), "{hops:?}");
    assert_eq!(finding.story.hops.last().unwrap().notes, ["leads back to Node / Thing"]);
    // Per cycle: the object of C++, its wrapper, the owner, the callback and its variables.
    assert_eq!(finding.bytes, 12 * 5 * 64, "{finding:?}");
}
