//! Edge names that stay in the file until somebody asks: four bytes an edge that most questions never need.
//!
//! The pieces in which the array was read are remembered, so that the names of one node can be read without all others.

use std::sync::Mutex;

use crate::buffer::Buffer;
use crate::column::Column;
use crate::edge_names::EdgeNames;
use crate::mapped::MappedFile;
use crate::snapshot::edges::next_edge;
use crate::snapshot::header::{EdgeFields, Header};
use crate::snapshot::nodes::narrow;
use crate::snapshot::numbers::Numbers;
use crate::snapshot::section::Piece;

/// The names of all edges of a file, where they stand.
pub(super) struct NamesInFile {
    pub(super) file: MappedFile,
    edge: EdgeFields,
    /// For each kind of the file, whether its names are indexes.
    has_index: Vec<bool>,
    /// The pieces of the array, each with the number of its first edge.
    pieces: Vec<(u32, Piece)>,
    edge_count: u32,
    string_count: u32,
}

impl NamesInFile {
    pub(super) fn new(file: &MappedFile, header: &Header, pieces: Vec<(u32, Piece)>, edge_count: u32, string_count: u32) -> Self {
        let has_index = header.edge_kinds.iter().map(|kind| kind.has_index()).collect();
        Self { file: file.clone(), edge: header.edge, has_index, pieces, edge_count, string_count }
    }

    /// Returns the edges that start in a piece.
    fn edges(&self, piece: usize) -> std::ops::Range<u32> {
        let start = self.pieces.get(piece).map_or(self.edge_count, |&(first, _)| first);
        let end = self.pieces.get(piece + 1).map_or(self.edge_count, |&(first, _)| first);
        start.min(self.edge_count)..end.min(self.edge_count)
    }

    /// Reads the names of the edges that start in a piece. Names that are no strings become 0.
    fn read(&self, piece: usize, names: &mut [u32]) {
        let Some((first, piece)) = self.pieces.get(piece) else { return };
        let mut numbers = Numbers::new(&self.file, piece.first_at);
        if !numbers.skip((*first as usize * self.edge.count).saturating_sub(piece.values.start)) {
            return;
        }
        for slot in names {
            let Ok((kind, name, _)) = next_edge(&mut numbers, self.edge) else { break };
            let has_index = self.has_index.get(kind as usize).copied().unwrap_or(false);
            *slot = narrow(name);
            if !has_index && *slot >= self.string_count {
                *slot = 0;
            }
        }
        self.file.forget(piece.range.clone());
    }
}

impl EdgeNames for NamesInFile {
    fn all(&self) -> Column<u32> {
        let mut names = Buffer::zeroed(self.edge_count as usize);
        let left = Mutex::new((0, &mut *names));
        let take = || {
            let mut left = left.lock().ok()?;
            let piece = left.0;
            let edges = (piece < self.pieces.len()).then(|| self.edges(piece))?;
            left.0 += 1;
            let (mine, rest) = std::mem::take(&mut left.1).split_at_mut(edges.len());
            left.1 = rest;
            Some((piece, mine))
        };
        let work = || {
            while let Some((piece, mine)) = take() {
                self.read(piece, mine);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            work();
        });
        names.into()
    }

    fn around(&self, edge: u32) -> (u32, Vec<u32>) {
        let piece = self.pieces.partition_point(|&(first, _)| first <= edge).saturating_sub(1);
        let edges = self.edges(piece);
        let mut names = vec![0; edges.len()];
        self.read(piece, &mut names);
        (edges.start, names)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::builder::{NewName, Node, Target};
    use crate::snapshot::read::read_leaving_names;
    use crate::snapshot::write::{WriteOptions, write};
    use crate::{EdgeKind, GraphBuilder, HeapGraph, NodeKind, Silent};

    /// A graph whose edges fill several pieces of the file, one node's more than one.
    fn large() -> HeapGraph {
        let mut builder = GraphBuilder::new();
        let nodes: Vec<_> = (0..3000).map(|id| builder.node(Node::new(NodeKind::OBJECT, "Thing", id * 2 + 1, 16))).collect();
        for at in 0..120_000_u32 {
            let from = nodes[if at % 3 == 0 { 0 } else { (at / 41) as usize % nodes.len() }];
            let name = format!("name{}", at % 777);
            let (kind, name) =
                if at % 2 == 0 { (EdgeKind::ELEMENT, NewName::Index(at)) } else { (EdgeKind::PROPERTY, NewName::Text(&name)) };
            builder.edge(from, kind, name, Target::Node(nodes[(at as usize * 7) % nodes.len()]));
        }
        builder.finish().0
    }

    fn names(graph: &HeapGraph) -> Vec<String> {
        graph.nodes().flat_map(|node| graph.edges(node)).map(|edge| graph.edge_text(edge).into_owned()).collect()
    }

    fn check(path: &Path) {
        let (at_once, _) = crate::snapshot::read(path, &Silent).unwrap();
        let expect = names(&at_once);
        // One here and there: pieces are read; then so many that all are.
        let (later, _) = read_leaving_names(path).unwrap();
        for edge in [0, 119_999, 60_000, 3, 90_001] {
            assert_eq!(later.edge_text(later.edge(crate::EdgeIx(edge))), expect[edge as usize]);
        }
        assert_eq!(names(&later), expect);
    }

    #[test]
    fn names_read_later_are_those_read_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&large(), &mut std::fs::File::create(file.path()).unwrap(), &WriteOptions::default()).unwrap();
        assert!(file.path().metadata().unwrap().len() > 1 << 20, "several pieces");
        check(file.path());
    }
}
