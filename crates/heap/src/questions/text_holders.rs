//! Who holds strings with some text.

use crate::duplicates::string_text;
use crate::graph::{HeapGraph, NodeIx};
use crate::held::Case;
use crate::preview::{Limits, edge_label, head};
use crate::story::Setting;
use crate::view::{Cell, ColumnKind, Table};

/// Finds the strings that contain a text: where the source has the memory at hand all of each, else as much as a snapshot has.
fn containing(graph: &HeapGraph, text: &str, case: Case) -> Vec<NodeIx> {
    let strings: Vec<NodeIx> = graph.nodes().filter(|&node| graph.kind(node).is_string()).collect();
    let wanted = if case == Case::Ignored { text.to_lowercase() } else { text.to_owned() };
    let is_in_graph = |node: NodeIx| {
        let text = string_text(graph, node);
        if case == Case::Ignored { text.to_lowercase().contains(&wanted) } else { text.contains(&wanted) }
    };
    let mut found = vec![None; strings.len()];
    graph.containing(&strings, text, case, &mut |at, is| found[at] = is);
    strings.into_iter().zip(found).filter(|&(node, is)| is.unwrap_or_else(|| is_in_graph(node))).map(|(node, _)| node).collect()
}

/// Lists the holders of every string that contains a text: columns `id, holder, edge, kind, string_id, string, isolate`, one row for every reference
/// but those that V8 keeps for itself (its table of strings is none). Strings that nothing holds have a row without a holder. O(strings + edges).
#[must_use]
pub fn text_holders(setting: &Setting<'_>, text: &str, case: Case, limit: usize) -> Table {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("holder", "holder", ColumnKind::Text),
        ("edge", "by", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("string_id", "string id", ColumnKind::Node),
        ("string", "string", ColumnKind::Text),
        ("isolate", "isolate", ColumnKind::Count),
    ];
    let mut table = Table::new("grep", &columns);
    let (analysis, graph) = (setting.analysis, setting.graph());
    let limits = Limits { text: 60, ..Limits::default() };
    for string in containing(graph, text, case) {
        let mut push = |holder: Option<(NodeIx, crate::Edge)>| {
            table.total_rows += 1;
            if table.rows.len() >= limit {
                return;
            }
            table.rows.push(vec![
                holder.map_or(Cell::None, |(from, _)| graph.id(from).into()),
                holder.map(|(from, _)| head(setting, from, limits)).into(),
                holder.map(|(_, edge)| edge_label(graph, edge)).into(),
                holder.map(|(_, edge)| graph.edge_kind_name(edge)).into(),
                graph.id(string).into(),
                head(setting, string, limits).into(),
                graph.isolate(string).map(u64::from).into(),
            ]);
        };
        let mut holders = analysis.retainers(string).peekable();
        if holders.peek().is_none() {
            push(None);
        }
        holders.for_each(|holder| push(Some(holder)));
    }
    table
}
