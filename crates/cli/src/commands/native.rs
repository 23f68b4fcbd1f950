//! `heapwhy native leaks`: memory of C and C++ that nobody can give back any more.

use clap::{Args, Subcommand};
use heap::view::{Cell, ColumnKind, Table};
use serde_json::json;
use v8mem::native::leaks::{Leak, Leaks, leaks};
use v8mem::native::malloc::Malloc;

use crate::answer::{Answer, Piece, Section};
use crate::args::FileArg;
use crate::codes;
use crate::dissected::Dissected;
use crate::error::{CommandError, shown};
use crate::render::number;
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `native`.
#[derive(Args, Debug)]
#[command(help_template = crate::args::TEMPLATE)]
pub(crate) struct NativeArgs {
    #[command(subcommand)]
    question: Question,
}

/// What to ask of the memory of C and C++.
#[derive(Subcommand, Debug)]
enum Question {
    /// Memory that malloc handed out and to which nothing leads
    Leaks(LeaksArgs),
}

/// Options of `native leaks`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy native leaks 7073\n  heapwhy native leaks core.4217 --json | jq '.native_leaks.rows[0]'",
    after_help = "Every word that may be an address keeps what it leads to: in globals, stacks, registers, V8's heap without garbage, and in memory that is itself kept. What is listed is lost in all likelihood; what an old word happens to lead to is missed. An image does not tell where memory was taken.\nclass: that of a C++ object, also of an addon's that was not stripped of its symbols. library: the first into which words of it lead, addons (.node) before all others. next to: where neither is known, the class or library of what lies beside most of them in memory, for what was taken together lies together. For glibc's malloc.",
    help_template = crate::args::TEMPLATE
)]
struct LeaksArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Answers.
pub(crate) fn run(args: &NativeArgs, session: &Session) -> Result<Answer, CommandError> {
    let Question::Leaks(args) = &args.question;
    let path = &args.file.file;
    let mut file = Dissected::open(path, "native leaks", session)?;
    let Some(malloc) = Malloc::of(&file.core) else {
        let what = format!("no heap of glibc's malloc was found in {}", shown(path));
        return Err(CommandError::new(&codes::NO_HEAP, what).why("its library is not mapped, or of another kind: musl, jemalloc"));
    };
    let (found, basis) = file.inventory(|inventory| (leaks(&file.core, inventory, &malloc), inventory.basis()))?;
    file.doubt(&basis);
    let mut table = table(&found);
    table.truncate(session.limit(false));
    let answer = file.answer(session).headed().section(summary(&found, malloc.lost));
    Ok(answer.brief_table(table, &["example"]).next(format!("heapwhy ledger {}", shell_path(path))))
}

fn summary(found: &Leaks, arenas_lost: usize) -> Section {
    let (count, bytes) = found.groups.iter().fold((0, 0), |(count, bytes), leak| (count + leak.count, bytes + leak.bytes));
    let pieces = |count: u64| if count == 1 { "1 piece".to_owned() } else { format!("{} pieces", number::count(count)) };
    let (lost, used) = (number::bytes(bytes), number::bytes(found.bytes));
    let text = format!("  {lost} in {}, of {used} in {} that malloc handed out", pieces(count), pieces(found.pieces));
    let mut lines = vec![vec![Piece::Strong("LOST".to_owned()), Piece::Plain(text)]];
    if arenas_lost > 0 {
        lines.push(vec![Piece::Alarm(format!("{arenas_lost} of malloc's arenas could not be walked to their ends"))]);
    }
    let json = json!({ "count": count, "bytes": bytes, "used_count": found.pieces, "used_bytes": found.bytes, "arenas_lost": arenas_lost });
    Section::Value { name: "lost", json, lines }
}

fn table(found: &Leaks) -> Table {
    let columns = [
        ("count", "count", ColumnKind::Count),
        ("bytes", "bytes", ColumnKind::Bytes),
        ("size", "size of one", ColumnKind::Bytes),
        ("class", "class", ColumnKind::Text),
        ("library", "library", ColumnKind::Location),
        ("near", "next to", ColumnKind::Location),
        ("held", "led to by", ColumnKind::Text),
        ("example", "example", ColumnKind::Text),
    ];
    let mut table = Table::new("native_leaks", &columns);
    found.groups.iter().for_each(|leak| table.push(row(leak)));
    table
}

fn row(leak: &Leak) -> Vec<Cell> {
    let text = |text: &Option<String>| text.as_deref().map_or(Cell::None, Cell::from);
    vec![
        leak.count.into(),
        leak.bytes.into(),
        leak.size.into(),
        text(&leak.class),
        text(&leak.library),
        text(&leak.near),
        if leak.is_held { "other leaks".into() } else { "nothing".into() },
        format!("{:#x}", leak.example).into(),
    ]
}
