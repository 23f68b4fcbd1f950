//! What a report says first of a core: which process it was, how it was started, and why it died.

use serde_json::{Value, json};
use v8mem::basis::Basis;
use v8mem::collection::Collection;
use v8mem::command_line::{CommandLine, command_line};
use v8mem::death::{Cause, Death, death};
use v8mem::stack::stacks;
use v8mem::{Anatomy, CoreFile};

use crate::answer::{Line, Piece, Section};
use crate::commands::stack::{location, title};
use crate::render::number;

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It runs: there is nothing to tell.
    Runs,
    /// Its core tells.
    Told,
}

/// Returns the process of a core as a section.
pub(crate) fn section(core: &CoreFile, anatomy: &Anatomy, basis: &Basis, fate: Fate) -> Section {
    let walk = &basis.walk;
    let stacks = stacks(core, anatomy);
    let (death, command) = (death(core, anatomy, &stacks), command_line(core, &stacks));
    let place = death.function.as_ref().map(|frame| (title(frame), location(frame)));
    let words = started(core, &command);
    let mut lines = vec![line("PROCESS", &format!("{}{words}", core.notes.pid.map_or(String::new(), |pid| format!("pid {pid}: "))))];
    if let Some(options) = &command.node_options {
        lines.push(line("", &format!("NODE_OPTIONS={options}")));
    }
    if fate == Fate::Told {
        lines.push(line("DIED", &died(&death)));
    }
    if let Some((function, at)) = place.as_ref().filter(|_| death.cause != Cause::Alive) {
        lines.push(line("", &format!("while it ran {function}{}", at.as_ref().map_or(String::new(), |at| format!(" ({at})")))));
    }
    let collection = Collection::find(&stacks).or(basis.moved.map(|_| Collection::Some));
    lines.extend(collection.map(|collection| line("", &inside(collection, basis.moved))));
    let whole = walk.object_bytes + walk.free_bytes + walk.unused_bytes + walk.code_bytes + walk.skipped_bytes;
    let told = whole - walk.skipped_bytes - walk.code_bytes;
    lines.push(line(
        "READ",
        &format!(
            "{} of {} of V8's pages are objects or known to be free ({:.2}%)",
            number::bytes(told),
            number::bytes(whole),
            percent(told, whole)
        ),
    ));
    let json = json!({
        "pid": core.notes.pid,
        "command": command.words,
        "node_options": command.node_options,
        "node": anatomy.versions.node,
        "v8": anatomy.versions.v8,
        "threads": stacks.len(),
        "isolates": anatomy.isolates.len(),
        "died": died_json(&death, place),
        "collection": collection.map(Collection::name),
        "heap": {"bytes": whole, "attributed": told},
    });
    Section::Value { name: "process", json, lines }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { (part as f64 / whole as f64 * 10_000.0).floor() / 100.0 }
}

fn line(label: &str, text: &str) -> Line {
    // Cut where it is long, as a command line may be.
    vec![Piece::Strong(label.to_owned()), Piece::Plain(format!("{:1$}{text}", "", 10 - label.len().min(10)))]
}

/// Returns the command line; the kernel's short form where the long one is not in the core.
fn started(core: &CoreFile, command: &CommandLine) -> String {
    if command.words.is_empty() { core.notes.arguments.clone() } else { command.words.join(" ") }
}

/// Says that the heap was caught halfway.
fn inside(collection: Collection, moved: Option<u64>) -> String {
    let moved = match moved {
        None => String::new(),
        Some(count) => format!("; {} objects that it had moved already count once", number::count(count)),
    };
    format!("inside {}{moved}", collection.title())
}

fn died(death: &Death) -> String {
    let mut text = match death.signal {
        None => death.cause.title().to_owned(),
        Some(signal) if death.cause == Cause::Signal => signal.to_string(),
        Some(signal) => format!("{}: {signal}", death.cause.title()),
    };
    if let Some(words) = &death.words {
        text = format!("{text} ({words})");
    }
    match &death.native {
        Some(native) if death.cause == Cause::Fault => format!("{text}, in {native}"),
        _ => text,
    }
}

fn died_json(death: &Death, place: Option<(String, Option<String>)>) -> Value {
    let (function, location) = place.map_or((None, None), |(function, location)| (Some(function), location));
    json!({
        "cause": death.cause.name(),
        "signal": death.signal.map(|signal| signal.number),
        "address": death.signal.and_then(|signal| signal.address).map(|address| format!("{address:#x}")),
        "message": death.words,
        "native": death.native,
        "function": function,
        "location": location,
    })
}
