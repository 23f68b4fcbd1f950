//! `heapwhy demo`: runs the leaking service that `live` ships, and reports on the snapshots taken of it.
//!
//! Running it is `live`'s business, the report is `commands::report`'s; here its steps are shown as they happen.

use std::path::PathBuf;

use clap::Args;
use live::NodeBinary;
use live::demo::{DemoOptions, DemoStep, REQUESTS_PER_STEP};

use crate::answer::Answer;
use crate::error::CommandError;
use crate::progress::{Console, cancel_flag};
use crate::render::number;
use crate::session::Session;
use crate::started::failed;

/// Options of `demo`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy demo\n  heapwhy demo --node ~/.nvm/versions/node/v24.21.0/bin/node --dir /tmp/demo",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct DemoArgs {
    /// Where to put the service and its snapshots; files of an earlier demo are replaced
    #[arg(long, value_name = "DIR", default_value = "heapwhy-demo")]
    dir: PathBuf,
    /// How many requests between two snapshots
    #[arg(long, value_name = "N", default_value_t = REQUESTS_PER_STEP)]
    requests: u32,
}

/// Runs the service, then reports on its snapshots.
pub(crate) fn run(args: &DemoArgs, session: &Session) -> Result<Answer, CommandError> {
    let cancel = cancel_flag();
    let node = NodeBinary::find(session.global.node.as_deref(), cancel).map_err(failed)?;
    let options = DemoOptions { node, dir: args.dir.clone(), requests_per_step: args.requests };
    let told = |step: DemoStep| tell(&session.progress, &step);
    let done = live::demo::run(&options, &told, cancel).map_err(failed)?;
    session.progress.say(&format!("demo: the service is stopped; its source and snapshots are in {}", done.dir.display()));
    let files: Vec<PathBuf> = done.snapshots.iter().map(|snapshot| snapshot.path.clone()).collect();
    super::report::growth(&files, &super::report::Judge::default(), session)
}

/// Says what the demo is doing: a line for what is done, progress for what takes time.
fn tell(progress: &Console, step: &DemoStep) {
    match step {
        DemoStep::Starting => progress.work("demo: starting a leaking service", 0, 0),
        DemoStep::Started { pid, port } => {
            progress.say(&format!("demo: a leaking web shop runs as process {pid} on 127.0.0.1:{port}; nothing leaves this machine"));
        }
        DemoStep::Requests { done, total, .. } => progress.work("demo: sending requests", u64::from(*done), u64::from(*total)),
        DemoStep::Collecting { .. } => progress.work("demo: collecting garbage", 0, 0),
        DemoStep::Snapshot { .. } => progress.work("demo: taking a heap snapshot", 0, 0),
        DemoStep::Saved(snapshot) => progress.say(&format!(
            "demo: {} after {} requests ({})",
            snapshot.path.display(),
            number::count(u64::from(snapshot.requests)),
            number::bytes(snapshot.bytes)
        )),
        DemoStep::Stopping => progress.work("demo: stopping the service", 0, 0),
        _ => {}
    }
}
