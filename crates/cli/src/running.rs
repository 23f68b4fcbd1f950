//! Running processes in the place of files: a bare number that is no file's name is captured, and its image read as a core dump is.
//!
//! The image has no name: it lies in memory where there is room, and is gone when the command ends. How a process is stopped and copied
//! is `live`'s; here it is decided whether, and told what came of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use heap::outlook::Room;
use v8mem::{CoreFile, NodeBinary};

use crate::answer::Section;
use crate::codes;
use crate::error::{CommandError, shown};
use crate::session::Session;

/// A process that was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// Its number.
    pub(crate) pid: i32,
    /// The script that it runs, where its arguments tell.
    pub(crate) script: Option<String>,
    /// How long it has been running.
    pub(crate) up: Option<Duration>,
    /// How it was captured.
    pub(crate) method: &'static str,
    /// Why not in the better way.
    pub(crate) because: Option<String>,
    /// How often it was captured: again where it was found inside a garbage collection.
    pub(crate) attempts: u32,
    /// How long it stood still, in all attempts.
    pub(crate) pause: Duration,
    /// How long the capture took.
    pub(crate) took: Duration,
    /// How many bytes of memory were read.
    pub(crate) bytes: u64,
    /// How many bytes besides could not be read.
    pub(crate) unreadable: u64,
    /// By how many bytes memory grew meanwhile.
    pub(crate) growth: u64,
    /// How many threads it has.
    pub(crate) threads: usize,
}

/// How a process is to be captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    /// By a copy of itself where that is possible, else while it is stopped.
    #[default]
    Auto,
    /// By a copy of itself.
    Fork,
    /// While it is stopped.
    Stop,
}

/// Returns the number of the process that a path stands for: all digits, and no file of that name is here.
pub(crate) fn pid(path: &Path) -> Option<i32> {
    let text = path.to_str().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    if path.exists() { None } else { text.parse().ok().filter(|&pid| pid > 0) }
}

/// Returns where a running process's program and libraries are to be found now, by their paths as it sees them: in a container, or
/// replaced since, they are not where it says.
pub(crate) fn places(pid: i32, path: &str, is_program: bool) -> Vec<PathBuf> {
    let root = PathBuf::from(format!("/proc/{pid}/root")).join(path.trim_start_matches('/'));
    if is_program { vec![PathBuf::from(format!("/proc/{pid}/exe")), root] } else { vec![root] }
}

/// Opens the program, or its library, of which an image of a running process is, where it is to be found now.
pub(crate) fn binary(pid: i32, core: &CoreFile) -> Option<NodeBinary> {
    let program = core.program().map(|program| program.path.clone());
    core.find_binary_in(|image| places(pid, &image.path, program.as_ref() == Some(&image.path)))
}

/// Says whether a program's name is one of Node.js's own: `node`, `node22.1`, as systems call it, and no name that merely begins so.
#[cfg(any(test, all(target_os = "linux", target_arch = "x86_64")))]
fn names_node(name: &str) -> bool {
    // So the kernel marks a program that was replaced since.
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let version = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    matches!(name, "nodejs" | "iojs") || name.strip_prefix("node").is_some_and(version)
}

/// How dangers are met that a checkup sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dangers {
    /// The capture is refused.
    #[default]
    Refused,
    /// It is tried.
    Accepted,
}

impl Dangers {
    /// As `--accept-danger` says.
    pub(crate) fn of(are_accepted: bool) -> Self {
        if are_accepted { Self::Accepted } else { Self::Refused }
    }
}

/// What somebody says of how a process is to be captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// The method.
    pub(crate) wish: Wish,
    /// What is done about dangers.
    pub(crate) dangers: Dangers,
    /// How long it may stand still while it is read; `None` for what follows from its size.
    pub(crate) longest_stop: Option<Duration>,
}

/// Which memory of a process is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Residence {
    /// Stretches that are there, by address.
    pub(crate) stretches: Vec<std::ops::Range<u64>>,
    /// What the kernel counts of all together, in bytes: RSS.
    pub(crate) bytes: u64,
    /// What was swapped out, in bytes.
    pub(crate) swapped: u64,
    /// The tightest limit of its control groups.
    pub(crate) group: Option<Room>,
}

/// What is asked of a process besides its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Besides {
    /// Nothing.
    Nothing,
    /// Which of its memory is there, just before it is captured.
    Residence,
}

/// Returns the number of the process that somebody named.
pub(crate) fn named(path: &Path) -> Result<i32, CommandError> {
    pid(path).ok_or_else(|| {
        CommandError::new(&codes::USAGE, format!("{} is no process id", shown(path))).hint("pgrep -a node   lists processes of Node.js")
    })
}

/// Refuses what is no process of Node.js. It is not touched.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn check(pid: i32) -> Result<(), CommandError> {
    system::of_node(pid).map(drop)
}

/// Tells that processes are not read here.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) fn unsupported(pid: i32) -> CommandError {
    system::unsupported(pid)
}

/// What a process's program, or the library that it uses, says of itself.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Which V8 is in it.
    pub(crate) v8: Option<String>,
    /// Which Node.js it is.
    pub(crate) node: Option<v8mem::version::NodeVersion>,
}

/// Returns what a process's program says of itself.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn program(pid: i32) -> Program {
    system::program(pid)
}

/// Returns what tells a process from any later one of its number; `None` where there is none.
pub(crate) fn identity(pid: i32) -> Option<u64> {
    system::identity(pid)
}

/// Returns how much memory a process has, in bytes: RSS.
pub(crate) fn resident_bytes(pid: i32) -> Option<u64> {
    system::resident_bytes(pid)
}

/// How much memory a process has, and how much more there is for it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) struct Headroom {
    /// What it occupies, in bytes.
    pub(crate) resident: u64,
    /// What is left, of its control groups' limits and on the machine; `None` where nobody tells.
    pub(crate) left: Option<u64>,
}

/// Asks how much memory is left to a process.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn headroom(pid: i32) -> Result<Headroom, CommandError> {
    system::headroom(pid)
}

/// A process in a file without a name, and what was asked of it besides.
type Held = (File, Running, Option<Residence>);

/// Captures a process into a file without a name.
pub(crate) fn captured(pid: i32, manner: Manner, besides: Besides, session: &Session) -> Result<Held, CommandError> {
    system::captured(pid, manner, besides, session)
}

/// Captures a process into a packed file.
pub(crate) fn capture_packed(pid: i32, manner: Manner, out: &File, session: &Session) -> Result<Running, CommandError> {
    system::capture_packed(pid, manner, out, session)
}

/// Captures a process into a file.
pub(crate) fn capture_into(pid: i32, manner: Manner, out: &File, session: &Session) -> Result<Running, CommandError> {
    system::capture_into(pid, manner, out, session)
}

/// Captures a process into a file, once, whatever the moment: who waits for a better one may come too late.
pub(crate) fn capture_once(pid: i32, out: &File, session: &Session) -> Result<Running, CommandError> {
    system::capture_once(pid, out, session)
}

/// Says whether the process of an image was inside a garbage collection.
pub(crate) fn is_collecting(pid: i32, image: &File) -> bool {
    system::is_collecting(pid, image)
}

/// Says whether a process is one of Node.js that runs a program of its own: no package manager that merely starts it.
pub(crate) fn is_program_of_node(pid: i32) -> bool {
    system::is_program_of_node(pid)
}

/// Says whether the arguments of a process of Node.js are those of a package manager, which starts programs: `npm start` calls itself so.
#[cfg(any(test, all(target_os = "linux", target_arch = "x86_64")))]
fn is_package_manager(arguments: &[String]) -> bool {
    const NAMES: [&str; 9] = ["npm", "npx", "yarn", "pnpm", "pnpx", "corepack", "npm-cli", "npx-cli", "yarnpkg"];
    let is_one = |word: &str| {
        let name = Path::new(word).file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        NAMES.contains(&name.as_str())
    };
    // A process that has called itself something is all in the first word.
    let first = arguments.first().and_then(|first| first.split(' ').next()).is_some_and(is_one);
    first || script(arguments).is_some_and(is_one)
}

/// Returns the script among a process's arguments: the first behind the program's name that is no option.
#[cfg(any(test, all(target_os = "linux", target_arch = "x86_64")))]
fn script(arguments: &[String]) -> Option<&str> {
    arguments.get(1..)?.iter().map(String::as_str).find(|argument| !argument.starts_with('-'))
}

/// Examines a process without touching it. Says too what keeps it from being captured now, if anything does.
pub(crate) fn examined(pid: i32) -> Result<(Section, Option<String>), CommandError> {
    system::examined(pid)
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod checkup;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod living;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod surroundings;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod system {
    use std::fs;
    use std::io::Seek;
    use std::time::Instant;

    use live::capture::{
        AtEnd, CaptureError, Captured, Checkup, Known, Method, Request, Resident, capture, examine, in_memory, known, nameless, pack,
        resident, vitals,
    };
    use v8mem::collection::Collection;
    use v8mem::node_binary::LoadedAt;
    use v8mem::stack::stacks;
    use v8mem::{Anatomy, CoreFile, NodeBinary};

    use super::{
        Besides, CommandError, Duration, File, Held, Manner, Path, PathBuf, Residence, Room, Running, Section, Session, Wish, checkup,
        codes,
    };
    use crate::progress::cancel_flag;

    /// A process is captured at most so often for a moment outside of garbage collections: each attempt makes it stand still.
    const ATTEMPTS: u32 = 3;
    /// Between two attempts: most collections of the young generation are over by then.
    const A_WHILE: Duration = Duration::from_millis(30);

    pub(super) fn captured(pid: i32, manner: Manner, besides: Besides, session: &Session) -> Result<Held, CommandError> {
        let subject = Subject::of(pid)?;
        let residence = (besides == Besides::Residence).then(|| subject.residence()).transpose()?;
        let out = subject.no_file()?;
        let running = subject.capture(manner, &out, session)?;
        Ok((out, running, residence))
    }

    pub(super) fn capture_packed(pid: i32, manner: Manner, out: &File, session: &Session) -> Result<Running, CommandError> {
        let subject = Subject::of(pid)?;
        let way = checkup::choose(pid, &subject.checkup, manner.wish, manner.dangers)?;
        let has_memory = in_memory(subject.checkup.known.resident).is_some();
        if way.0 == Method::Fork && !has_memory {
            // Nobody can look into what is packed: a moment inside a collection is taken as it comes.
            let (captured, because) =
                subject.attempt(manner, way, AtEnd::End, &|request| live::capture::capture_packed(request, out), session)?;
            return Ok(subject.running(&captured, because, 1));
        }
        // The copy, or the stop, lasts as long as reading alone, and is over before anything is packed.
        let image = subject.no_file()?;
        let running = subject.capture(manner, &image, session)?;
        let go_on = |done, total| {
            session.progress.work("packing", done, total);
            !crate::progress::is_cancelled()
        };
        pack(&image, out, &go_on).map_err(|error| super::failed(pid, &error))?;
        Ok(running)
    }

    pub(super) fn capture_into(pid: i32, manner: Manner, out: &File, session: &Session) -> Result<Running, CommandError> {
        Subject::of(pid)?.capture(manner, out, session)
    }

    pub(super) fn capture_once(pid: i32, out: &File, session: &Session) -> Result<Running, CommandError> {
        let subject = Subject::of(pid)?;
        let manner = Manner::default();
        let way = checkup::choose(pid, &subject.checkup, manner.wish, manner.dangers)?;
        let (captured, because) = subject.attempt(manner, way, AtEnd::ReadOn, &|request| capture(request, out), session)?;
        Ok(subject.running(&captured, because, 1))
    }

    pub(super) fn is_program_of_node(pid: i32) -> bool {
        of_node(pid).is_ok_and(|known| !super::is_package_manager(&known.arguments))
    }

    /// Looks what a process is, and refuses what is none of Node.js.
    pub(super) fn of_node(pid: i32) -> Result<Known, CommandError> {
        let known = known(pid).map_err(|error| super::failed(pid, &error))?;
        if is_node(pid, &known.program) {
            return Ok(known);
        }
        let what = format!("pid {pid} is not a process of Node.js: it runs {}", known.program.display());
        Err(CommandError::new(&codes::NOT_NODE, what))
    }

    pub(super) fn program(pid: i32) -> super::Program {
        let look = |path: &Path| {
            let binary = NodeBinary::open(path, LoadedAt::Unmoved).ok()?;
            let program = super::Program { v8: binary.v8_version(), node: binary.node_version() };
            binary.forget();
            program.v8.is_some().then_some(program)
        };
        let library = || Some(PathBuf::from(format!("/proc/{pid}/root{}", library(pid)?)));
        look(&exe(pid)).or_else(|| look(&library()?)).unwrap_or_default()
    }

    fn exe(pid: i32) -> PathBuf {
        PathBuf::from(format!("/proc/{pid}/exe"))
    }

    /// Returns the library with Node.js in it that a process uses, as it sees it.
    fn library(pid: i32) -> Option<String> {
        let maps = fs::read(format!("/proc/{pid}/maps")).ok()?;
        let maps = String::from_utf8_lossy(&maps);
        let line = maps.lines().find(|line| line.contains("/libnode."))?;
        Some(line[line.find('/')?..].to_owned())
    }

    pub(super) fn identity(pid: i32) -> Option<u64> {
        live::capture::started(pid)
    }

    pub(super) fn resident_bytes(pid: i32) -> Option<u64> {
        vitals(pid).ok().map(|vitals| vitals.resident)
    }

    pub(super) fn examined(pid: i32) -> Result<(Section, Option<String>), CommandError> {
        let Subject { checkup, script, .. } = Subject::of(pid)?;
        Ok((checkup::section(pid, &checkup, script.as_deref()), checkup.obstacle()))
    }

    pub(super) fn headroom(pid: i32) -> Result<super::Headroom, CommandError> {
        Ok(super::Headroom { resident: of_node(pid)?.resident, left: live::capture::room(pid) })
    }

    /// A process before it is touched.
    struct Subject {
        pid: i32,
        script: Option<String>,
        checkup: Checkup,
    }

    impl Subject {
        /// Examines a process, and refuses what is none of Node.js.
        fn of(pid: i32) -> Result<Self, CommandError> {
            let known = of_node(pid)?;
            let checkup = examine(pid).map_err(|error| super::failed(pid, &error))?;
            let script = super::script(&known.arguments).map(|script| known.folder.join(script).display().to_string());
            Ok(Self { pid, script, checkup })
        }

        fn residence(&self) -> Result<Residence, CommandError> {
            let Resident { stretches, bytes, swapped } = resident(self.pid).map_err(|error| super::failed(self.pid, &error))?;
            let group = self.checkup.group.map(|group| Room { limit: group.limit, used: group.used() });
            Ok(Residence { stretches, bytes, swapped, group })
        }

        /// Makes a file without a name that has room for it.
        fn no_file(&self) -> Result<File, CommandError> {
            let failed = |error| CommandError::new(&codes::WRITE_FAILED, format!("no room for an image of pid {}: {error}", self.pid));
            nameless(self.checkup.known.resident).map_err(failed)
        }

        fn capture(&self, manner: Manner, out: &File, session: &Session) -> Result<Running, CommandError> {
            let (method, because) = checkup::choose(self.pid, &self.checkup, manner.wish, manner.dangers)?;
            let (began, mut earlier, mut attempts) = (Instant::now(), Duration::ZERO, 1);
            loop {
                let (captured, because) =
                    self.attempt(manner, (method, because.clone()), AtEnd::End, &|request| capture(request, out), session)?;
                let is_last = attempts == ATTEMPTS || captured.method != Method::Fork;
                if is_last || !is_collecting(self.pid, out) {
                    let captured = Captured { took: began.elapsed(), earlier_pauses: earlier + captured.earlier_pauses, ..captured };
                    return Ok(self.running(&captured, because, attempts));
                }
                earlier += captured.pause + captured.earlier_pauses;
                attempts += 1;
                out.set_len(0).map_err(|error| crate::output::failed(Path::new("the image"), &error))?;
                std::thread::sleep(A_WHILE);
            }
        }

        /// Captures once.
        fn attempt(
            &self,
            manner: Manner,
            (method, because): (Method, Option<String>),
            at_end: AtEnd,
            take: &dyn Fn(&Request<'_>) -> Result<Captured, CaptureError>,
            session: &Session,
        ) -> Result<(Captured, Option<String>), CommandError> {
            let pid = self.pid;
            let progress = |done, total| session.progress.work("reading the process", done, total);
            let longest_stop = manner.longest_stop.unwrap_or_else(|| self.checkup.longest_stop());
            let cancel = cancel_flag();
            let with = |method| take(&Request { pid, method, longest_stop, progress: &progress, hook: None, cancel, at_end });
            // A copy may be refused all the same: then it is read while it is stopped, if that does not take too long.
            let may_stop = manner.wish == Wish::Auto && self.checkup.prediction(Method::Stop).dangers.is_empty();
            let (result, because) = match with(method) {
                Err(error @ (CaptureError::NoFork { .. } | CaptureError::Clone { .. })) if may_stop => {
                    (with(Method::Stop), Some(error.to_string()))
                }
                other => (other, because),
            };
            Ok((result.map_err(|error| super::failed(pid, &error))?, because))
        }

        fn running(&self, captured: &Captured, because: Option<String>, attempts: u32) -> Running {
            Running {
                pid: self.pid,
                script: self.script.clone(),
                up: self.checkup.known.up,
                method: captured.method.name(),
                because,
                attempts,
                pause: captured.pause + captured.earlier_pauses,
                took: captured.took,
                bytes: captured.bytes,
                unreadable: captured.unreadable,
                growth: captured.growth,
                threads: captured.threads,
            }
        }
    }

    /// Says whether the process of an image was inside a garbage collection: its heap can be read, but not as surely as at another moment.
    pub(super) fn is_collecting(pid: i32, image: &File) -> bool {
        let stacks = || {
            let mut core = CoreFile::of(image.try_clone().ok()?).ok()?;
            // Where it has ended meanwhile, its program is where the image says.
            core.set_binary(super::binary(pid, &core).or_else(|| core.find_binary())?);
            let anatomy = Anatomy::find(&core).ok()?;
            Some(stacks(&core, &anatomy))
        };
        let is_collecting = stacks().is_some_and(|stacks| Collection::find(&stacks).is_some());
        // Both handles have one place where they read: the next reader begins at the start.
        let mut image = image;
        image.rewind().is_ok() && is_collecting
    }

    /// Says whether a process is one of Node.js: by its program's name, or what is in it, or the library that it uses.
    fn is_node(pid: i32, program: &Path) -> bool {
        let named = program.file_name().is_some_and(|name| super::names_node(&name.to_string_lossy()));
        let describes = || NodeBinary::open(&exe(pid), LoadedAt::Unmoved).is_ok_and(|binary| binary.describes_v8());
        named || describes() || library(pid).is_some()
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod system {
    use super::{Besides, CommandError, File, Held, Manner, Running, Section, Session, codes};

    pub(super) fn captured(pid: i32, _: Manner, _: Besides, _: &Session) -> Result<Held, CommandError> {
        Err(unsupported(pid))
    }

    pub(super) fn capture_packed(pid: i32, _: Manner, _: &File, _: &Session) -> Result<Running, CommandError> {
        Err(unsupported(pid))
    }

    pub(super) fn capture_into(pid: i32, _: Manner, _: &File, _: &Session) -> Result<Running, CommandError> {
        Err(unsupported(pid))
    }

    pub(super) fn capture_once(pid: i32, _: &File, _: &Session) -> Result<Running, CommandError> {
        Err(unsupported(pid))
    }

    pub(super) fn is_collecting(_: i32, _: &File) -> bool {
        false
    }

    pub(super) fn is_program_of_node(_: i32) -> bool {
        false
    }

    pub(super) fn identity(_: i32) -> Option<u64> {
        None
    }

    pub(super) fn resident_bytes(_: i32) -> Option<u64> {
        None
    }

    pub(super) fn examined(pid: i32) -> Result<(Section, Option<String>), CommandError> {
        Err(unsupported(pid))
    }

    pub(super) fn unsupported(pid: i32) -> CommandError {
        CommandError::new(&codes::PROCESS_ID, format!("cannot read process {pid}: running processes are read on Linux on x86-64 only"))
            .hint(format!("start Node.js with --heapsnapshot-signal=SIGUSR2, then: kill -USR2 {pid}"))
    }
}

/// Returns the error for a process that was not captured.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn failed(pid: i32, error: &live::capture::CaptureError) -> CommandError {
    use live::capture::CaptureError as E;
    let what = error.to_string();
    match error {
        E::NoProcess { .. } => CommandError::new(&codes::NO_PROCESS, what)
            .why(format!("{pid} is all digits and no file of that name is here, so it is taken for a process id"))
            .hint("pgrep -a node   lists processes of Node.js"),
        E::Denied { user, own_user, yama, .. } => denied(pid, what, *user, *own_user, *yama),
        E::Traced { tracer, .. } => CommandError::new(&codes::TRACED, what)
            .why("the kernel lets one program at a time do that: a debugger, strace, or another heapwhy")
            .hint(format!("ps -p {tracer}"))
            .retryable(),
        E::Unfit { .. } => CommandError::new(&codes::UNFIT, what),
        E::Gone { .. } | E::CopyEnded { .. } => CommandError::new(&codes::PROCESS_GONE, what),
        E::WouldNotStop { .. } => CommandError::new(&codes::PROCESS_GONE, what)
            .why("it waits for a disk or a network file system; nothing was changed, and all its threads go on")
            .retryable(),
        E::HeldTooLong { .. } => CommandError::new(&codes::HELD_TOO_LONG, what)
            .why("the disk that was written to is slow or hangs, the machine is short of memory or of time, or the process is large")
            .hint("name a faster disk with -o, such as /dev/shm")
            .hint(format!("heapwhy capture {pid} --method fork   (it stands still for a tenth of that or less, and not for a disk)"))
            .hint(format!("heapwhy capture {pid} --method stop --max-pause SECONDS   allows more"))
            .retryable(),
        E::NoFork { .. } | E::Clone { .. } => CommandError::new(&codes::NO_COPY, what)
            .hint(format!("heapwhy capture {pid} --method stop   (reads it while it is stopped: about a second for each gigabyte)")),
        E::Cancelled => crate::open::stopped(),
        E::Write { source } => crate::output::failed(Path::new("the image"), source),
        _ => CommandError::new(&codes::READ_FAILED, what).retryable(),
    }
}

/// Returns the error for a process that may not be looked into, with all that could change that.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn denied(pid: i32, what: String, user: Option<u32>, own_user: u32, yama: Option<u32>) -> CommandError {
    let runs_as = match user {
        Some(user) if user != own_user => format!("it runs as uid {user} and you are uid {own_user}"),
        _ => "it has, or had, rights that you do not have".to_owned(),
    };
    let restricted = match yama {
        Some(level @ 1..) => format!("; kernel.yama.ptrace_scope = {level}"),
        _ => String::new(),
    };
    CommandError::new(&codes::NO_RIGHT, what)
        .why(format!("{runs_as}{restricted}"))
        .hint(format!("sudo heapwhy {pid}"))
        .hint("docker: --cap-add SYS_PTRACE   or on the host, by the pid that it has there")
        .hint("k8s: kubectl debug -it POD --target=CONTAINER --profile=sysadmin --image=IMAGE -- heapwhy 1")
        .hint(format!("no rights at all: node --heapsnapshot-signal=SIGUSR2, then kill -USR2 {pid}   (it stands still meanwhile, and needs several times its heap)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_node_are_taken_for_it() {
        let cases = [
            ("node", true),
            ("nodejs", true),
            ("iojs", true),
            ("node22", true),
            ("node22.1.0", true),
            ("node (deleted)", true),
            ("node_exporter", false),
            ("nodemon", false),
            ("node-22", false),
            ("node-problem-detector", false),
            ("nodejs-exporter", false),
            ("iojs2", false),
            ("mynode", false),
            ("", false),
        ];
        for (name, expect) in cases {
            assert_eq!(names_node(name), expect, "{name:?}");
        }
    }

    #[test]
    fn package_managers_are_told_from_programs() {
        let check = |arguments: &[&str], expect: bool| {
            let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(is_package_manager(&arguments), expect, "{arguments:?}");
        };
        check(&["npm start"], true);
        check(&["npm run start --silent"], true);
        check(&["node", "/usr/bin/npm", "start"], true);
        check(&["/usr/bin/node", "--no-warnings", "/opt/yarn/bin/yarn.js"], true);
        check(&["node", "/usr/lib/node_modules/npm/bin/npx-cli.js", "x"], true);
        check(&["node", "server.js", "npm"], false);
        check(&["node", "/srv/npm/server.js"], false);
        check(&["node"], false);
        check(&[], false);
    }

    #[test]
    fn a_number_is_a_process_unless_a_file_has_it() {
        let cases =
            [("7073", Some(7073)), ("", None), ("0", None), ("7073.heapsnapshot", None), ("99999999999", None), ("-1", None), ("/", None)];
        for (path, expect) in cases {
            assert_eq!(pid(Path::new(path)), expect, "{path}");
        }
    }
}
