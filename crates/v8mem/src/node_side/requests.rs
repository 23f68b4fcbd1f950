//! Requests in flight: what an environment waits for from the system, once each: a file to be opened, bytes to be written, a name to be resolved.

use super::environments::Environment;
use super::libuv::UvRequest;
use super::{BaseObject, NodeView};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReqWrap {
    /// The object of C++ and its wrapper.
    pub object: BaseObject,
    /// What libuv knows; `None` where what stands in its place does not lead back: c-ares' requests are none of libuv's.
    pub uv: Option<UvRequest>,
}

/// Node's names of the place of the link in an object, and of its two halves.
const LINK: &str = "offset_ReqWrap__req_wrap_queue___ListNode_ReqWrapQueue";
const NEXT: &str = "offset_ListNode_ReqWrap__next___uintptr_t";
const PREV: &str = "offset_ListNode_ReqWrap__prev___uintptr_t";
/// Behind the link of the queue stand a function and libuv's request.
const UV_BEHIND_LINK: u64 = 24;

impl NodeView<'_, '_> {
    /// Returns the requests of an environment, the oldest first; how many links lead to no object that could be read.
    #[must_use]
    pub fn requests(self, environment: &Environment) -> (Vec<ReqWrap>, usize) {
        let nodes = self.request_nodes(environment).unwrap_or_default();
        let found: Vec<ReqWrap> = nodes.iter().filter_map(|&node| self.request(node)).collect();
        let lost = nodes.len() - found.len();
        (found, lost)
    }

    /// Says whether an object is a request in flight.
    #[must_use]
    pub fn is_in_flight(self, object: &BaseObject) -> bool {
        self.link(object, LINK, NEXT, PREV).is_some()
    }

    fn request_nodes(self, environment: &Environment) -> Option<Vec<u64>> {
        let number = |name: &str| self.side.number(name);
        let head = environment.addr
            + number("offset_Environment__req_wrap_queue___Environment_ReqWrapQueue")?
            + number("offset_Environment_ReqWrapQueue__head___ListNode_ReqWrapQueue")?;
        self.ring(head, number(NEXT)?, number(PREV)?)
    }

    fn request(self, link: u64) -> Option<ReqWrap> {
        let before = self.side.number(LINK)?;
        let object = self.base_object(link.checked_sub(before)?)?;
        let addr = link + UV_BEHIND_LINK;
        let leads_back = self.side.memory.word(addr).is_ok_and(|data| data == object.addr);
        let uv = leads_back.then(|| UvRequest::read(self.side.memory, addr)).flatten();
        Some(ReqWrap { object, uv })
    }
}
