//! What must be known of all objects before the first of them is written, whichever are chosen.

use heap::bitset::Bitset;
use rustc_hash::FxHashSet;

use crate::kind::Kind;
use crate::objects::ObjIx;
use crate::roots::{Group, Root};
use crate::version::V8Version;
use crate::view::HeapView;

/// The outcome of one look over all objects.
pub struct Survey {
    /// Objects that every heap has: V8 shows no references to them.
    pub(super) everywhere: Bitset,
    /// The addresses of texts of scripts.
    pub(super) sources: FxHashSet<u64>,
    /// What V8's root of all roots leads to by shortcuts: the realms that something holds strongly. Not those of `node:vm`, which live as long
    /// as somebody has a use for them.
    pub(super) realms: Vec<ObjIx>,
    /// Tables of WeakMaps and WeakSets, with their addresses.
    pub(super) tables: Vec<(ObjIx, u64)>,
    /// The addresses of caches, which keep nothing alive.
    pub(super) caches: Vec<u64>,
    /// What closures share, where it was compiled: its address, and that of its code.
    pub(super) compiled: Vec<(u64, u64)>,
}

/// Roots that every heap has, besides what is neither object nor number (`undefined`, the hole).
const EVERYWHERE: [&str; 11] = [
    "empty_byte_array",
    "empty_fixed_array",
    "empty_weak_fixed_array",
    "empty_descriptor_array",
    "fixed_array_map",
    "cell_map",
    "global_property_cell_map",
    "shared_function_info_map",
    "free_space_map",
    "one_pointer_filler_map",
    "two_pointer_filler_map",
];

impl Survey {
    /// Looks at all objects. O(objects).
    #[must_use]
    pub fn of(heap: HeapView<'_, '_>, roots: &[Root]) -> Self {
        let (mut sources, mut tables, mut compiled) = (FxHashSet::default(), Vec::new(), Vec::new());
        let mut everywhere = Bitset::new(heap.objects.len());
        roots.iter().filter(|root| EVERYWHERE.contains(&root.name.as_str())).for_each(|root| everywhere.set(root.object.0));
        let caches = roots.iter().filter(|root| root.is_cache()).map(|root| heap.objects.addr(root.object)).collect();
        for (object, addr) in heap.objects.iter() {
            match heap.maps.get(heap.objects.map(object)).kind {
                Kind::Oddball | Kind::Hole => everywhere.set(object.0),
                Kind::Script => sources.extend(heap.target(addr, heap.layout.at.script_source)),
                Kind::EphemeronTable => tables.push((object, addr)),
                Kind::SharedFunctionInfo => compiled.extend(heap.baseline_code(addr).map(|code| (addr, code))),
                _ => {}
            }
        }
        Self { everywhere, sources, realms: realms(heap, roots), tables, caches, compiled }
    }
}

/// Finds the realms that are held strongly: up to V8 14.1 their global objects, in 14.6 what they are themselves. O(roots).
///
/// Words on stacks, and in the isolate, may be left over from calls that have ended, so they do not count: what runs in a realm has a handle of it.
fn realms(heap: HeapView<'_, '_>, roots: &[Root]) -> Vec<ObjIx> {
    /// Where a realm keeps its global object.
    const EXTENSION: u64 = 2;
    let mut seen = FxHashSet::default();
    let held = roots.iter().filter(|root| root.strong && !matches!(root.group, Group::Stack(_) | Group::Isolate)).map(|root| root.object);
    let realms = held.filter(|&object| heap.maps.get(heap.objects.map(object)).kind == Kind::NativeContext);
    let shown = realms.filter_map(|realm| {
        let global = heap.object(heap.element(heap.objects.addr(realm), EXTENSION)?)?;
        let is_global = heap.maps.get(heap.objects.map(global)).kind == Kind::JsGlobalObject;
        is_global.then_some(if heap.layout.version < V8Version::new(14, 6) { global } else { realm })
    });
    shown.filter(|&object| seen.insert(object)).collect()
}
