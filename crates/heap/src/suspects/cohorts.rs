//! Cohorts: classes of exactly equal counts come and stay together.
//!
//! Reason: 15,155 of one class and 15,155 of another are parts of the same 15,155 things. Limit: below a hundred, counts agree by chance.

use crate::analysis::HeapAnalysis;
use crate::graph::NodeIx;
use crate::story::Scene;

/// Counts below this agree by chance.
const LEAST: u64 = 100;
/// How many classes are named.
const SHOWN: usize = 3;

/// How many nodes each class has, computed once for a report.
pub(crate) struct Cohorts {
    counts: Vec<u64>,
}

impl Cohorts {
    /// Counts all classes. O(nodes).
    pub(crate) fn of(analysis: &HeapAnalysis) -> Self {
        let classes = analysis.classes();
        let mut counts = vec![0; classes.len()];
        for node in analysis.graph().nodes() {
            if let Some(count) = counts.get_mut(classes.of(node).0 as usize) {
                *count += 1;
            }
        }
        Self { counts }
    }

    /// Names the classes that have exactly as many nodes as that of `example`.
    pub(crate) fn like(&self, scene: &Scene<'_>, example: NodeIx) -> Option<String> {
        let classes = scene.analysis.classes();
        let own = classes.of(example);
        let count = self.counts.get(own.0 as usize).copied().filter(|&count| count >= LEAST)?;
        let equal = classes.iter().filter(|(ix, class)| {
            *ix != own
                && self.counts.get(ix.0 as usize) == Some(&count)
                && !class.name.starts_with('(')
                && !class.name.starts_with("system / ")
        });
        let names: Vec<&str> = equal.map(|(_, class)| class.name.as_str()).take(SHOWN).collect();
        (!names.is_empty()).then(|| format!("exactly as many {}: {} each", names.join(", "), super::case::grouped(count)))
    }
}
