//! Where code was written: script, line and column of functions and classes.

use crate::graph::NodeIx;

/// Where the function or class of a node was written, as V8 gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The closure, or the object whose class it is.
    pub node: NodeIx,
    /// V8's number of the script: stable within one run of a process.
    pub script_id: u32,
    /// Line, from 0.
    pub line: u32,
    /// Column in UTF-16 units, from 0.
    pub column: u32,
    /// The script's own node, where the file tells (V8 after Node 26).
    pub script: Option<NodeIx>,
}
