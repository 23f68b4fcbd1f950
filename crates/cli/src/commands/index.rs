//! `heapwhy index`: writes the index (.hwy) that makes the next look at a snapshot or core instant.
//!
//! Large files get one anyway when they are first looked at, unless `--no-index` says otherwise.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::answer::{Answer, Piece, Section};
use crate::args::FileArg;
use crate::core::Wanted;
use crate::error::{CommandError, shown};
use crate::render::number;
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
    let file = open::read_with(&args.file.file, Wanted::Unreached, session)?;
    file.analysis.prepare(&session.progress).map_err(|_| open::stopped())?;
    let mut written = file.unindexed().into_iter().map(|entry| entry.write(session)).collect::<Result<Vec<_>, _>>()?.into_iter();
    let main = written.next().map(|(path, bytes)| Section::Written { path, bytes, what: "index" });
    let answer = file.answer(session).sections(main);
    let others: Vec<(PathBuf, u64)> = written.collect();
    Ok(if others.is_empty() { answer } else { answer.section(also(&others)) })
}

/// Of a core, what is not alive has indexes of its own.
fn also(others: &[(PathBuf, u64)]) -> Section {
    let json = others.iter().map(|(path, bytes)| json!({ "path": path.display().to_string(), "bytes": bytes, "what": "index" })).collect();
    let line = |(path, bytes): &(PathBuf, u64)| {
        vec![Piece::Plain(format!("wrote {} (index of what is not alive, {})", shown(path), number::bytes(*bytes)))]
    };
    Section::Value { name: "also_written", json, lines: others.iter().map(line).collect() }
}
