//! Compares answers: every node, every class, every change, with no tolerance.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::csv::Reader;

const EXAMPLES: usize = 5;
const OUR_HEADER: [&str; 8] = ["id", "type", "class", "name", "self_size", "retained_size", "distance", "dominator_id"];
const THEIR_HEADER: [&str; 6] = ["id", "class", "self_size", "retained_size", "distance", "dominator_id"];
/// Where in our row stands what stands in theirs.
const OUR_COLUMNS: [usize; 6] = [0, 2, 4, 5, 6, 7];

/// What differs, by kind, with the first few examples of each.
#[derive(Default)]
pub(super) struct Differences {
    kinds: Vec<(String, u64, Vec<String>)>,
    compared: Vec<String>,
}

impl Differences {
    fn compared_all(what: String) -> Self {
        Self { kinds: Vec::new(), compared: vec![what] }
    }

    pub(super) fn note(&mut self, kind: &str, example: impl FnOnce() -> String) {
        let index = self.kinds.iter().position(|(name, ..)| name == kind).unwrap_or_else(|| {
            self.kinds.push((kind.to_owned(), 0, Vec::new()));
            self.kinds.len() - 1
        });
        let (_, count, examples) = &mut self.kinds[index];
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    /// Says what was compared.
    pub(super) fn add_compared(&mut self, what: String) {
        self.compared.push(what);
    }

    /// Adds another comparison's.
    pub(super) fn append(&mut self, mut other: Self) {
        self.kinds.append(&mut other.kinds);
        self.compared.append(&mut other.compared);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// How much was compared.
    pub(super) fn compared(&self) -> String {
        self.compared.join(", ")
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count, examples) in &self.kinds {
            writeln!(f, "          {kind}: {count} differ")?;
            for example in examples {
                writeln!(f, "            {example}")?;
            }
        }
        Ok(())
    }
}

fn open(path: &Path, header: &[&str]) -> Result<Reader<BufReader<File>>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file));
    if !reader.advance()? || !reader.fields().eq(header.iter().map(|name| name.as_bytes())) {
        bail!("{} does not begin with {}", path.display(), header.join(","));
    }
    Ok(reader)
}

/// Compares two files of nodes, row by row.
pub(super) fn nodes(ours: &Path, theirs: &Path) -> Result<Differences> {
    let (mut ours, mut theirs) = (open(ours, &OUR_HEADER)?, open(theirs, &THEIR_HEADER)?);
    let mut found = Differences::default();
    let mut rows = 0_u64;
    loop {
        match (ours.advance()?, theirs.advance()?) {
            (false, false) => break,
            (true, true) => compare_row(&mut found, &ours, &theirs),
            (we_have, _) => {
                found.note("rows", || format!("after {rows} rows only {} has more", if we_have { "heapwhy" } else { "DevTools" }));
                break;
            }
        }
        rows += 1;
    }
    found.compared.push(format!("{rows} nodes"));
    Ok(found)
}

fn compare_row(found: &mut Differences, ours: &Reader<BufReader<File>>, theirs: &Reader<BufReader<File>>) {
    let row: Vec<&[u8]> = ours.fields().collect();
    for ((name, column), their) in THEIR_HEADER.iter().zip(OUR_COLUMNS).zip(theirs.fields()) {
        let our = row.get(column).copied().unwrap_or_default();
        if our != their {
            let [id, our, their] = [row[0], our, their].map(String::from_utf8_lossy);
            found.note(name, || format!("@{id}: heapwhy {our}, DevTools {their}"));
        }
    }
}

/// Rows with equal names are told apart by their numbers only: classes may share a name.
type Rows = BTreeMap<String, Vec<Vec<i64>>>;

fn our_rows(report: &Value, table: &str, columns: &[&str]) -> Result<Rows> {
    let rows = report[table]["rows"].as_array().with_context(|| format!("heapwhy's answer has no {table}.rows"))?;
    collect(rows, "class", columns)
}

fn collect(rows: &[Value], name: &str, columns: &[&str]) -> Result<Rows> {
    let mut all = Rows::new();
    for row in rows {
        // Where a source map knows the name in the source, heapwhy shows that, and keeps the script's own beside it.
        let class = row["generated"].as_str().or_else(|| row[name].as_str()).with_context(|| format!("a row has no {name}: {row}"))?;
        let number = |column: &&str| row[*column].as_i64().with_context(|| format!("{class} has no number {column}"));
        let numbers: Vec<i64> = columns.iter().map(number).collect::<Result<_>>()?;
        if numbers.iter().any(|number| *number != 0) {
            all.entry(class.to_owned()).or_default().push(numbers);
        }
    }
    all.values_mut().for_each(|rows| rows.sort_unstable());
    Ok(all)
}

fn compare_rows(kind: &str, ours: &Rows, theirs: &Rows, columns: &[&str]) -> Differences {
    let mut found = Differences::compared_all(format!("{} {kind}", theirs.values().map(Vec::len).sum::<usize>()));
    let names: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let (our, their) = (ours.get(name), theirs.get(name));
        if our != their {
            let [our, their] = [our, their].map(|rows| rows.map_or_else(|| "none".to_owned(), |rows| format!("{rows:?}")));
            found.note(kind, || format!("{name} ({}): heapwhy {our}, DevTools {their}", columns.join(", ")));
        }
    }
    found
}

/// Compares `heapwhy classes --json` with the engine's aggregates.
pub(super) fn classes(ours: &Value, theirs: &Value) -> Result<Differences> {
    let columns = ["count", "self_size", "retained_size"];
    let ours = our_rows(ours, "classes", &columns)?;
    let rows = theirs["classes"].as_array().context("the oracle gave no classes")?;
    Ok(compare_rows("classes", &ours, &collect(rows, "name", &["count", "self", "retained"])?, &columns))
}

/// Compares `heapwhy diff --json` with the engine's.
pub(super) fn diff(ours: &Value, theirs: &Value) -> Result<Differences> {
    let columns = ["added_count", "removed_count", "added_size", "removed_size"];
    let ours = our_rows(ours, "diff", &columns)?;
    let rows = theirs.as_array().context("the oracle gave no diff")?;
    let theirs = collect(rows, "name", &["addedCount", "removedCount", "addedSize", "removedSize"])?;
    Ok(compare_rows("changed classes", &ours, &theirs, &columns))
}

/// Compares `heapwhy summary --json` with the engine's statistics.
pub(super) fn statistics(ours: &Value, theirs: &Value) -> Result<Differences> {
    const NAMES: [(&str, &str); 8] = [
        ("total", "/total"),
        ("native", "/native/total"),
        ("typed_arrays", "/native/typedArrays"),
        ("v8_heap", "/v8heap/total"),
        ("code", "/v8heap/code"),
        ("js_arrays", "/v8heap/jsArrays"),
        ("strings", "/v8heap/strings"),
        ("system", "/v8heap/system"),
    ];
    let mut found = Differences::compared_all("statistics".to_owned());
    for (name, pointer) in NAMES {
        let (our, their) =
            (&ours["memory"]["devtools"][name], theirs["statistics"].pointer(pointer).context("the oracle gave no statistics")?);
        if our.as_i64().is_none() || our.as_i64() != their.as_i64() {
            found.note("statistics", || format!("{name}: heapwhy {our}, DevTools {their}"));
        }
    }
    Ok(found)
}
