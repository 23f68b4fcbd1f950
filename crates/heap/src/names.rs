//! Strings that many nodes or edges are compared with: found once in the string table, then compared by position.

use crate::bitset::Bitset;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::EdgeKind;
use crate::strings::{StrIx, StringTable};

/// Finds the first positions of several strings in one pass. O(strings).
pub(crate) fn find<const N: usize>(strings: &StringTable, wanted: [&str; N]) -> [Option<StrIx>; N] {
    let mut found = [None; N];
    let mut missing = N;
    // Few strings start like one that is wanted: most cost a look at one byte, and none a search for its end.
    let mut by_first: [Vec<usize>; 256] = std::array::from_fn(|_| Vec::new());
    for (at, text) in wanted.iter().enumerate() {
        by_first[first_byte(text.as_bytes())].push(at);
    }
    for (ix, rest) in strings.rests() {
        for &at in &by_first[first_byte(rest)] {
            if found[at].is_none() && is_body(rest, wanted[at].as_bytes()) {
                found[at] = Some(ix);
                missing -= 1;
            }
        }
        if missing == 0 {
            break;
        }
    }
    found
}

/// Returns the first byte of a body, that of the quote behind it where it is empty.
#[inline]
fn first_byte(rest: &[u8]) -> usize {
    usize::from(rest.first().copied().unwrap_or(b'"'))
}

/// Says whether the body at the front of `rest` is `text`, which holds nothing that JSON escapes.
fn is_body(rest: &[u8], text: &[u8]) -> bool {
    rest.strip_prefix(text).is_some_and(|behind| first_byte(behind) == usize::from(b'"'))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Bytes;

    /// Bodies stand between bars.
    fn check(bodies: &str, expect: [Option<u32>; 4]) {
        let starts: Vec<u32> = std::iter::once(0).chain(bodies.match_indices('|').map(|(at, _)| at as u32 + 1)).collect();
        let bytes = Bytes::Owned(std::sync::Arc::new(bodies.replace('|', "\"").into_bytes()));
        let strings = StringTable::new(bytes, starts.into(), vec![]);
        let wanted = ["map", "maps", "", "code"];
        assert_eq!(find(&strings, wanted).map(|ix| ix.map(|ix| ix.0)), expect, "{bodies}");
        assert_eq!(wanted.map(|text| strings.find(text).map(|ix| ix.0)), expect, "{bodies}");
    }

    #[test]
    fn strings_are_found_where_they_first_stand() {
        check("", [None, None, Some(0), None]);
        check("x|map|m|maps|map|cod", [Some(1), Some(3), None, None]);
        check("map\\\"|amap||code", [None, None, Some(2), Some(3)]);
        check("maps|mapsa|codec|", [None, Some(0), Some(3), None]);
    }
}
