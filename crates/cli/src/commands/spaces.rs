//! `heapwhy spaces`: V8's spaces in every isolate of a core, and what is in them.

use clap::Args;
use heap::view::{Cell, ColumnKind, Table};
use v8mem::spaces::{SpaceUse, spaces};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::session::Session;

/// Options of `spaces`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy spaces core.4217\n  heapwhy spaces core.4217 --isolate 2 --json",
    after_help = "committed: what v8.getHeapSpaceStatistics() calls space_size. free: free lists, ends of pages, the idle half of the young generation.\ncode: machine code that is in no object. unknown: bytes between objects that the layout does not explain. Headers of pages are in committed only.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct SpacesArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Lists the spaces.
pub(crate) fn run(args: &SpacesArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = Dissected::open(&args.file.file, "spaces", session)?;
    let found = file.inventory(spaces)?;
    let columns = [
        ("isolate", "isolate", ColumnKind::Count),
        ("space", "space", ColumnKind::Text),
        ("committed", "committed", ColumnKind::Bytes),
        ("pages", "pages", ColumnKind::Count),
        ("objects", "objects", ColumnKind::Count),
        ("live", "live", ColumnKind::Bytes),
        ("weak", "weak", ColumnKind::Bytes),
        ("garbage", "garbage", ColumnKind::Bytes),
        ("free", "free", ColumnKind::Bytes),
        ("code", "code", ColumnKind::Bytes),
        ("unknown", "unknown", ColumnKind::Bytes),
    ];
    let mut table = Table::new("spaces", &columns);
    found.iter().filter(|space| file.wants(space.isolate)).for_each(|space| table.push(row(space)));
    table.truncate(session.limit(true));
    Ok(file.answer(session).headed().brief_table(table, &[]))
}

fn row(space: &SpaceUse) -> Vec<Cell> {
    let objects = space.alive.objects + space.weakly.objects + space.garbage.objects;
    vec![
        space.isolate.map(|isolate| isolate as u64 + 1).into(),
        space.space.name().into(),
        space.committed.into(),
        space.pages.into(),
        objects.into(),
        space.alive.bytes.into(),
        space.weakly.bytes.into(),
        space.garbage.bytes.into(),
        space.free.into(),
        space.code.into(),
        space.unknown.into(),
    ]
}
