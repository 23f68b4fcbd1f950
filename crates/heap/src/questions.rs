//! The questions: plain functions from an analysis to a `Table` or a `Tree`.
//!
//! Column names are the contract of `--json`: they stay. Sizes are in bytes; ids are DevTools'. No question prints, reads files, or
//! recurses over the graph; every list is cut at a limit and says how long it was.

mod arena;
mod buffers;
mod changes;
mod closure;
mod contexts;
mod dominators;
mod emitters;
mod functions;
mod histogram;
mod inspect;
mod instances;
mod objects;
mod owners;
mod paths;
mod places;
mod promises;
mod query;
mod refs;
mod select;
mod shapes;
mod strings;
mod summary;
mod sums;
mod text_holders;
mod timers;
mod unreached;

pub use buffers::Buffers;
pub use changes::{diff_table, series};
pub use closure::closure;
pub use contexts::contexts;
pub use dominators::dominators;
pub use emitters::emitters;
pub use functions::{FunctionRows, functions};
pub(crate) use histogram::class_locations;
pub use histogram::{Grouping, HistogramSort, histogram, histogram_at_a_glance, told_histogram};
pub use inspect::inspect;
pub use instances::{InstanceSort, first_instances, instances};
pub use objects::{ObjectGroup, ObjectGrouping, ObjectQuery, list_objects, objects};
pub use paths::retainers_tree;
pub use promises::{PromiseQuery, promise_states, promises};
pub use query::{QueryError, QueryMode, query};
pub use refs::{Direction, Told, refs, refs_tree, told_refs};
pub use select::{Selected, Selector, SelectorError};
pub use strings::{StringQuery, strings};
pub use summary::{memory, realms, summary};
pub use text_holders::text_holders;
pub use timers::{TimerQuery, UntilTimers, timer_callbacks, timers};
pub use unreached::with_unreached;

use crate::analysis::HeapAnalysis;
use crate::distance::Distance;
use crate::graph::NodeIx;
use crate::view::Cell;

/// Returns a distance as people count it: nothing where only weak references lead there.
fn distance_cell(distance: Distance) -> Cell {
    match distance {
        Distance::User(distance) | Distance::System(distance) => Cell::Number(u64::from(distance)),
        Distance::None => Cell::None,
    }
}

/// Returns what share of everything a size is.
fn share(analysis: &HeapAnalysis, size: u64) -> Cell {
    match analysis.total_size() {
        0 => Cell::None,
        total => Cell::Share(size as f64 / total as f64),
    }
}

/// Keeps the `limit` first of what `rank` sorts highest. O(n log limit) in the usual case.
fn top(mut nodes: Vec<NodeIx>, limit: usize, rank: impl Fn(NodeIx) -> u64) -> Vec<NodeIx> {
    let order = |&node: &NodeIx| (std::cmp::Reverse(rank(node)), node);
    if limit < nodes.len() {
        nodes.select_nth_unstable_by_key(limit, order);
        nodes.truncate(limit);
    }
    nodes.sort_unstable_by_key(order);
    nodes
}
