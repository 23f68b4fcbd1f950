//! One row a node, as RFC 4180 has it, but with lines that end in a line feed.
//!
//! Names stand as they are: a name may begin with `=` or `@`, which spreadsheets take for a formula when they open the file. Import it as
//! text there. Lone surrogates become U+FFFD, since the file is UTF-8.

use std::io::{self, Write};

use crate::analysis::HeapAnalysis;
use crate::decimal::digits;
use crate::graph::NodeIx;

/// How many bytes are gathered before they are handed on.
const ENOUGH: usize = 256 << 10;

/// Writes a header and one row a node, in the order of nodes. `self_size` is DevTools' (with backing arrays that only the node uses),
/// `distance` is the number that DevTools keeps, the root is its own dominator. O(nodes + bytes of names).
///
/// # Errors
/// What `out` says.
pub fn csv(analysis: &HeapAnalysis, out: &mut impl Write) -> io::Result<()> {
    let graph = analysis.graph();
    // Kinds and classes are few: quoted once.
    let kinds: Vec<Vec<u8>> = (0..=u8::MAX).map(|kind| quoted(graph.node_kind_name(crate::NodeKind::from_number(kind)))).collect();
    let classes: Vec<Vec<u8>> = analysis.classes().iter().map(|(_, class)| quoted(&class.name)).collect();
    let mut buffer = Vec::with_capacity(ENOUGH + 4096);
    buffer.extend(b"id,type,class,name,self_size,retained_size,distance,dominator_id\n");
    for node in graph.nodes() {
        push_number(&mut buffer, graph.id(node).0);
        buffer.push(b',');
        buffer.extend(&kinds[usize::from(graph.kind(node).number())]);
        buffer.push(b',');
        buffer.extend(&classes[analysis.class(node).0 as usize]);
        buffer.push(b',');
        push_name(&mut buffer, analysis, node);
        buffer.push(b',');
        push_number(&mut buffer, analysis.self_size(node));
        buffer.push(b',');
        push_number(&mut buffer, analysis.retained_size(node));
        buffer.push(b',');
        let distance = analysis.distance(node).as_devtools();
        if distance < 0 {
            buffer.push(b'-');
        }
        push_number(&mut buffer, distance.unsigned_abs());
        buffer.push(b',');
        push_number(&mut buffer, graph.id(analysis.dominator(node)).0);
        buffer.push(b'\n');
        if buffer.len() >= ENOUGH {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)?;
    out.flush()
}

fn push_name(buffer: &mut Vec<u8>, analysis: &HeapAnalysis, node: NodeIx) {
    let graph = analysis.graph();
    let raw = graph.strings().raw(graph.name_ix(node));
    // Most names are plain: no escapes, nothing to quote.
    if raw.iter().all(|&byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b',' | b'"')) {
        buffer.extend_from_slice(raw);
    } else {
        buffer.extend(quoted(&graph.name(node)));
    }
}

/// Returns a field: in quotes where it holds a comma, a quote or a line end.
fn quoted(text: &str) -> Vec<u8> {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")).into_bytes() } else { text.as_bytes().to_vec() }
}

fn push_number(buffer: &mut Vec<u8>, number: u64) {
    digits(number, |text| buffer.extend_from_slice(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{GraphBuilder, Node};
    use crate::kinds::NodeKind;

    fn rows(analysis: &HeapAnalysis) -> String {
        let mut out = Vec::new();
        csv(analysis, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_a_node() {
        let expected = "\
id,type,class,name,self_size,retained_size,distance,dominator_id
1,synthetic,(synthetic),,0,240,100000000,1
3,object,global,global,32,240,1,1
5,object,Map,Map,88,208,2,3
7,array,(array),(object elements),0,120,3,5
9,object,\"{name, id}\",Object,40,40,4,7
11,object,\"{name, id}\",Object,40,40,4,7
13,string,(string),alice@example.com,40,40,5,7
";
        assert_eq!(rows(&HeapAnalysis::new(crate::testing::small())), expected);
    }

    #[test]
    fn odd_names_are_quoted() {
        let mut builder = GraphBuilder::new();
        for (id, name) in (0..).zip(["root", "a,b", "a\"b", "line\nend", "=1+1", "é😀", "tab\t"]) {
            builder.node(Node::new(NodeKind::STRING, name, id, 8));
        }
        let text = rows(&HeapAnalysis::new(builder.finish().0));
        let names: Vec<_> = text.split("(string),").skip(1).map(|row| row.split_once(",8,").unwrap().0).collect();
        assert_eq!(names, ["root", "\"a,b\"", "\"a\"\"b\"", "\"line\nend\"", "=1+1", "é😀", "tab\t"]);
    }
}
