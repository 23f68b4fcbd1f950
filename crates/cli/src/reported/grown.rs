//! What grew between several reports, as tables.

use heap::diagnostic_report::{Change, Growth};
use heap::view::{Cell, ColumnKind, Table};

use crate::answer::Section;

/// Returns the tables: bytes, and what is counted.
pub(super) fn tables(growth: &Growth) -> Vec<Section> {
    let bytes = (ColumnKind::Bytes, ColumnKind::DeltaBytes);
    let mut memory = table("reported_growth", bytes);
    for change in growth
        .memory
        .iter()
        .chain(growth.spaces.iter().filter(|change| change.values.iter().any(|value| value.is_some_and(|value| value > 0))))
    {
        push(&mut memory, change, title(&change.name));
    }
    let mut counts = table("count_growth", (ColumnKind::Count, ColumnKind::DeltaCount));
    for change in &growth.counts {
        push(&mut counts, change, &change.name);
    }
    let section = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &[] };
    vec![section("Memory", memory), section("Handles of libuv, realms, workers", counts)]
}

fn table(name: &'static str, (kind, difference): (ColumnKind, ColumnKind)) -> Table {
    Table::new(
        name,
        &[
            ("what", "what", ColumnKind::Text),
            ("first", "first", kind),
            ("middle", "middle", kind),
            ("last", "last", kind),
            ("change", "change", difference),
        ],
    )
}

fn push(table: &mut Table, change: &Change, title: &str) {
    let known: Vec<u64> = change.values.iter().flatten().copied().collect();
    if known.is_empty() {
        return;
    }
    let end = |value: Option<&Option<u64>>| value.copied().flatten().map_or(Cell::None, Cell::from);
    let middle = if change.values.len() > 2 { end(change.values.get(change.values.len() / 2)) } else { Cell::None };
    let delta = change.delta().map_or(Cell::None, Cell::Delta);
    table.push(vec![title.into(), end(change.values.first()), middle, end(change.values.last()), delta]);
}

/// Returns the words for a number of a process; a space is called as V8 calls it.
fn title(name: &str) -> &str {
    match name {
        "rss" => "in memory (RSS)",
        "heap_used" => "V8's heap: objects",
        "heap_pages" => "V8's heap: pages",
        "old_generation" => "its old generation",
        "external" => "outside the heap",
        "workers_used" => "workers: objects",
        "unexplained" => "neither of these",
        space => space,
    }
}
