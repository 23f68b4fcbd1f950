//! Semidominators by link-eval with path compression, then dominators as nearest common ancestors: all in numbers of the search.

use crate::buffer::Buffer;
use crate::dominators::UNREACHED;
use crate::dominators::lists::Lists;
use crate::fetch::{TOGETHER, fetch};

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
fn semidominators(parents: &[u32], order: &[u32], lists: &mut Lists) {
    let mut forest = Forest { links: Buffer::zeroed(parents.len()), stack: Vec::new() };
    let mut end = parents.len();
    while end > 1 {
        let start = end.saturating_sub(TOGETHER).max(1);
        let mut ranks = [None; TOGETHER];
        for (rank, &node) in ranks.iter_mut().zip(&order[start..end]) {
            *rank = lists.rank(node);
        }
        // Lists lie anywhere in memory: fetched for several numbers at once they are waited for once.
        fetch(ranks.iter().flatten().map(|&rank| lists.semidominator(rank)));
        for w in (start..end).rev() {
            let parent = parents[w];
            let mut semi = parent;
            if let Some(rank) = ranks[w - start] {
                for some in lists.sources(rank).chunks(TOGETHER) {
                    semi = semi.min(forest.lowest(some, w as u32));
                }
                lists.settle(rank, semi);
            }
            forest.links[w] = Link { ancestor: parent, label: semi }.packed();
        }
        end = start;
    }
}

/// What the forest knows of a number: together, for one is never read without the other.
#[derive(Clone, Copy)]
struct Link {
    /// The next number on the compressed path up.
    ancestor: u32,
    /// The lowest semidominator on the compressed path.
    label: u32,
}

impl Link {
    #[inline]
    fn packed(self) -> u64 {
        u64::from(self.ancestor) << 32 | u64::from(self.label)
    }

    #[inline]
    fn of(packed: u64) -> Self {
        Self { ancestor: (packed >> 32) as u32, label: packed as u32 }
    }
}

/// The forest of numbers above `w`, in which every number knows the lowest semidominator on its path.
struct Forest {
    /// The link of each number that is in the forest.
    links: Buffer<u64>,
    stack: Vec<(u32, u32)>,
}

impl Forest {
    /// Returns the lowest of what some predecessors of `w` lead to, `TOGETHER` at most.
    #[inline]
    fn lowest(&mut self, sources: &[u32], w: u32) -> u32 {
        // A link that another's compression replaces meanwhile is as true as before, only longer.
        let mut links = [Link { ancestor: 0, label: 0 }; TOGETHER];
        for (link, &v) in links.iter_mut().zip(sources) {
            *link = Link::of(self.links.get(v as usize).copied().unwrap_or_default());
        }
        let mut lowest = u32::MAX;
        for (&link, &v) in links.iter().zip(sources) {
            if v != UNREACHED {
                lowest = lowest.min(self.eval(v, link, w));
            }
        }
        lowest
    }

    /// Returns the lowest semidominator on the path from `v`, whose link is at hand, up to, not including, the numbers that are not linked
    /// yet: those up to `w`.
    #[inline]
    fn eval(&mut self, v: u32, link: Link, w: u32) -> u32 {
        if v <= w {
            return v;
        }
        if link.ancestor > w { self.compress(v, link, w) } else { link.label }
    }

    /// Lets all on the path up from `v` know its upper end. Returns the label that `v` then has.
    fn compress(&mut self, v: u32, link: Link, w: u32) -> u32 {
        let links: &mut [u64] = &mut self.links;
        let (mut at, mut link) = (v, link);
        while link.ancestor > w {
            self.stack.push((at, link.label));
            at = link.ancestor;
            link = Link::of(links[at as usize]);
        }
        while let Some((below, label)) = self.stack.pop() {
            link.label = link.label.min(label);
            links[below as usize] = link.packed();
        }
        link.label
    }
}
