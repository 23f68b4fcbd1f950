//! How a core comes about: the program is started, comes to the moment that is wanted, and is dumped there.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Subject, spaces};
use crate::workspace::{Workspace, run};

/// How a core comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// `gcore` of the process while it waits.
    Gcore,
    /// `heapwhy capture` of the process while it waits.
    Capture,
    /// `process.abort()`, and the kernel writes it.
    Abort,
    /// The same, every function compiled by Sparkplug as soon as it runs.
    Sparkplug,
    /// The same, called by functions that were compiled into each other by Turbofan.
    Inlined,
    /// The same by Maglev, where there is one.
    Maglev,
    /// An exception that nobody catches.
    Throw,
    /// Killed from outside in a loop that allocates nothing.
    Spin,
    /// Killed from outside while it makes garbage.
    Churn,
    /// Killed from outside, again and again until that was inside a collection of the young generation.
    Minor,
    /// Killed from outside, again and again until that was inside a full collection.
    Major,
}

/// All that dump a process, rather than capture it.
pub(super) const ALL: [How; 10] =
    [How::Gcore, How::Abort, How::Sparkplug, How::Inlined, How::Maglev, How::Throw, How::Spin, How::Churn, How::Minor, How::Major];

impl How {
    /// What the program is told to do after its snapshot.
    fn mode(self) -> &'static str {
        match self {
            Self::Gcore | Self::Capture => "",
            Self::Abort | Self::Sparkplug => "abort",
            Self::Inlined | Self::Maglev => "inlined",
            Self::Throw => "throw",
            Self::Spin => "spin",
            Self::Churn => "churn",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }

    /// What V8 is told besides.
    pub(super) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Sparkplug => &["--always-sparkplug"],
            Self::Maglev => &["--maglev", "--no-turbofan"],
            _ => &[],
        }
    }

    /// Says whether the program drops objects and aborts.
    pub(super) fn is_abort(self) -> bool {
        self.mode() == "abort"
    }

    /// Says whether it must be killed.
    pub(super) fn is_killed(self) -> bool {
        matches!(self, Self::Spin | Self::Churn | Self::Minor | Self::Major)
    }

    /// Says whether the process goes on.
    pub(super) fn goes_on(self) -> bool {
        matches!(self, Self::Gcore | Self::Capture)
    }

    /// Says whether it makes garbage all the time.
    pub(super) fn is_busy(self) -> bool {
        matches!(self, Self::Churn | Self::Minor | Self::Major)
    }
}

/// Longer than this no program takes.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a program is in its loop before it is killed.
const A_WHILE: Duration = Duration::from_millis(300);

/// Makes a core in a folder that is empty.
pub(super) fn dump(workspace: &Workspace, subject: &Subject, folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new("sh");
    // The shell lifts the limit on core files for the program alone.
    command.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]).arg(&subject.node);
    command.args(["--expose-gc", "--abort-on-uncaught-exception"]);
    command.args(subject.how.flags());
    command.arg(workspace.root.join("tests/cores/known-heap.js")).args([folder, Path::new("1000")]).current_dir(folder);
    command.env("WORKERS", "0").env("MODE", subject.how.mode());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start the program")?;
    let made = match subject.how {
        How::Gcore => gcore(&child, folder).and_then(|core| told_again(&child, folder).map(|()| core)),
        How::Capture => capture(&child, folder).and_then(|core| told_again(&child, folder).map(|()| core)),
        how if how.is_killed() => killed(&mut child, folder),
        _ => kernel(&mut child, folder),
    };
    let _ = child.kill();
    child.wait()?;
    made
}

/// Waits until a process has said that it is ready and waits for events: it says so a moment before.
fn wait_for(child: &Child, folder: &Path) -> Result<()> {
    /// `epoll_wait` and `epoll_pwait`.
    const WAITING: [&str; 2] = ["232 ", "281 "];
    let waits = || {
        fs::read_to_string(format!("/proc/{}/syscall", child.id())).is_ok_and(|call| WAITING.iter().any(|number| call.starts_with(number)))
    };
    wait(|| folder.join("ready").exists() && waits())
}

/// Dumps a process that says that it is ready.
pub(super) fn gcore(child: &Child, folder: &Path) -> Result<PathBuf> {
    wait_for(child, folder)?;
    let pid = child.id().to_string();
    run(Command::new("gcore").arg("-o").arg(folder.join("core")).arg(&pid).stdout(Stdio::null()).stderr(Stdio::null()))?;
    Ok(folder.join(format!("core.{pid}")))
}

/// Lets a process that was dumped say once more how large its spaces are.
fn told_again(child: &Child, folder: &Path) -> Result<()> {
    run(Command::new("kill").args(["-USR2", &child.id().to_string()]))?;
    let [_, after] = spaces::TOLD;
    wait(|| folder.join(after).exists())
}

/// Captures a process that says that it is ready.
pub(super) fn capture(child: &Child, folder: &Path) -> Result<PathBuf> {
    wait_for(child, folder)?;
    let path = folder.join(format!("core.{}", child.id()));
    let out = fs::File::options().read(true).write(true).create_new(true).open(&path)?;
    crate::live::captured_into(&out, child.id(), live::capture::Method::Fork, None)?;
    Ok(path)
}

fn killed(child: &mut Child, folder: &Path) -> Result<PathBuf> {
    wait(|| folder.join("ready").exists())?;
    std::thread::sleep(A_WHILE);
    run(Command::new("kill").args(["-ABRT", &child.id().to_string()]))?;
    kernel(child, folder)
}

/// Waits for the end of a process that aborts, a limited time, and returns the core that the kernel wrote into its folder.
pub(crate) fn kernel(child: &mut Child, folder: &Path) -> Result<PathBuf> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if pattern.starts_with('|') || pattern.starts_with('/') {
        bail!("this machine sends cores elsewhere (core_pattern {}): sysctl -w kernel.core_pattern=core", pattern.trim());
    }
    wait(|| child.try_wait().is_ok_and(|status| status.is_some()))?;
    let is_core = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"));
    fs::read_dir(folder)?.flatten().map(|entry| entry.path()).find(is_core).context("the kernel wrote no core")
}

/// Waits, a limited time.
pub(super) fn wait(mut done: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !done() {
        ensure!(started.elapsed() < LIMIT, "the program was not ready after {} s", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
