//! Resolves what a question is about: what `heap::questions::Selector` reads, or ids from standard input.

use std::io::{self, BufRead};
use std::path::Path;

use heap::questions::{Selector, SelectorError};
use heap::source::SourceFiles;
use heap::{HeapAnalysis, NodeId, NodeIx};

use crate::args::{FileArg, SourceArgs};
use crate::codes;
use crate::error::CommandError;
use crate::open::{self, Opened};
use crate::session::Session;
use crate::typed::{shell_path, shell_word};

/// Reads a file, computes everything that a report needs, and finds what a question is about. There is one standard input: `-` is either
/// the file or the ids.
pub(crate) fn read(file: &FileArg, what: &str, sources: &SourceArgs, session: &Session) -> Result<(Opened, Vec<NodeIx>), CommandError> {
    let (opened, mut nodes) = read_in_any_order(file, what, sources, session)?;
    sort(&opened.analysis, what, &mut nodes);
    Ok((opened, nodes))
}

/// As `read`, for who sorts by himself.
pub(crate) fn read_in_any_order(
    file: &FileArg,
    what: &str,
    sources: &SourceArgs,
    session: &Session,
) -> Result<(Opened, Vec<NodeIx>), CommandError> {
    if what == "-" {
        session.take_stdin()?;
    }
    let opened = open::read_prepared(&file.file, session)?;
    let nodes = found(&file.file, &opened.analysis, what, &*sources.files())?;
    Ok((opened, nodes))
}

/// Returns the nodes that stand on the command line, those that retain most first. `-` reads ids from standard input, in their order.
/// As DevTools counts, nodes of a class without a size are left out: they count with their owner.
/// `file` is only for messages.
pub(crate) fn nodes(file: &Path, analysis: &HeapAnalysis, what: &str, files: &dyn SourceFiles) -> Result<Vec<NodeIx>, CommandError> {
    let mut nodes = found(file, analysis, what, files)?;
    sort(analysis, what, &mut nodes);
    Ok(nodes)
}

fn found(file: &Path, analysis: &HeapAnalysis, what: &str, files: &dyn SourceFiles) -> Result<Vec<NodeIx>, CommandError> {
    if what == "-" {
        let ids = crate::progress::while_waiting(|| ids(file, io::stdin().lock()))?;
        return find_all(file, analysis, &ids);
    }
    let selector = Selector::parse(what);
    let mut nodes = selector.resolve(analysis, files).map_err(|error| unknown(file, with_close(error, analysis)))?.nodes;
    if !matches!(selector, Selector::Id(_)) {
        nodes.retain(|&node| analysis.self_size(node) > 0);
    }
    Ok(nodes)
}

/// Those that retain most come first, but those that were named one by one stay in their order.
fn sort(analysis: &HeapAnalysis, what: &str, nodes: &mut [NodeIx]) {
    if what != "-" {
        nodes.sort_by_cached_key(|&node| (std::cmp::Reverse(analysis.retained_size(node)), node));
    }
}

/// Reads addresses from the command line; `-` reads them from standard input, one a line. `file` is only for messages.
pub(crate) fn addresses(file: &Path, words: &[String], session: &Session) -> Result<Vec<NodeId>, CommandError> {
    if let [only] = words
        && only == "-"
    {
        session.take_stdin()?;
        return crate::progress::while_waiting(|| ids(file, io::stdin().lock()));
    }
    let parse = |word: &String| {
        let what = || CommandError::new(&codes::USAGE, format!("{word} is not an address")).hint("0x1f3a4c0e8a10, or @id");
        word.parse().map_err(|_| what())
    };
    words.iter().map(parse).collect()
}

fn ids(file: &Path, lines: impl BufRead) -> Result<Vec<NodeId>, CommandError> {
    let mut ids = Vec::new();
    for (at, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| CommandError::new(&codes::BAD_IDS, format!("cannot read ids from standard input: {error}")))?;
        let Some(word) = line.split_whitespace().next() else { continue };
        ids.push(word.parse().map_err(|_| not_an_id(file, at + 1, word))?);
    }
    Ok(ids)
}

/// Finds many ids in one pass over the nodes.
fn find_all(file: &Path, analysis: &HeapAnalysis, ids: &[NodeId]) -> Result<Vec<NodeIx>, CommandError> {
    let graph = analysis.graph();
    let mut wanted: std::collections::HashMap<NodeId, Option<NodeIx>> = ids.iter().map(|&id| (id, None)).collect();
    if !wanted.is_empty() {
        for node in graph.nodes() {
            if let Some(found) = wanted.get_mut(&graph.id(node)) {
                found.get_or_insert(node);
            }
        }
    }
    ids.iter().map(|id| wanted.get(id).copied().flatten().ok_or_else(|| unknown(file, SelectorError::NoSuchId(id.0)))).collect()
}

/// Adds the classes whose names are a few letters away, where none contains what was asked for.
fn with_close(error: SelectorError, analysis: &HeapAnalysis) -> SelectorError {
    match error {
        SelectorError::NoSuchClass { name, candidates } if candidates.is_empty() => {
            let candidates = close_classes(&name, analysis);
            SelectorError::NoSuchClass { name, candidates }
        }
        other => other,
    }
}

/// Returns at most three classes whose names are a few letters away from a word.
pub(crate) fn close_classes(word: &str, analysis: &HeapAnalysis) -> Vec<String> {
    closest(word, analysis.classes().iter().map(|(_, class)| class.name.as_str())).into_iter().map(str::to_owned).collect()
}

fn unknown(file: &Path, error: SelectorError) -> CommandError {
    let what = error.to_string();
    match error {
        SelectorError::NoSuchId(_) => CommandError::new(&codes::NO_SUCH_NODE, what)
            .why("ids belong to one run of one process; an object that was collected is gone")
            .hint(format!("heapwhy classes {}", shell_path(file))),
        // A function's name is none of a class.
        SelectorError::NoSuchClass { name, candidates } if candidates.is_empty() && !name.contains(char::is_whitespace) => {
            let filter = shell_word(&name);
            no_such_class(file, what, &candidates)
                .hint(format!("heapwhy functions {} --closures --filter {filter}   where it is a function", shell_path(file)))
        }
        SelectorError::NoSuchClass { candidates, .. } | SelectorError::Ambiguous { candidates, .. } => {
            no_such_class(file, what, &candidates)
        }
        SelectorError::NothingThere { near, .. } => CommandError::new(&codes::NO_SUCH_CLASS, what)
            .note("near", near.join(", "))
            .hint(format!("heapwhy why {} {}", shell_path(file), near.first().map_or("", String::as_str))),
        SelectorError::NoSuchFile { candidates, .. } => {
            let error = CommandError::new(&codes::NO_SUCH_CLASS, what);
            let error = if candidates.is_empty() { error } else { error.note("close", candidates.join(", ")) };
            error.hint(format!("heapwhy classes {} --by module lists the scripts", shell_path(file)))
        }
        _ => CommandError::new(&codes::NO_SUCH_CLASS, what).hint(format!("heapwhy classes {} lists the classes", shell_path(file))),
    }
}

/// Returns the error for a name that is no class, with those that are close.
pub(crate) fn no_such_class(file: &Path, what: String, candidates: &[String]) -> CommandError {
    let error = CommandError::new(&codes::NO_SUCH_CLASS, what);
    let error = if candidates.is_empty() { error } else { error.note("close", candidates.join(", ")) };
    error.hint(format!("heapwhy classes {} lists all classes, with --filter TEXT some", shell_path(file)))
}

fn not_an_id(file: &Path, line: usize, word: &str) -> CommandError {
    let shown: String = word.chars().take(40).collect();
    CommandError::new(&codes::BAD_IDS, format!("line {line} of standard input is not an id: {shown}"))
        .why("with - behind the file, one id a line is read, as -q of other commands writes them")
        .hint(format!("heapwhy instances {0} Object -q | heapwhy refs {0} -", shell_path(file)))
}

/// Returns at most three names that resemble a word: containing it, or few letters away.
pub(crate) fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = word.to_lowercase();
    let mut close: Vec<(usize, &str)> = names
        .filter(|name| name.len() <= 200)
        .filter_map(|name| {
            let other = name.to_lowercase();
            let contains = word.len() > 2 && (other.contains(&lower) || other.len() > 3 && lower.contains(&other));
            let distance = edit_distance(&lower, &other);
            let allowed = 1 + lower.chars().count() / 4;
            (contains || distance <= allowed).then_some((if contains { distance.min(3) } else { distance }, name))
        })
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Returns how many letters must be inserted, removed, replaced or swapped with their neighbour to make `b` of `a`.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (row[j] + usize::from(x != y)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests() {
        let names = ["Session", "SessionCache", "Socket", "(string)", "Object"];
        assert_eq!(closest("Sesion", names.into_iter()), ["Session"]);
        assert_eq!(closest("session", names.into_iter()), ["Session", "SessionCache"]);
        assert_eq!(closest("Qqq", names.into_iter()), Vec::<&str>::new());
        assert_eq!(closest("sumamry", ["summary", "strings"].into_iter()), ["summary"]);
    }
}
