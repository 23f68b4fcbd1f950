//! `heapwhy buffers`: memory outside V8's heap that JavaScript works with, what of it is in use, and who keeps it.

use clap::Args;
use heap::questions::Buffers;
use heap::story::Scene;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `buffers`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy buffers app.heapsnapshot\n  heapwhy buffers core.4217 --limit 5\n  heapwhy buffers core.4217 -q --limit 1 | heapwhy why core.4217 -",
    after_help = "One row for each piece of memory, the largest first, however many views show it. used: bytes that at least one view shows; a snapshot does not tell. pool slab: what Node.js cuts small Buffers from (8 KiB, or 64 KiB): one small Buffer keeps all of its slab.\nowner: the nearest thing with a name on the best path. Together, ArrayBuffers and slabs are the process's own `arrayBuffers`.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct BuffersArgs {
    #[command(flatten)]
    file: FileArg,
    /// Print the ids of the ArrayBuffers and strings only, one a line
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// Lists the memory.
pub(crate) fn run(args: &BuffersArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let scene = Scene::new(&file.analysis, &*files);
    let buffers = Buffers::of(&scene);
    let limit = session.limit(args.quiet);
    let answer = file.answer(session).rows_or_ids(buffers.list(limit), args.quiet, &["owner_id", "address"]);
    if args.quiet {
        return Ok(answer);
    }
    let section = |title: &str, table| Section::Table { title: title.to_owned(), table, only_json: &[] };
    Ok(answer.section(section("By kind", buffers.kinds())).section(section("By owner", buffers.owners(limit))))
}
