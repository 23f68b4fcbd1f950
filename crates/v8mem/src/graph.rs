//! Objects become a heap graph: the nodes, edges and names that V8's own snapshot of this heap would have.
//!
//! The order of edges is V8's too: what it names first (properties, elements, fields with a name), then the map, then every other
//! reference by number. References to objects that every heap has (`undefined`, empty arrays, a few maps) are left out where V8 does.

mod base_objects;
mod code;
mod edges;
mod emitter;
mod internals;
mod objects;
mod places;
mod recipes;
mod survey;
mod tags;
mod words;

use heap::bitset::RankedBits;
use heap::{EdgeKind, HeapGraph, NodeId, NodeIx, NodeKind, Problems};
use serde::{Deserialize, Serialize};

pub use base_objects::{Native, NodeObjects, node_objects};
pub use survey::Survey;

use crate::liveness::{Liveness, tops};
use crate::names::Names;
use crate::native::handle_owners::HandleOwners;
use crate::pages::PAGE_BITS;
use crate::roots::{Group, Root};
use crate::text::Strings;
use crate::view::HeapView;
use emitter::Emitter;

/// Which objects become nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Those that are alive, as in a snapshot.
    Live,
    /// Those that only weak references lead to.
    Weak,
    /// Those that nothing leads to: garbage that was not collected yet.
    Dead,
}

impl Scope {
    /// The name of the group that stands for what is not alive.
    fn group(self) -> Option<&'static str> {
        match self {
            Self::Live => None,
            Self::Weak => Some("(Weakly reachable)"),
            Self::Dead => Some("(Garbage)"),
        }
    }
}

/// What a graph is made of.
#[derive(Clone, Copy)]
pub struct Parts<'a, 'm> {
    /// The heap.
    pub heap: HeapView<'a, 'm>,
    /// Its strings.
    pub strings: Strings<'a, 'm>,
    /// Where life begins.
    pub roots: &'a [Root],
    /// What is alive and what is not.
    pub liveness: &'a Liveness,
    /// What was seen of all objects.
    pub survey: &'a Survey,
    /// Node's objects of C++.
    pub node: &'a NodeObjects,
    /// What holds global handles.
    pub owners: &'a HandleOwners,
}

/// The id of V8's root of all roots, and the step between ids of what is no object.
const ROOT_ID: u64 = 1;

/// So many pages of a heap are gone through before their memory is given back.
const RESIDENT_PAGES: u64 = 64;

/// Makes the graph. O(objects + references).
#[must_use]
pub fn graph(parts: Parts<'_, '_>, scope: Scope) -> (HeapGraph, Problems) {
    let chosen = RankedBits::of(parts.liveness.of_scope(scope).clone());
    let groups = groups(&parts, scope);
    let first_object = 2 + groups.len() as u32 + u32::from(scope != Scope::Live);
    let names = Names::new(parts.heap, parts.strings);
    let mut emitter = Emitter::new(&parts, &chosen, &names, first_object);
    emitter.prepare();
    emitter.name_code(parts.roots);
    emitter.node_objects(parts.node);
    roots(&parts, scope, &groups, &mut emitter);
    let (mut page, mut passed) = (0, 0);
    for (object, addr) in parts.heap.objects.iter().filter(|&(object, _)| chosen.get(object.0)) {
        if addr >> PAGE_BITS != page {
            page = addr >> PAGE_BITS;
            passed += 1;
            if passed % RESIDENT_PAGES == 0 {
                // Objects come by address: what lies behind need not stay in memory, nor what they looked at elsewhere.
                parts.strings.memory.forget_all();
            }
        }
        emitter.object(object, addr);
    }
    emitter.natives();
    emitter.finish()
}

/// The groups of roots that have a member: isolate and group.
fn groups(parts: &Parts<'_, '_>, scope: Scope) -> Vec<(usize, Group)> {
    let mut groups: Vec<_> = parts.roots.iter().map(|root| (root.isolate, root.group)).collect();
    groups.sort_unstable();
    groups.dedup();
    if scope != Scope::Live {
        groups.clear();
    }
    groups
}

/// Writes the root, the group of all groups, and the groups; of what is not alive, a group that says what it is, with an edge to every object
/// from which others of it are reached.
fn roots(parts: &Parts<'_, '_>, scope: Scope, groups: &[(usize, Group)], emitter: &mut Emitter<'_, '_, '_>) {
    let (empty, gc_roots) = (emitter.rows.text(""), emitter.rows.text("(GC roots)"));
    emitter.rows.node(NodeKind::SYNTHETIC, empty, NodeId(ROOT_ID), 0);
    emitter.rows.indexed(EdgeKind::ELEMENT, 1, NodeIx(1));
    let realms = emitter.realms();
    let first = 2 + realms.len() as u32;
    for (nth, realm) in (2..first).zip(realms) {
        let name = emitter.rows.text(&nth.to_string());
        emitter.rows.edge(EdgeKind::SHORTCUT, name, realm);
    }
    for (index, native) in (first..).zip(std::mem::take(&mut emitter.open_natives)) {
        emitter.rows.indexed(EdgeKind::ELEMENT, index, native);
    }
    emitter.rows.node(NodeKind::SYNTHETIC, gc_roots, NodeId(ROOT_ID + 2), 0);
    let dead = u32::from(scope != Scope::Live);
    for nth in 0..groups.len() as u32 + dead {
        emitter.rows.indexed(EdgeKind::ELEMENT, nth + 1, NodeIx(2 + nth));
    }
    for (nth, &(isolate, group)) in groups.iter().enumerate() {
        let id = NodeId(ROOT_ID + 4 + 2 * nth as u64);
        let name = if isolate == 0 { group.name() } else { format!("{} of isolate {}", group.name(), isolate + 1) };
        let name = emitter.rows.text(&name);
        emitter.rows.node(NodeKind::SYNTHETIC, name, id, 0);
        members(parts, (isolate, group), emitter);
    }
    if let Some(name) = scope.group() {
        let name = emitter.rows.text(name);
        emitter.rows.node(NodeKind::SYNTHETIC, name, NodeId(ROOT_ID + 4), 0);
        for (nth, top) in (1..).zip(tops(parts.heap, parts.liveness.of_scope(scope))) {
            if let Some(to) = emitter.node_of(top) {
                emitter.rows.indexed(EdgeKind::ELEMENT, nth, to);
            }
        }
    }
}

fn members(parts: &Parts<'_, '_>, (isolate, group): (usize, Group), emitter: &mut Emitter<'_, '_, '_>) {
    let members = parts.roots.iter().filter(|root| root.isolate == isolate && root.group == group);
    for (nth, root) in members.enumerate() {
        let Some(to) = emitter.node_of(root.object) else { continue };
        let name = match root.name.as_str() {
            "" => root.handle.and_then(|handle| parts.owners.get(handle)).map_or_else(|| (nth + 1).to_string(), str::to_owned),
            name => name.to_owned(),
        };
        let kind = if root.strong { EdgeKind::INTERNAL } else { EdgeKind::WEAK };
        let name = emitter.rows.text(&name);
        emitter.rows.edge(kind, name, to);
    }
}
