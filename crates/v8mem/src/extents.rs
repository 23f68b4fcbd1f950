//! Where the bytes of ArrayBuffers, of views of them, and of external strings lie.

use heap::held::{Extent, Place};

use crate::kind::Kind;
use crate::maps::Map;
use crate::memory::Memory;
use crate::text::{Representation, Strings, representation};
use crate::view::HeapView;

/// Returns where the bytes of the object at an address lie; `None` where they are a part of it, or where it has none.
pub(crate) fn of(heap: HeapView<'_, '_>, memory: &dyn Memory, addr: u64) -> Option<Extent> {
    let map = heap.map_of(addr)?;
    let at = &heap.layout.at;
    let (address, offset, length) = match map.kind {
        Kind::JsArrayBuffer => (heap.field(addr, at.buffer_store)?, 0, heap.field(addr, at.buffer_length)?),
        Kind::JsTypedArray | Kind::JsDataView => {
            let (offset, length) = (heap.field(addr, at.view_offset)?, heap.field(addr, at.view_length)?);
            (first_byte(heap, addr, &map, offset)?, offset, length)
        }
        Kind::String if representation(map.instance_type) == Representation::External => {
            let (data, length) = Strings { heap, memory }.external_bytes(addr, &map)?;
            (data, 0, length)
        }
        _ => return None,
    };
    Some(Extent { address, offset, length, place: place(heap, memory, address) })
}

/// Returns the address of the first byte of a view: a typed array keeps it in two parts, of which one is the object of V8's that holds small
/// ones; a DataView's follows from its ArrayBuffer, which stands in one of the fields before its offset.
fn first_byte(heap: HeapView<'_, '_>, addr: u64, map: &Map, offset: u64) -> Option<u64> {
    let at = &heap.layout.at;
    if map.kind == Kind::JsTypedArray {
        return Some(heap.field(addr, at.typed_external)?.wrapping_add(heap.field(addr, at.typed_base)?));
    }
    let fields = (at.object_elements + 8..at.view_offset).step_by(8).filter_map(|field| heap.target(addr, field));
    let buffer = fields.into_iter().find(|&target| heap.kind(target) == Some(Kind::JsArrayBuffer))?;
    heap.field(buffer, at.buffer_store)?.checked_add(offset)
}

fn place(heap: HeapView<'_, '_>, memory: &dyn Memory, address: u64) -> Place {
    match memory.range_at(address) {
        _ if heap.pages.page(address).is_some() => Place::Heap,
        Some(range) if range.writable => Place::Native,
        // Text of programs is in few cores: it is taken from the file.
        _ => Place::Program,
    }
}
