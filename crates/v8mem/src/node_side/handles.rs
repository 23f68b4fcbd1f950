//! Handles: the sockets, servers, watchers, processes and ports that an environment has open, with libuv's state of each.

use super::environments::Environment;
use super::libuv::UvHandle;
use super::{BaseObject, NodeView};
use crate::global_handles::address;

/// A handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandleWrap {
    /// The object of C++ and its wrapper.
    pub object: BaseObject,
    /// What libuv knows; `None` where the pointer to it does not lead back.
    pub uv: Option<UvHandle>,
}

impl HandleWrap {
    /// Returns what Node.js calls it in snapshots and in `process.getActiveResourcesInfo()`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        name(&self.object, self.uv.as_ref())
    }
}

/// Returns what Node.js calls an object: its class, but a TCP server has a name of its own. A stripped program does not name classes of its
/// own files; of three kinds of libuv's handles Node.js has one class each.
fn name<'a>(object: &'a BaseObject, uv: Option<&UvHandle>) -> Option<&'a str> {
    match (object.class_name(), uv) {
        (Some("TCPWrap"), Some(uv)) => Some(if uv.is_listening { "TCPServerWrap" } else { "TCPSocketWrap" }),
        (None, Some(uv)) => match uv.kind {
            "process" => Some("ProcessWrap"),
            "fs_event" => Some("FSEventWrap"),
            "signal" => Some("SignalWrap"),
            _ => None,
        },
        (name, _) => name,
    }
}

/// Node's names of the place of the link in an object, and of its two halves.
const LINK: &str = "offset_HandleWrap__handle_wrap_queue___ListNode_HandleWrap";
const NEXT: &str = "offset_ListNode_HandleWrap__next___uintptr_t";
const PREV: &str = "offset_ListNode_HandleWrap__prev___uintptr_t";
/// Behind the link of the queue stands the pointer to libuv's handle; Node 16.0 has its own state before it.
const UV_BEHIND_LINK: [u64; 2] = [16, 24];

impl NodeView<'_, '_> {
    /// Returns the handles of an environment in the order in which they were made; how many links lead to no object that could be read.
    #[must_use]
    pub fn handles(self, environment: &Environment) -> (Vec<HandleWrap>, usize) {
        let nodes = self.handle_nodes(environment).unwrap_or_default();
        let found: Vec<HandleWrap> = nodes.iter().filter_map(|&node| self.handle(node)).collect();
        let lost = nodes.len() - found.len();
        (found, lost)
    }

    /// Returns the links of the queue of handles; `None` where it does not close.
    pub(super) fn handle_nodes(self, environment: &Environment) -> Option<Vec<u64>> {
        let number = |name: &str| self.side.number(name);
        let head = environment.addr
            + number("offset_Environment__handle_wrap_queue___Environment_HandleWrapQueue")?
            + number("offset_Environment_HandleWrapQueue__head___ListNode_HandleWrap")?;
        let (next, prev) =
            (number("offset_ListNode_HandleWrap__next___uintptr_t")?, number("offset_ListNode_HandleWrap__prev___uintptr_t")?);
        self.ring(head, next, prev)
    }

    fn handle(self, link: u64) -> Option<HandleWrap> {
        let before = self.side.number(LINK)?;
        let object = self.base_object(link.checked_sub(before)?)?;
        let uv = self.uv_handle(&object);
        Some(HandleWrap { object, uv })
    }

    /// Returns what Node.js calls an object.
    #[must_use]
    pub fn name(self, object: &BaseObject) -> Option<String> {
        name(object, self.uv_handle(object).as_ref()).map(str::to_owned)
    }

    /// Returns libuv's handle of an object, if it is a HandleWrap: a link of a queue, and libuv's handle leads back to it.
    #[must_use]
    pub fn uv_handle(self, object: &BaseObject) -> Option<UvHandle> {
        let link = self.link(object, LINK, NEXT, PREV)?;
        let candidates = UV_BEHIND_LINK.into_iter().filter_map(|behind| address(self.side.memory, link + behind));
        let leads_back = |&addr: &u64| self.side.memory.word(addr).is_ok_and(|data| data == object.addr);
        candidates.filter(leads_back).find_map(|addr| UvHandle::read(self.side.memory, addr))
    }

    /// Returns the HandleWrap of a handle of libuv's, which its first word leads to.
    #[must_use]
    pub fn wrap_of_handle(self, uv: u64) -> Option<BaseObject> {
        self.base_object(address(self.side.memory, uv)?)
    }
}
