//! `heapwhy convert`: the same heap in another format.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::error::CommandError;
use crate::session::Session;
use crate::{open, output};

/// Options of `convert`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy convert app.heapsnapshot --to pprof -o held.pb.gz     then: go tool pprof -http :0 held.pb.gz\n  heapwhy convert app.heapsnapshot --to csv -o nodes.csv\n  heapwhy convert app.heapsnapshot.gz --to heapsnapshot -o app.heapsnapshot",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    file: FileArg,
    /// The format: heapsnapshot (DevTools), pprof (who holds what), csv (a row a node)
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    to: To,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// What DevTools and memlab load.
    Heapsnapshot,
    /// A profile of retention.
    Pprof,
    /// A row a node.
    Csv,
}

/// Converts.
pub(crate) fn run(args: &ConvertArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = match args.to {
        To::Heapsnapshot => open::read(&args.file.file, session)?,
        To::Pprof | To::Csv => open::read_prepared(&args.file.file, session)?,
    };
    let inputs = [args.file.file.as_path()];
    let (bytes, what) = match args.to {
        To::Heapsnapshot => {
            let options = heap::snapshot::write::WriteOptions::default();
            (
                output::write(&args.output, &inputs, |mut out| heap::snapshot::write::write(file.analysis.graph(), &mut out, &options))?,
                "heap snapshot",
            )
        }
        To::Pprof => (
            output::write(&args.output, &inputs, |mut out| {
                heap::convert::pprof(&file.analysis, &mut out, &heap::convert::PprofOptions::default())
            })?,
            "pprof profile",
        ),
        To::Csv => (output::write(&args.output, &inputs, |mut out| heap::convert::csv(&file.analysis, &mut out))?, "CSV table"),
    };
    Ok(file.answer(session).section(Section::Written { path: args.output.clone(), bytes, what }))
}
