//! A heap snapshot that V8 itself writes inside a running process, and that comes over its inspector.
//!
//! What it costs the process is told before, and refused where there is not the memory for it.

use std::path::Path;

use live::{LiveError, SnapshotProgress};

use crate::answer::{Answer, Section};
use crate::attached::{self, Way};
use crate::error::CommandError;
use crate::running::Dangers;
use crate::session::Session;

/// Of what to take a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// The process.
    pub(crate) pid: i32,
    /// The number of a worker of it, in place of the main thread.
    pub(crate) worker: Option<u64>,
    /// What is done about dangers.
    pub(crate) dangers: Dangers,
}

/// Has V8 write a snapshot into a file, which appears when it is complete.
pub(crate) fn save(subject: Subject, goal: &Path, session: &Session) -> Result<Answer, CommandError> {
    let pid = subject.pid;
    let way = Way { pid, port: None, dangers: subject.dangers };
    attached::afford(&way, "a heap snapshot", attached::cost_of_snapshot, session)?;
    attached::ask(&way, session, |inspector| {
        attached::speak_to(inspector, pid, subject.worker)?;
        let failed = |error: LiveError| {
            let told = attached::failed_to_ask(pid, &error);
            if error.is_cancelled() { told.note("beware", "the process had to finish its snapshot before it went on") } else { told }
        };
        inspector.profile_heap().map_err(failed)?;
        let bytes = live::save_heap_snapshot(inspector, goal, &|progress| tell(progress, session)).map_err(failed)?;
        Ok(Answer::default().section(Section::Written { path: goal.to_owned(), bytes, what: "heap snapshot" }))
    })
}

/// Says how far a heap snapshot is.
pub(crate) fn tell(progress: SnapshotProgress, session: &Session) {
    match progress {
        SnapshotProgress::Walking { done, total } => session.progress.work("V8 walks the heap, the process stands still", done, total),
        SnapshotProgress::Sending { bytes } => session.progress.work("the snapshot is being sent", bytes, 0),
        _ => {}
    }
}
