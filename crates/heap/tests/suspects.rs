//! Stories, suspects and growth on small graphs, and on hostile ones.

use std::sync::atomic::{AtomicU64, Ordering};

use heap::builder::{NewName, Node, Target};
use heap::source::{NoFiles, Owner};
use heap::story::{About, Leaking, Scene, tell};
use heap::suspects::{Options, Report, Rule, VerdictKind};
use heap::{Cancelled, EdgeKind, GraphBuilder, HeapAnalysis, Location, NodeIx, NodeKind, Phase, Progress, Silent};
use proptest::prelude::*;

#[path = "suspects/exports.rs"]
mod exports;
#[path = "suspects/globals.rs"]
mod globals;
#[path = "suspects/growth.rs"]
mod growth;
#[path = "suspects/halves.rs"]
mod halves;
#[path = "suspects/lists.rs"]
mod lists;
#[path = "suspects/log.rs"]
mod log;
#[path = "suspects/modules.rs"]
mod modules;
#[path = "suspects/moved.rs"]
mod moved;
#[path = "suspects/natives.rs"]
mod natives;
#[path = "suspects/timers.rs"]
mod timers;
#[path = "suspects/waits.rs"]
mod waits;
use lists::list;
use log::log;

fn find(analysis: &HeapAnalysis, options: &Options<'_>) -> Report {
    let report = heap::suspects::find(analysis, options, &Silent).expect("nobody stops it");
    assert!(report.findings.iter().all(|finding| Rule::of(finding.rule).is_some()), "every rule is explained");
    report
}

fn compare(snapshots: &[&HeapAnalysis], options: &Options<'_>) -> Report {
    heap::growth::compare(snapshots, options, &Silent).expect("nobody stops it")
}

/// A module with a Map of sessions, as V8 writes it:
///
/// ```text
/// root ─ global ─ Module() ._cache ─ cache ["/srv/app.js"] ─ Module .exports ─ f()
///                                             f() context ─ Context `cache` ─ Map table ─ array 3n ─ Session
///                                             f() shared ─ SFI script ─ Script name "/srv/app.js", source
/// ```
struct App {
    builder: GraphBuilder,
    table: NodeIx,
    next_id: u64,
}

const SOURCE: &str = "class Session {}\nconst cache = new Map();\nmodule.exports = f;";

impl App {
    fn new() -> Self {
        Self::new_at(1)
    }

    /// With identities from this one on.
    fn new_at(next_id: u64) -> Self {
        let mut app = Self { builder: GraphBuilder::new(), table: NodeIx(0), next_id };
        let root = app.node(NodeKind::SYNTHETIC, "", 0);
        let roots = app.node(NodeKind::SYNTHETIC, "(GC roots)", 0);
        app.builder.edge(root, EdgeKind::ELEMENT, NewName::Index(1), Target::Node(roots));
        let global = app.node(NodeKind::OBJECT, "global", 100);
        app.builder.edge(root, EdgeKind::SHORTCUT, NewName::Index(2), Target::Node(global));
        app.builder.edge(roots, EdgeKind::ELEMENT, NewName::Index(1), Target::Node(global));
        let class = app.child(global, EdgeKind::PROPERTY, "Module", NodeKind::CLOSURE, "Module");
        let modules = app.child(class, EdgeKind::PROPERTY, "_cache", NodeKind::OBJECT, "Object");
        let module = app.child(modules, EdgeKind::PROPERTY, "/srv/app.js", NodeKind::OBJECT, "Module");
        let function = app.child(module, EdgeKind::PROPERTY, "exports", NodeKind::CLOSURE, "f");
        let shared = app.child(function, EdgeKind::INTERNAL, "shared", NodeKind::CODE, "f");
        let script = app.child(shared, EdgeKind::INTERNAL, "script", NodeKind::CODE, "/srv/app.js");
        app.child(script, EdgeKind::INTERNAL, "name", NodeKind::STRING, "/srv/app.js");
        app.child(script, EdgeKind::INTERNAL, "source", NodeKind::STRING, SOURCE);
        app.builder.location(Location { node: function, script_id: 7, line: 2, column: 0, script: None });
        let context = app.child(function, EdgeKind::INTERNAL, "context", NodeKind::OBJECT, "system / Context");
        let map = app.child(context, EdgeKind::CONTEXT, "cache", NodeKind::OBJECT, "Map");
        // Two words of header, three counts, 512 buckets, 1024 entries of three words.
        app.table = app.node(NodeKind::ARRAY, "", 8 * (2 + 3 + 512 + 3 * 1024));
        app.builder.edge(map, EdgeKind::INTERNAL, NewName::Text("table"), Target::Node(app.table));
        app
    }

    fn node(&mut self, kind: NodeKind, name: &str, size: u64) -> NodeIx {
        let id = self.next_id;
        self.next_id += 2;
        self.builder.node(Node::new(kind, name, id, size))
    }

    fn child(&mut self, from: NodeIx, edge: EdgeKind, name: &str, kind: NodeKind, class: &str) -> NodeIx {
        let node = self.node(kind, class, 64);
        self.builder.edge(from, edge, NewName::Text(name), Target::Node(node));
        node
    }

    /// Adds sessions from `from` up to `to`; their identities depend on their number alone.
    fn sessions(mut self, from: u64, to: u64) -> HeapAnalysis {
        for nth in from..to {
            let session = self.builder.node(Node::new(NodeKind::OBJECT, "Session", 1001 + nth * 2, 4000));
            self.builder.location(Location { node: session, script_id: 7, line: 0, column: 6, script: None });
            self.builder.edge(self.table, EdgeKind::INTERNAL, NewName::Text(&(516 + nth * 3).to_string()), Target::Node(session));
        }
        HeapAnalysis::new(self.builder.finish().0)
    }
}

#[test]
fn one_large_map_is_a_suspect_with_a_story() {
    let analysis = App::new().sessions(0, 500);
    let report = find(&analysis, &Options::default());
    assert_eq!(report.verdict.kind, VerdictKind::Suspect);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    let finding = &report.findings[0];
    assert_eq!(finding.rule, "unbounded-collection");
    assert_eq!(finding.title, "Large Map · 500 Session · 2.0 MB");
    assert_eq!(finding.owner, Owner::App);
    assert_eq!(finding.location.as_ref().map(ToString::to_string).as_deref(), Some("/srv/app.js:2:7"));
    assert_eq!(finding.look.as_ref().map(|look| look.text.as_str()), Some("const cache = new Map();"));
    let hops: Vec<String> =
        finding.story.hops.iter().map(|hop| format!("{}>{}", hop.edge.as_ref().map_or("", |edge| edge.text.as_str()), hop.label)).collect();
    assert_eq!(hops, [">module cache  /srv/app.js", "const cache>Map", "[value]>Session"]);
    assert_eq!(finding.story.hops[0].leaking, Leaking::No);
    let cut = finding.story.cut().and_then(|hop| hop.edge.as_ref());
    assert_eq!(cut.map(|edge| (edge.text.as_str(), edge.frees == Some(2_000_000))), Some(("const cache", true)));
    assert_eq!((finding.bytes, finding.frees.as_ref().map(|frees| frees.0)), (2_000_000, Some(2_000_000)), "one number");
}

#[test]
fn no_object_is_counted_twice_nor_called_nothing() {
    // Two rules find the same sessions: as entries of the Map, and as what it dominates.
    let report = find(&App::new().sessions(0, 2500), &Options::default());
    let why = report.findings[0].why.join("; ");
    assert!(!why.contains("also holds"), "{why}");
    let accumulated = list(3000);
    let told = find(&accumulated, &Options::default()).findings.iter().map(|finding| finding.why.join("; ")).collect::<String>();
    assert!(!told.contains("more than 0%"), "{told}");
    assert_eq!(VerdictKind::LargeButFlat.words(), "flat");
    let rising = [300, 301, 302].map(|count| App::new().sessions(0, count));
    let report = compare(&rising.iter().collect::<Vec<_>>(), &Options::default());
    assert_eq!(report.verdict.summary, "8.0 kB more in all, but no collection and no object grows in every step");
}

#[test]
fn a_small_heap_has_no_suspects() {
    let analysis = App::new().sessions(0, 20);
    let report = find(&analysis, &Options::default());
    assert_eq!((report.verdict.kind, report.findings.len()), (VerdictKind::Clean, 0));
}

/// A Map of devices, each with a list of so many fixes: `cache` ─ Device `.fixes` ─ Array ─ Fix.
fn devices(lists: &[u64]) -> HeapAnalysis {
    let mut app = App::new();
    for (nth, &fixes) in (0..).zip(lists) {
        let id = 1001 + nth * 100_000;
        let device = app.builder.node(Node::new(NodeKind::OBJECT, "Device", id, 40));
        app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&(516 + nth * 3).to_string()), Target::Node(device));
        let list = app.builder.node(Node::new(NodeKind::OBJECT, "Array", id + 2, 16));
        app.builder.edge(device, EdgeKind::PROPERTY, NewName::Text("fixes"), Target::Node(list));
        for at in 0..fixes {
            let fix = app.builder.node(Node::new(NodeKind::OBJECT, "Fix", id + 4 + at * 2, 1000));
            app.element(list, at as usize, fix);
        }
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn holders_of_one_shape_are_one_finding() {
    let report = find(&devices(&[50; 20]), &Options::default());
    let finding = &report.findings[0];
    assert_eq!((finding.title.as_str(), finding.holders), ("Large Array × 20 · 1,000 Fix · 1.0 MB", 20), "{:?}", report.findings);
    let times: Vec<u64> = finding.story.hops.iter().filter_map(|hop| hop.edge.as_ref()).map(|edge| edge.times).collect();
    assert_eq!(times, [1, 20, 1, 1000], "the path parts at the Map");
    assert_eq!(report.findings.len(), 1);
    assert_eq!(find(&devices(&[40; 30]), &Options::default()).findings[0].id, finding.id);
    // One that holds nearly all is told alone.
    let report = find(&devices(&[1000, 20, 20, 20]), &Options::default());
    assert_eq!(report.findings[0].title, "Large Array · 1,000 Fix · 1.0 MB");
}

#[test]
fn a_collection_that_may_be_full_ranks_behind() {
    for (pages, first) in [(500, "Listener"), (513, "Page")] {
        let mut app = App::new();
        let context = NodeIx(app.table.0 - 2);
        let bus = app.child(context, EdgeKind::CONTEXT, "bus", NodeKind::OBJECT, "EventEmitter");
        let events = app.child(bus, EdgeKind::PROPERTY, "_events", NodeKind::OBJECT, "Object");
        let list = app.child(events, EdgeKind::PROPERTY, "tick", NodeKind::OBJECT, "Array");
        for nth in 0..900 {
            let listener = app.node(NodeKind::OBJECT, "Listener", 300);
            app.element(list, nth, listener);
        }
        for nth in 0..pages {
            let page = app.node(NodeKind::OBJECT, "Page", 4000);
            app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&(516 + nth * 3).to_string()), Target::Node(page));
        }
        let report = find(&HeapAnalysis::new(app.builder.finish().0), &Options::default());
        assert_eq!(report.findings[0].class, first, "{pages}: {report:?}");
        let doubted = report.findings.iter().any(|finding| finding.why.iter().any(|why| why.contains("may be a bound")));
        assert_eq!(doubted, pages == 500);
    }
}

#[test]
fn what_a_second_collection_holds_too_is_said() {
    let held = |by_one: bool| {
        let mut app = App::new();
        let context = NodeIx(app.table.0 - 2);
        let list = app.child(context, EdgeKind::CONTEXT, "list", NodeKind::OBJECT, "Array");
        let all = app.child(NodeIx(2), EdgeKind::PROPERTY, "all", NodeKind::OBJECT, "All");
        let hubs = app.child(all, EdgeKind::PROPERTY, "hubs", NodeKind::OBJECT, "Hubs");
        for nth in 0..300 {
            let job = app.node(NodeKind::OBJECT, "Job", 4000);
            app.builder.edge(app.table, EdgeKind::INTERNAL, NewName::Text(&(516 + nth * 3).to_string()), Target::Node(job));
            if by_one {
                app.element(list, nth, job);
            } else if nth < 200 {
                // Each by an object of another class: nothing holds them in one place.
                let hub = app.child(hubs, EdgeKind::PROPERTY, &format!("hub{nth}"), NodeKind::OBJECT, &format!("Hub{nth}"));
                app.builder.edge(hub, EdgeKind::PROPERTY, NewName::Text("job"), Target::Node(job));
            }
        }
        find(&HeapAnalysis::new(app.builder.finish().0), &Options::default()).findings.remove(0)
    };
    let both = held(true);
    assert_eq!(both.bytes, 300 * 4000, "{both:?}");
    assert!(both.why.iter().any(|why| why.ends_with("holds them too: all must let go")), "{:?}", both.why);
    let part = held(false);
    assert_eq!(part.bytes, 100 * 4000, "{part:?}");
    assert!(part.why.iter().any(|why| why.starts_with("200 of the 300 stay, 800.0 kB")), "{:?}", part.why);
}

/// Listeners as `stream.finished` adds them: for each call one of every event, which share the call's variables, so that any one keeps
/// the others. Of so many calls, those of `pinned` are also held by an object of their own.
fn finished(calls: usize, pinned: usize) -> HeapAnalysis {
    let mut app = App::new();
    let context = NodeIx(app.table.0 - 2);
    let events: Vec<NodeIx> = ["onEnd", "onError", "onClose"]
        .iter()
        .map(|event| app.child(context, EdgeKind::CONTEXT, event, NodeKind::OBJECT, "Array"))
        .collect();
    let all = app.child(NodeIx(2), EdgeKind::PROPERTY, "all", NodeKind::OBJECT, "All");
    for nth in 0..calls {
        let call = app.node(NodeKind::OBJECT, "system / Context", 2000);
        for (event, name) in events.iter().zip(["onend", "onerror", "onclose"]) {
            let listener = app.node(NodeKind::CLOSURE, name, 64);
            app.builder.edge(listener, EdgeKind::INTERNAL, NewName::Text("context"), Target::Node(call));
            app.builder.edge(call, EdgeKind::CONTEXT, NewName::Text(name), Target::Node(listener));
            app.element(*event, nth, listener);
            if nth < pinned && name == "onend" {
                let own = app.child(all, EdgeKind::PROPERTY, &format!("pin{nth}"), NodeKind::OBJECT, &format!("Pin{nth}"));
                app.builder.edge(own, EdgeKind::PROPERTY, NewName::Text("listener"), Target::Node(listener));
            }
        }
    }
    HeapAnalysis::new(app.builder.finish().0)
}

/// The findings about ever more such calls, each of which is pinned or not.
fn grown(is_pinned: bool) -> Report {
    let snapshots = [200, 400, 600].map(|calls| finished(calls, if is_pinned { calls } else { 0 }));
    compare(&snapshots.iter().collect::<Vec<_>>(), &Options::default())
}

#[test]
fn a_cut_takes_in_what_holds_its_objects_in_turn() {
    let report = grown(false);
    let [finding] = report.findings.as_slice() else { panic!("one leak, not {:?}", report.findings) };
    assert_eq!(finding.bytes, 600 * (2000 + 3 * 64), "{finding:?}");
    assert_eq!(finding.growth.as_ref().and_then(|growth| growth.bytes.last()), Some(&finding.bytes), "{finding:?}");
    assert_eq!(finding.others.len(), 2, "{finding:?}");
    assert!(finding.also.is_none() && finding.title.ends_with("1.3 MB"), "{}", finding.title);
}

#[test]
fn what_frees_little_is_told_by_what_is_held() {
    let report = grown(true);
    let finding = &report.findings[0];
    assert!(finding.bytes < finding.held / 10 && finding.headline() == finding.held, "{finding:?}");
    assert!(finding.title.ends_with(" held"), "{}", finding.title);
    let also = finding.also.as_ref().expect("what holds them too has a path");
    assert!(also.hops.iter().any(|hop| hop.label == "All"), "{also:?}");
}

/// The last of so many things, each of which is kept by the next through a closure's variable, as Node 16 to 26 write it:
/// `cache` holds the last; its `method` closes over the variable that holds the one before.
fn chain(links: u64) -> HeapAnalysis {
    let mut app = App::new();
    let mut holder = app.table;
    let mut name = "516".to_owned();
    let mut edge = EdgeKind::INTERNAL;
    // The scope of each context is known, as V8 writes it.
    let scope = app.node(NodeKind::CODE, "system / ScopeInfo", 40);
    for nth in (0..links).rev() {
        // Identities depend on the number alone: older links are the same in every snapshot.
        let mut add = |class: &str, kind, size, at: u64| app.builder.node(Node::new(kind, class, 1001 + nth * 8 + at, size));
        let thing = add("Thing", NodeKind::OBJECT, 400, 0);
        let method = add("method", NodeKind::CLOSURE, 64, 2);
        let context = add("system / Context", NodeKind::OBJECT, 32, 4);
        app.builder.edge(holder, edge, NewName::Text(&name), Target::Node(thing));
        app.builder.edge(thing, EdgeKind::PROPERTY, NewName::Text("method"), Target::Node(method));
        app.builder.edge(method, EdgeKind::INTERNAL, NewName::Text("context"), Target::Node(context));
        app.builder.edge(context, EdgeKind::INTERNAL, NewName::Text("scope_info"), Target::Node(scope));
        (holder, edge, name) = (context, EdgeKind::CONTEXT, "original".to_owned());
    }
    HeapAnalysis::new(app.builder.finish().0)
}

#[test]
fn a_chain_that_grows_is_found() {
    let snapshots = [chain(300), chain(600), chain(900)];
    let report = compare(&snapshots.each_ref(), &Options::default());
    assert_eq!(report.verdict.kind, VerdictKind::Growing, "{:?}", report.verdict);
    let finding = &report.findings[0];
    assert_eq!((finding.rule, finding.class.as_str(), finding.count), ("closure-chain", "Thing", 899));
    assert_eq!(finding.growth.as_ref().map(|growth| growth.counts.clone()), Some(vec![300, 600, 899]));
    assert_eq!(finding.growth.as_ref().and_then(|growth| growth.bytes.last().copied()), Some(finding.bytes));
}

#[test]
fn one_snapshot_is_enough_for_a_closure_chain() {
    let report = find(&chain(2000), &Options::default());
    assert_eq!(report.verdict.kind, VerdictKind::Suspect);
    let finding = &report.findings[0];
    assert_eq!((finding.rule, finding.count), ("closure-chain", 1999), "{finding:?}");
    let cut = finding.story.cut().and_then(|hop| hop.edge.as_ref());
    assert_eq!(cut.map(|edge| (edge.text.as_str(), edge.times, edge.frees)), Some(("variable original", 1999, Some(finding.bytes))));
}

#[test]
fn snapshots_of_different_programs_show_no_growth() {
    for (programs, expected) in [
        ([("v24.1.0", "/a/app.js"), ("v24.1.0", "/b/app.js")], VerdictKind::Growing),
        ([("v24.1.0", "/a/app.js"), ("v22.1.0", "/a/app.js")], VerdictKind::NotEnoughEvidence),
        ([("v24.1.0", "/a/app.js"), ("v24.1.0", "/a/other.js")], VerdictKind::NotEnoughEvidence),
    ] {
        let snapshots =
            [(0, 300), (100_000, 100_900)].into_iter().zip(programs).zip([0, 50]).map(|(((from, to), (version, script)), more)| {
                let mut app = App::new();
                app.next_id += more;
                let process = app.child(NodeIx(2), EdgeKind::PROPERTY, "process", NodeKind::OBJECT, "process");
                app.child(process, EdgeKind::PROPERTY, "version", NodeKind::STRING, version);
                let argv = app.child(process, EdgeKind::PROPERTY, "argv", NodeKind::OBJECT, "Array");
                let main = app.node(NodeKind::STRING, script, 64);
                app.builder.edge(argv, EdgeKind::ELEMENT, NewName::Index(1), Target::Node(main));
                // The number of something else is taken: the identities of the two disagree.
                for nth in 0..50 {
                    app.child(process, EdgeKind::PROPERTY, &format!("p{nth}"), NodeKind::OBJECT, if more == 0 { "A" } else { "B" });
                }
                app.sessions(from, to)
            });
        let snapshots: Vec<HeapAnalysis> = snapshots.collect();
        let report = compare(&snapshots.iter().collect::<Vec<_>>(), &Options::default());
        assert_eq!(report.verdict.kind, expected, "{programs:?}: {:?}", report.verdict);
        assert_eq!(report.findings.is_empty(), expected == VerdictKind::NotEnoughEvidence);
    }
}

#[test]
fn the_order_of_two_snapshots_shows() {
    let [small, large] = [300, 600].map(|to| App::new().sessions(0, to));
    assert_eq!(compare(&[&small, &large], &Options::default()).verdict.summary, "Session grew");
    let reversed = compare(&[&large, &small], &Options::default()).verdict;
    assert!(reversed.needs.is_some_and(|needs| needs.contains("reversed")));
}

#[test]
fn one_snapshot_shows_no_growth() {
    let report = compare(&[&App::new().sessions(0, 9)], &Options::default());
    assert_eq!(report.verdict.kind, VerdictKind::NotEnoughEvidence);
    assert_eq!(compare(&[], &Options::default()).verdict.kind, VerdictKind::NotEnoughEvidence);
}

#[test]
fn fingerprints_do_not_depend_on_numbers() {
    let id = |count| find(&App::new().sessions(0, count), &Options::default()).findings[0].id.clone();
    assert_eq!(id(400), id(777));
}

/// Makes an array `list` in the module's scope, and fills it by `fill`, which gets the array and each number.
fn pile(count: usize, mut fill: impl FnMut(&mut App, NodeIx, usize)) -> HeapAnalysis {
    let mut app = App::new();
    // The context of the module's function is the node before the Map and its table.
    let context = NodeIx(app.table.0 - 2);
    let list = app.child(context, EdgeKind::CONTEXT, "list", NodeKind::OBJECT, "Array");
    for nth in 0..count {
        fill(&mut app, list, nth);
    }
    app.sessions(0, 1)
}

impl App {
    fn element(&mut self, list: NodeIx, nth: usize, node: NodeIx) {
        self.builder.edge(list, EdgeKind::ELEMENT, NewName::Index(nth as u32), Target::Node(node));
    }

    fn sized(&mut self, from: NodeIx, name: &str, kind: NodeKind, class: &str, size: u64) -> NodeIx {
        let node = self.node(kind, class, size);
        self.builder.edge(from, EdgeKind::INTERNAL, NewName::Text(name), Target::Node(node));
        node
    }
}

#[test]
fn an_object_that_grows_in_place_is_found() {
    for (what, name) in [("array", "variable log"), ("text", "variable log"), ("object", "Log.text")] {
        for (sizes, expected) in [
            ([200_000, 400_000, 900_000], VerdictKind::Growing),
            // Made once, or full.
            ([400_000, 400_000, 400_000], VerdictKind::LargeButFlat),
            ([200_000, 400_000, 400_000], VerdictKind::NotEnoughEvidence),
            ([900_000, 1_000_000, 400_000], VerdictKind::LazyGc),
        ] {
            let snapshots = sizes.map(|size| log(what, size));
            let report = compare(&snapshots.iter().collect::<Vec<_>>(), &Options::default());
            if expected != VerdictKind::Growing {
                assert!(
                    report.findings.is_empty() && report.verdict.kind != VerdictKind::Growing,
                    "{what} {sizes:?}: {:?}",
                    report.verdict
                );
                continue;
            }
            assert_eq!(report.verdict.kind, expected, "{what} {sizes:?}: {:?}", report.verdict);
            let [finding] = report.findings.as_slice() else { panic!("{what}: {:?}", report.findings) };
            assert_eq!(report.verdict.summary, format!("{name} grew in every step"));
            assert_eq!(finding.rule, "large-object");
            assert!(finding.title.starts_with(&format!("{name} grew by 200.0 kB and 500.0 kB")), "{}", finding.title);
            let bytes = finding.growth.as_ref().map(|growth| growth.bytes.clone()).unwrap_or_default();
            let store = bytes.iter().map(|&bytes| bytes - bytes % 1000).collect::<Vec<_>>();
            assert_eq!(store, sizes, "{what}");
            assert!((900_000..901_000).contains(&finding.bytes), "what cutting frees: {}", finding.bytes);
        }
    }
}

#[test]
fn one_object_that_is_most_of_the_heap_is_never_clean() {
    for what in ["array", "text", "object"] {
        let large = find(&log(what, 5_000_000), &Options::default());
        assert_eq!(large.verdict.kind, VerdictKind::Suspect, "{what}");
        let finding = &large.findings[0];
        assert!(finding.rule == "large-object" && finding.limits.starts_with("one snapshot") && finding.confidence <= 0.5, "{finding:?}");
        assert_eq!(finding.id, compare(&[&log(what, 4_000_000), &log(what, 5_000_000)], &Options::default()).findings[0].id);
        // A part of the heap, but no more than many programs have.
        assert_eq!(find(&log(what, 700_000), &Options::default()).verdict.kind, VerdictKind::Clean, "{what}");
    }
}

/// Checks the rule of the only finding, and that some reason contains the text.
fn check_pile(analysis: &HeapAnalysis, rule: &str, reason: &str) {
    let report = find(analysis, &Options::default());
    let found = report.findings.first().map(|finding| (finding.rule, finding.why.join("; ")));
    assert!(found.as_ref().is_some_and(|(found, why)| *found == rule && why.contains(reason)), "{rule}, {reason}: {found:?}");
}

#[test]
fn slices_keep_their_parents() {
    let slices = pile(200, |app, list, nth| {
        let slice = app.node(NodeKind::SLICED_STRING, "(sliced string)", 32);
        app.element(list, nth, slice);
        app.sized(slice, "parent", NodeKind::STRING, "long", 50_000);
    });
    check_pile(&slices, "pinned-string", "200 slices that were looked at keep 200 long strings of 10.0 MB");
    let ropes = pile(200, |app, list, nth| {
        let rope = app.node(NodeKind::CONS_STRING, "(concatenated string)", 32);
        app.element(list, nth, rope);
        app.sized(rope, "first", NodeKind::STRING, "long", 50_000);
        app.sized(rope, "second", NodeKind::STRING, "short", 24);
    });
    check_pile(&ropes, "pinned-string", "200 strings joined by + that were looked at keep 200 long strings");
    let plain = pile(200, |app, list, nth| {
        let string = app.node(NodeKind::STRING, "long", 50_000);
        app.element(list, nth, string);
    });
    check_pile(&plain, "unbounded-collection", "");
    let fields = pile(200, |app, list, nth| {
        let object = app.node(NodeKind::OBJECT, "Header", 32);
        app.element(list, nth, object);
        let slice = app.child(object, EdgeKind::PROPERTY, "token", NodeKind::SLICED_STRING, "(sliced string)");
        app.sized(slice, "parent", NodeKind::STRING, "long", 50_000);
    });
    check_pile(&fields, "unbounded-collection", ".token is a slice that keeps the whole string of 50.0 kB");
}

#[test]
fn promises_wait_for_one_function() {
    let pending = |settled: bool| {
        pile(200, move |app, list, nth| {
            let promise = app.node(NodeKind::OBJECT, "Promise", 5000);
            app.element(list, nth, promise);
            let class = if settled { "Answer" } else { "system / PromiseReaction" };
            let kind = if settled { NodeKind::OBJECT } else { NodeKind::HIDDEN };
            let reaction = app.child(promise, EdgeKind::INTERNAL, "reactions_or_result", kind, class);
            let closure = app.child(reaction, EdgeKind::HIDDEN, "2", NodeKind::CLOSURE, "onRow");
            let shared = NodeIx(app.table.0 - 6);
            app.builder.edge(closure, EdgeKind::INTERNAL, NewName::Text("shared"), Target::Node(shared));
        })
    };
    check_pile(&pending(false), "pending-promise", "200 of 200 that were looked at wait; 200 of them for the same function: onRow()");
    check_pile(&pending(true), "unbounded-collection", "");
}

#[test]
fn views_keep_slabs() {
    let views = |slabs: usize, size: u64| {
        let mut buffers = Vec::new();
        pile(200, move |app, list, nth| {
            let view = app.node(NodeKind::OBJECT, "Buffer", 96);
            app.element(list, nth, view);
            if nth < slabs {
                let buffer = app.sized(view, "buffer", NodeKind::OBJECT, "ArrayBuffer", 88);
                app.sized(buffer, "backing_store", NodeKind::NATIVE, "system / JSArrayBufferData", size);
                buffers.push(buffer);
            } else {
                app.builder.edge(view, EdgeKind::INTERNAL, NewName::Text("buffer"), Target::Node(buffers[nth % slabs]));
            }
        })
    };
    for (slabs, size, expected) in [
        (200, 8192, "each of 200 views that were looked at keeps a slab of Node.js's pool of its own, 1.6 MB together"),
        (100, 65_600, "200 views that were looked at keep 100 slabs of Node.js's pool, 6.6 MB: one small view keeps a whole slab"),
        (150, 20_000, "200 views that were looked at share 150 ArrayBuffers of 3.0 MB"),
        (200, 20_000, "about 20"),
    ] {
        let analysis = views(slabs, size);
        check_pile(&analysis, "buffer-pile", expected);
        assert!(find(&analysis, &Options::default()).findings[0].advice.ends_with("keep a copy, Buffer.from(part)."));
    }
}

/// Stops in the search at the `n`th report.
struct StopAt(AtomicU64);

impl Progress for StopAt {
    fn report(&self, phase: Phase, _done: u64, _total: u64) {
        if phase == Phase::Suspects {
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(1))).ok();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn the_search_stops_when_asked() {
    let (a, b) = (App::new().sessions(0, 500), App::new().sessions(0, 900));
    let options = Options::default();
    for reports in 1..=4 {
        assert_eq!(heap::suspects::find(&a, &options, &StopAt(reports.into())).err(), Some(Cancelled), "at report {reports}");
        assert_eq!(heap::growth::compare(&[&a, &b], &options, &StopAt(reports.into())).err(), Some(Cancelled), "at report {reports}");
    }
    assert!(heap::suspects::find(&a, &options, &StopAt(100.into())).is_ok());
}

/// Returns the hops of a story as `edge>label`.
fn told(analysis: &HeapAnalysis, target: NodeIx) -> Vec<String> {
    let scene = Scene::new(analysis, &NoFiles);
    let story = tell(&scene, About { target, holder: None, times: 1 });
    story.hops.iter().map(|hop| format!("{}>{}", hop.edge.as_ref().map_or("", |edge| edge.text.as_str()), hop.label)).collect()
}

#[test]
fn keys_of_dictionaries_are_one_way() {
    for (keys, class, ways) in [(100, "Job", 1), (7, "Job", 7)] {
        let mut app = App::new();
        let jobs = app.child(NodeIx(2), EdgeKind::PROPERTY, "jobs", NodeKind::OBJECT, "Object");
        let held: Vec<NodeIx> =
            (0..keys).map(|nth| app.child(jobs, EdgeKind::PROPERTY, &format!("job-{nth}"), NodeKind::OBJECT, class)).collect();
        let analysis = app.sessions(0, 1);
        let scene = Scene::new(&analysis, &NoFiles);
        let shapes = heap::paths::shapes_of(analysis.graph(), &scene.paths, &held, heap::paths::PathLimits::default());
        assert_eq!(shapes.len(), ways, "{keys} keys");
    }
}

/// Every link of a list has a path as long as its place in it: walked link by link this is quadratic, and takes hours.
#[test]
fn ways_to_a_long_list_are_found_at_once() {
    let mut app = App::new();
    let mut links = vec![app.child(NodeIx(2), EdgeKind::PROPERTY, "head", NodeKind::OBJECT, "Link")];
    for nth in 1..200_000 {
        links.push(app.child(links[nth - 1], EdgeKind::PROPERTY, "next", NodeKind::OBJECT, "Link"));
    }
    let analysis = app.sessions(0, 1);
    let scene = Scene::new(&analysis, &NoFiles);
    let shapes = heap::paths::shapes_of(analysis.graph(), &scene.paths, &links, heap::paths::PathLimits::default());
    assert_eq!(shapes.iter().map(|shape| shape.count).collect::<Vec<_>>(), [4999, 1]);
    let all = heap::paths::PathLimits { nodes: usize::MAX, ..Default::default() };
    let shapes = heap::paths::shapes_of(analysis.graph(), &scene.paths, &links, all);
    assert_eq!(shapes.iter().map(|shape| shape.count).collect::<Vec<_>>(), [199_999, 1]);
    let [last] = links[199_999..] else { panic!("the last link") };
    assert_eq!(heap::paths::all_paths(&analysis, &scene.paths, last, all).len(), 1);
    // A path is told with the number of its links, not of those that were looked at.
    let story = tell(&scene, About { target: last, holder: None, times: 1 });
    assert!(story.hops.iter().any(|hop| hop.edge.as_ref().is_some_and(|edge| edge.times == 199_999)), "{story:?}");
}

/// V8 writes `[0]` of an array twice: from the array, and from the elements that are a part of it.
#[test]
fn an_entry_of_an_array_is_held_in_one_way() {
    let mut app = App::new();
    let list = app.child(NodeIx(2), EdgeKind::PROPERTY, "list", NodeKind::OBJECT, "Array");
    let item = app.child(list, EdgeKind::ELEMENT, "0", NodeKind::OBJECT, "Item");
    let elements = app.child(list, EdgeKind::INTERNAL, "elements", NodeKind::ARRAY, "(object elements)");
    app.builder.edge(elements, EdgeKind::INTERNAL, NewName::Text("0"), Target::Node(item));
    let analysis = app.sessions(0, 1);
    let scene = Scene::new(&analysis, &NoFiles);
    let paths = heap::paths::all_paths(&analysis, &scene.paths, item, heap::paths::PathLimits::default());
    assert_eq!(paths.iter().map(|path| path.count).collect::<Vec<_>>(), [1]);
}

#[test]
fn numbers_of_roots_are_told_in_words() {
    for (group, edge, expected) in [
        ("(Stack roots)", "25", [">stack of the running code", "(a local variable or temporary value)>Job"]),
        ("(Global handles)", "3 / Node native", [">native handle", "(Node native)>Job"]),
        ("(Global handles)", "3", [">native handle", "(root)>Job"]),
        ("(Strong roots)", "undefined_value", [">V8", "(undefined_value)>Job"]),
    ] {
        let mut app = App::new();
        let group = app.child(NodeIx(1), EdgeKind::ELEMENT, "7", NodeKind::SYNTHETIC, group);
        let job = app.child(group, EdgeKind::INTERNAL, edge, NodeKind::OBJECT, "Job");
        assert_eq!(told(&app.sessions(0, 1), job), expected);
    }
}

#[test]
fn booleans_are_read_as_each_node_writes_them() {
    for (oddball, text, expected) in [
        // Node 24 and 26 name oddballs, before they share one name.
        ("true", None, Some(Leaking::Yes)),
        ("false", None, None),
        ("system / Oddball", Some("true"), Some(Leaking::Yes)),
        ("system / Oddball", Some("false"), None),
        ("undefined", None, None),
    ] {
        let mut app = App::new();
        let socket = app.child(NodeIx(2), EdgeKind::PROPERTY, "socket", NodeKind::OBJECT, "Socket");
        let value = app.child(socket, EdgeKind::PROPERTY, "destroyed", NodeKind::HIDDEN, oddball);
        if let Some(text) = text {
            app.child(value, EdgeKind::HIDDEN, "0", NodeKind::STRING, text);
        }
        let analysis = app.sessions(0, 1);
        let scene = Scene::new(&analysis, &NoFiles);
        assert_eq!(heap::inspectors::inspect(&scene, socket).map(|(leaking, _)| leaking), expected, "{oddball} {text:?}");
    }
}

const NAMES: &[&str] = &[
    "",
    "Map",
    "Set",
    "Array",
    "Object",
    "Module",
    "process",
    "global",
    "Timeout",
    "TimersList",
    "Promise",
    "Listener",
    "system / Context",
    "system / NativeContext",
    "(GC roots)",
    "(Global handles)",
    "Node / TCPWrap",
    "context",
    "previous",
    "shared",
    "script",
    "source",
    "name",
    "table",
    "elements",
    "properties",
    "_cache",
    "_events",
    "<symbol kEvents>",
    "_idleNext",
    "_idlePrev",
    "next",
    "reactions_or_result",
    "children",
    "exports",
    "3",
    "516",
    "4294967296",
    "99999999999999999999",
    "\u{fffd}\u{1}\"",
    "/srv/node_modules/@a/b.js",
    "7 / part of key (Object @33) -> value (Array @35) pair in WeakMap (table @31)",
    "const a = {b: `${/[/]/}`",
    "é'é",
];

/// What a hostile graph is made of.
#[derive(Clone, Debug)]
struct Hostile {
    /// Kind, name, identity, size.
    nodes: Vec<(usize, usize, u64, u64)>,
    /// From, kind, name, to.
    edges: Vec<(usize, usize, usize, usize)>,
    /// Node, script, line.
    locations: Vec<(usize, u32, u32)>,
}

impl Hostile {
    fn build(&self) -> HeapAnalysis {
        let kinds = ["hidden", "array", "string", "object", "code", "closure", "regexp", "number", "native", "synthetic", "sliced string"];
        let kinds: Vec<NodeKind> = kinds.iter().filter_map(|kind| NodeKind::from_name(kind)).collect();
        let edge_kinds = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];
        let edge_kinds: Vec<EdgeKind> = edge_kinds.iter().filter_map(|kind| EdgeKind::from_name(kind)).collect();
        let mut builder = GraphBuilder::new();
        for &(kind, name, id, size) in &self.nodes {
            builder.node(Node::new(kinds[kind % kinds.len()], NAMES[name], id, size));
        }
        let ix = |at: usize| NodeIx((at % self.nodes.len()) as u32);
        for &(from, kind, name, to) in &self.edges {
            builder.edge(ix(from), edge_kinds[kind % edge_kinds.len()], NewName::Text(NAMES[name]), Target::Node(ix(to)));
        }
        for &(node, script_id, line) in &self.locations {
            builder.location(Location { node: ix(node), script_id, line, column: line, script: None });
        }
        HeapAnalysis::new(builder.finish().0)
    }
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let node = (0..64_usize, 0..NAMES.len(), 0..200_u64, prop_oneof![0..10_u64, Just(u64::from(u32::MAX)), Just(1 << 40)]);
    let edge = (0..400_usize, 0..64_usize, 0..NAMES.len(), 0..400_usize);
    let location = (0..400_usize, 0..3_u32, prop_oneof![0..4_u32, Just(u32::MAX)]);
    (prop::collection::vec(node, 1..120), prop::collection::vec(edge, 0..500), prop::collection::vec(location, 0..20))
        .prop_map(|(nodes, edges, locations)| Hostile { nodes, edges, locations })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn hostile_graphs_never_panic(a in hostile(), b in hostile()) {
        let (a, b) = (a.build(), b.build());
        let options = Options { limit: 100, files: &NoFiles };
        let _ = find(&a, &options);
        let _ = compare(&[&a, &b], &options);
        let _ = compare(&[&a, &b, &a], &options);
        let scene = Scene::new(&a, &NoFiles);
        for node in a.graph().nodes() {
            let story = tell(&scene, About { target: node, holder: Some(NodeIx(0)), times: 3 });
            prop_assert!(story.hops.len() < 32);
            for path in heap::paths::all_paths(&a, &scene.paths, node, heap::paths::PathLimits::default()) {
                let _ = heap::story::tell_path(&scene, path.root, &path.steps(a.graph(), &scene.paths), About { target: node, holder: None, times: 1 });
            }
            let _ = heap::paths::retaining_paths(&a, node, heap::paths::PathLimits::default());
        }
    }
}
