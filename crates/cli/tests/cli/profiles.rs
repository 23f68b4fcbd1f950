//! Sampling heap profiles: reported on, converted, and refused where objects are asked for.

use std::io::Write;

use crate::fixture::Fixture;
use crate::schema::assert_fits;

const PROFILE: &str = r#"{"head":{"callFrame":{"functionName":"(root)","scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1},"selfSize":0,"id":1,"children":[
    {"callFrame":{"functionName":"work","scriptId":"7","url":"file:///srv/app/work.js","lineNumber":9,"columnNumber":4},"selfSize":3000,"id":2,"children":[
        {"callFrame":{"functionName":"each","scriptId":"8","url":"file:///srv/app/node_modules/lists/each.js","lineNumber":0,"columnNumber":0},"selfSize":1000,"id":3,"children":[]}]}]},
    "samples":[{"size":3000,"nodeId":2,"ordinal":1},{"size":1000,"nodeId":3,"ordinal":2}]}"#;

#[test]
fn a_profile_is_reported_on_plain_and_packed() {
    let fixture = Fixture::new();
    fixture.file("now.heapprofile", PROFILE.as_bytes());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(PROFILE.as_bytes()).unwrap();
    fixture.file("now.heapprofile.gz", &gzip.finish().unwrap());
    for name in ["now.heapprofile", "now.heapprofile.gz"] {
        let ran = fixture.run(&[name]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        let squeezed = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "SAMPLED 4.0 kB of what was allocated are still in use (2 samples)",
            "work 3.0 kB 75% 4.0 kB 1 /srv/app/work.js:10:5",
            "lists 1.0 kB 25% 1.0 kB 1",
            "4.0 kB 100% 3.0 kB work",
            "1.0 kB 25% 1.0 kB └─ each",
        ] {
            assert!(squeezed.contains(part), "{part:?} is not in {}", ran.out);
        }
        let value = serde_json::from_str(&fixture.run(&[name, "--json"]).out).unwrap();
        assert_fits(&value);
        assert_eq!((&value["target"]["kind"], &value["sampled"]["bytes"]), (&"heapprofile".into(), &4000.into()));
        assert_eq!(value["sampled_functions"]["rows"][0]["location"], "/srv/app/work.js:10:5");
        assert_eq!(value["calls"]["roots"][0]["children"][0]["label"], "each");
    }
}

#[test]
fn a_profile_converts_to_pprof_and_to_nothing_else() {
    let fixture = Fixture::new();
    fixture.file("now.heapprofile", PROFILE.as_bytes());
    let ran = fixture.run(&["convert", "now.heapprofile", "--to", "pprof", "-o", "now.pb.gz", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_fits(&serde_json::from_str(&ran.out).unwrap());
    assert_eq!(std::fs::read(fixture.path("now.pb.gz")).unwrap().get(..2), Some(&b"\x1f\x8b"[..]));
    for words in [
        &["convert", "now.heapprofile", "--to", "csv", "-o", "now.csv"][..],
        &["classes", "now.heapprofile"],
        &["why", "now.heapprofile", "Session"],
        &["now.heapprofile", "app.heapsnapshot"],
    ] {
        let ran = fixture.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (5, ""), "{words:?}");
        assert!(ran.err.contains("HW1006") && ran.err.contains("heapwhy now.heapprofile"), "{words:?}: {}", ran.err);
    }
}

#[test]
fn a_damaged_profile_is_told_from_one_that_was_cut() {
    let fixture = Fixture::new();
    fixture.file("cut.heapprofile", PROFILE.as_bytes().split_at(300).0);
    fixture.file("odd.heapprofile", PROFILE.replace("\"id\":2", "\"id\":two").as_bytes());
    for (name, code) in [("cut.heapprofile", "HW1013"), ("odd.heapprofile", "HW1014")] {
        for words in [&[name][..], &["convert", name, "--to", "pprof", "-o", "x.pb.gz"]] {
            let ran = fixture.run(words);
            assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{words:?}");
            assert!(ran.err.contains(code), "{words:?}: {}", ran.err);
        }
    }
}
