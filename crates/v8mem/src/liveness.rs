//! Which objects are alive, which are held by weak references only, and which are garbage that was not collected yet.

use heap::bitset::Bitset;
use serde::{Deserialize, Serialize};

use crate::graph::Scope;
use crate::marking::{Lost, Marker, references};
use crate::memory::Memory;
use crate::objects::ObjIx;
use crate::roots::{Group, Root};
use crate::view::HeapView;

/// Objects and the bytes that they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub objects: u64,
    /// Their own sizes together, in bytes.
    pub bytes: u64,
}

/// What there is of each. Objects that isolates share and nobody writes are in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Alive.
    pub reachable: Sum,
    /// Reached through weak references only.
    pub weakly: Sum,
    /// Reached by nothing.
    pub garbage: Sum,
}

impl Sums {
    /// Returns what there is of a scope.
    #[must_use]
    pub fn of_scope(&self, scope: Scope) -> Sum {
        match scope {
            Scope::Live => self.reachable,
            Scope::Weak => self.weakly,
            Scope::Dead => self.garbage,
        }
    }
}

/// What keeps which objects.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    /// Reached without passing a weak reference.
    pub alive: Bitset,
    /// Reached only when weak references are followed too: what the next collection may free.
    pub weakly: Bitset,
    /// Reached by nothing.
    pub garbage: Bitset,
    /// What there is of each.
    pub sums: Sums,
    /// References to no object, those from stacks not counted.
    pub lost: Lost,
    /// Where such references lead, some of them.
    pub strays: Vec<u64>,
}

impl Liveness {
    /// Finds out. O(bytes of objects).
    #[must_use]
    pub fn of<'m>(heap: HeapView<'_, 'm>, memory: &'m dyn Memory, roots: &[Root]) -> Self {
        let caches = roots.iter().filter(|root| root.is_cache()).map(|root| root.object).collect();
        let mut marker = Marker::new(heap, memory, caches);
        // A stack may hold what was left there: only what all other roots lead to tells whether references are lost.
        let (stacks, exact): (Vec<&Root>, Vec<&Root>) =
            roots.iter().filter(|root| root.strong).partition(|root| matches!(root.group, Group::Stack(_)));
        marker.mark(exact.into_iter().map(|root| root.object));
        let (lost, strays) = (marker.lost(), marker.strays().to_vec());
        marker.mark(stacks.into_iter().map(|root| root.object));
        let (alive, reached) = marker.finish(roots.iter().map(|root| root.object));
        let empty = || Bitset::new(heap.objects.len());
        let mut found = Self { alive, weakly: empty(), garbage: empty(), sums: Sums::default(), lost, strays };
        for object in heap.objects.written(heap.pages) {
            let sum = if found.alive.get(object.0) {
                &mut found.sums.reachable
            } else if reached.get(object.0) {
                found.weakly.set(object.0);
                &mut found.sums.weakly
            } else {
                found.garbage.set(object.0);
                &mut found.sums.garbage
            };
            sum.objects += 1;
            sum.bytes += heap.objects.size(object);
        }
        found
    }
}

impl Liveness {
    /// Returns the objects of a scope.
    #[must_use]
    pub fn of_scope(&self, scope: Scope) -> &Bitset {
        match scope {
            Scope::Live => &self.alive,
            Scope::Weak => &self.weakly,
            Scope::Dead => &self.garbage,
        }
    }
}

/// Returns the objects of a set from which all others of it are reached: those to which none of them refers, and of a ring, one. O(their bytes).
#[must_use]
pub fn tops(heap: HeapView<'_, '_>, set: &Bitset) -> Vec<ObjIx> {
    let members = || (0..heap.objects.len() as u32).filter(|&nth| set.get(nth)).map(ObjIx);
    let mut referred = Bitset::new(heap.objects.len());
    for from in members() {
        references(heap, from, &mut |to| {
            if to != from {
                referred.set(to.0);
            }
        });
    }
    let (mut seen, mut tops, mut stack) = (Bitset::new(heap.objects.len()), Vec::new(), Vec::new());
    let free = members().filter(|object| !referred.get(object.0));
    // What nobody refers to comes first, then what is left: rings, and what only they reach.
    for top in free.chain(members()) {
        if seen.insert(top.0) {
            tops.push(top);
            stack.push(top);
        }
        while let Some(object) = stack.pop() {
            references(heap, object, &mut |to| {
                if set.get(to.0) && seen.insert(to.0) {
                    stack.push(to);
                }
            });
        }
    }
    tops
}
