//! Asking a running process over its inspector: whether it may be opened, what is said of it, and that it is closed again.
//!
//! How it is opened and closed is `live`'s; here it is decided whether, and told. Questions get a connection and make an answer; the
//! inspector is as it was found before the answer is printed.

#[cfg(any(test, all(target_os = "linux", target_arch = "x86_64")))]
mod told;

use live::{Inspector, Worker};

use crate::answer::Answer;
use crate::codes;
use crate::error::CommandError;
use crate::running::Dangers;
use crate::session::Session;

/// Which process, and how to reach it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The process.
    pub(crate) pid: i32,
    /// Where its inspector listens already.
    pub(crate) port: Option<u16>,
    /// What is done about dangers: memory that may not suffice, and a signal of which nobody can tell what it does.
    pub(crate) dangers: Dangers,
}

/// What a question costs the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// How long it stands still.
    pub(crate) pause: std::time::Duration,
    /// By how much its memory grows meanwhile, in bytes.
    pub(crate) growth: u64,
}

/// What a heap snapshot costs, as it was measured: V8 builds it inside the process, in as much memory as its parts take.
pub(crate) fn cost_of_snapshot(resident: u64) -> Cost {
    const SECONDS_PER_GIB: f64 = 60.0;
    const GROWTH: f64 = 4.7;
    let pause = std::time::Duration::from_secs_f64(0.5 + SECONDS_PER_GIB * resident as f64 / (1u64 << 30) as f64);
    Cost { pause, growth: (GROWTH * resident as f64) as u64 }
}

/// Says what speaks against opening the inspector of a process; nothing where it is open, or can be.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn obstacle(pid: i32) -> Option<String> {
    system::obstacle(pid)
}

/// Attaches, asks, and leaves the process as it was found.
pub(crate) fn ask(
    way: &Way,
    session: &Session,
    question: impl FnOnce(&mut Inspector<'_>) -> Result<Answer, CommandError>,
) -> Result<Answer, CommandError> {
    system::ask(way, session, question)
}

/// Closes an inspector that is open.
pub(crate) fn close(way: &Way, session: &Session) -> Result<Answer, CommandError> {
    system::close(way, session)
}

/// Says what a question costs, and refuses what there is not the memory for.
pub(crate) fn afford(way: &Way, what: &str, cost: impl FnOnce(u64) -> Cost, session: &Session) -> Result<(), CommandError> {
    system::afford(way, what, cost, session)
}

/// Speaks to a worker by its number.
pub(crate) fn speak_to(inspector: &mut Inspector<'_>, pid: i32, number: Option<u64>) -> Result<(), CommandError> {
    let Some(number) = number else { return Ok(()) };
    let workers = inspector.workers().map_err(|error| failed_to_ask(pid, &error))?;
    let Some(worker) = workers.iter().find(|worker| worker.number == number) else {
        let names: Vec<String> = workers.iter().map(in_words).collect();
        let error = CommandError::new(&codes::NO_SUCH_WORKER, format!("pid {pid} has no worker {number}"));
        return Err(if names.is_empty() { error.note("found", "no workers at all") } else { error.note("found", names.join(", ")) });
    };
    inspector.speak_to(Some(worker));
    Ok(())
}

/// Returns what a worker is called.
pub(crate) fn in_words(worker: &Worker) -> String {
    // Node.js puts the number into the title, in brackets, from version 18 on.
    let title = worker.title.trim_start_matches(&format!("[worker {}]", worker.number)).trim();
    let is_plain = title.is_empty() || title == "WorkerThread" || title == format!("Worker {}", worker.number);
    if is_plain { format!("worker {}", worker.number) } else { format!("worker {} ({title})", worker.number) }
}

/// Returns the error for a question that was not answered.
pub(crate) fn failed_to_ask(pid: i32, error: &live::LiveError) -> CommandError {
    use live::LiveError as E;
    let what = match error {
        E::Cancelled => return crate::open::stopped(),
        E::Write { path, source } => return crate::output::failed(path, source),
        E::Threw { .. } | E::Refused { .. } => format!("pid {pid} cannot answer: {error}"),
        _ => format!("pid {pid} did not answer: {error}"),
    };
    let told = CommandError::new(&codes::NO_ANSWER, what);
    let told = std::error::Error::source(error).map_or(told.clone(), |source| told.why(source.to_string()));
    if matches!(error, E::TimedOut { .. }) {
        return told.why("it answers between two turns of its event loop: it may be busy, or wait for something").retryable();
    }
    told.retryable()
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod system {
    use std::path::PathBuf;

    use live::attach::{AttachError, Attached, Found, Handler, Network, Request, attach};
    use live::capture::Peek;
    use v8mem::NodeBinary;
    use v8mem::node_binary::LoadedAt;
    use v8mem::node_side::signals;

    use super::told::{closed, left_open, with_inspector};
    use super::{Answer, CommandError, Cost, Dangers, Inspector, Session, Way, codes, failed_to_ask};
    use crate::progress::cancel_flag;
    use crate::render::number;
    use crate::running;
    use crate::running::living::Living;

    pub(super) fn ask(
        way: &Way,
        session: &Session,
        question: impl FnOnce(&mut Inspector<'_>) -> Result<Answer, CommandError>,
    ) -> Result<Answer, CommandError> {
        let mut attached = open(way, session)?;
        announce(way.pid, &attached, session);
        let (pid, address, was_open) = (way.pid, attached.address().to_string(), attached.found() == Found::Open);
        let answer = attached.inspector().map_err(|error| failed(pid, &error)).and_then(question);
        let left = leave(attached, session);
        match answer {
            Ok(answer) => Ok(with_inspector(answer, (pid, address), was_open, &left)),
            Err(error) => Err(match left {
                Ok(()) => error,
                Err(left) => error.note("beware", left_open(pid, &left)),
            }),
        }
    }

    pub(super) fn close(way: &Way, session: &Session) -> Result<Answer, CommandError> {
        running::check(way.pid)?;
        let outlook = live::attach::outlook(way.pid).map_err(|error| failed(way.pid, &error))?;
        let port = way.port.unwrap_or(outlook.port);
        let mut attached = open(&Way { port: Some(port), ..*way }, session)?;
        attached.disown();
        let address = attached.address().to_string();
        let left = leave(attached, session);
        Ok(closed(way.pid, &address, &left))
    }

    /// Closes it again. Returns why it is still open, where it is.
    fn leave(attached: Attached<'_>, session: &Session) -> Result<(), String> {
        session.progress.work("closing the inspector", 0, 0);
        attached.close().map(drop).map_err(|error| error.to_string())
    }

    /// Attaches.
    fn open<'a>(way: &Way, session: &Session) -> Result<Attached<'a>, CommandError> {
        let pid = way.pid;
        running::check(pid)?;
        let handler = match (handler(pid), way.dangers) {
            (Handler::Unknown, Dangers::Accepted) => Handler::Risked,
            (handler, _) => handler,
        };
        session.progress.work("opening the inspector", 0, 0);
        let request = Request { pid, port: way.port, handler, cancel: cancel_flag() };
        attach(&request).map_err(|error| failed(pid, &error))
    }

    /// Says what it means that an inspector is open.
    fn announce(pid: i32, attached: &Attached<'_>, session: &Session) {
        let address = attached.address();
        session.progress.announce(&match attached.found() {
            Found::Open => format!("heapwhy: the inspector of pid {pid} is open already on {address}, and is left so"),
            Found::Closed => format!(
                "heapwhy: the inspector of pid {pid} is open on {address} until this ends: whoever reaches it meanwhile can run code as that process"
            ),
        });
    }

    pub(super) fn afford(way: &Way, what: &str, cost: impl FnOnce(u64) -> Cost, session: &Session) -> Result<(), CommandError> {
        let pid = way.pid;
        let room = running::headroom(pid)?;
        let cost = cost(room.resident);
        let is_short = room.left.is_some_and(|left| left < cost.growth);
        let costs = format!("up to about {} of standing still and {} more memory", number::time(cost.pause), number::bytes(cost.growth));
        if is_short && way.dangers == Dangers::Refused {
            let left = room.left.map_or_else(|| "unknown".to_owned(), number::bytes);
            return Err(CommandError::new(&codes::TOO_COSTLY, format!("{what} of pid {pid} could exhaust its memory"))
                .why(format!("it costs the process {costs}; {left} are left"))
                .hint(format!("heapwhy {pid}   costs the process next to nothing"))
                .hint("--accept-danger does it all the same"));
        }
        session.progress.announce(&format!("heapwhy: {what} of pid {pid} costs the process {costs}"));
        Ok(())
    }

    pub(super) fn obstacle(pid: i32) -> Option<String> {
        let outlook = match live::attach::outlook(pid) {
            Ok(outlook) => outlook,
            Err(error) => return Some(error.to_string()),
        };
        // What listens where its inspector would, and is its own, is that.
        if outlook.open.is_some() && outlook.network == Network::Ours {
            return None;
        }
        outlook.obstacle(handler(pid)).map(|error| error.to_string())
    }

    /// Says whether the program waits for SIGUSR1 itself.
    fn handler(pid: i32) -> Handler {
        const SIGUSR1: i32 = 10;
        // The tree may be changed while it is looked at.
        let signals = (0..3).find_map(|_| awaited(pid));
        match signals {
            Some(signals) if signals.contains(&SIGUSR1) => Handler::Programs,
            Some(_) => Handler::Nodes,
            None => Handler::Unknown,
        }
    }

    /// Lists the signals for which the program waits: libuv is in the program, or in a library of its own.
    fn awaited(pid: i32) -> Option<Vec<i32>> {
        let peek = Peek::open(pid).ok()?;
        let images = peek.stretches().ok()?.into_iter().filter(|stretch| !stretch.file.is_empty() && stretch.offset == 0);
        let images: Vec<(PathBuf, u64)> = images.map(|image| (PathBuf::from(image.file), image.start)).collect();
        let exe = PathBuf::from(format!("/proc/{pid}/exe"));
        let base = std::fs::read_link(&exe).ok().and_then(|program| images.iter().find(|(path, _)| *path == program));
        let program = (exe, base.map_or(LoadedAt::Unmoved, |(_, base)| LoadedAt::Base(*base)));
        let is_library = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("libuv."));
        let libraries = images.iter().filter(|(path, _)| is_library(path)).flat_map(|(path, base)| {
            let places = running::places(pid, &path.to_string_lossy(), false);
            places.into_iter().map(|path| (path, LoadedAt::Base(*base)))
        });
        let binaries = std::iter::once(program).chain(libraries).filter_map(|(path, at)| NodeBinary::open(&path, at).ok());
        let memory = Living { peek: &peek, ranges: &[] };
        binaries.into_iter().find_map(|binary| signals::awaited(&memory, &binary))
    }

    /// Returns the error for a process that was not attached to.
    fn failed(pid: i32, error: &AttachError) -> CommandError {
        use AttachError as E;
        let what = error.to_string();
        let outside = format!("heapwhy {pid}   needs no inspector");
        match error {
            E::Process(error) => running::failed(pid, error),
            E::Inspector(error) => failed_to_ask(pid, error),
            E::Deadly { .. } | E::OwnHandler { .. } => {
                CommandError::new(&codes::SIGNAL_UNFIT, what).why("nothing was sent to it").hint(outside)
            }
            E::UnknownHandler { .. } => CommandError::new(&codes::SIGNAL_UNFIT, what)
                .why("its program names no place where libuv keeps that (no symbols), or its memory cannot be read; nothing was sent to it")
                .hint(outside)
                .hint("--accept-danger sends the signal all the same"),
            E::Deaf { .. } => CommandError::new(&codes::NO_INSPECTOR, what)
                .why("it was started with --disable-sigusr1, or the program ignores the signal; nothing was sent to it")
                .hint(outside),
            E::Forbidden { .. } => CommandError::new(&codes::NO_INSPECTOR, what).why("nothing was sent to it").hint(outside),
            E::Exposed { .. } => CommandError::new(&codes::EXPOSED, what)
                .why("whoever reaches it, from whatever machine, could run code as that process; nothing was sent to it")
                .hint(outside),
            E::PortTaken { port, .. } => CommandError::new(&codes::PORT_TAKEN, what)
                .why("Node.js would say so on its standard error, and open nothing; nothing was sent to it")
                .hint(format!("ss -tlnp 'sport = :{port}'   says who listens there"))
                .hint(format!("node --inspect-port=PORT, or in the program process.debugPort = PORT, names another; {outside}"))
                .retryable(),
            E::OtherNetwork { .. } => CommandError::new(&codes::OTHER_NETWORK, what)
                .hint(format!("sudo heapwhy attach {pid}"))
                .hint("docker run --rm -it --pid=container:NAME --network=container:NAME IMAGE heapwhy attach 1")
                .hint("k8s: kubectl debug -it POD --target=CONTAINER --image=IMAGE -- heapwhy attach 1"),
            E::NotOpened { .. } => CommandError::new(&codes::NOT_OPENED, what)
                .why("its JavaScript did not come to a point where it looks up, or Node.js says on the process's standard error why not")
                .note("beware", format!("it may open later; heapwhy attach {pid} close"))
                .retryable(),
            E::NotThere { .. } => CommandError::new(&codes::NOT_OPENED, what).hint(format!("heapwhy doctor {pid}   says where it listens")),
            _ => CommandError::new(&codes::NOT_OPENED, what),
        }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod system {
    use super::{Answer, CommandError, Cost, Inspector, Session, Way, codes};

    pub(super) fn ask(
        way: &Way,
        _: &Session,
        _: impl FnOnce(&mut Inspector<'_>) -> Result<Answer, CommandError>,
    ) -> Result<Answer, CommandError> {
        Err(unsupported(way.pid))
    }

    pub(super) fn close(way: &Way, _: &Session) -> Result<Answer, CommandError> {
        Err(unsupported(way.pid))
    }

    pub(super) fn afford(way: &Way, _: &str, _: impl FnOnce(u64) -> Cost, _: &Session) -> Result<(), CommandError> {
        Err(unsupported(way.pid))
    }

    fn unsupported(pid: i32) -> CommandError {
        CommandError::new(&codes::PROCESS_ID, format!("cannot attach to process {pid}: running processes are read on Linux on x86-64 only"))
    }
}
