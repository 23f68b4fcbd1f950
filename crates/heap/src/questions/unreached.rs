//! What is not alive any more, next to what is: columns of a histogram.

use rustc_hash::FxHashMap;

use crate::view::{Cell, ColumnKind, Table, TableColumn};

/// Adds to a histogram of what is alive how many of each group are only weakly reachable, and how many are garbage: columns `weak_count,
/// weak_size, garbage_count, garbage_size`. Groups of which nothing is alive come last, the largest first. All three tables must be whole;
/// the first `limit` rows are kept. Objects without a class are grouped by what others like them have, so a few may change their group.
#[must_use]
pub fn with_unreached(mut live: Table, weak: &Table, garbage: &Table, limit: usize) -> Table {
    let at = |name: &str| live.columns.iter().position(|column| column.name == name).unwrap_or(0);
    let (name, count, size, location, isolate) = (at("class"), at("count"), at("self_size"), at("location"), at("isolate"));
    // Several isolates have a class of the same name each.
    let group = |row: &Vec<Cell>| Some((text(row.get(name)?)?.to_owned(), row.get(isolate).map_or(0, number)));
    let mut others: Vec<FxHashMap<Group, &Vec<Cell>>> = Vec::new();
    for table in [weak, garbage] {
        others.push(table.rows.iter().filter_map(|row| Some((group(row)?, row))).collect());
    }
    let extra = |others: &mut [FxHashMap<Group, &Vec<Cell>>], group: &Group| -> Vec<Cell> {
        let halves = others.iter_mut().flat_map(|rows| match rows.remove(group) {
            Some(row) => [row[count].clone(), row[size].clone()],
            None => [Cell::Number(0), Cell::Number(0)],
        });
        halves.collect()
    };
    for row in &mut live.rows {
        let group = group(row).unwrap_or_default();
        row.splice(location..location, extra(&mut others, &group));
    }
    for column in COLUMNS.into_iter().rev() {
        live.columns.insert(location, column);
    }
    let mut gone: Vec<Vec<Cell>> = Vec::new();
    for nth in 0..2 {
        let mut groups: Vec<(Group, Vec<Cell>)> = others[nth].iter().map(|(group, row)| (group.clone(), (*row).clone())).collect();
        groups.sort_by(|a, b| number(&b.1[size]).cmp(&number(&a.1[size])).then_with(|| a.0.cmp(&b.0)));
        for (group, mut row) in groups {
            let added = extra(&mut others, &group);
            for cell in &mut row[count..location] {
                *cell = if matches!(cell, Cell::Number(_)) { Cell::Number(0) } else { Cell::None };
            }
            row.splice(location..location, added);
            gone.push(row);
        }
    }
    let total = |row: &Vec<Cell>| number(&row[location + 1]) + number(&row[location + 3]);
    gone.sort_by_key(|row| std::cmp::Reverse(total(row)));
    live.total_rows += gone.len() as u64;
    live.rows.extend(gone);
    live.truncate(limit);
    live
}

/// The name of a group, and its isolate.
type Group = (String, u64);

const COLUMNS: [TableColumn; 4] = [
    TableColumn { name: "weak_count", title: "weakly", kind: ColumnKind::Count },
    TableColumn { name: "weak_size", title: "weak size", kind: ColumnKind::Bytes },
    TableColumn { name: "garbage_count", title: "garbage", kind: ColumnKind::Count },
    TableColumn { name: "garbage_size", title: "garbage size", kind: ColumnKind::Bytes },
];

fn text(cell: &Cell) -> Option<&str> {
    if let Cell::Text(text) = cell { Some(text) } else { None }
}

fn number(cell: &Cell) -> u64 {
    if let Cell::Number(number) = cell { *number } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, u64, u64)]) -> Table {
        let columns = [
            ("class", "class", ColumnKind::Text),
            ("count", "count", ColumnKind::Count),
            ("self_size", "self size", ColumnKind::Bytes),
            ("retained_size", "retained", ColumnKind::Bytes),
            ("location", "location", ColumnKind::Location),
        ];
        let mut table = Table::new("classes", &columns);
        for &(name, count, size) in rows {
            table.push(vec![name.into(), count.into(), size.into(), (2 * size).into(), Cell::None]);
        }
        table
    }

    #[test]
    fn garbage_stands_next_to_what_is_alive() {
        let live = table(&[("Session", 10, 1000), ("Map", 1, 32)]);
        let (weak, garbage) = (table(&[("Key", 1, 16)]), table(&[("Job", 7, 700), ("Session", 5, 500), ("Key", 2, 32)]));
        let found = with_unreached(live, &weak, &garbage, 3);
        let names: Vec<&str> = found.columns.iter().map(|column| column.name).collect();
        assert_eq!(
            names,
            ["class", "count", "self_size", "retained_size", "weak_count", "weak_size", "garbage_count", "garbage_size", "location"]
        );
        let rows: Vec<(&str, Vec<u64>)> =
            found.rows.iter().map(|row| (text(&row[0]).unwrap(), row[1..8].iter().map(number).collect())).collect();
        assert_eq!(
            rows,
            [("Session", vec![10, 1000, 2000, 0, 0, 5, 500]), ("Map", vec![1, 32, 64, 0, 0, 0, 0]), ("Job", vec![0, 0, 0, 0, 0, 7, 700])]
        );
        assert_eq!(found.total_rows, 4);
    }

    #[test]
    fn isolates_keep_their_garbage_apart() {
        let of = |rows: &[(u64, u64)]| {
            let mut table = table(&rows.iter().map(|&(count, _)| ("Session", count, 8 * count)).collect::<Vec<_>>());
            table.columns.push(TableColumn { name: "isolate", title: "isolate", kind: ColumnKind::Count });
            table.rows.iter_mut().zip(rows).for_each(|(row, &(_, isolate))| row.push(isolate.into()));
            table
        };
        let found = with_unreached(of(&[(5, 1), (4, 3)]), &of(&[]), &of(&[(30, 3), (10, 1), (20, 2)]), 9);
        let rows: Vec<[u64; 3]> = found.rows.iter().map(|row| [1, 6, 9].map(|at| number(&row[at]))).collect();
        assert_eq!(rows, [[5, 10, 1], [4, 30, 3], [0, 20, 2]]);
    }
}
