//! One process captured several times, some time apart, so that what grows can be seen.
//!
//! Of all captures but the last only the graph is kept: their images would take as much memory as the process itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heap::view::{Cell, ColumnKind, Table};

use crate::answer::Section;
use crate::codes;
use crate::error::CommandError;
use crate::open::{self, Opened};
use crate::progress::{is_cancelled, wait_until};
use crate::render::number;
use crate::running;
use crate::session::Session;

/// When a process is captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// The time between two captures.
    pub(crate) every: Duration,
    /// How many follow the first.
    pub(crate) steps: u32,
}

/// What was captured.
#[derive(Default)]
pub(crate) struct Series {
    /// The captures, the oldest first.
    pub(crate) files: Vec<Opened>,
    /// When each was taken, and what the kernel said then.
    moments: Vec<Moment>,
    /// Why there are no more.
    pub(crate) ended: Option<CommandError>,
}

/// When a process was captured.
#[derive(Clone, Copy)]
struct Moment {
    /// How long after the beginning.
    at: Duration,
    /// How much memory it had, in bytes: RSS.
    resident: Option<u64>,
}

/// Captures a process by a schedule. What comes between after the first capture ends the series, and is told in it.
pub(crate) fn take(path: &Path, pid: i32, schedule: Schedule, session: &Session) -> Result<Series, CommandError> {
    let process = running::identity(pid);
    let began = Instant::now();
    let mut series = Series::default();
    for nth in 0..=schedule.steps {
        let until = schedule.every.saturating_mul(nth);
        let waited = if nth == 0 { Ok(()) } else { wait(pid, process, (began, until), session) };
        if let Err(error) = waited.and_then(|()| series.capture(path, pid, began, session)) {
            if series.files.is_empty() {
                return Err(error);
            }
            series.ended = Some(error);
            break;
        }
        series.tell(nth, schedule, session);
    }
    Ok(series)
}

/// Waits until so long after the beginning, as long as the process is there.
fn wait(pid: i32, process: Option<u64>, (began, until): (Instant, Duration), session: &Session) -> Result<(), CommandError> {
    let (started, mut ended) = (began.elapsed(), None);
    let span = until.saturating_sub(started);
    wait_until(began + until, || {
        session.progress.work("waiting for the next capture", (began.elapsed() - started).as_millis() as u64, span.as_millis() as u64);
        if is_cancelled() {
            ended = Some(open::stopped());
        } else if running::identity(pid) != process {
            // The number may be another process's by now.
            ended = Some(CommandError::new(&codes::PROCESS_GONE, format!("pid {pid} ended before its next capture")));
        }
        ended.is_some()
    });
    ended.map_or(Ok(()), Err)
}

impl Series {
    fn capture(&mut self, path: &Path, pid: i32, began: Instant, session: &Session) -> Result<(), CommandError> {
        self.files.last_mut().into_iter().for_each(Opened::let_go_of_image);
        let moment = Moment { at: began.elapsed(), resident: running::resident_bytes(pid) };
        let file = open::read(path, session)?;
        // There is time for it now; who was stopped meanwhile has the earlier ones.
        file.analysis.prepare(&session.progress).map_err(|_| open::stopped())?;
        self.moments.push(moment);
        self.files.push(file);
        Ok(())
    }

    fn tell(&self, nth: u32, schedule: Schedule, session: &Session) {
        let Some(running) = self.files.last().and_then(|file| file.target.running.as_ref()) else { return };
        let paused = number::time(running.pause);
        let next = if nth < schedule.steps { format!("; the next {} later", number::time(schedule.every)) } else { String::new() };
        session.progress.say(&format!("captured {} of {}, paused {paused}{next}", nth + 1, schedule.steps + 1));
    }

    /// Lists the captures with what each found.
    pub(crate) fn section(&self) -> Section {
        let columns = [
            ("seconds", "at", ColumnKind::Text),
            ("pause_ms", "paused (ms)", ColumnKind::Text),
            ("alive", "alive", ColumnKind::Bytes),
            ("resident", "RSS", ColumnKind::Bytes),
        ];
        let mut table = Table::new("captures", &columns);
        for (file, Moment { at, resident }) in self.files.iter().zip(&self.moments) {
            let pause = file.target.running.as_ref().map_or(Duration::ZERO, |running| running.pause);
            table.push(vec![
                Cell::from(format!("{:.1}", at.as_secs_f64())),
                Cell::from(format!("{:.1}", pause.as_secs_f64() * 1000.0)),
                file.analysis.total_size().into(),
                resident.map_or(Cell::None, Cell::from),
            ]);
        }
        let title = self.rate().map_or_else(|| "Captures".to_owned(), |rate| format!("Captures: {rate}"));
        Section::Table { title, table, only_json: &[] }
    }

    /// Says how fast what is alive grew, from the first capture to the last.
    fn rate(&self) -> Option<String> {
        let (first, last) = (self.files.first()?, self.files.last()?);
        let span = self.moments.last()?.at.saturating_sub(self.moments.first()?.at);
        let grown = last.analysis.total_size().checked_sub(first.analysis.total_size()).filter(|&grown| grown > 0)?;
        let each_minute = grown as f64 / span.as_secs_f64() * 60.0;
        each_minute
            .is_finite()
            .then(|| format!("{} more a minute are alive, over {}", number::bytes(each_minute as u64), number::time(span)))
    }
}

impl Opened {
    /// Gives back the image of a core or process: the graph stays, without what only the memory tells.
    fn let_go_of_image(&mut self) {
        self.core = None;
        if let Some(analysis) = Arc::get_mut(&mut self.analysis) {
            analysis.let_go_of_holder();
        }
    }
}
