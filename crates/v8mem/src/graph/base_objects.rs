//! Node's C++ objects in the graph, as Node.js itself adds them to V8's snapshots: `Node / TCPSocketWrap`, with an edge to the wrapper and one back.
//!
//! Left out are nodes that Node.js makes of what its classes tell of themselves in C++ (`IsolateData`, realms, lists, `Aliased…Array`, `exec_argv`,
//! …): nothing in memory names their fields. So of Node 24 and later an object of C++ that a strong handle keeps hangs on its environment
//! directly, and one with a weak handle is kept by its wrapper alone. Sizes are malloc's, up to 15 bytes more than
//! the class's; what V8's C++ garbage collector owns has size 0, for its size is not known.

use heap::{NodeIx, NodeKind};
use rustc_hash::FxHashMap;

use super::emitter::Emitter;
use crate::kind::Kind;
use crate::native::handle_owners::HandleOwners;
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

/// Node's side, as the graph shows it.
#[derive(Clone, Debug, Default)]
pub struct NodeObjects {
    /// Objects of C++ with a wrapper.
    pub natives: Vec<Native>,
    /// Environments: address, isolate, and bytes of memory, 0 where that is not known.
    pub environments: Vec<(u64, usize, u64)>,
}

/// Finds all of Node's objects of C++. O(objects).
#[must_use]
pub fn node_objects(view: NodeView<'_, '_>, owners: &HandleOwners) -> NodeObjects {
    let environments = view.environments().into_iter();
    let environments = environments.map(|found| (found.addr, found.isolate, view.allocated(found.addr).unwrap_or(0))).collect();
    NodeObjects { natives: natives(view, owners), environments }
}

fn natives(view: NodeView<'_, '_>, known: &HandleOwners) -> Vec<Native> {
    let heap = view.heap();
    let objects: Vec<(ObjIx, BaseObject)> =
        heap.objects.iter().filter_map(|(wrapper, addr)| Some((wrapper, view.of_wrapper(addr)?))).collect();
    let handles: Vec<Vec<(u64, u64)>> = objects.iter().map(|(_, object)| view.own_handles(object)).collect();
    // A handle has one owner: where two seem to hold it, one of them is a word that was left over.
    let mut owners: FxHashMap<u64, u32> = FxHashMap::default();
    handles.iter().flatten().for_each(|&(slot, _)| *owners.entry(slot).or_default() += 1);
    let native = |((wrapper, object), handles): ((ObjIx, BaseObject), Vec<(u64, u64)>)| {
        let name = view.name(&object).unwrap_or_else(|| "(unknown class)".to_owned());
        let own = handles.into_iter().filter(|&(slot, _)| owners.get(&slot) == Some(&1) && !known.is_listed(slot));
        // Node 22 has one handle more in each that belongs to an asynchronous call: to `undefined`, as a rule.
        let is_value = |object: ObjIx| heap.maps.get(heap.objects.map(object)).kind == Kind::Oddball;
        let keeps = own.filter_map(|(_, word)| heap.object(word)).filter(|&kept| kept != wrapper && !is_value(kept)).collect();
        Native { name: format!("Node / {name}"), object, wrapper, keeps }
    };
    objects.into_iter().zip(handles).map(native).collect()
}

/// What an edge is called that stands for a handle in the memory of an object of C++. Snapshots have the fields' names, which no core has.
const OWN_HANDLE: &str = "global_handle";

/// V8 13 and later know roots of their own only: there Node's objects hang on their environment.
const WITH_ENVIRONMENT: u16 = 13;

impl Emitter<'_, '_, '_> {
    /// Makes nodes of the objects of C++ whose wrappers are in the graph. They come first behind the objects of the heap.
    pub(super) fn node_objects(&mut self, objects: &NodeObjects) {
        let old = self.heap.layout.version < V8Version::new(10, 0);
        let (to_native, to_wrapper) = if old { ("wrapper", "wrapped") } else { ("javascript_to_native", "native_to_javascript") };
        self.to_native = self.rows.text(to_native);
        let (to_wrapper, own_handle) = (self.rows.text(to_wrapper), self.rows.text(OWN_HANDLE));
        let has_environment = self.heap.layout.version.major >= WITH_ENVIRONMENT;
        let mut open: Vec<(usize, NodeIx)> = Vec::new();
        for native in &objects.natives {
            let Some(wrapper) = self.node_of(native.wrapper) else { continue };
            let object = &native.object;
            let is_root = object.hold == Hold::Strong && !has_environment;
            let kind = if is_root { NodeKind::SYNTHETIC } else { NodeKind::NATIVE };
            let node = self.native(object.addr, object.size.unwrap_or(0), &native.name);
            let kept = native.keeps.iter().filter_map(|&kept| self.node_of(kept)).map(|kept| (own_handle, kept));
            let edges = std::iter::once((to_wrapper, wrapper)).chain(kept).collect();
            self.describe_native(node, kind, edges, vec![]);
            self.native_of_wrapper.insert(object.wrapper, node);
            if object.hold == Hold::Strong {
                open.push((object.isolate, node));
            }
        }
        if has_environment {
            self.environments(objects, &open);
        } else {
            self.open_natives.extend(open.into_iter().map(|(_, node)| node));
        }
    }

    fn environments(&mut self, objects: &NodeObjects, open: &[(usize, NodeIx)]) {
        for &(addr, isolate, size) in &objects.environments {
            let own: Vec<NodeIx> = open.iter().filter(|(of, _)| *of == isolate).map(|&(_, node)| node).collect();
            if !own.is_empty() {
                let node = self.native(addr, size, "Node / Environment");
                self.describe_native(node, NodeKind::SYNTHETIC, vec![], own);
                self.open_natives.push(node);
            }
        }
    }
}
