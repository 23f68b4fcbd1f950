//! A heap snapshot that V8 itself writes inside a running process, and that comes over its inspector.
//!
//! What it costs the process is told before, and refused where there is not the memory for it.

use std::cell::Cell;
use std::path::Path;

use live::{Inspector, LiveError, SnapshotProgress};

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
        receive(inspector, (pid, goal, "heap snapshot"), session, |inspector, progress| live::save_heap_snapshot(inspector, goal, progress))
    })
}

/// Receives what V8 writes by what `take` does into the file `goal`, which is called `what`. Says where the process had to finish what nobody waits for
/// any more.
pub(crate) fn receive(
    inspector: &mut Inspector<'_>,
    (pid, goal, what): (i32, &Path, &'static str),
    session: &Session,
    take: impl FnOnce(&mut Inspector<'_>, &dyn Fn(SnapshotProgress)) -> Result<u64, LiveError>,
) -> Result<Answer, CommandError> {
    let is_asked = Cell::new(false);
    let progress = |progress| {
        is_asked.set(true);
        tell(progress, session);
    };
    let taken = inspector.profile_heap().and_then(|()| take(inspector, &progress));
    let bytes = taken.map_err(|error| failed(pid, &error, is_asked.get()))?;
    Ok(Answer::default().section(Section::Written { path: goal.to_owned(), bytes, what }))
}

/// Returns the error, with what it means for the process where V8 was at it.
fn failed(pid: i32, error: &LiveError, is_asked: bool) -> CommandError {
    let told = attached::failed_to_ask(pid, error);
    match error.is_cancelled() && is_asked {
        true => told.note("beware", "the process had to finish its snapshot before it went on"),
        false => told,
    }
}

/// Says how far a heap snapshot is.
fn tell(progress: SnapshotProgress, session: &Session) {
    match progress {
        SnapshotProgress::Walking { done, total } => session.progress.work("V8 walks the heap, the process stands still", done, total),
        SnapshotProgress::Sending { bytes } => session.progress.work("the snapshot is being sent", bytes, 0),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_hears_what_the_process_had_to_finish() {
        let check = |error: &LiveError, is_asked, expect: bool| {
            let told = format!("{:?}", failed(7, error, is_asked));
            assert_eq!(told.contains("had to finish its snapshot"), expect, "{told}");
        };
        check(&LiveError::Cancelled, true, true);
        // While allocations are tracked there is no snapshot yet.
        check(&LiveError::Cancelled, false, false);
        check(&LiveError::TimedOut { doing: "x".to_owned(), limit: std::time::Duration::ZERO }, true, false);
    }
}
