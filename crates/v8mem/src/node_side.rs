//! Node's side of a process: the C++ objects that Node.js keeps beside V8's heap, and the objects of JavaScript that stand for them.
//!
//! An isolate has an `Environment`; that has queues of its handles (sockets, servers, watchers) and of its requests in flight. Each of them
//! is a `BaseObject`: an object of C++ that holds an object of JavaScript, its wrapper, which points back to it. A pointer is believed when
//! both directions agree, or when the program's symbols name its class; what neither tells is unknown.

pub mod base_objects;
pub mod clock;
pub mod environments;
pub mod handles;
pub mod libuv;
pub mod owners;
pub mod pool;
pub mod requests;
pub mod signals;
pub mod vtables;

use crate::anatomy::Anatomy;
use crate::global_handles::{GlobalHandles, address};
use crate::memory::Memory;
use crate::node_binary::NodeBinary;
use crate::view::HeapView;

pub use base_objects::{BaseObject, Hold};
pub use environments::Environment;
pub use handles::HandleWrap;
pub use owners::{Addresses, with_port};
pub use pool::PoolWork;
pub use requests::ReqWrap;
pub use vtables::Vtables;

/// What is read once of a process before a question about Node's side can be answered.
pub struct NodeSide<'a> {
    anatomy: &'a Anatomy,
    memory: &'a dyn Memory,
    /// By isolate.
    handles: Vec<GlobalHandles>,
    vtables: Vtables,
}

/// Node's side together with the heap.
#[derive(Clone, Copy)]
pub struct NodeView<'a, 'm> {
    side: &'a NodeSide<'a>,
    heap: HeapView<'a, 'm>,
}

impl<'a> NodeSide<'a> {
    /// Reads the program's classes, where it is at hand, and finds the isolates' global handles. O(symbols).
    #[must_use]
    pub fn of(memory: &'a dyn Memory, anatomy: &'a Anatomy, binary: Option<&NodeBinary>) -> Self {
        let handles = anatomy.isolates.iter().map(|isolate| GlobalHandles::of(memory, isolate, anatomy.layout.version)).collect();
        Self { anatomy, memory, handles, vtables: binary.map(Vtables::of).unwrap_or_default() }
    }

    /// As `of`, where neither classes nor the state of handles are asked for: costs nothing.
    #[must_use]
    pub fn without_handles(memory: &'a dyn Memory, anatomy: &'a Anatomy) -> Self {
        Self { anatomy, memory, handles: vec![], vtables: Vtables::default() }
    }

    /// Looks at it together with the heap.
    #[must_use]
    pub fn with<'v, 'm>(&'v self, heap: HeapView<'v, 'm>) -> NodeView<'v, 'm> {
        NodeView { side: self, heap }
    }

    /// Returns a number with which Node.js describes itself (`nodedbg_*`).
    fn number(&self, name: &str) -> Option<u64> {
        self.anatomy.constants.get(name).and_then(|number| u64::try_from(number).ok())
    }
}

impl<'a, 'm> NodeView<'a, 'm> {
    /// Returns the link of an object in a queue, if it is one: the next link points back to it.
    fn link(self, object: &BaseObject, before: &str, next: &str, prev: &str) -> Option<u64> {
        let link = object.addr.checked_add(self.side.number(before)?)?;
        let following = address(self.side.memory, link.checked_add(self.side.number(next)?)?)?;
        let back = address(self.side.memory, following.checked_add(self.side.number(prev)?)?)?;
        (back == link).then_some(link)
    }

    /// Returns the heap.
    #[must_use]
    pub fn heap(self) -> HeapView<'a, 'm> {
        self.heap
    }
}
