//! What every question returns: a `Table` or a `Tree` of typed cells, which front-ends render without knowing the question.

/// What the cells of a column are, hence how they are aligned, printed and summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A size in bytes.
    Bytes,
    /// A signed difference of sizes in bytes.
    DeltaBytes,
    /// A number of things.
    Count,
    /// A signed difference of numbers.
    DeltaCount,
    /// A share, 0 to 1.
    Share,
    /// A node's identity.
    Node,
    /// Text, cut in the middle where room is short.
    Text,
    /// One of a few short words, never cut: `pending`.
    Word,
    /// `file:line:column`.
    Location,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its stable name in JSON: `self_size`.
    pub name: &'static str,
    /// Its heading for people: `self size`. Text columns of a tree without a heading are for programs only.
    pub title: &'static str,
    /// What its cells are.
    pub kind: ColumnKind,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing known, or nothing to say.
    None,
    /// A size or a number of things.
    Number(u64),
    /// A signed difference.
    Delta(i64),
    /// A share, 0 to 1.
    Share(f64),
    /// A node's identity: `@id`.
    Node(u64),
    /// Text or a location.
    Text(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Cell {
    fn from(delta: i64) -> Self {
        Self::Delta(delta)
    }
}

impl From<crate::graph::NodeId> for Cell {
    fn from(id: crate::graph::NodeId) -> Self {
        Self::Node(id.0)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// Rows of cells under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The stable name of the table in JSON: `classes`.
    pub name: &'static str,
    /// Its columns.
    pub columns: Vec<TableColumn>,
    /// Its rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows there are in all; more than `rows` where a limit cut them.
    pub total_rows: u64,
}

impl Table {
    /// Starts an empty table with columns of (name, title, kind).
    #[must_use]
    pub fn new(name: &'static str, columns: &[(&'static str, &'static str, ColumnKind)]) -> Self {
        let columns = columns.iter().map(|&(name, title, kind)| TableColumn { name, title, kind }).collect();
        Self { name, columns, rows: Vec::new(), total_rows: 0 }
    }

    /// Adds a row, which must have one cell per column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a row has one cell per column");
        self.rows.push(row);
        self.total_rows += 1;
    }

    /// Keeps the first `limit` rows; `total_rows` still says how many there were.
    pub fn truncate(&mut self, limit: usize) {
        self.rows.truncate(limit);
    }
}

/// A tree of text lines with cells: retainers, dominators, a printed object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The stable name of the tree in JSON.
    pub name: &'static str,
    /// The columns of every node's cells.
    pub columns: Vec<TableColumn>,
    /// The topmost nodes.
    pub roots: Vec<TreeNode>,
}

/// A node of a `Tree`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TreeNode {
    /// How the parent refers to it: `.byId`, `[3]`; empty at the top.
    pub edge: String,
    /// What it is: `Map(200,000)`.
    pub label: String,
    /// One cell per column of the tree.
    pub cells: Vec<Cell>,
    /// Its children.
    pub children: Vec<TreeNode>,
    /// How many children a limit left out.
    pub more: u64,
}
