//! Samples as rows for programs: the same fields in a table and in a JSON object of its own.

use std::collections::VecDeque;

use heap::outlook::{Outlook, Reached};
use heap::trend::Slope;
use heap::view::{Cell, ColumnKind, Table};
use serde_json::{Value, json};

use super::Sample;
use crate::render::number;

const COLUMNS: [(&str, &str, ColumnKind); 20] = [
    ("time", "time", ColumnKind::Text),
    ("at_ms", "at", ColumnKind::Count),
    ("rss", "RSS", ColumnKind::Bytes),
    ("anonymous", "anonymous", ColumnKind::Bytes),
    ("files", "files", ColumnKind::Bytes),
    ("shared", "shared", ColumnKind::Bytes),
    ("swapped", "swapped", ColumnKind::Bytes),
    ("heap_committed", "heap", ColumnKind::Bytes),
    ("heap_young_committed", "young", ColumnKind::Bytes),
    ("heap_old_used", "old", ColumnKind::Bytes),
    ("heap_floor", "floor", ColumnKind::Bytes),
    ("heap_limit", "limit", ColumnKind::Bytes),
    ("nearest_old_used", "nearest", ColumnKind::Bytes),
    ("external", "external", ColumnKind::Bytes),
    ("besides_least", "besides", ColumnKind::Bytes),
    ("isolates", "isolates", ColumnKind::Count),
    ("full_collections", "full", ColumnKind::Count),
    ("collections", "collections", ColumnKind::Count),
    ("group_used", "group", ColumnKind::Bytes),
    ("group_limit", "of", ColumnKind::Bytes),
];

fn cells(sample: &Sample) -> Vec<Cell> {
    let heap = sample.heap.as_ref();
    let number = |value: Option<u64>| value.map_or(Cell::None, Cell::from);
    let nearest = heap.map(|heap| heap.nearest);
    vec![
        number::utc(sample.time).into(),
        Cell::from(u64::try_from(sample.at.as_millis()).unwrap_or(u64::MAX)),
        sample.resident.into(),
        sample.anonymous.into(),
        sample.files.into(),
        sample.shared.into(),
        sample.swapped.into(),
        number(heap.map(|heap| heap.committed)),
        number(heap.map(|heap| heap.young)),
        number(heap.map(|heap| heap.used)),
        number(nearest.and_then(|heap| heap.last_full)),
        number(nearest.and_then(|heap| heap.limit)),
        number(nearest.map(|heap| heap.used)),
        number(heap.and_then(|heap| heap.external)),
        number(sample.besides()),
        number(heap.map(|heap| u64::from(heap.isolates))),
        number(nearest.and_then(|heap| heap.full_collections).map(u64::from)),
        number(heap.and_then(|heap| heap.collections).map(u64::from)),
        number(sample.group.map(|group| group.used)),
        number(sample.group.map(|group| group.limit)),
    ]
}

/// Returns samples as a table.
pub(crate) fn table(samples: &VecDeque<Sample>) -> Table {
    let mut table = Table::new("samples", &COLUMNS);
    samples.iter().for_each(|sample| table.push(cells(sample)));
    table
}

/// Returns a sample as a JSON object, with what comes of it.
pub(crate) fn row(sample: &Sample, outlook: &Outlook) -> Value {
    let value = |cell: Cell| match cell {
        Cell::Number(number) => json!(number),
        Cell::Text(text) => json!(text),
        _ => Value::Null,
    };
    let fields = COLUMNS.iter().zip(cells(sample)).map(|((name, ..), cell)| ((*name).to_owned(), value(cell)));
    let mut object: serde_json::Map<String, Value> = fields.collect();
    object.insert("trend".to_owned(), json!(outlook.trend().name()));
    object.insert("floor_slope".to_owned(), outlook.floors.as_ref().map_or(Value::Null, |course| slope_in_json(course.slope)));
    object.insert("reached".to_owned(), reached_in_json(outlook));
    Value::Object(object)
}

/// Returns a slope as a JSON object.
pub(crate) fn slope_in_json(slope: Slope) -> Value {
    json!({ "bytes_per_second": slope.middle, "low": slope.low, "high": slope.high })
}

/// Returns which limits are reached when.
pub(crate) fn reached_in_json(outlook: &Outlook) -> Value {
    let one = |one: &Reached| {
        let [soonest, about, latest] = one.seconds;
        json!({ "limit": one.limit.name(), "left": one.left, "seconds": about, "soonest": soonest, "latest": latest })
    };
    outlook.reached.iter().map(one).collect()
}
