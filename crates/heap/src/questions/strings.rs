//! Strings by content: which there are, how often, and what equal copies waste.

use crate::analysis::HeapAnalysis;
use crate::duplicates::{StringContents, StringGroup, string_text};
use crate::view::{ColumnKind, Table};

/// Which strings are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringQuery {
    /// Only those of which there are several.
    pub duplicates: bool,
    /// Only those that contain this text.
    pub grep: Option<String>,
    /// Whether `grep` ignores case.
    pub ignore_case: bool,
    /// Only those with at least so many characters.
    pub min_len: usize,
}

/// How much of a string is shown, in characters.
const SHOWN: usize = 200;

/// Lists strings by content: columns `string, length, count, self_size, retained_size, wasted_bytes, cut, id`. `length` counts UTF-16 units
/// of what is in the file; `wasted_bytes` is what would be saved if there were only one; `id` is the first one's. `retained_size` is what the strings of one
/// content retain together, each byte counted once. What retains most comes first, and `cut` says that V8 wrote only the start: up to Node 26 such strings count as equal when their starts are; with `duplicates` exactly DevTools' groups. O(nodes + bytes of the string table).
#[must_use]
pub fn strings(analysis: &HeapAnalysis, query: &StringQuery, limit: usize) -> Table {
    let columns = [
        ("string", "string", ColumnKind::Text),
        ("length", "length", ColumnKind::Count),
        ("count", "count", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("wasted_bytes", "wasted", ColumnKind::Bytes),
        ("cut", "cut", ColumnKind::Text),
        ("id", "id", ColumnKind::Node),
    ];
    let mut table = Table::new("strings", &columns);
    let graph = analysis.graph();
    let contents = StringContents::of(analysis);
    let wanted = query.grep.as_deref().map(|text| if query.ignore_case { text.to_lowercase() } else { text.to_owned() });
    let is_any = wanted.is_none() && query.min_len == 0;
    let mut groups = contents.groups(if query.duplicates { 2 } else { 1 }, |sample| {
        if is_any {
            return true;
        }
        let text = string_text(graph, sample);
        let has_length = query.min_len == 0 || text.encode_utf16().count() >= query.min_len;
        let found = |wanted: &String| if query.ignore_case { text.to_lowercase().contains(wanted) } else { text.contains(wanted.as_str()) };
        has_length && wanted.as_ref().is_none_or(found)
    });
    groups.sort_by_key(|group| std::cmp::Reverse(group.together));
    table.total_rows = groups.len() as u64;
    for StringGroup { sample, count, self_size, together, largest, .. } in groups.into_iter().take(limit) {
        let text = string_text(graph, sample);
        let length = text.encode_utf16().count() as u64;
        let shown = match text.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        table.rows.push(vec![
            shown.into(),
            length.into(),
            count.into(),
            self_size.into(),
            together.into(),
            self_size.saturating_sub(largest).into(),
            if crate::preview::is_cut(graph, sample, length) { "yes" } else { "no" }.into(),
            graph.id(sample).into(),
        ]);
    }
    table
}
