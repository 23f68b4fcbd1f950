//! What changed between snapshots, as tables: two compared object by object, or many by number.

use rustc_hash::FxHashMap;

use crate::analysis::HeapAnalysis;
use crate::diff::{ClassDiff, Diff};
use crate::view::{Cell, ColumnKind, Table};

/// Shows a comparison: columns `class, added_count, removed_count, count_delta, added_size, removed_size, size_delta, base_count,
/// current_count, in_place_delta`. Most growth first. The numbers are DevTools' where objects were matched by id, but for the last column:
/// by how many bytes those grew that both snapshots have. DevTools leaves out classes of which none came or went.
#[must_use]
pub fn diff_table(diff: &Diff, limit: usize) -> Table {
    let columns = [
        ("class", "class", ColumnKind::Text),
        ("added_count", "new", ColumnKind::Count),
        ("removed_count", "gone", ColumnKind::Count),
        ("count_delta", "delta", ColumnKind::DeltaCount),
        ("added_size", "new size", ColumnKind::Bytes),
        ("removed_size", "gone size", ColumnKind::Bytes),
        ("size_delta", "size delta", ColumnKind::DeltaBytes),
        ("base_count", "before", ColumnKind::Count),
        ("current_count", "after", ColumnKind::Count),
        ("in_place_delta", "grew in place", ColumnKind::DeltaBytes),
    ];
    let mut table = Table::new("diff", &columns);
    for class in diff.classes.iter().take(limit) {
        let ClassDiff { name, added, removed, base, current, .. } = class;
        table.push(vec![
            name.as_str().into(),
            added.0.into(),
            removed.0.into(),
            class.count_delta().into(),
            added.1.into(),
            removed.1.into(),
            class.size_delta().into(),
            base.0.into(),
            current.0.into(),
            class.in_place_delta().into(),
        ]);
    }
    table.total_rows = diff.classes.len() as u64;
    table
}

/// Count and size of one class in each snapshot.
type Steps = Vec<(u64, u64)>;

/// Follows the number of every class through any number of snapshots, in the order given: columns `class, first_count, last_count,
/// count_delta, size_delta, counts, always_grew`. `counts` are all numbers, separated by `→`; `always_grew` is `yes` where every
/// snapshot has more than the one before. Classes are matched by name and by the newest snapshot's interfaces; those whose numbers
/// never change are left out. O(nodes of all).
#[must_use]
pub fn series(snapshots: &[&HeapAnalysis], limit: usize) -> Table {
    let columns = [
        ("class", "class", ColumnKind::Text),
        ("first_count", "first", ColumnKind::Count),
        ("last_count", "last", ColumnKind::Count),
        ("count_delta", "delta", ColumnKind::DeltaCount),
        ("size_delta", "size delta", ColumnKind::DeltaBytes),
        ("counts", "counts", ColumnKind::Text),
        ("always_grew", "grew each time", ColumnKind::Text),
    ];
    let mut table = Table::new("series", &columns);
    let Some(newest) = snapshots.last() else { return table };
    let mut sums: FxHashMap<String, Steps> = FxHashMap::default();
    for (nth, snapshot) in snapshots.iter().enumerate() {
        let classes = snapshot.classes_with(Some(newest.classes().interfaces()));
        let mut of_class = vec![(0_u64, 0_u64); classes.len()];
        for node in snapshot.graph().nodes() {
            let size = snapshot.self_size(node);
            if size > 0 {
                let sum = &mut of_class[classes.of(node).0 as usize];
                *sum = (sum.0 + 1, sum.1 + size);
            }
        }
        for (class, known) in classes.iter() {
            let (count, size) = of_class[class.0 as usize];
            let sum = &mut sums.entry(known.name.clone()).or_insert_with(|| vec![(0, 0); snapshots.len()])[nth];
            *sum = (sum.0 + count, sum.1 + size);
        }
    }
    let mut rows: Vec<(i64, String, Steps)> = sums
        .into_iter()
        .filter(|(_, steps)| steps.windows(2).any(|pair| pair[0].0 != pair[1].0))
        .map(|(name, steps)| (delta(&steps, |step| step.1), name, steps))
        .collect();
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    table.total_rows = rows.len() as u64;
    for (size_delta, name, steps) in rows.into_iter().take(limit) {
        let counts: Vec<String> = steps.iter().map(|(count, _)| count.to_string()).collect();
        let always_grew = steps.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let ends = |step: Option<&(u64, u64)>| Cell::Number(step.map_or(0, |&(count, _)| count));
        table.rows.push(vec![
            name.into(),
            ends(steps.first()),
            ends(steps.last()),
            delta(&steps, |step| step.0).into(),
            size_delta.into(),
            counts.join(" → ").into(),
            if always_grew { "yes" } else { "no" }.into(),
        ]);
    }
    table
}

fn delta(steps: &[(u64, u64)], of: impl Fn(&(u64, u64)) -> u64) -> i64 {
    steps.last().map_or(0, &of) as i64 - steps.first().map_or(0, &of) as i64
}
