//! The small sections: locations, samples, and what allocation tracking recorded.

use crate::allocations::{Allocations, Function, Sample, Stack};
use crate::graph::NodeIx;
use crate::problems::{ProblemKind, Problems};
use crate::snapshot::header::{Header, position};
use crate::snapshot::numbers::skip_space;
use crate::source::{Location, Locations, LocationsBuilder};
use crate::strings::{StrIx, StringTable};

/// The numbers of an array that may be nested, with its brackets. V8 writes -1 for "unknown"; it comes as `UNKNOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Number(u64),
    Open,
    Close,
}

/// How -1 comes.
const UNKNOWN: u64 = u64::MAX;

/// Reads tokens of the array at `at` (its `[`) until it closes. Returns the place behind it.
fn tokens(bytes: &[u8], at: usize, mut each: impl FnMut(Token)) -> Option<usize> {
    let mut at = at;
    let mut depth = 0_usize;
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at)? {
            b'[' => {
                depth += 1;
                each(Token::Open);
                at += 1;
            }
            b']' => {
                depth = depth.checked_sub(1)?;
                each(Token::Close);
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            b',' => at += 1,
            b'-' => {
                at += 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                each(Token::Number(UNKNOWN));
            }
            b'0'..=b'9' => {
                let mut value = 0_u64;
                while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
                    value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
                    at += 1;
                }
                each(Token::Number(value));
                // A fraction, which no field has: taken, and left out.
                at += bytes[at..].iter().take_while(|byte| matches!(byte, b'.' | b'0'..=b'9' | b'e' | b'E' | b'+')).count();
            }
            _ => return None,
        }
    }
}

/// Reads a flat array of rows, each with the fields that the header names. Returns the place behind it.
fn each_row(bytes: &[u8], at: usize, fields: usize, name: &str, problems: &mut Problems, mut each: impl FnMut(&[u64])) -> Option<usize> {
    let fields = fields.max(1);
    let mut row = Vec::with_capacity(fields.min(64));
    let mut count = 0_u64;
    let end = tokens(bytes, at, |token| {
        let Token::Number(value) = token else { return };
        count += 1;
        row.push(value);
        if row.len() == fields {
            each(&row);
            row.clear();
        }
    });
    if end.is_none() {
        problems.add(ProblemKind::BadSection, Some(at as u64), format!("section {name:?} cannot be read to its end"));
    } else if !row.is_empty() {
        let what = format!("section {name:?} has {count} numbers, which rows of {fields} do not divide");
        problems.add(ProblemKind::WrongCount, Some(at as u64), what);
    }
    end
}

/// Returns a number, `None` where it is unknown or does not fit.
fn known(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

/// Returns a position that V8 writes from 1, and as 0 where it does not know it (`SerializePosition`).
fn from_one(value: u64) -> Option<u32> {
    known(value)?.checked_sub(1)
}

/// Reads `locations`. Returns the place behind the section, where it ends.
pub(super) fn read_locations(
    bytes: &[u8],
    at: usize,
    header: &Header,
    node_count: usize,
    problems: &mut Problems,
) -> (Locations, Option<usize>) {
    let fields = &header.location_fields;
    let place = |name| position(fields, name);
    let (Some(object), Some(script), Some(line), Some(column)) =
        (place("object_index"), place("script_id"), place("line"), place("column"))
    else {
        let mut is_empty = true;
        let end = each_row(bytes, at, fields.len(), "locations", problems, |_| is_empty = false);
        if !is_empty {
            problems.add(ProblemKind::BadSection, Some(at as u64), "meta.location_fields does not name what a location has");
        }
        return (Locations::default(), end);
    };
    let script_object = place("script_object_index");
    let node = |value: u64| {
        let node = value / header.node.count as u64;
        (value.is_multiple_of(header.node.count as u64) && node < node_count as u64).then_some(NodeIx(node as u32))
    };
    let mut bad = 0;
    let mut locations = LocationsBuilder::default();
    let end = each_row(bytes, at, fields.len(), "locations", problems, |row| {
        // V8 writes 0 where a script has no node; node 0 is the root.
        let script_node = script_object.and_then(|field| node(row[field])).filter(|script| script.0 != 0);
        match (node(row[object]), known(row[script]), known(row[line]), known(row[column])) {
            (Some(node), Some(script_id), Some(line), Some(column)) => {
                locations.push(Location { node, script_id, line, column, script: script_node });
            }
            _ => bad += 1,
        }
    });
    problems.add_many(ProblemKind::BadTarget, bad, Some(at as u64), "a location of no node, or without line and column");
    (locations.finish(), end)
}

/// Reads `samples`.
pub(super) fn read_samples(bytes: &[u8], at: usize, header: &Header, into: &mut Allocations, problems: &mut Problems) -> Option<usize> {
    let time = position(&header.sample_fields, "timestamp_us");
    let id = position(&header.sample_fields, "last_assigned_id");
    each_row(bytes, at, header.sample_fields.len(), "samples", problems, |row| {
        if let (Some(time), Some(id)) = (time, id) {
            into.samples.push(Sample { timestamp_us: row[time], last_assigned_id: row[id] });
        }
    })
}

/// Reads `trace_function_infos`.
pub(super) fn read_functions(
    bytes: &[u8],
    at: usize,
    header: &Header,
    strings: &StringTable,
    into: &mut Allocations,
    problems: &mut Problems,
) -> Option<usize> {
    let fields = &header.function_fields;
    let get = |row: &[u64], name: &str| position(fields, name).map_or(UNKNOWN, |field| row[field]);
    let text = |row: &[u64], name| known(get(row, name)).map_or_else(String::new, |ix| strings.text(StrIx(ix)).into_owned());
    each_row(bytes, at, fields.len(), "trace_function_infos", problems, |row| {
        into.functions.push(Function {
            id: get(row, "function_id"),
            name: text(row, "name"),
            script: text(row, "script_name"),
            script_id: known(get(row, "script_id")).unwrap_or(0),
            line: from_one(get(row, "line")),
            column: from_one(get(row, "column")),
        });
    })
}

/// Reads `trace_tree`: nested arrays `[id, function, count, size, [children…]]`, without recursion.
pub(super) fn read_stacks(bytes: &[u8], at: usize, header: &Header, into: &mut Allocations, problems: &mut Problems) -> Option<usize> {
    let own_fields = header.trace_fields.iter().filter(|field| *field != "children").count().max(1);
    let place = |name| position(&header.trace_fields, name);
    let (id, function) = (place("id").unwrap_or(0), place("function_info_index").unwrap_or(1));
    let (count, size) = (place("count").unwrap_or(2), place("size").unwrap_or(3));
    let mut reader = TreeReader { stacks: Vec::new(), parents: Vec::new(), row: Vec::new(), depth: 0, own_fields, is_tree: true };
    let end = tokens(bytes, at, |token| {
        reader.see(token, |row: &[u64], parent| Stack {
            id: row.get(id).copied().and_then(known).unwrap_or(0),
            function: row.get(function).copied().and_then(known).unwrap_or(0),
            count: row.get(count).copied().unwrap_or(0),
            size: row.get(size).copied().unwrap_or(0),
            parent,
        });
    });
    if end.is_none() || !reader.is_tree {
        problems.add(ProblemKind::BadTree, Some(at as u64), "trace_tree is not a tree of rows");
    }
    into.stacks = reader.stacks;
    end
}

/// Turns brackets into parents. Depth alternates: a list of rows, the rows' own fields, a list of rows, ….
struct TreeReader {
    stacks: Vec<Stack>,
    /// The rows that are open.
    parents: Vec<u32>,
    row: Vec<u64>,
    depth: usize,
    own_fields: usize,
    is_tree: bool,
}

impl TreeReader {
    fn see(&mut self, token: Token, make: impl Fn(&[u64], Option<u32>) -> Stack) {
        match token {
            Token::Open => self.depth += 1,
            // The rows of one list stand side by side, without brackets of their own.
            Token::Number(value) => {
                self.row.push(value);
                if self.row.len() == self.own_fields {
                    let parent = self.parents.get(self.depth.saturating_sub(2)).copied();
                    self.parents.truncate(self.depth.saturating_sub(1));
                    self.parents.push(self.stacks.len() as u32);
                    self.stacks.push(make(&self.row, if self.depth > 1 { parent } else { None }));
                    self.row.clear();
                }
            }
            Token::Close => {
                self.is_tree &= self.row.is_empty();
                self.row.clear();
                self.depth = self.depth.saturating_sub(1);
            }
        }
    }
}
