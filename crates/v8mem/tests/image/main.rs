//! Cores that are written here, byte by byte: files, and heaps in them.

mod core_file;
mod elf;
mod heap;
mod synthetic;
