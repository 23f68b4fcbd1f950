//! One snapshot with all that telling about it needs: its setting, and the best path to every object.

use std::ops::Deref;

use crate::analysis::HeapAnalysis;
use crate::graph::NodeIx;
use crate::kinds::NodeKind;
use crate::paths::{PathTree, Root};
use crate::progress::Silent;
use crate::source::scripts::script_name;
use crate::source::{Owner, SourceFiles};
use crate::story::setting::Setting;

/// One snapshot, made ready for stories and suspicions. Making one is O(edges).
pub struct Scene<'a> {
    setting: Setting<'a>,
    /// The best path to every node.
    pub paths: PathTree,
}

impl<'a> Deref for Scene<'a> {
    type Target = Setting<'a>;

    fn deref(&self) -> &Setting<'a> {
        &self.setting
    }
}

impl<'a> Scene<'a> {
    /// Makes a snapshot ready. O(edges).
    #[must_use]
    pub fn new(analysis: &'a HeapAnalysis, files: &'a dyn SourceFiles) -> Self {
        // All at once and on two threads is cheaper than one by one; nobody can stop it here.
        let _ = analysis.prepare(&Silent);
        let setting = Setting::new(analysis, files);
        let paths = PathTree::of(analysis, &setting.names, &setting.scripts);
        Self { setting, paths }
    }

    /// Returns the name of that script; empty where there is none.
    #[must_use]
    pub fn file(&self, node: NodeIx) -> String {
        if let Some(Root::ModuleScope { file, .. } | Root::Module { file }) = self.paths.roots.at(node) {
            return file.clone();
        }
        self.script(node).map_or_else(String::new, |script| script_name(self.graph(), script))
    }

    /// Looks below a node for a function of the application or a package: what a function of Node.js's own was given to call.
    /// Bounded.
    #[must_use]
    pub fn own_function_below(&self, node: NodeIx) -> Option<NodeIx> {
        const LOOKED_AT: usize = 400;
        let graph = self.graph();
        let mut queue = vec![node];
        let mut at = 0;
        while let Some(&node) = queue.get(at) {
            at += 1;
            if graph.kind(node) == NodeKind::CLOSURE {
                let file = self.file(node);
                if !file.is_empty() && Owner::of_script(&file) != Owner::NodeCore {
                    return Some(node);
                }
            }
            for edge in graph.edges(node) {
                // Only downwards: what hangs on this node by its best path is its own.
                let below = self.paths.parent_node(edge.to) == Some(node);
                if below && queue.len() < LOOKED_AT && graph.kind(edge.to) != NodeKind::CODE {
                    queue.push(edge.to);
                }
            }
        }
        None
    }

    /// Returns the nearest object on a node's best path, the node itself included, that people know.
    #[must_use]
    pub fn visible_at_or_above(&self, node: NodeIx) -> NodeIx {
        let mut at = node;
        while !self.is_visible(at) {
            match self.paths.parent_node(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at
    }
}
