//! Classes of C++ objects, whichever file they are of: the program, an addon, another library.
//!
//! An object's first word leads into a table in the file of its class. The file is looked at when the first of its tables is met, and believed if it
//! is still the one that the process had.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::malloc::Piece;
use crate::core_file::CoreFile;
use crate::memory::Memory;
use crate::node_binary::{LoadedAt, NodeBinary};
use crate::node_side::Vtables;

/// How names of addons end.
pub(super) const ADDON: &str = ".node";

/// The tables of all files that a process had mapped.
pub(super) struct CppClasses<'c> {
    core: &'c CoreFile,
    program: Vtables,
    /// By paths, as the process saw them.
    others: RefCell<FxHashMap<String, Rc<Vtables>>>,
}

impl<'c> CppClasses<'c> {
    /// Lists the tables of the program. O(symbols).
    pub(super) fn of(core: &'c CoreFile) -> Self {
        Self { core, program: core.binary().map(Vtables::of).unwrap_or_default(), others: RefCell::default() }
    }

    /// Returns the tables of the program itself.
    pub(super) fn of_program(&self) -> &Vtables {
        &self.program
    }

    /// Returns the class of an object that begins at an address.
    pub(super) fn whole(&self, object: u64) -> Option<String> {
        if let Some(class) = self.program.whole(self.core, object) {
            return Some(class);
        }
        let memory: &dyn Memory = self.core;
        let file = self.core.notes.file_at(memory.word(object).ok()?)?;
        let tables = Rc::clone(self.others.borrow_mut().entry(file.path.clone()).or_insert_with(|| Rc::new(self.read(&file.path))));
        tables.whole(self.core, object)
    }

    /// Returns the library into which the first word of a piece leads that leads into any: addons before all others.
    pub(super) fn library(&self, piece: &Piece) -> Option<String> {
        /// Whoever made a piece is named at its beginning.
        const FIRST: u64 = 512;
        let memory: &dyn Memory = self.core;
        let words = (piece.data()..piece.start + piece.size.min(FIRST)).step_by(8);
        let files = words.filter_map(|at| self.core.notes.file_at(memory.word(at).ok()?).map(|file| file.path.as_str()));
        let (addons, others): (Vec<&str>, Vec<&str>) = files.partition(|path| path.ends_with(ADDON));
        addons.first().or(others.first()).map(|path| (*path).to_owned())
    }

    fn read(&self, path: &str) -> Vtables {
        let open = || {
            let (path, image) = self.core.local(path)?;
            let binary = NodeBinary::open(&path, LoadedAt::Base(image.base)).ok()?;
            image.is(binary.build_id()).then(|| Vtables::of(&binary))
        };
        open().unwrap_or_default()
    }
}
