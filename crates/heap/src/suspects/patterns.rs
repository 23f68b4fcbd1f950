//! Every pattern in the order in which they are tried: the first that recognises a case describes it.

use super::case::{Described, Exhibit};
use super::{
    accumulation, buffers, chains, closures, collections, idle_handles, large, listeners, lists, modules, promises, strings, timers,
    wrapper_cycles, wrappers,
};

/// Describes a case by the first pattern that knows it.
pub(crate) fn describe(exhibit: &Exhibit<'_, '_>) -> Described {
    let patterns = [
        idle_handles::describe,
        wrapper_cycles::describe,
        chains::describe,
        large::describe,
        listeners::describe,
        timers::describe,
        modules::describe,
        promises::describe,
        lists::describe,
        buffers::describe,
        strings::describe,
        closures::describe,
        collections::describe,
        wrappers::describe,
    ];
    patterns.iter().find_map(|pattern| pattern(exhibit)).unwrap_or_else(|| accumulation::describe(exhibit))
}
