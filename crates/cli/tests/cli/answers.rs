//! What each command prints for people on a small heap: inline snapshots, one a command.

use crate::fixture::Fixture;

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
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    class         count  self size  retained
    global            1       32 B    2.6 kB
    SessionCache      1       24 B    2.4 kB
    Map               1     2.1 kB    2.3 kB
    … 5 more (--limit 0 shows all)
    ");
}

#[test]
fn instances() {
    let ran = Fixture::new().run(&["instances", "app.heapsnapshot", "Session", "--limit", "2"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    id   object   self size  retained  distance
    @23  Session       56 B      80 B         5
    @27  Session       56 B      80 B         5
    … 1 more (--limit 0 shows all)
    ");
}

#[test]
fn refs() {
    let ran = Fixture::new().run(&["refs", "app.heapsnapshot", "SessionCache"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    id  holder  refers by  kind      retained  distance  to
    @7  global  .cache     property    2.6 kB         1  @9
    ");
}

#[test]
fn dominators() {
    let ran = Fixture::new().run(&["dominators", "app.heapsnapshot", "SessionCache", "--depth", "3", "--limit", "2"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    retained  self size
      2.4 kB       24 B  SessionCache @9
      2.3 kB     2.1 kB  ├─ Map @11
       240 B        0 B  │  └─ (array) @13
        80 B       56 B  │     ├─ Session @23
        80 B       56 B  │     ├─ Session @27
                         │     └─ … 1 more
        64 B       64 B  └─ function add @15
    ");
}

#[test]
fn summary() {
    let ran = Fixture::new().run(&["summary", "app.heapsnapshot"]);
    insta::assert_snapshot!(ran.out, @r"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    MEMORY   2.6 kB in the snapshot
      maps and sets            2.1 kB   81%  ████████████████████████
      objects                   328 B   13%  ███▊
      strings                    96 B  3.7%  █
      functions                  64 B  2.5%  ▋

    Largest classes
    class                   count  retained
    global                      1    2.6 kB
    SessionCache                1    2.4 kB
    Map                         1    2.3 kB
    Session                     3     240 B
    (string)                    4      96 B
    process                     1      80 B
    Function                    1      64 B
    Evil\x1b[31m\n\u{202e}      1      48 B

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
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("  heapwhy ")).count(), 2);
}

#[test]
fn path() {
    let ran = Fixture::new().run(&["path", "app.heapsnapshot", "Session"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    paths  retained
        3    2.6 kB  global @7
             2.4 kB  └─ .cache SessionCache @9
             2.3 kB     └─ .byId Map @11
              240 B        └─ (internal table) (array) @13
               80 B           └─ (internal 0) Session @23

    next   heapwhy why app.heapsnapshot Session
    ");
}

#[test]
fn strings() {
    let ran = Fixture::new().run(&["strings", "app.heapsnapshot"]);
    insta::assert_snapshot!(ran.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.6 kB · 17 nodes

    count  self size  wasted  example  string
        1       24 B     0 B  @21      v24.21.0
        1       24 B     0 B  @25      user-0
        1       24 B     0 B  @29      user-1
        1       24 B     0 B  @33      user-2
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
    class     before  after  new  gone  change  size change
    Session        3      5    2     0      +2       +112 B
    (string)       4      6    2     0      +2        +48 B
    ");
    assert_eq!(fixture.run(&["diff", "app.heapsnapshot"]).code, 2);
}
