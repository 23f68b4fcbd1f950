//! Environments: what Node.js keeps of one isolate, its lists of handles and requests among it.
//!
//! Every realm of V8 leads to its environment: a `vm` context to that of the program that made it.

use rustc_hash::FxHashSet;

use super::NodeView;
use crate::global_handles::address;
use crate::kind::Kind;
use crate::maps::{END_OF_MEMORY, strong};

/// An environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its address.
    pub addr: u64,
    /// The isolate that it belongs to, by its place among all.
    pub isolate: usize,
    /// Whether the program's symbols say that it is one; else only its place and its lists do.
    pub is_named: bool,
}

const CLASS: &str = "node::Environment";
/// Longer rings are damage.
const MOST_LINKS: usize = 1 << 22;

impl NodeView<'_, '_> {
    /// Finds the environments, the main isolate's first. A realm is held by a global handle of its environment.
    #[must_use]
    pub fn environments(self) -> Vec<Environment> {
        let mut seen = FxHashSet::default();
        let mut found = Vec::new();
        for (isolate, handles) in self.side.handles.iter().enumerate() {
            let realms = handles.iter(self.side.memory).filter_map(|(_, word, _)| strong(word));
            let realms = realms.filter(|&realm| self.heap.kind(realm) == Some(Kind::NativeContext));
            let environments = realms.filter_map(|realm| self.environment(realm, isolate));
            found.extend(environments.filter(|environment| seen.insert(environment.addr)));
        }
        found
    }

    /// Returns the environment of a realm, if what stands in its place is one.
    fn environment(self, realm: u64, isolate: usize) -> Option<Environment> {
        let data = self.heap.target(realm, self.heap.layout.at.embedder_data)?;
        let place = self.side.number("const_ContextEmbedderIndex__kEnvironment__int")?;
        let addr = self.heap.element(data, place).filter(|addr| (4096..END_OF_MEMORY).contains(addr) && addr.is_multiple_of(8))?;
        let is_named = match self.side.vtables.class(self.side.memory, addr) {
            Some(class) => (class.name == CLASS).then_some(true)?,
            None => false,
        };
        let found = Environment { addr, isolate, is_named };
        (is_named || self.handle_nodes(&found).is_some()).then_some(found)
    }

    /// Returns the addresses of the links of a ring, which begins at its head; `None` where it does not close. Every link points back.
    pub(super) fn ring(self, head: u64, next: u64, prev: u64) -> Option<Vec<u64>> {
        let mut links = Vec::new();
        let mut at = head;
        while links.len() < MOST_LINKS {
            let following = address(self.side.memory, at.checked_add(next)?)?;
            if address(self.side.memory, following.checked_add(prev)?)? != at {
                return None;
            }
            if following == head {
                return Some(links);
            }
            links.push(following);
            at = following;
        }
        None
    }
}
