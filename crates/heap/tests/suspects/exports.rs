//! Variables that ES modules export.

use super::*;

const CLASS: &str = "class Session {}\n";

/// What an ES module is made of, as V8 writes it: `c` is the number of the edge to its Generator, 4 and since Node 26 5.
///
/// ```text
/// root ─ global .modules ─ ModuleWrap 2 ─ SourceTextModule c     ─ Generator function ─ code context ─ Context scope_info ─ ScopeInfo
///                                                          c + 1 ─ array n ─ Cell value ─ Map       ScopeInfo ─ array 2 ─ array 3n ─ name
///                                                          c + 2 ─ array n ─ Cell of another module
/// ```
struct Modules {
    app: App,
    c: u32,
}

impl Modules {
    /// Adds a module with its text and exported variables; returns their cells.
    fn module(&mut self, file: &str, text: &str, names: &[&str], imports: &[NodeIx]) -> Vec<NodeIx> {
        // The nodes that `App::new` makes first: root, roots, global.
        let (app, global) = (&mut self.app, NodeIx(2));
        let wrap = app.child(global, EdgeKind::PROPERTY, "modules", NodeKind::OBJECT, "ModuleWrap");
        let module = app.child(wrap, EdgeKind::INTERNAL, "2", NodeKind::HIDDEN, "system / SourceTextModule");
        let generator = app.node(NodeKind::OBJECT, "Generator", 64);
        let code = app.child(generator, EdgeKind::INTERNAL, "function", NodeKind::CLOSURE, "");
        let shared = app.child(code, EdgeKind::INTERNAL, "shared", NodeKind::CODE, "(shared function info)");
        let script = app.child(shared, EdgeKind::INTERNAL, "script", NodeKind::CODE, file);
        app.child(script, EdgeKind::INTERNAL, "name", NodeKind::STRING, file);
        app.child(script, EdgeKind::INTERNAL, "source", NodeKind::STRING, text);
        let context = app.child(code, EdgeKind::INTERNAL, "context", NodeKind::OBJECT, "system / Context");
        app.child(context, EdgeKind::INTERNAL, "extension", NodeKind::HIDDEN, "system / SourceTextModule");
        let info = app.child(context, EdgeKind::INTERNAL, "scope_info", NodeKind::CODE, "system / ScopeInfo");
        let description = app.node(NodeKind::ARRAY, "", 64);
        app.builder.edge(info, EdgeKind::HIDDEN, NewName::Index(1), Target::Node(description));
        let exported = app.child(description, EdgeKind::INTERNAL, "2", NodeKind::ARRAY, "");
        let cells = app.node(NodeKind::ARRAY, "", 64);
        let made = (0..)
            .zip(names)
            .map(|(at, name)| {
                app.child(exported, EdgeKind::INTERNAL, &(3 * at).to_string(), NodeKind::STRING, name);
                app.child(cells, EdgeKind::INTERNAL, &at.to_string(), NodeKind::HIDDEN, "system / Cell")
            })
            .collect();
        let imported = app.node(NodeKind::ARRAY, "", 64);
        for (at, &cell) in imports.iter().enumerate() {
            app.builder.edge(imported, EdgeKind::INTERNAL, NewName::Text(&at.to_string()), Target::Node(cell));
        }
        for (at, node) in [(0, generator), (1, cells), (2, imported)] {
            app.builder.edge(module, EdgeKind::HIDDEN, NewName::Index(self.c + at), Target::Node(node));
        }
        made
    }

    /// Lets a cell hold a Map with so many sessions.
    fn fill(&mut self, cell: NodeIx, sessions: u64) {
        let map = self.app.child(cell, EdgeKind::INTERNAL, "value", NodeKind::OBJECT, "Map");
        let table = self.app.node(NodeKind::ARRAY, "", 8 * (2 + 3 + 512 + 3 * 1024));
        self.app.builder.edge(map, EdgeKind::INTERNAL, NewName::Text("table"), Target::Node(table));
        for nth in 0..sessions {
            let session = self.app.node(NodeKind::OBJECT, "Session", 4000);
            self.app.builder.edge(table, EdgeKind::INTERNAL, NewName::Text(&(516 + nth * 3).to_string()), Target::Node(session));
        }
    }

    fn report(self) -> Report {
        find(&HeapAnalysis::new(self.app.builder.finish().0), &Options { limit: 9, ..Options::default() })
    }
}

/// Looks for what one exported variable of that name in the module holds, which another module imports.
fn check(c: u32, file: &str, declared: &str, name: &str, expected: [&str; 3]) {
    let mut modules = Modules { app: App::new(), c };
    let cells = modules.module(file, &format!("{CLASS}{declared}"), &["Session", name], &[]);
    modules.module("file:///srv/main.mjs", "import { sessions } from './store.mjs';", &[], &cells);
    modules.fill(cells[1], 501);
    let report = modules.report();
    let [finding] = report.findings.as_slice() else { panic!("one Map, not {:?}", report.findings) };
    let cut = finding.story.cut().expect("a hop to cut").edge.as_ref().expect("an edge");
    let place = finding.location.as_ref().map_or_else(String::new, ToString::to_string);
    assert_eq!([&*finding.story.hops[0].label, &cut.text, &place], expected, "{file} {declared} {c}");
    assert_eq!((finding.bytes, &finding.owner), (501 * 4000, &Owner::App));
}

#[test]
fn what_a_module_exports_is_told_of_by_its_variable() {
    const STORE: &str = "file:///srv/store.mjs";
    const MODULE: &str = "module  /srv/store.mjs";
    for c in [4, 5] {
        check(c, STORE, "export const sessions = new Map();", "sessions", [MODULE, "const sessions", "/srv/store.mjs:2:14"]);
    }
    check(4, STORE, "let inner = new Map();\nexport {inner as sessions};", "inner", [MODULE, "let inner", "/srv/store.mjs:2:5"]);
    check(4, STORE, "export default new Map();", ".default", [MODULE, "default export", "/srv/store.mjs:2:1"]);
    // V8 cuts the text.
    check(4, STORE, "", "sessions", [MODULE, "variable sessions", "/srv/store.mjs"]);
}

#[test]
fn variables_of_different_names_are_no_siblings() {
    let mut modules = Modules { app: App::new(), c: 4 };
    let text = format!("{CLASS}export const byId = new Map(), byName = new Map();");
    let cells = modules.module("file:///srv/store.mjs", &text, &["byId", "byName"], &[]);
    cells.iter().for_each(|&cell| modules.fill(cell, 501));
    let mut found: Vec<String> = modules.report().findings.iter().map(|finding| format!("{} {}", finding.title, finding.holders)).collect();
    found.sort();
    assert_eq!(found, ["Large Map · 501 Session · 2.0 MB 1", "Large Map · 501 Session · 2.0 MB 1"]);
}

#[test]
fn a_file_that_was_loaded_twice_is_no_root() {
    let mut modules = Modules { app: App::new(), c: 4 };
    for _ in 0..2 {
        let cells = modules.module("file:///srv/store.mjs", "export const sessions = new Map();", &["sessions"], &[]);
        modules.fill(cells[0], 501);
    }
    let report = modules.report();
    assert!(report.findings.iter().all(|finding| !finding.story.hops[0].label.starts_with("module")), "{:?}", report.findings);
}
