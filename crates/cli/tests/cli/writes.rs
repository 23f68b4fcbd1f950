//! Commands that write files: what they write is whole and readable again, and never the input.

use crate::fixture::Fixture;

#[test]
fn a_converted_snapshot_says_the_same() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "heapsnapshot", "-o", "copy.heapsnapshot"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("wrote copy.heapsnapshot (heap snapshot, "), "{}", ran.out);
    let [first, second] = ["app.heapsnapshot", "copy.heapsnapshot"].map(|name| fixture.run(&["classes", name, "--json"]).out);
    assert_eq!(first.replace("app.heapsnapshot", "copy.heapsnapshot"), second);
}

#[test]
fn csv_has_a_row_a_node_and_pprof_is_packed() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "nodes.csv"]).code, 0);
    let csv = std::fs::read_to_string(fixture.path("nodes.csv")).unwrap();
    assert!(csv.starts_with("id,type,class,name,self_size,retained_size,distance,dominator_id"), "{csv}");
    assert_eq!(fixture.run(&["convert", "app.heapsnapshot", "--to", "pprof", "-o", "held.pb.gz"]).code, 0);
    assert!(std::fs::read(fixture.path("held.pb.gz")).unwrap().starts_with(b"\x1f\x8b"));
}

#[test]
fn the_input_is_never_overwritten() {
    let fixture = Fixture::new();
    let before = std::fs::read(fixture.path("app.heapsnapshot")).unwrap();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "./app.heapsnapshot"]);
    assert_eq!(ran.code, 7, "{}", ran.err);
    assert_eq!(std::fs::read(fixture.path("app.heapsnapshot")).unwrap(), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "/dev/full"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("HW1202"), "{}", ran.err);
    let ran = fixture.run(&["convert", "app.heapsnapshot", "--to", "csv", "-o", "no/such/folder.csv"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 1);
}
