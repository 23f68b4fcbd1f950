//! A profile as a tree: who called whom, and what was allocated below.

use super::HeapProfile;
use crate::view::{Cell, ColumnKind, TableColumn, Tree, TreeNode};

/// Deeper than this no tree is shown: people do not read it, and trees are built by recursion.
const DEEPEST: u32 = 200;

/// What a tree is made of.
struct Growing<'a> {
    profile: &'a HeapProfile,
    totals: Vec<u64>,
    children: Vec<Vec<u32>>,
    all: u64,
}

impl HeapProfile {
    /// Returns the tree of calls without those below which less than a share of all bytes was allocated, the largest first. O(stacks).
    #[must_use]
    pub fn tree(&self, smallest_share: f64) -> Tree {
        let totals = self.totals();
        let all = self.bytes();
        let least = ((all as f64 * smallest_share) as u64).max(1);
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.stacks.len()];
        for ((at, stack), &total) in (0_u32..).zip(&self.stacks).zip(&totals) {
            if stack.parent != at
                && total >= least
                && let Some(siblings) = children.get_mut(stack.parent as usize)
            {
                siblings.push(at);
            }
        }
        let by_total = |at: &u32| std::cmp::Reverse(totals.get(*at as usize).copied());
        children.iter_mut().for_each(|siblings| siblings.sort_by_key(by_total));
        let column = |name, title, kind| TableColumn { name, title, kind };
        let columns = vec![
            column("total_bytes", "with callees", ColumnKind::Bytes),
            column("share", "share", ColumnKind::Share),
            column("self_bytes", "itself", ColumnKind::Bytes),
            column("location", "", ColumnKind::Location),
        ];
        let growing = Growing { profile: self, totals, children, all };
        let roots = growing.children.first().into_iter().flatten().map(|&at| growing.node(at, 0)).collect();
        Tree { name: "calls", columns, roots }
    }
}

impl Growing<'_> {
    /// Makes a node. A function that only calls itself, again and again, is one.
    fn node(&self, at: u32, depth: u32) -> TreeNode {
        let (at, times) = self.last_of_its_own(at);
        let (stack, total) = (self.profile.stacks.get(at as usize), self.totals.get(at as usize).copied().unwrap_or(0));
        let frame = stack.and_then(|stack| self.profile.frames.get(stack.frame as usize));
        let below: &[u32] = self.children.get(at as usize).map_or(&[], Vec::as_slice);
        let shown = if depth < DEEPEST { below } else { &[] };
        let name = frame.map_or("", super::CallFrame::name);
        let share = if self.all == 0 { 0.0 } else { total as f64 / self.all as f64 };
        TreeNode {
            edge: String::new(),
            label: if times > 1 { format!("{name} × {times}") } else { name.to_owned() },
            cells: vec![
                total.into(),
                Cell::Share(share),
                stack.map_or(0, |stack| stack.bytes).into(),
                frame.and_then(super::CallFrame::place).map_or(Cell::None, Cell::from),
            ],
            children: shown.iter().map(|&child| self.node(child, depth + 1)).collect(),
            more: (below.len() - shown.len()) as u64,
        }
    }

    /// Follows a function through its calls of itself. Returns the last, and how many they are.
    fn last_of_its_own(&self, mut at: u32) -> (u32, u64) {
        let stack = |at: u32| self.profile.stacks.get(at as usize);
        let mut times = 1;
        while let Some(own) = stack(at).filter(|own| own.bytes == 0)
            && let Some([only]) = self.children.get(at as usize).map(Vec::as_slice)
            && stack(*only).is_some_and(|next| next.frame == own.frame)
        {
            at = *only;
            times += 1;
        }
        (at, times)
    }
}
