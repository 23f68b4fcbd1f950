//! The memory of a process besides V8's heap: what malloc handed out, and how all that is in memory adds up.

mod claims;
mod cpp_classes;
pub mod handle_owners;
pub mod leaks;
pub mod ledger;
pub mod malloc;
pub mod presence;
pub mod trim;
