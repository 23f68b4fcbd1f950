//! `heapwhy allocations`: by which functions the objects of a snapshot were made, where V8 tracked that.

use clap::Args;
use heap::heap_profile::HeapProfile;

use crate::answer::Answer;
use crate::args::FileArg;
use crate::codes;
use crate::error::{CommandError, shown};
use crate::open::{self, Opened};
use crate::profile::{self, Recorded};
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `allocations`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy allocations 7073.heaptimeline\n  heapwhy attach 7073 track --accept-danger   makes such a file\n\nitself: the own sizes of the objects that a function made and that are still there. with callees: also of those made by what it called.",
    after_help = "Such files are written by `heapwhy attach PID track`, and by DevTools where the stacks of allocations are recorded (Allocations on timeline).",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct AllocationsArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Tells who made what is there.
pub(crate) fn run(args: &AllocationsArgs, session: &Session) -> Result<Answer, CommandError> {
    let path = &args.file.file;
    let file = open::read(path, session)?;
    let answer = told(file.answer(session).headed(), &file, session)?;
    Ok(answer.next(format!("heapwhy {}", shell_path(path))))
}

/// Tells who made the objects of a snapshot that are there.
pub(crate) fn told(answer: Answer, file: &Opened, session: &Session) -> Result<Answer, CommandError> {
    let profile = HeapProfile::of_tracked(file.analysis.graph()).ok_or_else(|| {
        let what = format!("{} does not say by whom its objects were made", shown(&file.target.path));
        CommandError::new(&codes::NOT_TRACKED, what).hint("heapwhy attach PID track   has V8 note it in a running process")
    })?;
    Ok(profile::told(answer, &profile, Recorded::Tracked, session))
}
