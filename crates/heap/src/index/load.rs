//! Opening an index: header, table, and the columns of the graph itself.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytemuck::Pod;

use super::blob::{self, BlobReader};
use super::check::{self, Checked, Rule};
use super::layout::{BYTE_ORDER, Entry, Header, MAGIC, MAX_SECTIONS, Tag};
use super::stored::{StoredColumns, Sums, read_classes, read_sums};
use super::{Glance, IndexError, Key, Opened, VERSION};
use crate::analysis::HeapAnalysis;
use crate::column::{Column, WideColumn};
use crate::first_edges::FirstEdges;
use crate::graph::{Columns, Extras, HeapGraph, MAX_NODES, NodeIx, TARGET_MASK};
use crate::ids::Ids;
use crate::mapped::MappedFile;
use crate::problems::Problems;
use crate::process::Noted;
use crate::strings::{Bytes, StringTable};

/// A mapped index whose header and table are sound.
#[derive(Clone, Debug)]
pub(super) struct Mapped {
    pub(super) header: Header,
    entries: Arc<Vec<Entry>>,
    file: MappedFile,
}

/// What an index says in its extras.
struct ReadExtras {
    extras: Extras,
    wraps: Vec<u32>,
}

/// Maps an index and checks its header and table.
fn map(path: &Path, key: Option<&Key>) -> Result<Mapped, IndexError> {
    let io_error = |source| IndexError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if metadata.is_dir() {
        return Err(io_error(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    if !metadata.is_file() || metadata.len() < size_of::<Header>() as u64 {
        return Err(IndexError::NotAnIndex { path: path.to_owned() });
    }
    // The file was put in its place whole, by renaming, and is private to the user: nobody shortens it while it is mapped.
    let file = MappedFile::of(&file).map_err(io_error)?;
    let header = header(path, &file)?;
    if key.is_some_and(|key| *key != header.key()) {
        return Err(IndexError::Stale { path: path.to_owned(), made_of: header.key() });
    }
    Mapped::new(header, file).map_err(|what| IndexError::Damaged { path: path.to_owned(), what })
}

pub(super) fn glance(path: &Path, key: Option<&Key>) -> Result<Glance, IndexError> {
    let mapped = map(path, key)?;
    let look = || {
        let problems = mapped.whole(Tag::Problems).and_then(|bytes| blob::read_problems(&mut BlobReader(bytes)))?;
        let (classes, _) = read_classes(&mapped)?;
        let Sums { total_size, aggregates, locations, node_version } = read_sums(&mapped, classes.len())?;
        let (nodes, edges) = (u64::from(mapped.header.nodes), u64::from(mapped.header.edges));
        let about = mapped.whole(Tag::About)?.to_vec();
        Some(Glance { nodes, edges, total_size, classes, aggregates, locations, node_version, problems, about })
    };
    look().ok_or_else(|| IndexError::Damaged { path: path.to_owned(), what: "its sums of classes are not what was written".to_owned() })
}

pub(super) fn open(path: &Path, key: Option<&Key>) -> Result<Opened, IndexError> {
    let damaged = |what| IndexError::Damaged { path: path.to_owned(), what };
    let mapped = map(path, key)?;
    let key = mapped.header.key();
    let (graph, problems) = mapped.graph().map_err(damaged)?;
    let about =
        mapped.whole(Tag::About).map(<[u8]>::to_vec).ok_or_else(|| damaged(format!("{} is not what was written", Tag::About.name())))?;
    let stored = StoredColumns::new(mapped, &graph);
    let facts = stored.clone();
    let graph = graph.with_fact_loader(Box::new(move || facts.facts()));
    Ok(Opened { analysis: HeapAnalysis::with_stored(graph, Box::new(stored)), problems, key, about })
}

/// Checks the header.
fn header(path: &Path, bytes: &[u8]) -> Result<Header, IndexError> {
    let start = bytes.get(..size_of::<Header>()).unwrap_or_default();
    let header: Header = match bytemuck::try_pod_read_unaligned(start) {
        Ok(header) if start.starts_with(&MAGIC) => header,
        _ => return Err(IndexError::NotAnIndex { path: path.to_owned() }),
    };
    if header.byte_order != BYTE_ORDER {
        return Err(IndexError::OtherMachine { path: path.to_owned() });
    }
    if header.version != VERSION {
        return Err(IndexError::OtherVersion { path: path.to_owned(), found: header.version, expected: VERSION });
    }
    let damaged = |what: String| Err(IndexError::Damaged { path: path.to_owned(), what });
    if header.sum != header.own_sum() {
        return damaged("the checksum of its header does not agree".to_owned());
    }
    if header.file_length != bytes.len() as u64 {
        return damaged(format!("it has {} bytes instead of {}", bytes.len(), header.file_length));
    }
    if header.nodes == 0 || header.nodes > MAX_NODES || header.root >= header.nodes || header.sections > MAX_SECTIONS {
        return damaged(format!("its header speaks of {} nodes, root {}", header.nodes, header.root));
    }
    Ok(header)
}

/// Returns sections that are all there.
fn present<'a>(sections: impl IntoIterator<Item = Option<Checked<'a>>>) -> Result<Vec<Checked<'a>>, String> {
    let sections: Option<Vec<Checked<'_>>> = sections.into_iter().collect();
    sections.ok_or_else(|| "a section is missing".to_owned())
}

impl Mapped {
    fn new(header: Header, file: MappedFile) -> Result<Self, String> {
        let start = size_of::<Header>();
        let table = file.get(start..start + header.sections as usize * size_of::<Entry>()).ok_or("its table runs past its end")?;
        if xxhash_rust::xxh3::xxh3_64(table) != header.table_sum {
            return Err("the checksum of its table does not agree".to_owned());
        }
        let entries: Vec<Entry> = table.chunks_exact(size_of::<Entry>()).map(bytemuck::pod_read_unaligned).collect();
        if let Some(entry) = entries.iter().find(|entry| entry.range(file.len()).is_none()) {
            return Err(format!("its section {} runs past its end", entry.tag));
        }
        Ok(Self { header, entries: Arc::new(entries), file })
    }

    fn entry(&self, tag: Tag) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag as u32).copied()
    }

    pub(super) fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        self.file.get(self.entry(tag)?.range(self.file.len())?)
    }

    /// Returns a section as a column of any length. Nothing of it is checked yet.
    pub(super) fn column<T: Pod>(&self, tag: Tag) -> Option<Column<T>> {
        let range = self.entry(tag)?.range(self.file.len())?;
        range.len().is_multiple_of(size_of::<T>()).then_some(())?;
        Column::mapped(self.file.map(), range.start, range.len() / size_of::<T>())
    }

    /// Returns a section as a column of that length.
    pub(super) fn column_of<T: Pod>(&self, tag: Tag, length: usize) -> Option<Column<T>> {
        self.column(tag).filter(|column| column.len() == length)
    }

    /// Returns a section whose checksum agrees.
    pub(super) fn whole(&self, tag: Tag) -> Option<&[u8]> {
        Self::check(vec![self.checked(tag, None)]).ok()?;
        self.bytes(tag)
    }

    /// Describes how a section is to be checked.
    pub(super) fn checked<'a>(&'a self, tag: Tag, rule: Option<Rule<'a>>) -> Option<Checked<'a>> {
        Some(Checked { tag, entry: self.entry(tag)?, bytes: self.bytes(tag)?, rule })
    }

    /// Checks sections. `None` among them is a section that is missing.
    pub(super) fn check(sections: Vec<Option<Checked<'_>>>) -> Result<(), String> {
        check::check(&present(sections)?, None)
    }

    fn graph(&self) -> Result<(HeapGraph, Problems), String> {
        let (nodes, edges, strings) = (self.header.nodes as usize, self.header.edges as usize, self.header.strings as usize);
        let missing = |tag: Tag| move || format!("its section {:?} is missing or not of the right length", tag.name());
        let column = |tag, length| self.column_of::<u32>(tag, length).ok_or_else(missing(tag));
        let kinds = self.column_of::<u8>(Tag::Kinds, nodes).ok_or_else(missing(Tag::Kinds))?;
        let (names, ids) = (column(Tag::Names, nodes)?, column(Tag::Ids, nodes)?);
        let sizes = self.column_of::<u16>(Tag::SelfSizes, nodes).ok_or_else(missing(Tag::SelfSizes))?;
        let first_edges = self.first_edges(nodes + 1).ok_or_else(missing(Tag::FirstEdges))?;
        let (words, edge_names) = (column(Tag::Edges, edges)?, column(Tag::EdgeNames, edges)?);
        let starts = column(Tag::StringStarts, strings)?;
        let begins = first_edges.values();
        let sections = [
            self.checked(Tag::Extras, None),
            self.checked(Tag::Problems, None),
            self.checked(Tag::Kinds, None),
            self.checked(Tag::Names, Some(check::below(&names, self.header.strings))),
            self.checked(Tag::Ids, None),
            self.checked(Tag::IdBases, None),
            self.checked(Tag::SelfSizes, None),
            self.checked(Tag::WideSelfSizes, None),
            self.checked(Tag::FirstEdges, Some(check::rising((nodes + 1, 2), |node| begins.get(node), self.header.edges))),
            self.checked(Tag::FirstEdgeBases, None),
            self.checked(Tag::WideFirstEdges, None),
            self.checked(Tag::Edges, Some(check::masked_below(&words, TARGET_MASK, self.header.nodes))),
            self.checked(Tag::EdgeNames, Some(check::names(&edge_names, &words, self.header.strings))),
            self.checked(Tag::StringStarts, None),
            self.checked(Tag::StringBytes, None),
        ];
        check::check(&present(sections)?, Some(&self.file))?;
        let wide = |tag| self.bytes(tag).and_then(blob::read_wide).ok_or_else(missing(tag));
        let ids = Ids::of_parts(ids, wide(Tag::IdBases)?).ok_or_else(missing(Tag::IdBases))?;
        let self_sizes = WideColumn::new(sizes, wide(Tag::WideSelfSizes)?);
        let ReadExtras { extras, wraps } = self.extras().ok_or_else(missing(Tag::Extras))?;
        let problems = self.bytes(Tag::Problems).and_then(|bytes| blob::read_problems(&mut BlobReader(bytes)));
        let problems = problems.ok_or_else(missing(Tag::Problems))?;
        let strings = StringTable::new(self.string_bytes().ok_or_else(missing(Tag::StringBytes))?, starts, wraps);
        let columns = Columns { kinds, names, ids, self_sizes, first_edges, edges: words };
        Ok((HeapGraph::from_columns(columns, NodeIx(self.header.root), strings, Ok(edge_names), extras), problems))
    }

    /// Returns where edges begin. Nothing of it is checked yet.
    fn first_edges(&self, positions: usize) -> Option<FirstEdges> {
        let beyond = WideColumn::new(self.column(Tag::FirstEdges)?, self.bytes(Tag::WideFirstEdges).and_then(blob::read_wide)?);
        FirstEdges::of_parts(self.column(Tag::FirstEdgeBases)?, beyond, positions)
    }

    fn string_bytes(&self) -> Option<Bytes> {
        let range = self.entry(Tag::StringBytes)?.range(self.file.len())?;
        Some(Bytes::Mapped { map: Arc::clone(self.file.map()), at: range.start, len: range.len() })
    }

    fn extras(&self) -> Option<ReadExtras> {
        let nodes = self.header.nodes;
        let blob = &mut BlobReader(self.bytes(Tag::Extras)?);
        let node_kinds = blob.list(BlobReader::text)?;
        let edge_kinds = blob.list(BlobReader::text)?;
        let other_edges = blob.list(|blob| Some((blob.u32()?, blob.u32()? as u8)))?;
        let has_detachedness = blob.u32()? != 0;
        let native_bytes = blob.u64()?;
        let header = blob.text()?;
        let locations = blob::read_locations(blob, nodes)?;
        let mut allocations = blob::read_allocations(blob)?;
        let wraps = blob.words()?;
        let process = blob.option()?.and_then(|node| u32::try_from(node).ok()).filter(|&node| node < nodes).map(NodeIx);
        if self.entry(Tag::NodeStacks).is_some() {
            Self::check(vec![self.checked(Tag::NodeStacks, None)]).ok()?;
            allocations.node_stacks = self.column_of(Tag::NodeStacks, nodes as usize)?;
        }
        let extras = Extras {
            node_kinds,
            edge_kinds,
            other_edges,
            has_detachedness,
            native_bytes,
            locations,
            allocations,
            header,
            process: Noted::Object(process),
            holder: None,
        };
        Some(ReadExtras { extras, wraps })
    }
}
