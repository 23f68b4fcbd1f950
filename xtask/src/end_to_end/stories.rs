//! What `heapwhy why` says of the classes of `tests/programs/stories.js`, hop by hop: the same on every line of Node.js.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

use super::Case;

/// The module that the program loads.
const MODULE: &str = include_str!("../../../tests/programs/exported.mjs");

/// A class of the program, and the end of its story: `edge @ where it was written > node @ where it was written`, hop by hop. Places are
/// lines of the program or its module, found by the text that stands in them, so that they do not move with it.
const STORIES: &[(&str, &[&str])] = &[
    ("InBlock", &["const value @ const value = [", "Array", "[index]", "InBlock @ class InBlock"]),
    ("InLoop", &["const item @ const item", "InLoop @ class InLoop"]),
    ("InCatch", &["variable failure", "InCatch @ class InCatch"]),
    ("InTwo", &["variable count or both", "InTwo @ class InTwo"]),
    ("InFunction", &["const own @ const own", "InFunction @ class InFunction"]),
    ("View", &["._events.tick", "bound onTick() @ onTick() {}", "bound this", "View @ constructor"]),
    ("Argument", &["bound take() @ function take", "bound argument", "Argument @ class Argument"]),
    ("Order", &["settles", "Promise", "awaited in", "submit() call @ function submit", "local variable", "Order @ class Order"]),
    (
        "Waiter",
        &["submit() call @ function submit", "awaited in", "waiting() call @ function waiting", "local variable", "Waiter @ class Waiter"],
    ),
    ("Inner", &["Promise", ".then()", "next() @ function next", "const held @ held = new Inner", "Inner @ class Inner"]),
    ("Several", &["Promise", "awaited in", "several() call @ function several", "local variable", "Several @ class Several"]),
    ("Exported", &["const registry @ export const registry", "Map", "[value]", "Exported @ class Exported"]),
    ("ExportedAsOther", &["const inner @ const inner", "Array", "[index]", "ExportedAsOther @ class ExportedAsOther"]),
    (
        "ExportedByDefault",
        &["default export @ export default", "Object", ".held @ held: new", "ExportedByDefault @ class ExportedByDefault"],
    ),
    ("Yielded", &["generate() call @ function* generate", "local variable", "Yielded @ class Yielded"]),
];

/// Checks every story.
pub(super) fn check(case: &Case) -> Result<()> {
    let program = include_str!("../../../tests/programs/stories.js");
    for (class, expected) in STORIES {
        let told = told(case, &case.stories, class, program)?;
        let ends_so = told.len() >= expected.len()
            && told[told.len() - expected.len()..].iter().zip(*expected).all(|(told, expected)| told.is(expected));
        ensure!(ends_so, "the story of {class} is {told:?}, and does not end in {expected:?}");
    }
    for (class, holder, edge, raw) in REFS {
        let answer = case.ask(&["refs".as_ref(), case.stories.as_os_str(), class.as_ref()])?;
        let row = &answer["refs"]["rows"][0];
        let is = |column: &str, text: &str| row[column].as_str().is_some_and(|cell| cell.contains(text));
        ensure!(is("name", holder) && row["edge"] == *edge && is("raw_edge", raw), "{class} is not held by {holder} {edge}: {row}");
    }
    Ok(())
}

/// Checks that a minified program is told of as it was written in `minified.ts`: its classes, variables and lines.
pub(super) fn check_minified(case: &Case) -> Result<()> {
    let source = include_str!("../../../tests/programs/minified.ts");
    let file = case.minified.as_os_str();
    let classes = case.ask(&["classes".as_ref(), file])?;
    let entry = super::row_of(&classes["classes"], "AuditEntry")?;
    ensure!(entry["count"] == 500 && entry["generated"].as_str().is_some_and(|name| name.len() == 1), "AuditEntry is {entry}");
    super::row_of(&classes["classes"], "LegacyRecord")?;
    let told = told(case, &case.minified, "AuditEntry", source)?;
    for part in ["const auditLog @ const auditLog", "AuditLog @ class AuditLog", "AuditEntry @ constructor"] {
        ensure!(told.iter().any(|told| told.is(part)), "no {part} in {told:?}");
    }
    let query = case.ask(&["query".as_ref(), file, "AuditEntry".as_ref()])?;
    let rows = query["objects"]["rows"].as_array().context("no objects")?;
    ensure!(rows.len() == 500, "no 500 AuditEntry in the answer of query");
    let is_told =
        |row: &Value| row["name"].as_str().is_some_and(|name| name.starts_with("AuditEntry {")) && row["constructor"] == "AuditEntry";
    ensure!(rows.iter().all(is_told), "query lists {}", rows[0]);
    let line = source.lines().position(|line| line.starts_with("const legacyRecords")).context("no such line")? + 1;
    let there = case.ask(&["instances".as_ref(), file, format!("minified.ts:{line}").as_ref()])?;
    let rows = there["instances"]["rows"].as_array().context("no instances")?;
    ensure!(rows.len() == 1 && rows[0]["name"].as_str().is_some_and(|name| name.starts_with("Array(500)")), "line {line} is {rows:?}");
    Ok(())
}

/// A class, what `refs` says of its first holder and edge, and part of V8's edge.
const REFS: &[(&str, &str, &str, &str)] = &[
    ("InBlock", "Array(1)", "[0]", "[0]"),
    ("InLoop", "variables", "const item", "(field 0)"),
    ("View", "bound onTick", "bound this", "(internal bound_this)"),
    ("Order", "submit() call", "local variable", "(internal "),
    ("Inner", "variables of outer()", "const held", "variable held"),
];

/// A node or an edge of a story.
#[derive(Debug)]
struct Part {
    text: String,
    /// The line of the program that it was written in.
    line: Option<String>,
}

impl Part {
    fn is(&self, expected: &str) -> bool {
        match expected.split_once(" @ ") {
            Some((text, line)) => self.text == text && self.line.as_ref().is_some_and(|known| known.contains(line)),
            None => self.text == expected,
        }
    }
}

fn told(case: &Case, file: &Path, class: &str, program: &str) -> Result<Vec<Part>> {
    let answer = case.ask(&["why".as_ref(), file.as_os_str(), class.as_ref(), "--limit".as_ref(), "1".as_ref()])?;
    let path = answer["stories"][0]["path"].as_array().with_context(|| format!("no story of {class}"))?;
    Ok(path.iter().map(|part| part_of(part, program)).collect())
}

fn part_of(part: &Value, program: &str) -> Part {
    let text = part["node"].as_str().or(part["edge"].as_str()).unwrap_or_default().to_owned();
    let location = &part["location"];
    let program = if location["file"].as_str().is_some_and(|file| file.ends_with("exported.mjs")) { MODULE } else { program };
    let line = location["line"].as_u64().and_then(|line| program.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?));
    Part { text, line: line.map(str::to_owned) }
}
