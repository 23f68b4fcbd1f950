//! What each command prints for people on a small heap: inline snapshots, one a command.

use crate::fixture::{Fixture, command};

#[test]
fn report() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["app.heapsnapshot", "--no-sources"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("MEMORY") && ran.out.contains("VERDICT") && ran.out.contains("next"), "{}", ran.out);
}

#[test]
fn classes() {
    let ran = Fixture::new().run(&["classes", "app.heapsnapshot", "--limit", "3"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    class         count  self size  retained  distance
    global            1       32 B    2.7 kB         1
    SessionCache      1       24 B    2.4 kB         2
    Map               1     2.1 kB    2.3 kB         3
    … 5 more (--limit 0 shows all)
    ");
}

#[test]
fn instances() {
    let ran = Fixture::new().run(&["instances", "app.heapsnapshot", "Session", "--limit", "2"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    id   object                      self size  retained  distance
    @27  Session { user: 'user-0' }       56 B      80 B         5
    @31  Session { user: 'user-1' }       56 B      80 B         5
    … 2 more (--limit 0 shows all)
    ");
}

#[test]
fn refs() {
    let ran = Fixture::new().run(&["refs", "app.heapsnapshot", "SessionCache"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    id  holder  by      retains  retained  distance
    @7  global  .cache  yes        2.7 kB         1
    ");
}

#[test]
fn dominators() {
    let ran = Fixture::new().run(&["dominators", "app.heapsnapshot", "SessionCache", "--depth", "3", "--limit", "2"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

     id  count  self size  retained  share
     @9      1       24 B    2.4 kB    90%  SessionCache
    @11      1     2.1 kB    2.3 kB    87%  ├─ Map(?)
    @13      1        0 B     240 B   9.0%  │  └─ (array)
             3      168 B     240 B   9.0%  │     └─ Session × 3
    @15      1       64 B      64 B   2.4%  └─ [Function: add]
    ");
}

#[test]
fn summary() {
    let ran = Fixture::new().run(&["summary", "app.heapsnapshot"]);
    insta::assert_snapshot!(ran.out, @r"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    MEMORY   2.7 kB in the snapshot
      maps and sets            2.1 kB   78%  ████████████████████████
      objects                   368 B   14%  ████▏
      functions                 128 B  4.8%  █▍
      strings                    96 B  3.6%  █

    Facts
    fact               count  what
    nodes                 19
    edges                 23
    strings               26
    native_contexts        0
    detached_contexts      0
    detached_nodes         0
    locations              0
    allocation_stacks      0
    node_version              v24.21.0

    Largest classes
    class                   count  self size  retained
    global                      1       32 B    2.7 kB
    SessionCache                1       24 B    2.4 kB
    Map                         1     2.1 kB    2.3 kB
    Session                     4      208 B     280 B
    Function                    2      128 B     128 B
    (string)                    4       96 B      96 B
    process                     1       56 B      80 B
    Evil\x1b[31m\n\u{202e}      1       48 B      48 B

    next   heapwhy app.heapsnapshot
           heapwhy classes app.heapsnapshot
    ");
}

#[test]
fn ascii_and_colour() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["app.heapsnapshot", "--ascii"]);
    assert!(ran.out.is_ascii(), "{}", ran.out);
    assert!(fixture.run(&["app.heapsnapshot", "--color", "always"]).out.contains("\x1b[1m"));
    assert!(!fixture.run(&["app.heapsnapshot"]).out.contains('\x1b'));
}

#[test]
fn short_help_without_anything() {
    let ran = Fixture::new().run(&[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("  heapwhy ")).count(), 3);
}

#[test]
fn path() {
    let ran = Fixture::new().run(&["path", "app.heapsnapshot", "Session"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    paths  retained
        3    2.7 kB  globalThis @7
             2.4 kB  └─ .cache SessionCache @9
             2.3 kB     └─ .byId Map(?) @11
               80 B        └─ [value] Session @27

    next   heapwhy path app.heapsnapshot Session --all
           heapwhy why app.heapsnapshot Session
    ");
    let raw = Fixture::new().run(&["path", "app.heapsnapshot", "Session", "--raw"]);
    insta::assert_snapshot!(raw.out.lines().skip(2).take(6).collect::<Vec<_>>().join("\n"), @"
    paths  retained
        3    2.7 kB  global @7
             2.4 kB  └─ .cache SessionCache @9
             2.3 kB     └─ .byId Map(?) @11
              240 B        └─ (internal table) (array) @13
               80 B           └─ (internal 0) Session @27
    ");
}

#[test]
fn strings() {
    let ran = Fixture::new().run(&["strings", "app.heapsnapshot"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    string    count  self size  retained  wasted  cut  id
    v24.21.0      1       24 B      24 B     0 B  no   @21
    user-0        1       24 B      24 B     0 B  no   @29
    user-1        1       24 B      24 B     0 B  no   @33
    user-2        1       24 B      24 B     0 B  no   @37
    ");
}

#[test]
fn diff() {
    let fixture = Fixture::new();
    fixture.snapshot("later.heapsnapshot", 5);
    let ran = fixture.run(&["diff", "app.heapsnapshot", "later.heapsnapshot", "--no-sources"]);
    let table = ran.out.split("Every class").nth(1).unwrap_or(&ran.out).split("next").next().unwrap_or_default();
    insta::assert_snapshot!(table, @"
    , first to last
    class     new  gone  delta  size delta  before  after
    Session     2     0     +2      +112 B       4      6
    (string)    2     0     +2       +48 B       4      6
    ");
    let table = fixture.run(&["diff", "app.heapsnapshot", "later.heapsnapshot", "--table"]);
    let (_, told) = ran.out.split_once("Every class, first to last").unwrap();
    let (head, alone) = table.out.split_once("Every class, first to last").unwrap();
    assert!(!head.contains("VERDICT"), "{head}");
    assert!(told.starts_with(alone.trim_end()), "{told}\n{alone}");
    assert_eq!(fixture.run(&["diff", "app.heapsnapshot", "later.heapsnapshot", "--table", "--fail-on", "growing"]).code, 2);
    assert_eq!(fixture.run(&["diff", "app.heapsnapshot"]).code, 2);
}

#[test]
fn inspect() {
    let ran = Fixture::new().run(&["inspect", "app.heapsnapshot", "SessionCache"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

     id  retained
     @9    2.4 kB  SessionCache
    @11            ├─ byId: Map(?)
    @15            └─ add: [Function: add]
    ");
}

#[test]
fn query() {
    let ran = Fixture::new().run(&["query", "app.heapsnapshot", "Session"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    id   object                      constructor  self size  retained
    @27  Session { user: 'user-0' }  Session           56 B      80 B
    @31  Session { user: 'user-1' }  Session           56 B      80 B
    @35  Session { user: 'user-2' }  Session           56 B      80 B
    ");
}

#[test]
fn why() {
    let ran = Fixture::new().run(&["why", "app.heapsnapshot", "Session", "--no-sources"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    3 of 4 this way
       ┬─ globalThis  stays until exit
       │    not leaking: a root
       │    .cache
       ├─ SessionCache
       │    .byId
       ├─ Map
       │    [value]
       ╰→ Session                                     retains 80 B

    1 of 4 this way
       ┬─ globalThis  stays until exit
       │    not leaking: a root
       │    .Session
       ├─ Session()
       │    .prototype
       ╰→ Session                                     retains 40 B

    next   heapwhy path app.heapsnapshot Session --all
           heapwhy refs app.heapsnapshot Session
    ");
}

/// Runs the program as on a terminal of that width.
fn at_width(fixture: &Fixture, width: &str, words: &[&str]) -> String {
    let output = command(fixture.folder.path(), words).env("COLUMNS", width).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn narrow_terminals_cut_names_and_keep_numbers_and_the_end_of_the_file() {
    let fixture = Fixture::new();
    let name = "Heap.20261122.160722.4217.0.001.heapsnapshot";
    fixture.snapshot(name, 12_345);
    insta::assert_snapshot!(at_width(&fixture, "80", &["classes", name, "--limit", "4"]), @r"
    heapwhy 0.1.0 · …4217.0.001.heapsnapshot · node v24.21.0 · 1.1 MB · 24,703 nodes

    class          count  self size  retained  distance
    global             1       32 B  990.0 kB         1
    SessionCache       1       24 B  989.8 kB         2
    Map                1     2.1 kB  989.7 kB         3
    Session       12,346   691.4 kB  987.6 kB         3
    … 4 more (--limit 0 shows all)
    ");
    insta::assert_snapshot!(at_width(&fixture, "40", &["classes", name, "--limit", "4"]), @r"
    heapwhy 0.1.0 · …4217.0.001.heapsnapshot
      · node v24.21.0 · 1.1 MB · 24,703 nodes

    class          count  self size  retained  distance
    global             1       32 B  990.0 kB         1
    SessionCache       1       24 B  989.8 kB         2
    Map                1     2.1 kB  989.7 kB         3
    Session       12,346   691.4 kB  987.6 kB         3
    … 4 more (--limit 0 shows all)
    ");
    insta::assert_snapshot!(at_width(&fixture, "40", &["why", name, "Session", "--limit", "1"]), @r"
    heapwhy 0.1.0 · …4217.0.001.heapsnapshot
      · node v24.21.0 · 1.1 MB · 24,703 nodes

    12,345 of 12,346 this way
       ┬─ globalThis  stays until exit
       │    not leaking: a root
       │    .cache
       ├─ SessionCache
       │    .byId
       ├─ Map
       │    [value]
       ╰→ Session               retains 80 B
    … 1 more ways (--limit 0 shows all)

    next   heapwhy path Heap.20261122.160722.4217.0.001.heapsnapshot Session --all
           heapwhy refs Heap.20261122.160722.4217.0.001.heapsnapshot Session
    ");
    let shop = ["1", "2"].map(|name| format!("{}/../../fixtures/shop/{name}.heapsnapshot.gz", env!("CARGO_MANIFEST_DIR")));
    let numbers = |width: &str| -> Vec<String> {
        let report = at_width(&fixture, width, &[&shop[0], &shop[1]]);
        let (_, report) = report.split_once("MEMORY").unwrap();
        let is_number = |word: &&str| word.starts_with(|char: char| char.is_ascii_digit());
        let (report, _) = report.split_once("\nnext ").unwrap();
        report.split_whitespace().filter(is_number).map(str::to_owned).collect()
    };
    let wide = numbers("120");
    assert!(wide.len() > 50, "{wide:?}");
    for width in ["40", "60", "80"] {
        assert_eq!(numbers(width), wide, "at {width} columns");
    }
}

#[test]
fn places_that_a_report_prints_are_selectors() {
    let fixture = Fixture::new();
    let [first, last] = ["1", "2"].map(|name| format!("{}/../../fixtures/shop/{name}.heapsnapshot.gz", env!("CARGO_MANIFEST_DIR")));
    let report: serde_json::Value = serde_json::from_str(&fixture.run(&[&first, &last, "--all", "--json", "--no-index"]).out).unwrap();
    let hops = report["findings"].as_array().unwrap().iter().flat_map(|finding| finding["path"].as_array().unwrap());
    let mut places: Vec<String> = hops
        .map(|hop| &hop["location"])
        .filter(|place| place["line"].as_u64().is_some_and(|line| line > 0))
        .map(|place| format!("{}:{}", place["file"].as_str().unwrap(), place["line"]))
        .collect();
    places.sort();
    places.dedup();
    assert!(places.len() > 4, "{places:?}");
    for place in places {
        let ran = fixture.run(&["instances", &last, &place, "--json", "--no-index"]);
        assert_eq!(ran.code, 0, "{place}: {}", ran.err);
    }
    let none = fixture.run(&["why", &last, "sessions.js:2", "--no-index"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("nothing in the snapshot was written at sessions.js:2\n  near     sessions.js:"), "{}", none.err);
    let unknown = fixture.run(&["why", &last, "session.js:2", "--no-index"]);
    assert!(unknown.err.contains("no script in the snapshot is called session.js\n  close    /srv/shop/sessions.js"), "{}", unknown.err);
}

#[test]
fn a_limit_counts_the_rows_of_printed_objects() {
    let fixture = Fixture::new();
    fixture.snapshot("many.heapsnapshot", 40);
    for (limit, rows) in [("1", 1), ("3", 3), ("7", 7), ("30", 30)] {
        let ran = fixture.run(&["inspect", "many.heapsnapshot", "Session", "--limit", limit]);
        let shown = ran.out.lines().filter(|line| line.contains('@') || line.contains("user:")).count();
        assert!(shown > 0 && shown <= rows, "{limit}: {}", ran.out);
    }
}

#[test]
fn verdicts_and_words_are_explained() {
    let fixture = Fixture::new();
    for (word, expected) in [
        ("growing", "a verdict"),
        ("filling-to-a-bound", "a verdict"),
        ("not enough evidence", "a verdict"),
        ("clean", "it cannot see growth"),
        ("large-but-flat", "a verdict"),
        ("lazy-gc", "a verdict"),
        ("suspect", "a verdict"),
        ("unbounded-collection", "unbounded-collection:"),
        ("grew", "in a report"),
        ("hw-edad4a", "fingerprint"),
    ] {
        let ran = fixture.run(&["explain", word]);
        assert!(ran.code == 0 && ran.out.contains(expected), "{word}: {}{}", ran.out, ran.err);
    }
    assert!(fixture.run(&["explain", "growin"]).err.contains("heapwhy explain growing"));
}

#[test]
fn sixty_columns_are_enough() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop");
    let fixture = Fixture::new();
    for name in ["1.heapsnapshot.gz", "2.heapsnapshot.gz"] {
        std::fs::copy(fixtures.join(name), fixture.path(name)).unwrap();
    }
    let questions: &[&[&str]] = &[
        &["classes", "2.heapsnapshot.gz"],
        &["diff", "1.heapsnapshot.gz", "2.heapsnapshot.gz", "--limit", "5"],
        &["dominators", "2.heapsnapshot.gz", "--limit", "4"],
        &["strings", "2.heapsnapshot.gz"],
        &["refs", "2.heapsnapshot.gz", "Session"],
        &["instances", "2.heapsnapshot.gz", "Session"],
    ];
    for words in questions {
        let output = command(fixture.folder.path(), words).env("COLUMNS", "60").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let wide = text.lines().filter(|line| !line.contains("   heapwhy ")).find(|line| line.chars().count() > 60);
        assert_eq!(wide, None, "{words:?}\n{text}");
    }
}

#[test]
fn a_path_of_many_hops_ends_well() {
    use heap::builder::{NewName, Node, Target};
    let mut builder = heap::GraphBuilder::new();
    let mut last = builder.node(Node::new(heap::NodeKind::SYNTHETIC, "", 1, 0));
    for nth in 1..150_000 {
        let next = builder.node(Node::new(heap::NodeKind::OBJECT, "Link", 2 * nth + 1, 16));
        builder.edge(last, heap::EdgeKind::PROPERTY, NewName::Text("next"), Target::Node(next));
        last = next;
    }
    let mut bytes = Vec::new();
    heap::snapshot::write::write(&builder.finish().0, &mut bytes, &heap::snapshot::write::WriteOptions::default()).unwrap();
    let fixture = Fixture::new();
    fixture.file("list.heapsnapshot", &bytes);
    let ran = fixture.run(&["path", "list.heapsnapshot", "@299999", "--no-index"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("└─ … 149,799 more, all with -q\n"), "{}", ran.out);
    let ids = fixture.run(&["path", "list.heapsnapshot", "@299999", "--no-index", "-q"]);
    assert_eq!(ids.out.lines().count(), 149_999);
}

#[test]
fn a_log_of_collections_is_known_as_such() {
    let fixture = Fixture::new();
    let line = |isolate: usize, nth: usize| {
        format!("[1:0x{isolate}] {} ms: Mark-Compact 4{nth}.7 (60.0) -> 4{nth}.1 (60.0) MB, 2.8 / 2.1 ms\n", 100 * nth)
    };
    let log: String = (1..=3).flat_map(|isolate| (0..6 + isolate).map(move |nth| line(isolate, nth))).collect();
    fixture.file("server.log", format!("listening on 8080\n{log}").as_bytes());
    let named = fixture.run(&["gc", "server.log"]);
    let bare = fixture.run(&["server.log"]);
    assert_eq!((bare.code, &bare.out, bare.err.as_str()), (0, &named.out, ""));
    assert!(named.out.contains("isolate 1:0x1") && named.out.contains("isolate 1:0x3"), "{}", named.out);
    let refused = fixture.run(&["classes", "server.log"]);
    assert!(refused.code == 3 && refused.err.contains("heapwhy gc server.log"), "{}", refused.err);
    // Those with most collections come first.
    let limited = fixture.run(&["server.log", "--limit", "1"]);
    assert!(limited.out.contains("isolate 1:0x3") && !limited.out.contains("isolate 1:0x1\n"), "{}", limited.out);
    assert!(limited.out.contains("2 more isolates, with fewer collections (--limit 0 shows all)"), "{}", limited.out);
    let json: serde_json::Value = serde_json::from_str(&fixture.run(&["server.log", "--json", "--limit", "2"]).out).unwrap();
    assert_eq!(json["gc"].as_array().map(Vec::len), Some(2));
    // On standard input, a line of the log first or not.
    for text in [&log, &format!("listening on 8080\n{log}")] {
        assert_eq!(fixture.run_with(&["-"], text.as_bytes()).out, named.out);
    }
    let refused = fixture.run_with(&["-"], b"listening on 8080\n");
    assert!(refused.code == 3 && refused.err.contains("heapwhy gc -"), "{}", refused.err);
    fixture.file("bare.log", log.as_bytes());
    assert!(fixture.run(&["classes", "bare.log"]).err.contains("heapwhy gc bare.log"));
    fixture.file("other.log", b"listening on 8080\n");
    assert!(fixture.run(&["other.log"]).err.contains("is text, not a heap snapshot"));
}
