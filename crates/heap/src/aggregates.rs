//! The histogram's numbers: how many nodes of each class, how large, and how much they retain together.

use crate::analysis::HeapAnalysis;
use crate::bitset::{Bitset, RankedBits};
use crate::buffer::Buffer;
use crate::classes::ClassIx;
use crate::column::WideValues;
use crate::distance::Distance;
use crate::dominators::DominatorTree;
use crate::graph::NodeIx;

/// The sums of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// The class.
    pub class: ClassIx,
    /// How many nodes it has.
    pub count: u64,
    /// Their self sizes together, in bytes.
    pub self_size: u64,
    /// What would be freed with all of them, in bytes: nodes below another of the class are counted with that one.
    pub retained_size: u64,
    /// The distance of the nearest.
    pub distance: Distance,
}

/// Sums up every class that has a node which `accept` lets pass. As DevTools counts, nodes of no size are left out: they are backing
/// stores that count with their owner, and groups made for the snapshot. Sorted by retained size, largest first. O(nodes log nodes), about
/// 16 bytes a node while it runs. Where all nodes pass, `HeapAnalysis::aggregates` has the answer already.
#[must_use]
pub fn aggregates(analysis: &HeapAnalysis, accept: impl Fn(NodeIx) -> bool) -> Vec<Aggregate> {
    let tree = DominatorTree::of_idoms(analysis.graph().root().0, analysis.dominators());
    sum_up(analysis, &tree, accept)
}

/// As `aggregates`, with the tree at hand.
pub(crate) fn sum_up(analysis: &HeapAnalysis, tree: &DominatorTree, accept: impl Fn(NodeIx) -> bool) -> Vec<Aggregate> {
    let all =
        All { sizes: analysis.sizes().values(), retained: analysis.retained().values(), classes: analysis.classes().of_nodes(), accept };
    let class_count = analysis.classes().len();
    let (mut sums, inner) = std::thread::scope(|scope| {
        let inner = scope.spawn(|| InnerSpans::of(tree));
        let sums = all.count(class_count, |node| analysis.distance(node));
        (sums, inner.join().unwrap_or_else(|_| InnerSpans::of(tree)))
    });
    all.retain(tree, &inner, &mut sums);
    let mut result: Vec<Aggregate> = sums.into_iter().flatten().collect();
    result.sort_by(|a, b| b.retained_size.cmp(&a.retained_size).then(a.class.cmp(&b.class)));
    result
}

/// The columns that sums are made of, and which nodes to count.
struct All<'a, F> {
    sizes: WideValues<'a, u16>,
    retained: WideValues<'a, u32>,
    classes: &'a [u32],
    accept: F,
}

impl<F: Fn(NodeIx) -> bool> All<'_, F> {
    /// Returns the self size of a node that counts.
    #[inline]
    fn counted(&self, node: u32) -> Option<u64> {
        let size = self.sizes.get(node as usize);
        (size > 0 && (self.accept)(NodeIx(node))).then_some(size)
    }

    /// Counts nodes and sums up their sizes, by class.
    fn count(&self, class_count: usize, distance: impl Fn(NodeIx) -> Distance) -> Vec<Option<Aggregate>> {
        let mut sums: Vec<Option<Aggregate>> = vec![None; class_count];
        for node in 0..self.classes.len() as u32 {
            let Some(size) = self.counted(node) else { continue };
            let class = self.classes[node as usize];
            let distance = distance(NodeIx(node));
            let new = Aggregate { class: ClassIx(class), count: 0, self_size: 0, retained_size: 0, distance };
            let sum = sums[class as usize].get_or_insert(new);
            sum.count += 1;
            sum.self_size = sum.self_size.saturating_add(size);
            // DevTools takes the least number, and "none" is -5.
            if distance.as_devtools() < sum.distance.as_devtools() {
                sum.distance = distance;
            }
        }
        sums
    }

    /// Adds up the retained sizes of the topmost nodes of each class: those that no other counted node of the class dominates.
    fn retain(&self, tree: &DominatorTree, inner: &InnerSpans, sums: &mut [Option<Aggregate>]) {
        let (order, idoms): (&[u32], &[u32]) = (&tree.order, &tree.idoms);
        // For each class the spans of its topmost inner nodes: rising and disjoint.
        let mut covered: Vec<Vec<(u32, u32)>> = vec![Vec::new(); sums.len()];
        for (place, &number) in inner.numbers.iter().enumerate() {
            let node = order[number as usize];
            let class = self.classes[node as usize] as usize;
            let is_covered = covered[class].last().is_some_and(|&(_, end)| (place as u32) < end);
            if !is_covered && self.counted(node).is_some() {
                covered[class].push((place as u32, place as u32 + inner.lengths[inner.ranks.rank(number)]));
                self.add(node, sums);
            }
        }
        // A node that dominates nothing is covered where its dominator lies in a span.
        let leaves = (0..order.len() as u32).filter(|&number| !inner.ranks.get(number));
        let leaves = leaves.map(|number| (order[number as usize], idoms[number as usize]));
        let unreached = tree.unreached(self.classes.len()).into_iter().map(|node| (node, 0));
        for (node, idom) in leaves.chain(unreached) {
            let spans = &covered[self.classes[node as usize] as usize];
            let is_covered = !spans.is_empty() && {
                let place = inner.places[inner.ranks.rank(idom)];
                let after = spans.partition_point(|&(start, _)| start <= place);
                after > 0 && place < spans[after - 1].1
            };
            if !is_covered && self.counted(node).is_some() {
                self.add(node, sums);
            }
        }
    }

    #[inline]
    fn add(&self, node: u32, sums: &mut [Option<Aggregate>]) {
        if let Some(sum) = &mut sums[self.classes[node as usize] as usize] {
            sum.retained_size = sum.retained_size.saturating_add(self.retained.get(node as usize));
        }
    }
}

/// A preorder of the nodes that dominate others, so that a subtree is a range.
struct InnerSpans {
    /// The numbers of nodes that dominate others.
    ranks: RankedBits,
    /// By rank: how many such nodes the subtree has, itself included.
    lengths: Buffer<u32>,
    /// By rank: the place in preorder.
    places: Buffer<u32>,
    /// By place: the number.
    numbers: Buffer<u32>,
}

impl InnerSpans {
    fn of(tree: &DominatorTree) -> Self {
        let idoms: &[u32] = &tree.idoms;
        let mut bits = Bitset::new(idoms.len().max(1));
        bits.set(0);
        for &idom in idoms.iter().skip(1) {
            bits.set(idom);
        }
        let ranks = RankedBits::of(bits);
        let inner = || (1..idoms.len() as u32).filter(|&number| ranks.get(number));
        let mut lengths = Buffer::filled(ranks.count(), 1_u32);
        for number in inner().rev() {
            let length = lengths[ranks.rank(number)];
            lengths[ranks.rank(idoms[number as usize])] += length;
        }
        let mut places = Buffer::<u32>::zeroed(ranks.count());
        // Where the next child of each node goes; in the end, the number at each place.
        let mut next = Buffer::filled(ranks.count(), 1_u32);
        for number in inner() {
            let (rank, above) = (ranks.rank(number), ranks.rank(idoms[number as usize]));
            let place = next[above];
            next[above] += lengths[rank];
            places[rank] = place;
            next[rank] = place + 1;
        }
        let mut numbers = next;
        for number in std::iter::once(0).chain(inner()) {
            numbers[places[ranks.rank(number)] as usize] = number;
        }
        Self { ranks, lengths, places, numbers }
    }
}
