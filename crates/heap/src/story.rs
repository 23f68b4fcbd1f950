//! A retaining path as people read it: V8's internals folded, roots in Node.js's terms, source places, and the hop to cut.

pub(crate) mod calls;
pub mod lineage;
mod roots;
pub mod scene;
pub mod setting;
mod tell;
pub(crate) mod words;

use crate::graph::{NodeId, NodeIx};
use crate::paths::Step;
use crate::source::Place;

pub use lineage::Lineage;
pub(crate) use roots::{handle_owner, is_stack};
pub use scene::Scene;
pub use setting::Setting;
pub use tell::{About, hops, tell, tell_path};
pub(crate) use tell::{is_indexed, owner};
pub(crate) use words::property_word;

/// Whether an object still has a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaking {
    /// It is meant to be there.
    No,
    /// It is not.
    Yes,
    /// Nothing tells.
    Unknown,
}

impl Leaking {
    /// Returns the stable word: `no`, `yes`, `unknown`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Unknown => "unknown",
        }
    }
}

/// How one hop refers to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopEdge {
    /// As people write it: `const cache`, `.byId`, `[value]`, `listener 'tick'`, `[3]`.
    pub text: String,
    /// Where that variable or property was written.
    pub place: Option<Place>,
    /// How many like it lead from the same object to objects of the same class: 200,000 entries. 1 for a single one.
    pub times: u64,
    /// Whether this is the hop to cut: rendered with `~~~` below.
    pub cut: bool,
    /// How much cutting it frees, in bytes, where it is the one to cut and a finding is about it: `Finding::bytes`.
    pub frees: Option<u64>,
    /// V8's references that it stands for, one after the other.
    pub steps: Vec<Step>,
}

/// One object of a story, or a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// How the hop before refers to this one; `None` for the root.
    pub edge: Option<HopEdge>,
    /// What it is: `module cache /srv/app/leaky.js`, `SessionCache`, `Map`.
    pub label: String,
    /// Its name in the code that ran, where `label` has the one that a source map tells.
    pub generated: Option<String>,
    /// What else is worth knowing: `stays until exit`, `200,000 entries`, `keys 0,1,2,3 … rising`.
    pub notes: Vec<String>,
    /// Where its class, function or file was written.
    pub place: Option<Place>,
    /// The object; `None` for a root that is none.
    pub node: Option<NodeId>,
    /// Its position in the graph that the story is of.
    pub at: Option<NodeIx>,
    /// What it retains, in bytes.
    pub retained: u64,
    /// Whether it is leaking, by the inspectors and the two rules of LeakCanary.
    pub leaking: Leaking,
    /// Why it is or is not leaking; empty where nothing is known.
    pub reason: String,
}

/// A retaining path, from the root to the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// The hops, root first.
    pub hops: Vec<Hop>,
    /// How many hops in the middle were left out because there were too many.
    pub left_out: usize,
}

impl Story {
    /// Returns the hop whose edge is the one to cut.
    #[must_use]
    pub fn cut(&self) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.edge.as_ref().is_some_and(|edge| edge.cut))
    }
}
