//! How the inspector of a process was found and how it was left, as people and programs are told.

use serde_json::json;

use crate::answer::{Answer, Piece, Section, Warning};
use crate::exit::Exit;

/// Adds how the inspector was found and left to an answer.
pub(super) fn with_inspector(answer: Answer, (pid, address): (i32, String), was_open: bool, left: &Result<(), String>) -> Answer {
    let text = match (was_open, left) {
        (true, _) => format!("  was open on {address}, and is left so"),
        (false, Ok(())) => format!("  was opened on {address}, and is closed again"),
        (false, Err(error)) => format!("  was opened on {address}; {error}"),
    };
    let found = [was_open, was_open || left.is_err()];
    with_section(answer, (pid, &address), text, found, left)
}

/// Adds a section about an inspector that was found open or not, and left so or not; warns where it should have been closed and was not.
fn with_section(
    mut answer: Answer,
    (pid, address): (i32, &str),
    text: String,
    [found, is_left]: [bool; 2],
    left: &Result<(), String>,
) -> Answer {
    if let Err(error) = left {
        answer.warnings.push(Warning { kind: "inspector_open", count: 1, offset: None, message: left_open(pid, error) });
        answer.exit = Exit::Target;
    }
    let word = |is_open: bool| if is_open { "open" } else { "closed" };
    let json = json!({ "pid": pid, "address": address, "found": word(found), "left": word(is_left) });
    let line = vec![Piece::Strong("INSPECTOR".to_owned()), Piece::Plain(text)];
    answer.section(Section::Value { name: "inspector", json, lines: vec![line] })
}

/// Says what to do about an inspector that is still open.
pub(super) fn left_open(pid: i32, error: &str) -> String {
    format!("{error}: whoever reaches it can run code as that process; heapwhy attach {pid} close")
}

/// Makes the answer about an inspector that was to be closed.
pub(super) fn closed(pid: i32, address: &str, left: &Result<(), String>) -> Answer {
    let text = match left {
        Ok(()) => format!("  was open on {address}, and is closed now"),
        Err(error) => format!("  {error}"),
    };
    with_section(Answer::default(), (pid, address), text, [true, left.is_err()], left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inspector_that_stays_open_is_told_loudly() {
        let check = |was_open, left: Result<(), String>, expect: (&str, &str, Exit, usize)| {
            let answer = with_inspector(Answer::default(), (7, "127.0.0.1:9229".to_owned()), was_open, &left);
            let Some(Section::Value { json, .. }) = answer.sections.first() else { panic!("no section") };
            let found = (json["found"].as_str().unwrap_or(""), json["left"].as_str().unwrap_or(""), answer.exit, answer.warnings.len());
            assert_eq!(found, expect);
        };
        check(true, Ok(()), ("open", "open", Exit::Fine, 0));
        check(false, Ok(()), ("closed", "closed", Exit::Fine, 0));
        check(false, Err("busy".to_owned()), ("closed", "open", Exit::Target, 1));
    }
}
