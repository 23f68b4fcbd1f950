//! The rules of the leak search in words, as `heapwhy explain RULE` prints them.
//!
//! The rules themselves stand in `heap::suspects`, one a file; here is only what a person wants to know of a finding: what was seen, when it
//! is no leak, what to do.

/// A rule in words.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its stable name, as findings carry it.
    pub(crate) name: &'static str,
    /// What it finds, in a few words.
    pub(crate) title: &'static str,
    /// The long explanation.
    pub(crate) text: &'static str,
}

/// All rules, by name.
pub(crate) static ALL: &[Rule] = &[
    Rule {
        name: "accumulation",
        title: "much memory behind one object",
        text: "One object dominates a large part of the heap, made of many objects of one class. This is Eclipse MAT's accumulation point: the \
place where memory collects, not proof that it should not. Compare two snapshots to see whether it grows.",
    },
    Rule {
        name: "buffer-pile",
        title: "many Buffers or ArrayBuffers in one place",
        text: "One holder keeps many Buffers. Their bytes are outside V8's heap: heapUsed stays flat while RSS rises. A small Buffer made by \
Buffer.from or by a slice may keep the whole slab that it was cut from: copy what must live long with Buffer.alloc and copy.",
    },
    Rule {
        name: "closure-pile",
        title: "many functions of one line in one place",
        text: "One holder keeps many functions that were written at one place, each with its own variables. Usually callbacks that are registered and \
never taken back. All functions of one scope share its variables: a small callback may keep a large neighbour's data.",
    },
    Rule {
        name: "unbounded-collection",
        title: "a Map, Set, array or object that only grows",
        text: "A collection holds many entries of one class that nothing else holds. A cache without a bound is a leak with a nicer name: bound it by \
size (LRU) or age, delete entries when they are done, or key a WeakMap by the object whose life the entry shares. It is no leak where the number of keys \
is bounded by nature; compare two snapshots under load to see.",
    },
    Rule {
        name: "engine-table",
        title: "many objects in a table of Node.js or V8",
        text: "A table of the engine holds many objects: global handles, compilation or string caches, weak tables. Seldom the program's own doing; \
what the entries are made from tells which API fills the table.",
    },
    Rule {
        name: "listener-pile",
        title: "many listeners of one event",
        text: "An emitter holds many listeners made at one line. Each request, connection or component adds one and none is removed. Use once(), \
removeListener() where the work ends, or AbortSignal. setMaxListeners(0) hides Node.js's warning, not the leak.",
    },
    Rule {
        name: "module-pile",
        title: "one module loaded many times",
        text: "The module cache, or a loader, holds many copies of code. Hot reloading, require with a changing query, vm contexts and test \
runners that reset modules do that.",
    },
    Rule {
        name: "native-handle",
        title: "many native handles that are still open",
        text: "Sockets, streams, watchers, workers or add-on objects are held from C++ until they are closed. Each keeps its JavaScript object and all \
that it holds. Close or destroy them on every path, errors and time-outs too.",
    },
    Rule {
        name: "pending-promise",
        title: "promises that never settle",
        text: "A pending promise holds many reactions, or many pending promises wait. Promise.race with a promise that never settles adds a reaction \
each time and keeps what it holds. Settle it, or race against something that can be taken back.",
    },
    Rule {
        name: "timer-pile",
        title: "many timers",
        text: "Timers hold their callbacks and what those use until they fire or are cleared. Clear intervals and timeouts when the work that made \
them ends.",
    },
];

/// Returns the rule of that name.
pub(crate) fn find(name: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.name == name)
}
