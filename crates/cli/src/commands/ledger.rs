//! `heapwhy ledger`: how the memory of a process adds up.

use std::path::Path;

use clap::Args;
use heap::view::{ColumnKind, Table};
use v8mem::native::ledger::Ledger;

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::footprint::Footprint;
use crate::open;
use crate::running::Besides;
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `ledger`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy ledger 7073\n  heapwhy ledger core.4217\n  heapwhy ledger 7073 --json | jq '.ledger.rows[] | {use, bytes}'",
    after_help = "Every byte is counted once. Of a running process: the pages that the kernel counts as its resident memory (RSS), asked just before the process is captured. Of a core dump: the bytes that it holds, without pages of zeros and without program text, which is in the files.\nThe heap of C and C++ is known where it is glibc's. A number can be too low where memory changed between the two looks.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct LedgerArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Adds it up.
pub(crate) fn run(args: &LedgerArgs, session: &Session) -> Result<Answer, CommandError> {
    let path = &args.file.file;
    let mut source = open::core_input(path, "ledger", Besides::Residence, session)?;
    let residence = source.residence.take();
    let mut file = Dissected::of(path, source, session)?;
    let (found, basis) = file.inventory(|inventory| (Footprint::of(&file.core, inventory, residence), inventory.basis()))?;
    file.doubt(&basis);
    let limit = session.limit(false);
    let section = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &[] };
    let answer = file.answer(session).headed().section(found.summary()).brief_table(found.uses(), &["use"]);
    let answer = answer.section(section("Objects of C++ by class", classes(&found.ledger, limit)));
    Ok(next(answer.section(section("Files", files(&found.ledger, limit))), path))
}

fn next(answer: Answer, path: &Path) -> Answer {
    let file = shell_path(path);
    answer.next(format!("heapwhy spaces {file}")).next(format!("heapwhy buffers {file}"))
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
    let columns = [("file", "file", ColumnKind::Location), ("bytes", "bytes", ColumnKind::Bytes)];
    let mut table = Table::new("files", &columns);
    let mut files: Vec<(&String, &u64)> = found.files.iter().filter(|(_, bytes)| **bytes > 0).collect();
    files.sort_by_key(|(path, bytes)| (std::cmp::Reverse(**bytes), *path));
    files.into_iter().for_each(|(path, bytes)| table.push(vec![path.as_str().into(), (*bytes).into()]));
    table.truncate(limit);
    table
}
