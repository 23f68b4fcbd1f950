//! Tables on a terminal: numbers right-aligned and whole, names cut in the middle so that a row keeps to one line.

use std::io::{self, Write};

use heap::NodeId;
use heap::view::{Cell, ColumnKind, Table, TableColumn};

use super::clean::{columns, fit, fit_place};
use super::number;
use super::style::Style;

/// The narrowest that a column of text is cut to.
const NARROWEST: usize = 12;
/// The narrowest where even that leaves the line too long.
const NARROWEST_OF_ALL: usize = 6;

/// The spaces between columns.
const GAP: usize = 2;

/// Returns a cell as text; names are not cleaned or cut.
pub(super) fn plain(cell: &Cell, kind: ColumnKind) -> String {
    match (cell, kind) {
        (Cell::None, _) => String::new(),
        (Cell::Number(size), ColumnKind::Bytes | ColumnKind::DeltaBytes) => number::bytes(*size),
        (Cell::Number(id), ColumnKind::Node) | (Cell::Node(id), _) => NodeId(*id).to_string(),
        (Cell::Number(count), _) => number::count(*count),
        (Cell::Delta(delta), ColumnKind::Bytes | ColumnKind::DeltaBytes) => number::delta_bytes(*delta),
        (Cell::Delta(delta), _) => number::delta_count(*delta),
        (Cell::Share(share), _) => number::share(*share),
        (Cell::Text(text), _) => text.clone(),
    }
}

/// Says whether a column's cells are text, which stands to the left.
pub(super) fn is_text(column: &TableColumn) -> bool {
    matches!(column.kind, ColumnKind::Text | ColumnKind::Word | ColumnKind::Location)
}

/// Says whether a column's cells may be cut.
fn may_be_cut(column: &TableColumn) -> bool {
    is_text(column) && column.kind != ColumnKind::Word
}

/// Says whether a column stands to the right.
fn is_right(column: &TableColumn) -> bool {
    !is_text(column) && column.kind != ColumnKind::Node
}

/// Writes a table without its hidden columns: a heading, its rows, and how many rows a limit left out.
pub(super) fn write(out: &mut dyn Write, table: &Table, hidden: &[&str], style: &Style) -> io::Result<()> {
    if table.rows.is_empty() {
        return writeln!(out, "{}", style.dim("nothing found"));
    }
    let used = used_columns(table, hidden);
    let cells: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| used.iter().map(|&at| row.get(at).map_or_else(String::new, |cell| shown(cell, &table.columns[at], style))).collect())
        .collect();
    let columns: Vec<&TableColumn> = used.iter().map(|&at| &table.columns[at]).collect();
    let widths = widths(&columns, &cells, style.width);
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    writeln!(out, "{}", style.dim(line(&columns, &titles, &widths, style).trim_end()))?;
    for row in &cells {
        writeln!(out, "{}", line(&columns, row, &widths, style).trim_end())?;
    }
    let left_out = table.total_rows.saturating_sub(table.rows.len() as u64);
    if left_out > 0 {
        let text = format!("… {} more (--limit 0 shows all)", number::count(left_out));
        writeln!(out, "{}", style.dim(&style.own(&text)))?;
    }
    Ok(())
}

/// Leaves out hidden columns and those in which no row says anything.
fn used_columns(table: &Table, hidden: &[&str]) -> Vec<usize> {
    let says = |at: &usize| table.rows.iter().any(|row| !matches!(row.get(*at), None | Some(Cell::None)));
    (0..table.columns.len()).filter(|&at| !hidden.contains(&table.columns[at].name)).filter(says).collect()
}

fn shown(cell: &Cell, column: &TableColumn, style: &Style) -> String {
    if is_text(column) { cut(&plain(cell, column.kind), column, style.width, style) } else { plain(cell, column.kind) }
}

/// Cuts a name in the middle, and a place at its start: the line is at its end.
fn cut(text: &str, column: &TableColumn, width: usize, style: &Style) -> String {
    if column.kind == ColumnKind::Location { fit_place(text, width, style.ascii) } else { fit(text, width, style.ascii) }
}

/// Gives every column the room that it needs, and takes from the widest texts what the line has not.
fn widths(columns_: &[&TableColumn], cells: &[Vec<String>], line: usize) -> Vec<usize> {
    let widest = |at: usize| cells.iter().map(|row| columns(&row[at])).max().unwrap_or(0);
    let mut widths: Vec<usize> = columns_.iter().enumerate().map(|(at, column)| widest(at).max(column.title.len())).collect();
    let line = line.saturating_sub(GAP * widths.len().saturating_sub(1));
    let places: Vec<usize> = (0..columns_.len()).map(|at| file_names(columns_[at], at, cells)).collect();
    shrink(&mut widths, columns_, line, |at| NARROWEST.max(places[at]));
    let mut narrower = widths.clone();
    shrink(&mut narrower, columns_, line, |at| if places[at] > 0 { NARROWEST } else { NARROWEST_OF_ALL });
    // Names are not mangled for nothing: where the numbers alone are too wide.
    if narrower.iter().sum::<usize>() <= line { narrower } else { widths }
}

/// Returns how wide a column of places must be so that every file's name and line are whole, within reason; 0 for other columns.
fn file_names(column: &TableColumn, at: usize, cells: &[Vec<String>]) -> usize {
    const MOST: usize = 26;
    if column.kind != ColumnKind::Location {
        return 0;
    }
    // In front of the name stand a mark and a slash.
    let name = |row: &Vec<String>| row[at].rsplit_once('/').map_or(columns(&row[at]), |(_, name)| columns(name) + 2);
    cells.iter().map(name).max().unwrap_or(0).min(MOST)
}

/// Takes from the widest texts what all columns together have too much, each down to its least width.
fn shrink(widths: &mut [usize], columns_: &[&TableColumn], room: usize, least: impl Fn(usize) -> usize) {
    loop {
        let excess = widths.iter().sum::<usize>().saturating_sub(room);
        let floor_of = |at: usize| least(at).max(columns_[at].title.len());
        let candidates = widths.iter().enumerate().filter(|(at, width)| may_be_cut(columns_[*at]) && **width > floor_of(*at));
        let Some((at, &width)) = candidates.max_by_key(|(_, width)| **width).filter(|_| excess > 0) else { return };
        // Down to the next widest at most, so that two long columns end up equal.
        let next = widths.iter().enumerate().filter(|(other, _)| *other != at && may_be_cut(columns_[*other])).map(|(_, width)| *width);
        let floor = next.filter(|next| *next < width).max().unwrap_or(0).max(floor_of(at)).min(width - 1);
        widths[at] = floor.max(width.saturating_sub(excess));
    }
}

fn line(columns_: &[&TableColumn], cells: &[String], widths: &[usize], style: &Style) -> String {
    let mut text = String::new();
    for (at, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            text.push_str(&" ".repeat(GAP));
        }
        let cell = if is_text(columns_[at]) && columns(cell) > width { cut(cell, columns_[at], width, style) } else { cell.clone() };
        let padding = " ".repeat(width.saturating_sub(columns(&cell)));
        if is_right(columns_[at]) {
            text.push_str(&padding);
            text.push_str(&cell);
        } else {
            text.push_str(&cell);
            text.push_str(&padding);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(table: &Table, width: usize) -> String {
        let mut out = Vec::new();
        write(&mut out, table, &[], &Style { colour: false, ascii: false, width }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn aligns_and_cuts() {
        let mut table = Table::new(
            "classes",
            &[("class", "class", ColumnKind::Text), ("count", "count", ColumnKind::Count), ("self_size", "self size", ColumnKind::Bytes)],
        );
        table.push(vec!["Session".into(), 20_000_u64.into(), 9_280_000_u64.into()]);
        table.push(vec!["{aVeryLongProperty, another\nWithBreak, third, fourth}".into(), 1_u64.into(), 56_u64.into()]);
        table.push(vec!["gone".into(), 2_u64.into(), 1_u64.into()]);
        table.truncate(2);
        insta::assert_snapshot!(rendered(&table, 44), @r"
        class                       count  self size
        Session                    20,000     9.3 MB
        {aVeryLongPrope…, fourth}       1       56 B
        … 1 more (--limit 0 shows all)
        ");
    }

    #[test]
    fn leaves_out_columns_that_say_nothing() {
        let mut table = Table::new(
            "x",
            &[("node", "id", ColumnKind::Node), ("location", "location", ColumnKind::Location), ("share", "share", ColumnKind::Share)],
        );
        table.push(vec![Cell::Node(7), Cell::None, Cell::Share(0.5)]);
        insta::assert_snapshot!(rendered(&table, 80), @r"
        id  share
        @7    50%
        ");
        table.rows.clear();
        assert_eq!(rendered(&table, 80), "nothing found\n");
    }
}
