//! The sections that not every file has: what allocation tracking recorded, the timeline, locations.

use std::io::{self, Write};

use super::Layout;
use super::sink::Sink;
use super::strings::OutStrings;
use crate::allocations::Stack;
use crate::graph::{HeapGraph, NodeIx};

/// Writes the functions that allocated.
pub(super) fn functions<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph, strings: &mut OutStrings<'_>) -> io::Result<()> {
    // V8 writes positions from 1, and 0 for "unknown".
    let position = |at: Option<u32>| at.map_or(0, |at| u64::from(at) + 1);
    let rows = graph.allocations().functions.iter().map(|function| {
        let (name, script) = (strings.place(&function.name), strings.place(&function.script));
        [function.id, name, script, u64::from(function.script_id), position(function.line), position(function.column)]
    });
    table(sink, "trace_function_infos", rows)
}

/// Writes the timeline.
pub(super) fn samples<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph) -> io::Result<()> {
    table(sink, "samples", graph.allocations().samples.iter().map(|sample| [sample.timestamp_us, sample.last_assigned_id]))
}

/// Writes where functions and classes were written.
pub(super) fn locations<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph, layout: &Layout) -> io::Result<()> {
    let row = |location: crate::Location| {
        let mut row =
            vec![layout.node_index(location.node), u64::from(location.script_id), u64::from(location.line), u64::from(location.column)];
        // Where one script has no node, the root's number stands: V8 writes 0.
        row.extend(layout.has_scripts.then(|| layout.node_index(location.script.unwrap_or(NodeIx(0)))));
        row
    };
    table(sink, "locations", graph.locations().iter().map(row))
}

/// Writes a flat array of rows.
fn table<W: Write, R: AsRef<[u64]>>(sink: &mut Sink<'_, W>, name: &str, rows: impl Iterator<Item = R>) -> io::Result<()> {
    sink.text("\"")?;
    sink.text(name)?;
    sink.text("\":[")?;
    let mut is_first = true;
    for row in rows {
        for &value in row.as_ref() {
            if !std::mem::take(&mut is_first) {
                sink.text(",")?;
            }
            sink.number(value)?;
        }
        sink.text("\n")?;
    }
    sink.text("],\n")
}

/// Writes the tree of allocating stacks: `[id, function, count, size, [children…]]`, the members of a list side by side. Trees can be
/// deeper than a thread's stack: no recursion.
pub(super) fn trace_tree<W: Write>(sink: &mut Sink<'_, W>, graph: &HeapGraph) -> io::Result<()> {
    let stacks = &graph.allocations().stacks;
    let children = Children::of(stacks);
    sink.text("\"trace_tree\":[")?;
    // The lists that are open, each with the children that are still to come.
    let mut open = vec![children.of_parent(None).iter()];
    let mut is_first = true;
    while let Some(list) = open.last_mut() {
        let Some(&next) = list.next() else {
            open.pop();
            if !open.is_empty() {
                sink.text("]")?;
                is_first = false;
            }
            continue;
        };
        if !std::mem::take(&mut is_first) {
            sink.text(",")?;
        }
        let stack = &stacks[next as usize];
        sink.number(u64::from(stack.id))?;
        sink.next(u64::from(stack.function))?;
        sink.next(stack.count)?;
        sink.next(stack.size)?;
        sink.text(",[")?;
        is_first = true;
        open.push(children.of_parent(Some(next)).iter());
    }
    sink.text("],\n")
}

/// The children of every stack. A stack whose parent does not come before it counts as a root, so that there can be no cycle.
struct Children {
    /// Where the list of each stack starts in `lists`; that of the roots comes last.
    starts: Vec<usize>,
    lists: Vec<u32>,
}

impl Children {
    fn of(stacks: &[Stack]) -> Self {
        let parent = |at: usize| stacks[at].parent.map(|parent| parent as usize).filter(|&parent| parent < at).unwrap_or(stacks.len());
        let mut starts = vec![0; stacks.len() + 2];
        for at in 0..stacks.len() {
            starts[parent(at) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut lists = vec![0; stacks.len()];
        for at in 0..stacks.len() {
            let slot = &mut next[parent(at)];
            lists[*slot] = at as u32;
            *slot += 1;
        }
        Self { starts, lists }
    }

    fn of_parent(&self, parent: Option<u32>) -> &[u32] {
        let at = parent.map_or(self.starts.len() - 2, |parent| parent as usize);
        &self.lists[self.starts[at]..self.starts[at + 1]]
    }
}
