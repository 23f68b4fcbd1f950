//! Every command's JSON fits the schema and says what scripts rely on; errors do too.

use serde_json::Value;

use crate::fixture::Fixture;
use crate::schema::assert_fits;

fn json(fixture: &Fixture, words: &[&str]) -> (i32, Value) {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let ran = fixture.run_with(&words, b"@27\n");
    let value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{words:?}: {error}\n{}\n{}", ran.out, ran.err));
    (ran.code, value)
}

#[test]
fn answers_fit_the_schema() {
    let fixture = Fixture::new();
    fixture.snapshot("later.heapsnapshot", 6);
    let commands: &[&[&str]] = &[
        &["app.heapsnapshot"],
        &["app.heapsnapshot", "later.heapsnapshot"],
        &["summary", "app.heapsnapshot"],
        &["classes", "app.heapsnapshot"],
        &["instances", "app.heapsnapshot", "Session"],
        &["instances", "app.heapsnapshot", "-", "-q"],
        &["refs", "app.heapsnapshot", "@27"],
        &["refs", "app.heapsnapshot", "@27", "-r", "--depth", "2"],
        &["refs", "app.heapsnapshot", "@27", "--to", "-r", "--raw"],
        &["instances", "app.heapsnapshot", "shape:@27"],
        &["dominators", "app.heapsnapshot", "--depth", "9"],
        &["why", "app.heapsnapshot", "Session"],
        &["inspect", "app.heapsnapshot", "Session"],
        &["query", "later.heapsnapshot", "Session"],
        &["classes", "app.heapsnapshot", "--by", "shape"],
        &["path", "app.heapsnapshot", "Session", "--all"],
        &["objects", "app.heapsnapshot", "-v"],
        &["objects", "app.heapsnapshot", "--by", "type", "-q"],
        &["instances", "app.heapsnapshot", "shape:@1"],
        &["grep", "app.heapsnapshot", "user-1"],
        &["functions", "app.heapsnapshot"],
        &["functions", "app.heapsnapshot", "--closures", "-q"],
        &["closure", "app.heapsnapshot", "@15"],
        &["contexts", "app.heapsnapshot"],
        &["emitters", "app.heapsnapshot"],
        &["promises", "app.heapsnapshot", "--pending"],
        &["timers", "app.heapsnapshot"],
        &["timers", "app.heapsnapshot", "--all", "-q"],
        &["buffers", "app.heapsnapshot"],
        &["strings", "app.heapsnapshot", "--dup"],
        &["diff", "app.heapsnapshot", "later.heapsnapshot"],
        &["diff", "app.heapsnapshot", "later.heapsnapshot", "--table"],
        &["convert", "app.heapsnapshot", "--to", "csv", "-o", "nodes.csv"],
        &["redact", "app.heapsnapshot", "-o", "safe.heapsnapshot"],
        &["index", "app.heapsnapshot"],
        &["explain", "HW1004"],
        &["completions", "bash"],
        &["man"],
    ];
    for words in commands {
        let (code, value) = json(&fixture, words);
        assert_eq!(code, 0, "{words:?}");
        assert_eq!(value["status"], "complete", "{words:?}");
        assert_fits(&value);
    }
}

#[test]
fn classes_have_numbers_in_bytes() {
    let (_, value) = json(&Fixture::new(), &["classes", "app.heapsnapshot"]);
    let rows = value["classes"]["rows"].as_array().unwrap();
    let session = rows.iter().find(|row| row["class"] == "Session").unwrap();
    assert_eq!(
        (session["count"].as_u64(), session["self_size"].as_u64(), session["retained_size"].as_u64()),
        (Some(4), Some(208), Some(280))
    );
    assert_eq!(value["target"]["node"], "24.21.0");
}

#[test]
fn ids_are_strings() {
    let (_, value) = json(&Fixture::new(), &["instances", "app.heapsnapshot", "Session"]);
    assert_eq!(value["instances"]["rows"][0]["id"], "27");
    let (_, value) = json(&Fixture::new(), &["instances", "app.heapsnapshot", "Session", "-q"]);
    assert_eq!(value["ids"], serde_json::json!(["27", "31", "35", "25"]));
}

#[test]
fn errors_are_json_too() {
    let fixture = Fixture::new();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["nosuch.heapsnapshot"], 3, "HW1001"),
        (&["clases", "app.heapsnapshot"], 2, "HW1002"),
        (&["classes"], 2, "HW1000"),
        (&["classes", "app.heapsnapshot", "--lmit", "3"], 2, "HW1000"),
        (&["instances", "app.heapsnapshot", "Sesion"], 2, "HW1102"),
        (&["refs", "app.heapsnapshot", "@99999"], 2, "HW1101"),
        (&["refs", "app.heapsnapshot", "shape:@99999"], 2, "HW1101"),
        (&["classes", "app.heapsnapshot", "--isolate", "2"], 2, "HW1000"),
        (&["whatis", "app.heapsnapshot", "0x10"], 2, "HW1000"),
        (&["whatis", "app.heapsnapshot", "here"], 2, "HW1000"),
        (&["source", "app.heapsnapshot", "@15"], 2, "HW1000"),
        (&["spaces", "app.heapsnapshot"], 2, "HW1000"),
        (&["layout", "app.heapsnapshot", "--check"], 2, "HW1000"),
        (&["grep", "app.heapsnapshot", "0x10"], 2, "HW1000"),
        (&["4194305"], 6, "HW1401"),
        (&["stack", "4194305"], 6, "HW1401"),
        (&[], 2, "HW1000"),
    ];
    for (words, exit, expected) in cases {
        let (code, value) = json(&fixture, words);
        assert_fits(&value);
        assert_eq!((code, &value["error"]["code"], &value["status"]), (*exit, &Value::from(*expected), &Value::from("error")), "{words:?}");
    }
}

#[test]
fn every_command_has_rows() {
    let fixture = Fixture::new();
    fixture.snapshot("later.heapsnapshot", 6);
    let cases: &[(&[&str], &str)] = &[
        (&["app.heapsnapshot", "later.heapsnapshot"], "\"table\":\"verdict\""),
        (&["why", "app.heapsnapshot", "Session"], "\"path\":["),
        (&["inspect", "app.heapsnapshot", "SessionCache"], "\"edge\":\"byId:\""),
        (&["path", "app.heapsnapshot", "Session"], "\"depth\":1"),
        (&["dominators", "app.heapsnapshot"], "\"depth\":1"),
        (&["refs", "app.heapsnapshot", "@27"], "\"edge\":\"[value]\""),
        (&["diff", "app.heapsnapshot", "later.heapsnapshot"], "\"table\":\"diff\""),
        (&["explain", "exit"], "\"explanation\""),
        (&["convert", "app.heapsnapshot", "--to", "csv", "-o", "nodes.csv"], "\"what\":\"CSV table\""),
    ];
    for (words, expected) in cases {
        let words: Vec<&str> = words.iter().copied().chain(["--jsonl"]).collect();
        let ran = fixture.run(&words);
        assert!(ran.out.contains(expected), "{words:?}: {}{}", ran.out, ran.err);
        for line in ran.out.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok_and(|row| row.is_object()), "{words:?}: {line}");
        }
    }
}
