//! The `nodes` array into columns, by several threads at once.

use std::ops::Range;
use std::sync::Mutex;

use crate::buffer::Buffer;
use crate::column;
use crate::graph::MAX_NODES;
use crate::kinds::NodeKind;
use crate::mapped::MappedFile;
use crate::problems::{ProblemKind, Problems};
use crate::snapshot::header::{Header, MAX_FIELDS};
use crate::snapshot::numbers::{Numbers, Stop};
use crate::snapshot::section::{Piece, Pieces};

/// The columns of all nodes, as they come from the file.
#[derive(Default)]
pub(super) struct NodeColumns {
    pub(super) kinds: Buffer<u8>,
    pub(super) names: Buffer<u32>,
    pub(super) ids: Buffer<u32>,
    pub(super) sizes: Buffer<u16>,
    /// Number of edges of each node at its place plus one; the first is 0.
    pub(super) edge_counts: Buffer<u32>,
    /// Allocating stack of each node; empty where the file has no such field.
    pub(super) traces: Buffer<u32>,
    pub(super) wide_ids: Vec<(u32, u64)>,
    pub(super) wide_sizes: Vec<(u32, u64)>,
    /// The highest name.
    pub(super) max_name: u32,
}

impl NodeColumns {
    fn with_len(len: usize, has_traces: bool) -> Self {
        Self {
            kinds: Buffer::zeroed(len),
            names: Buffer::zeroed(len),
            ids: Buffer::zeroed(len),
            sizes: Buffer::zeroed(len),
            edge_counts: Buffer::zeroed(len + 1),
            traces: Buffer::zeroed(if has_traces { len } else { 0 }),
            ..Self::default()
        }
    }

    fn truncate(&mut self, len: usize) {
        self.kinds.truncate(len);
        self.names.truncate(len);
        self.ids.truncate(len);
        self.sizes.truncate(len);
        self.edge_counts.truncate(len + 1);
        self.traces.truncate(len);
        self.wide_ids.retain(|&(at, _)| (at as usize) < len);
        self.wide_sizes.retain(|&(at, _)| (at as usize) < len);
    }
}

/// The part of the columns that one piece fills.
struct Slices<'a> {
    kinds: &'a mut [u8],
    names: &'a mut [u32],
    ids: &'a mut [u32],
    sizes: &'a mut [u16],
    edge_counts: &'a mut [u32],
    traces: &'a mut [u32],
}

impl<'a> Slices<'a> {
    fn of(columns: &'a mut NodeColumns) -> Self {
        Self {
            kinds: &mut columns.kinds,
            names: &mut columns.names,
            ids: &mut columns.ids,
            sizes: &mut columns.sizes,
            edge_counts: columns.edge_counts.get_mut(1..).unwrap_or_default(),
            traces: &mut columns.traces,
        }
    }

    /// Cuts off the first `len` rows.
    fn split(&mut self, len: usize) -> Self {
        fn cut<'b, T>(slice: &mut &'b mut [T], len: usize) -> &'b mut [T] {
            let (head, tail) = std::mem::take(slice).split_at_mut(len);
            *slice = tail;
            head
        }
        let traces = if self.traces.is_empty() { 0 } else { len };
        Self {
            kinds: cut(&mut self.kinds, len),
            names: cut(&mut self.names, len),
            ids: cut(&mut self.ids, len),
            sizes: cut(&mut self.sizes, len),
            edge_counts: cut(&mut self.edge_counts, len),
            traces: cut(&mut self.traces, traces),
        }
    }
}

/// What all threads share.
struct Shared<'a> {
    pieces: Pieces<'a>,
    left: Slices<'a>,
    /// How many records have been handed out.
    handed_out: usize,
    found: Found,
}

/// What the threads found besides the columns.
#[derive(Default)]
struct Found {
    wide_ids: Vec<(u32, u64)>,
    wide_sizes: Vec<(u32, u64)>,
    max_name: u32,
    unknown_kinds: u64,
    /// The first record that could not be read, the place, and why.
    broken: Option<(usize, usize, Stop)>,
}

/// A reader of the array that any number of threads can work on.
pub(super) struct NodeReader<'a> {
    header: &'a Header,
    file: &'a MappedFile,
    shared: Mutex<Shared<'a>>,
}

impl<'a> NodeReader<'a> {
    /// Starts behind the `[`.
    fn new(file: &'a MappedFile, at: usize, header: &'a Header, columns: &'a mut NodeColumns) -> Self {
        let shared = Shared { pieces: Pieces::new(file, at), left: Slices::of(columns), handed_out: 0, found: Found::default() };
        Self { header, file, shared: Mutex::new(shared) }
    }

    /// Reads pieces until none is left.
    pub(super) fn work(&self, report: &dyn Fn(usize) -> bool) {
        let mut found = Found::default();
        while let Some((piece, first_record, slices)) = self.take() {
            let records = first_record..first_record + slices.kinds.len();
            self.read(&piece, records, slices, &mut found);
            self.file.forget(piece.range.clone());
            if !report(piece.range.end) {
                break;
            }
        }
        let Ok(mut shared) = self.shared.lock() else { return };
        shared.found.merge(found);
    }

    /// Takes the next piece, the number of the first record that starts in it, and the rows that it fills.
    fn take(&self) -> Option<(Piece, usize, Slices<'a>)> {
        let mut shared = self.shared.lock().ok()?;
        let piece = shared.pieces.next()?;
        // Records that start here: from the first value that starts a record to the last.
        let end = piece.values.end.div_ceil(self.header.node.count);
        let first = shared.handed_out;
        let len = end.saturating_sub(first).min(shared.left.kinds.len());
        shared.handed_out = first + len;
        let slices = shared.left.split(len);
        Some((piece, first, slices))
    }

    fn read(&self, piece: &Piece, records: Range<usize>, slices: Slices<'_>, found: &mut Found) {
        let fields = self.header.node;
        let mut numbers = Numbers::new(self.file, piece.first_at);
        let mut record = [0_u64; MAX_FIELDS];
        if !numbers.skip((records.start * fields.count).saturating_sub(piece.values.start)) {
            return;
        }
        for (nth, at) in records.enumerate() {
            for slot in &mut record[..fields.count] {
                match numbers.next() {
                    Ok(value) => *slot = value,
                    Err(stop) => return found.break_at(at, numbers.at(), stop),
                }
            }
            let (id, size): (u32, u16) = (narrow(record[fields.id]), column::narrow(record[fields.self_size]));
            if id == u32::MAX {
                found.wide_ids.push((at as u32, record[fields.id]));
            }
            if size == u16::MAX {
                found.wide_sizes.push((at as u32, record[fields.self_size]));
            }
            let name = narrow(record[fields.name]);
            found.max_name = found.max_name.max(name);
            slices.kinds[nth] = self.kind(record[fields.kind], found) | detachedness(&record, fields.detachedness);
            slices.names[nth] = name;
            slices.ids[nth] = id;
            slices.sizes[nth] = size;
            slices.edge_counts[nth] = narrow(record[fields.edge_count]);
            if let (Some(trace), Some(slot)) = (fields.trace, slices.traces.get_mut(nth)) {
                *slot = narrow(record[trace]);
            }
        }
    }

    #[inline]
    fn kind(&self, number: u64, found: &mut Found) -> u8 {
        match self.header.node_kinds.get(number as usize) {
            Some(kind) => kind.number(),
            None => {
                found.unknown_kinds += 1;
                NodeKind::unknown(usize::from(NodeKind::LIMIT)).number()
            }
        }
    }
}

/// Returns a number's low half, `u32::MAX` where it does not fit.
#[inline]
pub(super) fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[inline]
fn detachedness(record: &[u64; MAX_FIELDS], field: Option<usize>) -> u8 {
    match field.map(|field| record[field]) {
        Some(1) => 1 << 6,
        Some(2) => 2 << 6,
        _ => 0,
    }
}

impl Found {
    fn break_at(&mut self, record: usize, place: usize, stop: Stop) {
        if self.broken.is_none_or(|(first, ..)| record < first) {
            self.broken = Some((record, place, stop));
        }
    }

    fn merge(&mut self, other: Self) {
        self.wide_ids.extend(other.wide_ids);
        self.wide_sizes.extend(other.wide_sizes);
        self.max_name = self.max_name.max(other.max_name);
        self.unknown_kinds += other.unknown_kinds;
        if let Some((record, place, stop)) = other.broken {
            self.break_at(record, place, stop);
        }
    }
}

/// What came of reading the array.
pub(super) struct NodesRead {
    pub(super) columns: NodeColumns,
    /// The place of the `]`, or of what could not be read.
    pub(super) end: usize,
    /// Whether the array ends as it should.
    pub(super) is_whole: bool,
}

/// Reads the array that starts behind `[` at `at`. `beside` runs on a second thread first, which then helps.
pub(super) fn read_nodes<T: Send>(
    file: &MappedFile,
    at: usize,
    header: &Header,
    problems: &mut Problems,
    report: &(dyn Fn(usize) -> bool + Sync),
    beside: impl FnOnce() -> T + Send,
) -> (NodesRead, Option<T>) {
    let (read, values, besides) = read_rows(file, at, header, row_limit(file, at, header), report, Some(beside));
    let actual = values / header.node.count;
    let announced = usize::try_from(header.node_count).unwrap_or(usize::MAX);
    let read = if read.is_whole && actual != announced {
        let what = format!("the header announces {announced} nodes, the file has {actual}");
        problems.add(ProblemKind::WrongCount, Some(at as u64), what);
        drop(read);
        // The columns were made for the wrong number. One more than fit is enough to see that they do not.
        read_rows(file, at, header, actual.min(MAX_NODES as usize + 1), report, None::<fn()>).0
    } else {
        read
    };
    if read.unknown_kinds > 0 {
        problems.add_many(ProblemKind::BadNumber, read.unknown_kinds, None, "a node of a kind that the header does not name");
    }
    if let Some((record, place, stop)) = read.broken {
        report_break(problems, "nodes", record, place, stop);
    }
    (NodesRead { columns: read.columns, end: read.end, is_whole: read.broken.is_none() && read.is_whole }, besides)
}

/// Says in `problems` where an array could not be read on.
pub(super) fn report_break(problems: &mut Problems, section: &str, record: usize, place: usize, stop: Stop) {
    let (kind, why) = match stop {
        Stop::OutOfBytes => (ProblemKind::Truncated, "the file ends"),
        Stop::End => (ProblemKind::WrongCount, "the array ends"),
        Stop::NotANumber => (ProblemKind::BadNumber, "there is no number"),
    };
    problems.add(kind, Some(place as u64), format!("{why} inside {section:?}, in record {record}"));
}

/// Returns how many records to make room for: what the header announces, as far as the bytes and a graph can hold them.
fn row_limit(file: &MappedFile, at: usize, header: &Header) -> usize {
    // A field takes a digit and a comma at least.
    let room = (file.len() - at) / (2 * header.node.count) + 1;
    usize::try_from(header.node_count).unwrap_or(usize::MAX).min(room).min(MAX_NODES as usize)
}

struct RowsRead {
    columns: NodeColumns,
    end: usize,
    is_whole: bool,
    unknown_kinds: u64,
    broken: Option<(usize, usize, Stop)>,
}

fn read_rows<T: Send>(
    file: &MappedFile,
    at: usize,
    header: &Header,
    rows: usize,
    report: &(dyn Fn(usize) -> bool + Sync),
    beside: Option<impl FnOnce() -> T + Send>,
) -> (RowsRead, usize, Option<T>) {
    let mut columns = NodeColumns::with_len(rows, header.node.trace.is_some());
    let reader = NodeReader::new(file, at, header, &mut columns);
    let besides = std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let result = beside.map(|beside| beside());
            reader.work(report);
            result
        });
        reader.work(report);
        second.join().ok().flatten()
    });
    let Ok(shared) = reader.shared.into_inner() else {
        return (RowsRead { columns, end: at, is_whole: false, unknown_kinds: 0, broken: None }, 0, besides);
    };
    let Shared { pieces, found, handed_out, .. } = shared;
    let end = pieces.end().unwrap_or(file.len());
    let is_whole = file.get(end) == Some(&b']');
    let values = pieces.value_count();
    columns.wide_ids = found.wide_ids;
    columns.wide_sizes = found.wide_sizes;
    columns.max_name = found.max_name;
    columns.truncate(found.broken.map_or(handed_out, |(record, ..)| record));
    let broken = found.broken;
    (RowsRead { columns, end, is_whole, unknown_kinds: found.unknown_kinds, broken }, values, besides)
}
