//! Opens what the user named, and turns every way in which that fails into an error that helps.
//!
//! Knows which reader a file needs and what to say when there is none, nothing of the formats themselves: those are `heap`'s.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heap::index::{Glance, Key};
use heap::snapshot::{Found, Input, ReadError};
use heap::{HeapAnalysis, Problems};
use v8mem::graph::Scope;

use crate::answer::{self, Answer, Status, Target};
use crate::codes;
use crate::core::{self, Wanted};
use crate::core_notes::{Asked, CoreNotes};
use crate::error::{CommandError, shown};
use crate::exit::Exit;
use crate::footprint::Footprint;
use crate::index_file::{self, Origin, Unindexed};
use crate::kept::{Again, Kept};
use crate::render::number;
use crate::running::{self, Besides, Manner, Residence, Running};
use crate::session::Session;
use crate::typed::{looks_like_snapshot, shell_path};

/// An opened file.
pub(crate) struct Opened {
    /// Its graph, and what follows from it.
    pub(crate) analysis: Arc<HeapAnalysis>,
    /// What was wrong with it.
    pub(crate) problems: Problems,
    /// What it is.
    pub(crate) target: Target,
    /// Of a core, the rest of the process.
    pub(crate) core: Option<Kept>,
    /// Of a core, what only weak references lead to, and garbage, where that was wanted.
    pub(crate) unreached: Option<[Arc<HeapAnalysis>; 2]>,
    /// Of a running process, how all of its memory adds up, where that was wanted.
    pub(crate) footprint: Option<Footprint>,
    /// Whether an index would make the next look quicker.
    wants_index: bool,
    /// What the file was when it was opened, where an index may stand beside it.
    key: Option<Key>,
}

impl Opened {
    /// Computes everything that a report needs. A large snapshot gets an index later.
    pub(crate) fn prepare(&self, session: &Session) -> Result<(), heap::Cancelled> {
        self.analysis.prepare(&session.progress)?;
        if self.wants_index && !session.global.no_index {
            session.index_later(self.unindexed());
        }
        Ok(())
    }

    /// Returns what indexes can be made of: of a core, what is not alive has indexes of its own.
    pub(crate) fn unindexed(&self) -> Vec<Unindexed> {
        let notes = self.core.as_ref().map(|kept| &kept.notes);
        let entry = |analysis: &Arc<HeapAnalysis>, notes: Option<CoreNotes>| Unindexed {
            file: self.target.path.clone(),
            analysis: Arc::clone(analysis),
            problems: self.problems.clone(),
            notes,
            key: self.key,
        };
        let others = self.unreached.iter().flatten().zip([Scope::Weak, Scope::Dead]);
        let others = others.map(|(analysis, scope)| entry(analysis, notes.map(|notes| notes.with(scope))));
        std::iter::once(entry(&self.analysis, notes.cloned())).chain(others).collect()
    }

    /// As it is, being made of a core.
    pub(crate) fn of_core(mut self, kept: Kept, unreached: Option<[Arc<HeapAnalysis>; 2]>) -> Self {
        self.target.layout = Some(kept.notes.basis.to_string());
        Self { core: Some(kept), unreached, ..self }
    }

    /// Starts an answer about it: its target and warnings, and the status and exit code that follow from the damage.
    pub(crate) fn answer(&self, session: &Session) -> Answer {
        about(&[self], session)
    }
}

/// Starts an answer about several files, the oldest first.
pub(crate) fn about(files: &[&Opened], session: &Session) -> Answer {
    let targets = files.iter().map(|file| file.target.clone()).collect();
    start(targets, &files.iter().map(|file| &file.problems).collect::<Vec<_>>(), session)
}

/// The histogram of a file, as its index has it.
pub(crate) struct Glanced {
    /// An answer about the file.
    pub(crate) answer: Answer,
    /// What there is, of a core what is alive.
    pub(crate) live: Glance,
    /// Of a core, what only weak references lead to, and garbage.
    pub(crate) unreached: Option<[Glance; 2]>,
}

/// Looks up the histogram of a file in its index, where there is one that fits, without opening the graph.
pub(crate) fn glance(path: &Path, session: &Session) -> Option<Glanced> {
    let bytes = if is_stdin(path) { return None } else { check(path).ok()? };
    let asked = Asked::of(session);
    if is_index(path) && asked.isolate.is_some() {
        return None;
    }
    let (live, notes) = if is_index(path) { (heap::index::glance(path, None).ok()?, None) } else { index_file::glance(path, &asked)? };
    // The histogram at a glance knows no isolates.
    if notes.as_ref().is_some_and(|notes| notes.basis.isolates > 1) {
        return None;
    }
    let other = |scope| index_file::glance(path, &asked.with(scope)).map(|(glance, _)| glance);
    let unreached = if notes.is_some() { Some([other(Scope::Weak)?, other(Scope::Dead)?]) } else { None };
    let kind = match &notes {
        _ if is_index(path) => "index",
        Some(_) => "core",
        None => "heapsnapshot",
    };
    let target = Target {
        kind,
        path: path.to_owned(),
        bytes,
        nodes: Some(live.nodes),
        edges: Some(live.edges),
        node: live.node_version.clone().or_else(|| Origin::from_bytes(&live.about).node),
        layout: notes.map(|notes| notes.basis.to_string()),
        running: None,
    };
    Some(Glanced { answer: start(vec![target], &[&live.problems], session), live, unreached })
}

pub(crate) fn start(targets: Vec<Target>, problems: &[&Problems], session: &Session) -> Answer {
    let damaged = problems.iter().any(|problems| !problems.is_empty());
    Answer {
        targets,
        status: if damaged { Status::Partial } else { Status::Complete },
        warnings: problems.iter().flat_map(|problems| answer::warnings(problems)).collect(),
        exit: if damaged && !session.global.partial_ok { Exit::Unreadable } else { Exit::Fine },
        ..Answer::default()
    }
}

/// Reads a file. Distances, dominators and classes are computed when a question needs them.
pub(crate) fn read(path: &Path, session: &Session) -> Result<Opened, CommandError> {
    read_with(path, Wanted::Nothing, session)
}

/// As `read`, of a core with what a command wants besides. Where garbage is asked for, a snapshot is refused: it holds none.
pub(crate) fn read_with(path: &Path, wanted: Wanted, session: &Session) -> Result<Opened, CommandError> {
    fit_for(read_any(path, wanted, session)?, path, session)
}

/// As `read_with`, of what is open already.
pub(crate) fn read_source(path: &Path, source: Source, wanted: Wanted, session: &Session) -> Result<Opened, CommandError> {
    fit_for(read_input(path, source, (false, wanted), session)?, path, session)
}

/// Refuses what only cores can be asked for, where a file is none.
fn fit_for(opened: Opened, path: &Path, session: &Session) -> Result<Opened, CommandError> {
    if session.global.isolate.is_some() && opened.core.is_none() {
        let what = format!("{} does not tell isolates apart: --isolate is for core dumps", shown(path));
        return Err(CommandError::new(&codes::USAGE, what).why("V8 writes a snapshot of one isolate"));
    }
    if session.scope() == Scope::Live || opened.core.is_some() {
        return Ok(opened);
    }
    let what = format!("{} holds only what is alive: --weak and --dead are for core dumps", shown(path));
    Err(CommandError::new(&codes::USAGE, what).why("V8 leaves garbage out of a snapshot, and collects it before"))
}

fn read_any(path: &Path, wanted: Wanted, session: &Session) -> Result<Opened, CommandError> {
    if is_stdin(path) || running::pid(path).is_some() {
        return read_input(path, any_input(path, wanted.besides(), session)?, (false, wanted), session);
    }
    let bytes = check(path)?;
    if is_index(path) {
        let index = index_file::named(path)?;
        let origin = Origin::from_bytes(&index.about);
        let mut opened = opened("index", path, bytes, index.analysis, index.problems, false);
        opened.target.node = opened.target.node.or(origin.node);
        return Ok(opened);
    }
    if let Some(opened) = (!session.global.no_index).then(|| indexed(path, bytes, wanted, session)).flatten() {
        return Ok(opened);
    }
    read_input(path, any_input(path, Besides::Nothing, session)?, (true, wanted), session)
}

/// What was opened.
pub(crate) struct Source {
    /// The file.
    pub(crate) input: Input,
    /// The process of which it is the image, where it was captured for this.
    pub(crate) running: Option<Running>,
    /// What of that process was in memory just before, where that was asked for.
    pub(crate) residence: Option<Residence>,
}

impl Source {
    pub(crate) fn of(input: Input) -> Self {
        Self { input, running: None, residence: None }
    }
}

/// Captures a process, and reads its image.
pub(crate) fn read_process(path: &Path, process: (i32, Manner), wanted: Wanted, session: &Session) -> Result<Opened, CommandError> {
    let source = captured(path, process, wanted.besides(), session)?;
    fit_for(read_input(path, source, (false, wanted), session)?, path, session)
}

/// Reads a snapshot that has no name of its own, in the place of what was named.
pub(crate) fn read_nameless(path: &Path, file: File, session: &Session) -> Result<Opened, CommandError> {
    let input = Input::of(path, file, &session.progress).map_err(|error| unreadable(path, error))?;
    fit_for(read_input(path, Source::of(input), (false, Wanted::Nothing), session)?, path, session)
}

/// Captures a process.
fn captured(path: &Path, (pid, manner): (i32, Manner), besides: Besides, session: &Session) -> Result<Source, CommandError> {
    let (file, running, residence) = running::captured(pid, manner, besides, session)?;
    let input = Input::of(path, file, &session.progress).map_err(|error| unreadable(path, error))?;
    Ok(Source { input, running: Some(running), residence })
}

/// Returns what a process that was captured is.
pub(crate) fn target_of(path: &Path, running: Running) -> Target {
    let mut target =
        Target { kind: "process", path: path.to_owned(), bytes: 0, nodes: None, edges: None, node: None, layout: None, running: None };
    target.is_of(running);
    target
}

/// Opens the index of a file, where there is one that fits.
fn indexed(path: &Path, bytes: u64, wanted: Wanted, session: &Session) -> Option<Opened> {
    let asked = Asked::of(session);
    let (index, notes) = index_file::find(path, &asked)?;
    let Some(notes) = notes else { return Some(opened("heapsnapshot", path, bytes, index.analysis, index.problems, false)) };
    let other = |scope| index_file::find(path, &asked.with(scope)).map(|(index, _)| Arc::new(index.analysis));
    let unreached = match (asked.scope, wanted) {
        (Scope::Live, Wanted::Unreached) => Some([other(Scope::Weak)?, other(Scope::Dead)?]),
        _ => None,
    };
    let kept = Kept::closed(Again { path: path.to_owned(), node: session.global.node.clone(), notes });
    let analysis = index.analysis.with_holder(kept.holder());
    Some(opened("core", path, bytes, analysis, index.problems, false).of_core(kept, unreached))
}

/// Opens a core for a question that only a core answers.
pub(crate) fn core_input(path: &Path, command: &str, besides: Besides, session: &Session) -> Result<Source, CommandError> {
    let source = any_input(path, besides, session)?;
    if source.input.is_elf() {
        return Ok(source);
    }
    Err(not_a_core(path, command))
}

/// A file that is open: a core that nobody has looked into yet, or a graph.
pub(crate) enum CoreOrGraph {
    /// A core.
    Core(Box<Source>),
    /// The graph of a snapshot, or of an index that was named.
    Graph(Box<Opened>),
}

/// Opens a file for a question that a core answers without a graph.
pub(crate) fn core_or_graph(path: &Path, session: &Session) -> Result<CoreOrGraph, CommandError> {
    let is_read = || !session.global.no_index && matches!(index_file::glance(path, &Asked::of(session)), Some((_, None)));
    if !is_stdin(path) && (is_index(path) || is_read()) {
        return Ok(CoreOrGraph::Graph(Box::new(read(path, session)?)));
    }
    let source = any_input(path, Besides::Nothing, session)?;
    if source.input.is_elf() {
        return Ok(CoreOrGraph::Core(Box::new(source)));
    }
    let opened = read_input(path, source, (!is_stdin(path), Wanted::Nothing), session)?;
    Ok(CoreOrGraph::Graph(Box::new(fit_for(opened, path, session)?)))
}

/// Opens a file or captures a process, whatever was named.
pub(crate) fn any_input(path: &Path, besides: Besides, session: &Session) -> Result<Source, CommandError> {
    if is_stdin(path) {
        return stdin(session).map(Source::of);
    }
    if let Some(pid) = running::pid(path) {
        return captured(path, (pid, Manner::default()), besides, session);
    }
    check(path)?;
    Input::open(path, &session.progress).map(Source::of).map_err(|error| unreadable(path, error))
}

/// Returns the error for a snapshot where only a core has what a command shows.
pub(crate) fn not_a_core(path: &Path, command: &str) -> CommandError {
    let what = format!("{} is no core dump: only that of a process has what `{command}` shows", shown(path));
    CommandError::new(&codes::USAGE, what).hint(format!("heapwhy {command} PID   with the id of a running process"))
}

/// Says whether a path stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Returns standard input: mapped where it is a file, copied where it is a pipe.
fn stdin(session: &Session) -> Result<Input, CommandError> {
    let path = Path::new("-");
    session.take_stdin()?;
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let what = "- is a snapshot on standard input, but nothing is piped into it";
        return Err(CommandError::new(&codes::USAGE, what).hint("ssh HOST cat app.heapsnapshot | heapwhy -"));
    }
    #[cfg(unix)]
    let owned = std::os::fd::AsFd::as_fd(&stdin).try_clone_to_owned();
    #[cfg(windows)]
    let owned = std::os::windows::io::AsHandle::as_handle(&stdin).try_clone_to_owned();
    let file = owned.map(File::from).map_err(|error| io_error(path, &error))?;
    // Nothing is lost if a second of waiting for a pipe is ended at once: the copy has no name.
    crate::progress::while_waiting(|| Input::of(path, file, &session.progress)).map_err(|error| unreadable(path, error))
}

/// Reads what was opened. `beside` says whether an index may stand beside it, `wanted` what of a core is.
fn read_input(path: &Path, source: Source, (beside, wanted): (bool, Wanted), session: &Session) -> Result<Opened, CommandError> {
    let bytes = source.input.bytes();
    let key = beside.then(|| Key::of(path).ok()).flatten();
    if source.input.is_elf() {
        let indexable = beside && bytes >= index_file::SMALLEST && !session.global.no_index;
        return Ok(Opened { key, ..core::read(path, source, (wanted, indexable), session)? });
    }
    let input = source.input;
    let (graph, problems) = input.read(&session.progress).map_err(|error| unreadable(path, error))?;
    if graph.node_count() == 0 {
        return Err(nothing_left(path, bytes, &problems));
    }
    let opened = opened("heapsnapshot", path, bytes, HeapAnalysis::new(graph), problems, beside && bytes >= index_file::SMALLEST);
    Ok(Opened { key, ..opened })
}

pub(crate) fn opened(kind: &'static str, path: &Path, bytes: u64, analysis: HeapAnalysis, problems: Problems, wants_index: bool) -> Opened {
    let graph = analysis.graph();
    let target = Target {
        kind,
        path: path.to_owned(),
        bytes,
        nodes: Some(graph.node_count() as u64),
        edges: Some(graph.edge_count() as u64),
        node: heap::process::node_version(graph),
        layout: None,
        running: None,
    };
    let (core, unreached, footprint) = (None, None, None);
    Opened { analysis: Arc::new(analysis), problems, target, core, unreached, footprint, wants_index, key: None }
}

/// Says whether a file is an index by its name: a snapshot's contents tell.
fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "hwy")
}

/// Returns the error for a snapshot of which nothing could be saved.
fn nothing_left(path: &Path, bytes: u64, problems: &Problems) -> CommandError {
    let code = if problems.is_truncated() { &codes::TRUNCATED } else { &codes::DAMAGED };
    let what = if problems.is_truncated() { "ends before its first object" } else { "holds no object that can be read" };
    let mut error = CommandError::new(code, format!("{} {what} ({} bytes)", shown(path), number::count(bytes)));
    for problem in problems.kept().iter().take(3) {
        error = error.note("found", problem.what.clone());
    }
    error.note("likely", "the process was killed, the disk was full, or a copy broke off: compare sizes with `ls -l`")
}

/// Reads a file and computes everything that a report needs.
pub(crate) fn read_prepared(path: &Path, session: &Session) -> Result<Opened, CommandError> {
    prepared(read(path, session)?, session)
}

/// Computes everything that a report needs.
pub(crate) fn prepared(opened: Opened, session: &Session) -> Result<Opened, CommandError> {
    opened.prepare(session).map_err(|_| stopped())?;
    Ok(opened)
}

/// Returns the error of a command that was stopped before it knew anything.
pub(crate) fn stopped() -> CommandError {
    CommandError::new(&codes::STOPPED, "stopped before there was an answer").retryable()
}

/// Looks at what a path is before it is read. Returns the file's size.
fn check(path: &Path) -> Result<u64, CommandError> {
    let metadata = std::fs::metadata(path).map_err(|error| io_error(path, &error))?;
    if metadata.is_dir() {
        return Err(directory(path));
    }
    Ok(metadata.len())
}

/// Returns the error for a path that the system does not give.
pub(crate) fn io_error(path: &Path, error: &io::Error) -> CommandError {
    let name = shown(path);
    match error.kind() {
        io::ErrorKind::NotFound => {
            let error = CommandError::new(&codes::NO_SUCH_FILE, format!("there is no file {name}"));
            match neighbour(path) {
                Some(close) => error.hint(format!("did you mean {}?", shown(&close))),
                None => error,
            }
        }
        io::ErrorKind::PermissionDenied => CommandError::new(&codes::DENIED, format!("cannot read {name}: permission denied"))
            .why("Node.js writes snapshots that only the user of the process may read (mode 0600)")
            .hint(format!("sudo heapwhy {}", shell_path(path))),
        io::ErrorKind::IsADirectory => directory(path),
        io::ErrorKind::OutOfMemory => {
            CommandError::new(&codes::NO_MEMORY, format!("not enough memory to read {name}")).why(error.to_string()).retryable()
        }
        _ => CommandError::new(&codes::READ_FAILED, format!("cannot read {name}: {error}")).retryable(),
    }
}

fn directory(path: &Path) -> CommandError {
    let name = shown(path);
    let mut inside: Vec<PathBuf> = std::fs::read_dir(path)
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| looks_like_snapshot(path)).collect())
        .unwrap_or_default();
    inside.sort();
    let error = CommandError::new(&codes::IS_DIRECTORY, format!("{name} is a directory"));
    match inside.as_slice() {
        [] => error.why("there is no .heapsnapshot file in it"),
        [one] => error.hint(format!("heapwhy {}", shell_path(one))),
        [first, .., last] => {
            error.note("inside", format!("{} snapshots", inside.len())).hint(format!("heapwhy {} {}", shell_path(first), shell_path(last)))
        }
    }
}

/// Returns an existing file in the same folder whose name is close to that of a missing one.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name()?.to_str()?;
    let names: Vec<String> =
        std::fs::read_dir(folder).ok()?.flatten().take(10_000).filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let close = crate::what::closest(wanted, names.iter().map(String::as_str)).first().map(|name| (*name).to_owned())?;
    Some(path.with_file_name(close))
}

/// Returns the error for a file that the reader does not take.
pub(crate) fn unreadable(path: &Path, error: ReadError) -> CommandError {
    let name = shown(path);
    match error {
        ReadError::Io { source, .. } => io_error(path, &source),
        ReadError::Empty { .. } if is_stdin(path) => CommandError::new(&codes::EMPTY_FILE, "standard input is empty (0 bytes)")
            .note("likely", "the command before heapwhy in the pipe failed, or printed nothing"),
        ReadError::Empty { .. } => CommandError::new(&codes::EMPTY_FILE, format!("{name} is empty (0 bytes)"))
            .note("likely", "the process was killed before it had written its snapshot, or the disk was full")
            .hint("take it again with more head-room below the memory limit: node --heapsnapshot-signal=SIGUSR2"),
        ReadError::NotASnapshot { found, .. } => foreign(path, &found),
        ReadError::BadHeader { offset, what, .. } => {
            CommandError::new(&codes::NOT_A_SNAPSHOT, format!("{name} starts like a heap snapshot, but its header makes no sense"))
                .why(format!("at byte {offset}: {what}"))
                .note("likely", "the file was cut within its first bytes, or another program wrote it")
        }
        ReadError::BadPacking { by, source, .. } => {
            CommandError::new(&codes::BAD_PACKING, format!("{name} starts like {by}, but cannot be unpacked: {source}"))
                .hint(format!("{by} -t {}", shell_path(path)))
        }
        ReadError::Bomb { by, packed, unpacked, .. } => {
            let (packed, unpacked) = (number::bytes(packed), number::bytes(unpacked));
            CommandError::new(&codes::BOMB, format!("{name} unpacks to suspiciously much: {packed} make more than {unpacked}"))
                .why("a real snapshot unpacks to 5 to 15 times its size, a core dump to 20; this looks made to fill the disk")
                .hint(format!("if you trust it: {by} -dc {} > unpacked", shell_path(path)))
        }
        ReadError::NoRoom { folder, .. } => {
            CommandError::new(&codes::DISK_FULL, format!("cannot unpack {name}: {} has no room for it", folder.display()))
                .why("a packed or piped snapshot is copied into a nameless temporary file, which is gone now")
                .hint("free some space, or name another folder: TMPDIR=/var/tmp heapwhy …")
                .retryable()
        }
        ReadError::Spool { folder, source, .. } => {
            let what = format!("cannot unpack {name}: no temporary file can be made in {}: {source}", folder.display());
            CommandError::new(&codes::WRITE_FAILED, what).hint("name another folder: TMPDIR=/var/tmp heapwhy …").retryable()
        }
        ReadError::TooLarge { what, count, limit, .. } => {
            CommandError::new(&codes::DAMAGED, format!("{name} says that it has {count} {what}; at most {limit} can be read"))
        }
        ReadError::Cancelled { .. } => stopped(),
        other => CommandError::new(&codes::NOT_A_SNAPSHOT, other.to_string()),
    }
}

/// Returns the error for a file that is something else than a snapshot.
pub(crate) fn foreign(path: &Path, found: &Found) -> CommandError {
    let name = match packed_with(path) {
        Some(by) => format!("{} is {by}, and what is in it", shown(path)),
        None => shown(path),
    };
    let not_yet = |what: &str| format!("{name} is {what}, which is not supported by this version yet");
    let snapshot_hint = "a snapshot is made by v8.writeHeapSnapshot(), or: node --heapsnapshot-signal=SIGUSR2 app.js";
    match found {
        Found::HeapProfile => {
            let what = format!("{name} is a sampling heap profile (.heapprofile), which has no objects to ask for");
            CommandError::new(&codes::SAMPLING_PROFILE, what)
                .why("it says where memory was allocated, not what holds it")
                .hint(format!("heapwhy {}   prints it (named as a file)", shell_path(path)))
                .hint(snapshot_hint)
        }
        Found::CpuProfile => CommandError::new(&codes::SAMPLING_PROFILE, format!("{name} is a CPU profile (.cpuprofile)"))
            .why("it says nothing about memory")
            .hint(snapshot_hint),
        Found::DiagnosticReport => {
            let what = format!("{name} is a diagnostic report of Node.js, which has no objects to ask for");
            CommandError::new(&codes::NOT_A_SNAPSHOT, what)
                .why("it holds totals of memory, limits and handles")
                .hint(format!("heapwhy {}   prints it; with several of one process, what grew", shell_path(path)))
                .hint(snapshot_hint)
        }
        Found::Text | Found::OtherJson(_) if crate::commands::gc::is_log(path) => {
            CommandError::new(&codes::NOT_A_SNAPSHOT, format!("{name} is a log of garbage collections, not a heap snapshot"))
                .hint(format!("heapwhy gc {}", shell_path(path)))
        }
        Found::OtherJson(key) => {
            let error = CommandError::new(&codes::NOT_A_SNAPSHOT, format!("{name} is JSON, but not a heap snapshot"));
            let error = if key.is_empty() { error } else { error.note("found", format!("its first key is {key:?}")) };
            error.note("wanted", "\"snapshot\"").hint(snapshot_hint)
        }
        Found::Elf => elf(path),
        Found::Compressed(by) => CommandError::new(&codes::PACKED, not_yet(&format!("compressed with {by}")))
            .hint("unpack it first; gzip, zstd and lz4 are read as they are"),
        Found::Zeros => CommandError::new(&codes::ZEROS, format!("{name} holds nothing but zero bytes"))
            .note("likely", "the machine crashed or the disk was full while it was written")
            .hint("compare its size and checksum with the original"),
        Found::Index => CommandError::new(&codes::INDEX_FILE, format!("{name} is an index that heapwhy wrote, not a snapshot"))
            .why("an index is known by its name, which ends in .hwy")
            .hint("give heapwhy what it is the index of; it finds the index by itself"),
        Found::Text if is_stdin(path) => CommandError::new(&codes::NOT_A_SNAPSHOT, format!("{name} is text, not a heap snapshot"))
            .hint("heapwhy gc -   if it is a log of garbage collections whose first comes late")
            .hint(snapshot_hint),
        Found::Text => CommandError::new(&codes::NOT_A_SNAPSHOT, format!("{name} is text, not a heap snapshot")).hint(snapshot_hint),
        _ => CommandError::new(&codes::NOT_A_SNAPSHOT, format!("{name} is not a heap snapshot")).why(found.to_string()).hint(snapshot_hint),
    }
}

/// Returns what packed a file, where heapwhy unpacks that.
pub(crate) fn packed_with(path: &Path) -> Option<&'static str> {
    if is_stdin(path) { None } else { heap::snapshot::packed_with(path) }
}

/// Returns the error for an ELF file that is no core dump.
pub(crate) fn elf(path: &Path) -> CommandError {
    CommandError::new(&codes::CORE_DUMP, format!("{} is a program or library (ELF), neither a snapshot nor a core dump", shown(path)))
        .hint("of a core dump, name the core; the program that made it goes behind --node")
}
