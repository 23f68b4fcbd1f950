//! `heapwhy index`: writes the index (.hwy) that makes the next look at a snapshot instant.
//!
//! Large snapshots get one anyway when they are first looked at, unless `--no-index` says otherwise.

use clap::Args;

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::error::CommandError;
use crate::session::Session;
use crate::{codes, index_file, open};

/// Options of `index`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy index app.heapsnapshot     writes app.heapsnapshot.hwy",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct IndexArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Writes the index.
pub(crate) fn run(args: &IndexArgs, session: &Session) -> Result<Answer, CommandError> {
    if open::is_stdin(&args.file.file) {
        return Err(CommandError::new(&codes::USAGE, "an index stands beside a file; standard input is none"));
    }
    let file = open::read_prepared(&args.file.file, session)?;
    let (path, bytes) = index_file::write(&args.file.file, &file.analysis, &file.problems, session)?;
    Ok(file.answer(session).section(Section::Written { path, bytes, what: "index" }))
}
