//! Node's C++ objects in the graph, as Node.js itself adds them to V8's snapshots: `Node / TCPSocketWrap`, with an edge to the wrapper and one back.
//!
//! Left out are nodes that Node.js makes of what its classes tell of themselves in C++ (`Environment`, `IsolateData`, realms, lists, `Aliased…Array`,
//! `BlobBindingData`'s parts, …): nothing in memory names their fields. So an object of C++ that a strong handle keeps hangs on the root, where
//! Node 24 and later hang it on their lists, and one with a weak handle is kept by its wrapper alone. Sizes are malloc's, up to 15 bytes more than
//! the class's; what V8's C++ garbage collector owns has size 0, for its size is not known.

use heap::NodeKind;
use rustc_hash::FxHashMap;

use super::emitter::Emitter;
use crate::kind::Kind;
use crate::node_side::{BaseObject, Hold, NodeView};
use crate::objects::ObjIx;
use crate::version::V8Version;

/// An object of C++, as the graph shows it.
#[derive(Clone, Debug)]
pub struct Native {
    /// What Node.js calls it.
    pub name: String,
    /// The object with its wrapper.
    pub object: BaseObject,
    /// The wrapper.
    pub wrapper: ObjIx,
    /// Other objects of JavaScript that it keeps alive by handles of its own.
    pub keeps: Vec<ObjIx>,
}

/// Finds all objects of C++ with a wrapper. O(objects).
#[must_use]
pub fn natives(view: NodeView<'_, '_>) -> Vec<Native> {
    let heap = view.heap();
    let objects: Vec<(ObjIx, BaseObject)> =
        heap.objects.iter().filter_map(|(wrapper, addr)| Some((wrapper, view.of_wrapper(addr)?))).collect();
    let handles: Vec<Vec<(u64, u64)>> = objects.iter().map(|(_, object)| view.own_handles(object)).collect();
    // A handle has one owner: where two seem to hold it, one of them is a word that was left over.
    let mut owners: FxHashMap<u64, u32> = FxHashMap::default();
    handles.iter().flatten().for_each(|&(slot, _)| *owners.entry(slot).or_default() += 1);
    let native = |((wrapper, object), handles): ((ObjIx, BaseObject), Vec<(u64, u64)>)| {
        let name = view.name(&object).unwrap_or_else(|| "(unknown class)".to_owned());
        let own = handles.into_iter().filter(|(slot, _)| owners.get(slot) == Some(&1));
        // Node 22 has one handle more in each that belongs to an asynchronous call: to `undefined`, as a rule.
        let is_value = |object: ObjIx| heap.maps.get(heap.objects.map(object)).kind == Kind::Oddball;
        let keeps = own.filter_map(|(_, word)| heap.object(word)).filter(|&kept| kept != wrapper && !is_value(kept)).collect();
        Native { name: format!("Node / {name}"), object, wrapper, keeps }
    };
    objects.into_iter().zip(handles).map(native).collect()
}

/// What an edge is called that stands for a handle in the memory of an object of C++. Snapshots have the fields' names, which no core has.
const OWN_HANDLE: &str = "global_handle";

impl Emitter<'_, '_, '_> {
    /// Makes nodes of the objects of C++ whose wrappers are in the graph. They come first behind the objects of the heap.
    pub(super) fn base_objects(&mut self, natives: &[Native]) {
        let old = self.heap.layout.version < V8Version::new(10, 0);
        let (to_native, to_wrapper) = if old { ("wrapper", "wrapped") } else { ("javascript_to_native", "native_to_javascript") };
        self.to_native = self.rows.text(to_native);
        let (to_wrapper, own_handle) = (self.rows.text(to_wrapper), self.rows.text(OWN_HANDLE));
        for native in natives {
            let Some(wrapper) = self.node_of(native.wrapper) else { continue };
            let object = &native.object;
            let is_strong = object.hold == Hold::Strong;
            // Since V8 13 a snapshot's root leads to few of them, and all are of one kind.
            let kind = if is_strong && self.heap.layout.version.major < 13 { NodeKind::SYNTHETIC } else { NodeKind::NATIVE };
            let node = self.native(object.addr, object.size.unwrap_or(0), &native.name);
            let kept = native.keeps.iter().filter_map(|&kept| self.node_of(kept)).map(|kept| (own_handle, kept));
            let edges = std::iter::once((to_wrapper, wrapper)).chain(kept).collect();
            self.describe_native(node, kind, edges);
            self.native_of_wrapper.insert(object.wrapper, node);
            if is_strong {
                self.open_natives.push(node);
            }
        }
    }
}
