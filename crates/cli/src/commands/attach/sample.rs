//! `heapwhy attach PID sample`: where memory that is still in use was allocated, by V8's sampling profiler.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use heap::heap_profile::HeapProfile;
use heap::whole_file::WholeFile;
use live::Sampled;

use crate::answer::{Answer, Section, Status, Warning};
use crate::attached::{self, Way, failed_to_ask};
use crate::codes;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;
use crate::profile::{self, Recorded};
use crate::render::number;
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `attach sample`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy attach 7073 sample\n  heapwhy attach 7073 sample --for 5m -o now.heapprofile",
    after_help = "V8 notes the stack of about one allocation in 32 KiB, and forgets it when the object is collected. What is shown is memory that was allocated meanwhile and is still in use at the end, as V8 estimates it from its samples. What was there before is not in it. It costs the process next to nothing while it goes on, and some tens of milliseconds at the end. Ctrl-C ends it early, and shows what was sampled by then.",
    help_template = crate::args::TEMPLATE
)]
pub(super) struct SampleArgs {
    /// For how long
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = super::time)]
    time: Duration,
    /// How many bytes are allocated between two samples
    #[arg(long, value_name = "BYTES", default_value_t = 32_768, value_parser = clap::value_parser!(u64).range(512..=1 << 30))]
    interval: u64,
    /// Also write the profile (.heapprofile), which heapwhy and DevTools read
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Samples.
pub(super) fn run(args: &SampleArgs, way: &Way, worker: Option<u64>, session: &Session) -> Result<Answer, CommandError> {
    let pid = way.pid;
    args.output.as_ref().map_or(Ok(()), |path| output::must_be_new(path, output::ANOTHER))?;
    let failed = |error: live::LiveError| failed_to_ask(pid, &error);
    let mut sampled = None;
    let answer = attached::ask(way, session, |inspector| {
        attached::speak_to(inspector, pid, worker)?;
        inspector.profile_heap().map_err(failed)?;
        if inspector.is_sampling().map_err(failed)? {
            return Err(CommandError::new(&codes::SAMPLED_ALREADY, format!("somebody samples the allocations of pid {pid} already"))
                .why("V8 has one sampling profiler for each thread, and ending ours would end theirs"));
        }
        let total = args.time.as_millis() as u64;
        let told = |passed: Duration| session.progress.work("sampling allocations", passed.as_millis() as u64, total);
        let told = sampled.insert(inspector.sample(args.time, args.interval, &told).map_err(failed)?);
        let profile = HeapProfile::read(told.text.as_bytes())
            .map_err(|error| CommandError::new(&codes::NO_ANSWER, format!("pid {pid} sent a profile that cannot be read: {error}")))?;
        let answer = profile::told(Answer::default(), &profile, Recorded::Sampled, session);
        Ok(if told.time < args.time { cut_short(answer, told.time, args.time) } else { answer })
    })?;
    let (Some(output), Some(Sampled { text, .. })) = (&args.output, &sampled) else { return Ok(answer) };
    let bytes = write(output, text).map_err(|error| output::failed(output, &error))?;
    let written = Section::Written { path: output.clone(), bytes, what: "sampling heap profile" };
    Ok(answer.section(written).next(format!("heapwhy {}", shell_path(output))))
}

/// Says that Ctrl-C was pressed.
fn cut_short(mut answer: Answer, time: Duration, wanted: Duration) -> Answer {
    answer.status = Status::Cancelled;
    answer.exit = Exit::Stopped;
    let message = format!("sampled for {} of {}", number::time(time), number::time(wanted));
    answer.warnings.push(Warning { kind: "shorter", count: 1, offset: None, message });
    answer
}

/// Writes the profile, readable by its owner only. Returns its size in bytes.
fn write(output: &Path, text: &str) -> io::Result<u64> {
    let mut file = WholeFile::beside(output)?;
    file.file().write_all(text.as_bytes())?;
    file.name(output)?;
    Ok(text.len() as u64)
}
