//! What a command found: typed sections in the order in which they are read, and how the process ends.
//!
//! Commands make answers, `render` prints them. An answer knows neither terminal nor JSON.

use std::path::PathBuf;

use heap::view::{Cell, Table, Tree};
use heap::{NodeId, Problems};

use crate::exit::Exit;
use crate::running::Running;

/// How complete an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything asked for.
    Complete,
    /// The input was damaged: what could be saved.
    Partial,
    /// Stopped: what was known by then.
    Cancelled,
}

impl Status {
    /// Returns the stable name used in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// `heapsnapshot`, `core`, `process`, `index`, `heapprofile` or `diagnostic-report`.
    pub(crate) kind: &'static str,
    /// The file.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// How many nodes were read.
    pub(crate) nodes: Option<u64>,
    /// How many edges were read.
    pub(crate) edges: Option<u64>,
    /// The version of Node.js that wrote it, where it can be told: `24.21.0`.
    pub(crate) node: Option<String>,
    /// Of a core: what the layout of its heap rests on.
    pub(crate) layout: Option<String>,
    /// Of a process: which, and what it took to capture it.
    pub(crate) running: Option<Running>,
}

impl Target {
    /// Says that it was a running process, captured for this.
    pub(crate) fn is_of(&mut self, running: Running) {
        self.kind = "process";
        self.bytes = running.bytes;
        self.running = Some(running);
    }
}

/// Something that was wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    /// The stable name of the kind.
    pub(crate) kind: &'static str,
    /// How often.
    pub(crate) count: u64,
    /// Where: a byte of the input.
    pub(crate) offset: Option<u64>,
    /// In words.
    pub(crate) message: String,
}

/// One part of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Section {
    /// Rows and columns.
    Table {
        /// The heading in text; empty where the command says it all.
        title: String,
        /// The rows.
        table: Table,
        /// Columns for programs only, for which a terminal has no room.
        only_json: &'static [&'static str],
    },
    /// A tree.
    Tree {
        /// The heading in text.
        title: String,
        /// The nodes.
        tree: Tree,
    },
    /// Ids, one a line, for the next command in a pipe.
    Ids(Vec<NodeId>),
    /// Lines for people, and the same as a field for programs.
    Text {
        /// The field's name in JSON.
        name: &'static str,
        /// The lines.
        text: String,
    },
    /// A script or document, printed as it is.
    Raw {
        /// The field's name in JSON.
        name: &'static str,
        /// The document.
        text: String,
    },
    /// A file that was written.
    Written {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// What it is, in a few words.
        what: &'static str,
    },
    /// A JSON value with its own text form, such as a verdict.
    Value {
        /// The field's name in JSON.
        name: &'static str,
        /// The field.
        json: serde_json::Value,
        /// What people read.
        lines: Vec<Line>,
    },
}

/// A line for people, made of pieces that mean something.
pub(crate) type Line = Vec<Piece>;

/// A piece of a line. Text from files is cleaned when it is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Plain(String),
    /// What matters most.
    Strong(String),
    /// What matters least.
    Faint(String),
    /// A place in the source, or a command to type.
    Code(String),
    /// What is wrong.
    Alarm(String),
}

/// What a command found.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What was read, the oldest first.
    pub(crate) targets: Vec<Target>,
    /// How complete it is.
    pub(crate) status: Status,
    /// What was found.
    pub(crate) sections: Vec<Section>,
    /// What was wrong with the input.
    pub(crate) warnings: Vec<Warning>,
    /// Commands to try next.
    pub(crate) next: Vec<String>,
    /// Whether text starts with a line about the targets.
    pub(crate) headed: bool,
    /// How the process ends.
    pub(crate) exit: Exit,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            status: Status::Complete,
            sections: Vec::new(),
            warnings: Vec::new(),
            next: Vec::new(),
            headed: false,
            exit: Exit::Fine,
        }
    }
}

impl Answer {
    /// Adds a table of which a terminal does not show some columns.
    pub(crate) fn brief_table(self, table: Table, only_json: &'static [&'static str]) -> Self {
        self.section(Section::Table { title: String::new(), table, only_json })
    }

    /// Adds a table, or where `quiet`, what its column `id` holds: each id once, in the order of the rows.
    pub(crate) fn rows_or_ids(self, table: Table, quiet: bool, only_json: &'static [&'static str]) -> Self {
        if !quiet {
            return self.headed().brief_table(table, only_json);
        }
        let mut seen = std::collections::HashSet::new();
        let at = table.columns.iter().position(|column| column.name == "id");
        let ids = table.rows.iter().filter_map(|row| match row.get(at?)? {
            Cell::Node(id) => Some(NodeId(*id)),
            _ => None,
        });
        let ids = ids.filter(|&id| seen.insert(id)).collect();
        self.section(Section::Ids(ids))
    }

    /// Adds a tree without a heading.
    pub(crate) fn tree(self, tree: Tree) -> Self {
        self.section(Section::Tree { title: String::new(), tree })
    }

    /// Says how many objects a limit left out, if any.
    pub(crate) fn left_out(self, count: usize) -> Self {
        if count == 0 {
            return self;
        }
        let text = format!("… {} more objects (--limit 0 shows all)", crate::render::number::count(count as u64));
        self.section(Section::Text { name: "left_out", text })
    }

    /// Adds a section.
    pub(crate) fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Adds sections.
    pub(crate) fn sections(mut self, sections: impl IntoIterator<Item = Section>) -> Self {
        self.sections.extend(sections);
        self
    }

    /// Adds commands to try next.
    pub(crate) fn with_next(mut self, commands: Vec<String>) -> Self {
        self.next.extend(commands);
        self
    }

    /// Adds a command to try next.
    pub(crate) fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }

    /// Adds what was wrong.
    pub(crate) fn warned(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Starts the text with a line about the targets.
    pub(crate) fn headed(mut self) -> Self {
        self.headed = true;
        self
    }
}

/// Returns a source's problems as warnings: each that was kept, and how many more there are of its kind.
pub(crate) fn warnings(problems: &Problems) -> Vec<Warning> {
    let mut result = Vec::new();
    for &(kind, count) in problems.counts() {
        let kept: Vec<_> = problems.kept().iter().filter(|problem| problem.kind == kind).collect();
        let rest = count.saturating_sub(kept.len() as u64);
        for (at, problem) in kept.iter().enumerate() {
            // The last that was kept stands for all that were only counted.
            let count = if at + 1 == kept.len() { 1 + rest } else { 1 };
            result.push(Warning { kind: kind.name(), count, offset: problem.offset, message: problem.what.clone() });
        }
    }
    result
}
