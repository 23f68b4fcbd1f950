//! Reports as the lines of Node.js write them, cut, damaged, and as strangers may write them.

use super::*;
use crate::outlook::Room;
use crate::suspects::VerdictKind;

/// A whole report of Node.js 22 and later, with room for what a test changes.
fn report(header: &str, heap: &str, resources: &str, libuv: &str, workers: &str) -> String {
    format!(
        r#"{{"header":{{"reportVersion":5,"event":"JavaScript API","trigger":"API","filename":"r.json","dumpEventTime":"2026-11-30T22:19:20Z",
"dumpEventTimeStamp":"1796077160602","processId":8547,"threadId":0,"cwd":"/srv","commandLine":["node","--enable-source-maps","app.js","--token=s3cret"],
"nodejsVersion":"v22.23.3","arch":"x64","platform":"linux","componentVersions":{{"v8":"12.4.254"}},"cpus":[{{"model":"x","speed":0}}],"host":"pod-1"{header}}},
"javascriptStack":{{"message":"Error [ERR_SYNTHETIC]: JavaScript Callstack","stack":["at Object.writeReport (node:internal/process/report:51:13)","at work (/srv/app.js:14:33)"],"errorProperties":{{}}}},
"javascriptHeap":{{"totalMemory":9000000,"totalCommittedMemory":8000000,"usedMemory":7000000,"memoryLimit":2197815296,"externalMemory":2000000,"nativeContextCount":1,"detachedContextCount":0{heap},
"heapSpaces":{{"read_only_space":{{"memorySize":0,"committedMemory":0,"used":0}},"new_space":{{"memorySize":2000000,"committedMemory":1000000,"used":900000}},"old_space":{{"memorySize":5000000,"committedMemory":5000000,"used":4800000}},"large_object_space":{{"memorySize":2000000,"committedMemory":2000000,"used":1300000}}}}}},
"nativeStack":[{{"pc":"0x1","symbol":" [node]"}},{{"pc":"0x2","symbol":"node::TriggerNodeReport(v8::Isolate*) [node]"}}],
"resourceUsage":{{"free_memory":4000000000,"total_memory":8000000000,"rss":60000000,"constrained_memory":18446744073709551615,"available_memory":4000000000,"userCpuSeconds":3.0,"kernelCpuSeconds":1.0,"cpuConsumptionPercent":10.0,"maxRss":61000000{resources}}},
"libuv":[{{"type":"check","is_active":true,"is_referenced":false,"address":"0x0000000001c28a3c0"}}{libuv},{{"type":"loop","is_active":true,"address":"0x731fa90","loopIdleTimeSeconds":0.6}}],
"workers":[{workers}],"environmentVariables":{{"SECRET":"hunter2","NODE_OPTIONS":""}},
"userLimits":{{"open_files":{{"soft":1024,"hard":4096}},"virtual_memory_bytes":{{"soft":"unlimited","hard":"unlimited"}}}},"sharedObjects":["libc.so"]}}"#
    )
}

fn read(text: &str) -> DiagnosticReport {
    let (report, problems) = DiagnosticReport::read(text.as_bytes()).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    report
}

fn plain() -> DiagnosticReport {
    read(&report("", "", "", "", ""))
}

#[test]
fn a_report_is_read() {
    let report = plain();
    assert_eq!(report.header.pid, Some(8547));
    assert_eq!((report.header.node.as_deref(), report.header.v8.as_deref()), (Some("22.23.3"), Some("12.4.254")));
    assert_eq!(report.script(), Some("app.js"));
    assert_eq!(report.resources.rss, Some(60_000_000));
    assert_eq!((report.resources.up, report.resources.cpu), (Some(40), Some(4.0)));
    assert_eq!(report.resources.constrained, Some(Bound::Unlimited));
    assert_eq!(report.user_limits.open_files, Some(Bound::Of(1024)));
    assert_eq!(report.unexplained(), Some(50_000_000));
    assert_eq!(report.thread.native, ["node::TriggerNodeReport"]);
    assert!(report.has_all_heaps() && !report.has_ended());
    let handles = report.thread.handles.unwrap();
    assert_eq!((handles.count(), handles.is_whole), (1, true));
    // Nothing of the environment but NODE_OPTIONS.
    assert!(!format!("{:?}", plain()).contains("hunter2"));
}

/// What Node.js 16 does not tell is unknown; what 16 to 20 call kilobytes are bytes; numbers may be texts, as in Node.js's documentation.
#[test]
fn what_is_absent_is_unknown() {
    let text = r#"{"header":{"event":"Allocation failed - JavaScript heap out of memory","trigger":"OOMError","threadId":null,"processId":1},
        "javascriptHeap":{"usedMemory":"62539472","memoryLimit":113246208,"heapSpaces":{}},
        "resourceUsage":{"maxRss":126832640,"constrained_memory":9223372036854771712},"libuv":[],"workers":[],
        "userLimits":{"virtual_memory_kbytes":{"soft":61440000000,"hard":"unlimited"}}}"#;
    let report = read(text);
    assert_eq!((report.resources.rss, report.resources.peak_rss), (None, Some(126_832_640)));
    assert_eq!((report.thread.heap.used, report.thread.heap.external, report.thread.id), (Some(62_539_472), None, None));
    assert_eq!(report.resources.constrained, Some(Bound::Unlimited));
    assert_eq!(report.user_limits.address_space, Some(Bound::Of(61_440_000_000)));
    assert_eq!((report.unexplained(), report.has_all_heaps()), (None, false));
    assert!(report.is_out_of_memory() && report.has_ended());
    assert_eq!(Limits::of(&report), Limits::default());
}

/// Limits as Node.js of each line told them in control groups of some sizes, and by options.
#[test]
fn the_old_generation_has_what_the_young_one_has_not() {
    let check = |version: &str, options: &[&str], megabytes: f64, expect: f64| {
        let mut report = plain();
        report.header.node = Some(version.to_owned());
        report.header.command =
            std::iter::once("node").chain(options.iter().copied()).chain(["app.js", "--max-old-space-size=1"]).map(str::to_owned).collect();
        report.thread.heap.limit = Some((megabytes * 1_048_576.0) as u64);
        let limit = Limits::of(&report).old_generation.unwrap().limit as f64 / 1_048_576.0;
        assert!((limit - expect).abs() <= expect * 0.08, "{version} {options:?} {megabytes}: {limit}");
    };
    for (version, limit) in
        [("16.20.2", 4144.0), ("18.20.8", 4144.0), ("20.20.2", 4144.0), ("22.23.3", 4144.0), ("24.21.0", 4288.0), ("26.10.0", 4192.0)]
    {
        check(version, &[], limit, 4096.0);
    }
    for (version, limits) in [
        ("20.20.2", [259.0, 524.0, 1048.0, 2096.0]),
        ("24.21.0", [259.0, 560.0, 1120.0, 2240.0]),
        ("26.10.0", [268.0, 536.0, 1072.0, 2144.0]),
    ] {
        for (limit, expect) in limits.into_iter().zip([256.0, 512.0, 1024.0, 2048.0]) {
            check(version, &[], limit, expect);
        }
    }
    check("24.21.0", &["--max-old-space-size=60"], 252.0, 60.0);
    check("26.10.0", &["--max_old_space_size", "60"], 156.0, 60.0);
    check("26.10.0", &["--max-old-space-size=90", "--max-old-space-size=60"], 156.0, 60.0);
    check("22.23.3", &["--max-semi-space-size=4"], 4108.0, 4096.0);
    check("22.23.3", &["--max-old-space-size-percentage=10"], 2458.0, 2410.0);
    check("24.21.0", &["--max-old-space-size-percentage=10"], 2602.0, 2410.0);
    // Larger than the whole heap: something else sets the limit.
    check("22.23.3", &["--max-old-space-size=8000"], 259.0, 256.0);
}

#[test]
fn options_of_the_environment_count_less() {
    let text = report("", "", "", "", "").replace("\"NODE_OPTIONS\":\"\"", "\"NODE_OPTIONS\":\"--trace-gc --max-old-space-size=1000\"");
    assert_eq!(Limits::of(&read(&text)).old_generation, Some(Room { limit: 1000 << 20, used: 6_100_000 }));
    let both = text.replace("--enable-source-maps", "--max-old-space-size=500");
    assert_eq!(Limits::of(&read(&both)).old_generation.map(|room| room.limit), Some(500 << 20));
}

#[test]
fn the_first_limit_is_the_one_with_least_left() {
    let check = |resources: &str, expect: FirstLimit, container: Option<Room>| {
        let report = read(&report("", "", resources, "", ""));
        let limits = Limits::of(&report);
        assert_eq!((limits.first(), limits.container), (Some(expect), container), "{resources}");
    };
    // The last of two equal keys counts, as in JavaScript.
    check("", FirstLimit::Heap, None);
    check(
        r#","constrained_memory":536870912,"available_memory":100000000"#,
        FirstLimit::Container,
        Some(Room { limit: 536_870_912, used: 436_870_912 }),
    );
    check(
        r#","constrained_memory":536870912,"available_memory":9000000000000"#,
        FirstLimit::Container,
        Some(Room { limit: 536_870_912, used: 60_000_000 }),
    );
    check(r#","constrained_memory":9223372036854771712,"available_memory":9223372036742856704"#, FirstLimit::Heap, None);
    check(r#","constrained_memory":0,"free_memory":1000"#, FirstLimit::Machine, None);
    // JavaScript's JSON.stringify writes the largest number so.
    check(r#","constrained_memory":18446744073709552000"#, FirstLimit::Heap, None);
}

fn tcp(count: usize, local: u16, remote: Option<u16>, queued: u64) -> String {
    let side = |port: u16| format!(r#"{{"host":"localhost","ip4":"127.0.0.1","port":{port}}}"#);
    let one = |nth: usize| {
        let remote = remote.map_or("null".to_owned(), |port| side(port + if port > 40_000 { nth as u16 } else { 0 }));
        format!(
            r#",{{"type":"tcp","is_active":true,"is_referenced":true,"address":"0x{nth}","localEndpoint":{},"remoteEndpoint":{remote},"fd":{},"writeQueueSize":{queued},"readable":true}}"#,
            side(local),
            20 + nth
        )
    };
    (0..count).map(one).collect()
}

#[test]
fn handles_are_counted_and_grouped_by_where_they_lead() {
    let libuv = [tcp(1, 8080, None, 0), tcp(150, 8080, Some(40_001), 100), tcp(7, 50_000, Some(5432), 0)].concat()
        + r#",{"type":"fs_event","is_active":true,"is_referenced":true,"address":"0x1","filename":"/srv/app/a.js"},{"type":"fs_event","is_active":true,"is_referenced":true,"filename":"/srv/app/b.js"}"#
        + r#",{"type":"pipe","is_active":false,"is_referenced":true,"localEndpoint":null,"remoteEndpoint":"/run/db.sock","fd":1000},{"type":"udp","localEndpoint":{"ip6":"::1","port":53},"remoteEndpoint":null}"#;
    let report = read(&report("", "", "", &libuv, ""));
    let handles = report.thread.handles.as_ref().unwrap();
    assert_eq!(
        handles.kinds["tcp"],
        HandleCount { count: 158, active: Some(158), referenced: Some(158), descriptors: 158, queued: 15_000 }
    );
    assert_eq!(handles.kinds["udp"].active, None);
    assert!(!handles.kinds.contains_key("loop"));
    let groups: Vec<_> = handles.end_points().into_iter().map(|group| (group.kind, group.role, group.place, group.count)).collect();
    let group = |kind: &str, role, place: &str, count| (kind.to_owned(), role, place.to_owned(), count);
    assert_eq!(
        groups,
        [
            group("tcp", Role::From, "localhost at :8080", 150),
            group("tcp", Role::To, "localhost:5432", 7),
            group("tcp", Role::Listens, "localhost:8080", 1),
            group("udp", Role::Listens, "[::1]:53", 1),
            group("pipe", Role::To, "/run/db.sock", 1),
            group("fs_event", Role::Watches, "/srv/app/a.js", 1),
            group("fs_event", Role::Watches, "/srv/app/b.js", 1),
        ]
    );
    assert_eq!(Limits::of(&report).open_files, Some(Room { limit: 1024, used: 1001 }));
    let verdict = judge(&report);
    assert_eq!(verdict.kind, VerdictKind::Suspect);
    assert!(verdict.summary.contains("descriptors up to 1,001 are in use, of 1,024"), "{verdict:?}");
    assert!(verdict.evidence[0].contains("158 tcp handles are open, 150 of them connections from localhost at :8080"), "{verdict:?}");
}

#[test]
fn workers_count_with_their_thread() {
    let worker = r#"{"header":{"event":"Worker thread subreport [pool]","trigger":"API","threadId":3,"processId":8547,"commandLine":["x"]},"javascriptHeap":{"usedMemory":10,"totalCommittedMemory":1000000,"externalMemory":1000000,"memoryLimit":100,"heapSpaces":{"old_space":{"used":5}}},"resourceUsage":{"rss":1},"libuv":[{"type":"timer","is_active":true,"is_referenced":true}],"workers":[]}"#;
    let nested = worker.replace("\"workers\":[]", &format!("\"workers\":[{}]", worker.replace("\"threadId\":3", "\"threadId\":4")));
    let report = read(&report("", "", "", "", &nested));
    assert_eq!(
        report.workers.iter().map(|worker| (worker.id, worker.name.as_deref())).collect::<Vec<_>>(),
        [(Some(3), Some("pool")), (Some(4), Some("pool"))]
    );
    assert_eq!(report.resources.rss, Some(60_000_000));
    assert_eq!(report.header.command.len(), 4);
    assert_eq!(report.unexplained(), Some(46_000_000));
    assert_eq!(report.workers[0].handles.as_ref().map(Handles::count), Some(1));
    assert_eq!(report.thread.handles.as_ref().map(Handles::count), Some(1));
}

#[test]
fn one_report_is_judged_by_what_stands_out() {
    let check = |header: &str, heap: &str, resources: &str, kind: VerdictKind, says: &str| {
        let verdict = judge(&read(&report(header, heap, resources, "", "")));
        assert_eq!(verdict.kind, kind, "{verdict:?}");
        assert!(verdict.summary.contains(says), "{says:?} is not in {verdict:?}");
        assert!(verdict.evidence.iter().any(|text| text == "one report cannot show growth"));
    };
    let quiet = VerdictKind::NotEnoughEvidence;
    check("", "", "", quiet, "no total stands out");
    check("", "", r#","rss":900000000"#, quiet, "890.0 MB of 900.0 MB in memory are neither V8's heap nor what objects keep besides it");
    check("", r#","externalMemory":500000000"#, r#","rss":600000000"#, quiet, "500.0 MB lie outside V8's heap");
    check("", r#","totalCommittedMemory":900000000"#, r#","rss":950000000"#, quiet, "V8 has pages of 900.0 MB for 7.0 MB of objects");
    check("", r#","memoryLimit":7000000"#, "", VerdictKind::Suspect, "V8's limit is near: an old generation has 6.1 MB of 6.8 MB (89%)");
    check("", r#","detachedContextCount":3"#, "", VerdictKind::Suspect, "3 realms were left");
    check(
        "",
        "",
        r#","constrained_memory":62000000,"available_memory":1000000"#,
        VerdictKind::Suspect,
        "the container's limit is near: it has 61.0 MB of 62.0 MB (98%)",
    );
    let oom = r#","trigger":"OOMError","event":"Allocation failed - JavaScript heap out of memory","threadId":null"#;
    check(oom, r#","memoryLimit":6500000"#, "", VerdictKind::Suspect, "V8 ran out of memory: full collections left 6.1 MB of");
    check(oom, "", "", VerdictKind::Suspect, "although its old generation had only 6.1 MB");
}

/// Reports of one process, ten minutes apart.
fn series(changes: &[(&str, &str, &str)]) -> Vec<DiagnosticReport> {
    let one = |(nth, (header, heap, libuv)): (usize, &(&str, &str, &str))| {
        let header = format!(r#","dumpEventTimeStamp":"{}"{header}"#, 1_796_077_160_602_u64 + 600_000 * nth as u64);
        read(&report(&header, heap, &format!(r#","userCpuSeconds":{},"cpuConsumptionPercent":null"#, 3 + nth), libuv, ""))
    };
    changes.iter().enumerate().map(one).collect()
}

fn grown(reports: &[DiagnosticReport]) -> Growth {
    compare(&reports.iter().collect::<Vec<_>>())
}

/// A heap whose old space has so many megabytes of objects.
fn old(megabytes: u64) -> DiagnosticReport {
    let mut report = plain();
    report.thread.heap.spaces.iter_mut().filter(|space| space.name == "old_space").for_each(|space| space.used = Some(megabytes << 20));
    report
}

#[test]
fn several_reports_show_what_grew() {
    let check = |megabytes: &[u64], kind: VerdictKind| {
        let mut reports: Vec<_> = megabytes.iter().map(|&megabytes| old(megabytes)).collect();
        (0..).zip(&mut reports).for_each(|(nth, report)| report.header.time = Some(1_000_000 + 60_000 * nth));
        assert_eq!(grown(&reports).verdict.kind, kind, "{megabytes:?}: {:?}", grown(&reports).verdict);
    };
    check(&[50, 60], VerdictKind::NotEnoughEvidence);
    check(&[50, 400], VerdictKind::Suspect);
    check(&[50, 70, 90], VerdictKind::Suspect);
    check(&[50, 70, 60], VerdictKind::NotEnoughEvidence);
    check(&[50, 60, 70, 80, 90, 100, 110, 120], VerdictKind::Growing);
    check(&[50, 90, 100, 101, 100, 101, 100, 101, 100], VerdictKind::FillingToABound);
    check(&[50, 51, 50, 49, 50, 51, 50, 50], VerdictKind::NotEnoughEvidence);
    check(&[50, 150, 50, 150, 50, 150, 50, 150, 50], VerdictKind::LazyGc);
}

#[test]
fn a_death_shows_that_what_is_kept_grew() {
    let reports = series(&[("", "", ""), (r#","trigger":"OOMError","event":"heap out of memory","threadId":null"#, "", "")]);
    let mut reports = reports;
    reports[1].thread.heap.spaces[2].used = Some(90_000_000);
    let verdict = grown(&reports).verdict;
    assert_eq!(verdict.kind, VerdictKind::Growing);
    assert!(verdict.summary.contains("from at most 6.1 MB until V8 ran out of memory with 91.3 MB"), "{verdict:?}");
    // A report of a fatal error has no handles: that is unknown, not none.
    let growth = grown(&reports);
    assert!(growth.counts.iter().any(|change| change.name == "check" && change.values == [Some(1), None]), "{:?}", growth.counts);
}

#[test]
fn handles_that_pile_up_are_named() {
    let libuv: Vec<String> = [10, 200, 400].map(|count| tcp(count, 9, Some(80), 0)).to_vec();
    let three = series(&[("", "", &libuv[0]), ("", "", &libuv[1]), ("", "", &libuv[2])]);
    let verdict = grown(&three).verdict;
    assert_eq!((verdict.kind, verdict.summary.as_str()), (VerdictKind::Growing, "tcp handles pile up: 10 → 200 → 400"));
    assert_eq!(grown(&three[..2]).verdict.kind, VerdictKind::Suspect);
    assert_eq!(grown(&three[1..]).verdict.kind, VerdictKind::Suspect);
    assert_eq!(grown(&series(&[("", "", &libuv[0]), ("", "", &tcp(60, 9, Some(80), 0))])).verdict.kind, VerdictKind::NotEnoughEvidence);
    assert_eq!(grown(&[three[0].clone(), three[0].clone()]).verdict.kind, VerdictKind::NotEnoughEvidence);
}

#[test]
fn reports_of_other_processes_are_told_apart() {
    let check = |header: &str, libuv: &str, what: Option<&str>| {
        let reports = series(&[("", "", ""), (header, "", libuv)]);
        let found = difference(&reports[0], &reports[1]);
        assert_eq!(found.as_ref().map(|difference| difference.what), what, "{header}: {found:?}");
    };
    check("", "", None);
    check(r#","processId":2"#, "", Some("the process's number"));
    check(r#","nodejsVersion":"v22.1.0""#, "", Some("the version of Node.js"));
    check(r#","host":"pod-2""#, "", Some("the machine"));
    check(r#","threadId":4"#, "", Some("the thread"));
    check(r#","threadId":null"#, "", None);
    let mut two = series(&[("", "", ""), ("", "", "")]);
    assert_eq!(difference(&two[1], &two[0]).map(|difference| difference.what), Some("processor time, which never falls"));
    // A container that was started again has the same number and name.
    two[1].thread.handles.as_mut().unwrap().lasting = vec!["0x77".to_owned()];
    assert_eq!(difference(&two[0], &two[1]).map(|difference| difference.what), Some("where Node.js's own handles lie"));
    two[1].thread.handles = None;
    (two[0].resources.up, two[1].resources.up) = (Some(40), Some(639));
    assert_eq!(difference(&two[0], &two[1]), None);
    two[1].resources.up = Some(20);
    assert!(difference(&two[0], &two[1]).unwrap().what.starts_with("when the process started"));
}

#[test]
fn what_is_no_number_is_a_problem_and_unknown() {
    let check = |heap: &str, resources: &str, problems: usize| {
        let (report, found) = DiagnosticReport::read(report("", heap, resources, "", "").as_bytes()).unwrap();
        assert_eq!(found.kept().len(), problems, "{heap} {resources}: {found:?}");
        let _ = (judge(&report), Limits::of(&report));
        report
    };
    assert_eq!(check(r#","usedMemory":-1"#, "", 1).thread.heap.used, None);
    assert_eq!(check(r#","usedMemory":1e300"#, "", 1).thread.heap.used, None);
    assert_eq!(check(r#","usedMemory":18446744073709551615"#, r#","rss":"much""#, 2).resources.rss, None);
    assert_eq!(check(r#","usedMemory":null"#, "", 0).thread.heap.used, None);
    assert_eq!(check("", r#","rss":{"a":[1]},"maxRss":[5]"#, 0).resources.rss, Some(60_000_000));
    assert_eq!(check("", r#","userCpuSeconds":1e400"#, 0).resources.cpu, None);
}

#[test]
fn other_json_is_no_report() {
    for text in ["{}", "[]", "1", r#"{"header":{"processId":1}}"#, r#"{"header":{},"javascriptHeap":{}}"#] {
        assert!(matches!(DiagnosticReport::read(text.as_bytes()), Err(ReportError::NotAReport)), "{text}");
    }
    assert!(matches!(DiagnosticReport::read(&b"{\"header\":{\"ev"[..]), Err(ReportError::Truncated { offset: 14 })));
    assert!(matches!(DiagnosticReport::read(&b"{\"header\":{nothing"[..]), Err(ReportError::Damaged { .. })));
}

fn rich() -> String {
    let worker = r#"{"header":{"event":"Worker thread subreport","threadId":3},"javascriptHeap":{"usedMemory":10},"libuv":[{"type":"timer"}],"workers":[]}"#;
    report("", "", "", &[tcp(3, 8080, None, 5), tcp(5, 8080, Some(40_001), 100)].concat(), worker)
}

/// Wherever a report ends, it is refused or told in part, with no number that the whole has not.
#[test]
fn a_report_that_is_cut_anywhere_is_told_in_part() {
    let text = rich();
    let whole = read(&text);
    for end in 0..text.len() - 1 {
        match DiagnosticReport::read(&text.as_bytes()[..end]) {
            Ok((report, problems)) => {
                assert!(problems.is_truncated(), "{end}: {problems:?}");
                for (part, all) in [
                    (report.resources.rss, whole.resources.rss),
                    (report.thread.heap.used, whole.thread.heap.used),
                    (report.resources.constrained.and_then(Bound::number), None),
                    (report.header.pid, whole.header.pid),
                ] {
                    assert!(part.is_none() || part == all, "{end}: {part:?}");
                }
                assert!(!report.has_all_heaps() || report.workers.len() == 1, "{end}");
                let _ = (judge(&report), compare(&[&report, &whole]), difference(&report, &whole));
            }
            Err(error) => assert!(matches!(error, ReportError::Truncated { .. }), "{end}: {error}"),
        }
    }
    let (_, problems) = DiagnosticReport::read(format!("{text}{text}").as_bytes()).unwrap();
    assert_eq!(problems.kept()[0].kind, crate::problems::ProblemKind::TrailingBytes);
}

/// Flipped bits give an error or an answer, never a panic.
#[test]
fn bits_may_flip() {
    let text = rich();
    let whole = read(&text);
    let mut seed = 11_u64;
    for _ in 0..5000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bytes = text.clone().into_bytes();
        let at = (seed >> 20) as usize % bytes.len();
        bytes[at] ^= 1 << ((seed >> 12) % 8);
        if let Ok((report, _)) = DiagnosticReport::read(bytes.as_slice()) {
            let _ = (judge(&report), Limits::of(&report), compare(&[&whole, &report]), difference(&whole, &report), report.script());
        }
    }
}

/// Lists without end, deep nesting and long texts take bounded memory.
#[test]
fn strangers_reports_are_bounded() {
    let many = |text: &str, count: usize| text.repeat(count);
    let handles =
        (0..200_000).map(|nth| format!(r#",{{"type":"kind{nth}","filename":"/x/{nth}/y","address":"0x{nth}"}}"#)).collect::<String>();
    let (read_handles, _) = DiagnosticReport::read(report("", "", "", &handles, "").as_bytes()).unwrap();
    let found = read_handles.thread.handles.unwrap();
    assert_eq!((found.count(), found.left_out, found.kinds.len()), (200_001, 100_000, 65));
    let workers = many("{},", 5000) + "{}";
    let (read_workers, problems) = DiagnosticReport::read(report("", "", "", "", &workers).as_bytes()).unwrap();
    assert_eq!((read_workers.workers.len(), read_workers.has_all_workers, problems.is_empty()), (1024, false, false));
    let deep = report("", "", &format!(r#","deep":{}1{}"#, many("[", 100_000), many("]", 100_000)), "", "");
    let (_, problems) = DiagnosticReport::read(deep.as_bytes()).unwrap();
    assert!(!problems.is_empty());
    let nested = format!("{}{}", many(r#"{"javascriptHeap":{"usedMemory":1},"workers":["#, 20_000), many("]}", 20_000));
    let (nested, problems) = DiagnosticReport::read(nested.as_bytes()).unwrap();
    assert_eq!((nested.workers.len(), problems.is_empty()), (1024, false));
    let long = report(&format!(r#","host":"{}""#, many("ä", 100_000)), "", "", "", "");
    assert!(read(&long).header.host.unwrap().len() <= 1024);
    let longer = report(&format!(r#","host":"{}""#, many("x", 3 << 20)), "", "", "", "");
    assert!(DiagnosticReport::read(longer.as_bytes()).is_err());
}
