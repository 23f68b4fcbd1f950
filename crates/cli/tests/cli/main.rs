//! The whole program: what each command prints on a small heap, how bad input is refused, how commands compose.
//!
//! Heaps are made by `fixture` and written by `heap`'s writer; JSON is checked against `schema/report-1.json` by `schema`.

mod answers;
mod bad_input;
mod fixture;
mod json;
mod pipes;
mod profiles;
mod reported;
mod schema;
mod writes;
