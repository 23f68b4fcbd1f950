//! The `edges` array into columns, by several threads at once.
//!
//! Edges are in the order of the nodes that they come from, so a thread that knows which edge it stands at knows the node too. Each thread
//! reads whole nodes: those whose first edge starts in its piece. On the way it gathers what analyses need of edge names, so that the
//! names of a large file, four bytes an edge, stay in the file until the first question needs them.

use std::sync::Mutex;

use crate::buffer::Buffer;
use crate::facts::{FactCollector, GatheredFacts, SpecialNames};
use crate::graph::TARGET_BITS;
use crate::kinds::{EdgeKind, NodeKind};
use crate::mapped::MappedFile;
use crate::problems::{ProblemKind, Problems};
use crate::snapshot::header::{EdgeFields, Header, MAX_FIELDS};
use crate::snapshot::nodes::{narrow, report_break};
use crate::snapshot::numbers::{Numbers, Stop};
use crate::snapshot::section::{Piece, Pieces};

/// What the edges are read for: the nodes that were read before.
pub(super) struct Nodes<'a> {
    pub(super) first_edges: &'a [u32],
    pub(super) kinds: &'a [u8],
    pub(super) names: &'a [u32],
    pub(super) special_names: &'a SpecialNames,
    pub(super) string_count: u32,
    /// Up to so many edges, names are read along with everything else.
    pub(super) names_at_once: usize,
}

/// What came of reading the array.
pub(super) struct EdgesRead {
    /// Kind and target of each edge.
    pub(super) words: Buffer<u32>,
    /// The name of each edge; `None` where they stay in the file.
    pub(super) names: Option<Buffer<u32>>,
    /// Edges of kinds that this build does not know.
    pub(super) other_edges: Vec<(u32, u8)>,
    pub(super) facts: Vec<GatheredFacts>,
    /// The pieces that the array was read in, each with the number of its first edge.
    pub(super) pieces: Vec<(u32, Piece)>,
    /// The place of the `]`, or of what could not be read.
    pub(super) end: usize,
    /// Whether the array ends as it should.
    pub(super) is_whole: bool,
}

struct Shared<'a> {
    pieces: Pieces<'a>,
    words: &'a mut [u32],
    names: &'a mut [u32],
    next_node: usize,
    taken: Vec<(u32, Piece)>,
    found: Found,
    facts: Vec<GatheredFacts>,
}

/// What the threads found besides the columns.
#[derive(Default)]
struct Found {
    other_edges: Vec<(u32, u8)>,
    bad_targets: u64,
    bad_strings: u64,
    unknown_kinds: u64,
    first_bad: Option<u64>,
    broken: Option<(usize, usize, Stop)>,
}

/// The nodes whose edges one thread reads, and where they go.
struct Task<'a> {
    piece: Piece,
    nodes: std::ops::Range<usize>,
    words: &'a mut [u32],
    names: &'a mut [u32],
}

struct EdgeReader<'a> {
    header: &'a Header,
    file: &'a MappedFile,
    nodes: &'a Nodes<'a>,
    kinds: Vec<(EdgeKind, u8)>,
    division: Division,
    shared: Mutex<Shared<'a>>,
}

/// Reads the array that starts behind `[` at `at`.
pub(super) fn read_edges(
    file: &MappedFile,
    at: usize,
    header: &Header,
    nodes: &Nodes<'_>,
    problems: &mut Problems,
    report: &(dyn Fn(usize) -> bool + Sync),
) -> EdgesRead {
    let total = nodes.first_edges.last().map_or(0, |&end| end as usize);
    let mut words = Buffer::zeroed(total);
    let mut names = Buffer::zeroed(if total <= nodes.names_at_once { total } else { 0 });
    let shared = Shared {
        pieces: Pieces::new(file, at),
        words: &mut words,
        names: &mut names,
        next_node: 0,
        taken: Vec::new(),
        found: Found::default(),
        facts: Vec::new(),
    };
    let kinds = known_kinds(header);
    let division = Division::by(header.node.count as u32, nodes.kinds.len() as u32);
    let reader = EdgeReader { header, file, nodes, kinds, division, shared: Mutex::new(shared) };
    std::thread::scope(|scope| {
        scope.spawn(|| reader.work(report));
        reader.work(report);
    });
    let Ok(Shared { pieces, taken, mut found, facts, .. }) = reader.shared.into_inner() else {
        return EdgesRead { words, names: None, other_edges: vec![], facts: vec![], pieces: vec![], end: at, is_whole: false };
    };
    let end = pieces.end().unwrap_or(file.len());
    let actual = pieces.value_count() / header.edge.count;
    found.report(problems, at, actual, total);
    if let Some((edge, ..)) = found.broken {
        words.truncate(edge);
        names.truncate(edge);
        found.other_edges.retain(|&(at, _)| (at as usize) < edge);
    }
    found.other_edges.sort_unstable();
    let is_whole = found.broken.is_none() && file.get(end) == Some(&b']');
    let names = (total <= nodes.names_at_once).then_some(names);
    EdgesRead { words, names, other_edges: found.other_edges, facts, pieces: taken, end, is_whole }
}

/// Returns for each kind number of the file our kind, and for kinds that this build does not know their place among the new names.
fn known_kinds(header: &Header) -> Vec<(EdgeKind, u8)> {
    let mut new = 0;
    let number = |&kind: &EdgeKind| {
        if kind == EdgeKind::OTHER {
            new += 1;
            (kind, (new - 1_usize).min(255) as u8)
        } else {
            (kind, 0)
        }
    };
    header.edge_kinds.iter().map(number).collect()
}

impl<'a> EdgeReader<'a> {
    fn work(&self, report: &dyn Fn(usize) -> bool) {
        let mut found = Found::default();
        let mut collector = FactCollector::new(self.nodes.special_names);
        while let Some(task) = self.take() {
            let range = task.piece.range.clone();
            if self.nodes.first_edges[task.nodes.start] < self.nodes.first_edges[task.nodes.end] || task.piece.is_last {
                self.read(task, &mut found, &mut collector);
            }
            self.file.forget(range.clone());
            if !report(range.end) {
                break;
            }
        }
        let Ok(mut shared) = self.shared.lock() else { return };
        shared.found.merge(found);
        shared.facts.push(collector.finish());
    }

    /// Takes the next piece and the nodes whose first edge starts in it.
    fn take(&self) -> Option<Task<'a>> {
        let mut shared = self.shared.lock().ok()?;
        let piece = shared.pieces.next()?;
        let first_edges = self.nodes.first_edges;
        let started = narrow(piece.values.end.div_ceil(self.header.edge.count) as u64);
        let start = shared.next_node;
        let end = if piece.is_last {
            self.nodes.kinds.len()
        } else {
            (start + first_edges[start..].partition_point(|&first| first < started)).min(self.nodes.kinds.len())
        };
        shared.next_node = end;
        let first = piece.values.start.div_ceil(self.header.edge.count);
        shared.taken.push((narrow(first as u64), piece.clone()));
        let len = (first_edges[end] - first_edges[start]) as usize;
        let named = if shared.names.is_empty() { 0 } else { len };
        let (words, rest) = std::mem::take(&mut shared.words).split_at_mut(len);
        shared.words = rest;
        let (names, rest) = std::mem::take(&mut shared.names).split_at_mut(named);
        shared.names = rest;
        Some(Task { piece, nodes: start..end, words, names })
    }

    fn read(&self, task: Task<'_>, found: &mut Found, collector: &mut FactCollector<'_>) {
        let first_edges = self.nodes.first_edges;
        let base = first_edges[task.nodes.start];
        let mut numbers = Numbers::new(self.file, task.piece.first_at);
        let behind = (base as usize * self.header.edge.count).saturating_sub(task.piece.values.start);
        if !task.words.is_empty() && !numbers.skip(behind) {
            return found.break_at(base as usize, self.file.len(), Stop::OutOfBytes);
        }
        for node in task.nodes {
            let about = self.nodes.special_names.about(NodeKind::from_number(self.nodes.kinds[node]), self.nodes.names[node]);
            collector.start(node as u32, about);
            for edge in first_edges[node]..first_edges[node + 1] {
                let (kind, name, to) = match next_edge(&mut numbers, self.header.edge) {
                    Ok(record) => record,
                    Err(stop) => return found.break_at(edge as usize, numbers.at(), stop),
                };
                let (kind, name, to) = self.check(node as u32, edge, kind, name, to, found);
                let at = (edge - base) as usize;
                task.words[at] = u32::from(kind.number()) << TARGET_BITS | to;
                if let Some(slot) = task.names.get_mut(at) {
                    *slot = name;
                }
                collector.edge(edge, kind, name);
            }
            collector.end();
        }
    }

    /// Makes sure that an edge leads to a node and that its name is a string. One that leads nowhere becomes a weak edge to its own source,
    /// which no analysis follows.
    #[inline]
    fn check(&self, node: u32, edge: u32, kind: u64, name: u64, to: u64, found: &mut Found) -> (EdgeKind, u32, u32) {
        let kind = match self.kinds.get(kind as usize) {
            Some(&(EdgeKind::OTHER, other)) => {
                found.other_edges.push((edge, other));
                EdgeKind::OTHER
            }
            Some(&(kind, _)) => kind,
            None => {
                found.unknown_kinds += 1;
                EdgeKind::OTHER
            }
        };
        let mut name = narrow(name);
        if !kind.has_index() && name >= self.nodes.string_count {
            found.bad_strings += 1;
            name = 0;
        }
        match self.division.node(to) {
            Some(to) => (kind, name, to),
            None => {
                found.bad_targets += 1;
                found.first_bad = found.first_bad.or(Some(to));
                // It is of a known kind now.
                found.other_edges.pop_if(|other| other.0 == edge);
                (EdgeKind::WEAK, if kind.has_index() { 0 } else { name }, node)
            }
        }
    }
}

/// Reads one record: kind, name and target as they stand in the file.
// Called for every edge: a call of its own is 3 % of all instructions of the histogram, and whether it is one must not hang on other files.
#[allow(clippy::inline_always)]
#[inline(always)]
pub(super) fn next_edge(numbers: &mut Numbers<'_>, fields: EdgeFields) -> Result<(u64, u64, u64), Stop> {
    if fields.count == 3 {
        let record = [numbers.next()?, numbers.next()?, numbers.next()?];
        return Ok((record[fields.kind], record[fields.name], record[fields.to]));
    }
    let mut record = [0; MAX_FIELDS];
    for slot in &mut record[..fields.count] {
        *slot = numbers.next()?;
    }
    Ok((record[fields.kind], record[fields.name], record[fields.to]))
}

/// Divides targets, which the file counts in fields, by the number of fields of a node.
struct Division {
    divisor: u32,
    /// 2^64 / divisor, rounded up: the high half of its product with a 32-bit number is the quotient (Lemire, Kaser, Kurz 2019).
    inverse: u64,
    nodes: u32,
}

impl Division {
    fn by(divisor: u32, nodes: u32) -> Self {
        let divisor = divisor.max(1);
        Self { divisor, inverse: (u64::MAX / u64::from(divisor)).wrapping_add(1), nodes }
    }

    /// Returns the node that starts at that field; `None` where none does.
    #[inline]
    fn node(&self, field: u64) -> Option<u32> {
        let small = u32::try_from(field).ok()?;
        let node = if self.divisor == 1 { small } else { ((u128::from(self.inverse) * u128::from(small)) >> 64) as u32 };
        (node < self.nodes && node.wrapping_mul(self.divisor) == small).then_some(node)
    }
}

impl Found {
    fn break_at(&mut self, edge: usize, place: usize, stop: Stop) {
        if self.broken.is_none_or(|(first, ..)| edge < first) {
            self.broken = Some((edge, place, stop));
        }
    }

    fn merge(&mut self, other: Self) {
        self.other_edges.extend(other.other_edges);
        self.bad_targets += other.bad_targets;
        self.bad_strings += other.bad_strings;
        self.unknown_kinds += other.unknown_kinds;
        self.first_bad = self.first_bad.or(other.first_bad);
        if let Some((edge, place, stop)) = other.broken {
            self.break_at(edge, place, stop);
        }
    }

    fn report(&self, problems: &mut Problems, at: usize, actual: usize, total: usize) {
        let at = Some(at as u64);
        if let Some(first) = self.first_bad {
            problems.add_many(
                ProblemKind::BadTarget,
                self.bad_targets,
                at,
                format!("an edge leads to field {first}, where no node starts"),
            );
        }
        problems.add_many(ProblemKind::BadString, self.bad_strings, at, "an edge's name is beyond the strings");
        problems.add_many(ProblemKind::BadNumber, self.unknown_kinds, at, "an edge of a kind that the header does not name");
        if let Some((edge, place, stop)) = self.broken {
            report_break(problems, "edges", edge, place, stop);
        } else if actual != total {
            problems.add(ProblemKind::WrongCount, at, format!("the nodes announce {total} edges, the file has {actual}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_exactly() {
        for divisor in 1..=16 {
            let division = Division::by(divisor, 1 << 28);
            for node in [0, 1, 2, 1000, 12_345_677, (1 << 28) - 1] {
                let Some(field) = u32::checked_mul(node, divisor) else { continue };
                assert_eq!(division.node(field.into()), Some(node));
                if divisor > 1 {
                    assert_eq!(division.node(u64::from(field) + 1), None);
                }
            }
            assert_eq!(division.node(u64::from(divisor) << 28), None);
        }
    }
}
