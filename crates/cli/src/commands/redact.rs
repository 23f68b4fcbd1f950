//! `heapwhy redact`: a copy of a snapshot without any value, for sharing: structure, sizes and duplicates stay.
//!
//! What goes and what stays is `heap::redact`'s to decide; its audit of what was kept is shown, so that a person can read it first.

use std::io::Write;

use clap::Args;
use heap::redact::{PropertyNames, RedactOptions, Salt, redact};
use heap::snapshot::write::{WriteOptions, write};

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::error::CommandError;
use crate::open;
use crate::output::OutputArgs;
use crate::session::Session;

/// Options of `redact`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy redact app.heapsnapshot -o shareable.heapsnapshot\n  heapwhy redact app.heapsnapshot -o shareable.heapsnapshot --limit 0     lists all that was kept",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct RedactArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    output: OutputArgs,
    /// Make the same tokens of the same texts each time; whoever knows TEXT can try out what they stand for
    #[arg(long, value_name = "TEXT")]
    salt: Option<String>,
    /// Replace names of classes, functions, variables and scripts too
    #[arg(long)]
    drop_names: bool,
    /// Keep every property name that looks like an identifier, keys of dictionaries too
    #[arg(long)]
    keep_properties: bool,
}

/// Redacts.
pub(crate) fn run(args: &RedactArgs, session: &Session) -> Result<Answer, CommandError> {
    args.output.check(session)?;
    let file = open::read(&args.file.file, session)?;
    let options = RedactOptions {
        salt: args.salt.as_deref().map_or_else(Salt::random, Salt::from_text),
        properties: if args.keep_properties { PropertyNames::Identifiers } else { PropertyNames::default() },
        keep_code_names: !args.drop_names,
    };
    let (graph, audit) = redact(file.analysis.graph(), &options);
    let fill = |mut out: &mut dyn Write| write(&graph, &mut out, &WriteOptions::default());
    let Some(written) = args.output.write("redacted heap snapshot", &args.file.file, fill)? else {
        session.progress.say("redacted; with -o FILE it is listed what was kept: read that before you share the file");
        return Ok(file.answer(session));
    };
    let mut kept = audit.table();
    kept.truncate(session.limit(false));
    let title = "Kept as it was (read it before you share the file)".to_owned();
    Ok(file.answer(session).section(written).section(Section::Table { title, table: kept, only_json: &[] }))
}
