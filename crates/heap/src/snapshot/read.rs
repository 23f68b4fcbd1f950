//! From a file to a graph: maps or unpacks it, finds the sections, lets two threads read them, and puts the graph together.
//!
//! The order matters for speed: strings are read beside the nodes, so that the edges, which come next, can be told apart by name.

use std::path::Path;

use crate::buffer::Buffer;
use crate::column::Column;
use crate::edge_names::EdgeNames;
use crate::facts::{EdgeFacts, take_shapes};
use crate::graph::{Columns, Extras, HeapGraph, MAX_NODES, NodeIx};
use crate::mapped::MappedFile;
use crate::problems::{ProblemKind, Problems};
use crate::process::Noted;
use crate::progress::{Phase, Progress};
use crate::shapes::Shapes;
use crate::snapshot::edge_names::NamesInFile;
use crate::snapshot::edges::{self, EdgesRead};
use crate::snapshot::header::Header;
use crate::snapshot::input::Input;
use crate::snapshot::nodes::{NodeColumns, read_nodes};
use crate::snapshot::text::{StringsRead, find_strings, next_key, read_strings, skip_value};
use crate::snapshot::{Found, ReadError, numbers::skip_space, small};
use crate::strings::{Bytes, StrIx, StringTable};

/// How often the reader asks whether to stop and says how far it is: after so many bytes.
const REPORT_EVERY: usize = 8 << 20;

/// Up to so many edges, names are read along with everything else: 16 MB.
const NAMES_AT_ONCE: usize = 4_000_000;

/// What may stand in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a snapshot, unpacking it first if it is compressed with gzip. Takes about 30 bytes of memory a node and 4 an edge; the file's
/// own pages are given back to the system as they are read.
///
/// # Errors
/// When the file cannot be read or is no snapshot. Damage is no error: what can be read is returned with the problems that were met.
pub fn read(path: &Path, progress: &dyn Progress) -> Result<(HeapGraph, Problems), ReadError> {
    Input::open(path, progress)?.read(progress)
}

/// Reads a snapshot from a file that is mapped already. `path` is only for messages.
///
/// # Errors
/// As `read`.
pub fn read_mapped(path: &Path, file: MappedFile, progress: &dyn Progress) -> Result<(HeapGraph, Problems), ReadError> {
    read_into(path, file, progress, Problems::default())
}

/// Reads a snapshot and leaves all edge names in the file, as is done for large ones.
#[cfg(test)]
pub(super) fn read_leaving_names(path: &Path) -> Result<(HeapGraph, Problems), ReadError> {
    let io_error = |source| ReadError::Io { path: path.to_owned(), source };
    let file = MappedFile::of(&std::fs::File::open(path).map_err(io_error)?).map_err(io_error)?;
    read_with(path, file, &crate::Silent, Problems::default(), 0, None)
}

/// Reads a snapshot from a mapped file. `problems` are those that were met before.
pub(super) fn read_into(
    path: &Path,
    file: MappedFile,
    progress: &dyn Progress,
    problems: Problems,
) -> Result<(HeapGraph, Problems), ReadError> {
    read_with(path, file, progress, problems, NAMES_AT_ONCE, None)
}

fn read_with(
    path: &Path,
    file: MappedFile,
    progress: &dyn Progress,
    problems: Problems,
    names_at_once: usize,
    strings_at: Option<usize>,
) -> Result<(HeapGraph, Problems), ReadError> {
    let header_at = find_header(&file).map_err(|found| ReadError::NotASnapshot { path: path.to_owned(), found })?;
    let header =
        Header::read(&file, header_at).map_err(|what| ReadError::BadHeader { path: path.to_owned(), offset: header_at as u64, what })?;
    let mut reader = Reader {
        path,
        file: file.clone(),
        header,
        progress,
        problems: problems.clone(),
        extras: Extras::default(),
        names_at_once,
        strings_at,
    };
    match reader.read()? {
        Outcome::Graph(graph) => Ok((*graph, reader.problems)),
        Outcome::OtherStrings(at) => read_with(path, file, progress, problems, names_at_once, Some(at)),
    }
}

/// What came of reading a file once.
enum Outcome {
    Graph(Box<HeapGraph>),
    /// The strings stand elsewhere than where they were looked for, from the end: something stands behind the snapshot.
    OtherStrings(usize),
}

/// Finds the value of the key `snapshot`, which comes first, or says what the file is instead.
pub(super) fn find_header(bytes: &[u8]) -> Result<usize, Found> {
    // What Windows' editors and PowerShell's redirection put in front of UTF-8.
    let start = skip_space(bytes, if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 });
    if bytes.get(start) == Some(&b'{') {
        return match next_key(bytes, start + 1) {
            Some(("snapshot", at)) => Ok(at),
            Some(("head", _)) => Err(Found::HeapProfile),
            Some(("nodes", _)) => Err(Found::CpuProfile),
            Some(("header", _)) => Err(Found::DiagnosticReport),
            Some((key, _)) => Err(Found::OtherJson(key.chars().take(80).collect())),
            // A snapshot that was cut inside its first words.
            None if b"{\"snapshot\":".starts_with(&bytes[start..]) => Ok(bytes.len()),
            None => Err(Found::OtherJson(String::new())),
        };
    }
    let window = &bytes[..bytes.len().min(4096)];
    Err(match window {
        [0x7f, b'E', b'L', b'F', ..] => Found::Elf,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Found::Compressed("zstd twice"),
        [b'P', b'K', 3, 4, ..] => Found::Compressed("zip"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Found::Compressed("xz"),
        [0x1f, 0x8b, ..] => Found::Compressed("gzip twice"),
        [b'B', b'Z', b'h', ..] => Found::Compressed("bzip2"),
        [4, b'"', b'M', 0x18, ..] => Found::Compressed("lz4 twice"),
        _ if window.starts_with(b"heapwhy") => Found::Index,
        _ if window.iter().all(|&byte| byte == 0) => Found::Zeros,
        _ if bytes.get(start) == Some(&b'[') => Found::OtherJson(String::new()),
        _ if std::str::from_utf8(window).is_ok_and(|text| !text.contains('\0')) => Found::Text,
        _ => Found::Unknown,
    })
}

struct Reader<'a> {
    path: &'a Path,
    file: MappedFile,
    header: Header,
    progress: &'a dyn Progress,
    problems: Problems,
    extras: Extras,
    names_at_once: usize,
    /// Where the strings are, if that is known.
    strings_at: Option<usize>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<Outcome, ReadError> {
        let nodes_at = self.find_array("nodes", self.header.end);
        let (mut nodes, nodes_end, nodes_whole, strings) = self.nodes(nodes_at)?;
        let mut strings = strings;
        let table = self.string_table(&mut strings);
        self.settle_names(&mut nodes, table.len() as u32);
        self.settle_edge_counts(&mut nodes)?;
        let edges_at = nodes_whole.then(|| self.find_array("edges", nodes_end + 1)).flatten();
        let string_count = strings.count;
        let mut edges = self.edges(edges_at, &nodes, &strings)?;
        let (gathered, node_count) = (take_shapes(&mut edges.facts), nodes.kinds.len());
        let (shapes, found) = std::thread::scope(|scope| {
            let shapes = scope.spawn(|| Shapes::join(gathered, node_count));
            let found = if edges.is_whole { self.small_sections(edges.end + 1, node_count, &table) } else { None };
            (shapes.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), found)
        });
        if edges.is_whole {
            if let Some(at) = found.filter(|&at| self.strings_at.is_none() && strings.range.start != at) {
                return Ok(Outcome::OtherStrings(at));
            }
            if found.is_none() && strings.is_whole {
                let what = "something else than sections stands between edges and strings";
                self.problems.add(ProblemKind::BadSection, Some(edges.end as u64 + 1), what);
            }
        }
        if strings.is_whole {
            self.check_end(strings.range.end);
        }
        if nodes.kinds.is_empty() {
            let what = "the file ends before its first node".to_owned();
            return Err(ReadError::BadHeader { path: self.path.to_owned(), offset: self.header.end as u64, what });
        }
        // Strings have been read once; what is asked for later comes back by itself.
        self.file.forget(0..self.file.len());
        Ok(Outcome::Graph(Box::new(self.graph(nodes, edges, shapes, strings.special.process().map(StrIx), string_count, table))))
    }

    /// Says what stands behind the snapshot, whose strings end with the `]` at `at`.
    fn check_end(&mut self, at: usize) {
        let brace = skip_space(&self.file, at + 1);
        if brace >= self.file.len() {
            // All of its parts are there, but a copy that lost one byte may have lost others before.
            self.problems.add(ProblemKind::BadSection, Some(brace as u64), "the file is cut: its final } is missing");
        }
        let behind = skip_space(&self.file, if self.file.get(brace) == Some(&b'}') { brace + 1 } else { brace });
        if behind < self.file.len() {
            let count = self.file.len() - behind;
            self.problems.add(ProblemKind::TrailingBytes, Some(behind as u64), format!("{count} bytes stand behind the snapshot's end"));
        }
    }

    fn too_large(&self, what: &'static str, count: u64, limit: u64) -> ReadError {
        ReadError::TooLarge { path: self.path.to_owned(), what, count, limit }
    }

    /// Finds an array that should come next, passing over keys that this build does not know. Returns the byte behind its `[`.
    fn find_array(&mut self, name: &str, from: usize) -> Option<usize> {
        let mut at = from;
        while let Some((key, value)) = next_key(&self.file, at) {
            if key == name {
                return (self.file.get(value) == Some(&b'[')).then_some(value + 1);
            }
            if key == "strings" {
                break;
            }
            match skip_value(&self.file, value) {
                Some(end) => at = end,
                None => break,
            }
        }
        let kind = if at >= self.file.len() { ProblemKind::Truncated } else { ProblemKind::BadSection };
        self.problems.add(kind, Some(at as u64), format!("section {name:?} is missing"));
        None
    }

    /// Reads nodes and, beside them, strings.
    fn nodes(&mut self, at: Option<usize>) -> Result<(NodeColumns, usize, bool, StringsRead), ReadError> {
        let file = self.file.clone();
        let strings_at = self.strings_at;
        let forget = |range| file.forget(range);
        let find = || strings_at.or_else(|| find_strings(&file, &forget));
        let read_strings = || find().map_or_else(StringsRead::none, |at| read_strings(&file, at, &forget));
        let report = Ticker::new(self.progress, self.file.len());
        let Some(at) = at else {
            return Ok((NodeColumns::default(), self.header.end, false, read_strings()));
        };
        let (read, strings) = read_nodes(&self.file, at, &self.header, &mut self.problems, &|done| report.tick(done), read_strings);
        self.check_cancelled()?;
        let strings = strings.unwrap_or_else(StringsRead::none);
        if let Some(damage) = strings.damage {
            let what = "something that is no string stands among the strings; they are told apart by their lines";
            self.problems.add(ProblemKind::BadString, Some(damage as u64), what);
        }
        if !strings.is_whole {
            self.problems.add(ProblemKind::Truncated, Some(self.file.len() as u64), "the file ends inside or before its strings");
        }
        if read.columns.kinds.len() > MAX_NODES as usize {
            return Err(self.too_large("nodes", read.columns.kinds.len() as u64, u64::from(MAX_NODES)));
        }
        Ok((read.columns, read.end, read.is_whole, strings))
    }

    fn check_cancelled(&self) -> Result<(), ReadError> {
        if self.progress.is_cancelled() { Err(ReadError::Cancelled { path: self.path.to_owned() }) } else { Ok(()) }
    }

    /// Makes the table of strings; of a single empty one where the file has none.
    fn string_table(&self, strings: &mut StringsRead) -> StringTable {
        if strings.starts.is_empty() {
            return StringTable::new(Bytes::default(), vec![0].into(), vec![]);
        }
        let bytes = Bytes::Mapped { map: self.file.map().clone(), at: strings.range.start, len: strings.range.len() };
        StringTable::new(bytes, std::mem::take(&mut strings.starts).into(), std::mem::take(&mut strings.wraps))
    }

    /// Makes every node's name a string of the table.
    fn settle_names(&mut self, nodes: &mut NodeColumns, string_count: u32) {
        if nodes.max_name < string_count {
            return;
        }
        let mut bad = 0;
        for name in nodes.names.iter_mut().filter(|name| **name >= string_count) {
            *name = 0;
            bad += 1;
        }
        self.problems.add_many(ProblemKind::BadString, bad, None, "a node's name is beyond the strings");
    }

    /// Turns numbers of edges into the place of each node's first edge.
    fn settle_edge_counts(&mut self, nodes: &mut NodeColumns) -> Result<(), ReadError> {
        // An edge takes a digit and a comma a field at least.
        let room = (self.file.len() / (2 * self.header.edge.count)) as u64;
        let mut total = 0_u64;
        for first in nodes.edge_counts.iter_mut().skip(1) {
            total += u64::from(*first);
            *first = total.min(room).min(u64::from(u32::MAX)) as u32;
        }
        if total > room {
            let what = format!("the nodes announce {total} edges, more than the file can hold");
            self.problems.add(ProblemKind::WrongCount, None, what);
        } else if total > u64::from(u32::MAX) {
            return Err(self.too_large("edges", total, u64::from(u32::MAX)));
        }
        if total != self.header.edge_count {
            let what = format!("the header announces {} edges, the nodes {total}", self.header.edge_count);
            self.problems.add(ProblemKind::WrongCount, None, what);
        }
        Ok(())
    }

    fn edges(&mut self, at: Option<usize>, nodes: &NodeColumns, strings: &StringsRead) -> Result<EdgesRead, ReadError> {
        let Some(at) = at else {
            let (words, facts) = (Buffer::default(), Vec::new());
            return Ok(EdgesRead {
                words,
                names: Some(Buffer::default()),
                other_edges: vec![],
                facts,
                pieces: vec![],
                end: 0,
                is_whole: false,
            });
        };
        let context = edges::Nodes {
            first_edges: &nodes.edge_counts,
            kinds: &nodes.kinds,
            names: &nodes.names,
            special_names: &strings.special,
            string_count: strings.count,
            names_at_once: self.names_at_once,
        };
        let report = Ticker::new(self.progress, self.file.len());
        let read = edges::read_edges(&self.file, at, &self.header, &context, &mut self.problems, &|done| report.tick(done));
        self.check_cancelled()?;
        Ok(read)
    }

    /// Reads what stands between edges and strings. Returns the byte behind the `[` of the strings, where they follow.
    fn small_sections(&mut self, from: usize, node_count: usize, table: &StringTable) -> Option<usize> {
        let at = self.sections_up_to_strings(from, node_count, table);
        let (announced, functions) = (self.header.function_count, self.extras.allocations.functions.len() as u64);
        if at.is_some() && announced != functions {
            let what = format!("the header announces {announced} functions that allocated, the file has {functions}");
            self.problems.add(ProblemKind::WrongCount, None, what);
        }
        at
    }

    fn sections_up_to_strings(&mut self, from: usize, node_count: usize, table: &StringTable) -> Option<usize> {
        let mut at = from;
        let file = self.file.clone();
        while let Some((key, value)) = next_key(&file, at) {
            let allocations = &mut self.extras.allocations;
            let end = match key {
                "strings" => return (file.get(value) == Some(&b'[')).then_some(value + 1),
                "locations" => {
                    let (locations, end) = small::read_locations(&file, value, &self.header, node_count, &mut self.problems);
                    self.extras.locations = locations;
                    end
                }
                "samples" => small::read_samples(&file, value, &self.header, allocations, &mut self.problems),
                "trace_function_infos" => small::read_functions(&file, value, &self.header, table, allocations, &mut self.problems),
                "trace_tree" => small::read_stacks(&file, value, &self.header, allocations, &mut self.problems),
                _ => skip_value(&file, value),
            };
            at = end?;
        }
        None
    }

    fn graph(
        &mut self,
        nodes: NodeColumns,
        edges: EdgesRead,
        shapes: Shapes,
        process_name: Option<StrIx>,
        string_count: u32,
        table: StringTable,
    ) -> HeapGraph {
        let NodeColumns { kinds, names, ids, sizes, edge_counts: mut first_edges, traces, wide_ids, wide_sizes, .. } = nodes;
        let edge_count = edges.words.len();
        if first_edges.last().is_some_and(|&end| end as usize > edge_count) {
            // The file ended early: nodes at its end lose their edges.
            for first in first_edges.iter_mut() {
                *first = (*first).min(edge_count as u32);
            }
        }
        let root = self.root(kinds.len());
        let mut extras = std::mem::take(&mut self.extras);
        extras.node_kinds = std::mem::take(&mut self.header.new_node_kinds);
        extras.edge_kinds = std::mem::take(&mut self.header.new_edge_kinds);
        extras.other_edges = edges.other_edges;
        extras.has_detachedness = self.header.node.detachedness.is_some();
        extras.native_bytes = self.header.extra_native_bytes;
        extras.header = std::mem::take(&mut self.header.text);
        extras.process = process_name.map_or(Noted::Nothing, Noted::Name);
        extras.allocations.node_stacks = traces.into();
        let node_count = kinds.len();
        let columns = Columns {
            kinds: kinds.into(),
            names: names.into(),
            ids: crate::ids::Ids::of_narrow(ids.into(), wide_ids),
            self_sizes: crate::column::WideColumn::new(sizes.into(), wide_sizes),
            first_edges: first_edges.iter().copied().collect(),
            edges: edges.words.into(),
        };
        let names = edges.names.map(Column::from).ok_or_else(|| -> Box<dyn EdgeNames> {
            Box::new(NamesInFile::new(&self.file, &self.header, edges.pieces, edge_count as u32, string_count))
        });
        let graph = HeapGraph::from_columns(columns, root, table, names, extras);
        let source = |edge| graph.edge_source(crate::graph::EdgeIx(edge)).0;
        let id = |node| graph.id(NodeIx(node)).0;
        let facts = EdgeFacts::join(edges.facts, shapes, node_count, graph.strings(), id, edge_count as u32, source);
        graph.with_facts(facts)
    }

    fn root(&mut self, node_count: usize) -> NodeIx {
        let fields = self.header.node.count as u64;
        let root = self.header.root_index / fields;
        if self.header.root_index.is_multiple_of(fields) && root < node_count as u64 {
            return NodeIx(root as u32);
        }
        self.problems.add(ProblemKind::BadTarget, None, format!("root_index {} is no node", self.header.root_index));
        NodeIx(0)
    }
}

/// Passes progress on, not too often.
struct Ticker<'a> {
    progress: &'a dyn Progress,
    total: usize,
    next: std::sync::atomic::AtomicUsize,
}

impl<'a> Ticker<'a> {
    fn new(progress: &'a dyn Progress, total: usize) -> Self {
        Self { progress, total, next: 0.into() }
    }

    /// Hears that the file has been read up to `done`. Returns whether to go on.
    fn tick(&self, done: usize) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        if done >= self.next.load(Relaxed) {
            self.next.store(done + REPORT_EVERY, Relaxed);
            self.progress.report(Phase::Reading, done as u64, self.total as u64);
            return !self.progress.is_cancelled();
        }
        true
    }
}
