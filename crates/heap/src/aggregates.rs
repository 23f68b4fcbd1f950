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
pub fn aggregates(analysis: &HeapAnalysis, accept: impl Fn(NodeIx) -> bool + Sync) -> Vec<Aggregate> {
    let tree = DominatorTree::of_idoms(analysis.graph().root().0, analysis.dominators());
    sum_up(analysis, &tree, &InnerSpans::of(&tree), accept)
}

/// As `aggregates`, with the tree and its spans at hand. On up to three threads.
pub(crate) fn sum_up(
    analysis: &HeapAnalysis,
    tree: &DominatorTree,
    inner: &InnerSpans,
    accept: impl Fn(NodeIx) -> bool + Sync,
) -> Vec<Aggregate> {
    let counted = Counted::of(analysis, accept);
    let topmost = Topmost { counted: &counted, tree, inner, retained: analysis.retained().values() };
    let (mut sums, retained) = std::thread::scope(|scope| {
        let sums = scope.spawn(|| counted.sums(analysis));
        let retained = topmost.sums();
        (sums.join().unwrap_or_else(|_| counted.sums(analysis)), retained)
    });
    for (sum, retained) in sums.iter_mut().zip(retained) {
        if let Some(sum) = sum {
            sum.retained_size = retained;
        }
    }
    let mut result: Vec<Aggregate> = sums.into_iter().flatten().collect();
    result.sort_by(|a, b| b.retained_size.cmp(&a.retained_size).then(a.class.cmp(&b.class)));
    result
}

/// Which nodes count, for which class and how much.
struct Counted<'a, F> {
    sizes: WideValues<'a, u16>,
    classes: &'a [u32],
    class_count: usize,
    accept: F,
}

impl<'a, F: Fn(NodeIx) -> bool + Sync> Counted<'a, F> {
    fn of(analysis: &'a HeapAnalysis, accept: F) -> Self {
        let classes = analysis.classes();
        Self { sizes: analysis.sizes().values(), classes: classes.of_nodes(), class_count: classes.len(), accept }
    }

    /// Returns the self size of a node that counts.
    #[inline]
    fn size(&self, node: u32) -> Option<u64> {
        let size = self.sizes.get(node as usize);
        (size > 0 && (self.accept)(NodeIx(node))).then_some(size)
    }

    /// Counts nodes and sums up their sizes, by class.
    fn sums(&self, analysis: &HeapAnalysis) -> Vec<Option<Aggregate>> {
        let mut sums: Vec<Option<Aggregate>> = vec![None; self.class_count];
        for node in 0..self.classes.len() as u32 {
            let Some(size) = self.size(node) else { continue };
            let class = self.classes[node as usize];
            let distance = analysis.distance(NodeIx(node));
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
}

/// Adds up by class the retained sizes of its topmost nodes: those that no other counted node of the class dominates.
struct Topmost<'a, F> {
    counted: &'a Counted<'a, F>,
    tree: &'a DominatorTree,
    inner: &'a InnerSpans,
    retained: WideValues<'a, u32>,
}

/// For each class the spans of its topmost nodes that dominate others: rising and disjoint.
type Covered = Vec<Vec<(u32, u32)>>;

impl<F: Fn(NodeIx) -> bool + Sync> Topmost<'_, F> {
    fn sums(&self) -> Vec<u64> {
        let (mut sums, covered) = self.of_inner();
        let (count, middle) = (self.tree.order.len() as u32, self.tree.order.len() as u32 / 2);
        let leaves = [0..middle, middle..count];
        let of_leaves = std::thread::scope(|scope| {
            let second = scope.spawn(|| self.of_leaves(leaves[1].clone(), &covered));
            let first = self.of_leaves(leaves[0].clone(), &covered);
            [first, second.join().unwrap_or_else(|_| self.of_leaves(leaves[1].clone(), &covered))]
        });
        for (sum, of_leaves) in of_leaves.iter().flat_map(|of_leaves| of_leaves.iter().enumerate()) {
            sums[sum] = sums[sum].saturating_add(*of_leaves);
        }
        for node in self.tree.unreached(self.counted.classes.len()) {
            self.add_leaf(node, 0, &covered, &mut sums);
        }
        sums
    }

    /// Sums up nodes that dominate others, and says which spans they cover.
    fn of_inner(&self) -> (Vec<u64>, Covered) {
        let (counted, inner, order) = (self.counted, self.inner, &*self.tree.order);
        let (mut sums, mut covered) = (vec![0_u64; counted.class_count], vec![Vec::new(); counted.class_count]);
        for (&number, place) in inner.numbers.iter().zip(0..) {
            let node = order[number as usize];
            let class = counted.classes[node as usize] as usize;
            let spans: &mut Vec<(u32, u32)> = &mut covered[class];
            let is_covered = spans.last().is_some_and(|&(_, end)| place < end);
            if !is_covered && counted.size(node).is_some() {
                spans.push((place, place + inner.lengths[inner.ranks.rank(number)]));
                sums[class] = sums[class].saturating_add(self.retained.get(node as usize));
            }
        }
        (sums, covered)
    }

    /// Sums up those of some numbers whose nodes dominate nothing.
    fn of_leaves(&self, numbers: std::ops::Range<u32>, covered: &Covered) -> Vec<u64> {
        let (order, idoms): (&[u32], &[u32]) = (&self.tree.order, &self.tree.idoms);
        let mut sums = vec![0_u64; self.counted.class_count];
        for number in numbers.filter(|&number| !self.inner.ranks.get(number)) {
            self.add_leaf(order[number as usize], idoms[number as usize], covered, &mut sums);
        }
        sums
    }

    /// Adds a node that dominates nothing, unless its dominator lies in a span of its class.
    #[inline]
    fn add_leaf(&self, node: u32, idom: u32, covered: &Covered, sums: &mut [u64]) {
        let class = self.counted.classes[node as usize] as usize;
        let spans = &covered[class];
        let is_covered = !spans.is_empty() && {
            let place = self.inner.places[self.inner.ranks.rank(idom)];
            let after = spans.partition_point(|&(start, _)| start <= place);
            after > 0 && place < spans[after - 1].1
        };
        if !is_covered && self.counted.size(node).is_some() {
            sums[class] = sums[class].saturating_add(self.retained.get(node as usize));
        }
    }
}

/// A preorder of the nodes that dominate others, so that a subtree is a range.
pub(crate) struct InnerSpans {
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
    /// Finds them. O(nodes).
    pub(crate) fn of(tree: &DominatorTree) -> Self {
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
