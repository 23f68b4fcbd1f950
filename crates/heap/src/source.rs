//! Where code was written: script, line and column of functions and classes, source text, source maps, and whose code it is.
//!
//! The graph tells script, line and column; `scripts` resolves closures to scripts, `scopes` names variables, `exports` those that modules export, `text` finds declarations in
//! source text, `awaits` the line at which a call waits, `maps` applies source maps, `originals` and `outline` find the names that were minified,
//! `owner` tells app code from packages and Node.js itself. Nothing here reads files: a `SourceFiles` does.

mod awaits;
pub mod exports;
mod locations;
pub mod maps;
pub mod originals;
pub mod outline;
pub mod owner;
pub mod scopes;
pub mod scripts;
pub mod text;

use std::fmt;

use crate::graph::NodeIx;

pub use awaits::{awaiting, racing};
pub use exports::{Export, Exports};
pub use locations::Locations;
pub(crate) use locations::{LocationsBuilder, Spot};
pub use originals::Originals;
pub use owner::Owner;
pub use scripts::Scripts;

/// Where the function or class of a node was written, as V8 gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The closure, or the object whose class it is.
    pub node: NodeIx,
    /// V8's number of the script: stable within one run of a process.
    pub script_id: u32,
    /// Line, from 0.
    pub line: u32,
    /// Column in UTF-16 units, from 0.
    pub column: u32,
    /// The script's own node, where the file tells (V8 after Node 26).
    pub script: Option<NodeIx>,
}

impl Location {
    /// Returns script id, line and column, both from 0.
    #[must_use]
    pub fn at(&self) -> (u32, u32, u32) {
        (self.script_id, self.line, self.column)
    }
}

/// A place in a source file, as people count: lines and columns from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The script's name: a path, a `file:` URL, `node:internal/timers`; after a source map, the original source's name.
    pub file: String,
    /// Line, from 1; 0 where only the file is known.
    pub line: u32,
    /// Column in UTF-16 units, from 1; 0 where only the line is known.
    pub column: u32,
    /// Where the code that ran stands, if a source map moved the place.
    pub generated: Option<Box<Self>>,
}

impl Place {
    /// Makes a place that no source map moved.
    #[must_use]
    pub fn new(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column, generated: None }
    }

    /// Reads `file.js:6:7`, as a place is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, column) = text.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        Some(Self::new(file, line.parse().ok()?, column.parse().ok()?))
    }

    /// Returns the file's name without its folders.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file)
    }

    /// Returns `file.js:6:7`, without folders; `dataloader/index.js:6:7` where the name of a file says nothing.
    #[must_use]
    pub fn short(&self) -> String {
        Self { file: self.telling_name().to_owned(), ..self.clone() }.to_string()
    }

    /// Returns the file's name, with folders before it up to one that says something: every package has an `index.js`.
    fn telling_name(&self) -> &str {
        let mut start = self.file.len() - self.file_name().len();
        let mut part = &self.file[start..];
        while start > 1 && (part.starts_with("index.") || ["lib", "src", "dist", "build", "cjs", "esm"].contains(&part)) {
            let above = &self.file[..start - 1];
            let from = above.rfind(['/', '\\']).map_or(0, |at| at + 1);
            if from == start - 1 {
                break;
            }
            (part, start) = (&self.file[from..start - 1], from);
        }
        &self.file[start..]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.strip_prefix("file://").unwrap_or(&self.file);
        match (self.line, self.column) {
            (0, _) => f.write_str(file),
            (_, 0) => write!(f, "{file}:{}", self.line),
            (_, column) => write!(f, "{file}:{}:{column}", self.line),
        }
    }
}

/// A line of source text at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// Where it stands.
    pub place: Place,
    /// The line, trimmed and cut to a readable length.
    pub text: String,
}

/// Gives the texts of files: sources, source maps, `package.json`. The heap crate reads no files itself; front-ends decide which they allow.
pub trait SourceFiles: Sync {
    /// Returns the text of a file; `None` where there is none or it must not be read. `path` has no `file://` in front.
    fn read(&self, path: &str) -> Option<String>;
}

/// No files at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl SourceFiles for NoFiles {
    fn read(&self, _path: &str) -> Option<String> {
        None
    }
}
