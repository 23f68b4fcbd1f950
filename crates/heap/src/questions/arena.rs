//! Builds trees breadth first, without recursion: nodes know their parents until the whole is put together.

use crate::graph::NodeIx;
use crate::view::{Tree, TreeNode};

/// A tree in the making.
#[derive(Default)]
pub(crate) struct Arena {
    nodes: Vec<(Option<usize>, NodeIx, TreeNode)>,
}

impl Arena {
    /// Adds a child of `parent`, which must have been added; returns its position.
    pub(crate) fn add(&mut self, parent: Option<usize>, of: NodeIx, node: TreeNode) -> usize {
        self.nodes.push((parent, of, node));
        self.nodes.len() - 1
    }

    /// Returns the number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns a node, to be changed.
    pub(crate) fn node(&mut self, at: usize) -> &mut TreeNode {
        &mut self.nodes[at].2
    }

    /// Returns where on the way from `at` to the top the heap's node `of` stands. O(depth).
    pub(crate) fn ancestor(&self, at: usize, of: NodeIx) -> Option<usize> {
        let mut next = Some(at);
        while let Some(at) = next {
            if self.nodes[at].1 == of {
                return Some(at);
            }
            next = self.nodes[at].0;
        }
        None
    }

    /// Puts the tree together.
    pub(crate) fn finish(self, mut tree: Tree) -> Tree {
        let mut waiting: Vec<TreeNode> = Vec::with_capacity(self.nodes.len());
        let mut parents = Vec::with_capacity(self.nodes.len());
        for (parent, _, node) in self.nodes {
            parents.push(parent);
            waiting.push(node);
        }
        // Children stand behind their parents, so the last ones are complete; each goes to its parent in reverse.
        while let (Some(mut node), Some(parent)) = (waiting.pop(), parents.pop()) {
            node.children.reverse();
            match parent {
                Some(parent) => waiting[parent].children.push(node),
                None => tree.roots.push(node),
            }
        }
        tree.roots.reverse();
        tree
    }
}
