//! Commands compose: ids out of one, into the next; a reader that leaves early is no error.

use std::io::Read;

use crate::fixture::{Fixture, command};

#[test]
fn ids_flow_from_command_to_command() {
    let fixture = Fixture::new();
    let sessions = fixture.run(&["instances", "app.heapsnapshot", "Session", "-q"]);
    insta::assert_snapshot!(sessions.out, @"
    @27
    @31
    @35
    @25
    ");
    let holders = fixture.run_with(&["refs", "app.heapsnapshot", "-", "-q"], sessions.out.as_bytes());
    insta::assert_snapshot!(holders.out, @"
    @13
    @23
    @27
    @31
    @35
    ");
    let next = fixture.run_with(&["refs", "app.heapsnapshot", "-", "--limit", "1"], holders.out.as_bytes());
    insta::assert_snapshot!(next.out, @"
    heapwhy 0.1.0 · app.heapsnapshot · node v24.21.0 · 1.7 kB · 19 nodes

    id  holder  by        retains  retained  of
    @7  global  .Session  yes        2.7 kB  @23
    … 5 more (--limit 0 shows all)
    ");
    assert_eq!((sessions.code, holders.code, next.code), (0, 0, 0));
}

#[test]
fn nothing_in_is_nothing_out() {
    let fixture = Fixture::new();
    let ran = fixture.run_with(&["refs", "app.heapsnapshot", "-", "-q"], b"\n\n");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}

#[test]
fn a_closed_pipe_is_success() {
    let fixture = Fixture::new();
    fixture.snapshot("many.heapsnapshot", 50_000);
    let mut child = command(fixture.folder.path(), &["instances", "many.heapsnapshot", "Session", "--json"]).spawn().unwrap();
    let mut some = [0; 64];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let fixture = Fixture::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(fixture.folder.path(), &["classes", "app.heapsnapshot"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("HW1202"), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_waiting_for_ids_ends_at_once() {
    let fixture = Fixture::new();
    let mut child = command(fixture.folder.path(), &["refs", "app.heapsnapshot", "-"]).spawn().unwrap();
    let pid = child.id().to_string();
    let stdin = child.stdin.take();
    // Whether the signal comes before or while it reads, the exit code is that of a signal or of Ctrl-C.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = child.wait().unwrap();
    drop(stdin);
    assert!(status.code().is_none_or(|code| code == 130), "{status}");
}
