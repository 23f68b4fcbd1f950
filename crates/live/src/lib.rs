//! Running Node.js processes.
