//! The heap graph of a JavaScript engine, and every question that can be asked of it.
//!
//! # The nouns and how they meet
//!
//! A *source* (here: `snapshot::read`) turns bytes into a [`HeapGraph`] and the [`Problems`] that it met. [`HeapAnalysis`] wraps a
//! graph and computes, once and on demand, what the graph only implies: distances, dominators, retained sizes, classes. A *question*
//! is a plain function of an analysis that returns a [`view::Table`] or a [`view::Tree`]. Front-ends render those.
//!
//! # Glossary
//!
//! - *node*: an object of the heap, or a group that V8 made up for the snapshot (a *synthetic* node).
//! - *edge*: a reference. *Weak* edges and *shortcuts* do not keep their target alive.
//! - *self size* (shallow size): the bytes of the node itself; as DevTools counts, with backing arrays that only it uses.
//! - *retained size*: the bytes that would be freed with the node: the self sizes of all that it dominates.
//! - *immediate dominator*: the last node that every path from the root must pass before this one.
//! - *retainer*: a node with an edge to this one.
//! - *distance*: the number of edges on the shortest path from the global object, or from the root.
//! - *class*: what the histogram groups by: constructor name, or `{a, b}` for plain objects of a common shape.
//! - *ephemeron*: an entry of a WeakMap: the value lives as long as both table and key do.

pub mod aggregates;
pub mod alarm;
pub mod allocations;
pub mod analysis;
pub mod bitset;
mod buffer;
pub mod builder;
pub mod classes;
pub mod column;
pub mod contexts;
pub mod convert;
mod counted;
pub mod cut;
mod decimal;
mod detached;
pub mod diagnostic_report;
pub mod diff;
pub mod distance;
mod dominators;
pub mod duplicates;
mod edge_names;
mod edge_sources;
mod facts;
mod fetch;
pub mod filters;
mod first_edges;
pub mod gc_log;
pub mod graph;
pub mod growth;
pub mod heap_profile;
pub mod held;
mod ids;
pub mod index;
pub mod inspectors;
mod interner;
mod json_stream;
pub mod kinds;
pub mod mapped;
mod names;
mod numerals;
pub mod outlook;
pub mod paths;
pub mod preview;
pub mod problems;
pub mod process;
pub mod progress;
pub mod questions;
pub mod redact;
mod retainers;
pub mod rows;
mod shapes;
mod sizes;
pub mod snapshot;
pub mod source;
mod spans;
pub mod statistics;
mod stored;
pub mod story;
pub mod strings;
pub mod suspects;
#[cfg(test)]
mod testing;
pub mod trend;
pub mod view;
pub mod whole_file;

pub use analysis::{Cancelled, HeapAnalysis};
pub use builder::GraphBuilder;
pub use classes::{Class, ClassIx, Classes};
pub use distance::Distance;
pub use graph::{Detachedness, Edge, EdgeIx, EdgeName, HeapGraph, NodeId, NodeIx};
pub use kinds::{EdgeKind, NodeKind};
pub use problems::{Problem, ProblemKind, Problems};
pub use progress::{Phase, Progress, Silent};
pub use source::Location;
pub use strings::{StrIx, StringTable};
