//! What V8 recorded while it tracked allocations: which stack allocated a node, and how much was allocated when.

use crate::column::Column;

/// Allocation tracking, as a file holds it. Empty where it was off.
#[derive(Clone, Debug, Default)]
pub struct Allocations {
    /// The functions that allocated.
    pub functions: Vec<Function>,
    /// The tree of allocating stacks, parents before children; the first is the root.
    pub stacks: Vec<Stack>,
    /// For each node the `Stack::id` that allocated it, 0 for none. Empty where the file has no such column.
    pub node_stacks: Column<u32>,
    /// The timeline: when the highest object id was how high, by time.
    pub samples: Vec<Sample>,
}

/// A function that allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// V8's id of the function.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The script's name: a path or URL.
    pub script: String,
    /// V8's number of the script.
    pub script_id: u32,
    /// Line, from 0; `None` where V8 does not know it.
    pub line: Option<u32>,
    /// Column, from 0; `None` where V8 does not know it.
    pub column: Option<u32>,
}

/// One stack that allocated: a node of V8's `trace_tree`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// V8's id of the stack.
    pub id: u32,
    /// Position in `functions`.
    pub function: u32,
    /// How many objects it allocated in all.
    pub count: u64,
    /// How many bytes it allocated in all.
    pub size: u64,
    /// Position in `stacks` of the caller; `None` for the root.
    pub parent: Option<u32>,
}

/// One tick of the allocation timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Microseconds since tracking started.
    pub timestamp_us: u64,
    /// The highest object id given out by then.
    pub last_assigned_id: u64,
}
