//! `heapwhy ledger`: how the memory of a process adds up.

use std::path::Path;

use clap::Args;
use heap::view::{Cell, ColumnKind, Table};
use serde_json::json;
use v8mem::native::ledger::{Ledger, Use, ledger};
use v8mem::native::presence::Presence;

use crate::answer::{Answer, Piece, Section};
use crate::args::FileArg;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::render::number;
use crate::running::{self, Residence};
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `ledger`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy ledger 7073\n  heapwhy ledger core.4217\n  heapwhy ledger 7073 --json | jq '.ledger.rows[] | {use, bytes}'",
    after_help = "Every byte is counted once. Of a running process: the pages that the kernel counts as its resident memory (RSS), asked just before the\nprocess is captured. Of a core dump: the bytes that it holds, without pages of zeros and without program text, which is in the files.\nThe heap of C and C++ is known where it is glibc's. A number can be too low where memory changed between the two looks.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct LedgerArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Adds it up.
pub(crate) fn run(args: &LedgerArgs, session: &Session) -> Result<Answer, CommandError> {
    let path = &args.file.file;
    let residence = running::pid(path).map(running::residence).transpose()?;
    let mut file = Dissected::open(path, "ledger", session)?;
    let presence = match &residence {
        Some(residence) => Presence::of(residence.stretches.clone()),
        None => Presence::of_image(&file.core),
    };
    let (found, basis) = file.inventory(|inventory| (ledger(&file.core, inventory, &presence), inventory.basis()))?;
    file.doubt(&basis);
    let total = residence.as_ref().map_or(found.bytes, |residence| residence.bytes);
    let known: u64 = Use::ALL.iter().filter(|&&of| of != Use::Unknown).map(|of| bytes(&found, *of)).sum();
    let limit = session.limit(false);
    let section = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &[] };
    let answer = file.answer(session).headed().section(summary(total, known, residence.as_ref(), &found));
    let answer = answer.brief_table(uses(&found, total, known), &["use"]);
    let answer = answer.section(section("Objects of C++ by class", classes(&found, limit)));
    Ok(next(answer.section(section("Files", files(&found, limit))), path))
}

fn next(answer: Answer, path: &Path) -> Answer {
    let file = shell_path(path);
    answer.next(format!("heapwhy spaces {file}")).next(format!("heapwhy buffers {file}"))
}

fn bytes(ledger: &Ledger, of: Use) -> u64 {
    ledger.uses.get(&of).copied().unwrap_or(0)
}

/// Tells all of it in a few words.
fn summary(total: u64, known: u64, residence: Option<&Residence>, found: &Ledger) -> Section {
    let share = |bytes: u64| if total == 0 { 0.0 } else { bytes.min(total) as f64 / total as f64 };
    let counted = if residence.is_some() { "in memory (RSS)" } else { "in the core" };
    let mut text = format!("  {} {counted}, {} explained", number::bytes(total), number::share(share(known)));
    if let Some(residence) = residence.filter(|residence| residence.swapped > 0) {
        text.push_str(&format!("; {} more were swapped out", number::bytes(residence.swapped)));
    }
    let mut lines = vec![vec![Piece::Strong("MEMORY".to_owned()), Piece::Plain(text)]];
    if let Some((limit, left)) = residence.and_then(|residence| residence.group) {
        let text = format!("   {} left of {} in its control group", number::bytes(left), number::bytes(limit));
        lines.push(vec![Piece::Strong("LIMIT".to_owned()), Piece::Plain(text)]);
    }
    let lost = found.malloc.as_ref().map(|malloc| malloc.lost);
    match lost {
        None => {
            lines.push(vec![Piece::Plain("the heap of C and C++ is not glibc's, or was not found: it counts as not explained".to_owned())]);
        }
        Some(lost @ 1..) => lines.push(vec![Piece::Alarm(format!("{lost} of malloc's arenas could not be walked to their ends"))]),
        Some(0) => {}
    }
    let json = json!({
        "counted": if residence.is_some() { "resident" } else { "image" },
        "bytes": total,
        "explained": known,
        "swapped": residence.map(|residence| residence.swapped),
        "group": residence.and_then(|residence| residence.group).map(|(limit, left)| json!({ "limit": limit, "left": left })),
        "arenas": found.malloc.as_ref().map(|malloc| malloc.arenas),
        "arenas_lost": lost,
    });
    Section::Value { name: "footprint", json, lines }
}

fn uses(found: &Ledger, total: u64, known: u64) -> Table {
    let columns = [
        ("use", "use", ColumnKind::Text),
        ("memory", "memory", ColumnKind::Text),
        ("bytes", "bytes", ColumnKind::Bytes),
        ("share", "share", ColumnKind::Share),
        ("how", "known from", ColumnKind::Text),
    ];
    let mut table = Table::new("ledger", &columns);
    for of in Use::ALL {
        let bytes = if of == Use::Unknown { total.saturating_sub(known) } else { bytes(found, of) };
        if bytes == 0 && of != Use::Unknown {
            continue;
        }
        let (memory, how) = words(of);
        let share = if total == 0 { 0.0 } else { bytes as f64 / total as f64 };
        table.push(vec![of.name().into(), memory.into(), bytes.into(), Cell::Share(share), how.into()]);
    }
    table
}

/// Says what a use is, and how it is known.
fn words(of: Use) -> (&'static str, &'static str) {
    match of {
        Use::Objects => ("V8's heap: objects", "V8's pages"),
        Use::Strings => ("V8's heap: strings", "V8's pages"),
        Use::Weak => ("V8's heap: weakly reachable", "V8's pages"),
        Use::Garbage => ("V8's heap: garbage", "V8's pages"),
        Use::Code => ("V8's heap: machine code", "V8's pages"),
        Use::HeapFree => ("V8's heap: free, headers", "V8's pages"),
        Use::Buffers => ("ArrayBuffers and Buffers", "objects of JavaScript"),
        Use::ExternalStrings => ("strings outside the heap", "objects of JavaScript"),
        Use::Cpp => ("C++ objects of known class", "malloc, virtual functions"),
        Use::Malloc => ("C and C++: in use", "malloc's pieces"),
        Use::MallocFree => ("C and C++: free, but kept", "malloc's lists"),
        Use::MallocTop => ("C and C++: ends of arenas", "malloc_trim may free it"),
        Use::Stacks => ("stacks of threads", "stack pointers"),
        Use::Files => ("programs and files", "mapped files"),
        Use::Unknown => ("not explained", "what is left"),
    }
}

fn classes(found: &Ledger, limit: usize) -> Table {
    let columns = [("class", "class", ColumnKind::Text), ("count", "count", ColumnKind::Count), ("bytes", "bytes", ColumnKind::Bytes)];
    let mut table = Table::new("cpp_classes", &columns);
    let mut classes: Vec<(&String, &(u64, u64))> = found.classes.iter().collect();
    classes.sort_by_key(|(name, (_, bytes))| (std::cmp::Reverse(*bytes), *name));
    classes.into_iter().for_each(|(name, (count, bytes))| table.push(vec![name.as_str().into(), (*count).into(), (*bytes).into()]));
    table.truncate(limit);
    table
}

fn files(found: &Ledger, limit: usize) -> Table {
    let columns = [("file", "file", ColumnKind::Text), ("bytes", "bytes", ColumnKind::Bytes)];
    let mut table = Table::new("files", &columns);
    let mut files: Vec<(&String, &u64)> = found.files.iter().filter(|(_, bytes)| **bytes > 0).collect();
    files.sort_by_key(|(path, bytes)| (std::cmp::Reverse(**bytes), *path));
    files.into_iter().for_each(|(path, bytes)| table.push(vec![path.as_str().into(), (*bytes).into()]));
    table.truncate(limit);
    table
}
