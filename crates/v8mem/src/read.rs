//! From an address space to a heap graph, in one call.

use heap::{HeapGraph, ProblemKind, Problems};

use crate::anatomy::Anatomy;
use crate::basis::Basis;
use crate::core_file::CoreFile;
use crate::graph::{Parts, Scope, Survey, graph, node_objects};
use crate::inventory::{Inventory, inventory};
use crate::liveness::Sums;
use crate::memory::Memory;
use crate::native::handle_owners::handle_owners;
use crate::node_side::NodeSide;

/// The number of this way to read a heap: raised whenever the same memory becomes another graph, so that what was made of one before is not
/// taken for what would be made of it now.
pub const READING: u32 = 4;

/// Why an image has no heap that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeapError {
    /// No V8 says its version.
    #[error("the version of V8, as Node.js writes it, is nowhere in this memory")]
    NoVersion,
    /// No page of a heap.
    #[error("V8 {version} is there, but none of its pages")]
    NoPages {
        /// V8's version.
        version: String,
    },
    /// Pages, but no isolate that they belong to.
    #[error("pages of V8 {version}, but no isolate that they belong to: it is not in the dump, or the layout of this V8 is not known")]
    NoIsolate {
        /// V8's version.
        version: String,
    },
    /// A V8 that is not in the tables, and no program at hand in which it describes itself.
    #[error("V8 {version} is not one that this build knows, and the program, in which V8 describes itself, is not at hand")]
    UnknownLayout {
        /// V8's version.
        version: String,
    },
    /// More objects than a graph can hold.
    #[error("{objects} objects, more than a graph can hold")]
    TooLarge {
        /// How many objects there are.
        objects: u64,
    },
}

/// What was found on the way, besides the graph.
#[derive(Clone, Debug)]
pub struct Found {
    /// Versions, layout, pages and isolates.
    pub anatomy: Anatomy,
    /// What the layout rests on, and what the walk over all pages met.
    pub basis: Basis,
    /// How many objects are alive, and how many are not.
    pub sums: Sums,
}

/// Reads the heaps of a core: a graph of what is alive, or of what is not. O(bytes of the heap).
///
/// # Errors
/// When there is no V8 in it whose pages can be found.
pub fn read_core(core: &CoreFile, scope: Scope) -> Result<(HeapGraph, Problems, Found), HeapError> {
    let ([graph], problems, found) = read_scopes(core, [scope])?;
    Ok((graph, problems, found))
}

/// As `read_core`, several graphs at once: the walk, roots and marking are done once.
///
/// # Errors
/// As `read_core`.
pub fn read_scopes<const N: usize>(core: &CoreFile, scopes: [Scope; N]) -> Result<([HeapGraph; N], Problems, Found), HeapError> {
    read_anatomy(core, Anatomy::find(core)?, scopes)
}

/// As `read_scopes`, of a core whose anatomy was found before.
///
/// # Errors
/// When there are more objects than a graph can hold.
pub fn read_anatomy<const N: usize>(
    core: &CoreFile,
    anatomy: Anatomy,
    scopes: [Scope; N],
) -> Result<([HeapGraph; N], Problems, Found), HeapError> {
    let ((), graphs, problems, found) = read_and_ask(core, anatomy, scopes, |_| ())?;
    Ok((graphs, problems, found))
}

/// As `read_anatomy`, with the answer to a question besides that needs the heap looked through.
///
/// # Errors
/// As `read_anatomy`.
pub fn read_and_ask<R, const N: usize>(
    core: &CoreFile,
    mut anatomy: Anatomy,
    scopes: [Scope; N],
    question: impl FnOnce(Inventory<'_, '_>) -> R,
) -> Result<(R, [HeapGraph; N], Problems, Found), HeapError> {
    let mut problems = Problems::default();
    let (answer, graphs, basis, sums) = inventory(core, &mut anatomy, |found| {
        let memory: &dyn Memory = core;
        let Inventory { heap, strings, roots, liveness, .. } = found;
        let answer = question(found);
        let survey = Survey::of(heap, roots);
        let owners = handle_owners(core, roots.iter().filter(|root| root.strong).filter_map(|root| root.handle));
        let node = node_objects(NodeSide::of(memory, found.anatomy, core.binary()).with(heap), &owners);
        // The search for classes of C++ has looked at all symbols.
        core.forget_all();
        let graphs = scopes.map(|scope| {
            let (graph, met) = graph(Parts { heap, strings, roots, liveness, survey: &survey, node: &node, owners: &owners }, scope);
            problems.append(met);
            graph
        });
        core.forget_all();
        (answer, graphs, found.basis(), liveness.sums)
    })?;
    problems.append(damage(core, &basis));
    Ok((answer, graphs, problems, Found { anatomy, basis, sums }))
}

/// Returns what is wrong with a core: what it lacks, and where its memory does not agree with the layout.
#[must_use]
pub fn damage(core: &CoreFile, basis: &Basis) -> Problems {
    let mut problems = Problems::default();
    if let Some(missing) = core.missing() {
        let what = format!("{} bytes that the core should hold are missing, from address {:#x} on", missing.bytes, missing.first);
        problems.add(ProblemKind::Truncated, None, what);
    }
    basis.doubts().into_iter().for_each(|doubt| problems.add(ProblemKind::DoubtfulLayout, None, doubt));
    problems
}
