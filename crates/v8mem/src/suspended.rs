//! Where a call waits: an async function at an `await`, a generator at a `yield`.
//!
//! V8 notes the place in the function's bytecode. Which line that is says a table of the function, which V8 leaves out until somebody needs it.

use crate::kind::Kind;
use crate::scripts::{LineColumn, Scripts};
use crate::stack::positions::in_source;
use crate::view::HeapView;

/// Returns the line and column at which the call waits that a generator object stands for. `None` where it runs or has ended, and where the
/// table is not there.
pub(crate) fn place(heap: HeapView<'_, '_>, scripts: &Scripts<'_, '_>, generator: u64) -> Option<LineColumn> {
    let at = &heap.layout.at;
    heap.smi(generator, at.generator_continuation).filter(|&place| place >= 0)?;
    let offset = heap.smi(generator, at.generator_position).filter(|&offset| offset > 0)?;
    let shared = heap.target(heap.target(generator, at.generator_function)?, at.function_shared)?;
    let position = in_source(heap, bytecode(heap, shared)?, offset)?;
    scripts.line_column(scripts.script(shared)?, position)
}

/// Returns a function's bytecode: its data, or what leads from there to it where it has been compiled too.
fn bytecode(heap: HeapView<'_, '_>, shared: u64) -> Option<u64> {
    /// Words of the object between a function and its bytecode that are looked at.
    const FEW: u64 = 8;
    let is_bytecode = |&target: &u64| heap.kind(target) == Some(Kind::BytecodeArray);
    let data = heap.target(shared, heap.layout.at.shared_data)?;
    if is_bytecode(&data) {
        return Some(data);
    }
    (1..=FEW).filter_map(|word| heap.target(data, 8 * word)).find(is_bytecode)
}
