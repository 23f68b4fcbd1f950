//! Diagnostic reports: told alone, compared, refused where they do not belong together, and told in part where they are damaged.

use std::io::Write;

use crate::fixture::Fixture;
use crate::schema::assert_fits;

const REPORT: &str = r#"{"header":{"event":"JavaScript API","trigger":"API","dumpEventTimeStamp":"1796077160602","processId":8547,"threadId":0,"cwd":"/srv",
"commandLine":["node","--max-old-space-size=1000","app.js","--token=s3cret"],"nodejsVersion":"v24.21.0","arch":"x64","platform":"linux",
"componentVersions":{"v8":"13.6.233.17-node.53"},"host":"pod-1\u001b[31m"},
"javascriptStack":{"message":"Error [ERR_SYNTHETIC]: JavaScript Callstack","stack":["at Object.writeReport (node:internal/process/report:51:13)","at work (/srv/app.js:14:33)"],"errorProperties":{}},
"javascriptHeap":{"totalMemory":9000000,"totalCommittedMemory":8000000,"usedMemory":7000000,"memoryLimit":1249902592,"externalMemory":2000000,"nativeContextCount":1,"detachedContextCount":0,
"heapSpaces":{"read_only_space":{"memorySize":0,"committedMemory":0,"used":0},"new_space":{"memorySize":2000000,"committedMemory":1000000,"used":900000},
"old_space":{"memorySize":7000000,"committedMemory":7000000,"used":6100000}}},
"nativeStack":[{"pc":"0x1","symbol":" [node]"}],
"resourceUsage":{"free_memory":4000000000,"total_memory":8000000000,"rss":60000000,"constrained_memory":536870912,"available_memory":436870912,"userCpuSeconds":3.0,"kernelCpuSeconds":1.0,"cpuConsumptionPercent":10.0,"maxRss":61000000},
"libuv":[{"type":"check","is_active":true,"is_referenced":false,"address":"0x0000000001c28a3c0"},
{"type":"tcp","is_active":true,"is_referenced":true,"address":"0x1","localEndpoint":{"host":"10.0.0.2","ip4":"10.0.0.2","port":50123},"remoteEndpoint":{"host":"db.example","ip4":"10.0.0.9","port":5432},"fd":20,"writeQueueSize":0},
{"type":"loop","is_active":true,"address":"0x731fa90","loopIdleTimeSeconds":0.6}],
"workers":[],"environmentVariables":{"SECRET":"hunter2"},"userLimits":{"open_files":{"soft":1024,"hard":4096}}}"#;

/// The same process ten minutes later, with 120 connections more.
fn later() -> String {
    let one = |nth: usize| {
        format!(
            r#",{{"type":"tcp","is_active":true,"is_referenced":true,"address":"0x{nth}","localEndpoint":{{"host":"10.0.0.2","port":{}}},"remoteEndpoint":{{"host":"db.example","port":5432}},"fd":{},"writeQueueSize":0}}"#,
            50_200 + nth,
            30 + nth
        )
    };
    let pile: String = (0..120).map(one).collect();
    let text = REPORT.replace("1796077160602", "1796077760602").replace("\"userCpuSeconds\":3.0", "\"userCpuSeconds\":5.0");
    text.replace("\"rss\":60000000", "\"rss\":90000000").replace(",\n{\"type\":\"loop\"", &format!("{pile},\n{{\"type\":\"loop\""))
}

#[test]
fn one_report_is_told() {
    let fixture = Fixture::new();
    fixture.file("app.json", REPORT.as_bytes());
    let ran = fixture.run(&["app.json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    // Neither the environment nor arguments are told, and control characters are not obeyed.
    assert!(!ran.out.contains("hunter2") && !ran.out.contains("s3cret"));
    insta::assert_snapshot!(ran.out, @r"
    heapwhy 0.1.0 · app.json · node v24.21.0 · 1.8 kB

    PROCESS   pid 8547 · app.js · up 40 s · on pod-1\x1b[31m · linux x64 · V8 13.6
    WRITTEN   2026-11-30T22:19:20Z, because the program asked for it
    STACK     JavaScript at that moment:
              at work (/srv/app.js:14:33)

    MEMORY    60.0 MB in memory (RSS), at most 61.0 MB were
    LIMIT     V8's old generation has 6.1 MB of 1.0 GB · its container 100.0 MB of
              536.9 MB · the container gives up first
      V8's heap: objects       7.0 MB   12%  ███▎
      V8's heap: free          1.0 MB  1.7%  ▍
      buffers, ext. strings    2.0 MB  3.3%  ▉
      neither of these        50.0 MB   83%  ████████████████████████

    VERDICT  not enough evidence
             no total stands out, no limit that the report tells is near
             one report cannot show growth
      surer  a second report of the same process, written later

    V8's heap by space
    space       objects   pages  in memory
    new_space  900.0 kB  2.0 MB     1.0 MB
    old_space    6.1 MB  7.0 MB     7.0 MB

    Handles of libuv (all timers of JavaScript share one)
    kind   count  active  referenced  with descriptor  to be written
    check      1       1           0                0            0 B
    tcp        1       1           1                1            0 B

    Where they lead
    kind      where            count  to be written
    tcp   to  db.example:5432      1            0 B

    next   heapwhy 8547   # what holds the memory, if that process still runs here
           heapwhy app.json LATER.json   # what grew, with a later report of the same process
    ");
}

#[test]
fn two_reports_show_what_grew_in_the_order_of_their_time() {
    let fixture = Fixture::new();
    fixture.file("app.json", REPORT.as_bytes());
    fixture.file("later.json", later().as_bytes());
    let ran = fixture.run(&["later.json", "app.json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    heapwhy 0.1.0 · app.json · node v24.21.0 · 1.8 kB
    heapwhy 0.1.0 · later.json · node v24.21.0 · 25.5 kB

    PROCESS   pid 8547 · app.js · up 60 s · on pod-1\x1b[31m · linux x64 · V8 13.6
    WRITTEN   2026-11-30T22:29:20Z, because the program asked for it
    STACK     JavaScript at that moment:
              at work (/srv/app.js:14:33)

    MEMORY    90.0 MB in memory (RSS), at most 61.0 MB were
    LIMIT     V8's old generation has 6.1 MB of 1.0 GB · its container 100.0 MB of
              536.9 MB · the container gives up first
      V8's heap: objects       7.0 MB  7.8%  ██
      V8's heap: free          1.0 MB  1.1%  ▎
      buffers, ext. strings    2.0 MB  2.2%  ▌
      neither of these        80.0 MB   89%  ████████████████████████

    VERDICT  SUSPECT
             tcp handles pile up: 1 → 121
             RSS: 60.0 MB → 90.0 MB, 180.0 MB an hour
             neither heap nor kept by it: 50.0 MB → 80.0 MB, 180.0 MB an hour
             most of what RSS rose by is neither V8's heap nor what objects keep
             besides it
      surer  6 reports or more: the heap's numbers count garbage too, and only their
             floor tells

    Memory
    what                   first      last    change
    in memory (RSS)      60.0 MB   90.0 MB  +30.0 MB
    V8's heap: objects    7.0 MB    7.0 MB       0 B
    V8's heap: pages      8.0 MB    8.0 MB       0 B
    its old generation    6.1 MB    6.1 MB       0 B
    outside the heap      2.0 MB    2.0 MB       0 B
    neither of these     50.0 MB   80.0 MB  +30.0 MB
    new_space           900.0 kB  900.0 kB       0 B
    old_space             6.1 MB    6.1 MB       0 B

    Handles of libuv, realms, workers
    what               first  last  change
    check                  1     1       0
    tcp                    1   121    +120
    contexts               1     1       0
    detached contexts      0     0       0
    workers                0     0       0

    next   heapwhy 8547   # what holds the memory, if that process still runs here
           heapwhy handles 8547   # what it has open
           heapwhy later.json LATER.json   # what grew, with a later report of the same process
    ");
    assert_eq!(fixture.run(&["later.json", "app.json", "--fail-on", "suspect"]).code, 1);
    assert_eq!(fixture.run(&["later.json", "app.json", "--fail-on", "growing"]).code, 0);
}

#[test]
fn json_fits_the_schema() {
    let fixture = Fixture::new();
    fixture.file("app.json", REPORT.as_bytes());
    fixture.file("later.json", later().as_bytes());
    for words in [&["app.json", "--json"][..], &["app.json", "later.json", "--json"]] {
        let ran = fixture.run(words);
        let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_fits(&value);
        assert!(!ran.out.contains("hunter2") && !ran.out.contains("s3cret"));
        let told = &value["reported"][0];
        assert_eq!((&value["target"]["kind"], &value["target"]["node"]), (&"diagnostic-report".into(), &"24.21.0".into()));
        assert_eq!((&told["pid"], &told["rss"], &told["unexplained"]), (&8547.into(), &60_000_000.into(), &50_000_000.into()));
        assert_eq!((&told["old_generation"]["limit"], &told["gives_up_first"]), (&(1000 << 20).into(), &"group".into()));
        assert_eq!(value["reported"].as_array().map(Vec::len), Some(words.len() - 1));
    }
    assert!(fixture.run(&["app.json", "--jsonl"]).out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn a_report_may_be_packed_or_piped() {
    let fixture = Fixture::new();
    let plain = fixture.file("app.json", REPORT.as_bytes());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(REPORT.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    fixture.file("app.json.gz", &packed);
    // All but the first line, which names the file.
    let rest = |ran: &crate::fixture::Ran| {
        ran.out
            .split_once("\n\nPROCESS")
            .map(|(_, rest)| rest.replace("app.json.gz", "FILE").replace("app.json", "FILE").replace("heapwhy - ", "heapwhy FILE "))
    };
    let named = rest(&fixture.run(&["app.json"]));
    assert!(named.is_some() && plain.exists());
    assert_eq!(rest(&fixture.run(&["app.json.gz"])), named);
    assert_eq!(rest(&fixture.run_with(&["-"], REPORT.as_bytes())), named);
    assert_eq!(rest(&fixture.run_with(&["-"], &packed)), named);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let fixture = Fixture::new();
    fixture.file("app.json", REPORT.as_bytes());
    fixture.file("other.json", REPORT.replace("8547", "8548").as_bytes());
    for (words, exit, code, says) in [
        (&["app.json", "other.json"][..], 5, "HW1105", "the process's number: 8547 in the first, 8548 in the second"),
        (&["app.json", "app.heapsnapshot"], 2, "HW1000", "app.json is a diagnostic report of Node.js, app.heapsnapshot is none"),
        (&["app.heapsnapshot", "app.json"], 2, "HW1000", "app.json is a diagnostic report of Node.js, app.heapsnapshot is none"),
        (&["classes", "app.json"], 3, "HW1005", "heapwhy app.json   prints it"),
        (&["diff", "app.json", "other.json"], 3, "HW1005", "heapwhy app.json   prints it"),
    ] {
        let ran = fixture.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (exit, ""), "{words:?}: {}", ran.err);
        assert!(ran.err.contains(code) && ran.err.contains(says), "{words:?}: {}", ran.err);
    }
}

#[test]
fn a_damaged_report_is_told_in_part() {
    let fixture = Fixture::new();
    let half = REPORT.find("\"libuv\"").unwrap();
    fixture.file("cut.json", REPORT.split_at(half).0.as_bytes());
    fixture.file("odd.json", REPORT.replace("\"rss\":60000000", "\"rss\":\"lots\"").as_bytes());
    fixture.file("short.json", REPORT.split_at(300).0.as_bytes());
    fixture.file("none.json", br#"{"header":{"title":"something else"},"rows":[]}"#);
    for (name, code) in [("cut.json", "HW1013"), ("odd.json", "HW1014")] {
        let ran = fixture.run(&[name]);
        assert_eq!(ran.code, 3, "{name}");
        assert!(
            ran.err.contains(code) && ran.out.contains("PARTIAL") && ran.out.contains("V8's heap: objects       7.0 MB"),
            "{name}: {}{}",
            ran.err,
            ran.out
        );
        assert_eq!(fixture.run(&[name, "--partial-ok"]).code, 0, "{name}");
        let value: serde_json::Value = serde_json::from_str(&fixture.run(&[name, "--json"]).out).unwrap();
        assert_fits(&value);
        assert_eq!(value["status"], "partial");
    }
    assert!(fixture.run(&["odd.json"]).out.contains("how much is in memory (RSS) is unknown"));
    let ran = fixture.run(&["short.json"]);
    assert!((ran.code, ran.out.as_str()) == (3, "") && ran.err.contains("HW1013"), "{}", ran.err);
    // What only begins as a report does is no report.
    let ran = fixture.run(&["none.json"]);
    assert!(ran.code == 3 && ran.err.contains("HW1005"), "{}", ran.err);
}
