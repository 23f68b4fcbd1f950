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
            let (offset, length) = of_view(heap, addr, &map).filter(|&(_, length)| length > 0)?;
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

/// Says whether the memory of an ArrayBuffer was given away (`postMessage`, `structuredClone`, `transfer`).
pub(crate) fn is_detached(heap: HeapView<'_, '_>, addr: u64) -> bool {
    const WAS_DETACHED: u32 = 4;
    heap.half(addr, heap.layout.at.buffer_flags).is_some_and(|flags| flags & WAS_DETACHED != 0)
}

/// Returns which part of its ArrayBuffer a view sees: how many bytes come before, and how many it sees now. None where the memory was given away,
/// or is shorter now than the view.
pub(crate) fn of_view(heap: HeapView<'_, '_>, addr: u64, map: &Map) -> Option<(u64, u64)> {
    const AS_LONG: u32 = 1;
    const MAY_GROW: u32 = 2;
    let at = &heap.layout.at;
    let (offset, length) = (heap.field(addr, at.view_offset)?, heap.field(addr, at.view_length)?);
    // Small ones have their bytes in an object of V8's, and an ArrayBuffer only by name.
    if map.kind == Kind::JsTypedArray && heap.field(addr, at.typed_base)? != 0 {
        return Some((offset, length));
    }
    let Some(all) = buffer(heap, addr).and_then(|buffer| heap.field(buffer, at.buffer_length)) else { return Some((offset, length)) };
    let flags = heap.half(addr, at.view_flags).filter(|_| heap.layout.version.major >= 10).unwrap_or(0);
    // Those have no length of their own.
    if flags & AS_LONG != 0 && length == 0 {
        return Some((offset, all.saturating_sub(offset)));
    }
    // Of shared memory that may grow V8 keeps the length elsewhere.
    let is_told = all > 0 || flags & MAY_GROW == 0;
    let is_there = !is_told || offset.checked_add(length).is_some_and(|end| end <= all);
    Some((offset, if is_there { length } else { 0 }))
}

/// Returns the ArrayBuffer of a view: it stands in one of the fields before the view's offset.
fn buffer(heap: HeapView<'_, '_>, addr: u64) -> Option<u64> {
    let at = &heap.layout.at;
    let fields = (at.object_elements + 8..at.view_offset).step_by(8);
    fields.filter_map(|field| heap.target(addr, field)).find(|&target| heap.kind(target) == Some(Kind::JsArrayBuffer))
}

/// Returns the address of the first byte of a view: a typed array keeps it in two parts, of which one is the object of V8's that holds small
/// ones; a DataView's follows from its ArrayBuffer.
fn first_byte(heap: HeapView<'_, '_>, addr: u64, map: &Map, offset: u64) -> Option<u64> {
    let at = &heap.layout.at;
    if map.kind == Kind::JsTypedArray {
        return Some(heap.field(addr, at.typed_external)?.wrapping_add(heap.field(addr, at.typed_base)?));
    }
    heap.field(buffer(heap, addr)?, at.buffer_store)?.checked_add(offset)
}

fn place(heap: HeapView<'_, '_>, memory: &dyn Memory, address: u64) -> Place {
    match memory.range_at(address) {
        _ if heap.pages.page(address).is_some() => Place::Heap,
        Some(range) if range.writable => Place::Native,
        // Text of programs is in few cores: it is taken from the file.
        _ => Place::Program,
    }
}
