//! What somebody computed before: the seam between an analysis and the index that may hold its columns.
//!
//! A derived column that is stored but turns out to be damaged is simply not there: the analysis computes it anew from the graph.

use crate::aggregates::Aggregate;
use crate::bitset::Bitset;
use crate::classes::Classes;
use crate::column::{Column, WideColumn};
use crate::distance::Distances;
use crate::graph::SizeColumn;
use crate::spans::DominatorSpans;

/// Holds columns of one analysis. Each is asked for at most once, when it is first needed; `None` says that it must be computed.
///
/// What is returned fits the graph: as many values as it has nodes, every position within bounds, a tree where a tree is meant.
pub(crate) trait Stored: Send + Sync {
    /// Distances, and the nodes that belong to the page.
    fn distances(&self) -> Option<(Distances, Bitset)>;
    /// Attributed self sizes; `Some(None)` where they are those of the graph.
    fn self_sizes(&self) -> Option<Option<SizeColumn>>;
    /// Immediate dominators.
    fn dominators(&self) -> Option<Column<u32>>;
    /// Retained sizes.
    fn retained(&self) -> Option<WideColumn>;
    /// The layout of the dominator tree.
    fn spans(&self) -> Option<DominatorSpans>;
    /// Classes.
    fn classes(&self) -> Option<Classes>;
    /// The sums of all classes.
    fn aggregates(&self) -> Option<Vec<Aggregate>>;
}
