//! Names of the variables that a context holds.
//!
//! V8 names the slots of a function's, script's or module's context (`context` edges). Those of blocks, loops, `catch` clauses and class
//! bodies it does not name, on any of Node 16 to 26: they are `hidden` edges, numbered in the order of the slots that hold objects. The
//! context's ScopeInfo has the names, in the order of the slots, as its first hidden edges. So the name is certain where every slot
//! holds an object; where some hold small integers, which are not in the file, several names may be meant.

use crate::graph::{Edge, EdgeName, HeapGraph, NodeIx};
use crate::held::Part;
use crate::kinds::{EdgeKind, NodeKind};

/// Words of a context before its slots: map, length, ScopeInfo, the outer context.
const HEADER: u64 = 4;
/// Bytes of a word: Node.js does not compress pointers.
const WORD: u64 = 8;

/// Returns the names that a context's edge may have in the source, in the order of their declaration: one where that is certain, none
/// where the edge leads to no variable or its name is not in the file. O(variables of the context).
#[must_use]
pub fn variables(graph: &HeapGraph, context: NodeIx, edge: Edge) -> Vec<String> {
    match (edge.kind, graph.edge_name(edge)) {
        (EdgeKind::CONTEXT, _) => vec![graph.edge_text(edge).into_owned()],
        (EdgeKind::HIDDEN, EdgeName::Index(nth)) => {
            let names = of_block(graph, context, nth as usize).unwrap_or_default();
            if names.len() == 1 { names } else { told(graph, context, edge.to).unwrap_or(names) }
        }
        _ => Vec::new(),
    }
}

/// Returns the name of the function whose variables a context holds: the ScopeInfo has it behind those of the variables. `None` for blocks,
/// and for functions without a name.
#[must_use]
pub fn function(graph: &HeapGraph, context: NodeIx) -> Option<String> {
    let info = graph.child(context, EdgeKind::INTERNAL, "scope_info")?;
    let slots = u32::try_from((graph.raw_self_size(context) / WORD).checked_sub(HEADER)?).ok()?;
    let (_, name) = hidden(graph, info).find(|&(nth, _)| nth == slots)?;
    let is_name = graph.kind(name).is_string() && declared(graph, info, slots as usize).len() == slots as usize;
    Some(graph.name(name).into_owned()).filter(|name| is_name && !name.is_empty())
}

/// Writes a variable as people read it: `cache`, `key or value` where either may be meant, `(home object)` for what only V8 sees; `None`
/// where no name is known.
#[must_use]
pub fn worded(names: &[String]) -> Option<String> {
    const MOST: usize = 3;
    match names {
        [] => None,
        [name] => Some(match name.strip_prefix('.') {
            Some(own) => format!("({})", own.trim_start_matches('_').replace('_', " ")),
            None => name.clone(),
        }),
        names if names.len() <= MOST => Some(names.join(" or ")),
        _ => None,
    }
}

/// Returns the names of the variables that hold an object, where the source tells them.
fn told(graph: &HeapGraph, context: NodeIx, value: NodeIx) -> Option<Vec<String>> {
    let (held, id) = (graph.held(context, 0)?, graph.id(value));
    let names = held.parts.into_iter().filter(|(_, part)| *part == Part::Object(id)).map(|(name, _)| name);
    Some(names.collect()).filter(|names: &Vec<String>| !names.is_empty())
}

fn of_block(graph: &HeapGraph, context: NodeIx, nth: usize) -> Option<Vec<String>> {
    let is_context = graph.kind(context) == NodeKind::OBJECT && graph.strings().is(graph.name_ix(context), "system / Context");
    let info = graph.child(context, EdgeKind::INTERNAL, "scope_info").filter(|_| is_context)?;
    let slots = usize::try_from((graph.raw_self_size(context) / WORD).checked_sub(HEADER)?).ok()?;
    let names = declared(graph, info, slots);
    let seen = hidden(graph, context).map(|(nth, _)| nth as usize + 1).max()?;
    // As many slots hold small integers, at most: each may stand before this one.
    let unseen = names.len().checked_sub(seen)?;
    // All slots hold variables but for one that a block with `eval` has besides.
    (names.len() + 1 >= slots).then(|| names.into_iter().skip(nth).take(unseen + 1).collect())
}

/// Returns the first `limit` names of a ScopeInfo; fewer where it has fewer, none where there are so many (more than 75) that V8 keeps
/// them in a table.
fn declared(graph: &HeapGraph, info: NodeIx, limit: usize) -> Vec<String> {
    let mut fields: Vec<(u32, NodeIx)> = hidden(graph, info).collect();
    fields.sort_unstable();
    let names = fields.iter().zip(0_u32..).take_while(|&(&(nth, name), at)| nth == at && graph.kind(name).is_string());
    names.take(limit).map(|(&(_, name), _)| graph.name(name).into_owned()).collect()
}

pub(super) fn hidden(graph: &HeapGraph, node: NodeIx) -> impl Iterator<Item = (u32, NodeIx)> + '_ {
    graph.edges(node).filter(|edge| edge.kind == EdgeKind::HIDDEN).filter_map(|edge| match graph.edge_name(edge) {
        EdgeName::Index(nth) => Some((nth, edge.to)),
        EdgeName::Text(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{GraphBuilder, NewName, Node, Target};

    /// Makes a context of `slots` slots whose ScopeInfo has `names`, of which those at `held` hold objects; returns what each is called.
    fn check(names: &[&str], slots: u64, held: &[u32]) -> Vec<Option<String>> {
        let mut builder = GraphBuilder::new();
        let mut next = 1;
        let mut node = |builder: &mut GraphBuilder, kind, name: &str, size| {
            next += 2;
            builder.node(Node::new(kind, name, next, size))
        };
        let context = node(&mut builder, NodeKind::OBJECT, "system / Context", 8 * (4 + slots));
        let info = node(&mut builder, NodeKind::CODE, "system / ScopeInfo", 64);
        builder.edge(context, EdgeKind::INTERNAL, NewName::Text("scope_info"), Target::Node(info));
        for (at, name) in (0..).zip(names) {
            let name = node(&mut builder, NodeKind::STRING, name, 24);
            builder.edge(info, EdgeKind::HIDDEN, NewName::Index(at), Target::Node(name));
        }
        let outer = node(&mut builder, NodeKind::CODE, "system / ScopeInfo", 64);
        builder.edge(info, EdgeKind::HIDDEN, NewName::Index(names.len() as u32), Target::Node(outer));
        for &at in held {
            builder.edge(context, EdgeKind::HIDDEN, NewName::Index(at), Target::Node(outer));
        }
        let graph = builder.finish().0;
        let edges = graph.edges(context).filter(|edge| edge.kind == EdgeKind::HIDDEN);
        edges.map(|edge| worded(&variables(&graph, context, edge))).collect()
    }

    #[test]
    fn names_the_variables_of_blocks() {
        let some = |name: &str| Some(name.to_owned());
        for (names, slots, held, expected) in [
            (&["results"][..], 1, &[0][..], vec![some("results")]),
            (&["a", "b"], 2, &[0, 1], vec![some("a"), some("b")]),
            // A slot that holds undefined counts but has no edge (Node 18 to 20), one that holds a small integer does not count.
            (&["a", "b", "c"], 3, &[0, 2], vec![some("a"), some("c")]),
            (&["a", "b", "c"], 3, &[0, 1], vec![some("a or b"), some("b or c")]),
            (&["a", "b", "c", "d", "e"], 5, &[0], vec![None]),
            (&[".home_object"], 1, &[0], vec![some("(home object)")]),
            (&[".brand", "#f"], 2, &[1], vec![some("#f")]),
            // With `eval` in it, a block has a slot more.
            (&["a"], 2, &[0], vec![some("a")]),
            // More objects than names: this is no block that we know.
            (&["a"], 4, &[0, 1, 2, 3], vec![None, None, None, None]),
            (&[], 1, &[0], vec![None]),
        ] {
            assert_eq!(check(names, slots, held), expected, "{names:?} {held:?}");
        }
    }
}
