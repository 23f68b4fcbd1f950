//! Strings that many nodes or edges are compared with: found once in the string table, then compared by position.

use crate::bitset::Bitset;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::EdgeKind;
use crate::strings::{StrIx, StringTable};

/// Finds the positions of several strings in one pass. O(bytes of the table).
pub(crate) fn find<const N: usize>(strings: &StringTable, wanted: [&str; N]) -> [Option<StrIx>; N] {
    let mut found = [None; N];
    for ix in (0..strings.len() as u32).map(StrIx) {
        let raw = strings.raw(ix);
        for (at, text) in wanted.iter().enumerate() {
            if raw == text.as_bytes() && found[at].is_none() {
                found[at] = Some(ix);
            }
        }
    }
    found
}

/// Finds all strings whose JSON body `accept` lets pass. O(bytes of the table).
pub(crate) fn select(strings: &StringTable, accept: impl Fn(&[u8]) -> bool) -> Bitset {
    let mut set = Bitset::new(strings.len());
    for ix in 0..strings.len() as u32 {
        if accept(strings.raw(StrIx(ix))) {
            set.set(ix);
        }
    }
    set
}

/// Returns the target of a node's first internal edge of that name.
pub(crate) fn internal(graph: &HeapGraph, node: NodeIx, name: Option<StrIx>) -> Option<NodeIx> {
    let name = EdgeName::Text(name?);
    graph.edges(node).filter(|edge| edge.kind == EdgeKind::INTERNAL).find(|&edge| graph.edge_name(edge) == name).map(|edge| edge.to)
}
