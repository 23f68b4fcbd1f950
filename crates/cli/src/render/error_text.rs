//! Errors as people read them: what, then labelled lines, then the exit code and where to read more.

use super::style::Style;
use super::{clean, number};
use crate::answer::{Answer, Status, Warning};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::exit::Exit;

/// Returns an error as the lines that go to standard error.
pub(super) fn error(error: &CommandError, style: &Style) -> String {
    let mut text = format!("{} {}\n", style.red("heapwhy:"), style.own(&clean::clean(&error.what)));
    for (label, note) in &error.notes {
        push_note(&mut text, label, note, style);
    }
    let end = format!("  exit {} · heapwhy explain {}", error.exit().number(), error.code.id);
    text.push_str(&style.dim(&style.own(&end)));
    text.push('\n');
    text
}

/// Returns what was wrong with the input of an answer, as the lines that go to standard error; empty where nothing was.
pub(super) fn damage(answer: &Answer, style: &Style) -> String {
    if answer.warnings.is_empty() {
        return String::new();
    }
    if answer.status != Status::Partial {
        return answer.warnings.iter().map(|warning| format!("{} {}\n", style.yellow("warning:"), sentence(warning, style))).collect();
    }
    let is_cut = answer.warnings.iter().any(|warning| warning.kind == heap::ProblemKind::Truncated.name());
    let names: Vec<String> = answer.targets.iter().map(|target| shown(&target.path)).collect();
    let (code, what) = if is_cut { (&codes::TRUNCATED, "ends early") } else { (&codes::DAMAGED, "is damaged") };
    let what = if names.len() == 1 { what.to_owned() } else { format!("(or one of them) {what}") };
    let mut text = format!("{} {}\n", style.red("heapwhy:"), style.own(&clean::clean(&format!("{} {what}", names.join(", ")))));
    for warning in &answer.warnings {
        push_note(&mut text, "found", &sentence(warning, style), style);
    }
    if is_cut {
        push_note(&mut text, "likely", "the process was killed, the disk was full, or a copy broke off: compare sizes with `ls -l`", style);
    }
    let nodes: u64 = answer.targets.iter().filter_map(|target| target.nodes).sum();
    let edges: u64 = answer.targets.iter().filter_map(|target| target.edges).sum();
    let salvaged = if answer.targets.iter().all(|target| target.nodes.is_none()) {
        "what comes before: the answer is marked PARTIAL, what is missing counts as unknown".to_owned()
    } else {
        let (nodes, edges) = (number::count(nodes), number::count(edges));
        format!("{nodes} nodes and {edges} edges: the answer is marked PARTIAL, its numbers may be too low")
    };
    push_note(&mut text, "salvaged", &salvaged, style);
    let exit = if answer.exit == Exit::Unreadable { "exit 3 (--partial-ok makes it 0)" } else { "accepted" };
    text.push_str(&style.dim(&style.own(&format!("  {exit} · heapwhy explain {}", code.id))));
    text.push('\n');
    text
}

fn sentence(warning: &Warning, style: &Style) -> String {
    let place = warning.offset.map_or_else(String::new, |offset| format!(" at byte {}", number::count(offset)));
    let times = if warning.count > 1 { format!(" ({} times)", number::count(warning.count)) } else { String::new() };
    style.own(&clean::clean(&format!("{}{place}{times}", warning.message)))
}

fn push_note(text: &mut String, label: &str, note: &str, style: &Style) {
    let mut label = label;
    for line in note.lines() {
        text.push_str(&format!("  {} {}\n", style.bold(&format!("{label:<8}")), style.own(&clean::clean(line))));
        label = "";
    }
}
