//! Running processes: captured while they work, on every line of Node.js, and none the worser for it.
//!
//! The image must hold what the process's own snapshot does. A server under load must answer everything right through many captures. The
//! capture is killed at each of its steps, and so is the process; what is left must be as it was.

mod appearing;
pub(crate) mod attaching;
mod changing;
mod collecting;
mod doctored;
mod dying;
mod filtered;
mod formats;
mod growing;
mod hanging;
mod limited;
mod native;
mod server;
mod shrunk;

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use live::capture::{AtEnd, CaptureError, Captured, Method, Request, capture, nameless};

use crate::cores;
use crate::killed::Killed;
use crate::lanes;
use crate::oracle::Oracle;
use crate::setup;
use crate::stages::{Tally, tell};
use crate::workspace::{NODE_LINES, Profile, Workspace};
pub(crate) use dying::capture_and_die;
use server::Client;
pub(crate) use server::Server;

/// How many captures a server under load goes through on each line; the variable sets another number.
const CAPTURES: u32 = 30;
const CAPTURES_VARIABLE: &str = "XTASK_LIVE_CAPTURES";

/// How long a server may stand still while it is read.
const LONGEST_STOP: Duration = Duration::from_secs(30);

/// Names of checks, with commas between them: only those are made. Not set, all are.
const ONLY_VARIABLE: &str = "XTASK_LIVE_ONLY";

/// A user without rights.
const NOBODY: u32 = 65_534;

/// `cargo xtask test --only live`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    setup::tests(workspace)?;
    let [oldest, .., newest] = NODE_LINES;
    let addon = native::addon(workspace, newest)?;
    let filter = compiled(workspace, "filtered")?;
    let oracle = Oracle::new(workspace)?;
    // Each has a process of its own, and none is asked how long that stood still.
    let apart: [(&str, &Check<'_>); 14] = [
        ("growing", &|line| growing::check(workspace, line)),
        ("under load", &|line| under_load(workspace, line)),
        ("process killed", &|line| dying::targets(workspace, line)),
        ("heapwhy killed", &|line| dying::captures(workspace, line)),
        ("collecting", &|line| collecting::check(workspace, line)),
        ("ledger", &|line| native::adds_up(workspace, line, &addon)),
        ("references of an addon", &|line| native::held(workspace, line, &addon)),
        ("malloc_trim", &|line| native::trimmed(workspace, line, &addon)),
        ("native leaks", &|line| native::leaks(workspace, line, &addon)),
        ("truth", &|line| cores::captured(workspace, line)),
        ("appearing", &|line| appearing::check(workspace, line)),
        ("shrunk", &|line| shrunk::check(workspace, line)),
        ("doctor", &|line| doctored::check(workspace, line)),
        ("formats", &|line| formats::check(workspace, line, &oracle)),
    ];
    // What hangs on the kernel and little on V8 is checked where V8 has no say in what a copy of a process holds (16), and where it has.
    let few: [(&str, &Check<'_>); 4] = [
        ("another program", &|line| changing::becomes(workspace, line, &addon)),
        ("stopped meanwhile", &|line| changing::stops(workspace, line)),
        ("two at once", &|line| changing::twice(workspace, line)),
        ("filtered", &|line| filtered::check(workspace, line, &filter)),
    ];
    let jobs = apart.into_iter().flat_map(|(name, check)| NODE_LINES.map(|line| (name, line, check)));
    let jobs = jobs.chain(few.into_iter().flat_map(|(name, check)| [oldest, newest].map(|line| (name, line, check))));
    let mut tally = lanes::check_all(jobs.filter(|(name, ..)| is_wanted(name)), |(name, line, check)| [tell(name, line, &check(line))]);
    // These have the machine for themselves, and do not hang on V8.
    let alone: [(&str, &Check<'_>); 5] = [
        ("registers", &|_| registers(workspace)),
        ("disk that hangs", &|line| hanging::check(workspace, line)),
        ("limits", &|line| limited::check(workspace, line)),
        ("another user", &|line| another_user(workspace, line)),
        ("no process more", &|line| no_process_more(workspace, line)),
    ];
    for (name, check) in alone.into_iter().filter(|(name, ..)| is_wanted(name)) {
        tally.add(tell(name, newest, &check(newest)));
    }
    Ok(tally)
}

fn is_wanted(name: &str) -> bool {
    std::env::var(ONLY_VARIABLE).map_or(true, |names| names.split(',').any(|one| one == name))
}

/// A check of one line of Node.js.
type Check<'a> = dyn Fn(u32) -> Result<String> + Sync + 'a;

/// Compiles a program of `tests/live`.
fn compiled(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let (source, program) = (workspace.root.join("tests/live").join(name).with_extension("c"), workspace.scratch.join(name));
    crate::workspace::run(Command::new("cc").args(["-O1", "-Wall", "-o"]).arg(&program).arg(source))?;
    Ok(program)
}

/// Captures a process into a file without a name.
pub(crate) fn captured(pid: u32, method: Method, hook: Option<&dyn Fn(&'static str)>) -> Result<Captured> {
    let out = nameless(1 << 30)?;
    Ok(captured_into(&out, pid, method, hook)?)
}

/// Captures a process into a file.
pub(crate) fn captured_into(out: &File, pid: u32, method: Method, hook: Option<&dyn Fn(&'static str)>) -> Result<Captured, CaptureError> {
    let pid = i32::try_from(pid).unwrap_or(0);
    let cancel = AtomicBool::new(false);
    let request = Request { pid, method, longest_stop: LONGEST_STOP, progress: &|_, _| {}, hook, cancel: &cancel, at_end: AtEnd::End };
    capture(&request, out)
}

/// A server answers everything right while it is captured again and again, and is as it was afterwards.
fn under_load(workspace: &Workspace, line: u32) -> Result<String> {
    let count = std::env::var(CAPTURES_VARIABLE).ok().map_or(Ok(CAPTURES), |text| text.parse())?;
    let server = Server::start(workspace, line)?;
    let client = Client::start(workspace, line, &server)?;
    std::thread::sleep(Duration::from_millis(500));
    let mut pauses = Vec::new();
    for nth in 0..count {
        let method = if nth % 10 == 9 { Method::Stop } else { Method::Fork };
        let taken = captured(server.pid(), method, None).with_context(|| format!("capture {nth}"))?;
        ensure!(taken.bytes > 10 << 20, "only {} bytes were read", taken.bytes);
        if method == Method::Fork {
            pauses.push(taken.pause);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = client.end()?;
    let number = |name: &str| told[name].as_u64().unwrap_or(0);
    ensure!(number("wrong") == 0, "{} wrong answers: {}", number("wrong"), told["first"]);
    ensure!(number("good") > u64::from(count), "only {} answers", number("good"));
    strays(&told["state"])?;
    server.is_as_before()?;
    pauses.sort();
    let median = pauses.get(pauses.len() / 2).copied().unwrap_or_default();
    Ok(format!("{count} captures, {} right answers, median pause {:.1} ms", number("good"), median.as_secs_f64() * 1000.0))
}

/// A process gets no signal but those that it sent itself, and those of its own children.
fn strays(state: &serde_json::Value) -> Result<()> {
    let number = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
    for (name, count) in state["signals"].as_object().context("the server does not tell its signals")? {
        let most = match name.as_str() {
            "SIGCHLD" => number(&state["spawned"]),
            "SIGUSR2" => number(&state["sent"]),
            _ => 0,
        };
        ensure!(number(count) <= most, "{count} of {name}, {most} at most were sent");
    }
    Ok(())
}

/// The only thread of a program, which is the one that is borrowed, has what it had in all registers of floating point and below its stack.
fn registers(workspace: &Workspace) -> Result<String> {
    let mut command = Command::new(compiled(workspace, "registers")?);
    let mut child = Killed(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the program")?);
    let mut output = BufReader::new(child.0.stdout.take().context("no output")?);
    let mut text = String::new();
    output.read_line(&mut text)?;
    ensure!(text == "ready\n", "it says {text:?}");
    for nth in 0..CAPTURES {
        captured(child.0.id(), Method::Fork, None).with_context(|| format!("capture {nth}"))?;
    }
    drop(child.0.stdin.take());
    text.clear();
    output.read_line(&mut text)?;
    let status = child.0.wait()?;
    ensure!(status.success(), "{status}: {text}");
    Ok(format!("{CAPTURES} captures in {}", text.trim()))
}

/// As another user, heapwhy is told no, and says why.
fn another_user(workspace: &Workspace, line: u32) -> Result<String> {
    let server = Server::start(workspace, line)?;
    let mut command;
    if is_root()? {
        // Where anybody may run it.
        let folder = std::env::temp_dir().join(format!("heapwhy-live-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(workspace.heapwhy(Profile::Debug)?, folder.join("heapwhy"))?;
        command = Command::new(folder.join("heapwhy"));
        command.arg(server.pid().to_string()).uid(NOBODY).gid(NOBODY).current_dir("/");
    } else {
        command = Command::new(workspace.heapwhy(Profile::Debug)?);
        command.arg("1");
    }
    let output = command.stdin(Stdio::null()).output()?;
    if let Some(folder) = Path::new(command.get_program()).parent().filter(|folder| folder.starts_with(std::env::temp_dir())) {
        std::fs::remove_dir_all(folder)?;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(4) && said.contains("HW1402") && said.contains("sudo heapwhy"), "{}: {said}", output.status);
    server.is_as_before()?;
    Ok("exit 4, and what to do".to_owned())
}

/// A process that may have no other is told so by the kernel, and goes on.
fn no_process_more(workspace: &Workspace, line: u32) -> Result<String> {
    if !is_root()? {
        return Ok("not as another user than root".to_owned());
    }
    let server = Server::start_as_nobody(workspace, line)?;
    // Its own user may lower the limit that counts, and raise it again.
    let limit = |processes: &str| {
        let mut limit = Command::new("prlimit");
        limit.args(["--pid", &server.pid().to_string(), &format!("--nproc={processes}:")]).uid(NOBODY).gid(NOBODY).current_dir("/");
        crate::workspace::run(&mut limit)
    };
    let before = most_processes(server.pid())?;
    limit("1")?;
    let error = captured(server.pid(), Method::Fork, None).err().context("it was cloned all the same")?;
    limit(&before)?;
    ensure!(format!("{error:#}").contains("refused"), "{error:#}");
    server.is_as_before()?;
    let stopped = captured(server.pid(), Method::Stop, None)?;
    server.is_as_before()?;
    Ok(format!("{error:#}; read while it was stopped, {} bytes", stopped.bytes))
}

/// Returns how many processes the user of a process may have, as the limit says that counts.
fn most_processes(pid: u32) -> Result<String> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max processes")).context("no limit of processes")?;
    Ok(line.split_ascii_whitespace().next().context("no number of processes")?.to_owned())
}

fn is_root() -> Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    Ok(status.lines().any(|line| line.split_ascii_whitespace().take(3).eq(["Uid:", "0", "0"])))
}

/// Waits, a limited time.
fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(30);
    let started = Instant::now();
    while !done()? {
        ensure!(started.elapsed() < LIMIT, "{what}: not after {} s", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
