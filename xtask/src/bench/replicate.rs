//! Makes a snapshot of several disjoint copies of another one's graph under a single root: a test of scale.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// A snapshot taken apart.
struct Parts<'a> {
    header: &'a str,
    nodes: Vec<u32>,
    edges: Vec<u32>,
    between: &'a [u8],
    locations: Vec<u32>,
    strings: &'a [u8],
    fields: Fields,
}

/// Where the fields lie that have to change.
struct Fields {
    node_count: usize,
    node_id: usize,
    node_edges: usize,
    edge_count: usize,
    edge_target: usize,
    location_count: usize,
    location_object: usize,
}

/// Writes `copies` copies of `from`'s graph to `to`. All copies share node 0.
pub(super) fn replicate(from: &Path, to: &Path, copies: u32) -> Result<()> {
    let text = fs::read(from)?;
    let parts = take_apart(&text)?;
    let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
    write_header(&mut out, &parts, copies)?;
    write_nodes(&mut out, &parts, copies)?;
    out.write_all(b"],\n\"edges\":[")?;
    write_edges(&mut out, &parts, copies)?;
    out.write_all(b"]")?;
    out.write_all(parts.between)?;
    write_locations(&mut out, &parts, copies)?;
    out.write_all(b"]")?;
    out.write_all(parts.strings)?;
    out.flush()?;
    Ok(())
}

fn take_apart(text: &[u8]) -> Result<Parts<'_>> {
    let (header, rest) = split_after(text, b"\"nodes\":[")?;
    let (nodes, rest) = integers(rest)?;
    let (_, rest) = split_after(rest, b"\"edges\":[")?;
    let (edges, rest) = integers(rest)?;
    let (between, rest) = split_after(rest, b"\"locations\":[")?;
    let (locations, strings) = integers(rest)?;
    let header = std::str::from_utf8(header)?;
    let meta: Value = serde_json::from_str(&format!("{}0]}}", header)).context("the snapshot's header is not JSON")?;
    let meta = &meta["snapshot"]["meta"];
    let names = |key: &str| meta[key].as_array().with_context(|| format!("no {key} in the header"));
    let position = |key: &str, name: &str| -> Result<usize> {
        names(key)?.iter().position(|field| field == name).with_context(|| format!("no field {name} in {key}"))
    };
    let fields = Fields {
        node_count: names("node_fields")?.len(),
        node_id: position("node_fields", "id")?,
        node_edges: position("node_fields", "edge_count")?,
        edge_count: names("edge_fields")?.len(),
        edge_target: position("edge_fields", "to_node")?,
        location_count: names("location_fields")?.len(),
        location_object: position("location_fields", "object_index")?,
    };
    Ok(Parts { header, nodes, edges, between, locations, strings, fields })
}

/// What comes up to and with `token`, and what comes after.
fn split_after<'a>(text: &'a [u8], token: &[u8]) -> Result<(&'a [u8], &'a [u8])> {
    let at = text.windows(token.len()).position(|window| window == token);
    let at = at.with_context(|| format!("no {} in the snapshot", String::from_utf8_lossy(token)))?;
    Ok(text.split_at(at + token.len()))
}

/// The numbers up to the closing bracket, and what comes after it.
fn integers(text: &[u8]) -> Result<(Vec<u32>, &[u8])> {
    let (mut numbers, mut number, mut digits) = (Vec::new(), 0_u32, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                number = number * 10 + u32::from(byte - b'0');
                digits = true;
            }
            _ => {
                if digits {
                    numbers.push(number);
                }
                (number, digits) = (0, false);
                if *byte == b']' {
                    return Ok((numbers, &text[at + 1..]));
                }
            }
        }
    }
    bail!("an array does not end")
}

fn write_header(out: &mut impl Write, parts: &Parts<'_>, copies: u32) -> Result<()> {
    let nodes = parts.nodes.len() / parts.fields.node_count;
    let edges = parts.edges.len() / parts.fields.edge_count;
    let more = copies as usize;
    let header = parts.header.replace(&format!("\"node_count\":{nodes}"), &format!("\"node_count\":{}", 1 + (nodes - 1) * more));
    let header = header.replace(&format!("\"edge_count\":{edges}"), &format!("\"edge_count\":{}", edges * more));
    if header == parts.header {
        bail!("the header's counts are not those of the arrays");
    }
    out.write_all(header.as_bytes())?;
    Ok(())
}

fn write_row(out: &mut impl Write, first: &mut bool, row: &[u32]) -> Result<()> {
    let mut digits = [0_u8; 10];
    for number in row {
        if !std::mem::take(first) {
            out.write_all(b",")?;
        }
        let (mut at, mut rest) = (digits.len(), *number);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        out.write_all(&digits[at..])?;
    }
    Ok(())
}

fn write_nodes(out: &mut impl Write, parts: &Parts<'_>, copies: u32) -> Result<()> {
    let Fields { node_count, node_id, node_edges, .. } = parts.fields;
    let mut first = true;
    let mut root = parts.nodes[..node_count].to_vec();
    root[node_edges] *= copies;
    write_row(out, &mut first, &root)?;
    let largest = parts.nodes.chunks_exact(node_count).map(|node| node[node_id]).max().unwrap_or(0);
    let step = largest.next_multiple_of(2);
    for copy in 0..copies {
        for node in parts.nodes.chunks_exact(node_count).skip(1) {
            let mut node = node.to_vec();
            node[node_id] = step.checked_mul(copy).and_then(|base| base.checked_add(node[node_id])).context("ids above 32 bits")?;
            write_row(out, &mut first, &node)?;
        }
    }
    Ok(())
}

/// Where node offset `target` lies in a copy; node 0 is common to all.
fn moved(parts: &Parts<'_>, target: u32, copy: u32) -> Result<u32> {
    let shift = (parts.nodes.len() - parts.fields.node_count) as u64 * u64::from(copy);
    if target == 0 { Ok(0) } else { Ok(u32::try_from(u64::from(target) + shift)?) }
}

fn write_edges(out: &mut impl Write, parts: &Parts<'_>, copies: u32) -> Result<()> {
    let Fields { edge_count, edge_target, node_edges, .. } = parts.fields;
    let (of_root, others) = parts.edges.split_at(parts.nodes[node_edges] as usize * edge_count);
    let mut first = true;
    for edges in [of_root, others] {
        for copy in 0..copies {
            for edge in edges.chunks_exact(edge_count) {
                let mut edge = edge.to_vec();
                edge[edge_target] = moved(parts, edge[edge_target], copy)?;
                write_row(out, &mut first, &edge)?;
            }
        }
    }
    Ok(())
}

fn write_locations(out: &mut impl Write, parts: &Parts<'_>, copies: u32) -> Result<()> {
    let Fields { location_count, location_object, .. } = parts.fields;
    let mut first = true;
    for copy in 0..copies {
        for location in parts.locations.chunks_exact(location_count) {
            let mut location = location.to_vec();
            location[location_object] = moved(parts, location[location_object], copy)?;
            write_row(out, &mut first, &location)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::replicate;
    use std::fs;

    #[test]
    fn copies_hang_under_one_root() {
        let folder = std::env::temp_dir().join(format!("replicate-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("from"), folder.join("to"));
        let header = r#"{"snapshot":{"meta":{"node_fields":["id","edge_count"],"edge_fields":["to_node"],"location_fields":["object_index","line"]},"node_count":3,"edge_count":3},"#;
        fs::write(
            &from,
            format!("{header}\n\"nodes\":[1,1,3,1,5,1],\"edges\":[2\n,4,2],\n\"samples\":[],\"locations\":[4,7],\"strings\":[]}}"),
        )
        .unwrap();
        replicate(&from, &to, 2).unwrap();
        let made = fs::read_to_string(&to).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(made.contains(r#""node_count":5,"edge_count":6"#));
        assert!(made.contains("\"nodes\":[1,2,3,1,5,1,9,1,11,1],"), "{made}");
        assert!(made.contains("\"edges\":[2,6,4,2,8,6],"), "{made}");
        assert!(made.ends_with("\"locations\":[4,7,8,7],\"strings\":[]}"), "{made}");
    }
}
