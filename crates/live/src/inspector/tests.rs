//! The client against a server that answers as it is told: soundly, wrongly, late, or not at all. No Node.js here.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use super::*;

/// What the server does after it has read a command.
#[derive(Clone)]
enum Act {
    /// Sends a text; `ID` stands for the command's id.
    Say(String),
    /// Closes the connection.
    Leave,
    /// Sends nothing until the client has gone.
    Sulk,
}

fn say(text: &str) -> Act {
    Act::Say(text.to_owned())
}

/// Serves one client: answers the first command (`enable`), then does `acts` at the second.
fn serve(acts: Vec<Act>) -> InspectorUrl {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/some-id", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        let _ = socket.read();
        let _ = socket.send(Message::text(r#"{"id":1,"result":{}}"#));
        let Ok(Message::Text(command)) = socket.read() else { return };
        let id = serde_json::from_str::<Value>(&command).unwrap()["id"].to_string();
        for act in acts {
            match act {
                Act::Say(text) => drop(socket.send(Message::text(text.replace("ID", &id)))),
                Act::Leave => return,
                Act::Sulk => while socket.read().is_ok() {},
            }
        }
        while socket.read().is_ok() {}
    });
    InspectorUrl::parse(&url).unwrap()
}

/// Takes a snapshot from such a server. Returns its text and what the progress said, or the error.
fn snapshot(acts: &[Act]) -> Result<(String, Vec<SnapshotProgress>)> {
    let cancel = AtomicBool::new(false);
    let mut inspector = Inspector::connect(&serve(acts.to_vec()), &cancel)?;
    let (mut text, heard) = (String::new(), std::cell::RefCell::new(Vec::new()));
    let mut into = |chunk: &str| {
        text.push_str(chunk);
        Ok(())
    };
    inspector.take_heap_snapshot(&mut into, &|progress| heard.borrow_mut().push(progress))?;
    Ok((text, heard.into_inner()))
}

fn chunk(text: &str) -> Act {
    Act::Say(json!({ "method": "HeapProfiler.addHeapSnapshotChunk", "params": { "chunk": text } }).to_string())
}

#[test]
fn chunks_become_the_snapshot_and_foreign_messages_are_passed_over() {
    let (text, heard) = snapshot(&[
        say(r#"{"method":"Runtime.consoleAPICalled","params":{}}"#),
        say(r#"{"method":"HeapProfiler.reportHeapSnapshotProgress","params":{"done":3,"total":7}}"#),
        say(r#"{"id":99999,"result":{}}"#),
        chunk("{\"a\":\"\u{e4}\","),
        chunk("\"b\":1}"),
        chunk("\n"),
        say(r#"{"id":ID,"result":{}}"#),
    ])
    .unwrap();
    assert_eq!(text, "{\"a\":\"ä\",\"b\":1}\n");
    assert_eq!(heard[..2], [SnapshotProgress::Asked, SnapshotProgress::Walking { done: 3, total: 7 }]);
    assert_eq!(heard.last(), Some(&SnapshotProgress::Sending { bytes: 17 }));
}

#[test]
fn a_server_that_misbehaves_is_an_error_that_says_how() {
    let cases = [
        (vec![chunk("{\"a\":"), Act::Leave], "connection lost while HeapProfiler.takeHeapSnapshot"),
        (vec![say("<html>")], "expected a message in JSON, found \"<html>\""),
        (
            vec![say(r#"{"id":ID,"error":{"code":-32000,"message":"no memory"}}"#)],
            "refused HeapProfiler.takeHeapSnapshot: no memory (-32000)",
        ),
        (vec![say(r#"{"id":ID,"result":{}}"#)], "expected one JSON object, found \"0 bytes"),
        (vec![chunk("{\"nodes\":[1,2"), say(r#"{"id":ID,"result":{}}"#)], "expected one JSON object, found \"13 bytes"),
    ];
    for (acts, expected) in cases {
        let error = snapshot(&acts).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    }
}

#[test]
fn a_sink_that_fails_ends_the_snapshot_and_not_the_session() {
    let cancel = AtomicBool::new(false);
    let acts = vec![chunk("{"), chunk("}"), say(r#"{"id":ID,"result":{}}"#), say(r#"{"id":3,"result":{"result":{"value":5}}}"#)];
    let mut inspector = Inspector::connect(&serve(acts), &cancel).unwrap();
    let full = |_: &str| Err(LiveError::Write { path: "x".into(), source: io::ErrorKind::StorageFull.into() });
    let error = inspector.take_heap_snapshot(&mut { full }, &|_| ()).unwrap_err();
    assert!(matches!(error, LiveError::Write { .. }));
    assert_eq!(inspector.evaluate("2 + 3").unwrap(), json!(5));
}

#[test]
fn cancel_is_heard_while_the_process_says_nothing() {
    let cancel = AtomicBool::new(false);
    let mut inspector = Inspector::connect(&serve(vec![Act::Sulk]), &cancel).unwrap();
    let started = Instant::now();
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            cancel.store(true, Ordering::Relaxed);
        });
        inspector.collect_garbage().unwrap_err()
    });
    assert!(error.is_cancelled());
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn silence_has_a_limit_also_when_foreign_events_go_on() {
    let cancel = AtomicBool::new(false);
    let chatter = vec![say(r#"{"method":"Debugger.scriptParsed"}"#); 10_000];
    let mut inspector = Inspector::connect(&serve(chatter), &cancel).unwrap();
    let answer = inspector.call_with("X.y", json!({}), Duration::from_millis(50), &mut |_, _| Ok(false));
    assert!(matches!(answer, Err(LiveError::TimedOut { .. })), "{answer:?}");
}

#[test]
fn a_listener_that_is_no_inspector_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = InspectorUrl::parse(&format!("ws://{}/x", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    let error = Inspector::connect(&url, &AtomicBool::new(false)).err().unwrap().to_string();
    assert!(error.contains("404"), "{error}");
}

#[test]
fn only_loopback_addresses_are_addresses() {
    let cases = [
        ("ws://127.0.0.1:9229/0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e", true),
        ("ws://[::1]:9229/abc", true),
        ("ws://10.0.0.1:9229/abc", false),
        ("ws://127.0.0.1:0/abc", false),
        ("ws://127.0.0.1/abc", false),
        ("ws://127.0.0.1:9229/a b", false),
        ("wss://127.0.0.1:9229/abc", false),
        ("", false),
    ];
    for (url, sound) in cases {
        assert_eq!(InspectorUrl::parse(url).is_some(), sound, "{url}");
        assert_eq!(InspectorUrl::in_line(&format!("Debugger listening on {url}\r")).is_some(), sound, "{url}");
    }
    assert_eq!(InspectorUrl::in_line("For help, see: https://nodejs.org/en/docs/inspector"), None);
}

/// What a worker says, inside of what its process says.
fn from_worker(session: &str, text: &str) -> Act {
    Act::Say(json!({ "method": "NodeWorker.receivedMessageFromWorker", "params": { "sessionId": session, "message": text } }).to_string())
}

#[test]
fn a_worker_is_spoken_to_inside_of_what_is_said_to_its_process() {
    let ack = say(r#"{"id":ID,"result":{}}"#);
    let gone = say(r#"{"method":"NodeWorker.detachedFromWorker","params":{"sessionId":"s"}}"#);
    let answer = from_worker("s", r#"{"id":2,"result":{"result":{"value":5}}}"#);
    let cases = [
        (vec![ack.clone(), answer.clone()], Ok(5)),
        // Answers of others, events, and an answer of the process that only looks like it.
        (vec![from_worker("t", r#"{"id":2,"result":{"result":{"value":6}}}"#), say(r#"{"id":2,"result":{}}"#), answer.clone()], Ok(5)),
        (vec![from_worker("s", r#"{"method":"Runtime.consoleAPICalled","params":{}}"#), ack, answer], Ok(5)),
        (vec![gone], Err("found \"that it has ended\"")),
        (vec![say(r#"{"id":ID,"error":{"code":-32000,"message":"no such session"}}"#)], Err("found \"that it has ended\"")),
        (vec![from_worker("s", "<html>")], Err("expected a message in JSON")),
        (vec![from_worker("s", r#"{"id":2,"error":{"code":-1,"message":"no"}}"#)], Err("refused Runtime.evaluate: no (-1)")),
    ];
    for (acts, expect) in cases {
        let cancel = AtomicBool::new(false);
        let mut inspector = Inspector::connect(&serve(acts), &cancel).unwrap();
        inspector.speak_to(Some(&Worker { number: 1, title: String::new(), session: "s".to_owned() }));
        match (inspector.evaluate("2 + 3"), expect) {
            (Ok(value), Ok(expect)) => assert_eq!(value, json!(expect)),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (found, expect) => panic!("{found:?} in place of {expect:?}"),
        }
    }
}

#[test]
fn an_answer_may_be_deeper_than_what_is_read_at_once() {
    let deep = format!("{}{}", "{\"children\":[".repeat(5000), "]}".repeat(5000));
    let cancel = AtomicBool::new(false);
    let acts = vec![Act::Say(format!("{{\"id\":ID,\"result\":{{\"profile\":{deep}}}}}"))];
    assert!(Inspector::connect(&serve(acts), &cancel).unwrap().is_sampling().unwrap());
    let refused = vec![say(r#"{"id":ID,"error":{"code":-32000,"message":"V8 sampling heap profiler was not started."}}"#)];
    assert!(!Inspector::connect(&serve(refused), &cancel).unwrap().is_sampling().unwrap());
}

#[test]
fn a_command_that_was_not_answered_is_remembered() {
    let cancel = AtomicBool::new(false);
    let mut inspector = Inspector::connect(&serve(vec![say("<html>")]), &cancel).unwrap();
    assert!(inspector.is_idle());
    assert!(inspector.evaluate("1").is_err() && !inspector.is_idle());
}
