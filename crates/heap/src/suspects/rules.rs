//! The rules of the leak search in words, one table: what front-ends explain, and what SARIF and JSON name.
//!
//! How a rule is recognised stands in the pattern's own file; here is only what a person wants to know of a finding: what was seen, when it
//! is no leak, what to do.

/// A rule in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name, as `Finding::rule` carries it.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// The long explanation.
    pub text: &'static str,
}

/// All rules, by name.
pub static RULES: &[Rule] = &[
    Rule {
        id: "accumulation",
        title: "much memory behind one object",
        text: "One object dominates a large part of the heap, made of many objects of one class. This is Eclipse MAT's accumulation point: the \
place where memory collects, not proof that it should not. Compare two snapshots to see whether it grows.",
    },
    Rule {
        id: "buffer-pile",
        title: "many Buffers or ArrayBuffers in one place",
        text: "One holder keeps many Buffers. Their bytes are outside V8's heap: heapUsed stays flat while RSS rises. A small Buffer made by \
Buffer.from or by a slice may keep the whole slab that it was cut from: copy what must live long with Buffer.alloc and copy. Where many views of the \
pile keep one ArrayBuffer alive, or each one of Node.js's pool (8 kB, 64 kB since Node 26), the finding says so; how much of it they use is not in a \
snapshot.",
    },
    Rule {
        id: "closure-chain",
        title: "calls that keep each other through a shared variable",
        text: "All functions made in one call share the variables that any of them uses. Where one function uses a variable that holds the \
result of the call before, every function that outlives the call keeps that result, the result keeps its own call's variables, and so on: a chain \
that grows by one link a call, though no collection grows (known from Meteor as theThing). The function that used the variable is mostly gone by then. \
Set the variable to null before the call ends, or make the function that outlives the call in a scope of its own.",
    },
    Rule {
        id: "closure-pile",
        title: "many functions of one line in one place",
        text: "One holder keeps many functions that were written at one place, each with its own variables. Usually callbacks that are registered and \
never taken back. All functions of one scope share its variables: a small callback may keep a large neighbour's data.",
    },
    Rule {
        id: "unbounded-collection",
        title: "a Map, Set, array or object that only grows",
        text: "A collection holds many entries of one class that nothing else holds. A cache without a bound is a leak with a nicer name: bound it by \
size (LRU) or age, delete entries when they are done, or key a WeakMap by the object whose life the entry shares. It is no leak where the number of keys \
is bounded by nature; compare two snapshots under load to see. In one snapshot a collection with a round number of entries (500, 1,000, a power of two) \
ranks behind all other suspects: that may be its bound.",
    },
    Rule {
        id: "engine-table",
        title: "many objects in a table of Node.js or V8",
        text: "A table of the engine holds many objects: global handles, compilation or string caches, weak tables. Seldom the program's own doing; \
what the entries are made from tells which API fills the table.",
    },
    Rule {
        id: "large-object",
        title: "one array, string or Buffer that grows in place",
        text: "One object is a large part of the heap by itself, and no number of objects shows it: an array of numbers that is pushed to, a text \
that is added to with +=, a Buffer that is made anew by Buffer.concat, a Map of numbers. Several snapshots of one process compare its size with its store, pieces or \
bytes; what is replaced by a larger one is followed by the name that holds it. It is a finding where it grew in every step: what is made once, \
and a ring buffer that has its full size, are none. A store is made larger by half or doubled when it is full, so that it may look \
still between two snapshots though values come. One snapshot tells of it where it is a quarter of the heap, and cannot tell whether it grows.",
    },
    Rule {
        id: "linked-list",
        title: "a linked list that gets longer",
        text: "Objects of one class hold each other in a row by one property: next, prev, parent. No collection grows, and each object alone looks \
small; the first holds all others. Queues that are not emptied, states that know the state before, wrappers around wrappers do that. The finding names \
the reference to the first, which is the one to cut, and the property that links them: clear that of the last object that is needed.",
    },
    Rule {
        id: "listener-pile",
        title: "many listeners of one event",
        text: "An emitter holds many listeners made at one line. Each request, connection or component adds one and none is removed. Use once(), \
removeListener() where the work ends, or AbortSignal. setMaxListeners(0) hides Node.js's warning, not the leak.",
    },
    Rule {
        id: "module-pile",
        title: "modules that only get more",
        text: "The module cache, or a loader, holds many copies of code. Hot reloading, require with a changing query, vm contexts and test \
runners that reset modules do that. So does require of files that are made while the program runs: require.cache keeps each until exit. The finding \
names the module that required them, and the line where it has one require of a name that is worked out. Files that are required as they are first \
needed end with the number of files.",
    },
    Rule {
        id: "native-handle",
        title: "many native handles that are still open",
        text: "Sockets, streams, watchers, workers or add-on objects are held from C++ until they are closed. Each keeps its JavaScript object and all \
that it holds. Close or destroy them on every path, errors and time-outs too.",
    },
    Rule {
        id: "pending-promise",
        title: "promises that never settle",
        text: "A pending promise holds many reactions, or many pending promises wait: the finding names the async function or the reaction that they have in common. Promise.race with a promise that never settles adds a reaction \
each time and keeps what it holds. Settle it, or race against something that can be taken back.",
    },
    Rule {
        id: "pinned-string",
        title: "short strings that keep long ones",
        text: "A slice of 13 characters or more (substring, split, match, JSON keys cut from a body) refers to the string that it was cut from and keeps all of \
it. A string joined from pieces with + keeps the pieces until it is first read. Copy what must live long: Buffer.from(text).toString() makes a string of \
its own. V8 writes no lengths of slices into snapshots: what is counted are the bytes of the long strings.",
    },
    Rule {
        id: "timer-pile",
        title: "many timers",
        text: "Timers hold their callbacks and what those use until they fire or are cleared. Clear intervals and timeouts when the work that made \
them ends.",
    },
    Rule {
        id: "unreachable-handle",
        title: "open handles that nobody can close any more",
        text: "Sockets, pipes or other handles of libuv are open but wait for nothing: no read, no connection, no datagram. Nothing in JavaScript leads to \
them but they themselves, so that no function can start or close them, and Node.js keeps each with all that hangs on it until it is closed: for ever. \
A UDP socket that was made and never bound, or a socket that was paused and then forgotten, ends like that. Active handles, like the sockets of a quiet \
server, are none of this. Only a core dump tells; fewer than ten of one class are not told of.",
    },
    Rule {
        id: "wrapper-cycle",
        title: "objects of C++ that keep themselves alive",
        text: "An object of C++ keeps a callback by a strong handle, the callback uses the object of JavaScript that stands for it (its wrapper), and \
nothing else leads to either. To V8 the handle is a root, so the cycle is never collected: an inspector.Session that was connected and never \
disconnected is one; addons with a strong reference to a closure of their own object make them too. End each by its own call before the last reference \
goes, or make the reference weak. What libuv may still call and requests in flight are left out. Only a core dump tells; fewer than ten of one class \
are not told of.",
    },
];

impl Rule {
    /// Returns the rule of that name.
    #[must_use]
    pub fn of(id: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.id == id)
    }
}
