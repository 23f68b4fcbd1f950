//! `cargo xtask`: tests, inputs, benchmarks.
fn main() {}
