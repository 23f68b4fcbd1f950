//! Whether a process was inside a garbage collection: told by the functions on its threads' stacks.
//!
//! Without the program's symbols it is not known; that objects were being moved, the heap itself shows (`Basis::moved`).

use crate::stack::Stack;

/// A garbage collection of V8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Of the young generation only.
    Young,
    /// Of the whole heap.
    Full,
    /// Not told which.
    Some,
}

/// Functions that collect, by how their names begin; the first that is on a stack counts.
const FUNCTIONS: [(&str, Collection); 6] = [
    ("v8::internal::Heap::Scavenge", Collection::Young),
    ("v8::internal::MinorMarkSweepCollector::CollectGarbage", Collection::Young),
    ("v8::internal::MinorMarkCompactCollector::CollectGarbage", Collection::Young),
    ("v8::internal::Heap::MarkCompact", Collection::Full),
    ("v8::internal::MarkCompactCollector::CollectGarbage", Collection::Full),
    ("v8::internal::Heap::PerformGarbageCollection", Collection::Some),
];

impl Collection {
    /// Finds out from the stacks of threads.
    #[must_use]
    pub fn find(stacks: &[Stack]) -> Option<Self> {
        let runs = |function: &str| stacks.iter().any(|stack| stack.native().any(|name| name.starts_with(function)));
        FUNCTIONS.into_iter().find(|(function, _)| runs(function)).map(|(_, collection)| collection)
    }

    /// Returns its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Young => "young",
            Self::Full => "full",
            Self::Some => "some",
        }
    }

    /// Says it in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Young => "a garbage collection of the young generation",
            Self::Full => "a full garbage collection",
            Self::Some => "a garbage collection",
        }
    }
}
