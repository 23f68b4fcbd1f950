//! Trees on a terminal: numbers in front, as `du` prints them, so that they stay aligned at any depth.
//!
//! Iterative: a retaining path may be a hundred thousand hops long.

use std::io::{self, Write};

use heap::view::{Cell, Tree, TreeNode};

use super::clean::{columns, fit, fit_place};
use super::number;
use super::style::Style;
use super::table::{is_text, plain};

/// Levels beyond this are not indented further; on a narrow terminal fewer are, so that half of the line is left for labels.
const DEEPEST_INDENT: usize = 20;

/// The columns that one level takes.
const INDENT: usize = 3;

/// A label is not cut to less, however narrow the terminal.
const LEAST_LABEL: usize = 8;

/// A line to be written.
struct Line<'a> {
    node: &'a TreeNode,
    /// Whether this stands for the children of `node` that were left out, rather than for the node.
    is_more: bool,
    depth: usize,
    is_last: bool,
    /// Which ancestors have siblings below: one bit a level, for the first `DEEPEST_INDENT` levels.
    open: u32,
}

/// Writes a tree.
pub(super) fn write(out: &mut dyn Write, tree: &Tree, style: &Style) -> io::Result<()> {
    if tree.roots.is_empty() {
        return writeln!(out, "{}", style.dim("nothing found"));
    }
    let numbers: Vec<usize> = (0..tree.columns.len()).filter(|&at| !is_text(&tree.columns[at])).collect();
    let mut widths: Vec<usize> = numbers.iter().map(|&at| tree.columns[at].title.len()).collect();
    visit(tree, &mut |line| {
        if line.is_more {
            return Ok(());
        }
        for (width, &at) in widths.iter_mut().zip(&numbers) {
            *width = (*width).max(columns(&number_cell(line.node, tree, at)));
        }
        Ok(())
    })?;
    if !numbers.is_empty() {
        let titles: Vec<String> = numbers.iter().zip(&widths).map(|(&at, width)| format!("{:>width$}", tree.columns[at].title)).collect();
        writeln!(out, "{}", style.dim(&titles.join("  ")))?;
    }
    visit(tree, &mut |line| write_line(out, tree, line, &numbers, &widths, style))
}

/// Returns how many levels are indented behind numbers of these widths.
fn deepest(widths: &[usize], style: &Style) -> usize {
    let front: usize = widths.iter().map(|width| width + 2).sum();
    (style.width.saturating_sub(front) / 2 / INDENT).clamp(3, DEEPEST_INDENT)
}

/// Calls `each` for all nodes, parents before children.
fn visit<'a>(tree: &'a Tree, each: &mut dyn FnMut(&Line<'a>) -> io::Result<()>) -> io::Result<()> {
    let mut stack: Vec<Line<'a>> =
        tree.roots.iter().rev().map(|node| Line { node, is_more: false, depth: 0, is_last: true, open: 0 }).collect();
    while let Some(line) = stack.pop() {
        each(&line)?;
        if line.is_more {
            continue;
        }
        let below = if line.depth == 0 || line.depth > DEEPEST_INDENT || line.is_last { line.open } else { line.open | 1 << line.depth };
        let last = line.node.children.len().wrapping_sub(1);
        if line.node.more > 0 {
            stack.push(Line { node: line.node, is_more: true, depth: line.depth + 1, is_last: true, open: below });
        }
        for (at, node) in line.node.children.iter().enumerate().rev() {
            let is_last = at == last && line.node.more == 0;
            stack.push(Line { node, is_more: false, depth: line.depth + 1, is_last, open: below });
        }
    }
    Ok(())
}

fn number_cell(node: &TreeNode, tree: &Tree, at: usize) -> String {
    node.cells.get(at).map_or_else(String::new, |cell| plain(cell, tree.columns[at].kind))
}

fn write_line(out: &mut dyn Write, tree: &Tree, line: &Line<'_>, numbers: &[usize], widths: &[usize], style: &Style) -> io::Result<()> {
    if line.is_more {
        return write_more(out, line, widths, style);
    }
    let mut front = String::new();
    for (&at, width) in numbers.iter().zip(widths) {
        let cell = number_cell(line.node, tree, at);
        front.push_str(&" ".repeat(width.saturating_sub(columns(&cell))));
        front.push_str(&cell);
        front.push_str("  ");
    }
    let branch = branch(line, deepest(widths, style));
    let texts: Vec<String> = (0..tree.columns.len())
        .filter(|&at| is_text(&tree.columns[at]) && !tree.columns[at].title.is_empty())
        .filter_map(|at| line.node.cells.get(at))
        .filter(|cell| !matches!(cell, Cell::None))
        .map(|cell| plain(cell, heap::view::ColumnKind::Text))
        .collect();
    let room = style.width.saturating_sub(columns(&front) + columns(&branch)).max(LEAST_LABEL);
    let label =
        if line.node.edge.is_empty() { line.node.label.clone() } else { format!("{} {}", line.node.edge.trim_end(), line.node.label) };
    let behind = texts.join("  ");
    // A place has what the label leaves, and half of the line in any case.
    let left = room.saturating_sub(columns(&fit(&label, room, style.ascii)) + 2);
    let behind = fit_place(&behind, left.max(room / 2), style.ascii);
    let label = fit(&label, room.saturating_sub(if behind.is_empty() { 0 } else { columns(&behind) + 2 }), style.ascii);
    let behind = if behind.is_empty() { behind } else { format!("  {}", style.cyan(&behind)) };
    writeln!(out, "{front}{}{label}{behind}", style.dim(&style.own(&branch)))
}

/// Says how many children were left out.
fn write_more(out: &mut dyn Write, line: &Line<'_>, widths: &[usize], style: &Style) -> io::Result<()> {
    let indent = " ".repeat(widths.iter().map(|width| width + 2).sum());
    let mut text = format!("{indent}{}… {} more", branch(line, deepest(widths, style)), number::count(line.node.more));
    if columns(&text) > style.width {
        text.truncate(text.len() - " more".len());
    }
    writeln!(out, "{}", style.dim(&style.own(&text)))
}

fn branch(line: &Line<'_>, deepest: usize) -> String {
    if line.depth == 0 {
        return String::new();
    }
    let mut text = String::new();
    for level in 1..line.depth.min(deepest) {
        text.push_str(if line.open >> level & 1 == 1 { "│  " } else { "   " });
    }
    text.push_str(if line.is_last { "└─ " } else { "├─ " });
    text
}

#[cfg(test)]
mod tests {
    use heap::view::{ColumnKind, TableColumn};

    use super::*;

    fn node(edge: &str, label: &str, size: u64, children: Vec<TreeNode>, more: u64) -> TreeNode {
        TreeNode { edge: edge.into(), label: label.into(), cells: vec![Cell::Number(size)], children, more }
    }

    #[test]
    fn draws_branches() {
        let leaf = node("[0]", "Session @5", 464, vec![], 0);
        let map = node(".byId", "Map @3", 90_000_000, vec![leaf.clone(), leaf], 1998);
        let other = node(".name", "\"a\nb\"", 16, vec![], 0);
        let tree = Tree {
            name: "dominators",
            columns: vec![TableColumn { name: "retained_size", title: "retained", kind: ColumnKind::Bytes }],
            roots: vec![node("", "SessionCache @2", 90_700_000, vec![map, other], 0)],
        };
        let mut out = Vec::new();
        write(&mut out, &tree, &Style { colour: false, ascii: false, width: 80 }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        retained
         90.7 MB  SessionCache @2
         90.0 MB  ├─ .byId Map @3
           464 B  │  ├─ [0] Session @5
           464 B  │  ├─ [0] Session @5
                  │  └─ … 1,998 more
            16 B  └─ .name "a\nb"
        "#);
    }

    #[test]
    fn deep_paths_do_not_overflow() {
        let mut deep = node("", "end", 1, vec![], 0);
        for _ in 0..10_000 {
            deep = node(".next", "Node", 1, vec![deep], 0);
        }
        let tree = Tree { name: "path", columns: vec![], roots: vec![deep] };
        let mut out = Vec::new();
        write(&mut out, &tree, &Style { colour: false, ascii: true, width: 80 }).unwrap();
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 10_001);
        // Dropping a tree of that depth is `TreeNode`'s own recursion.
    }
}
