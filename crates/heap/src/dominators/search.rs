//! The depth-first search that numbers nodes.

use crate::bitset::Bitset;
use crate::buffer::Buffer;
use crate::dominators::{EdgeRule, UNREACHED, is_table_half, may_retain};
use crate::graph::{HeapGraph, Walk};

/// Numbers in the order in which a depth-first search from the root meets nodes.
pub(super) struct Search<'a> {
    walk: Walk<'a>,
    rule: EdgeRule<'a>,
    seen: Bitset,
    stack: Vec<Frame>,
    /// The number of each node.
    pub(super) numbers: Buffer<u32>,
    /// The number of the node from which each number was met.
    pub(super) parents: Buffer<u32>,
    /// How many nodes have a number.
    pub(super) count: usize,
}

/// A node whose edges are being followed.
#[derive(Clone, Copy)]
struct Frame {
    node: u32,
    number: u32,
    next_edge: u32,
    end: u32,
}

impl<'a> Search<'a> {
    /// Searches from the root, then from nodes that no essential edge leads to, as if the root did. O(edges).
    pub(super) fn run(graph: &'a HeapGraph, rule: EdgeRule<'a>) -> Self {
        let nodes = graph.node_count();
        let mut search = Self {
            walk: graph.walk(),
            rule,
            seen: Bitset::new(nodes),
            stack: Vec::new(),
            numbers: Buffer::filled(nodes, UNREACHED),
            parents: Buffer::zeroed(nodes),
            count: 0,
        };
        search.search_from(rule.root);
        for orphan in search.orphans() {
            if !search.seen.get(orphan) {
                search.search_from(orphan);
            }
        }
        search.parents.truncate(search.count);
        search
    }

    /// Returns the nodes without any essential edge that leads to them, rising: those that no edge leads to at all, and those on the page
    /// that only nodes outside it refer to.
    fn orphans(&self) -> Vec<u32> {
        let nodes = self.walk.node_count() as u32;
        if (self.count as u32) == nodes {
            return Vec::new();
        }
        // Edges from nodes that the search reached lead to nodes that it reached, so the others' edges tell.
        let mut held = Bitset::new(nodes as usize);
        for from in (0..nodes).filter(|&from| !self.seen.get(from)) {
            for edge in self.walk.edges(from).filter(|&edge| self.rule.accepts(from, edge)) {
                held.set(edge.to.0);
            }
        }
        (0..nodes).filter(|&node| !self.seen.get(node) && !held.get(node)).collect()
    }

    fn search_from(&mut self, start: u32) {
        self.seen.set(start);
        self.enter(start, 0);
        while let Some(&Frame { node, number, next_edge, end }) = self.stack.last() {
            match self.next_child(node, next_edge, end) {
                Some((child, next_edge)) => {
                    if let Some(frame) = self.stack.last_mut() {
                        frame.next_edge = next_edge;
                    }
                    self.enter(child, number);
                }
                None => {
                    self.stack.pop();
                }
            }
        }
    }

    #[inline]
    fn enter(&mut self, node: u32, parent: u32) {
        let number = self.count as u32;
        self.numbers[node as usize] = number;
        self.parents[self.count] = parent;
        self.count += 1;
        let edges = self.walk.edge_range(node);
        if !edges.is_empty() {
            self.stack.push(Frame { node, number, next_edge: edges.start, end: edges.end });
        }
    }

    /// Returns the next node to enter from `node`, and the edge behind the one that leads there.
    #[inline]
    fn next_child(&mut self, node: u32, next_edge: u32, end: u32) -> Option<(u32, u32)> {
        let EdgeRule { root, facts, page } = self.rule;
        let special = facts.special.get(node);
        let outside = node != root && !page.get(node);
        for at in next_edge..end {
            let edge = self.walk.edge(at);
            let to = edge.to.0;
            if self.seen.get(to) || !may_retain(root, node, edge) {
                continue;
            }
            if (outside && page.get(to)) || is_table_half(facts, special, edge) {
                continue;
            }
            self.seen.set(to);
            return Some((to, at + 1));
        }
        None
    }
}
