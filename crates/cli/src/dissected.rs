//! A core dump opened for questions about the process rather than its graph of objects: threads, stacks, what C++ holds.
//!
//! These need no walk over the heap, and answer in a fraction of the time that a graph takes.

use std::path::Path;

use heap::{ProblemKind, Problems};
use v8mem::basis::Basis;
use v8mem::inventory::{Inventory, inventory};
use v8mem::maps::strong;
use v8mem::node_side::{NodeSide, NodeView};
use v8mem::scope::Scope;
use v8mem::scripts::Scripts;
use v8mem::text::Strings;
use v8mem::view::HeapView;
use v8mem::{Anatomy, CoreFile, Kind, Memory};

use crate::answer::{Answer, Target};
use crate::core;
use crate::error::CommandError;
use crate::open::{self, Source};
use crate::running::Besides;
use crate::session::Session;

/// An opened core.
pub(crate) struct Dissected {
    /// The file.
    pub(crate) core: CoreFile,
    /// What is known of its heaps.
    pub(crate) anatomy: Anatomy,
    /// The number of the only isolate that is asked for.
    only: Option<usize>,
    /// What it is.
    target: Target,
    /// What was wrong with it.
    problems: Problems,
}

impl Dissected {
    /// Opens a core. `command` is the question, only for messages.
    pub(crate) fn open(path: &Path, command: &str, session: &Session) -> Result<Self, CommandError> {
        Self::of(path, open::core_input(path, command, Besides::Nothing, session)?, session)
    }

    /// As `open`, of a core that is open.
    pub(crate) fn of(path: &Path, source: Source, session: &Session) -> Result<Self, CommandError> {
        let (bytes, running) = (source.input.bytes(), source.running.clone());
        let (core, problems) = core::file(path, source, session.global.node.as_deref())?;
        let anatomy = Anatomy::find(&core).map_err(|error| core::no_heap(path, &core, &error))?;
        if let Some(number) = session.global.isolate {
            core::check_isolate(path, &anatomy, number)?;
        }
        let node = anatomy.versions.node.as_deref().map(|version| version.trim_start_matches('v').to_owned());
        let mut target = Target { kind: "core", path: path.to_owned(), bytes, nodes: None, edges: None, node, layout: None, running: None };
        running.into_iter().for_each(|running| target.is_of(running));
        Ok(Self { core, anatomy, only: session.global.isolate, target, problems })
    }

    /// Looks at Node's side of it, with names at hand.
    pub(crate) fn node_side<R>(&self, question: impl FnOnce(NodeView<'_, '_>, &Names<'_, '_>) -> R) -> R {
        let memory: &dyn Memory = &self.core;
        let side = NodeSide::of(memory, &self.anatomy, self.core.binary());
        self.anatomy.look(memory, |heap| {
            let strings = Strings { heap, memory };
            let names = Names { heap, names: v8mem::names::Names::new(heap, strings), scripts: Scripts::new(heap, strings) };
            question(side.with(heap), &names)
        })
    }

    /// Notes that parts of an answer could not be read.
    pub(crate) fn lost(&mut self, count: usize, what: &str) {
        let text = format!("{count} of the process's {what} could not be read: what is in their place leads to no object that leads back");
        self.problems.add_many(ProblemKind::BadTarget, count as u64, None, text);
    }

    /// Looks through all its heaps.
    pub(crate) fn inventory<R>(&self, question: impl FnOnce(Inventory<'_, '_>) -> R) -> Result<R, CommandError> {
        inventory(&self.core, &mut self.anatomy.clone(), question).map_err(|error| core::no_heap(&self.target.path, &self.core, &error))
    }

    /// As `inventory`, of the only isolate that is asked for, if one is.
    pub(crate) fn inventory_of_wanted<R>(&self, question: impl FnOnce(Inventory<'_, '_>) -> R) -> Result<R, CommandError> {
        let mut anatomy = self.anatomy.clone();
        if let Some(number) = self.only {
            anatomy.keep_isolate(number - 1);
        }
        inventory(&self.core, &mut anatomy, question).map_err(|error| core::no_heap(&self.target.path, &self.core, &error))
    }

    /// Notes what a reading rests on, and what is wrong with it.
    pub(crate) fn rests_on(&mut self, basis: &Basis) {
        self.target.layout = Some(basis.to_string());
        self.problems.append(v8mem::read::damage(&self.core, basis));
    }

    /// Notes where the memory does not agree with the layout.
    pub(crate) fn doubt(&mut self, basis: &Basis) {
        basis.doubts().into_iter().for_each(|doubt| self.problems.add(ProblemKind::DoubtfulLayout, None, doubt));
    }

    /// Says whether something of the isolate at that place among all is asked for.
    pub(crate) fn wants(&self, isolate: Option<usize>) -> bool {
        self.only.is_none_or(|number| isolate == Some(number - 1))
    }

    /// Starts an answer about it.
    pub(crate) fn answer(&self, session: &Session) -> Answer {
        open::start(vec![self.target.clone()], &[&self.problems], session)
    }
}

/// What objects of a core are called, and where functions stand.
pub(crate) struct Names<'a, 'm> {
    heap: HeapView<'a, 'm>,
    names: v8mem::names::Names<'a, 'm>,
    scripts: Scripts<'a, 'm>,
}

impl Names<'_, '_> {
    /// Returns an object's class.
    pub(crate) fn class(&self, object: u64) -> Option<String> {
        Some(self.names.class(object, &self.heap.map_of(object)?).name.to_string())
    }

    /// Returns a function's name; `None` where there is no function.
    pub(crate) fn function(&self, function: u64) -> Option<String> {
        (self.heap.kind(function)? == Kind::JsFunction).then(|| match self.names.function(function) {
            name if name.is_empty() => "(anonymous)".to_owned(),
            name => name,
        })
    }

    /// Returns the program's function behind one of Node's own, which keeps it in a variable; the function itself where there is none.
    pub(crate) fn own_function(&self, function: u64) -> u64 {
        if self.is_own(function) {
            return function;
        }
        let at = &self.heap.layout.at;
        let held = || {
            let context = self.heap.target(function, at.function_context)?;
            let scope = self.heap.element(context, 0).and_then(strong).and_then(|scope| Scope::of(self.heap, scope))?;
            let values = scope.variables(self.heap).into_iter().filter_map(|(_, place)| self.heap.variable(context, place));
            values.filter(|&value| self.heap.kind(value) == Some(Kind::JsFunction)).find(|&value| self.is_own(value))
        };
        held().unwrap_or(function)
    }

    /// Returns the first of some functions that is the program's, or keeps one of it in a variable; else the first.
    pub(crate) fn heard_by(&self, functions: impl Iterator<Item = u64>) -> Option<u64> {
        let functions = functions.filter(|&function| self.heap.kind(function) == Some(Kind::JsFunction));
        let functions: Vec<u64> = functions.map(|function| self.own_function(function)).collect();
        functions.iter().copied().find(|&function| self.is_own(function)).or_else(|| functions.first().copied())
    }

    fn is_own(&self, function: u64) -> bool {
        self.scripts.place(function).is_some_and(|(script, _)| !script.starts_with("node:"))
    }

    /// Returns where a function begins, from 1.
    pub(crate) fn place(&self, function: u64) -> Option<String> {
        let (script, at) = self.scripts.place(function)?;
        let at = at.map_or(String::new(), |at| format!(":{}:{}", at.line + 1, at.column + 1));
        Some(format!("{script}{at}"))
    }
}
