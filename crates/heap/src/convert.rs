//! Other formats: rows for a spreadsheet or a database, and a profile of retention for `go tool pprof` and everything that reads its files.
//!
//! The format of the snapshot itself is `snapshot::write`'s.

mod csv;
mod pprof;
mod pprof_samples;
mod profile_proto;
mod protobuf;

pub use csv::csv;
pub use pprof::{PprofOptions, pprof};
pub use pprof_samples::pprof_samples;
