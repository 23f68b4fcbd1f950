//! Scripts: their names, where in them a function was written, and which line and column a place in their source is.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::kind::Kind;
use crate::scope::Scope;
use crate::text::Strings;
use crate::view::HeapView;

/// The longest script of which lines are counted, in UTF-16 units.
const MAX_SCRIPT: usize = 64 << 20;
/// Names of scripts are paths and URLs.
const MAX_NAME: usize = 4096;

/// A place in a script: line and column count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line.
    pub line: u32,
    /// The column, in UTF-16 units.
    pub column: u32,
}

/// Reads scripts of a heap, and remembers where their lines end.
pub struct Scripts<'a, 'm> {
    heap: HeapView<'a, 'm>,
    strings: Strings<'a, 'm>,
    /// The ends of a script's lines, in UTF-16 units, by the script's address.
    lines: RefCell<FxHashMap<u64, Option<Rc<[u32]>>>>,
}

impl<'a, 'm> Scripts<'a, 'm> {
    /// Starts to read scripts.
    #[must_use]
    pub fn new(heap: HeapView<'a, 'm>, strings: Strings<'a, 'm>) -> Self {
        Self { heap, strings, lines: RefCell::default() }
    }

    /// Returns the script of what closures share.
    #[must_use]
    pub fn script(&self, shared: u64) -> Option<u64> {
        let script = self.heap.target(shared, self.heap.layout.at.shared_script)?;
        if self.heap.kind(script) == Some(Kind::Script) {
            return Some(script);
        }
        // Up to V8 11 a debugged function has its debug info here, which leads on.
        let leads_on = |offset| self.heap.target(script, offset).filter(|&next| self.heap.kind(next) == Some(Kind::Script));
        (8..64).step_by(8).find_map(leads_on)
    }

    /// Returns a script's name: a path, a URL, or `node:internal/…`.
    #[must_use]
    pub fn name(&self, script: u64) -> Option<String> {
        self.strings.of_word(self.heap.field(script, self.heap.layout.at.script_name)?, MAX_NAME)
    }

    /// Returns V8's number of a script.
    #[must_use]
    pub fn id(&self, script: u64) -> Option<u32> {
        u32::try_from(self.heap.smi(script, self.heap.layout.at.script_id)?).ok()
    }

    /// Returns where a function begins: its script's name, and the line and column where the source is there.
    #[must_use]
    pub fn place(&self, function: u64) -> Option<(String, Option<LineColumn>)> {
        let shared = self.heap.target(function, self.heap.layout.at.function_shared)?;
        let script = self.script(shared)?;
        let at = self.start(shared).and_then(|start| self.line_column(script, start));
        Some((self.name(script)?, at))
    }

    /// Returns where a function starts in its script, in UTF-16 units: its scope says, or, while it was not compiled, its data.
    #[must_use]
    pub fn start(&self, shared: u64) -> Option<u32> {
        let at = self.heap.layout.at;
        let scope = self.heap.target(shared, at.shared_name).and_then(|scope| Scope::of(self.heap, scope));
        if let Some(start) = scope.and_then(|scope| scope.start(self.heap)) {
            return u32::try_from(start).ok();
        }
        self.heap.half(self.heap.uncompiled_data(shared)?, at.uncompiled_start)
    }

    /// Returns the line and column of a place in a script's source. O(length of the source) the first time.
    #[must_use]
    pub fn line_column(&self, script: u64, position: u32) -> Option<LineColumn> {
        let lines = self.lines(script)?;
        let line = lines.partition_point(|&end| end < position);
        let column = if line == 0 { position } else { position - lines[line - 1] - 1 };
        Some(LineColumn { line: line as u32, column })
    }

    fn lines(&self, script: u64) -> Option<Rc<[u32]>> {
        if let Some(known) = self.lines.borrow().get(&script) {
            return known.clone();
        }
        let found = self.count(script);
        self.lines.borrow_mut().insert(script, found.clone());
        found
    }

    fn count(&self, script: u64) -> Option<Rc<[u32]>> {
        let source = self.heap.target(script, self.heap.layout.at.script_source)?;
        let mut units = Vec::new();
        if !self.strings.read(source, MAX_SCRIPT, &mut units) {
            return None;
        }
        let is_end = |&(at, &unit): &(usize, &u16)| ends_line(unit, units.get(at + 1).copied());
        Some(units.iter().enumerate().filter(is_end).map(|(at, _)| at as u32).collect())
    }
}

/// Says whether a line ends here: as JavaScript has it, a return before a newline does not count.
fn ends_line(unit: u16, next: Option<u16>) -> bool {
    match unit {
        0x0a | 0x2028 | 0x2029 => true,
        0x0d => next != Some(0x0a),
        _ => false,
    }
}
