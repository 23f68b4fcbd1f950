//! `heapwhy convert`: the same heap in another format.

use clap::{Args, ValueEnum};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::codes;
use crate::error::CommandError;
use crate::open;
use crate::output::OutputArgs;
use crate::profile;
use crate::session::Session;

/// Options of `convert`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy convert app.heapsnapshot --to pprof -o held.pb.gz\n  heapwhy convert app.heapsnapshot --to csv -o nodes.csv\n  heapwhy convert now.heapprofile --to pprof -o sampled.pb.gz\n  heapwhy convert app.heapsnapshot.gz --to heapsnapshot -o app.heapsnapshot\n\n`go tool pprof -http :0 held.pb.gz` shows a profile.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    file: FileArg,
    /// The format: heapsnapshot (DevTools), pprof (who holds what; of a .heapprofile, who allocated it), csv (a row a node)
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    to: To,
    #[command(flatten)]
    output: OutputArgs,
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

/// Converts a sampling heap profile.
fn samples(args: &ConvertArgs, opened: profile::Opened) -> Result<Answer, CommandError> {
    let write = |mut out: &mut dyn std::io::Write| heap::convert::pprof_samples(&opened.profile, &mut out);
    let written = args.output.write("pprof profile", &args.file.file, write)?;
    Ok(Answer { targets: vec![opened.target], ..Answer::default() }.sections(written))
}

/// Converts.
pub(crate) fn run(args: &ConvertArgs, session: &Session) -> Result<Answer, CommandError> {
    args.output.check(session)?;
    let (output, input) = (&args.output, args.file.file.as_path());
    let file = match args.to {
        To::Heapsnapshot => open::read(input, session),
        To::Pprof | To::Csv => open::read_prepared(input, session),
    };
    let file = match file {
        Err(error) if args.to == To::Pprof && error.code == &codes::SAMPLING_PROFILE => {
            return samples(args, profile::instead(input, error, session)?);
        }
        other => other?,
    };
    let written = match args.to {
        To::Heapsnapshot => {
            let options = heap::snapshot::write::WriteOptions::default();
            output.write("heap snapshot", input, |mut out| heap::snapshot::write::write(file.analysis.graph(), &mut out, &options))
        }
        To::Pprof => {
            let options = heap::convert::PprofOptions::default();
            output.write("pprof profile", input, |mut out| heap::convert::pprof(&file.analysis, &mut out, &options))
        }
        To::Csv => output.write("CSV table", input, |mut out| heap::convert::csv(&file.analysis, &mut out)),
    }?;
    Ok(file.answer(session).sections(written))
}
