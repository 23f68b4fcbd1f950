//! V8's heap, read out of an address space that somebody else provides: a core dump, or the image of a live process.
//!
//! # The nouns and how they meet
//!
//! A [`Memory`] gives bytes at addresses. [`V8Layout`] says where V8 of some version keeps what. [`Pages`] are the pieces of the address
//! space that V8 calls its own. Everything that is found becomes a `heap::HeapGraph`, as if V8 had written a snapshot.
//!
//! This crate never touches a process: it cannot stop one, start one, or speak to one.

pub mod anatomy;
pub mod atlas;
pub mod basis;
mod big_integer;
mod builtins;
pub mod census;
pub mod collection;
pub mod command_line;
pub mod core_file;
pub mod death;
mod dispatch;
mod error_stack;
mod extents;
pub mod global_handles;
pub mod graph;
pub mod heap_counters;
pub mod holder;
pub mod inventory;
pub mod isolate;
pub mod kind;
pub mod layout;
pub mod liveness;
mod machine_code;
pub mod maps;
pub mod marking;
pub mod memory;
pub mod moved;
pub mod names;
pub mod native;
pub mod node_binary;
pub mod node_side;
pub mod objects;
pub mod pages;
mod parts;
pub mod properties;
pub mod read;
mod relocation;
pub mod root_names;
pub mod roots;
pub mod scope;
pub mod scripts;
mod search;
pub mod sizes;
pub mod source;
pub mod space;
pub mod spaces;
pub mod stack;
mod suspended;
mod sweep;
pub mod symbols;
#[cfg(test)]
mod testing;
pub mod text;
mod traced_handles;
mod typed_arrays;
pub mod value;
pub mod version;
pub mod view;
pub mod walk;
pub mod words;

pub use anatomy::Anatomy;
pub use core_file::CoreFile;
pub use holder::MemoryHolder;
pub use kind::Kind;
pub use layout::{Tables, V8Layout};
pub use memory::{Memory, MemoryRange};
pub use node_binary::NodeBinary;
pub use pages::Pages;
pub use version::{V8Version, Versions};
