//! Writing an index: section by section into a private file beside the target, which takes its place only when it is whole.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh3::xxh3_64;

use super::blob::{self, BlobWriter};
use super::layout::{ALIGNMENT, BLOCK, BYTE_ORDER, Entry, Header, MAGIC, Tag, join_sums};
use super::{Key, VERSION};
use crate::analysis::HeapAnalysis;
use crate::column::{Narrow, WideColumn};
use crate::distance::Distance;
use crate::graph::HeapGraph;
use crate::problems::Problems;
use crate::progress::{Phase, Progress};
use crate::strings::{StrIx, StringTable};
use crate::whole_file::WholeFile;

/// How many entries the table has room for.
const ROOM: usize = 48;

/// Writes the index of an analysis to `path`, and returns its size. What has not been computed yet is computed now. `about` is what the caller
/// knows besides: `open` and `glance` give it back. The file can be read and written by its owner only. Whoever opens `path` meanwhile sees the old file, or none.
///
/// # Errors
/// What the system says, `Interrupted` where `progress` asked to stop. Nothing is left behind then, and an old index stays.
pub fn write(
    path: &Path,
    analysis: &HeapAnalysis,
    problems: &Problems,
    key: &Key,
    about: &[u8],
    progress: &dyn Progress,
) -> io::Result<u64> {
    let mut file = WholeFile::beside(path)?;
    let length = fill(file.file(), analysis, problems, key, about, progress)?;
    file.name(path)?;
    Ok(length)
}

/// As `write`, into a file that is empty and that nobody knows as an index before it is whole.
///
/// # Errors
/// As `write`. What is in the file is no index then.
pub fn fill(
    out: &mut File,
    analysis: &HeapAnalysis,
    problems: &Problems,
    key: &Key,
    about: &[u8],
    progress: &dyn Progress,
) -> io::Result<u64> {
    let mut saver = Saver { out, at: 0, entries: Vec::new(), progress };
    saver.skip_to(size_of::<Header>() as u64 + (ROOM * size_of::<Entry>()) as u64)?;
    saver.graph(analysis.graph(), problems)?;
    saver.facts(analysis.graph())?;
    saver.analysis(analysis)?;
    saver.section(Tag::About, about)?;
    saver.finish(analysis.graph(), key)
}

/// A file that is being filled.
struct Saver<'a, W> {
    out: &'a mut W,
    at: u64,
    entries: Vec<Entry>,
    progress: &'a dyn Progress,
}

impl<W: Write + Seek> Saver<'_, W> {
    /// Fills up with zeros.
    fn skip_to(&mut self, at: u64) -> io::Result<()> {
        let gap = at.saturating_sub(self.at);
        io::copy(&mut io::Read::take(io::repeat(0), gap), self.out)?;
        self.at += gap;
        Ok(())
    }

    /// Adds a section.
    fn section(&mut self, tag: Tag, bytes: &[u8]) -> io::Result<()> {
        self.skip_to(self.at.next_multiple_of(ALIGNMENT))?;
        let at = self.at;
        let mut sums = Vec::with_capacity(bytes.len().div_ceil(BLOCK));
        for block in bytes.chunks(BLOCK) {
            sums.push(xxh3_64(block));
            self.out.write_all(block)?;
            self.at += block.len() as u64;
            self.progress.report(Phase::Writing, self.at, 0);
            if self.progress.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        self.entries.push(Entry { tag: tag as u32, reserved: 0, at, length: bytes.len() as u64, sum: join_sums(&sums) });
        Ok(())
    }

    fn column<T: Pod>(&mut self, tag: Tag, values: &[T]) -> io::Result<()> {
        self.section(tag, bytemuck::cast_slice(values))
    }

    fn wide<N: Narrow>(&mut self, narrow: Tag, wide: Tag, column: &WideColumn<N>) -> io::Result<()> {
        self.column(narrow, column.narrow())?;
        self.section(wide, &blob::write_wide(column.wide()))
    }

    fn graph(&mut self, graph: &HeapGraph, problems: &Problems) -> io::Result<()> {
        let columns = graph.columns();
        self.column(Tag::Kinds, &columns.kinds)?;
        self.column(Tag::Names, &columns.names)?;
        let (offsets, bases) = columns.ids.parts();
        self.column(Tag::Ids, &offsets)?;
        self.section(Tag::IdBases, &blob::write_wide(&bases))?;
        self.wide(Tag::SelfSizes, Tag::WideSelfSizes, &columns.self_sizes)?;
        self.wide(Tag::FirstEdges, Tag::WideFirstEdges, columns.first_edges.beyond())?;
        self.column(Tag::FirstEdgeBases, columns.first_edges.bases())?;
        self.column(Tag::Edges, &columns.edges)?;
        self.column(Tag::EdgeNames, graph.edge_names())?;
        if !graph.allocations().node_stacks.is_empty() {
            self.column(Tag::NodeStacks, &graph.allocations().node_stacks)?;
        }
        let wraps = self.strings(graph.strings())?;
        let mut blob = BlobWriter::default();
        blob::write_problems(&mut blob, problems);
        self.section(Tag::Problems, &blob.0)?;
        self.section(Tag::Extras, &extras(graph, &wraps))
    }

    /// Adds the strings, and returns where their offsets pass multiples of 2^32.
    fn strings(&mut self, strings: &StringTable) -> io::Result<Vec<u32>> {
        if let Some((bytes, base)) = packed(strings) {
            self.section(Tag::StringBytes, bytes)?;
            let starts: Vec<u32> = strings.starts().iter().map(|start| start.wrapping_sub(base as u32)).collect();
            self.column(Tag::StringStarts, &starts)?;
            // Moving all offsets down moves the places where they pass a multiple.
            return Ok(wraps(strings.len(), |at| strings.offset(StrIx(at)).unwrap_or(base) - base));
        }
        let (mut bytes, mut offsets) = (Vec::new(), Vec::with_capacity(strings.len()));
        for ix in 0..strings.len() as u32 {
            offsets.push(bytes.len());
            bytes.extend_from_slice(strings.raw(StrIx(ix)));
            bytes.push(b'"');
        }
        self.section(Tag::StringBytes, &bytes)?;
        let starts: Vec<u32> = offsets.iter().map(|&offset| offset as u32).collect();
        self.column(Tag::StringStarts, &starts)?;
        Ok(wraps(offsets.len(), |at| offsets.get(at as usize).copied().unwrap_or(0)))
    }

    fn facts(&mut self, graph: &HeapGraph) -> io::Result<()> {
        let facts = graph.facts();
        let mut blob = BlobWriter::default();
        blob.list(facts.ephemerons.iter(), |blob, half| {
            blob.u32(half.edge);
            blob.u32(half.entry);
            blob.u32(u32::from(half.from_table));
        });
        blob.list(facts.skipped.iter(), |blob, &edge| blob.u32(edge));
        self.section(Tag::Facts, &blob.0)?;
        self.column(Tag::SpecialNodes, facts.special.words())?;
        self.column(Tag::ShapeNames, &facts.shapes.names)?;
        let starts: &[u32] = if facts.shapes.starts.is_empty() { &[0] } else { &facts.shapes.starts };
        self.column(Tag::ShapeStarts, starts)?;
        self.column(Tag::ShapeObjects, facts.shapes.objects.bits().words())?;
        self.column(Tag::ShapeOfObject, &facts.shapes.shape_of)
    }

    fn analysis(&mut self, analysis: &HeapAnalysis) -> io::Result<()> {
        let (distances, page) = analysis.distances_and_page();
        self.column(Tag::Distances, &distances.stored)?;
        let mut blob = BlobWriter::default();
        blob.list(distances.wide.iter(), |blob, &(node, distance)| {
            blob.u32(node);
            blob.u32(distance);
        });
        self.section(Tag::WideDistances, &blob.0)?;
        self.column(Tag::Page, page.words())?;
        if let Some(sizes) = analysis.attributed() {
            self.wide(Tag::Attributed, Tag::WideAttributed, sizes)?;
        }
        self.column(Tag::Dominators, analysis.dominators())?;
        self.wide(Tag::Retained, Tag::WideRetained, analysis.retained())?;
        let spans = analysis.dominator_spans();
        self.column(Tag::SpanNodes, &spans.nodes)?;
        self.column(Tag::SpanLengths, &spans.lengths)?;
        self.column(Tag::SpanPlaces, &spans.places)?;
        self.column(Tag::ClassOfNode, analysis.classes().of_nodes())?;
        self.section(Tag::Classes, &classes(analysis))?;
        self.section(Tag::Aggregates, &aggregates(analysis))
    }

    fn finish(&mut self, graph: &HeapGraph, key: &Key) -> io::Result<u64> {
        assert!(self.entries.len() <= ROOM, "the table has room for every tag");
        let table: &[u8] = bytemuck::cast_slice(&self.entries);
        let mut header = Header {
            magic: MAGIC,
            version: VERSION,
            byte_order: BYTE_ORDER,
            file_length: self.at,
            key_size: key.size,
            key_modified_ns: key.modified_ns,
            key_hash: key.hash,
            nodes: graph.node_count() as u32,
            edges: graph.edge_count() as u32,
            strings: graph.strings().len() as u32,
            root: graph.root().0,
            sections: self.entries.len() as u32,
            table_sum: xxh3_64(table),
            ..Header::zeroed()
        };
        header.sum = header.own_sum();
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(bytemuck::bytes_of(&header))?;
        self.out.write_all(table)?;
        self.out.flush()?;
        Ok(self.at)
    }
}

/// Returns the bytes that hold all bodies and the offset at which they start, where the bodies lie one behind the other: as in a snapshot.
fn packed(strings: &StringTable) -> Option<(&[u8], usize)> {
    let count = strings.len() as u32;
    let base = strings.offset(StrIx(0))?;
    let last = StrIx(count - 1);
    let in_order = (1..count).all(|ix| strings.offset(StrIx(ix - 1)) <= strings.offset(StrIx(ix)));
    let end = strings.offset(last)?.checked_add(strings.raw(last).len())?;
    // The quote behind the last body, without which a body that ends in a backslash would be read differently.
    let bytes = strings.bytes();
    let end = if bytes.get(end) == Some(&b'"') { end + 1 } else { end };
    Some((bytes.get(base..end).filter(|_| in_order)?, base))
}

/// Returns the positions at which rising offsets pass a multiple of 2^32.
fn wraps(count: usize, offset: impl Fn(u32) -> usize) -> Vec<u32> {
    let mut wraps = Vec::new();
    for at in 0..count as u32 {
        while wraps.len() < offset(at) >> 32 {
            wraps.push(at);
        }
    }
    wraps
}

fn extras(graph: &HeapGraph, wraps: &[u32]) -> Vec<u8> {
    let extras = graph.extras();
    let mut blob = BlobWriter::default();
    blob.list(extras.node_kinds.iter(), |blob, kind| blob.text(kind));
    blob.list(extras.edge_kinds.iter(), |blob, kind| blob.text(kind));
    blob.list(extras.other_edges.iter(), |blob, &(edge, kind)| {
        blob.u32(edge);
        blob.u32(u32::from(kind));
    });
    blob.u32(u32::from(extras.has_detachedness));
    blob.u64(extras.native_bytes);
    blob.text(&extras.header);
    blob::write_locations(&mut blob, &extras.locations);
    blob::write_allocations(&mut blob, &extras.allocations);
    blob.words(wraps);
    blob.option(crate::process::process(graph).map(|node| u64::from(node.0)));
    blob.0
}

fn classes(analysis: &HeapAnalysis) -> Vec<u8> {
    let mut blob = BlobWriter::default();
    let classes = analysis.classes();
    blob.list((0..classes.len() as u32).map(crate::ClassIx), |blob, class| {
        let class = classes.get(class);
        blob.text(&class.name);
        let (script, line, column) = class.place.unwrap_or_default();
        for value in [u32::from(class.place.is_some()), script, line, column] {
            blob.u32(value);
        }
    });
    blob.list(classes.interfaces().iter(), |blob, interface| {
        blob.text(&interface.name);
        blob.list(interface.properties.iter(), |blob, property| {
            blob.list(property.iter(), |blob, &unit| blob.u32(u32::from(unit)));
        });
    });
    blob.0
}

fn aggregates(analysis: &HeapAnalysis) -> Vec<u8> {
    let mut blob = BlobWriter::default();
    blob.u64(analysis.total_size());
    blob.list(analysis.aggregates().iter(), |blob, sum| {
        blob.u32(sum.class.0);
        blob.u64(sum.count);
        blob.u64(sum.self_size);
        blob.u64(sum.retained_size);
        let (form, number) = match sum.distance {
            Distance::User(number) => (0, number),
            Distance::System(number) => (1, number),
            Distance::None => (2, 0),
        };
        blob.u32(form);
        blob.u32(number);
    });
    blob.list(crate::questions::class_locations(analysis).iter(), |blob, location| blob.text(location.as_deref().unwrap_or_default()));
    blob.text(&crate::process::node_version(analysis.graph()).unwrap_or_default());
    blob.0
}
