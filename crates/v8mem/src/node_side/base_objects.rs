//! BaseObjects: objects of C++ with an object of JavaScript that stands for them, its wrapper.
//!
//! The wrapper holds the pointer in a field for C++, the object of C++ a handle to the wrapper in its second word. Since Node 24 some belong to
//! V8's C++ garbage collector (cppgc): they hold a traced reference in their fifth word, which keeps nothing alive by itself.

use super::NodeView;
use super::vtables::short;
use crate::global_handles::{State, address};
use crate::kind::Kind;
use crate::maps::strong;

/// What an object of C++ does for its wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A strong global handle keeps it alive.
    Strong,
    /// A weak one does not.
    Weak,
    /// No global handle: V8's C++ garbage collector follows it (Node 24 and later).
    Traced,
}

impl Hold {
    /// Returns its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
            Self::Traced => "traced",
        }
    }
}

/// An object of C++ with its wrapper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseObject {
    /// Its address.
    pub addr: u64,
    /// Where its memory begins: before it, where it is a second base class of something larger.
    pub whole: u64,
    /// Its class with namespaces, where the program's symbols tell.
    pub class: Option<String>,
    /// The wrapper's address.
    pub wrapper: u64,
    /// The isolate that the wrapper belongs to, by its place among all.
    pub isolate: usize,
    /// What it does for the wrapper.
    pub hold: Hold,
    /// Where the handle to the wrapper lies.
    pub slot: u64,
    /// How many counted references C++ has to it, where that can be told.
    pub references: Option<u32>,
    /// Bytes of its memory, as malloc says, which gives up to 15 more than were asked for.
    pub size: Option<u64>,
}

impl BaseObject {
    /// Returns its class without namespaces.
    #[must_use]
    pub fn class_name(&self) -> Option<&str> {
        self.class.as_deref().map(short)
    }
}

/// Where Node keeps the handle to the wrapper, behind the table of functions.
const HANDLE: u64 = 8;
/// Where what cppgc owns keeps its reference to the wrapper: behind three tables of functions and its realm.
const TRACED: u64 = 32;
/// Where it keeps what counts its references, and where that points back.
const POINTERS: u64 = 24;
const POINTERS_SELF: u64 = 16;

impl NodeView<'_, '_> {
    /// Returns the object of C++ at an address, if its handle leads to a wrapper that leads back.
    #[must_use]
    pub fn base_object(self, addr: u64) -> Option<BaseObject> {
        let handle = self.side.number(HANDLE_NAME).unwrap_or(HANDLE);
        [handle, TRACED].into_iter().find_map(|offset| {
            let slot = address(self.side.memory, addr.checked_add(offset)?)?;
            let wrapper = strong(self.side.memory.word(slot).ok()?)?;
            (self.native_of(wrapper)? == addr).then(|| self.describe(addr, slot, wrapper))
        })
    }

    /// Returns the object of C++ that an object of JavaScript stands for, if that leads back.
    #[must_use]
    pub fn of_wrapper(self, wrapper: u64) -> Option<BaseObject> {
        self.native_of(wrapper).and_then(|addr| self.base_object(addr))
    }

    /// Returns what stands in the field of a wrapper that is for Node's pointer. Node 16.0 has one field, later ones a mark before it.
    fn native_of(self, wrapper: u64) -> Option<u64> {
        let map = self.heap.map_of(wrapper).filter(|map| map.kind == Kind::JsApiObject)?;
        let fields = self.side.number("const_BaseObject__kInternalFieldCount__int").filter(|fields| (1..4).contains(fields))?;
        let offset = self.heap.layout.at.embedder_fields + 8 * (fields - 1);
        let is_field = offset < 8 * u64::from(map.inobject_start);
        self.heap.field(wrapper, offset).filter(|addr| is_field && *addr != 0 && addr.is_multiple_of(8))
    }

    /// Returns the strong global handles that lie in an object's memory, besides that of its wrapper: where each lies, and the word in it.
    #[must_use]
    pub fn own_handles(self, object: &BaseObject) -> Vec<(u64, u64)> {
        let memory = self.side.memory;
        let end = object.whole.saturating_add(object.size.unwrap_or(0));
        let held = (object.whole..end).step_by(8).filter_map(|addr| memory.word(addr).ok()).filter(|&slot| slot != object.slot);
        let strong = held.filter(|&slot| self.side.handles.iter().any(|handles| handles.state(memory, slot) == Some(State::Strong)));
        strong.filter_map(|slot| Some((slot, memory.word(slot).ok()?))).collect()
    }

    fn describe(self, addr: u64, slot: u64, wrapper: u64) -> BaseObject {
        let memory = self.side.memory;
        let class = self.side.vtables.class(memory, addr);
        let state = self.side.handles.iter().find_map(|handles| handles.state(memory, slot));
        let whole = class.as_ref().map_or(addr, |class| class.whole);
        BaseObject {
            addr,
            whole,
            wrapper,
            isolate: self.side.anatomy.isolate_of(wrapper).unwrap_or(0),
            hold: match state {
                Some(State::Strong) => Hold::Strong,
                Some(State::Weak) => Hold::Weak,
                None => Hold::Traced,
            },
            slot,
            references: self.references(addr).filter(|_| state.is_some()),
            size: self.allocated(whole).filter(|_| state.is_some()),
            class: class.map(|class| class.name),
        }
    }

    /// Counts the references that C++ counts: what counts them is made with the first one, and points back.
    fn references(self, addr: u64) -> Option<u32> {
        let memory = self.side.memory;
        let pointers = memory.word(addr + POINTERS).ok()?;
        match pointers {
            0 => Some(0),
            _ => (memory.word(pointers.checked_add(POINTERS_SELF)?).ok()? == addr).then(|| memory.half(pointers).ok())?,
        }
    }

    /// Returns how large a piece of memory is, by the word that malloc keeps before it.
    #[must_use]
    pub fn allocated(self, start: u64) -> Option<u64> {
        const LARGEST: u64 = 1 << 30;
        let size = self.side.memory.word(start.checked_sub(8)?).ok()? & !7;
        (size.is_multiple_of(16) && (32..LARGEST).contains(&size) && start.is_multiple_of(16)).then(|| size - 8)
    }
}

const HANDLE_NAME: &str = "offset_BaseObject__persistent_handle___v8_Persistent_v8_Object";
