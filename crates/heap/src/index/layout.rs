//! The header and the table of sections.
//!
//! A header of 96 bytes, the table right behind it, then the sections, each at a multiple of 64 bytes. All numbers are in the byte order of
//! the machine that wrote them, which a mark tells.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh3::xxh3_64;

use super::Key;

/// The first bytes of an index. The end catches files that were sent as text.
pub(super) const MAGIC: [u8; 16] = *b"heapwhy.hwy\r\n\x1a\n\0";

/// Reads as itself only on a machine with the byte order of the writer's.
pub(super) const BYTE_ORDER: u32 = 0x0102_0304;

/// Sections start at multiples of this.
pub(super) const ALIGNMENT: u64 = 64;

/// How many sections a table may have.
pub(super) const MAX_SECTIONS: u32 = 256;

/// The blocks of which checksums are made, so that several threads can check one section.
pub(super) const BLOCK: usize = 1 << 20;

/// The header.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: [u8; 16],
    pub(super) version: u32,
    pub(super) byte_order: u32,
    pub(super) file_length: u64,
    pub(super) key_size: u64,
    pub(super) key_modified_ns: u64,
    pub(super) key_hash: u64,
    pub(super) nodes: u32,
    pub(super) edges: u32,
    pub(super) strings: u32,
    pub(super) root: u32,
    pub(super) sections: u32,
    pub(super) reserved: u32,
    /// Checksum of the table.
    pub(super) table_sum: u64,
    /// Checksum of all before it.
    pub(super) sum: u64,
}

impl Header {
    /// Returns what `sum` must be.
    pub(super) fn own_sum(&self) -> u64 {
        let bytes = bytemuck::bytes_of(self);
        xxh3_64(&bytes[..bytes.len() - size_of::<u64>()])
    }

    pub(super) fn key(&self) -> Key {
        Key { size: self.key_size, modified_ns: self.key_modified_ns, hash: self.key_hash }
    }
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Entry {
    pub(super) tag: u32,
    pub(super) reserved: u32,
    /// First byte in the file.
    pub(super) at: u64,
    /// Number of bytes.
    pub(super) length: u64,
    /// Checksum: of the checksums of the section's blocks.
    pub(super) sum: u64,
}

impl Entry {
    /// Returns where the section lies in a file of `length` bytes, if it does.
    pub(super) fn range(&self, length: usize) -> Option<Range<usize>> {
        let start = usize::try_from(self.at).ok()?;
        let end = start.checked_add(usize::try_from(self.length).ok()?)?;
        (end <= length && self.at.is_multiple_of(ALIGNMENT)).then_some(start..end)
    }
}

/// Joins the checksums of a section's blocks.
pub(super) fn join_sums(blocks: &[u64]) -> u64 {
    xxh3_64(bytemuck::cast_slice(blocks))
}

macro_rules! sections {
    ($($name:ident = $tag:literal $about:literal;)*) => {
        /// What a section holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub(super) enum Tag { $(#[doc = $about] $name = $tag,)* }

        impl Tag {
            /// Returns what messages call the section.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }
    };
}

sections! {
    Kinds = 1 "kinds of nodes";
    Names = 2 "names of nodes";
    Ids = 3 "identities";
    IdBases = 4 "bases of identities";
    SelfSizes = 5 "self sizes";
    WideSelfSizes = 6 "wide self sizes";
    FirstEdges = 7 "first edges";
    Edges = 8 "edges";
    EdgeNames = 9 "names of edges";
    StringBytes = 10 "bytes of strings";
    StringStarts = 11 "starts of strings";
    Extras = 12 "extras";
    NodeStacks = 13 "allocating stacks of nodes";
    Problems = 14 "problems";
    About = 15 "what its writer knew besides";
    FirstEdgeBases = 16 "bases of first edges";
    WideFirstEdges = 17 "wide first edges";
    Facts = 20 "facts";
    SpecialNodes = 21 "special nodes";
    ShapeNames = 22 "names of shapes";
    ShapeStarts = 23 "starts of shapes";
    ShapeObjects = 24 "plain objects";
    ShapeOfObject = 25 "shapes of plain objects";
    Distances = 30 "distances";
    WideDistances = 31 "wide distances";
    Page = 32 "nodes of the page";
    Attributed = 33 "attributed sizes";
    WideAttributed = 34 "wide attributed sizes";
    Dominators = 35 "dominators";
    Retained = 36 "retained sizes";
    WideRetained = 37 "wide retained sizes";
    SpanNodes = 38 "nodes in preorder";
    SpanLengths = 39 "sizes of subtrees";
    SpanPlaces = 40 "places in preorder";
    Classes = 41 "classes";
    ClassOfNode = 42 "classes of nodes";
    Aggregates = 43 "sums of classes";
}
