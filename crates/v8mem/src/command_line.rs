//! The command line of a process, whole, where its core has the first stack: the kernel's own note of it is cut at 80 bytes.
//!
//! The kernel puts it at the far end of the first thread's stack: how many words there are, pointers to them, a zero, then the same of the
//! environment. Of that only `NODE_OPTIONS` is told.

use crate::core_file::CoreFile;
use crate::memory::Memory;
use crate::stack::Stack;

/// How a process was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The words of the command line; empty where they were not found.
    pub words: Vec<String>,
    /// The variable `NODE_OPTIONS`, where it was set.
    pub node_options: Option<String>,
}

/// A command line has fewer words.
const MOST_WORDS: u64 = 4096;
/// A word is shorter.
const LONGEST: usize = 64 << 10;

/// Finds it in the stack of the first thread.
#[must_use]
pub fn command_line(core: &CoreFile, stacks: &[Stack]) -> CommandLine {
    stacks.iter().find_map(|stack| of_stack(core, stack)).unwrap_or_default()
}

fn of_stack(memory: &dyn Memory, stack: &Stack) -> Option<CommandLine> {
    let from = stack.frames.last().map_or(stack.memory.start, |frame| frame.at) & !7;
    (from..stack.memory.end).step_by(8).find_map(|at| block(memory, at, stack.memory.end))
}

/// Reads a block that begins at an address, if it is one.
fn block(memory: &dyn Memory, at: u64, end: u64) -> Option<CommandLine> {
    let count = memory.word(at).ok().filter(|count| (1..MOST_WORDS).contains(count))?;
    let pointers = |from: u64| (0..MOST_WORDS).map_while(move |nth| memory.word(from + 8 * nth).ok()).take_while(|&word| word != 0);
    let inside = |word: &u64| (at..end).contains(word);
    let words: Vec<u64> = pointers(at + 8).collect();
    if words.len() as u64 != count || !words.iter().all(inside) || !words.is_sorted() {
        return None;
    }
    let environment = pointers(at + 8 * (count + 2)).take_while(inside);
    let node_options =
        environment.filter_map(|word| memory.c_string(word, LONGEST)).find_map(|text| Some(text.strip_prefix("NODE_OPTIONS=")?.to_owned()));
    Some(CommandLine { words: words.into_iter().map_while(|word| memory.c_string(word, LONGEST)).collect(), node_options })
}
