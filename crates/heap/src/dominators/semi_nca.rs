//! Semidominators by link-eval with path compression, then dominators as nearest common ancestors: all in numbers of the search.

use crate::buffer::Buffer;
use crate::dominators::UNREACHED;
use crate::dominators::lists::Lists;

/// Returns the immediate dominator of every number. `parents` are those of the search, `order` the node of each number; the root has
/// number 0.
pub(super) fn idoms(parents: Buffer<u32>, order: &[u32], mut lists: Lists) -> Buffer<u32> {
    let mut idoms = parents;
    semidominators(&idoms, order, &mut lists);
    let known: &mut [u32] = &mut idoms;
    for w in 1..known.len() {
        // Where the parent is the only predecessor, it is the dominator.
        if let Some(rank) = lists.rank(order[w]) {
            let mut idom = known[w];
            let semi = lists.semidominator(rank);
            while idom > semi {
                idom = known[idom as usize];
            }
            known[w] = idom;
        }
    }
    idoms
}

/// Puts the semidominator of every join in the place of its predecessors.
fn semidominators(parents: &Buffer<u32>, order: &[u32], lists: &mut Lists) {
    let mut labels = Buffer::<u32>::zeroed(parents.len());
    let mut ancestors = parents.clone();
    let mut forest = Forest { ancestors: &mut ancestors, labels: &mut labels, stack: Vec::new() };
    for w in (1..parents.len() as u32).rev() {
        let mut semi = forest.ancestors[w as usize];
        if let Some(rank) = lists.rank(order[w as usize]) {
            for &v in lists.sources(rank) {
                if v != UNREACHED {
                    semi = semi.min(forest.eval(v, w));
                }
            }
            lists.settle(rank, semi);
        }
        forest.labels[w as usize] = semi;
    }
}

/// The forest of numbers above `w`, in which every number knows the lowest semidominator on its path.
struct Forest<'a> {
    ancestors: &'a mut [u32],
    /// The lowest semidominator on the compressed path from a number that is in the forest.
    labels: &'a mut [u32],
    stack: Vec<u32>,
}

impl Forest<'_> {
    /// Returns the lowest semidominator on the path from `v` up to, not including, the numbers that are not linked yet: those up to `w`.
    #[inline]
    fn eval(&mut self, v: u32, w: u32) -> u32 {
        if v <= w {
            return v;
        }
        if self.ancestors[v as usize] > w {
            self.compress(v, w);
        }
        self.labels[v as usize]
    }

    fn compress(&mut self, v: u32, w: u32) {
        let mut above = v;
        while self.ancestors[above as usize] > w {
            self.stack.push(above);
            above = self.ancestors[above as usize];
        }
        let ancestor = self.ancestors[above as usize];
        let mut label = self.labels[above as usize];
        while let Some(below) = self.stack.pop() {
            label = label.min(self.labels[below as usize]);
            self.labels[below as usize] = label;
            self.ancestors[below as usize] = ancestor;
        }
    }
}
