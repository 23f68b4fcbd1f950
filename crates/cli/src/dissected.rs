//! A core dump opened for questions about the process rather than its graph of objects: threads, stacks, what C++ holds.
//!
//! These need no walk over the heap, and answer in a fraction of the time that a graph takes.

use std::path::Path;

use heap::Problems;
use v8mem::{Anatomy, CoreFile};

use crate::answer::{Answer, Target};
use crate::error::CommandError;
use crate::session::Session;
use crate::{core, open};

/// An opened core.
pub(crate) struct Dissected {
    /// The file.
    pub(crate) core: CoreFile,
    /// What is known of its heaps.
    pub(crate) anatomy: Anatomy,
    /// What it is.
    target: Target,
    /// What was wrong with it.
    problems: Problems,
}

impl Dissected {
    /// Opens a core. `command` is the question, only for messages.
    pub(crate) fn open(path: &Path, command: &str, session: &Session) -> Result<Self, CommandError> {
        let input = open::core_input(path, command, session)?;
        let bytes = input.bytes();
        let (core, problems) = core::file(path, input, session)?;
        let anatomy = Anatomy::find(&core).map_err(|error| core::no_heap(path, &core, &error))?;
        let node = anatomy.versions.node.as_deref().map(|version| version.trim_start_matches('v').to_owned());
        let target = Target { kind: "core", path: path.to_owned(), bytes, nodes: None, edges: None, node, layout: None };
        Ok(Self { core, anatomy, target, problems })
    }

    /// Starts an answer about it.
    pub(crate) fn answer(&self, session: &Session) -> Answer {
        open::start(vec![self.target.clone()], &[&self.problems], session)
    }
}
