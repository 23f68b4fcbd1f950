//! Writes files whole or not at all, and stops where Ctrl-C was pressed.
//!
//! Results hold what the process held in memory: files are made so that only their owner can read them.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use heap::whole_file::WholeFile;

use crate::answer::Section;
use crate::codes;
use crate::error::{CommandError, shown};
use crate::progress::cancel_flag;
use crate::session::Session;

/// Where a command writes.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs {
    /// The file to write, or - for standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

impl OutputArgs {
    /// Says whether the result goes to standard output, where nothing else may be written then.
    pub(crate) fn is_stdout(&self) -> bool {
        crate::open::is_stdin(&self.output)
    }

    /// Refuses what can only fail, before work is spent on it.
    pub(crate) fn check(&self, session: &Session) -> Result<(), CommandError> {
        if self.is_stdout() && (session.global.json || session.global.jsonl) {
            let what = "-o - and --json both write to standard output";
            return Err(CommandError::new(&codes::USAGE, what).hint("name a file with -o, or leave --json out"));
        }
        if !self.force && !self.is_stdout() && std::fs::metadata(&self.output).is_ok_and(|metadata| metadata.is_file()) {
            return Err(exists(&self.output).hint(REPLACED));
        }
        Ok(())
    }

    /// Writes by calling `fill`. Returns what to say of it; nothing where the result itself is on standard output.
    pub(crate) fn write(
        &self,
        what: &'static str,
        input: &Path,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Option<Section>, CommandError> {
        if self.is_stdout() {
            return to_stdout(fill).map(|()| None);
        }
        let bytes = write(&self.output, &[input], fill)?;
        Ok(Some(Section::Written { path: self.output.clone(), bytes, what }))
    }
}

/// Writes to standard output. A reader that has seen enough is no failure.
fn to_stdout(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
    let mut out = BufWriter::with_capacity(1 << 16, Counted { inner: io::stdout().lock(), bytes: 0 });
    match fill(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(failed(Path::new("-"), &error)),
        Ok(()) => Ok(()),
    }
}

/// Writes a file by calling `fill`, and returns its size. The goal must not be one of `inputs`.
fn write(goal: &Path, inputs: &[&Path], fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u64, CommandError> {
    let is_same = |input: &&Path| matches!((goal.canonicalize(), input.canonicalize()), (Ok(goal), Ok(input)) if goal == input);
    if inputs.iter().any(is_same) {
        let what = format!("{} is the input: it would be overwritten", shown(goal));
        return Err(CommandError::new(&codes::SAME_FILE, what).hint("name another file with -o"));
    }
    whole(goal, fill)
}

/// What helps where a file may be replaced.
pub(crate) const REPLACED: &str = "--force replaces it; -o names another file";
/// What helps where it may not.
pub(crate) const ANOTHER: &str = "name another file with -o";

/// Refuses a name that something has already, whatever that is.
pub(crate) fn must_be_new(path: &Path, hint: &str) -> Result<(), CommandError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(exists(path).hint(hint)),
        Err(_) => Ok(()),
    }
}

fn exists(path: &Path) -> CommandError {
    CommandError::new(&codes::OUTPUT_EXISTS, format!("{} exists: it would be replaced", shown(path)))
}

/// Writes a file by calling `fill`, in the place of what is there, and returns its size.
pub(crate) fn whole(goal: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u64, CommandError> {
    written(goal, fill).map_err(|error| failed(goal, &error))
}

fn written(goal: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<u64> {
    // A device or pipe cannot be renamed over.
    if std::fs::metadata(goal).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let mut counted = Counted { inner: std::fs::OpenOptions::new().write(true).open(goal)?, bytes: 0 };
        let mut out = BufWriter::with_capacity(1 << 16, &mut counted);
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        return Ok(counted.bytes);
    }
    let mut file = WholeFile::beside(goal)?;
    let mut counted = Counted { inner: file.file(), bytes: 0 };
    let mut out = BufWriter::with_capacity(1 << 20, &mut counted);
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    let bytes = counted.bytes;
    file.name(goal)?;
    Ok(bytes)
}

/// Returns the error for a file that could not be written.
pub(crate) fn failed(goal: &Path, error: &io::Error) -> CommandError {
    let name = if crate::open::is_stdin(goal) { "to standard output".to_owned() } else { shown(goal) };
    match error.kind() {
        _ if cancel_flag().load(Ordering::Relaxed) => crate::open::stopped(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            CommandError::new(&codes::DISK_FULL, format!("cannot write {name}: no space left"))
                .hint("free some space, or name another place with -o")
                .retryable()
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            CommandError::new(&codes::DENIED, format!("cannot write {name}: {error}")).hint("name a place where you may write with -o")
        }
        io::ErrorKind::NotFound => CommandError::new(&codes::WRITE_FAILED, format!("cannot write {name}: its folder does not exist")),
        io::ErrorKind::Interrupted => crate::open::stopped(),
        _ => CommandError::new(&codes::WRITE_FAILED, format!("cannot write {name}: {error}")).retryable(),
    }
}

/// Returns the error for a file beside the input that could not be read.
pub(crate) fn read_failed(path: &Path, error: &io::Error) -> CommandError {
    match error.kind() {
        io::ErrorKind::NotFound => CommandError::new(&codes::NO_SUCH_FILE, format!("there is no file {}", shown(path))),
        io::ErrorKind::PermissionDenied => CommandError::new(&codes::DENIED, format!("cannot read {}: permission denied", shown(path))),
        _ => CommandError::new(&codes::READ_FAILED, format!("cannot read {}: {error}", shown(path))).retryable(),
    }
}

/// Counts what is written, and writes nothing more once Ctrl-C was pressed.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if cancel_flag().load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
