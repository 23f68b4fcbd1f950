//! Answers as one JSON object: the envelope of `schema/report-1.json`, written as it goes so that a million rows need no second copy.
//!
//! Only ever add to it within major version 1. Sizes are bytes, ids are strings, every table is `{"columns", "rows"}` under its name.

use std::io::{self, Write};

use heap::view::{Cell, ColumnKind, Table, TableColumn, Tree, TreeNode};
use serde_json::{Value, json};

use crate::answer::{Answer, Section, Target};
use crate::error::CommandError;
use crate::running::Running;

/// The address that names the schema.
const SCHEMA: &str = "https://heapwhy.dev/schema/report/1.json";
/// The version of the envelope.
const SCHEMA_VERSION: &str = "1.0";

/// Writes an answer.
pub(super) fn answer(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    start(out, answer.status.name())?;
    if let Some(last) = answer.targets.last() {
        field(out, "target", &target(last))?;
    }
    if answer.targets.len() > 1 {
        field(out, "targets", &answer.targets.iter().map(target).collect())?;
    }
    for section in &answer.sections {
        write_section(out, section)?;
    }
    field(out, "next", &json!(answer.next))?;
    let warnings = answer
        .warnings
        .iter()
        .map(|warning| json!({"kind": warning.kind, "count": warning.count, "offset": warning.offset, "message": warning.message}));
    field(out, "warnings", &warnings.collect())?;
    out.write_all(b"}\n")
}

/// Writes the main rows, a line each: those of tables, the nodes of trees with their `depth`, the elements of lists (findings, paths), and
/// ids. Where several sections have rows, each begins with the name of its own.
pub(super) fn rows(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    let has_rows = |section: &&Section| matches!(section, Section::Table { .. } | Section::Tree { .. } | Section::Value { .. });
    let several = answer.sections.iter().filter(has_rows).count() > 1;
    let front = |name: &str| if several { format!("{{\"table\":{}", json!(name)) } else { "{".to_owned() };
    for section in &answer.sections {
        match section {
            Section::Table { table, .. } => {
                for row in &table.rows {
                    out.write_all(front(table.name).as_bytes())?;
                    write_cells(out, &table.columns, row, !several)?;
                    out.write_all(b"}\n")?;
                }
            }
            Section::Tree { tree, .. } => tree_rows(out, tree, &front(tree.name), several)?,
            Section::Ids(ids) => ids.iter().try_for_each(|id| writeln!(out, "{{\"id\":\"{}\"}}", id.0))?,
            Section::Value { name, json: Value::Array(elements), .. } => {
                elements.iter().try_for_each(|element| value_row(out, element, several.then_some(*name)))?;
            }
            Section::Value { name, json, .. } => value_row(out, json, several.then_some(*name))?,
            // A sentence beside rows is none of them.
            Section::Text { .. } if answer.sections.len() > 1 => {}
            Section::Text { name, text } | Section::Raw { name, text } => writeln!(out, "{}", json!({ *name: text }))?,
            Section::Written { path, bytes, what } => {
                writeln!(out, "{}", json!({"path": path.display().to_string(), "bytes": bytes, "what": what}))?;
            }
        }
    }
    Ok(())
}

fn value_row(out: &mut dyn Write, value: &Value, table: Option<&str>) -> io::Result<()> {
    let row = if value.is_object() { value.to_string() } else { json!({ "value": value }).to_string() };
    match table {
        Some(table) if row.len() > 2 => writeln!(out, "{{\"table\":{},{}", json!(table), &row[1..]),
        _ => writeln!(out, "{row}"),
    }
}

/// Writes the nodes of a tree, parents before children, without recursion.
fn tree_rows(out: &mut dyn Write, tree: &Tree, front: &str, is_named: bool) -> io::Result<()> {
    let comma = if is_named { "," } else { "" };
    let mut stack: Vec<(usize, &TreeNode)> = tree.roots.iter().rev().map(|node| (0, node)).collect();
    while let Some((depth, node)) = stack.pop() {
        write!(out, "{front}{comma}\"depth\":{depth},\"edge\":{},\"label\":{}", json!(node.edge), json!(node.label))?;
        write_cells(out, &tree.columns, &node.cells, false)?;
        writeln!(out, ",\"more\":{}}}", node.more)?;
        stack.extend(node.children.iter().rev().map(|child| (depth + 1, child)));
    }
    Ok(())
}

/// Writes an error.
pub(super) fn error(out: &mut dyn Write, error: &CommandError) -> io::Result<()> {
    start(out, if error.code.id == crate::codes::STOPPED.id { "cancelled" } else { "error" })?;
    let notes: Vec<Value> = error.notes.iter().map(|(label, text)| json!({"label": label, "text": text})).collect();
    let value = json!({
        "code": error.code.id,
        "message": error.what,
        "hint": error.hints(),
        "retry": error.retry,
        "exit": error.exit().number(),
        "notes": notes,
    });
    field(out, "error", &value)?;
    field(out, "warnings", &json!([]))?;
    out.write_all(b"}\n")
}

fn start(out: &mut dyn Write, status: &str) -> io::Result<()> {
    write!(out, "{{\"schema\":\"{SCHEMA}\",\"schema_version\":\"{SCHEMA_VERSION}\"")?;
    field(out, "tool", &json!({"name": "heapwhy", "version": env!("CARGO_PKG_VERSION")}))?;
    field(out, "status", &json!(status))
}

fn field(out: &mut dyn Write, name: &str, value: &Value) -> io::Result<()> {
    write!(out, ",\"{name}\":")?;
    Ok(serde_json::to_writer(out, value)?)
}

fn target(target: &Target) -> Value {
    let mut value = json!({
        "kind": target.kind,
        "path": target.path.display().to_string(),
        "bytes": target.bytes,
    });
    let counts = [("nodes", target.nodes), ("edges", target.edges)];
    for (name, count) in counts {
        if let (Some(count), Some(fields)) = (count, value.as_object_mut()) {
            fields.insert(name.to_owned(), json!(count));
        }
    }
    if let (Some(version), Some(fields)) = (&target.node, value.as_object_mut()) {
        fields.insert("node".to_owned(), json!(version));
    }
    if let (Some(layout), Some(fields)) = (&target.layout, value.as_object_mut()) {
        fields.insert("layout".to_owned(), json!(layout));
    }
    if let (Some(running), Some(fields)) = (&target.running, value.as_object_mut()) {
        fields.insert("pid".to_owned(), json!(running.pid));
        fields.insert("script".to_owned(), json!(running.script));
        fields.insert("up_seconds".to_owned(), json!(running.up.map(|up| up.as_secs())));
        fields.insert("capture".to_owned(), capture(running));
    }
    value
}

/// What it took to capture a process.
fn capture(running: &Running) -> Value {
    json!({
        "method": running.method,
        "because": running.because,
        "attempts": running.attempts,
        "pause_ms": running.pause.as_secs_f64() * 1000.0,
        "took_ms": running.took.as_secs_f64() * 1000.0,
        "bytes": running.bytes,
        "unreadable": running.unreadable,
        "growth": running.growth,
        "threads": running.threads,
    })
}

fn write_section(out: &mut dyn Write, section: &Section) -> io::Result<()> {
    match section {
        Section::Table { table, .. } => write_table(out, table),
        Section::Tree { tree, .. } => write_tree(out, tree),
        Section::Ids(ids) => field(out, "ids", &ids.iter().map(|id| json!(id.0.to_string())).collect()),
        Section::Text { name, text } | Section::Raw { name, text } => field(out, name, &json!(text)),
        Section::Written { path, bytes, what } => {
            field(out, "output", &json!({"path": path.display().to_string(), "bytes": bytes, "what": what}))
        }
        Section::Value { name, json, .. } => field(out, name, json),
    }
}

fn write_table(out: &mut dyn Write, table: &Table) -> io::Result<()> {
    write!(out, ",\"{}\":{{\"columns\":", table.name)?;
    serde_json::to_writer(&mut *out, &names(&table.columns))?;
    write!(out, ",\"total_rows\":{},\"rows\":[", table.total_rows)?;
    for (at, row) in table.rows.iter().enumerate() {
        if at > 0 {
            out.write_all(b",\n")?;
        }
        out.write_all(b"{")?;
        write_cells(out, &table.columns, row, true)?;
        out.write_all(b"}")?;
    }
    out.write_all(b"]}")
}

fn names(columns: &[TableColumn]) -> Value {
    columns.iter().map(|column| json!(column.name)).collect()
}

fn write_cells(out: &mut dyn Write, columns: &[TableColumn], cells: &[Cell], is_first: bool) -> io::Result<()> {
    for (at, (column, cell)) in columns.iter().zip(cells).enumerate() {
        let comma = if at == 0 && is_first { "" } else { "," };
        write!(out, "{comma}\"{}\":", column.name)?;
        serde_json::to_writer(&mut *out, &value(cell, column.kind))?;
    }
    Ok(())
}

fn value(cell: &Cell, kind: ColumnKind) -> Value {
    match (cell, kind) {
        (Cell::None, _) => Value::Null,
        (Cell::Number(id), ColumnKind::Node) | (Cell::Node(id), _) => json!(id.to_string()),
        (Cell::Number(number), _) => json!(number),
        (Cell::Delta(delta), _) => json!(delta),
        (Cell::Share(share), _) => json!(share),
        (Cell::Text(text), _) => json!(text),
    }
}

/// A step of writing a tree without recursion.
enum Step<'a> {
    Open(&'a TreeNode, bool),
    Close(&'a TreeNode),
}

fn write_tree(out: &mut dyn Write, tree: &Tree) -> io::Result<()> {
    write!(out, ",\"{}\":{{\"columns\":", tree.name)?;
    serde_json::to_writer(&mut *out, &names(&tree.columns))?;
    out.write_all(b",\"roots\":[")?;
    let in_reverse = |nodes: &'_ [TreeNode]| (0..nodes.len()).rev();
    let mut steps: Vec<Step<'_>> = in_reverse(&tree.roots).map(|at| Step::Open(&tree.roots[at], at == 0)).collect();
    while let Some(step) = steps.pop() {
        match step {
            Step::Open(node, is_first) => {
                if !is_first {
                    out.write_all(b",")?;
                }
                write!(out, "{{\"edge\":{},\"label\":{}", json!(node.edge), json!(node.label))?;
                write_cells(out, &tree.columns, &node.cells, false)?;
                out.write_all(b",\"children\":[")?;
                steps.push(Step::Close(node));
                steps.extend(in_reverse(&node.children).map(|at| Step::Open(&node.children[at], at == 0)));
            }
            Step::Close(node) => write!(out, "],\"more\":{}}}", node.more)?,
        }
    }
    out.write_all(b"]}")
}
