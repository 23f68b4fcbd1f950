//! `heapwhy index`: writes the index (.hwy) that makes the next look at a snapshot or core instant.
//!
//! Large files get one anyway when they are first looked at, unless `--no-index` says otherwise.

use clap::Args;

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::error::CommandError;
use crate::session::Session;
use crate::{codes, open};

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
    let file = open::read(&args.file.file, session)?;
    file.analysis.prepare(&session.progress).map_err(|_| open::stopped())?;
    let mut answer = file.answer(session);
    for entry in file.unindexed() {
        let (path, bytes) = entry.write(session)?;
        answer = answer.section(Section::Written { path, bytes, what: "index" });
    }
    Ok(answer)
}
