//! The `heapwhy` command.
fn main() {}
