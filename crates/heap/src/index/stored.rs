//! The derived columns of an index: each is checked when it is first needed. What is damaged is not there.

use super::blob::{self, BlobReader};
use super::check;
use super::layout::Tag;
use super::load::Mapped;
use crate::aggregates::Aggregate;
use crate::bitset::{Bitset, RankedBits};
use crate::classes::{Class, ClassIx, Classes, Interface};
use crate::column::{Column, Narrow, WideColumn};
use crate::distance::{Distance, Distances};
use crate::facts::{EdgeFacts, Ephemeron};
use crate::graph::{HeapGraph, SizeColumn};
use crate::shapes::Shapes;
use crate::spans::DominatorSpans;
use crate::stored::Stored;

/// Takes derived columns from a mapped index.
#[derive(Clone, Debug)]
pub(super) struct StoredColumns {
    mapped: Mapped,
    nodes: u32,
    edges: u32,
    strings: u32,
    root: u32,
}

impl StoredColumns {
    pub(super) fn new(mapped: Mapped, graph: &HeapGraph) -> Self {
        let (nodes, edges) = (graph.node_count() as u32, graph.edge_count() as u32);
        Self { mapped, nodes, edges, strings: graph.strings().len() as u32, root: graph.root().0 }
    }

    /// Returns a column with one value a node.
    fn of_nodes(&self, tag: Tag) -> Option<Column<u32>> {
        self.mapped.column_of(tag, self.nodes as usize)
    }

    fn bits(&self, tag: Tag) -> Option<Bitset> {
        let words: Column<u64> = self.mapped.column(tag)?;
        self.mapped.whole(tag)?;
        Bitset::from_words(words.to_vec(), self.nodes as usize)
    }

    fn wide<N: Narrow>(&self, narrow: Tag, wide: Tag) -> Option<WideColumn<N>> {
        let column = self.mapped.column_of(narrow, self.nodes as usize)?;
        Mapped::check(vec![self.mapped.checked(narrow, None), self.mapped.checked(wide, None)]).ok()?;
        Some(WideColumn::new(column, blob::read_wide(self.mapped.bytes(wide)?)?))
    }

    /// Returns what analyses need to know of edge names.
    pub(super) fn facts(&self) -> Option<EdgeFacts> {
        let blob = &mut BlobReader(self.mapped.whole(Tag::Facts)?);
        let edges = self.edges;
        let ephemerons = blob.list(|blob| {
            let (edge, entry, from_table) = (blob.u32()?, blob.u32()?, blob.u32()? != 0);
            (edge < edges).then_some(Ephemeron { edge, entry, from_table })
        })?;
        let skipped = blob.list(|blob| blob.u32().filter(|&edge| edge < edges))?;
        Some(EdgeFacts { special: self.bits(Tag::SpecialNodes)?, ephemerons, skipped, shapes: self.shapes()? })
    }

    fn shapes(&self) -> Option<Shapes> {
        let column = |tag| self.mapped.column::<u32>(tag);
        let (names, starts) = (column(Tag::ShapeNames)?, column(Tag::ShapeStarts)?);
        let shape_of = column(Tag::ShapeOfObject)?;
        let objects = RankedBits::of(self.bits(Tag::ShapeObjects)?);
        let shapes = (starts.len() as u32).checked_sub(1)?;
        (objects.count() == shape_of.len()).then_some(())?;
        Mapped::check(vec![
            self.mapped.checked(Tag::ShapeNames, Some(check::below(&names, self.strings))),
            self.mapped.checked(Tag::ShapeStarts, Some(check::rising((starts.len(), 4), |at| starts[at], names.len() as u32))),
            self.mapped.checked(Tag::ShapeOfObject, Some(check::below(&shape_of, shapes))),
        ])
        .ok()?;
        Some(Shapes { names, starts, objects, shape_of })
    }
}

impl Stored for StoredColumns {
    fn distances(&self) -> Option<(Distances, Bitset)> {
        let stored = self.mapped.column_of(Tag::Distances, self.nodes as usize)?;
        self.mapped.whole(Tag::Distances)?;
        let blob = &mut BlobReader(self.mapped.whole(Tag::WideDistances)?);
        let wide = blob.list(|blob| Some((blob.u32()?, blob.u32()?)))?;
        Some((Distances { stored, wide }, self.bits(Tag::Page)?))
    }

    fn self_sizes(&self) -> Option<Option<SizeColumn>> {
        // Without a section where sizes are those of the graph.
        let is_stored = self.mapped.bytes(Tag::Attributed).is_some();
        if is_stored { self.wide(Tag::Attributed, Tag::WideAttributed).map(Some) } else { Some(None) }
    }

    fn dominators(&self) -> Option<Column<u32>> {
        let (parents, places) = (self.of_nodes(Tag::Dominators)?, self.of_nodes(Tag::SpanPlaces)?);
        let rule = check::before(&parents, &places, self.root);
        Mapped::check(vec![self.mapped.checked(Tag::Dominators, Some(rule)), self.mapped.checked(Tag::SpanPlaces, None)]).ok()?;
        Some(parents)
    }

    fn retained(&self) -> Option<WideColumn> {
        self.wide(Tag::Retained, Tag::WideRetained)
    }

    fn spans(&self) -> Option<DominatorSpans> {
        let (nodes, lengths) = (self.of_nodes(Tag::SpanNodes)?, self.of_nodes(Tag::SpanLengths)?);
        let places = self.of_nodes(Tag::SpanPlaces)?;
        Mapped::check(vec![
            self.mapped.checked(Tag::SpanNodes, Some(check::below(&nodes, self.nodes))),
            self.mapped.checked(Tag::SpanLengths, Some(check::lengths(&lengths))),
            self.mapped.checked(Tag::SpanPlaces, Some(check::below(&places, self.nodes))),
        ])
        .ok()?;
        Some(DominatorSpans { nodes, lengths, places })
    }

    fn classes(&self) -> Option<Classes> {
        let of_node = self.of_nodes(Tag::ClassOfNode)?;
        let (classes, interfaces) = read_classes(&self.mapped)?;
        let rule = check::below(&of_node, classes.len() as u32);
        Mapped::check(vec![self.mapped.checked(Tag::ClassOfNode, Some(rule))]).ok()?;
        Some(Classes::from_parts(classes, of_node, interfaces))
    }

    fn aggregates(&self) -> Option<Vec<Aggregate>> {
        // Positions of classes that are taken from the index too. Where those had to be computed anew, they are the same.
        let (classes, _) = read_classes(&self.mapped)?;
        read_sums(&self.mapped, classes.len()).map(|sums| sums.aggregates)
    }
}

/// Reads the classes and the interfaces by which plain objects are named.
pub(super) fn read_classes(mapped: &Mapped) -> Option<(Vec<Class>, Vec<Interface>)> {
    let blob = &mut BlobReader(mapped.whole(Tag::Classes)?);
    let classes = blob.list(|blob| {
        let name = blob.text()?;
        let (has_place, script, line, column) = (blob.u32()?, blob.u32()?, blob.u32()?, blob.u32()?);
        Some(Class { name, place: (has_place != 0).then_some((script, line, column)) })
    })?;
    let property = |blob: &mut BlobReader<'_>| blob.list(|blob| Some(blob.u32()? as u16));
    let interfaces = blob.list(|blob| Some(Interface { name: blob.text()?, properties: blob.list(property)? }))?;
    Some((classes, interfaces))
}

/// Reads the size of everything and the sums of all classes, of which there are `classes`.
pub(super) fn read_sums(mapped: &Mapped, classes: usize) -> Option<Sums> {
    let blob = &mut BlobReader(mapped.whole(Tag::Aggregates)?);
    let total_size = blob.u64()?;
    let aggregates = blob.list(|blob| {
        let class = blob.u32().filter(|&class| (class as usize) < classes)?;
        let (count, self_size, retained_size) = (blob.u64()?, blob.u64()?, blob.u64()?);
        Some(Aggregate { class: ClassIx(class), count, self_size, retained_size, distance: read_distance(blob)? })
    })?;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let locations = blob.list(|blob| blob.text().map(some))?;
    let node_version = some(blob.text()?);
    Some(Sums { total_size, aggregates, locations, node_version })
}

/// The histogram as an index keeps it.
pub(super) struct Sums {
    pub(super) total_size: u64,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) locations: Vec<Option<String>>,
    pub(super) node_version: Option<String>,
}

fn read_distance(blob: &mut BlobReader<'_>) -> Option<Distance> {
    let (form, number) = (blob.u32()?, blob.u32()?);
    Some(match form {
        0 => Distance::User(number),
        1 => Distance::System(number),
        _ => Distance::None,
    })
}
