//! Which signals a program waits for (`process.on('SIGUSR1')`): libuv keeps all that do in one tree, which is found by its symbol.
//!
//! Needs no V8, and no process that stands still: a tree that is changed while it is looked at is told as unknown.

use super::libuv::{Detail, UvHandle};
use crate::global_handles::address;
use crate::memory::Memory;
use crate::node_binary::NodeBinary;

/// libuv's variable. The compiler of Node.js 26 puts a number behind its name.
const TREE: &str = "uv__signal_tree";
/// In a handle, the branches to smaller and larger ones.
const BRANCHES: [u64; 2] = [112, 120];
/// More handles than this are none.
const MOST: usize = 10_000;

/// Lists the signals that a program waits for, by number, rising. `None` where the program does not say where libuv keeps them, or what is
/// there is no tree of them.
#[must_use]
pub fn awaited(memory: &dyn Memory, binary: &NodeBinary) -> Option<Vec<i32>> {
    let symbols = binary.symbols_from(TREE);
    let is_it = |name: &str| name.strip_prefix(TREE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let [tree] = symbols.iter().filter(|symbol| is_it(&symbol.name)).collect::<Vec<_>>()[..] else { return None };
    in_tree(memory, tree.addr)
}

fn in_tree(memory: &dyn Memory, tree: u64) -> Option<Vec<i32>> {
    let mut signals = Vec::new();
    let mut waiting = vec![memory.word(tree).ok()?];
    let mut seen = 0;
    while let Some(handle) = waiting.pop() {
        if handle == 0 {
            continue;
        }
        seen += 1;
        let found = UvHandle::read(memory, handle).filter(|_| seen <= MOST)?;
        let Detail::Signal(signal) = found.detail else { return None };
        signals.push(signal);
        for branch in BRANCHES {
            // An empty branch is 0, which `address` takes for none.
            waiting.push(address(memory, handle.checked_add(branch)?).unwrap_or(0));
        }
    }
    signals.sort_unstable();
    signals.dedup();
    Some(signals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Words;

    /// A handle of that kind and signal, with branches.
    fn handle(at: u64, kind: u64, signal: u64, branches: [u64; 2]) -> Vec<(u64, u64)> {
        vec![(at + 16, kind), (at + 88, 4), (at + 104, signal), (at + 112, branches[0]), (at + 120, branches[1])]
    }

    #[test]
    fn the_tree_is_walked_and_what_is_none_is_unknown() {
        const SIGNAL: u64 = 16;
        let (a, b, c) = (0x10000, 0x20000, 0x30000);
        let tree = |parts: &[Vec<(u64, u64)>], root: u64| {
            let mut words = parts.concat();
            words.push((0x8000, root));
            in_tree(&Words(words.into_iter().collect()), 0x8000)
        };
        assert_eq!(tree(&[], 0), Some(vec![]));
        let three = [handle(a, SIGNAL, 15, [b, c]), handle(b, SIGNAL, 10, [0, 0]), handle(c, SIGNAL, 15, [0, 0])];
        assert_eq!(tree(&three, a), Some(vec![10, 15]));
        // No handle, one of another kind, one without a signal, and a tree that leads back into itself.
        assert_eq!(tree(&[], a), None);
        assert_eq!(tree(&[handle(a, 13, 10, [0, 0])], a), None);
        assert_eq!(tree(&[handle(a, SIGNAL, 0, [0, 0])], a), None);
        assert_eq!(tree(&[handle(a, SIGNAL, 10, [a, a])], a), None);
        assert_eq!(in_tree(&Words::default(), 0x8000), None);
    }
}
