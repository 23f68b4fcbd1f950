//! pprof: profiles are unpacked and read back, field by field.

use std::collections::HashMap;
use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::testing::{graphs, small};

/// A field of a message: its number, and a number or bytes.
enum Field<'a> {
    Number(u32, u64),
    Bytes(u32, &'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number of more than ten bytes");
}

fn fields(mut bytes: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let number = (tag >> 3) as u32;
        fields.push(match tag & 7 {
            0 => Field::Number(number, varint(&mut bytes)),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(number, content)
            }
            wire => panic!("wire type {wire}"),
        });
    }
    fields
}

fn numbers(bytes: &[u8]) -> HashMap<u32, u64> {
    fields(bytes).into_iter().filter_map(|field| if let Field::Number(at, value) = field { Some((at, value)) } else { None }).collect()
}

fn packed(bytes: &[u8], wanted: u32) -> Vec<u64> {
    let list = fields(bytes).into_iter().find_map(|field| match field {
        Field::Bytes(at, content) if at == wanted => Some(content),
        _ => None,
    });
    let mut list = list.unwrap();
    std::iter::from_fn(|| (!list.is_empty()).then(|| varint(&mut list))).collect()
}

/// Decodes a profile into lines `root;…;leaf count bytes`.
fn decode(gzip: &[u8]) -> Vec<String> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut bytes).unwrap();
    let (mut samples, mut strings, mut types) = (vec![], vec![], vec![]);
    let (mut names, mut functions) = (HashMap::new(), HashMap::new());
    for field in fields(&bytes) {
        match field {
            Field::Bytes(1, content) => types.push(numbers(content)),
            Field::Bytes(2, content) => samples.push((packed(content, 1), packed(content, 2))),
            Field::Bytes(4, content) => {
                let line = fields(content)
                    .into_iter()
                    .find_map(|field| if let Field::Bytes(4, line) = field { Some(numbers(line)) } else { None });
                functions.insert(numbers(content)[&1], line.unwrap()[&1]);
            }
            Field::Bytes(5, content) => {
                let function = numbers(content);
                names.insert(function[&1], (function[&2], function.get(&4).copied().unwrap_or(0), function.get(&5).copied().unwrap_or(0)));
            }
            Field::Bytes(6, content) => strings.push(std::str::from_utf8(content).unwrap().to_owned()),
            Field::Bytes(other, _) => assert_eq!(other, 11),
            Field::Number(field, value) => assert!(field == 12 && value == 1 || field == 14),
        }
    }
    assert_eq!(strings[0], "");
    let types: Vec<_> = types.iter().map(|kind| (&*strings[kind[&1] as usize], &*strings[kind[&2] as usize])).collect();
    assert_eq!(types, [("inuse_objects", "count"), ("inuse_space", "bytes")]);
    let frame = |location: &u64| {
        let (name, file, line) = names[&functions[location]];
        match &*strings[file as usize] {
            "" => strings[name as usize].clone(),
            file => format!("{} ({file}:{line})", strings[name as usize]),
        }
    };
    let stack = |locations: &[u64]| locations.iter().rev().map(frame).collect::<Vec<_>>().join(";");
    samples.iter().map(|(locations, values)| format!("{} {} {}", stack(locations), values[0], values[1])).collect()
}

fn lines(analysis: &HeapAnalysis, options: &PprofOptions) -> Vec<String> {
    let mut out = Vec::new();
    pprof(analysis, &mut out, options).unwrap();
    let mut lines = decode(&out);
    lines.sort();
    lines
}

#[test]
fn stacks_are_retaining_paths() {
    let expected = [
        "global 1 32",
        "global;.sessions Map 1 88",
        "global;.sessions Map;[] {name, id} 2 80",
        "global;.sessions Map;[] {name, id};.name (string) 1 40",
    ];
    assert_eq!(lines(&HeapAnalysis::new(small()), &PprofOptions::default()), expected);
}

#[test]
fn small_and_deep_stacks_count_with_their_parents() {
    let analysis = HeapAnalysis::new(small());
    assert_eq!(lines(&analysis, &PprofOptions { depth: 2, ..PprofOptions::default() }), ["global 1 32", "global;.sessions Map 4 208"]);
    assert_eq!(lines(&analysis, &PprofOptions { smallest_share: 1.1, ..PprofOptions::default() }), ["global 5 240"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn samples_add_up_to_the_heap(graph in graphs()) {
        let analysis = HeapAnalysis::new(graph);
        let sizes: u64 = analysis.graph().nodes().map(|node| analysis.self_size(node)).sum();
        let sum: u64 = lines(&analysis, &PprofOptions::default()).iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        prop_assert_eq!(sum, sizes + analysis.graph().extra_native_bytes());
    }
}
