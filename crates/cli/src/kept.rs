//! A core that became a graph, kept for what the graph leaves out: numbers in objects, stacks, source texts. Where the graph came from an
//! index, the core is opened when somebody asks for those.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use heap::held::{Case, Extent, Held, Holder};
use heap::snapshot::Input;
use heap::{NodeId, Silent};
use v8mem::{Anatomy, CoreFile, MemoryHolder};

use crate::core;
use crate::core_notes::CoreNotes;
use crate::error::CommandError;
use crate::open::{self, Source};

/// A core that became a graph.
pub(crate) struct Kept {
    /// What was asked of it, and what the reading found.
    pub(crate) notes: CoreNotes,
    process: Arc<Late>,
}

/// An opened core, and what was found in it.
pub(crate) struct Process(MemoryHolder<Arc<CoreFile>>);

/// How a core is opened again, so that it is understood as it was before.
pub(crate) struct Again {
    /// The file.
    pub(crate) path: PathBuf,
    /// The program that was named.
    pub(crate) node: Option<PathBuf>,
    /// What the first reading found.
    pub(crate) notes: CoreNotes,
}

/// A core that is opened at the first question.
struct Late {
    opened: OnceLock<Result<Process, CommandError>>,
    again: Option<Again>,
}

impl Process {
    /// Returns the file.
    pub(crate) fn core(&self) -> &CoreFile {
        self.0.memory()
    }

    /// Returns versions, layout, pages and isolates.
    pub(crate) fn anatomy(&self) -> &Anatomy {
        self.0.anatomy()
    }
}

impl Kept {
    /// Keeps a core that is open.
    pub(crate) fn open(core: CoreFile, anatomy: Anatomy, notes: CoreNotes) -> Self {
        let process = Process(MemoryHolder::of(Arc::new(core), anatomy));
        Self { notes, process: Arc::new(Late { opened: OnceLock::from(Ok(process)), again: None }) }
    }

    /// Keeps how to open a core.
    pub(crate) fn closed(again: Again) -> Self {
        Self { notes: again.notes.clone(), process: Arc::new(Late { opened: OnceLock::new(), again: Some(again) }) }
    }

    /// Returns the process, of which the core is opened now if it is not yet.
    pub(crate) fn process(&self) -> Result<&Process, CommandError> {
        self.process.get()
    }

    /// Returns who tells of objects what the graph does not.
    pub(crate) fn holder(&self) -> Box<dyn Holder> {
        Box::new(LateHolder { process: Arc::clone(&self.process), isolates: self.notes.basis.isolates })
    }
}

impl Late {
    fn get(&self) -> Result<&Process, CommandError> {
        let opened = self.opened.get_or_init(|| self.again.as_ref().map_or_else(|| Err(open::stopped()), Again::open));
        opened.as_ref().map_err(Clone::clone)
    }
}

impl Again {
    fn open(&self) -> Result<Process, CommandError> {
        let input = Input::open(&self.path, &Silent).map_err(|error| open::unreadable(&self.path, error))?;
        let (core, _) = core::file(&self.path, Source::of(input), self.node.as_deref())?;
        let mut anatomy = Anatomy::find(&core).map_err(|error| core::no_heap(&self.path, &core, &error))?;
        if let Some(number) = self.notes.asked.isolate {
            core::check_isolate(&self.path, &anatomy, number)?;
            anatomy.keep_isolate(number - 1);
        }
        let basis = &self.notes.basis;
        if basis.moved.is_some() {
            anatomy.finish_collection(&core, basis.free.0);
        }
        Ok(Process(MemoryHolder::of(Arc::new(core), anatomy)))
    }
}

/// Tells of objects as soon as the core is open. The core was there when the index was found to fit: where it cannot be read any more,
/// nothing is told.
struct LateHolder {
    process: Arc<Late>,
    isolates: usize,
}

impl Holder for LateHolder {
    fn held(&self, id: NodeId, most: usize) -> Held {
        self.process.get().map(|process| process.0.held(id, most)).unwrap_or_default()
    }

    fn held_each(&self, ids: &[NodeId], most: usize, each: &mut dyn FnMut(usize, Held)) {
        match self.process.get() {
            Ok(process) => process.0.held_each(ids, most, each),
            Err(_) => (0..ids.len()).for_each(|at| each(at, Held::default())),
        }
    }

    fn extents(&self, ids: &[NodeId], each: &mut dyn FnMut(usize, Option<Extent>)) -> bool {
        self.process.get().is_ok_and(|process| process.0.extents(ids, each))
    }

    fn containing(&self, ids: &[NodeId], text: &str, case: Case, each: &mut dyn FnMut(usize, Option<bool>)) -> bool {
        self.process.get().is_ok_and(|process| process.0.containing(ids, text, case, each))
    }

    fn isolate(&self, id: NodeId) -> Option<u32> {
        if !self.has_isolates() {
            return None;
        }
        self.process.get().ok()?.0.isolate(id)
    }

    fn has_isolates(&self) -> bool {
        self.isolates > 1
    }
}
