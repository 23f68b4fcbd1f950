//! The questions on small heaps drawn by hand: what they answer, as text.

mod program;
mod timers;

use heap::builder::{NewName, Node, Target};
use heap::diff::{Match, Matching, diff};
use heap::filters::Filter;
use heap::preview::{Limits, preview};
use heap::questions::*;
use heap::source::{NoFiles, SourceFiles};
use heap::story::Setting;
use heap::view::{Cell, Table, Tree, TreeNode};
use heap::{EdgeKind, GraphBuilder, HeapAnalysis, Location, NodeId, NodeIx, NodeKind};

/// Draws heaps line by line: `3 object Session 24` is a node of id 3, `3 .user 5` an edge. `.` property, `~` internal, `#` element,
/// `^` context, `!` weak, `>` shortcut, `:` hidden; `3 @ 7 12 4` says that 3 was written in script 7, line 12, column 4.
fn heap(drawing: &str) -> HeapAnalysis {
    let mut builder = GraphBuilder::new();
    let mut by_id = std::collections::HashMap::new();
    let (nodes, edges): (Vec<&str>, Vec<&str>) = drawing
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .partition(|line| line.split(' ').nth(1).is_some_and(|word| NodeKind::from_name(&word.replace('_', " ")).is_some()));
    for line in nodes {
        let (id, rest) = line.split_once(' ').expect("an id");
        let (kind, rest) = rest.split_once(' ').expect("a kind");
        let (name, size) = rest.rsplit_once(' ').expect("a name and a size");
        let kind = NodeKind::from_name(&kind.replace('_', " ")).expect("a kind");
        let id = id.parse().expect("an id");
        by_id.insert(id, builder.node(Node::new(kind, name, id, size.parse().expect("a size"))));
    }
    for line in edges {
        let (from, rest) = line.split_once(' ').expect("an id");
        let from = by_id[&from.parse::<u64>().expect("an id")];
        if let Some(place) = rest.strip_prefix("@ ") {
            let numbers: Vec<u32> = place.split(' ').map(|number| number.parse().expect("a number")).collect();
            builder.location(Location { node: from, script_id: numbers[0], line: numbers[1], column: numbers[2], script: None });
            continue;
        }
        let (name, to) = rest.rsplit_once(' ').expect("a name and an id");
        let (sign, name) = name.split_at(1);
        let kinds = [
            (".", EdgeKind::PROPERTY),
            ("~", EdgeKind::INTERNAL),
            ("#", EdgeKind::ELEMENT),
            ("^", EdgeKind::CONTEXT),
            ("!", EdgeKind::WEAK),
            (">", EdgeKind::SHORTCUT),
            (":", EdgeKind::HIDDEN),
        ];
        let kind = kinds.iter().find(|(known, _)| *known == sign).expect("a sign").1;
        builder.edge(from, kind, NewName::Text(name), Target::Id(NodeId(to.parse().expect("an id"))));
    }
    HeapAnalysis::new(builder.finish().0)
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::None => "-".to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Delta(delta) => format!("{delta:+}"),
        Cell::Share(share) => format!("{share:.2}"),
        Cell::Node(id) => format!("@{id}"),
        Cell::Text(text) => text.clone(),
    }
}

fn text(table: &Table) -> String {
    let mut lines = vec![table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(" | ")];
    lines.extend(table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ")));
    if table.total_rows > table.rows.len() as u64 {
        lines.push(format!("of {}", table.total_rows));
    }
    lines.join("\n")
}

fn tree_text(tree: &Tree) -> String {
    fn add(node: &TreeNode, depth: usize, lines: &mut Vec<String>) {
        let more = if node.more > 0 { format!(" … {} more", node.more) } else { String::new() };
        let cells = node.cells.iter().map(cell).collect::<Vec<_>>().join(" ");
        let space = if node.edge.is_empty() { "" } else { " " };
        lines.push(format!("{}{}{space}{} [{cells}]{more}", "  ".repeat(depth), node.edge, node.label));
        node.children.iter().for_each(|child| add(child, depth + 1, lines));
    }
    let mut lines = Vec::new();
    tree.roots.iter().for_each(|root| add(root, 0, &mut lines));
    lines.join("\n")
}

/// A cache of two sessions: a Map with room for two buckets and four entries.
///
/// ```text
/// root ──> global ─.cache─> Cache ─.byId─> Map ─table─> { 'a' => Session 21 ⟲ .self, 'b' => Session 23 }
/// ```
const CACHE: &str = r"
    1 synthetic  0
    3 object global 16
    5 object Cache 24
    7 object Map 32
    9 array  152
    11 string a 24
    13 string b 24
    21 object Session 40
    23 object Session 40
    25 string user-1 32
    27 closure Session 64
    29 object Session 28
    31 code info 8
    33 code /srv/app/cache.js 8
    35 object_shape system / Map 8
    37 hidden system / DescriptorArray 8
    39 string id 8
    41 string user 8
    1 >1 3
    3 .cache 5
    3 .Session 27
    5 .byId 7
    7 ~table 9
    9 ~5 11
    9 ~6 21
    9 ~8 13
    9 ~9 23
    21 .user 25
    21 .self 21
    21 .__proto__ 29
    23 .__proto__ 29
    23 ~map 35
    21 ~map 35
    35 ~descriptors 37
    37 ~0 39
    37 ~3 41
    27 .prototype 29
    27 ~shared 31
    31 ~script 33
    29 .constructor 27
    27 @ 7 11 3
    21 @ 7 11 3
    23 @ 7 11 3
    29 @ 7 11 3
";

/// Names as the snapshot has them.
fn plain(analysis: &HeapAnalysis) -> Setting<'_> {
    Setting::new(analysis, &NoFiles)
}

fn node(analysis: &HeapAnalysis, id: u64) -> NodeIx {
    analysis.graph().find_id(NodeId(id)).expect("a node of that id")
}

#[test]
fn inspects_maps_circles_and_missing_numbers() {
    let analysis = heap(CACHE);
    let tree = inspect(&plain(&analysis), node(&analysis, 5), 3, Limits::default());
    insta::assert_snapshot!(tree_text(&tree), @r#"
    Cache [@5 400]
      byId: Map(2) [@7 376]
        'a' => <ref *1> Session [@21 72]
          user: 'user-1' [@25 -]
          self: [Circular *1] [@21 -]
          id: <number> [- -]
        'b' => Session [@23 40]
          id: <number> [- -]
          user: <number> [- -]
    "#);
    insta::assert_snapshot!(preview(&plain(&analysis), node(&analysis, 7)), @r#"Map(2) { 'a' => Session, 'b' => Session }"#);
}

/// Numbers are in no snapshot, so a table that seems empty may hold as many as there is room for: two buckets have four.
#[test]
fn a_map_of_numbers_is_not_told_from_an_empty_one() {
    let drawing = "1 synthetic root 0\n3 object Map 32\n5 array table 152\n7 object Set 32\n9 array table 120\n1 #1 3\n1 #2 7\n3 ~table 5\n7 ~table 9";
    let analysis = heap(drawing);
    assert_eq!(preview(&plain(&analysis), node(&analysis, 3)), "Map(≤4)");
    assert_eq!(preview(&plain(&analysis), node(&analysis, 7)), "Set(≤4)");
}

#[test]
fn inspect_stops_at_its_limits() {
    let analysis = heap(CACHE);
    let tree = inspect(&plain(&analysis), node(&analysis, 7), 4, Limits { entries: 1, nodes: 3, ..Limits::default() });
    insta::assert_snapshot!(tree_text(&tree), @r#"
    Map(2) [@7 376] … 1 more
      'a' => Session [@21 72] … 2 more
        user: 'user-1' [@25 -]
    "#);
}

/// A disk with one package on it.
struct OnePackage;

impl SourceFiles for OnePackage {
    fn read(&self, path: &str) -> Option<String> {
        (path == "/srv/app/node_modules/lru/package.json").then(|| r#"{"name": "lru", "version": "4.2.1"}"#.to_owned())
    }
}

#[test]
fn packages_have_their_versions() {
    let analysis = heap(&CACHE.replace("/srv/app/cache.js", "/srv/app/node_modules/lru/lib/cache.js"));
    let names = |files: &dyn SourceFiles| -> Vec<String> {
        let table = histogram(&analysis, Grouping::Package, files, HistogramSort::Name, None, None, usize::MAX);
        table.rows.iter().filter_map(|row| if let Cell::Text(name) = &row[0] { Some(name.clone()) } else { None }).collect()
    };
    assert_eq!(names(&NoFiles), ["(unknown)", "lru"]);
    assert_eq!(names(&OnePackage), ["(unknown)", "lru@4.2.1"]);
    let pnpm = heap(&CACHE.replace("/srv/app/cache.js", "/srv/node_modules/.pnpm/lru@4.2.0/node_modules/lru/cache.js"));
    let table = histogram(&pnpm, Grouping::Package, &NoFiles, HistogramSort::Name, None, None, usize::MAX);
    assert!(table.rows.iter().any(|row| matches!(&row[0], Cell::Text(name) if name == "lru@4.2.0")), "{table:?}");
}

#[test]
fn histograms_by_class_shape_and_file() {
    let analysis = heap(CACHE);
    let by = |by| text(&histogram(&analysis, by, &NoFiles, HistogramSort::Count, None, Some("sess"), 10));
    insta::assert_snapshot!(by(Grouping::Class), @r#"
    class | count | self_size | retained_size | distance | location | isolate | generated
    Session | 3 | 108 | 140 | 3 | /srv/app/cache.js:12:4 | - | -
    "#);
    insta::assert_snapshot!(by(Grouping::Shape), @r#"
    class | count | self_size | retained_size | distance | location | isolate | generated
    Session | 1 | 40 | 40 | 5 | - | - | -
    Session {constructor} | 1 | 28 | 28 | 3 | - | - | -
    Session {user, self} | 1 | 40 | 72 | 5 | - | - | -
    global {cache, Session} | 1 | 16 | 524 | 1 | - | - | -
    "#);
    let without = Filter::parse(analysis.graph(), "withoutPrototypes").expect("a filter").apply(&analysis);
    let table = histogram(&analysis, Grouping::File, &NoFiles, HistogramSort::Name, Some(&without), None, 10);
    insta::assert_snapshot!(text(&table), @r#"
    class | count | self_size | retained_size | distance | location | isolate | generated
    (unknown) | 11 | 352 | 524 | 1 | - | - | -
    cache.js | 3 | 144 | 192 | 2 | - | - | -
    "#);
}

#[test]
fn selectors_find_ids_classes_lines_and_paths() {
    let analysis = heap(CACHE);
    let ids = |selector: &str| match Selector::parse(selector).resolve(&analysis, &heap::source::NoFiles) {
        Ok(found) => found.nodes.iter().map(|&node| analysis.graph().id(node).to_string()).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    };
    let asked = [
        "@21",
        "99",
        "Session",
        "session",
        "*ess*",
        "*a*",
        "cache.js:12",
        "srv/app/cache.js:12:4",
        "x.js:1",
        "cache.js:14",
        "cache.byId",
        "byId.table",
        "self.user",
    ];
    let answers: Vec<String> = asked.iter().map(|selector| format!("{selector}: {}", ids(selector))).collect();
    insta::assert_snapshot!(answers.join("\n"), @r#"
    @21: @21
    99: no object has the id @99
    Session: @21 @23 @29
    session: no class is called session
    *ess*: @21 @23 @29
    *a*: a is part of several class names
    cache.js:12: @21 @23 @27 @29
    srv/app/cache.js:12:4: @21 @23 @27 @29
    x.js:1: no script in the snapshot is called x.js
    cache.js:14: nothing in the snapshot was written at cache.js:14
    cache.byId: @7
    byId.table: no object is reached by byId.table
    self.user: @25
    "#);
}

#[test]
fn holders_of_holders_are_a_tree() {
    let analysis = heap(CACHE);
    let tree = |depth, limits| refs_tree(&plain(&analysis), node(&analysis, 21), Direction::From, Told::Story, depth, limits);
    insta::assert_snapshot!(tree_text(&tree(2, Limits::default())), @r"
    <ref *1> Session [@21 72 5]
      [value] Map(2) [@7 376 3]
        .byId Cache [@5 400 2]
      .self [Circular *1] [@21 72 5]
    ");
    insta::assert_snapshot!(tree_text(&tree(9, Limits { entries: 1, ..Limits::default() })), @r"
    Session [@21 72 5] … 1 more
      [value] Map(2) [@7 376 3]
        .byId Cache [@5 400 2]
          .cache global [@3 524 1]
    ");
}

#[test]
fn refs_tell_how() {
    let analysis = heap(CACHE);
    insta::assert_snapshot!(text(&refs(&plain(&analysis), &[node(&analysis, 21)], Direction::From, 10)), @r#"
    id | name | edge | kind | retains | self_size | retained_size | distance | of | raw_id | raw_edge
    @9 | (array) | (internal 6) | internal | yes | 0 | 192 | 4 | @21 | @9 | (internal 6)
    @21 | Session | .self | property | no | 40 | 72 | 5 | @21 | @21 | .self
    "#);
    let setting = plain(&analysis);
    insta::assert_snapshot!(text(&told_refs(&setting, &[node(&analysis, 21)], Direction::From, 10)), @r#"
    id | name | edge | kind | retains | self_size | retained_size | distance | of | raw_id | raw_edge
    @7 | Map(2) | [value] | internal | yes | 184 | 376 | 3 | @21 | @9 | (internal 6)
    @21 | Session | .self | property | no | 40 | 72 | 5 | @21 | @21 | .self
    "#);
    insta::assert_snapshot!(text(&told_refs(&setting, &[node(&analysis, 7)], Direction::To, 10)), @r#"
    id | name | edge | kind | retains | self_size | retained_size | distance | of | raw_id | raw_edge
    @11 | 'a' | [key] | internal | yes | 24 | 24 | 5 | @7 | @11 | (internal 5)
    @13 | 'b' | [key] | internal | yes | 24 | 24 | 5 | @7 | @13 | (internal 8)
    @21 | Session | [value] | internal | yes | 40 | 72 | 5 | @7 | @21 | (internal 6)
    @23 | Session | [value] | internal | yes | 40 | 40 | 5 | @7 | @23 | (internal 9)
    "#);
    insta::assert_snapshot!(text(&instances(&plain(&analysis), &[node(&analysis, 21), node(&analysis, 23)], InstanceSort::Newest, 1)), @r#"
    id | name | class | self_size | retained_size | distance | isolate
    @23 | Session { id: <number>, user: <number> } | Session | 40 | 40 | 5 | -
    of 2
    "#);
}

#[test]
fn paths_go_up_to_the_roots() {
    let analysis = heap(CACHE);
    let tree = retainers_tree(&plain(&analysis), node(&analysis, 25), heap::paths::PathLimits::default());
    insta::assert_snapshot!(tree_text(&tree), @r#"
    'user-1' [@25 - 6 32]
      .user Session [@21 property 5 72]
        (internal 6) (array) [@9 internal 4 192]
          (internal table) Map(2) [@7 internal 3 376]
            .byId Cache [@5 property 2 400]
    "#);
}

#[test]
fn memory_adds_up() {
    let analysis = heap(CACHE);
    insta::assert_snapshot!(text(&memory(&analysis)), @r#"
    id | part | count | size | share
    total | everything | - | 524 | 1.00
    v8_heap | V8 heap | - | 524 | 1.00
    v8_heap.code | code | - | 16 | 0.03
    v8_heap.strings | strings | - | 96 | 0.18
    v8_heap.js_arrays | JavaScript arrays | - | 0 | 0.00
    v8_heap.system | system objects | - | 0 | 0.00
    v8_heap.other | other objects | - | 412 | 0.79
    native | native memory | - | 0 | 0.00
    native.typed_arrays | buffers | - | 0 | 0.00
    native.extra | native, no owner known | - | 0 | 0.00
    parts.strings | strings | 5 | 96 | 0.18
    parts.objects | objects | 5 | 148 | 0.28
    parts.collections | maps and sets | 1 | 184 | 0.35
    parts.functions | functions | 1 | 64 | 0.12
    parts.code | code | 2 | 16 | 0.03
    parts.shapes | hidden classes | 1 | 16 | 0.03
    "#);
    insta::assert_snapshot!(text(&summary(&analysis)), @r#"
    fact | count | text
    nodes | 18 | -
    edges | 22 | -
    strings | 32 | -
    native_contexts | 0 | -
    detached_contexts | 0 | -
    detached_nodes | 0 | -
    locations | 4 | -
    allocation_stacks | 0 | -
    "#);
}

#[test]
fn queries_count_as_node_does() {
    let analysis = heap(CACHE);
    let count = |mode| query(&plain(&analysis), "Session", mode, 10).map(|table| table.total_rows);
    assert_eq!(count(QueryMode::Js), Ok(2));
    assert_eq!(count(QueryMode::Exact), Ok(2));
    assert!(query(&plain(&analysis), "Sess", QueryMode::Js, 10).is_err_and(|error| format!("{error:?}").contains("\"Session\"")));
}

/// `class B extends A`, one instance of each: `v8.queryObjects(A)` counts 3, since `B.prototype` inherits from `A.prototype`.
#[test]
fn queries_follow_derived_classes() {
    let analysis = heap(
        r"
        1 synthetic  0
        3 object global 8
        5 closure A 8
        7 closure B 8
        9 object A 8
        11 object A 8
        13 object A 8
        15 object B 8
        1 >1 3
        3 .A 5
        3 .B 7
        3 .a 13
        3 .b 15
        5 .prototype 9
        7 .prototype 11
        11 .__proto__ 9
        13 .__proto__ 9
        15 .__proto__ 11
    ",
    );
    let count = |class, mode| query(&plain(&analysis), class, mode, 10).map(|table| table.total_rows).unwrap_or_default();
    assert_eq!([QueryMode::Js, QueryMode::Subclasses, QueryMode::Exact].map(|mode| count("A", mode)), [3, 2, 1]);
    assert_eq!([QueryMode::Js, QueryMode::Subclasses, QueryMode::Exact].map(|mode| count("B", mode)), [1, 1, 1]);
}

#[test]
fn dominators_fold_siblings() {
    let mut drawing = String::from("1 synthetic  0\n3 object global 8\n1 >1 3\n3 .list 5\n5 object Array 16\n");
    for id in (101..111).step_by(2) {
        drawing += &format!("{id} object Session 40\n5 #{id} {id}\n{} string text 10\n{id} .text {}\n", id + 100, id + 100);
    }
    let analysis = heap(&drawing);
    let tree = dominators(&plain(&analysis), analysis.graph().root(), 4, Limits::default());
    insta::assert_snapshot!(tree_text(&tree), @r#"
    (root) [@1 1 0 274 1.00]
      global [@3 1 8 274 1.00]
        Array(110) [@5 1 16 266 0.97]
          Session × 5 [- 5 200 250 0.91]
            (string) × 5 [- 5 50 50 0.18]
    "#);
}

#[test]
fn strings_waste_what_copies_need() {
    let analysis =
        heap("1 synthetic  0\n3 object global 8\n1 >1 3\n5 string twin 24\n7 string twin 24\n9 string alone 32\n3 .a 5\n3 .b 7\n3 .c 9");
    insta::assert_snapshot!(text(&strings(&analysis, &StringQuery { duplicates: true, ..StringQuery::default() }, 10)), @r#"
    string | length | count | self_size | retained_size | wasted_bytes | cut | id
    twin | 4 | 2 | 48 | 48 | 24 | no | @5
    "#);
    let query = StringQuery { grep: Some("ALONE".to_owned()), ignore_case: true, ..StringQuery::default() };
    insta::assert_snapshot!(text(&strings(&analysis, &query, 10)), @r#"
    string | length | count | self_size | retained_size | wasted_bytes | cut | id
    alone | 5 | 1 | 32 | 32 | 0 | no | @9
    "#);
}

/// `text += piece`: each joined string holds the one before, and all begin alike.
#[test]
fn what_joined_strings_retain_counts_once() {
    let start = "x".repeat(1100);
    let analysis = heap(&format!(
        "1 synthetic  0\n3 object global 8\n1 >1 3\n5 concatenated_string c 20\n7 concatenated_string b 20\n9 concatenated_string a 20\n\
         11 string {start} 1200\n13 string p 16\n15 string q 16\n17 string r 16\n3 .log 5\n5 ~first 7\n5 ~second 13\n7 ~first 9\n7 ~second 15\n\
         9 ~first 11\n9 ~second 17"
    ));
    let table = strings(&analysis, &StringQuery::default(), 10);
    let rows: Vec<String> = table.rows.iter().map(|row| row[2..5].iter().map(cell).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[..2], ["4 1260 1308", "1 16 16"], "the log and its three longer versions: all bytes once");
}

#[test]
fn comparisons_match_by_id_or_say_that_they_cannot() {
    let base = heap("1 synthetic  0\n33 object global 8\n1 >1 33\n65 object Session 24\n33 .a 65");
    let current = heap("1 synthetic  0\n33 object global 8\n1 >1 33\n97 object Session 32\n99 object Session 32\n33 .a 97\n33 .b 99");
    let by_id = diff(&base, &current, Match::Auto);
    assert!(matches!(by_id.matching, Matching::Ids(share) if share > 0.99));
    insta::assert_snapshot!(text(&diff_table(&by_id, 10)), @r#"
    class | added_count | removed_count | count_delta | added_size | removed_size | size_delta | base_count | current_count | in_place_delta
    Session | 2 | 1 | +1 | 64 | 24 | +40 | 1 | 2 | +0
    "#);
    // No object came, but one is larger.
    let larger = heap("1 synthetic  0\n33 object global 8\n1 >1 33\n65 object Session 5000\n33 .a 65");
    insta::assert_snapshot!(text(&diff_table(&diff(&base, &larger, Match::Auto), 10)), @r#"
    class | added_count | removed_count | count_delta | added_size | removed_size | size_delta | base_count | current_count | in_place_delta
    Session | 0 | 0 | +0 | 0 | 0 | +0 | 1 | 1 | +4976
    "#);
    let other = heap("1 synthetic  0\n33 object Session 24\n1 >1 33\n65 string text 8\n33 .a 65");
    assert!(matches!(diff(&base, &other, Match::Auto).matching, Matching::Numbers(_)));
    insta::assert_snapshot!(text(&series(&[&base, &current, &current], 10)), @r#"
    class | first_count | last_count | count_delta | size_delta | counts | always_grew
    Session | 1 | 2 | +1 | +40 | 1 → 2 → 2 | no
    "#);
}

#[test]
fn files_of_one_name_are_told_apart() {
    let script = |id: u32, name: &str, n: u32| {
        format!(
            "{id} closure f 64\n3 .f{n} {id}\n{id} @ {n} 0 0\n{0} code (shared) 8\n{id} ~shared {0}\n{1} code {name} 8\n{0} ~script {1}",
            id + 2,
            id + 4
        )
    };
    let scripts = ["/app/node_modules/a/index.js", "/app/node_modules/b/index.js", "/app/main.js", "/app/node_modules/b/lib/index.js"];
    let drawn: Vec<String> = (0..).zip(scripts).map(|(n, name)| script(11 + 10 * n, name, n + 1)).collect();
    let analysis = heap(&format!("1 synthetic  0\n3 object global 8\n1 >1 3\n{}", drawn.join("\n")));
    let table = histogram(&analysis, Grouping::File, &NoFiles, HistogramSort::Name, None, None, 10);
    let names: Vec<String> = table.rows.iter().map(|row| cell(&row[0])).collect();
    assert_eq!(names, ["(unknown)", "a/index.js", "b/index.js", "lib/index.js", "main.js"]);
    let shorts = [
        ("/n/dataloader/index.js", "dataloader/index.js:1:2"),
        ("/n/foo/lib/index.mjs", "foo/lib/index.mjs:1:2"),
        ("index.js", "index.js:1:2"),
        ("/a/server.js", "server.js:1:2"),
        ("/index.js", "index.js:1:2"),
        ("C:\\n\\x\\index.js", "x\\index.js:1:2"),
        ("/index.lib/index.js", "/index.lib/index.js:1:2"),
    ];
    for (file, short) in shorts {
        assert_eq!(heap::source::Place::new(file, 1, 2).short().trim_start_matches('/'), short.trim_start_matches('/'), "{file}");
    }
}
